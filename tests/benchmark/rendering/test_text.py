from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

import benchmark.leaderboard.web
from benchmark.rendering.text import MINIATURES, interval, mini_note, model_name, plus_minus, significant
from models.registry import get


def test_a_miniature_is_named_as_one_and_the_note_tells_its_true_size():
    assert model_name("cgcnn", "mini") == "cgcnn (mini)"
    assert model_name("cgcnn", "standard") == "cgcnn"
    assert mini_note(["standard", "mini"]) == MINIATURES
    assert mini_note(["standard"]) == ""
    spec = get("deeper-gatgnn")
    mini, paper = (spec.settings(profile) for profile in ("mini", "paper"))
    said = [int(number.replace(",", "")) for number in re.findall(r"\d[\d,]*", MINIATURES)]
    assert said == [mini.n_layers, spec.model(mini).n_parameters, paper.n_layers, spec.model(paper).n_parameters]


UNITS = {
    (0.05678, 0.00123): "0.05678 ± 0.00123",
    (0.00001234, None): "0.00001234",
    (-4.82345e-20, 1.234e-21): "-4.823e-20 ± 1.2e-21",
    (3.21e-7, 0.0): "3.210e-7 ± 0.0e+0",
    (999_999.0, 12.0): "999999 ± 12",
    (0.0, 0.0): "0.0000 ± 0.0000",
}


@pytest.mark.parametrize(("pair", "text"), UNITS.items())
def test_scores_of_any_unit_have_four_digits(pair, text):
    assert re.sub(r"e([+-])0(\d)", r"e\1\2", plus_minus(*pair)) == text


@pytest.mark.skipif(not shutil.which("node"), reason="needs Node.js")
def test_the_web_page_writes_them_as_the_markdown_pages_do():
    script = (Path(benchmark.leaderboard.web.__file__).parent / "site" / "numbers.js").read_text()
    call = f"console.log(JSON.stringify({json.dumps(list(UNITS))}.map(board.numbers.spread)))"
    ended = subprocess.run(["node", "-e", f"{script}\n{call}"], capture_output=True, text=True, check=True)
    assert json.loads(ended.stdout) == list(UNITS.values())


def test_large_scores_have_all_their_digits_where_these_can_be_read():
    assert plus_minus(4_331_029.0, 1_105_266.0) == "4331029 ± 1105266"
    assert plus_minus(1.6e19, 4.5e17) == "1.600e+19 ± 4.5e+17"


def test_differences_of_any_unit_are_readable():
    assert [significant(value) for value in (4.8123e-20, 3.2e6, 1.6e19)] == ["4.81e-20", "3,200,000", "1.60e+19"]
    assert interval(-1.234e-20, 1e-19) == "-1.23e-20 … 1.00e-19"
    assert interval(0.0, 0.0) == "0.000 … 0.000"
