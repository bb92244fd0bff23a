from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from benchmark.harness.execution import execute
from benchmark.harness.job import Job
from benchmark.harness.plan import RunOptions
from benchmark.results.store import Store
from benchmark.studies.epochs.conclusions import EpochState, History, agreement, budgets, epochs_of, gains
from benchmark.studies.epochs.page import PAGES, json_rows
from benchmark.studies.epochs.study import STUDY
from benchmark.studies.learning_curve import study as learning_curve
from benchmark.studies.pages import write_study_pages
from benchmark.studies.planning import plan_study
from benchmark.studies.trials import Trial
from benchmark.tasks.folds import Protocol
from benchmark.tasks.metrics import Metrics, Scores
from benchmark.tasks.tasks import find_tasks
from datasets.errors import InputError
from models.registry import get
from tests.benchmark.results.test_store import make
from tests.benchmark.studies.constructed import NOISE


def budgeted(model: str, maes: dict[int, float], falls: float) -> list[Trial]:
    """Five folds a budget; the validation error of epoch e is 1 + e^(−falls e)."""
    found = []
    for epochs, mae in maes.items():
        for fold in range(5):
            record, _ = make(fold, model)
            value = mae * (1 + NOISE[fold])
            scores = Scores(mae=value, rmse=value, r2=0.5)
            key = record.key.model_copy(update={"settings": {"epochs": epochs}})
            metrics = Metrics(train=scores, validation=scores, test=scores)
            record = record.model_copy(
                update={"key": key, "metrics": metrics, "epochs_run": epochs, "changed": {"epochs": epochs}}
            )
            states = tuple(
                EpochState(number=e, training_loss=1.0, validation_mae=1 + np.exp(-falls * e), seconds=0.1)
                for e in range(1, epochs + 1)
            )
            found.append(Trial(record, scores, History(epochs=states)))
    return found


def test_stagnation_is_the_first_epoch_near_the_best():
    (fast,) = budgets(budgeted("cgcnn", {5: 0.2, 20: 0.1}, 1.0))
    # 1 + e^−e ≤ 1.02 from e = 4.
    assert fast.stagnates_at == 4
    assert [epochs_of(point) for point in fast.points] == [5, 20]
    (slow,) = budgets(budgeted("cgcnn", {20: 0.1}, 0.05))
    # 1 + e^(−e/20) ≤ 1.02 (1 + 1/e) from e = 19.
    assert slow.stagnates_at == 19


def test_a_ranking_that_turns_with_the_budget_is_told(tmp_path):
    found = budgeted("cgcnn", {5: 0.2, 20: 0.1}, 1.0) + budgeted("schnet", {5: 0.15, 20: 0.15}, 1.0)
    made = budgets(found)
    assert [agreement(made, n) for n in (5, 20)] == [pytest.approx(-1), pytest.approx(1)]
    tests = gains(made)
    assert tests["cgcnn (mini)", 5][1] < 0.05 and tests["schnet (mini)", 5][1] == 1
    text = write_study_pages(PAGES, found, tmp_path)[0].read_text()
    opening = text.split("\n\n")[1]
    assert (
        "where two or more have it: schnet (mini) at 5, cgcnn (mini) at 20; Kendall's τ with the last ranking is -1.00"
        in opening
    )
    assert "significantly lower error than a smaller one for cgcnn (mini); for 1 more" in opening
    json.dumps(json_rows(found))


def test_rankings_are_compared_with_that_of_the_largest_budget_that_two_models_have():
    long = budgeted("cgcnn", {5: 0.2, 20: 0.1}, 1.0) + budgeted("schnet", {5: 0.3, 20: 0.15}, 1.0)
    stopped = budgeted("mpnn", {5: 0.1}, 1.0)
    assert agreement(budgets(long + stopped), 5) == pytest.approx(1)
    # A model of which only two of five folds have been run yet is not ranked.
    begun = budgeted("mpnn", {5: 0.1}, 1.0) + budgeted("mpnn", {20: 0.9}, 1.0)[:2]
    assert agreement(budgets(long + begun), 5) == pytest.approx(1)
    assert [one.model for one in budgets(long + budgeted("mpnn", {20: 0.01}, 1.0)[:2])] == ["cgcnn", "schnet", "mpnn"]
    # One model alone was trained for longer: the others' rankings are compared all the same.
    alone = budgets(long + budgeted("mpnn", {40: 0.1}, 1.0))
    assert [agreement(alone, n) for n in (5, 20, 40)] == [pytest.approx(1), pytest.approx(1), None]


def test_a_model_without_every_fold_has_no_rank(tmp_path):
    found = budgeted("cgcnn", {5: 0.2, 20: 0.1}, 1.0) + budgeted("schnet", {5: 0.3, 20: 0.15}, 1.0)
    text = write_study_pages(PAGES, found + budgeted("mpnn", {20: 0.01}, 1.0)[:2], tmp_path)[0].read_text()
    table = text.split("### Rankings")[1].split("### Every budget")[0]
    ranked = {line.split("|")[1].strip().removesuffix(" (mini)"): line for line in table.splitlines() if "±" in line}
    assert ["(1)" in ranked["cgcnn"], "(2)" in ranked["schnet"], "(" in ranked["mpnn"].partition("(mini)")[2]] == [
        True,
        True,
        False,
    ]


def test_a_budget_that_lacks_folds_is_not_compared(tmp_path):
    begun = budgeted("mpnn", {5: 0.2}, 1.0) + budgeted("mpnn", {20: 0.1}, 1.0)[:3]
    found = budgeted("cgcnn", {5: 0.2, 20: 0.15}, 1.0) + begun
    assert list(gains(budgets(found))) == [("cgcnn (mini)", 5)]
    opening = write_study_pages(PAGES, found, tmp_path)[0].read_text().split("\n\n")[1]
    assert (
        "cgcnn (mini) (epoch 4)" in opening
        and "mpnn" not in opening.split(". ")[0]
        and "one for cgcnn (mini); for 0 more" in opening
    )


def test_budgets_are_shares_of_the_profile():
    settings = get("cgcnn").settings("standard")
    assert [e.settings.epochs for e in STUDY.models_to_run(get("cgcnn"), settings, [])] == [8, 15, 30]


def test_all_models_that_have_epochs_take_a_budget_and_the_others_are_refused_by_name(small_folder, tmp_path):
    request = RunOptions(tasks=[str(small_folder)], settings={"epochs": "4"}, profile="smoke", folds=2)
    plan = plan_study(STUDY, request, [], Store(tmp_path))
    assert {job.settings.epochs for job in plan.jobs} == {1, 2, 4}
    models = {job.model for job in plan.jobs}
    assert {"cgcnn", "soap-mlp"} < models and models.isdisjoint({"dummy", "soap-svr"})
    with pytest.raises(InputError, match="dummy is not trained in epochs by the shared recipe; leave it out"):
        plan_study(STUDY, replace(request, models=["dummy"]), [], Store(tmp_path))
    with pytest.raises(InputError, match="dummy: unknown setting 'epochs'"):
        plan_study(learning_curve.STUDY, replace(request, models=["cgcnn", "dummy"]), [], Store(tmp_path))


def test_the_history_of_a_fold_lies_beside_its_record(small_folder, tmp_path):
    job = Job(find_tasks(str(small_folder))[0], "cgcnn", get("cgcnn").settings("smoke"), "smoke", Protocol("kfold", 2), 0, 0)
    store = Store(tmp_path)
    record = execute(job, store, observer=STUDY.observer)
    history = History.model_validate_json(store.beside(record.key, "history").read_bytes())
    assert [epoch.number for epoch in history.epochs] == [1, 2]
    assert min(epoch.validation_mae for epoch in history.epochs) == pytest.approx(record.metrics.validation.mae, rel=1e-5)
