from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from benchmark.harness.job import Job, execute
from benchmark.harness.plan import RunOptions
from benchmark.results.store import Store
from benchmark.studies.ablation import page as ablation_pages
from benchmark.studies.ablation.study import ABLATION, VARIANTS, families
from benchmark.studies.epochs import page as epochs_pages
from benchmark.studies.epochs.study import EPOCHS, EpochState, History, agreement, budgets, epochs_of, gains
from benchmark.studies.latent_space import page as latent_pages
from benchmark.studies.latent_space.study import LATENT, Latent, summarize
from benchmark.studies.learning_curve import page as learning_pages
from benchmark.studies.learning_curve.study import LEARNING_CURVE, PowerLaw, learning_curves
from benchmark.studies.study import Trial, plan_study, trials
from benchmark.tasks.folds import Protocol, make_fold
from benchmark.tasks.metrics import Metrics, Scores
from benchmark.tasks.tasks import find_tasks
from datasets.errors import InputError
from models.registry import get
from tests.benchmark.results.test_store import failed, make
from tests.benchmark.studies.test_depth import NOISE, trial

IDS = np.array([f"c{n}" for n in range(200)])


# -- ablation ---------------------------------------------------------------------------------------


def variants(maes: dict[str, float], model: str = "gatgnn-mdl") -> list[Trial]:
    """Five folds a variant around each mean MAE."""
    turned: dict[str, dict[str, Any]] = {
        "plain": {}, "+ DGN": {"norm": "group"}, "+ skip": {"skip": "single"},
        "+ DGN + skip": {"norm": "group", "skip": "single"},
        "+ DGN + skip + deep": {"norm": "group", "skip": "single"},
    }  # fmt: skip
    found = []
    for name, mae in maes.items():
        layers = 20 if "deep" in name else 5
        for fold in range(5):
            noise = NOISE[-fold if name == "+ skip" else fold]
            one = trial(layers, fold, mae * (1 + noise), model=model, **turned[name])
            changed = {k: v for k, v in one.record.changed.items() if k != "n_layers" or layers == 20}
            found.append(Trial(one.record.model_copy(update={"changed": changed}), one.scores, one.seen))
    return found


def test_every_switch_of_every_family_is_turned_once():
    for model, n in (("gatgnn-mdl", 5), ("cgcnn-mdl", 5), ("mpnn", 5), ("cgcnn", 0), ("deeper-gatgnn", 0)):
        spec = get(model)
        made = ABLATION.entries(spec, spec.settings("standard"), [])
        assert len(made) == n
    settings = [e.settings for e in ABLATION.entries(get("gatgnn-mdl"), get("gatgnn-mdl").settings("standard"), [15])]
    assert [(s.norm, s.skip, s.n_layers) for s in settings] == [
        ("batch", "none", 5), ("group", "none", 5), ("batch", "single", 5), ("group", "single", 5), ("group", "single", 15),
    ]  # fmt: skip
    doubled = ABLATION.entries(get("schnet"), get("schnet").settings("standard"), [])
    assert [e.settings.skip for e in doubled] == ["single", "single", "double", "double", "double"]


def test_a_variant_is_judged_against_the_plain_network():
    (family,) = families(variants({"plain": 0.1, "+ DGN": 0.08, "+ skip": 0.1005, "+ DGN + skip": 0.13}))
    assert [(v.name, v.judged) for v in family.variants] == [
        ("plain", ""), ("+ DGN", "better"), ("+ skip", "no different"), ("+ DGN + skip", "worse"),
    ]  # fmt: skip
    assert family.variants[1].comparison.relative == pytest.approx(-0.2)


def test_a_variant_of_which_a_fold_diverged_is_judged_by_that_and_gains_nothing(tmp_path):
    found = variants({"plain": 0.1, "+ DGN": 0.05, "+ skip": 0.101})
    last = found[9]
    assert last.record.changed == {"norm": "group"} and last.record.key.fold == 4
    key = last.record.key
    found[9] = Trial(failed(4, model="gatgnn-mdl", status="diverged", key=key, changed=last.record.changed), None, last.seen)
    (family,) = families(found)
    assert [v.judged for v in family.variants] == ["", "diverges", "no different"]
    text = ablation_pages.write_pages(found, tmp_path)[0].read_text()
    opening = text.split("\n\n")[1]
    assert "DGN is diverges" not in opening and "DGN diverges in gatgnn-mdl" in opening
    assert "gatgnn-mdl loses least, with skip" in opening
    # Of DGN alone four low errors are left: that is no place in an order.
    assert "gatgnn-mdl has not a score of every fold in all five" in text


def test_nothing_is_judged_by_a_variant_or_a_plain_network_that_lacks_folds():
    (family,) = families(variants({"plain": 0.1, "+ skip": 0.101}) + variants({"+ DGN": 0.05})[:2])
    assert [(v.name, v.judged) for v in family.variants] == [("plain", ""), ("+ DGN", ""), ("+ skip", "no different")]
    (family,) = families(variants({"plain": 0.1})[:4] + variants({"+ DGN": 0.05}))
    assert [v.comparison for v in family.variants] == [None, None]


def test_the_ablation_page_says_what_each_part_does(tmp_path):
    found = variants(dict(zip(VARIANTS, (0.1, 0.08, 0.1005, 0.07, 0.06), strict=True)))
    text = ablation_pages.write_pages(found, tmp_path)[0].read_text()
    opening = text.split("\n\n")[1]
    assert "DGN is better in gatgnn-mdl" in opening and "skip is no different in gatgnn-mdl" in opening
    assert "not the published order" in text and "0.03934" in text
    rows = ablation_pages.json_rows(found)
    assert [row["variant"] for row in rows] == list(VARIANTS)
    json.dumps(rows)


def test_a_model_without_switches_is_refused(small_folder, tmp_path):
    request = RunOptions(tasks=[str(small_folder)], models=["cgcnn"], profile="smoke", folds=2)
    with pytest.raises(InputError, match="cgcnn has nothing to take away; choose among gatgnn-mdl"):
        plan_study(ABLATION, request, [], Store(tmp_path))
    request = replace(request, models=["schnet"])
    with pytest.raises(InputError, match="one deep variant; name one depth"):
        plan_study(ABLATION, request, [10, 20], Store(tmp_path))
    with pytest.raises(InputError, match="--set n_layers: the ablation study varies it"):
        plan_study(ABLATION, replace(request, settings={"n_layers": "5"}), [], Store(tmp_path))


def test_two_deep_variants_of_one_store_stay_apart(tmp_path):
    deeper = [
        Trial(
            t.record.model_copy(
                update={
                    "key": t.record.key.model_copy(update={"settings": {**t.record.key.settings, "n_layers": 30}}),
                    "changed": {**t.record.changed, "n_layers": 30},
                }
            ),
            t.scores,
            None,
        )
        for t in variants({"+ DGN + skip + deep": 0.3})
    ]
    found = variants({"plain": 0.1, "+ DGN + skip + deep": 0.2}) + deeper
    (family,) = families(found)
    assert [variant.name for variant in family.variants] == [
        "plain", "+ DGN + skip + deep (20 layers)", "+ DGN + skip + deep (30 layers)",
    ]  # fmt: skip
    assert [len(variant.point.trials) for variant in family.variants] == [5, 5, 5]
    ablation_pages.write_pages(found, tmp_path)


# -- learning curves --------------------------------------------------------------------------------


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
    assert str(Protocol("kfold", 5, True, 4)) == "kfold(5, grouped, train 1/4)"
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


def test_errors_that_follow_no_power_law_forecast_nothing(tmp_path):
    bent = [t for t in sized(2.0, 0.5) if t.record.split.n_train != 1600]
    bent += [
        Trial(t.record, Scores(mae=0.02, rmse=0.02, r2=0.5), None) for t in sized(2.0, 0.5) if t.record.split.n_train == 1600
    ]
    text = learning_pages.write_pages(bent, tmp_path)[0].read_text()
    assert "The errors of cgcnn follow no power law" in text.split("\n\n")[1]
    (row,) = [line for line in text.splitlines() if line.startswith("| cgcnn ") and "(" in line and "±" not in line]
    assert row.split("|")[-2].strip() == ""


def test_the_learning_page_orders_the_models_and_forecasts(tmp_path):
    found = sized(2.0, 0.5) + sized(0.3, 0.1, "schnet")
    page, *files = learning_pages.write_pages(found, tmp_path)
    text = page.read_text()
    opening = text.split("\n\n")[1]
    assert opening.startswith("With all 1,600 training crystals of set/target cgcnn has the lowest MAE")
    assert "The error falls fastest for cgcnn" in opening and "Half the error of cgcnn would take 6,400" in opening
    assert text.count("## mini, kfold(5), seed 0") == 1
    assert "- 1,606 crystals" in text and "train 1/" not in text
    assert "table.csv" in {file.name for file in files}
    json.dumps(learning_pages.json_rows(found))


def test_a_curve_that_was_stopped_before_all_crystals_is_not_ranked_with_the_others(tmp_path):
    stopped = [t for t in sized(0.02, 0.1, "schnet") if t.record.split.n_train < 1600]
    text = learning_pages.write_pages(sized(2.0, 0.5) + stopped, tmp_path)[0].read_text()
    assert text.split("\n\n")[1].startswith("With all 1,600 training crystals of set/target cgcnn has the lowest MAE")
    begun = [t for t in stopped if t.record.split.n_train < 800 or t.record.key.fold < 2]
    text = learning_pages.write_pages(begun, tmp_path)[0].read_text()
    assert text.split("\n\n")[1].endswith("So no model is the best one. Nothing is forecast.")
    assert "(2 of 5 folds)" in text and "crystals for MAE" not in text


def test_a_learning_curve_is_planned_run_and_settled(benchmark_command, small_folder, tmp_path):
    store = Store(tmp_path / "runs" / "studies" / "learning-curve")
    request = RunOptions(tasks=[str(small_folder)], models=["dummy"], profile="smoke", folds=2)
    plan = plan_study(LEARNING_CURVE, request, [], store)
    for job in plan.todo:
        execute(job, store, observer=LEARNING_CURVE.observer)
    (curve,) = learning_curves(trials(LEARNING_CURVE, store, None, pytest.fail))
    # 13 of 30 crystals are for training.
    assert [size.n_train for size in curve.sizes] == [1, 2, 4, 7, 13]
    arguments = ("study", "learning-curve", "--dataset", small_folder, "--model", "dummy", "--folds", "2", "--profile", "smoke")
    jobs = json.loads(benchmark_command(*arguments, "--dry-run", "--json").stdout)["jobs"]
    assert len(jobs) == 10 and all(job["done"] for job in jobs)
    refused = benchmark_command(*arguments, "--layers", "4")
    assert refused.returncode == 2 and "--layers has no meaning" in refused.stderr


# -- epochs -----------------------------------------------------------------------------------------


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
            found.append(Trial(record, scores, History(model_fingerprint="f" * 64, epochs=states)))
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
    assert tests["cgcnn", 5][1] < 0.05 and tests["schnet", 5][1] == 1
    text = epochs_pages.write_pages(found, tmp_path)[0].read_text()
    opening = text.split("\n\n")[1]
    assert "where two or more have it: schnet at 5, cgcnn at 20; Kendall's τ with the last ranking is -1.00" in opening
    assert "significantly lower error than a smaller one for cgcnn; for 1 more" in opening
    json.dumps(epochs_pages.json_rows(found))


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
    text = epochs_pages.write_pages(found + budgeted("mpnn", {20: 0.01}, 1.0)[:2], tmp_path)[0].read_text()
    table = text.split("### Rankings")[1].split("### Every budget")[0]
    ranked = {line.split("|")[1].strip(): line for line in table.splitlines() if "±" in line}
    assert ["(1)" in ranked["cgcnn"], "(2)" in ranked["schnet"], "(" in ranked["mpnn"]] == [True, True, False]


def test_a_budget_that_lacks_folds_is_not_compared(tmp_path):
    begun = budgeted("mpnn", {5: 0.2}, 1.0) + budgeted("mpnn", {20: 0.1}, 1.0)[:3]
    found = budgeted("cgcnn", {5: 0.2, 20: 0.15}, 1.0) + begun
    assert list(gains(budgets(found))) == [("cgcnn", 5)]
    opening = epochs_pages.write_pages(found, tmp_path)[0].read_text().split("\n\n")[1]
    assert "cgcnn (epoch 4)" in opening and "mpnn" not in opening.split(". ")[0] and "one for cgcnn; for 0 more" in opening


def test_budgets_are_shares_of_the_profile():
    settings = get("cgcnn").settings("standard")
    assert [e.settings.epochs for e in EPOCHS.entries(get("cgcnn"), settings, [])] == [8, 15, 30]


def test_all_models_that_have_epochs_take_a_budget_and_the_others_are_refused_by_name(small_folder, tmp_path):
    request = RunOptions(tasks=[str(small_folder)], settings={"epochs": "4"}, profile="smoke", folds=2)
    plan = plan_study(EPOCHS, request, [], Store(tmp_path))
    assert {job.settings.epochs for job in plan.jobs} == {1, 2, 4}
    models = {job.model for job in plan.jobs}
    assert {"cgcnn", "soap-mlp"} < models and models.isdisjoint({"dummy", "soap-svr"})
    with pytest.raises(InputError, match="dummy is not trained in epochs by the shared recipe; leave it out"):
        plan_study(EPOCHS, replace(request, models=["dummy"]), [], Store(tmp_path))
    with pytest.raises(InputError, match="dummy: unknown setting 'epochs'"):
        plan_study(LEARNING_CURVE, replace(request, models=["cgcnn", "dummy"]), [], Store(tmp_path))


def test_the_history_of_a_fold_lies_beside_its_record(small_folder, tmp_path):
    job = Job(find_tasks(str(small_folder))[0], "cgcnn", get("cgcnn").settings("smoke"), "smoke", Protocol("kfold", 2), 0, 0)
    store = Store(tmp_path)
    record = execute(job, store, observer=EPOCHS.observer)
    history = History.model_validate_json(store.beside(record.key, "history").read_bytes())
    assert [epoch.number for epoch in history.epochs] == [1, 2]
    assert min(epoch.validation_mae for epoch in history.epochs) == pytest.approx(record.metrics.validation.mae, rel=1e-5)


# -- latent space -----------------------------------------------------------------------------------


def test_a_space_that_is_the_target_predicts_it_and_one_of_noise_does_not():
    rng = np.random.default_rng(0)
    train, test = rng.uniform(0, 1, 300), rng.uniform(0, 1, 60)
    ids = np.array([f"c{n}" for n in range(60)])

    def seen(known: np.ndarray, new: np.ndarray) -> Latent:
        return Latent(model_fingerprint="f" * 64, **summarize(known, train, new, test, ids))

    exact = seen(*(np.column_stack([t, 2 * t, -t]) for t in (train, test)))
    noise = seen(rng.normal(size=(300, 3)), rng.normal(size=(60, 3)))
    assert exact.knn_mae < 0.01 < 0.2 < exact.mean_mae
    assert noise.knn_mae > 0.9 * noise.mean_mae
    assert exact.silhouette > 0.3 > 0.05 > noise.silhouette
    assert exact.explained == pytest.approx(1) and exact.trustworthiness_pca > 0.99
    assert [len(exact.crystals), exact.width, exact.crystals[0].id] == [60, 3, "c0"]


def test_the_latent_space_of_a_fold_is_kept_and_its_page_made(small_folder, tmp_path):
    settings = get("deeper-gatgnn").settings("smoke", {"n_layers": "2"})
    job = Job(find_tasks(str(small_folder))[0], "deeper-gatgnn", settings, "smoke", Protocol("kfold", 2), 0, 0)
    store = Store(tmp_path)
    record = execute(job, store, observer=LATENT.observer)
    (found,) = trials(LATENT, store, Latent, pytest.fail)
    assert found.record == record and found.seen.reason is None
    assert len(found.seen.crystals) == 15 and found.seen.width == 16
    page, *_ = latent_pages.write_pages([found], tmp_path / "reports")
    assert "No network on mine/target has a latent space that was seen in every fold." in page.read_text()
    execute(replace(job, fold=1), store, observer=LATENT.observer)
    both = list(trials(LATENT, store, Latent, pytest.fail))
    page, *files = latent_pages.write_pages(both, tmp_path / "reports")
    opening = page.read_text().split("\n\n")[1]
    assert "nearest" in opening and opening.count(". ") == 2
    assert {f.name for f in files} >= {"latent.png", "figures.html", "table.csv"}
    json.dumps(latent_pages.json_rows(both))
