"""80:20 without a validation part: which models may be run so, and what their records hold; presets by task."""

import json
from dataclasses import replace

import pytest
from pydantic import ValidationError

from benchmark.harness.execution import execute
from benchmark.harness.plan import RunOptions, make_plan
from benchmark.harness.run import run_jobs
from benchmark.results.records import Record
from benchmark.results.store import Store
from datasets.errors import InputError
from models import registry
from tests.benchmark.harness.constructed import ignore

TINY = {"epochs": "3", "keep": "last", "width": "4", "hidden": "4"}


def options(folder, model: str, **changes) -> RunOptions:
    given = {"tasks": [str(folder)], "models": [model], "profile": "smoke", "protocol": "holdout", "folds": 2}
    return RunOptions(**{**given, **changes})


@pytest.mark.parametrize(("model", "settings"), [("cgcnn", TINY), ("rf-magpie", {}), ("dummy-median", {}), ("soap-svr", {})])
def test_a_fold_without_a_validation_part_has_a_valid_record(small_folder, tmp_path, model, settings):
    store = Store(tmp_path / "runs")
    request = options(small_folder, model, settings=settings)
    records = run_jobs(make_plan(request, store).todo, store, ignore, ignore)
    assert [record.reason for record in records] == [None, None]
    for record in store.records():
        assert record.key.protocol == "holdout(80:20)" and record.key.n_folds == 5
        assert (record.split.n_train, record.split.n_validation, record.split.n_test) == (24, 0, 6)
        assert record.metrics.validation is None and record.metrics.test.mae > 0
        assert record.best_epoch == record.epochs_run and record.last_epoch == (record.metrics if settings else None)
        assert record.imputed == (0 if model == "rf-magpie" else None)
    assert not make_plan(request, store).todo


def test_a_model_that_chooses_is_refused_before_anything_runs(small_folder, tmp_path):
    for models in (["cgcnn"], ["dummy", "cgcnn"]):
        with pytest.raises(
            InputError, match=r"by which cgcnn would choose an epoch or a setting; .* --set keep=last"
        ) as caught:
            make_plan(options(small_folder, "", models=models), Store(tmp_path))
        assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="by which soap-svr would choose"):
        make_plan(options(small_folder, "soap-svr", profile="standard"), Store(tmp_path))


def test_the_presets_of_matdeeplearn_keep_the_last_epoch_and_may_be_held_out(small_folder, tmp_path):
    for preset in ("fung", "omee"):
        plan = make_plan(options(small_folder, "mpnn", preset=preset), Store(tmp_path))
        assert {job.settings.keep for job in plan.todo} == {"last"}


def test_a_record_has_a_validation_part_exactly_where_its_protocol_has_one(small_folder, tmp_path):
    store = Store(tmp_path / "runs")
    record = run_jobs(make_plan(options(small_folder, "dummy", folds=1), store).todo, store, ignore, ignore)[0]
    good = json.loads(record.model_dump_json())
    assert Record.model_validate(good) == record
    for path, value in (("protocol", "kfold(5)"), ("n_validation", 3), ("validation", good["metrics"]["test"])):
        bad = json.loads(record.model_dump_json())
        place = {"protocol": bad["key"], "n_validation": bad["split"], "validation": bad["metrics"]}[path]
        place[path] = value
        with pytest.raises(ValidationError, match="validation part"):
            Record.model_validate(bad)


def test_a_board_of_holdouts_is_rendered(small_folder, benchmark_command):
    arguments = ("run", "--dataset", small_folder, "--model", "dummy", "--model", "dummy-median", "--protocol", "holdout")
    done = benchmark_command(*arguments, "--folds", "2", "--workers", "1")
    assert done.returncode == 0, done.stderr
    assert "holdout(80:20)" in done.stdout and "dummy-median" in done.stdout


def test_a_preset_has_its_own_settings_for_a_task_and_they_are_no_change(small_folder, tmp_path, monkeypatch):
    store, get = Store(tmp_path / "runs"), registry.get
    task = make_plan(options(small_folder, "dummy"), store).todo[0].task.name
    spec = replace(get("mpnn"), by_task={"omee": {task: {"n_layers": 2}, "other/target": {"n_layers": 9}}})
    monkeypatch.setattr(registry, "get", lambda name: spec if name == "mpnn" else get(name))
    small = {"epochs": "1", "width": "4", "hidden": "4"}
    plan = make_plan(options(small_folder, "mpnn", preset="omee", settings=small, folds=1), store)
    assert [job.settings.n_layers for job in plan.todo] == [2]
    own = make_plan(options(small_folder, "mpnn", preset="omee", settings={**small, "n_layers": "3"}, folds=1), store)
    assert [job.settings.n_layers for job in own.todo] == [3]
    records = [execute(one.todo[0], store) for one in (plan, own)]
    asked = {"epochs": 1, "width": 4, "hidden": 4}
    assert [record.changed for record in records] == [asked, {**asked, "n_layers": 3}]
