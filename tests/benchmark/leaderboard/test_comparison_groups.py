from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from benchmark.leaderboard.comparison_groups import comparison_groups, run_labels
from benchmark.results.records import Memory, Times
from benchmark.results.scores import Run, scored_tasks
from benchmark.results.sources import Sources, read_sources
from benchmark.results.store import Store
from benchmark.schema import Duration
from benchmark.tasks.folds import ids_hash
from datasets.errors import InputError
from tests.benchmark.constructed import PER_FOLD, failed, make, write_fold, write_run, write_sources


@pytest.fixture
def store(tmp_path) -> Store:
    return Store(tmp_path / "runs")


def groups_of(store: Store, sources=None, **arguments):
    ((_, runs),) = scored_tasks(store)
    return comparison_groups(runs, sources or Sources(), **arguments)


def only(store: Store, sources=None, **arguments):
    (found,) = groups_of(store, sources, **arguments)
    return found


def by_label(group):
    return {row.label: row for row in group.rows}


def standing_of(row):
    return row.standing and row.standing.verdict


def test_rows_have_a_verdict_best_first(store):
    for model, mae in (("worst", 9.0), ("best", 1.0), ("nearly", 1.001), ("middle", 3.0)):
        write_run(store, model, mae)
    group, predictions = only(store)
    assert [(row.label, standing_of(row)) for row in group.rows[2:]] == [("middle", "worse"), ("worst", "worse")]
    assert {row.label for row in group.rows[:2]} == {"best", "nearly"}
    assert {standing_of(row) for row in group.rows[:2]} <= {"best or equal", "undecided"}
    assert group.in_order == list(group.rows) and [row.label for row in group.ranked] == [row.label for row in group.rows]
    assert group.folds == 5
    assert predictions.values.shape == (5 * PER_FOLD, 4)
    assert group.errors.fold_losses().shape == (5, 4)


def test_folds_of_several_seeds_are_one_run(store):
    for seed in (3, 0):
        for model, mae in (("a", 1.0), ("b", 2.0)):
            write_run(store, model, mae, seed=seed, key={"seed": seed})
    group, predictions = only(store)
    assert [(record.key.seed, record.key.fold) for record in group.rows[0].run.folds] == [
        (s, f) for s in (0, 3) for f in range(5)
    ]
    assert group.rows[0].run.seeds == (0, 3) and group.folds == 10
    assert predictions.repeats.tolist() == np.repeat([0, 3], 5 * PER_FOLD).tolist()
    assert predictions.folds.tolist() == np.tile(np.repeat(np.arange(5), PER_FOLD), 2).tolist()
    assert group.errors.fold_losses().shape == (10, 2)


def test_a_run_without_a_repeat_of_the_others_is_not_ranked(store):
    for seed in (0, 1):
        write_run(store, "a", 1.0, seed=seed, key={"seed": seed})
        write_run(store, "c", 1.5, seed=seed, key={"seed": seed})
    write_run(store, "b", 2.0)
    rows = by_label(only(store)[0])
    assert (rows["b"].standing, rows["b"].unranked) == (None, "5 of 10 folds")


def test_runs_of_other_profiles_protocols_and_data_are_other_groups(store):
    write_run(store, "a", 1.0)
    for other in ({"profile": "paper"}, {"protocol": "kfold(6)"}, {"dataset_hash": "1" * 64}):
        write_run(store, "a", 1.0, key=other)
    found = [group for group, _ in groups_of(store)]
    assert len(found) == 4
    assert len({group.title for group in found}) == 4
    assert len({group.track for group in found}) == 3


def test_a_run_without_all_folds_is_not_ranked_and_the_reason_is_given(store):
    write_run(store, "whole", 2.0)
    write_run(store, "partial", 1.0, folds=3)
    store.write(failed(0, key=make(0, "broken")[0].key), None)
    group, predictions = only(store)
    rows = by_label(group)
    assert [row.label for row in group.rows] == ["partial", "whole", "broken"]
    assert (rows["partial"].standing, rows["partial"].unranked) == (None, "3 of 5 folds")
    assert (rows["broken"].standing, rows["broken"].unranked, rows["broken"].costs) == (None, "failed", None)
    assert rows["whole"].standing and rows["whole"].unranked is None and not group.has_rivals
    assert rows["broken"].over_folds("mae") is None
    assert predictions.labels == ("whole",)


def test_without_any_complete_fold_nothing_is_ranked(store):
    store.write(failed(0), None)
    group, predictions = only(store)
    assert (group.decisions, group.errors, predictions, group.baseline_loss) == (None, None, None, None)


def test_only_runs_of_the_same_division_are_ranked_and_one_stranger_does_not_outvote_the_others(store):
    for model in ("a", "b"):
        write_run(store, model, 2.0)
    for fold in range(5):
        split = make()[0].split.model_copy(update={"n_train": 7, "n_validation": 7, "train_sha256": "c" * 64})
        write_fold(store, "stranger", fold, [1.0] * 4, split=split.model_copy(update=_tested(fold)))
    rows = by_label(only(store)[0])
    assert rows["a"].standing and rows["b"].standing and rows["stranger"].standing is None
    assert rows["stranger"].unranked == "its folds are not those of the other rows"


def _tested(fold: int) -> dict:
    return {"n_test": 4, "test_sha256": ids_hash([f"set/target-{fold}-{row}" for row in range(4)])}


def test_the_order_of_crystals_in_a_file_has_no_say(store):
    rng = np.random.default_rng(0)
    errors = rng.normal(size=(2, 5, PER_FOLD))
    for fold in range(5):
        write_fold(store, "a", fold, errors[0, fold])
        write_fold(store, "b", fold, errors[1, fold], order=rng.permutation(PER_FOLD))
    group, predictions = only(store)
    found = dict(zip(predictions.labels, (predictions.values - predictions.targets[:, None]).T, strict=True))
    reference = predictions.ids
    expected = {f"set/target-{fold}-{row}": errors[:, fold, row] for fold in range(5) for row in range(PER_FOLD)}
    assert found["a"] == pytest.approx([expected[name][0] for name in reference])
    assert found["b"] == pytest.approx([expected[name][1] for name in reference])
    assert predictions.folds.tolist() == np.repeat(np.arange(5), PER_FOLD).tolist()
    assert dict(zip(group.errors.models, group.errors.mean_losses, strict=True)) == pytest.approx(
        {"a": np.abs(errors[0]).mean(), "b": np.abs(errors[1]).mean()}
    )


def test_targets_far_below_one_are_compared_as_closely(store):
    joules = [1e-20 * row for row in range(PER_FOLD)]
    for fold in range(5):
        write_fold(store, "a", fold, [1e-21] * PER_FOLD, targets=joules)
        write_fold(store, "liar", fold, [2e-21] * PER_FOLD, targets=joules if fold else [5e-20, *joules[1:]])
    with pytest.raises(InputError, match="set/target, fold 1: liar and a have different targets"):
        only(store)


def test_records_that_disagree_on_a_target_are_refused_by_name(store):
    write_run(store, "a", 1.0)
    write_run(store, "liar", 2.0, folds=4)
    write_fold(store, "liar", 4, [2.0] * PER_FOLD, targets=[5.0, *range(1, PER_FOLD)])
    with pytest.raises(InputError, match="set/target, fold 5: liar and a have different targets"):
        only(store)
    errors = []
    group, predictions = only(store, on_invalid=errors.append)
    assert len(errors) == 1
    assert by_label(group)["liar"].unranked == "its crystals or targets are not those of the other rows"
    assert predictions.labels == ("a",)


def test_stale_is_what_ran_with_another_source_and_unknown_for_strangers(store):
    for model in ("now", "old", "stranger"):
        write_run(store, model, 1.0, folds=2)
    write_sources(store.root, outdated=["old"], unchanged=["now"])
    rows = by_label(only(store, read_sources(store.root))[0])
    assert (rows["now"].stale, rows["old"].stale, rows["stranger"].stale) == (False, True, None)


def test_labels_tell_runs_apart_by_settings_source_and_machine():
    def run(model="m", **changes) -> Run:
        return Run((make(0, model, **changes)[0],))

    nine = make()[0].key.model_copy(update={"model": "m", "settings": {"epochs": 9}})
    machine = make()[0].machine.model_copy(update={"device": "NVIDIA H100"})
    assert run_labels([run(), run("other")]) == ["m", "other"]
    assert run_labels([run(), run(key=nine, changed={"epochs": 9})]) == ["m", "m (epochs=9)"]
    assert run_labels([run(), run(source="e" * 64)]) == ["m", "m (source eeeeeeee)"]
    assert run_labels([run(machine=machine), run()]) == ["m", "m (cpu)"]
    later = make()[0].started_at + timedelta(days=1)
    assert run_labels([run(), run(started_at=later)]) == ["m (older)", "m"]


def test_the_newest_run_with_the_most_folds_stands_for_its_model(store):
    days = [make()[0].started_at + timedelta(days=day) for day in range(3)]
    write_run(store, "a", 1.0, key={"source": "c" * 64}, started_at=days[0])
    write_run(store, "a", 1.5, key={"source": "e" * 64}, started_at=days[1])
    write_run(store, "a", 0.5, key={"source": "d" * 64}, started_at=days[2], folds=3)
    write_run(store, "b", 2.0)
    rows = by_label(only(store)[0])
    assert rows["a"].over_folds("loss")[0] == pytest.approx(1.5, rel=0.05) and rows["a"].unchanged
    assert rows["a"].standing.ratio == pytest.approx(0.75, rel=0.05), "beside b: a model is no rival of itself"
    older = rows["a (source cccccccc)"]
    assert (older.standing, older.unranked, older.unchanged) == (None, "an older run", False)
    assert rows["a (source dddddddd)"].unranked == "3 of 5 folds"


def test_labels_are_unique_whatever_the_names():
    runs = [Run((make(0, model)[0],)) for model in ("m", "m", "m [1]", "m [1] [1]", "m")]
    labels = run_labels(runs)
    assert len(set(labels)) == len(runs)


def test_costs_are_means_of_a_fold_and_bytes_the_largest(store):
    for fold, wall in enumerate((1.0, 3.0)):
        times = Times(
            graphs_wall_s=0.5,
            training=Duration(wall_s=wall, device_s=2 * wall),
            inference=Duration(wall_s=wall * PER_FOLD / 1000, device_s=0),
        )
        memory = Memory(host_bytes=100 + fold, device_bytes=None)
        write_fold(store, "a", fold, [1.0] * PER_FOLD, times=times, memory=memory, parameters=5 + fold, epochs_run=3 - fold)
    costs = only(store)[0].rows[0].costs
    assert (costs.training_s, costs.training_device_s, costs.inference_s, costs.graphs_s) == pytest.approx((2, 4, 2, 0.5))
    assert (costs.parameters, costs.host_bytes, costs.device_bytes, costs.epochs) == ((5, 6), 101, None, 3)


def test_a_metric_has_its_mean_and_spread_over_folds(store):
    write_fold(store, "dummy", 0, [0.1] * 4)
    write_fold(store, "dummy", 1, [0.3] * 4)
    group, _ = only(store)
    # 0.1 and 0.3: mean 0.2, sample standard deviation 0.1 · √2
    assert group.rows[0].over_folds("mae") == pytest.approx((0.2, 0.02**0.5))
    assert group.baseline_loss == pytest.approx(0.2)
