"""Pages of a board: which are written, the page of a model, published figures, numbers."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from benchmark.leaderboard.board import read_board
from benchmark.leaderboard.cells import mean_r2
from benchmark.leaderboard.pages.write import write_pages
from benchmark.leaderboard.published_results import PUBLISHED_RESULTS
from benchmark.rendering.text import (
    chance,
    count,
    escape,
    interval,
    listed,
    plus_minus,
    seconds,
    significant,
    size,
    table,
)
from benchmark.results.store import Store
from benchmark.results.submission import strays
from benchmark.tasks.folds import kfolds
from datasets.errors import InputError
from datasets.registry import registered as datasets
from models.registry import registered as models
from tests.benchmark.constructed import make, write_run
from tests.benchmark.leaderboard.markdown import pages_of


def test_pages_are_written_and_nothing_else(store):
    pages = write_pages(read_board(store), store.root)
    of_task = ["tasks/set/target.md", "tasks/set/target.svg"]
    expected = ["README.md", *of_task, "models/cgcnn.md", "models/dummy.md", "models/schnet.md"]
    assert [page.relative_to(store.root).as_posix() for page in pages] == expected
    assert all(page.is_file() for page in pages)
    assert not list(store.root.rglob("*.partial"))


def test_every_link_leads_to_a_page(store):
    write_run(store, "cgcnn", 0.3, task="deep/set/target")
    pages = pages_of(store)
    for name, text in pages.items():
        for target in re.findall(r"\]\(([^)]+)\)", text):
            if target != "index.html":
                assert ((store.root / name).parent / target).resolve().is_file(), (name, target)


def test_a_person_s_own_readme_is_not_replaced(store):
    (store.root / "README.md").write_text("my notes")
    with pytest.raises(InputError, match="is not a leaderboard"):
        write_pages(read_board(store), store.root)
    assert (store.root / "README.md").read_text() == "my notes"


def test_the_pages_do_not_stand_in_the_way_of_a_submission(store):
    write_pages(read_board(store), store.root)
    assert strays(store.root) == []


def test_an_empty_board_says_so(tmp_path):
    assert "There is no record yet." in pages_of(Store(tmp_path))["README.md"]


def test_a_board_is_rendered_without_torch():
    modules = "benchmark.leaderboard.pages.write, benchmark.results.publish"
    code = f"import sys, {modules}; sys.exit('torch' in sys.modules or 'dgl' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_model_has_its_tasks_settings_and_source(store):
    nine = {"settings": {"epochs": 9}}
    write_run(store, "cgcnn", 0.2, key=nine, changed={"epochs": 9})
    page = pages_of(store)["models/cgcnn.md"]
    rows = [line for line in page.splitlines() if "[set/target]" in line]
    assert len(rows) == 2
    assert "cgcnn (epochs=9)" in rows[0] + rows[1]
    assert "of 4" in rows[0]
    settings = [line.split("|") for line in page.split("## Settings")[1].splitlines() if line.startswith("| epochs")]
    assert sorted(cell.strip() for cell in settings[0][2:4]) == ["3", "9"]
    assert "a paper" in page and "f" * 64 in page


def test_a_model_from_elsewhere_shows_its_card(store):
    write_run(store, "theirs", 0.4)
    folder = store.root / "models"
    folder.mkdir(parents=True)
    card = dict(name="theirs", licence="MIT", citation="@article{x,\n```\n title={`T`}}", source="https://example.org/x")
    (folder / "theirs.json").write_text(json.dumps(card))
    page = pages_of(store)["models/theirs.md"]
    assert "Source: https://example.org/x; licence: MIT." in page
    assert "\n````\n@article{x,\n```\n title={`T`}}\n````\n" in page
    (folder / "theirs.json").write_text("{}")
    with pytest.raises(InputError, match=r"theirs\.json"):
        write_pages(read_board(store), store.root)
    errors = []
    write_pages(read_board(store), store.root, errors.append)
    assert len(errors) == 1


def test_text_of_records_is_escaped_on_every_page(store):
    evil = "<script>|`x`[a](javascript:b) _i_ ~~s~~ $x$ <img onerror=alert(1)>"
    write_run(store, "evil", 0.4, graph_rule=evil, paper=evil, versions={evil: evil}, git_commit=evil,
              machine=make()[0].machine.model_copy(update={"processor": evil, "system": evil}),
              key={"unit": evil})  # fmt: skip
    for name, text in pages_of(store).items():
        assert "<script>" not in text, name
        assert "(javascript" not in text.replace("&#93;(javascript", ""), name
        assert not any(sign in text for sign in ("<img", "_i_", "~", "$")), name


def test_published_results_are_of_tasks_and_models_that_are_here():
    known = datasets()
    for figure in PUBLISHED_RESULTS:
        dataset, _, target = figure.task.rpartition("/")
        assert target in known[dataset].card.targets, figure
        assert figure.model in models(), figure
        assert figure.mae > 0 and figure.source and figure.differs_here
    assert len({(f.task, f.model, f.source) for f in PUBLISHED_RESULTS}) == len(PUBLISHED_RESULTS)


def test_published_results_by_hand():
    found = {(f.task, f.model, f.source.split(" ")[0]): f for f in PUBLISHED_RESULTS}
    thesis = found["cgcnn/formation_energy_per_atom", "cgcnn", "E."]
    assert (thesis.mae, thesis.std, thesis.training_s, thesis.epochs) == (0.083, 0.007, 17_865, 30)
    omee = found["fung/pt/total_energy", "cgcnn-mdl", "Omee"]
    assert (omee.mae, omee.epochs) == (0.3024, 500)
    assert "all 19,801 clusters, here 1,000" in omee.differs


def test_numbers_are_readable():
    assert plus_minus(0.05678, 0.00123) == "0.05678 ± 0.00123"
    assert plus_minus(12.346, None) == "12.35"
    assert plus_minus(0.00001234, None) == "0.00001234"
    assert plus_minus(0.0, 0.0) == "0.0000 ± 0.0000"
    assert seconds(0.01234) == "0.0123 s"
    assert seconds(0.00002) == "< 0.001 s"
    assert seconds(17865) == "17,865 s"
    assert [significant(value) for value in (0.4567, 1.0, 123.4, 123456.0)] == ["0.457", "1.00", "123", "123,456"]
    assert interval(-0.01234, 0.1) == "-0.012 … 0.100"
    assert [chance(p) for p in (0.0, 0.00099, 0.0123, 0.0999, 1)] == ["< 0.001", "< 0.001", "0.012", "0.10", "1.00"]
    assert [size(n) for n in (None, 0, 999, 81548, 2_860_000, 10**12)] == ["", "0 B", "999 B", "81.5 kB", "2.86 MB", "1e+03 GB"]
    assert (count(1, "fold"), count(1200, "fold")) == ("1 fold", "1,200 folds")
    assert listed(["a"]) == "a"
    assert listed(["a", "b", "c"]) == "a, b and c"
    assert listed(list("abcdef"), most=3) == "a, b and 4 more"
    assert escape("<script>|\n") == "&lt;script&gt;&#124; "
    assert table(["a", "b"], [["x", "1"]]).splitlines()[1] == "|:----|----:|"


def test_the_folds_of_a_protocol():
    assert [kfolds(name) for name in ("kfold(5)", "kfold(10, grouped)")] == [5, 10]
    assert [kfolds(name) for name in ("shuffle(80:10:10)", "published split")] == [None, None]


@pytest.mark.parametrize(
    ("r2", "text"), [(None, ""), ((0.98765, 0.1), "0.988"), ((-3.25, 1.0), "-3.250"), ((-2.89e22, 1.0), "-2.89e+22")]
)
def test_a_vast_r2_has_three_digits(r2, text):
    row: Any = SimpleNamespace(over_folds=lambda metric: r2)
    assert mean_r2(row) == text
