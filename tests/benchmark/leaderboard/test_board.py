from __future__ import annotations

import pytest

from benchmark.leaderboard.board import fullest_table, read_board
from benchmark.results.store import Store
from datasets.errors import InputError
from tests.benchmark.constructed import PER_FOLD, failed, write_fold, write_run


@pytest.fixture
def store(tmp_path) -> Store:
    return Store(tmp_path / "runs")


def write_tasks(store: Store, n_tasks: int, models: dict[str, float], **changes) -> None:
    for task in range(n_tasks):
        for model, mae in models.items():
            write_run(store, model, mae, seed=task, task=f"set/t{task}", **changes)


def test_every_group_is_passed_on_with_its_predictions(store):
    write_tasks(store, 2, {"dummy": 2.0, "a": 1.0})
    seen = []
    board = read_board(store, lambda group, predictions: seen.append((group, predictions.labels)))
    assert [group.first.key.task for group in board.comparison_groups] == ["set/t0", "set/t1"]
    assert [group for group, _ in seen] == list(board.comparison_groups)
    assert seen[0][1] == ("a", "dummy")


def test_a_track_scores_models_over_its_tasks(store):
    write_tasks(store, 3, {"dummy": 4.0, "a": 1.0, "b": 2.0})
    (track,) = read_board(store).tracks
    assert (track.title, track.models) == ("standard, kfold(5)", ("a", "b"))
    assert [one.model for one in track.overall.standings] == ["a", "b"]
    assert [one.score for one in track.overall.standings] == pytest.approx([0.25, 0.5], rel=0.02)
    assert [one.mean_rank for one in track.overall.standings] == [1, 2]
    assert [one.verdict for one in track.overall.standings] == ["best or equal", "worse"]
    assert track.overall.sets == (("set", ("set/t0", "set/t1", "set/t2")),)


def test_targets_of_the_same_crystals_are_one_set_also_under_another_name(store):
    for dataset, target in (("cgcnn", "band_gap"), ("fung/bulk", "band_gap"), ("fung/pt", "total_energy")):
        for model, mae in {"a": 1.0, "b": 2.0}.items():
            write_run(store, model, mae, task=f"{dataset}/{target}")
    (track,) = read_board(store).tracks
    assert dict(track.overall.sets) == {"cgcnn": ("cgcnn/band_gap", "fung/bulk/band_gap"), "fung/pt": ("fung/pt/total_energy",)}


def test_tracks_are_of_one_profile_those_with_most_tasks_first(store):
    write_tasks(store, 1, {"a": 1.0, "b": 2.0}, key={"profile": "paper"})
    write_tasks(store, 2, {"a": 1.0, "b": 2.0})
    tracks = read_board(store).tracks
    assert [(track.title.split(",")[0], len(track.comparison_groups)) for track in tracks] == [("standard", 2), ("paper", 1)]
    # Without a dummy there are ratios and ranks, but no score.
    assert [(one.model, one.score) for one in tracks[0].overall.standings] == [("a", None), ("b", None)]


def test_real_crystals_and_published_sizes_come_first_however_few_ran(store):
    write_tasks(store, 3, {"a": 1.0, "b": 2.0, "c": 3.0}, key={"profile": "mini"})
    write_tasks(store, 2, {"a": 1.0}, key={"profile": "paper"})
    for model, mae in (("a", 1.0), ("b", 2.0)):
        write_run(store, model, mae, task="emt/alloys/log10_bulk_modulus")
        write_run(store, model, mae, task="fung/2d/work_function")
    titles = [track.title for track in read_board(store).tracks]
    assert [title.split(",")[0] for title in titles] == ["standard", "paper", "mini", "standard"]
    assert titles[-1].endswith("synthetic")


def test_models_with_changed_settings_or_without_a_rank_are_in_no_track(store):
    write_tasks(store, 2, {"dummy": 4.0, "a": 1.0, "b": 2.0})
    for task in range(2):
        write_run(store, "c", 1.0, task=f"set/t{task}", key={"settings": {"epochs": 9}}, changed={"epochs": 9})
        write_run(store, "d", 1.0, task=f"set/t{task}", folds=2)
    (track,) = read_board(store).tracks
    assert track.models == ("a", "b")


def test_a_task_with_few_models_does_not_shrink_the_track_and_is_named(store):
    write_tasks(store, 3, {"dummy": 4.0, "a": 1.0, "b": 2.0, "c": 3.0})
    write_run(store, "a", 1.0, task="set/t9")
    write_run(store, "b", 1.0, task="set/t9")
    write_run(store, "newcomer", 1.0, task="set/t0")
    (track,) = read_board(store).tracks
    assert track.models == ("a", "b", "c")
    assert track.overall.tasks == ("set/t0", "set/t1", "set/t2")
    assert dict(track.overall.left_out)["set/t9"] == "without c, dummy"


def test_a_task_counts_once_where_two_releases_of_its_data_are_there(store):
    write_tasks(store, 2, {"dummy": 4.0, "a": 1.0, "b": 2.0})
    write_run(store, "a", 9.0, task="set/t0", key={"dataset_hash": "1" * 64})
    write_run(store, "b", 1.0, task="set/t0", key={"dataset_hash": "1" * 64})
    (track,) = read_board(store).tracks
    assert len(track.comparison_groups) == 3
    assert track.overall.tasks == ("set/t0", "set/t1")


def test_a_single_model_has_no_track_table(store):
    write_tasks(store, 2, {"dummy": 4.0, "a": 1.0})
    (track,) = read_board(store).tracks
    assert (track.models, track.overall) == ((), None)


@pytest.mark.parametrize(
    ("ran", "expected"),
    [
        ([], set()),
        ([{"a"}], set()),
        ([{"a", "b"}, {"a", "b"}], {"a", "b"}),
        # 2 · 2 against 1 · 3, and a tie of 2 · 3 with 3 · 2, which the more tasks decide
        ([{"a", "b", "c"}, {"a", "b"}], {"a", "b"}),
        ([{"a", "b", "c"}, {"a", "b", "c"}, {"a", "b"}], {"a", "b"}),
        ([{"a", "b", "c", "d"}, {"a", "b", "c", "d"}, {"a", "b"}], {"a", "b", "c", "d"}),
        # no task has exactly the models that most tasks share
        ([{"a", "b", "x"}, {"a", "b", "y"}, {"a", "b", "z"}], {"a", "b"}),
    ],
)
def test_the_fullest_table_by_hand(ran, expected):
    assert fullest_table(ran) == expected


def test_records_that_disagree_are_refused_or_left_out_by_name(store):
    write_run(store, "a", 1.0)
    write_run(store, "b", 1.0)
    write_fold(store, "b", 0, [9.0] * PER_FOLD, targets=[7.0] * PER_FOLD)
    with pytest.raises(InputError, match="b and a have different targets"):
        read_board(store)
    errors = []
    (group,) = read_board(store, on_invalid=errors.append).comparison_groups
    assert [(row.label, row.standing is not None) for row in group.rows] == [("a", True), ("b", False)]
    assert len(errors) == 1


def test_an_empty_store_and_one_of_failures_are_boards(store):
    assert read_board(store).tracks == ()
    store.write(failed(0), None)
    (track,) = read_board(store).tracks
    assert track.models == ()
