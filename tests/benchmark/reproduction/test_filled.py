"""How much of the papers has been run, as the index of the published board says it."""

from __future__ import annotations

from benchmark.leaderboard.board import read_board
from benchmark.reproduction.filled import filled_so_far
from benchmark.reproduction.tables import TABLES
from benchmark.results.store import Store
from tests.benchmark.constructed import write_fold, write_run


def test_cells_and_models_at_published_size_are_counted(tmp_path):
    store = Store(tmp_path)
    cell = next(cell for cell in TABLES["thesis-6"].cells if not cell.changes)
    write_fold(store, cell.model, 0, [0.1] * 4, task=cell.task, key={"profile": cell.named, "protocol": cell.protocol_text})
    for model in ("cgcnn", "dummy"):
        write_run(store, model, 1.0, task="fung/2d/work_function")
    write_run(store, "cgcnn", 1.0, task="cgcnn/band_gap")
    write_run(store, "mpnn", 1.0, task="cgcnn/band_gap", key={"profile": "mini"})
    write_run(store, "cgcnn", 1.0, task="emt/alloys/log10_bulk_modulus")
    tables, sizes, *_ = filled_so_far(read_board(store), [store], "../pages")
    n = sum(not cell.lacking for cell in TABLES["thesis-6"].cells)
    assert f"[thesis-6](../pages/thesis-6.md) 1 of {n}" in tables and "[omee-3](../pages/omee-3.md) 0 of" in tables
    assert "2 of the 2 stand beside a published figure; as tables share trainings, these are 1 different cell." in tables
    # The thesis's cgcnn and the board's on one set are one combination; a dummy learns nothing.
    assert " × 2 models that learn), 2 have run at published size: cgcnn 1, fung/2d 1." in sizes
