from __future__ import annotations

import subprocess
import sys

import pytest

from benchmark.render.markdown import contests, escape, index_page, plus_minus, seconds, task_page, write_pages
from benchmark.scores import scored_runs
from benchmark.store import Store
from datasets.errors import InputError
from tests.benchmark.test_store import failed, make


@pytest.fixture
def store(tmp_path) -> Store:
    store = Store(tmp_path / "runs")
    for fold, shift in enumerate((0.1, 0.3)):
        store.write(*make(fold, shift=shift))
        store.write(*make(fold, model="dummy", shift=2.0))
    return store


def test_the_page_shows_mean_and_spread_over_folds_best_model_first(store):
    page = task_page("set/target", scored_runs(store))
    rows = [line for line in page.splitlines() if line.startswith(("| cgcnn", "| dummy"))]
    assert rows[0].startswith("| cgcnn")
    # 0.1 and 0.3: mean 0.2, sample standard deviation 0.1 · √2
    assert "0.2000 ± 0.1414" in rows[0]
    # one second for four test crystals
    assert "250 s" in rows[0]


def test_the_index_has_a_row_a_task_and_a_column_a_model(store):
    page = index_page(scored_runs(store))
    assert "| cgcnn" in page
    assert "[set/target](tasks/set/target.md)" in page
    assert "2.000 ± 0.000" in page


def test_failures_are_rows_with_their_reason(store):
    store.write(failed(2, reason="loss is <nan> | sorry"), None)
    store.write(failed(0, key=make(0, model="mpnn")[0].key), None)
    page = task_page("set/target", scored_runs(store))
    assert "2 of 5" in page
    assert "- cgcnn, fold 2: failed: loss is &lt;nan&gt; &#124; sorry" in page
    assert any(line.startswith("| mpnn") and "failed" in line for line in page.splitlines())


def test_runs_of_different_profiles_are_never_in_one_table(store):
    record, predictions = make()
    store.write(make(key=record.key.model_copy(update={"profile": "paper"}))[0], predictions)
    assert len(contests(scored_runs(store))) == 2


def test_two_settings_of_one_model_are_told_apart(store):
    record, predictions = make()
    key = record.key.model_copy(update={"settings": {"epochs": 9}})
    store.write(make(key=key, changed={"epochs": 9})[0], predictions)
    page = task_page("set/target", scored_runs(store))
    assert "| cgcnn  " in page
    assert "| cgcnn (epochs=9) " in page
    # The index shows the profile's own settings, not the best of several.
    assert "0.2000 ± 0.1414" in index_page(scored_runs(store))


def test_two_sources_of_one_model_are_told_apart(store):
    store.write(*make(1, shift=0.3, model_fingerprint="e" * 64))
    page = task_page("set/target", scored_runs(store))
    assert "cgcnn (source eeeeeeee)" in page
    assert "1 of 5" in page


def test_the_page_says_how_to_run_it_again(store):
    page = task_page("set/target", scored_runs(store))
    assert "python -m benchmark run --dataset path/to/set --profile quick --protocol kfold --folds 5 --seed 0" in page


def test_numbers_are_readable():
    assert plus_minus(0.05678, 0.00123) == "0.05678 ± 0.00123"
    assert plus_minus(12.346, None) == "12.35"
    assert plus_minus(0.00001234, None) == "0.00001234"
    assert plus_minus(0.0, 0.0) == "0.0000 ± 0.0000"
    assert seconds(0.01234) == "0.0123 s"
    assert seconds(0.00002) == "< 0.001 s"
    assert seconds(17865) == "17,865 s"
    assert escape("<script>|\n") == "&lt;script&gt;&#124; "


def test_pages_are_written_and_nothing_else(store):
    pages = write_pages(scored_runs(store), store.root)
    assert [str(p.relative_to(store.root)) for p in pages] == ["README.md", "tasks/set/target.md"]
    assert all(page.is_file() for page in pages)
    assert not list(store.root.rglob("*.partial"))


def test_a_person_s_own_readme_is_not_replaced(store):
    (store.root / "README.md").write_text("my notes")
    with pytest.raises(InputError, match="is not a leaderboard"):
        write_pages(scored_runs(store), store.root)
    assert (store.root / "README.md").read_text() == "my notes"


def test_a_board_is_rendered_without_torch():
    code = "import sys, benchmark.render.markdown, benchmark.publish; sys.exit('torch' in sys.modules or 'dgl' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
