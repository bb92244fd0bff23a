from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import numpy as np
import pytest

from benchmark.harness.execution import execute
from benchmark.harness.plan import RunOptions
from benchmark.results.store import Store
from benchmark.studies.omee_et_al import SETTINGS_TASK
from benchmark.studies.pages import write_study_pages
from benchmark.studies.planning import plan_study
from benchmark.studies.published import read_trials
from benchmark.studies.sensitivity.conclusions import FACTORS, models
from benchmark.studies.sensitivity.page import PAGES, figures, json_rows, published
from benchmark.studies.sensitivity.study import STUDY
from benchmark.studies.trials import Trial
from benchmark.tasks.metrics import Metrics, Scores
from datasets.errors import InputError
from models.registry import get
from tests.benchmark.results.test_store import failed, make

CENTRE = {
    "epochs": 3, "n_layers": 10, "dropout": 0.0, "learning_rate": 0.005, "batch_size": 32, "activation": "softplus",
    "cutoff": 8.0, "k": 12,
}  # fmt: skip


def folds(
    mae: float, model: str = "deeper-gatgnn", without: tuple[str, ...] = (), status: str = "complete", **changes: Any
) -> list[Trial]:
    """Three seeds of five folds around a mean MAE; what makes a fold hard is shared by all settings."""
    shared, own = np.random.default_rng(0), np.random.default_rng([1, *str(changes).encode()])
    found = []
    for seed in range(3):
        for fold in range(5):
            record, _ = make(fold, model)
            settings = {name: value for name, value in {**CENTRE, **changes}.items() if name not in without}
            value = mae + 0.005 * shared.standard_normal() + 0.001 * own.standard_normal()
            scores = Scores(mae=value, rmse=value, r2=0.5)
            key = record.key.model_copy(update={"settings": settings, "seed": seed})
            if status != "complete" and (seed, fold) == (0, 0):
                found.append(Trial(failed(fold, status=status, key=key, changed=changes), None, None))
                continue
            metrics = Metrics(train=scores, validation=scores, test=scores)
            update = {"key": key, "metrics": metrics, "changed": changes}
            found.append(Trial(record.model_copy(update=update), scores, None))
    return found


def around() -> list[Trial]:
    """Dropout and ReLU hurt, a smaller learning rate helps, the neighbours do nothing."""
    return [
        *folds(0.1), *folds(0.13, dropout=0.5), *folds(0.11, dropout=0.1), *folds(0.12, activation="relu"),
        *folds(0.09, learning_rate=0.001), *folds(0.1002, k=16), *folds(0.0999, k=8),
    ]  # fmt: skip


def test_the_centre_is_run_once_and_every_other_value_alone():
    spec = get("deeper-gatgnn")
    settings = spec.settings("mini")
    centre, *others = [entry.settings for entry in STUDY.models_to_run(spec, settings, [])]
    assert centre == settings
    turned = [
        [(f.name, getattr(other, f.name)) for f in fields(other) if getattr(other, f.name) != getattr(centre, f.name)]
        for other in others
    ]
    wanted = [[(factor, value)] for factor, values in FACTORS.items() for value in values if value != getattr(settings, factor)]
    assert turned == wanted and len(turned) == sum(map(len, FACTORS.values())) - len(FACTORS)


def test_a_factor_that_a_model_does_not_have_is_left_out():
    spec = get("megnet")
    made = STUDY.models_to_run(spec, spec.settings("mini"), [])
    assert all(entry.settings.cutoff for entry in made)
    assert len(made) == 1 + sum(v != getattr(made[0].settings, f) for f in ("learning_rate", "batch_size", "cutoff")
                                for v in FACTORS[f])  # fmt: skip


def test_every_value_is_trained_on_the_same_folds_of_each_seed(small_folder, tmp_path, few_factors):
    request = RunOptions(tasks=[str(small_folder)], models=["gatgnn-mdl"], profile="smoke", folds=2, seed=4)
    plan = plan_study(STUDY, request, [], Store(tmp_path))
    counts = Counter((job.settings.dropout, job.settings.activation) for job in plan.todo)
    assert counts == {(0.0, "softplus"): 6, (0.5, "softplus"): 6, (0.0, "relu"): 6}
    for settings in {job.settings for job in plan.todo}:
        assert [(j.seed, j.fold) for j in plan.todo if j.settings == settings] == [(s, f) for s in (4, 5, 6) for f in (0, 1)]


def test_rows_are_judged_against_the_centre_over_all_seeds():
    (model,) = models(around())
    assert {(row.factor, row.value): row.judged for row in model.levels} == {
        ("dropout", 0.1): "worse", ("dropout", 0.5): "worse", ("learning_rate", 0.001): "better",
        ("activation", "relu"): "worse", ("k", 8): "undecided", ("k", 16): "undecided",
    }  # fmt: skip
    assert [row.value for row in model.of("dropout")] == [0.0, 0.1, 0.5]
    assert len(model.centre.maes) == 15 and model.centre.mae_std == pytest.approx(np.std([*model.centre.maes.values()], ddof=1))
    (half,) = [row for row in model.levels if row.value == 0.5]
    common = [np.log(half.folds.maes[fold] / model.centre.maes[fold]) for fold in model.centre.maes]
    assert half.change.relative == pytest.approx(np.exp(np.mean(common)) - 1)
    # 1/15 + n_test / n_train of the records, 4/10.
    width = np.log((1 + half.change.interval[1]) / (1 + half.change.relative))
    assert width == pytest.approx(2.144787 * np.sqrt((1 / 15 + 0.4) * np.var(common, ddof=1)), rel=1e-5)


def test_the_page_opens_with_what_matters_what_is_best_and_what_does_nothing(tmp_path):
    found = around() + folds(0.2, "megnet", ("dropout", "activation", "k")) + folds(
        0.3, "megnet", ("dropout", "activation", "k"), cutoff=4.0
    )  # fmt: skip
    page, *files = write_study_pages(PAGES, found, tmp_path)
    text = page.read_text()
    opening = text.split("\n\n")[1]
    assert (
        "On set/target, dropout matters most for deeper-gatgnn (mini): the MAE with 0.5 is higher than with 0 by 3" in opening
    )
    assert "cutoff matters most for megnet (mini): the MAE with 4 is higher than with 8" in opening
    assert re.search(
        r"of deeper-gatgnn \(mini\) is 0\.0[89]\d+ ± [0-9.]+ eV, with learning_rate 0\.001: -\d.*, shown to be better", opening
    )
    assert re.search(r"of megnet \(mini\) is 0\.(19|20)\d* ± [0-9.]+ eV, with the profile's settings", opening)
    assert "No value is shown to be better or worse of k in deeper-gatgnn (mini)." in opening
    assert "It has no setting dropout, activation and k; nothing was varied there." in text
    assert "seed 0, 1 and 2" in text and "study sensitivity" in text and "--seed 0 --device cpu`" in text
    assert len(re.findall(r"^\| centre", text, re.MULTILINE)) == 2
    assert {file.name for file in files} >= {"factors.png", "figures.html", "table.csv"}
    assert len((page.with_suffix("") / "table.csv").read_text().splitlines()) == 1 + len(found)
    json.dumps(json_rows(found))


def test_nothing_measurable_is_said_where_nothing_is(tmp_path):
    text = write_study_pages(PAGES, [*folds(0.1), *folds(0.1001, k=16)], tmp_path)[0].read_text()
    assert "though no value differs significantly" in text.split("\n\n")[1]


def test_a_value_that_diverges_is_a_row_and_never_the_best(tmp_path):
    found = [*folds(0.1), *folds(0.05, learning_rate=0.01, status="diverged")]
    (model,) = models(found)
    assert [row.judged for row in model.levels] == ["diverges"]
    text = write_study_pages(PAGES, found, tmp_path)[0].read_text()
    opening = text.split("\n\n")[1]
    assert "with the profile's settings" in opening and "with learning_rate 0.01 in deeper-gatgnn (mini) it diverges" in opening
    assert "diverged in 1 of 15: it broke" in text


def test_a_value_of_which_seeds_are_missing_is_never_the_best(tmp_path):
    begun = [t for t in folds(0.05, learning_rate=0.01) if t.record.key.seed == 0]
    (model,) = models([*folds(0.1), *folds(0.11, k=8), *begun])
    assert {row.factor: row.folds.scored for row in model.levels} == {"learning_rate": False, "k": True}
    text = write_study_pages(PAGES, [*folds(0.1), *folds(0.11, k=8), *begun], tmp_path)[0].read_text()
    assert "with the profile's settings" in text.split("\n\n")[1]


def test_what_was_published_is_compared_by_the_numbers(tmp_path):
    found = [*around(), *folds(0.0998, batch_size=100), *folds(0.0997, cutoff=6.0)]
    lines = list(published("set/target", models(found)))
    assert "softplus 0.1298, relu 0.1514, leaky-relu 0.1511" in lines[0]
    assert lines[1] == "Here: deeper-gatgnn (mini) with 10 layers on set/target."
    by_factor = {line.split(":")[0]: line for line in lines[2:]}
    assert by_factor["dropout"] == "dropout: best 0; here best as well (agrees)."
    assert "0.001 is best, and 0.005 +1" in by_factor["learning_rate"] and "(disagrees)" in by_factor["learning_rate"]
    assert "(agrees)" in by_factor["activation"]
    assert "6 is best, and 8 " in by_factor["cutoff"] and "(does not contradict)" in by_factor["cutoff"]
    assert list(published("set/target", models(folds(0.1))))[2:] == [
        f"{name}: best {best}; here not measured." for name, best in
        (("dropout", "0"), ("learning_rate", "0.005"), ("batch_size", "100"), ("activation", "softplus"), ("cutoff", "8"))
    ]  # fmt: skip
    assert list(published("set/target", models(folds(0.1, "schnet"))))[1] == "deeper-gatgnn was not run here."


def test_the_published_activations_are_drawn_on_their_task_alone():
    made = models(around())
    drawn = {
        task: [line.published for panel in figures(task, made)[0].panels if panel.title == "activation" for line in panel.lines]
        for task in (SETTINGS_TASK, "set/target")
    }
    assert drawn == {SETTINGS_TASK: [False, True], "set/target": [False]}


@pytest.fixture
def few_factors() -> Iterator[None]:
    """Two factors with one other value each; then all of them again, in their order."""
    before = dict(FACTORS)
    few = {"dropout": (0.0, 0.5), "activation": ("softplus", "relu")}
    FACTORS.clear()
    FACTORS.update({name: few[name] for name in before if name in few})
    yield
    FACTORS.clear()
    FACTORS.update(before)


def numbers(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What `--json` prints but the times."""
    return [{name: value for name, value in row.items() if name != "training_s"} for row in rows]


def test_a_study_that_is_killed_and_resumed_gives_the_same_report(
    benchmark_command, small_folder, tmp_path, monkeypatch, few_factors
):
    monkeypatch.setattr("benchmark.harness.machine.cores", lambda: 1)
    store = Store(tmp_path / "runs" / "studies" / "sensitivity")
    arguments = (
        "study",
        "sensitivity",
        "--dataset",
        small_folder,
        "--model",
        "gatgnn-mdl",
        "--folds",
        "2",
        "--profile",
        "smoke",
    )
    run = (*arguments, "--json", "--device", "cpu", "--workers", "1")
    first = benchmark_command(*run)
    assert first.returncode == 0, first.stderr
    rows = numbers(json.loads(first.stdout))
    assert [(row["factor"], row["value"]) for row in rows] == [("centre", None), ("dropout", 0.5), ("activation", "relu")]
    assert [len(row["folds"]) for row in rows] == [6, 6, 6]
    records = store.paths()
    assert len(records) == 18
    shutil.rmtree(records[0].parent)
    records[-1].unlink()
    jobs = json.loads(benchmark_command(*arguments, "--dry-run", "--json").stdout)["jobs"]
    assert 0 < sum(not job["done"] for job in jobs) < len(jobs) == 18
    again = benchmark_command(*run)
    assert again.returncode == 0, again.stderr
    assert numbers(json.loads(again.stdout)) == rows
    assert numbers(json_rows(read_trials(store, None, pytest.fail))) == rows
    assert (tmp_path / "runs" / "sensitivity" / "mine" / "target.md").is_file()


def test_one_seed_of_a_fold_is_one_record(small_folder, tmp_path, few_factors):
    store = Store(tmp_path)
    request = RunOptions(tasks=[str(small_folder)], models=["gatgnn-mdl"], profile="smoke", folds=2)
    for job in plan_study(STUDY, request, [], store).todo[:1]:
        execute(job, store)
    plan = plan_study(STUDY, request, [], store)
    assert [(job.seed, job.fold, job.settings.dropout) for job in plan.done] == [(0, 0, 0.0)]
    assert len(plan.todo) == 17


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"settings": {"dropout": "0.1"}}, "--set dropout: the sensitivity study varies it"),
        ({"models": ["soap-svr"]}, "soap-svr is not a graph network"),
        ({"seed": 2**31 - 2}, "the study counts 3 seeds on from it"),
    ],
)
def test_wrong_use_is_one_line(small_folder, tmp_path, changes, message):
    request = RunOptions(**{"tasks": [str(small_folder)], "models": ["gatgnn-mdl"], "profile": "smoke", "folds": 2, **changes})
    with pytest.raises(InputError, match=re.escape(message)) as caught:
        plan_study(STUDY, request, [], Store(tmp_path))
    assert "\n" not in str(caught.value)
