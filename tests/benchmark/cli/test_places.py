"""What `run` says at its end of pairs and of the published rows."""

from __future__ import annotations

import pytest

from benchmark.cli.shared.places import _recipe, group_of, pair_commands, short_of_published
from benchmark.leaderboard.board import read_board
from benchmark.results.scores import Run
from benchmark.results.store import Store
from tests.benchmark.constructed import make, write_run


@pytest.fixture
def store(tmp_path):
    found = Store(tmp_path / "mine")
    for model in ("cgcnn", "megnet"):
        write_run(found, model, 0.4, folds=2, key={"protocol": "kfold(2)"})
    return found


@pytest.mark.parametrize(
    ("folds", "told"),
    [
        ({(0, 0), (0, 1)}, None),
        ({(0, 0)}, None),
        ({(seed, fold) for seed in range(3) for fold in (0, 1)}, "--seed 0 --repeats 3 "),
        ({(seed, fold) for seed in (1, 2) for fold in (0, 1)}, "--seed 1 --repeats 2 "),
    ],
)
def test_a_run_with_fewer_folds_than_published_has_the_command_that_trains_them(store, folds, told):
    board = read_board(store)
    first = board.comparison_groups[0].first
    template, key = make(0, "schnet")[0], first.key.model_copy(update={"model": "schnet"})
    records = [template.model_copy(update={"key": key.model_copy(update={"seed": s, "fold": f})}) for s, f in folds]
    lines = list(short_of_published(board, {group_of(first.key): [Run(tuple(records))]}, store.root))
    if not told:
        assert lines == []
        return
    said, command = lines
    assert said.startswith(
        f"set/target: the published rows have {len(folds)} folds, yours 2. To rank yours with them, train the missing folds;"
    )
    assert "--model cgcnn --model megnet " in command and told in command and command.endswith(f"--out {store.root}")


def test_a_run_that_is_published_with_all_folds_is_not_trained_again(store):
    board = read_board(store)
    first = {row.model: row.run.first for row in board.comparison_groups[0].rows}

    def published(model: str, folds: int, **key: str) -> Run:
        keys = [first[model].key.model_copy(update={"fold": fold, **key}) for fold in range(folds)]
        return Run(tuple(make(0, model)[0].model_copy(update={"key": one}) for one in keys))

    def commands(*runs: Run) -> list[str]:
        return list(short_of_published(board, {group_of(first["cgcnn"].key): list(runs)}, store.root))[1:]

    (command,) = commands(published("cgcnn", 4), published("megnet", 3))
    assert "--model cgcnn " not in command and "--model megnet " in command, "megnet is published with fewer folds"
    assert commands(published("cgcnn", 4), published("megnet", 4)) == []
    (command,) = commands(published("cgcnn", 4), published("megnet", 4, source="e" * 64))
    assert "--model megnet " in command, "another source is another row"


def test_the_two_lowest_rows_or_each_changed_row_beside_its_default_have_their_command(store):
    groups = {group_of(read_board(store).comparison_groups[0].first.key)}
    (line,) = pair_commands(read_board(store), set(), groups, store.root)
    assert "--task set/target --pair " in line and {"cgcnn", "megnet"} == set(line.split()[-2:])
    assert pair_commands(read_board(store), set(), set(), store.root) == []
    width = {"width": 8}
    write_run(store, "cgcnn", 0.5, folds=2, changed=width, key={"protocol": "kfold(2)", "settings": width})
    board = read_board(store)
    (row,) = (row for row in board.comparison_groups[0].rows if row.run.first.changed)
    (line,) = pair_commands(board, {_recipe(row.run.first.key)}, groups, store.root)
    assert line.endswith("--pair cgcnn 'cgcnn (width=8)'")
