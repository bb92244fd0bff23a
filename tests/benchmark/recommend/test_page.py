"""Forecasts for the web page agree with those of the command."""

from __future__ import annotations

import pytest

from benchmark.recommend.division import divided
from benchmark.recommend.forecast import on_task, over_tasks
from benchmark.recommend.measured import trained
from benchmark.recommend.page import forecasts_for_page
from benchmark.results.store import Store
from tests.benchmark.constructed import write_fold, write_run

TASKS = ("cgcnn/band_gap", "fung/2d/work_function", "fung/pt/total_energy")


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "board")
    for task in TASKS:
        for model, mae in (("cgcnn", 0.5), ("megnet", 0.6)):
            for fold in range(5):
                luck = 1 + 0.01 * fold
                write_fold(store, model, fold, [luck * mae] * 100, task=task)
                write_fold(store, model, fold, [1.5 * luck * mae] * 25, task=task, key={"protocol": "kfold(5, train 1/4)"})
    return store


def test_every_number_of_crystals_and_task_has_the_forecasts_of_the_command(store):
    found = forecasts_for_page(store.records())
    tasks = trained(store.records(), "cpu")
    assert set(found["devices"]) == {"cpu"} and set(found["devices"]["cpu"]) == {"", *TASKS}
    for like, asked in found["devices"]["cpu"].items():
        for place in (0, 12, len(found["crystals"]) - 1):
            train = divided(found["crystals"][place]).train
            forecasts = on_task(tasks, like, train) if like else over_tasks(tasks, train)
            assert {one.model for one in forecasts} == {"cgcnn", "megnet"}
            assert asked["sets"] == (0 if like else 3)
            for one in forecasts:
                numbers = asked["models"][one.model][place]
                wanted = [one.error, *(one.limits or (None, None)), one.seconds, one.beyond, one.deviation, one.freedom]
                wanted.append(0 if like or one.model == "megnet" else 3)
                assert numbers is None if train > 4_000 else numbers == pytest.approx(wanted, rel=1e-3), (
                    "400 crystals reach to 4,000"
                )


def test_the_page_has_both_sides_of_the_step_from_a_forecast_to_a_measured_ratio(store):
    (most,) = {model.most for models in trained(store.records(), "cpu").values() for model in models}
    assert most == 400
    # 0.9 times 400 is 360.
    crystals = forecasts_for_page(store.records())["crystals"]
    place = next(place for place, number in enumerate(crystals) if divided(number).train > 360)
    assert crystals[place] - crystals[place - 1] == 1


def test_the_page_has_the_quantiles_of_a_table_of_students_t(store):
    quantiles = forecasts_for_page(store.records())["quantiles"]
    assert [quantiles[freedom - 1] for freedom in (1, 4, 8, 30)] == pytest.approx([3.078, 1.533, 1.397, 1.310], abs=5e-4)


def test_models_that_ran_otherwise_alone_are_named(store):
    write_run(store, "mpnn", 0.1, task=TASKS[0], key={"profile": "mini"})
    for like, asked in forecasts_for_page(store.records())["devices"]["cpu"].items():
        where = f"have no record of {like} in the profile standard" if like else "did not run on every data set"
        assert f"These models {where}, so they are not ranked: mpnn." in asked["notes"]


def test_without_records_that_count_there_is_nothing(tmp_path):
    store = Store(tmp_path)
    write_run(store, "cgcnn", 0.5, task="emt/alloys/log10_bulk_modulus")
    assert forecasts_for_page(store.records()) is None
