from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from benchmark.harness.execution import execute
from benchmark.harness.plan import RunOptions
from benchmark.results.records import Record
from benchmark.results.store import Store
from benchmark.studies.learning_curve.conclusions import PowerLaw, learning_curves, lowest_and_level, with_fewest
from benchmark.studies.learning_curve.page import PAGES, json_rows
from benchmark.studies.learning_curve.study import STUDY
from benchmark.studies.pages import write_study_pages
from benchmark.studies.planning import plan_study
from benchmark.studies.published import read_trials
from benchmark.studies.trials import Trial
from benchmark.tasks.folds import Protocol, make_fold
from benchmark.tasks.metrics import Metrics, Scores
from tests.benchmark.results.test_store import make
from tests.benchmark.studies.constructed import NOISE
from tests.benchmark.studies.constructed import tested as with_errors

IDS = np.array([f"c{n}" for n in range(200)])


@pytest.mark.parametrize("name", ["kfold", "shuffle"])
def test_smaller_training_parts_are_nested_and_nothing_else_changes(name):
    order = np.random.default_rng(0).permutation(200)
    whole = make_fold(IDS, Protocol(name, 5), 1, 0)
    before = set(IDS[whole.train])
    for divisor in (2, 4, 8, 16):
        fold = make_fold(IDS, Protocol(name, 5, train_divisor=divisor), 1, 0)
        assert len(fold.train) == -(-len(whole.train) // divisor)
        assert set(IDS[fold.train]) < before
        before = set(IDS[fold.train])
        assert np.array_equal(fold.test, whole.test) and np.array_equal(fold.validation, whole.validation)
        shuffled = make_fold(IDS[order], Protocol(name, 5, train_divisor=divisor), 1, 0)
        assert set(IDS[order][shuffled.train]) == before
    assert str(Protocol("kfold", 5, train_divisor=4)) == "kfold(5, train 1/4)"
    assert str(Protocol("kfold", 5, True, train_divisor=4)) == "kfold(5, grouped, train 1/4)"
    assert str(Protocol("published", 1, train_divisor=2)) == "published split, train 1/2"


def sized(a: float, b: float, model: str = "cgcnn", folds: int = 5) -> list[Trial]:
    """MAE = a n^(−b), with noise that folds keep over sizes."""
    found = []
    for divisor in (16, 8, 4, 2, 1):
        for fold in range(folds):
            record, _ = make(fold, model)
            n = 1600 // divisor
            mae = a * n**-b * (1 + NOISE[fold])
            scores = Scores(mae=mae, rmse=mae, r2=0.5)
            protocol = f"kfold(5, train 1/{divisor})" if divisor > 1 else "kfold(5)"
            record = record.model_copy(
                update={
                    "key": record.key.model_copy(update={"protocol": protocol}),
                    "split": record.split.model_copy(update={"n_train": n}),
                    "metrics": Metrics(train=scores, validation=scores, test=scores),
                }
            )
            found.append(Trial(record, scores, None))
    return found


def test_it_trains_as_the_boards_do(tmp_path):
    options = RunOptions(tasks=["emt/alloys/log10_bulk_modulus"], models=["cgcnn"], profile="standard")
    jobs = plan_study(STUDY, options, [], Store(tmp_path)).jobs
    assert {job.protocol.grouped for job in jobs} == {True}
    assert all(job.rates for job in jobs)


def test_a_power_law_is_found_and_told_how_many_crystals_it_takes():
    (curve,) = learning_curves(sized(2.0, 0.5))
    assert [size.n_train for size in curve.sizes] == [100, 200, 400, 800, 1600]
    assert curve.law.b == pytest.approx(0.5)
    assert curve.law.a == pytest.approx(2.0, rel=0.01)
    assert curve.law.needed(1600, 0.5)[0] == pytest.approx(6400)
    assert PowerLaw(1.0, -0.1, None, 0.0).needed(100, 0.5) == (None, None, None)
    assert PowerLaw(1.0, 0.5, (-0.1, 1.0), 0.0).needed(100, 0.5) == (pytest.approx(400), pytest.approx(200), None)
    assert curve.law.misfit < 0.02
    flat = PowerLaw(1.0, 0.01, (0.0001, 0.02), 0.0).needed(700, 0.5)
    assert np.isfinite(flat).all() and flat[2] > 1e30


def scaled(found: list[Trial], by: Callable[[int], float]) -> list[Trial]:
    """The folds with their errors times `by` of the number of the fold, and predictions that have these errors."""
    maes = [t.scores.mae * by(t.record.key.fold) for t in found]
    scores = [Scores(mae=mae, rmse=mae, r2=0.5) for mae in maes]
    return [replace(t, scores=s, tested=with_errors(t.record.key.fold, s.mae)) for t, s in zip(found, scores, strict=True)]


def test_a_rival_is_one_whose_ratio_to_the_lowest_error_may_be_1_as_on_the_boards():
    lowest = scaled(sized(2.0, 0.5), lambda fold: 1.0)
    near = scaled(sized(2.0, 0.5, "schnet"), lambda fold: 1.01 - 3 * NOISE[fold])
    far = scaled(sized(2.0, 0.5, "megnet"), lambda fold: 1.6 + 16 * NOISE[fold])
    curves = learning_curves(lowest + near + far)
    assert [curve.model for curve in curves] == ["cgcnn", "schnet", "megnet"]
    assert lowest_and_level({curve.model: curve.sizes[-1] for curve in curves}) == ("cgcnn", ["schnet"])


def test_which_model_is_best_with_the_fewest_crystals_is_said_too(tmp_path):
    # Equal with 1,600 crystals but for a few per cent; with 100 the flat curve is far lower.
    steep, flat = scaled(sized(2.0, 0.5), lambda fold: 1.0), scaled(sized(0.08, 0.05, "schnet"), lambda fold: 1.0)
    curves = learning_curves(steep + flat)
    assert {name: size.n_train for name, size in with_fewest(curves).items()} == {"cgcnn (mini)": 100, "schnet (mini)": 100}
    opening = write_study_pages(PAGES, steep + flat, tmp_path)[0].read_text().split("\n\n")[1]
    assert "With all 1,600 training crystals of set/target, cgcnn (mini) has the lowest MAE, 0.05" in opening
    assert "With 100, schnet (mini) has the lowest MAE, 0.06" in opening


def test_errors_that_follow_no_power_law_forecast_nothing(tmp_path):
    bent = [t for t in sized(2.0, 0.5) if t.record.split.n_train != 1600]
    bent += [
        Trial(t.record, Scores(mae=0.02, rmse=0.02, r2=0.5), None) for t in sized(2.0, 0.5) if t.record.split.n_train == 1600
    ]
    text = write_study_pages(PAGES, bent, tmp_path)[0].read_text()
    assert "lower error of cgcnn (mini) would take is not forecast" in text.split("\n\n")[1]
    (row,) = [line for line in text.splitlines() if line.startswith("| cgcnn (mini) ") and "%" in line and "±" not in line]
    assert row.split("|")[-2].strip() == ""


def test_the_learning_page_orders_the_models_and_forecasts(tmp_path):
    found = sized(2.0, 0.5) + sized(0.3, 0.1, "schnet")
    page, *files = write_study_pages(PAGES, found, tmp_path)
    text = page.read_text()
    opening = text.split("\n\n")[1]
    assert opening.startswith("With all 1,600 training crystals of set/target, cgcnn (mini) has the lowest MAE")
    assert (
        "Twice the training crystals change the MAE of cgcnn (mini) by -29" in opening
        and "Half the error of cgcnn (mini) would take 6,400" in opening
    )
    assert text.count("## mini, kfold(5), seed 0") == 1
    assert "- 1,606 crystals" in text and "train 1/" not in text
    assert "table.csv" in {file.name for file in files}
    json.dumps(json_rows(found))


def test_a_curve_that_was_stopped_before_all_crystals_is_not_ranked_with_the_others(tmp_path):
    stopped = [t for t in sized(0.02, 0.1, "schnet") if t.record.split.n_train < 1600]
    text = write_study_pages(PAGES, sized(2.0, 0.5) + stopped, tmp_path)[0].read_text()
    assert text.split("\n\n")[1].startswith("With all 1,600 training crystals of set/target, cgcnn (mini) has the lowest MAE")
    begun = [t for t in stopped if t.record.split.n_train < 800 or t.record.key.fold < 2]
    text = write_study_pages(PAGES, begun, tmp_path)[0].read_text()
    assert text.split("\n\n")[1].endswith("So no model is the best one. Nothing is forecast.")
    assert "(2 of 5 folds)" in text and "crystals for MAE" not in text


def test_a_learning_curve_is_planned_run_and_settled(benchmark_command, small_folder, tmp_path):
    store = Store(tmp_path / "runs" / "studies" / "learning-curve")
    request = RunOptions(tasks=[str(small_folder)], models=["dummy"], profile="smoke", folds=2)
    plan = plan_study(STUDY, request, [], store)
    for job in plan.todo:
        execute(job, store, observer=STUDY.observer)
    (curve,) = learning_curves(read_trials(store, None, pytest.fail))
    # 13 of 30 crystals are for training.
    assert [size.n_train for size in curve.sizes] == [1, 2, 4, 7, 13]
    arguments = ("study", "learning-curve", "--dataset", small_folder, "--model", "dummy", "--folds", "2", "--profile", "smoke")
    jobs = json.loads(benchmark_command(*arguments, "--dry-run", "--json").stdout)["jobs"]
    assert len(jobs) == 10 and all(job["done"] for job in jobs)
    refused = benchmark_command(*arguments, "--layers", "4")
    assert refused.returncode == 2 and "--layers has no meaning" in refused.stderr


def test_full_size_folds_of_a_board_are_taken_and_not_trained_again(benchmark_command, small_folder, tmp_path):
    arguments = ("--dataset", small_folder, "--model", "dummy", "--folds", "2", "--profile", "smoke")
    study = ("study", "learning-curve", *arguments)
    assert benchmark_command("run", *arguments).returncode == 0
    planned = json.loads(benchmark_command(*study, "--dry-run", "--json").stdout)["jobs"]
    assert sum(job["done"] for job in planned) == 2
    curves = Store(tmp_path / "runs" / "studies" / "learning-curve")
    assert not curves.paths()
    assert benchmark_command(*study).returncode == 0
    board = {record.key.fold: record for record in Store(tmp_path / "runs").records()}
    whole = [trial.record for trial in read_trials(curves, None, pytest.fail) if "train" not in trial.record.key.protocol]
    assert {record.key.fold: record for record in whole} == board and len(board) == 2
    # A fold that failed here, or of another split, makes place for the board's.
    path = curves.path(whole[0].key)
    for broken in (whole[0].model_copy(update={"status": "failed", "reason": "broken"}), with_other_split(whole[0])):
        path.write_text(broken.model_dump_json())
        assert benchmark_command(*study).returncode == 0
        assert curves.read(path) == whole[0]
    elsewhere = benchmark_command(*study, "--out", tmp_path / "typo", "--resume")
    assert elsewhere.returncode == 2 and "nothing to resume" in elsewhere.stderr


def with_other_split(record: Record) -> Record:
    return record.model_copy(update={"split": record.split.model_copy(update={"train_sha256": 64 * "0"})})
