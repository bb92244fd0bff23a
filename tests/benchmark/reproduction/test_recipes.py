from __future__ import annotations

from dataclasses import replace

from benchmark.reproduction.recipes import recipes_section
from benchmark.results.store import Store
from tests.benchmark.reproduction.test_results import CELL, result_of, write_rounds


def test_runs_of_another_recipe_stand_beside_the_cell_with_what_differs(tmp_path):
    ours = result_of(write_rounds(tmp_path / "own", [0.4, 0.6]))
    board = Store(tmp_path / "board")
    changed = {"profile": "standard", "settings": {"n_layers": 3, "epochs": 30, "dropout": 0.5}}
    write_rounds(board.root, [0.2, 0.3], key=changed)
    write_rounds(board.root, [0.1], key={"profile": "mini"})  # the same recipe
    write_rounds(board.root, [0.1], model="megnet", key=changed)
    section = recipes_section([CELL], [ours], board)
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in section.splitlines() if line.startswith("| set/")]
    assert rows == [
        [
            "set/target",
            "cgcnn",
            "standard: epochs 30, not 3, 1 setting not in both records",
            "shuffle(80:10:10)",
            "2",
            "0.2500 ± 0.071",
            "0.5000",
            "0.50",
        ]
    ]
    assert "- cgcnn, set/target: the recipe `standard` gives 0.50 times the error of the published recipe." in section
    write_rounds(board.root, [0.4, 0.5], key={**changed, "protocol": "kfold(5)"})
    section = recipes_section([CELL], [ours], board)
    assert "- cgcnn, set/target: the recipe `standard` gives 0.50 to 0.90 times the error of the published recipe." in section
    assert recipes_section([CELL], [None], board) == ""


def test_a_changed_setting_does_not_take_the_place_of_its_model(tmp_path):
    changed = replace(CELL, changes={"gamma": "auto"})
    ours, other = (result_of(write_rounds(tmp_path / name, [mae])) for name, mae in (("own", 0.4), ("changed", 0.8)))
    board = write_rounds(tmp_path / "board", [0.2], key={"profile": "standard", "settings": {"n_layers": 3, "epochs": 30}})
    section = recipes_section([CELL, changed], [ours, other], board)
    assert "the recipe `standard` gives 0.50 times" in section
