from __future__ import annotations

import csv
import itertools
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmark.harness.execution import execute
from benchmark.harness.job import load_task
from benchmark.harness.learning_rate import fit_with_chosen_rate, grid_of
from benchmark.harness.plan import RunOptions, make_plan
from benchmark.harness.stopping import Stopping
from benchmark.results.learning_rate import GRIDS, RateGrid
from benchmark.results.records import Record
from benchmark.results.store import Store
from datasets.errors import InputError
from models.contract import Epoch, Fitted, TrainingDiverged
from models.registry import get, registered
from models.resume import Keeper, TrainingStopped
from models.training import Recipe
from tests.benchmark.harness.constructed import ignore

SMALL = {"epochs": "4", "width": "4", "hidden": "4", "n_layers": "1"}
GRID = RateGrid(factors=(0.5, 1.0, 2.0), share=0.1)


def run_standard(folder: Path, root: Path, **settings: str) -> tuple[Record, np.ndarray]:
    """The record and the predictions of one fold of a small CGCNN in the profile standard."""
    store = Store(root)
    options = RunOptions(tasks=[str(folder)], models=["cgcnn"], profile="standard", settings={**SMALL, **settings}, folds=2)
    record = execute(make_plan(options, store).todo[0], store)
    assert record.reason is None
    return record, store.predictions(record).predictions


@pytest.fixture(scope="module")
def chosen(small_folder, tmp_path_factory) -> tuple[Record, np.ndarray]:
    return run_standard(small_folder, tmp_path_factory.mktemp("chosen"))


def test_standard_chooses_a_rate_on_validation_and_records_what_that_cost(chosen):
    record, _ = chosen
    choice, grid = record.rate_choice, GRIDS["standard"]
    assert [one.learning_rate for one in choice.tried] == pytest.approx([factor * 3e-3 for factor in (1 / 3, 1, 3)])
    assert choice.learning_rate == min(choice.tried, key=lambda one: one.validation_loss).learning_rate
    assert (record.key.rates, choice.epochs, record.epochs_run) == (grid, 1, 4)
    assert 0 < choice.cost.wall_s < record.times.training.wall_s, "the choice is a part of the training"
    assert record.key.settings["learning_rate"] == 3e-3 and "learning_rate" not in record.changed


def test_the_training_after_the_choice_is_that_with_the_chosen_rate_alone(small_folder, chosen, tmp_path):
    record, predictions = chosen
    rate = record.rate_choice.learning_rate
    alone, same = run_standard(small_folder, tmp_path, learning_rate=repr(rate))
    assert alone.key.rates is None and alone.rate_choice is None and alone.changed["learning_rate"] == rate
    np.testing.assert_array_equal(same, predictions)


def test_a_plan_says_that_a_set_rate_is_not_searched(small_folder, tmp_path):
    options = RunOptions(tasks=[str(small_folder)], models=["cgcnn"], folds=2, settings={"learning_rate": "0.01"})
    said = "learning_rate is set, so no rate is searched"
    assert said in make_plan(replace(options, profile="standard"), Store(tmp_path)).notes
    assert said not in make_plan(replace(options, profile="mini"), Store(tmp_path)).notes


def test_other_test_targets_change_neither_the_choice_nor_a_prediction(small_folder, chosen, tmp_path):
    record, predictions = chosen
    folder = shutil.copytree(small_folder, tmp_path / "mine")
    tested = set(_test_ids(small_folder, tmp_path))
    rows = [(name, str(100 - float(value)) if name in tested else value) for name, value in _table(folder)]
    (folder / "id_prop.csv").write_text("".join(f"{name},{value}\n" for name, value in rows))
    load_task.cache_clear()
    other, same = run_standard(folder, tmp_path / "other")
    assert other.metrics.test.mae > 5 * record.metrics.test.mae, "the targets did change"
    assert other.rate_choice.tried == record.rate_choice.tried
    np.testing.assert_array_equal(same, predictions)


def test_a_fold_stopped_within_its_choice_or_after_it_gives_the_same(small_folder, chosen, tmp_path):
    store, stops = Store(tmp_path), 0
    options = RunOptions(tasks=[str(small_folder)], models=["cgcnn"], profile="standard", settings=SMALL, folds=2)
    (job, *_) = make_plan(options, store).todo
    while True:
        steps = itertools.count(1)
        try:
            record = execute(job, store, stopping=Stopping(ends=lambda steps=steps: next(steps) >= 2))
            break
        except TrainingStopped:
            stops += 1
    assert record.reason is None
    assert record.resumed == stops >= 3
    assert (record.rate_choice.tried, record.metrics) == (chosen[0].rate_choice.tried, chosen[0].metrics)
    np.testing.assert_array_equal(store.predictions(record).predictions, chosen[1])
    assert 0 < record.rate_choice.cost.wall_s < record.times.training.wall_s


def _table(folder: Path) -> list[list[str]]:
    with (folder / "id_prop.csv").open() as file:
        return list(csv.reader(file))


def _test_ids(folder: Path, tmp_path: Path) -> list[str]:
    job = make_plan(RunOptions(tasks=[str(folder)], models=["dummy"], folds=2), Store(tmp_path)).todo[0]
    data = load_task(job.task)
    return data.crystals.ids[data.fold(job.protocol, 0, 0).test].tolist()


def test_the_same_choice_is_made_again(small_folder, chosen, tmp_path):
    again, predictions = run_standard(small_folder, tmp_path)
    assert again.rate_choice.tried == chosen[0].rate_choice.tried
    np.testing.assert_array_equal(predictions, chosen[1])


def fits(errors: dict[float, float | None]):
    """A training whose best validation error depends on the rate; None diverges. Notes what it was asked for."""
    asked = []

    def fit(settings: Recipe, on_epoch) -> Fitted:
        asked.append((settings.learning_rate, settings.epochs, settings.keep))
        error = errors[settings.learning_rate]
        if error is None:
            raise TrainingDiverged("no number")
        history = tuple(Epoch(n, settings.epochs, 1.0, error + (n != 1), 0.0) for n in range(1, settings.epochs + 1))
        for epoch in history:
            on_epoch(epoch)
        return Fitted(history, best_epoch=1)

    return fit, asked


def test_each_rate_has_its_share_of_the_epochs_and_the_best_one_all_of_them():
    fit, asked = fits({0.5: 3.0, 1.0: 2.0, 2.0: 2.5})
    news: list[Epoch] = []
    settings = Recipe(learning_rate=1.0, epochs=30, keep="last")
    _, choice = fit_with_chosen_rate(GRID, settings, "cpu", fit, Keeper(news.append))
    assert asked == [(0.5, 3, "best"), (1.0, 3, "best"), (2.0, 3, "best"), (1.0, 30, "last")]
    assert (choice.learning_rate, [one.validation_loss for one in choice.tried]) == (1.0, [3.0, 2.0, 2.5])
    assert [epoch.number for epoch in news] == list(range(1, 40)) and {epoch.of for epoch in news} == {39}


def test_a_rate_that_diverges_is_not_chosen_and_all_of_them_fail_the_fold():
    fit, _ = fits({0.5: 3.0, 1.0: None, 2.0: None})
    _, choice = fit_with_chosen_rate(GRID, Recipe(learning_rate=1.0), "cpu", fit, Keeper(ignore))
    assert choice.learning_rate == 0.5 and choice.tried[2].validation_loss is None
    fit, _ = fits(dict.fromkeys((0.5, 1.0, 2.0)))
    with pytest.raises(TrainingDiverged, match=r"every learning rate that was tried: 0\.5, 1, 2"):
        fit_with_chosen_rate(GRID, Recipe(learning_rate=1.0), "cpu", fit, Keeper(ignore))


def test_only_networks_in_standard_have_a_grid_and_other_profiles_keep_their_rate():
    without = {name for name, spec in registered().items() if grid_of("standard", spec.profiles["standard"]) is None}
    assert without == {"dummy", "dummy-median", "rf-magpie", "soap-svr"}
    assert not any(grid_of(profile, get("cgcnn").profiles["mini"]) for profile in ("smoke", "mini", "paper", "thesis"))


def test_a_rate_that_was_asked_for_is_taken_and_presets_choose_nothing(small_folder, tmp_path):
    def rates(**options) -> list[RateGrid | None]:
        return [job.rates for job in make_plan(RunOptions(tasks=[str(small_folder)], **options), Store(tmp_path)).todo[:1]]

    asked = {"models": ["cgcnn"], "profile": "standard"}
    assert rates(**asked) == [GRIDS["standard"]]
    assert rates(**asked, settings={"learning_rate": "0.003"}) == rates(models=["cgcnn"]) == [None]
    assert rates(models=["cgcnn"], preset="thesis") == [None]


def test_without_a_validation_part_no_rate_is_chosen(small_folder, tmp_path):
    options = RunOptions(
        tasks=[str(small_folder)], models=["cgcnn"], profile="standard", protocol="holdout", settings={"keep": "last"}
    )
    with pytest.raises(InputError, match=r"cgcnn would choose an epoch or a setting; .* learning_rate=… too"):
        make_plan(options, Store(tmp_path))
    settings = {"keep": "last", "learning_rate": "0.003"}
    assert make_plan(replace(options, settings=settings), Store(tmp_path)).todo


def test_a_record_has_a_choice_exactly_where_its_key_has_a_grid(chosen):
    record = chosen[0]
    for changes in ({"rate_choice": None}, {"key": record.key.model_copy(update={"rates": None})}):
        with pytest.raises(ValueError, match="how its learning rate was chosen"):
            Record(**{**dict(record), **changes})
    assert record.key.run_id != record.key.model_copy(update={"rates": None}).run_id, "both have a place in a store"
    assert Record.model_validate_json(record.model_dump_json()) == record
