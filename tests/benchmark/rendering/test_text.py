from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

import benchmark.leaderboard.web
from benchmark.rendering.commands import code, command
from benchmark.rendering.text import (
    MINIATURES,
    TRIALS,
    csv_cell,
    escape,
    fenced,
    interval,
    marks_note,
    model_name,
    percent,
    plain_name,
    plus_minus,
    significant,
)
from models.registry import registered
from tests.benchmark.conftest import ROOT


def test_a_miniature_is_named_as_one_and_the_note_tells_its_true_size():
    assert model_name("cgcnn", "mini") == "cgcnn (mini)"
    assert model_name("cgcnn", "standard") == "cgcnn"
    assert plain_name(model_name("cgcnn", "mini")) == "cgcnn"
    assert marks_note(["standard", "mini"]) == MINIATURES
    assert marks_note(["standard"]) == ""
    networks = [spec for spec in registered().values() if "n_layers" in spec.profiles["mini"].as_dict()]
    assert len(networks) > 10
    for spec in networks:
        mini, paper = (spec.settings(profile) for profile in ("mini", "paper"))
        assert 3 * spec.model(mini).n_parameters <= spec.model(paper).n_parameters, spec.name
        assert f"{mini.epochs} epochs" in MINIATURES, spec.name


def test_a_trial_is_named_as_one_and_the_note_tells_how_short_it_is():
    assert model_name("cgcnn", "smoke") == "cgcnn (smoke)" and plain_name("cgcnn (smoke) (width=4)") == "cgcnn (width=4)"
    assert marks_note(["smoke"]) == TRIALS and marks_note(["smoke", "mini", "smoke"]) == f"{MINIATURES} {TRIALS}"
    networks = [
        spec.profiles["smoke"].as_dict() for spec in registered().values() if "epochs" in spec.profiles["smoke"].as_dict()
    ]
    assert {settings["epochs"] for settings in networks} == {int(number) for number in re.findall(r"(\d+) epochs", TRIALS)}


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


# -- text of strangers --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("formation_energy_per_atom", "formation_energy_per_atom"),
        ("_all_ __of it__", "&#95;all&#95; &#95;&#95;of it&#95;&#95;"),
        ("<img src=x onerror=alert(1)>", "&lt;img src=x onerror=alert(1)&gt;"),
        ("~~gone~~ $x^2$", "&#126;&#126;gone&#126;&#126; &#36;x^2&#36;"),
        ("a|b\nc\\|", "a&#124;b c&#92;&#124;"),
        ("\x1b[31mred\u202e\x07", "\ufffd&#91;31mred\ufffd\ufffd"),
        ("[a](javascript:b) `c` *d*", "&#91;a&#93;(javascript:b) &#96;c&#96; &#42;d&#42;"),
    ],
)
def test_no_sign_of_a_text_means_anything_to_markdown(text, shown):
    assert escape(text) == shown


def test_a_citation_cannot_end_its_block():
    text = "@article{a,\n```\n<script>````\x1b}"
    shown = fenced(text, "bibtex")
    assert shown.splitlines()[0] == "`````bibtex" and shown.splitlines()[-1] == "`````"
    assert "\x1b" not in shown


def test_code_is_code_whatever_backticks_it_holds():
    assert code("a b") == "`a b`"
    assert code("a`b") == "`` a`b ``"
    assert code(command("run", "--task", "x`; touch PWN")) == "`` python -m benchmark run --task 'x`; touch PWN' ``"


def test_a_text_in_a_csv_is_no_formula_and_a_number_stays_one():
    assert [csv_cell(text) for text in ("=1+1", "+1", "-x", "@SUM(A1)", "\t=1", "a-b", "")] == [
        "'=1+1", "'+1", "'-x", "'@SUM(A1)", "'\t=1", "a-b", "",
    ]  # fmt: skip
    assert [csv_cell(value) for value in (-1.5, 3, None, True)] == [-1.5, 3, None, True]


def test_every_percentage_is_written_by_one_function():
    assert (percent(0.05), percent(0.1234, 1), percent(0.2, signed=True), percent(None)) == ("5 %", "12.3 %", "+20 %", "")
    for path in (ROOT / "benchmark").rglob("*.py"):
        for line in path.read_text().splitlines():
            # A hover of plotly has a format of its own.
            assert "hovertemplate" in line or not re.search(r":[+]?\.\d%\}", line), f"{path}: {line}"
