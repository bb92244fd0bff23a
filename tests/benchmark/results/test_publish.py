from __future__ import annotations

import json
import shutil

import pandas as pd
import pytest

from benchmark.cli.shared.site import of_papers
from benchmark.leaderboard.board import read_board
from benchmark.leaderboard.pages.write import write_pages
from benchmark.leaderboard.web.board_data import board_data
from benchmark.leaderboard.web.write import SCRIPTS, SITE, write_site
from benchmark.results import compositions
from benchmark.results.packed import predictions_bytes
from benchmark.results.scores import scored_tasks
from benchmark.results.store import Store
from tests.benchmark.conftest import ROOT, every_run

BOARD = ROOT / "leaderboards"


@pytest.fixture(scope="module")
def board():
    return read_board(Store(BOARD))


@pytest.fixture(scope="module")
def runs(board):
    return [row.run for group in board.comparison_groups for row in group.rows]


def test_every_published_record_is_valid_and_agrees_with_its_predictions(runs):
    assert len(runs) >= 16


def test_every_published_record_has_all_its_costs(runs):
    for record in (record for run in runs for record in run.complete):
        assert record.times.training.wall_s > 0
        assert record.memory.host_bytes > 0
        assert record.checkpoint_bytes > 0
        assert record.versions["torch"]
        assert record.git_commit
        assert not record.git_commit.endswith("+changes")


def test_the_published_pages_are_those_of_the_records(board, tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    pages = write_pages(board, tmp_path, more=of_papers(board))
    for page in pages:
        committed = BOARD / page.relative_to(tmp_path)
        assert committed.read_text() == page.read_text(), f"{committed} is old; run `python -m benchmark leaderboard`"
    kept = [page for folder in ("tasks", "models") for page in (BOARD / folder).rglob("*") if page.is_file()]
    assert len(kept) == len(pages) - 1


def test_the_web_page_is_made_whole_from_the_published_records(board, tmp_path):
    write_site(Store(BOARD), tmp_path)
    text = (tmp_path / "index.html").read_text()
    shown = json.loads(text.partition('<script type="application/json" id="data">')[2].partition("</script>")[0])
    assert (tmp_path / shown.pop("plotly")).is_file()
    assert shown.pop("own") is None, "no row of the published board is the reader's own"
    assert shown == json.loads(json.dumps(board_data(board)))
    for name in ("board.css", *SCRIPTS):
        assert (tmp_path / "assets" / name).read_bytes() == (SITE / name).read_bytes()
    named = {f"{group['id']}/{row['file']}" for group in shown["comparison_groups"] for row in group["rows"] if row["file"]}
    kept = {f"{path.parent.name}/{path.stem}" for path in (tmp_path / "details").glob("*/*.js")}
    assert kept == named | {f"{name.split('/')[0]}/group" for name in named}


def test_a_flipped_prediction_is_noticed(runs, tmp_path):
    record = runs[0].first
    published, copy = Store(BOARD).run_path(record.key), Store(tmp_path)
    path = copy.run_path(record.key)
    shutil.copytree(published.parent, path.parent)
    frame = pd.read_parquet(path.with_suffix(".parquet"))
    path.with_suffix(".parquet").write_bytes(predictions_bytes(frame.assign(prediction=-frame["prediction"])))
    errors = []
    every_run(copy, errors.append)
    assert "not the predictions that its record names" in str(errors[0])


def test_the_elements_of_every_published_test_crystal_are_kept():
    for _, task in scored_tasks(Store(BOARD)):
        for dataset_hash in {scored.run.first.key.dataset_hash for scored in task}:
            frame = compositions.read(BOARD, dataset_hash)
            assert frame is not None, f"run `python -m benchmark publish --from leaderboards` for {dataset_hash}"
            known = set(frame["id"])
            results = [r for scored in task for r in scored.results if r.record.key.dataset_hash == dataset_hash]
            assert all(known.issuperset(result.ids) for result in results)
