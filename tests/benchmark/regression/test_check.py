"""`python -m benchmark check` as a person meets it: on a small regression set, trained in this process."""

from __future__ import annotations

import json
import math
import re
import shutil
from collections import Counter
from contextlib import contextmanager
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from benchmark.cli.shared import short_trainings
from benchmark.harness import machine
from benchmark.harness.execution import execute
from benchmark.harness.job import load_task
from benchmark.regression import check, loss_test, page, seeds, trainings, update
from benchmark.regression.baseline import read_baseline
from benchmark.regression.before import code_of
from benchmark.regression.train_before import once
from benchmark.regression.trainings import ShortTraining
from benchmark.results.store import Store
from benchmark.tasks import folds
from models import registry
from models.graph.message_passing import add_parts, sum_incoming
from models.zoo import cgcnn
from tests.benchmark.cli.test_main import one_line_error
from tests.benchmark.conftest import ROOT, write_folder
from tests.benchmark.constructed import write_run, write_sources

EVERY = registry.registered()
UPDATE = ("check", "--seeds", "6", "--update-baseline", "the first baseline")
TASK = "mine/target"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_folder(tmp_path_factory.mktemp("regression") / "mine", 80)


def only_task(monkeypatch, folder):
    monkeypatch.setattr(trainings, "TRAINED_SETS", (str(folder),))
    for module in (trainings, check, update):
        monkeypatch.setattr(module, "REGRESSION_SETS", (str(folder),))


def in_this_process(jobs, store, on_progress, on_record):
    """What `run_jobs` does, without its workers, which know no patch."""
    records = [execute(job, store) for job in jobs]
    for job, record in zip(jobs, records, strict=True):
        on_record(job, record)
    return records


@pytest.fixture
def small_set(folder, monkeypatch):
    """One task of 80 crystals, six seeds; trained in this process."""
    only_task(monkeypatch, folder)
    monkeypatch.setattr(trainings, "run_jobs", in_this_process)
    monkeypatch.setattr(loss_test, "FEWEST_SEEDS", 6)
    load_task.cache_clear()


@pytest.fixture
def models(monkeypatch):
    """Makes these the only registered models."""

    def only(*names: str) -> None:
        monkeypatch.setattr(registry, "registered", lambda: {name: EVERY[name] for name in names})

    only("cgcnn", "dummy")
    return only


@pytest.fixture
def noisy(small_set, models, monkeypatch):
    """No training: an error of 0.1 with 0.5 % of noise, times the factor of a model; None stands for a failure."""
    factors: dict[str, float | None] = {}
    costs = {"time": 1.0, "memory": 1.0}
    noise: dict[str, float] = {}

    def train(jobs, on_done=lambda: None):
        found = []
        for job in jobs:
            factor = factors.get(job.model, 1.0)
            mae = factor and 0.1 * factor * math.exp(
                noise.get(job.model, 0.005) * np.random.default_rng([job.training_seed, len(job.model)]).normal()
            )
            reason = None if factor else "the loss is nan in epoch 1; lower the learning rate"
            cost = (2.0 + job.training_seed / 10) * costs["time"], int(5e8 * costs["memory"])
            found.append(ShortTraining(job.model, job.task.name, job.training_seed, mae, reason, *cost))
            on_done()
        trained.append(len(jobs))
        return found

    trained: list[int] = []
    monkeypatch.setattr(trainings, "run_trainings", train)
    monkeypatch.setattr("benchmark.harness.machine.uncommitted", lambda root=None: train.uncommitted)
    monkeypatch.setattr(seeds, "slower_now", lambda workers: 1.0)
    train.uncommitted = []
    train.factors, train.costs, train.noise, train.trained = factors, costs, noise, trained
    return train


@pytest.fixture
def before(noisy, tmp_path, monkeypatch):
    """Trains the code of a commit, whose errors have no factor, in this process; lists the seeds that it was asked for."""

    @contextmanager
    def code_of(commit):
        yield ROOT

    @contextmanager
    def trained_before(code, models, begins):
        train = once(trainings.run_trainings)

        def made(seeds):
            asked.append(seeds)
            after = dict(noisy.factors)
            noisy.factors.clear()
            baseline = update.update_baseline("before", models, None, None, train, seeds or 6)
            noisy.factors.update(after)
            return baseline

        yield made

    asked: list[int | None] = []
    monkeypatch.setattr("benchmark.regression.before.code_of", code_of)
    monkeypatch.setattr("benchmark.regression.before.trained_before", trained_before)
    (tmp_path / "leaderboards").mkdir()
    shutil.copy(ROOT / "leaderboards" / "baseline.json", tmp_path / "leaderboards")
    return asked


def rows(done, subject: str) -> list[dict]:
    return [row for row in json.loads(done.stdout)["rows"] if row["subject"] == subject]


# -- what is compared --------------------------------------------------------------------------------


def test_a_change_is_told_from_the_machine_by_the_code_before_it(benchmark_command, noisy, before):
    noisy.uncommitted = ["models/zoo/cgcnn.py"]
    against = ("check", "--model", "cgcnn", "--against", "HEAD")
    done = benchmark_command(*against)
    assert done.returncode == 0 and before == [2], "the same numbers with two seeds are enough"
    assert "Same numbers as the code of HEAD: 1 model, cgcnn." in done.stdout.splitlines()
    asked = r"else \d+ (s|min) to \d+ min, as the noise of the model asks"
    told = rf"training the code of HEAD and yours: about \d+ s if the numbers are the same; {asked}$"
    assert re.match(told, done.stderr.splitlines()[0])
    noisy.factors["cgcnn"] = 1.3
    noisy.trained.clear()
    worse = benchmark_command(*against)
    assert worse.returncode == 1 and before == [2, 2, None], "other numbers need as many seeds as their noise asks for"
    assert [n for n in noisy.trained if n] == [2, 2, 4, 4], "each seed of each code is trained once"
    more = "other numbers than the code of HEAD: cgcnn. Both codes train as many seeds as the noise asks for: about "
    assert more in worse.stderr
    verdict = r"cgcnn is worse: \+\d\d\.\d % \(p < 0\.001\)"
    assert re.fullmatch(rf"{verdict}\.", worse.stdout.splitlines()[0])
    assert re.search(rf"{verdict}$", worse.stderr.strip().splitlines()[-1])
    assert f"Trained on: {TASK}." in worse.stdout and worse.stdout.count(TASK) == 2, "there and in the row of its folds"
    assert "6 seeds; p < 0.001\n" in worse.stdout, "one set needs no change of its own"
    assert "The code of HEAD was trained on this machine too: other numbers come from what you changed since." in worse.stdout
    assert "Possible reasons" not in worse.stdout


def test_a_change_that_breaks_the_model_ends_before_the_code_of_the_commit_is_trained(benchmark_command, noisy, before):
    noisy.factors["cgcnn"] = None
    done = benchmark_command("check", "--model", "cgcnn", "--against", "HEAD")
    assert done.returncode == 1 and before == [] and noisy.trained == [2]
    reason = f"cgcnn cannot be trained: {TASK}, seed 0: the loss is nan in epoch 1; lower the learning rate"
    assert done.stdout.splitlines()[0] == f"{reason}."
    assert reason in done.stderr.splitlines()[-1]


def test_a_commit_that_is_not_there_is_told_before_any_time(benchmark_command, noisy, before, monkeypatch):
    monkeypatch.setattr("benchmark.regression.before.code_of", code_of)
    assert "--against nosuch: " in one_line_error(benchmark_command("check", "--model", "cgcnn", "--against", "nosuch"))
    assert noisy.trained == []


def test_of_a_model_that_the_baseline_lacks_no_seconds_are_told(benchmark_command, noisy, before, models, tmp_path):
    path = tmp_path / "leaderboards" / "baseline.json"
    text = json.loads(path.read_text())
    del text["models"]["cgcnn"]
    path.write_text(json.dumps(text))
    done = benchmark_command("check", "--model", "cgcnn", "--against", "HEAD")
    assert done.returncode == 0, done.stderr
    same = "2 seeds each if the numbers are the same; else minutes (the baseline has no times of cgcnn)"
    assert done.stderr.splitlines()[0] == f"training the code of HEAD and yours: {same}"


def test_settings_of_the_baseline_that_changed_since_are_trained_anew(benchmark_command, noisy, before, tmp_path):
    path = tmp_path / "leaderboards" / "baseline.json"
    text = json.loads(path.read_text())
    text["models"]["cgcnn"]["changed"] = {"epochs": "3"}
    path.write_text(json.dumps(text))
    assert benchmark_command("check", "--model", "cgcnn", "--against", "HEAD").returncode == 0
    assert [n for n in noisy.trained if n] == [2, 2, 2], "the first seeds were trained with 3 epochs"


def test_the_start_of_workers_is_not_taken_for_training(monkeypatch):
    clock = iter([0.0, 0.0, 20.0, 21.0, 21.0])
    monkeypatch.setattr(short_trainings.time, "monotonic", lambda: next(clock))

    def train(jobs, on_done):
        on_done()
        on_done()
        return [ShortTraining("cgcnn", TASK, seed, 0.1, None, 2.0, None, wall_s) for seed, wall_s in enumerate((3.0, 2.0))]

    monkeypatch.setattr(trainings, "run_trainings", train)
    with short_trainings.short_trainings(quiet=True, codes=2) as shown:
        shown.trainer("your code")((SimpleNamespace(workers=2),) * 2)
        assert (shown.pace_s, shown.start_s) == (1.0, 19.0)
        assert shown.seconds(47) == 2 * 47 - 2
        assert shown.seconds(47, starts=3) == 2 * 47 - 2 + 3 * 19


def test_no_total_is_shown_while_the_noise_has_not_decided_it(monkeypatch, capsys):
    clock = iter(range(0, 9999, 40))
    monkeypatch.setattr(short_trainings.time, "monotonic", lambda: float(next(clock)))
    with short_trainings.short_trainings(quiet=False, codes=2) as shown:
        shown.expected = 49
        done = shown.begins("the code of HEAD")(12)
        done()
        done()
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("short trainings with the code of HEAD: 2 after 1 min, ")


def test_without_a_terminal_a_line_a_minute_says_whose_code_trains_and_the_time_left(benchmark_command, monkeypatch, capsys):
    clock = iter(range(0, 9999, 40))
    monkeypatch.setattr(short_trainings.time, "monotonic", lambda: float(next(clock)))
    with short_trainings.short_trainings(quiet=False, codes=2) as shown:
        for whose in ("the code of HEAD", "your code"):
            done = shown.begins(whose)(2)
            done()
            done()
    assert capsys.readouterr().err.splitlines() == [
        "short trainings with the code of HEAD: 2 of 2 after 1 min, 80 s left",
        "short trainings with your code: 1 of 2 after 2 min",
    ]


@pytest.mark.parametrize(
    ("factor", "code", "verdict"),
    [
        (1.0, 0, "Same numbers as"),
        (1.0015, 0, "Other numbers"),
        (0.7, 0, "better"),
        (1.3, 1, "is worse"),
        (None, 1, "cannot be"),
    ],
)
def test_every_ending_is_on_the_page_in_the_words_of_the_report(benchmark_command, noisy, before, factor, code, verdict):
    noisy.factors["cgcnn"] = factor
    done = benchmark_command("check", "--model", "cgcnn", "--against", "HEAD")
    table = (ROOT / "docs" / "check-a-change.md").read_text(encoding="utf-8").split("## ")[0].splitlines()
    (row,) = [line for line in table if line.startswith("|") and verdict in line]
    assert all(words in done.stdout for words in re.findall("`([^`]+)`", row)), done.stdout
    assert row.split("|")[3].strip() == str(done.returncode) == str(code)


def test_unchanged_code_passes_and_is_done_after_two_seeds_if_quick(benchmark_command, noisy):
    assert benchmark_command(*UPDATE).returncode == 0
    noisy.trained.clear()
    done = benchmark_command("check", "--quick")
    assert done.returncode == 0, done.stderr
    assert noisy.trained == [4, 0]
    assert [line.split()[-3:] for line in done.stdout.splitlines() if line.startswith("cgcnn")] == [["same", "2", "seeds"]]
    verdict, undone, folds_line, models_line, *_ = done.stdout.splitlines()
    assert undone == "The code has no uncommitted changes."
    assert "on a machine of the baseline (" in done.stderr.splitlines()[1]
    assert verdict == "No model is shown to be worse.", "the same numbers leave no loss to find"
    assert "training 2 models (cgcnn and dummy) with 2 seeds each: about " in done.stderr
    assert folds_line == f"Trained on: {TASK}."
    assert models_line == "Same numbers as the baseline: 2 models, cgcnn and dummy."
    noisy.uncommitted = ["models/zoo/cgcnn.py"]
    whole = benchmark_command("check")
    assert whole.stdout.splitlines()[1] == "Checked with your uncommitted changes: models/zoo/cgcnn.py."
    alone = benchmark_command("check", "--model", "dummy").stdout.splitlines()
    assert alone[2] == "Not checked, though their file changed: cgcnn. Name them with --model, or leave --model out."
    assert whole.returncode == 0
    assert "training 2 models (cgcnn and dummy) with every seed of the baseline: about " in whole.stderr
    assert noisy.trained[2:4] == [4, 8]


def test_a_loss_is_exit_code_1_with_its_size(benchmark_command, noisy):
    benchmark_command(*UPDATE)
    noisy.factors["cgcnn"] = 1.05
    done = benchmark_command("check", "--quick", "--json")
    line = one_line_error(done, 1)
    assert "1 of 3 comparisons failed, the first: cgcnn, MAE / MAE of the mean +" in line and "worse" in line
    (row,) = rows(done, "cgcnn")
    assert row["fails"] and row["change"] == pytest.approx(0.05, abs=0.01)
    assert row["now"] / row["baseline"] - 1 == pytest.approx(row["change"], rel=1e-6)
    assert rows(done, "dummy")[0]["verdict"] == "same"


def test_the_quick_form_bounds_its_trainings_and_the_full_one_does_not(benchmark_command, noisy, monkeypatch):
    noisy.noise["cgcnn"] = 0.1
    benchmark_command("check", "--seeds", "40", "--update-baseline", "noisy")
    monkeypatch.setattr(seeds, "QUICK_S", 10 * 3.96)
    for module in (check, seeds):
        monkeypatch.setattr(module, "has_its_source", lambda expected, name: False)
    monkeypatch.setattr(machine, "cores", lambda: 2)
    noisy.factors["cgcnn"] = 1.01
    (row,) = rows(benchmark_command("check", "--quick", "--json"), "cgcnn")
    assert row["verdict"] == "changed" and row["note"].startswith("20 of 40 seeds")
    few = "Of cgcnn, fewer seeds than in the baseline were trained: only large losses are found."
    assert benchmark_command("check", "--quick").stdout.splitlines()[0] == f"No model is shown to be worse. {few}"
    monkeypatch.setattr(seeds, "QUICK_S", 1000 * 3.96)
    whole = benchmark_command("check", "--quick").stdout.splitlines()[0]
    assert whole.startswith("No model is shown to be worse. A loss of 5 % is found in "), "every seed was trained"
    (row,) = rows(benchmark_command("check", "--json"), "cgcnn")
    assert row["note"].startswith("40 seeds")


def test_a_gain_and_a_change_without_a_loss_pass_and_are_shown(benchmark_command, noisy):
    benchmark_command(*UPDATE)
    noisy.factors |= {"cgcnn": 0.9, "dummy": 1.0015}
    done = benchmark_command("check", "--json")
    assert done.returncode == 0, done.stderr
    assert [rows(done, name)[0]["verdict"] for name in ("cgcnn", "dummy")] == ["better", "changed"]
    assert "for the other numbers of cgcnn and dummy: none on record." in benchmark_command("check").stdout


def test_other_numbers_come_with_the_reasons_on_record_and_same_numbers_without(benchmark_command, noisy, monkeypatch):
    benchmark_command(*UPDATE)
    noisy.factors["cgcnn"] = 1.0015
    here = check.this_machine()
    for module in (check, page, seeds):
        monkeypatch.setattr(module, "this_machine", lambda: here.model_copy(update={"processor": "another"}))
    for module in (check, page, seeds):
        monkeypatch.setattr(module, "has_its_source", lambda expected, name: False)
    noisy.uncommitted = ["models/zoo/cgcnn.py"]
    done = benchmark_command("check", "--quick")
    assert "Same numbers as the baseline: 1 model, dummy." in done.stdout
    commit = machine.git_commit().partition("+")[0][:8]
    made = rf"with earlier code \(commit {commit}.*\), on another processor \({re.escape(here.processor)}\)\."
    assert re.search(f"for the other numbers of cgcnn: your uncommitted changes; or the baseline was made {made}", done.stdout)
    cost = r"about \d+ s with up to 6 seeds"
    assert re.search(rf"training 2 models \(cgcnn and dummy\): {cost} \(the code differs from the ", done.stderr)
    elsewhere = "this machine has another processor than the baseline, so other numbers are no sign of a change: "
    assert f"{elsewhere}`python -m benchmark check --model NAME --against HEAD` trains both codes here" in done.stderr
    noisy.uncommitted = []
    done = benchmark_command("check", "--quick")
    assert done.stdout.splitlines()[1] == "The code has no uncommitted changes.", "whoever undid a change sees it"
    assert "for the other numbers of cgcnn: the baseline was made " in done.stdout


def test_on_a_busy_machine_the_times_count_how_busy_it_is(benchmark_command, noisy, monkeypatch):
    def told() -> tuple[int, str]:
        time, note = benchmark_command("check", "--model", "cgcnn").stderr.splitlines()[:2]
        return int(re.search(r"about (\d+) s", time)[1]), note

    benchmark_command(*UPDATE)
    monkeypatch.setattr(seeds, "slower_now", lambda workers: 1.0)
    idle, note = told()
    assert "without other programs" in note
    monkeypatch.setattr(seeds, "slower_now", lambda workers: 1.5)
    busy, note = told()
    assert busy == pytest.approx(1.5 * idle, abs=2)
    assert note.startswith("these times count that other programs run here now (1.5 times as long); they were measured with ")


def test_of_a_model_without_luck_no_share_of_checks_is_told(benchmark_command, noisy):
    noisy.noise["dummy"] = 0.0
    benchmark_command(*UPDATE)
    noisy.factors["dummy"] = 0.99
    verdict = benchmark_command("check", "--model", "dummy").stdout.splitlines()[0]
    assert verdict == "No model is shown to be worse. The error of dummy does not depend on the seed: any loss is found."


def test_a_training_that_fails_is_exit_code_1_with_the_reason(benchmark_command, noisy):
    benchmark_command(*UPDATE)
    noisy.factors["cgcnn"] = None
    assert f"failed ({TASK}, seed 0: the loss is nan in epoch 1" in one_line_error(benchmark_command("check", "--json"), 1)
    before = benchmark_command("check", "--model", "dummy")
    assert before.returncode == 0, before.stderr


def test_time_and_memory_are_compared_if_asked(benchmark_command, noisy):
    benchmark_command(*UPDATE)
    noisy.costs |= {"time": 1.2, "memory": 1.05}
    assert benchmark_command("check", "--quick").returncode == 0
    assert benchmark_command("check", "--quick", "--fail-if", "time:25%,memory:10%").returncode == 0
    done = benchmark_command("check", "--model", "cgcnn", "--fail-if", "time:15%,memory:10%", "--json")
    assert "cgcnn, training time [s] +20.0 %: slower" in one_line_error(done, 1)
    found = {row["what"]: row for row in rows(done, "cgcnn")}
    assert found["training time [s]"]["baseline"] == pytest.approx(2.0)
    assert found["peak memory [MB]"]["verdict"] == "within"


def test_another_machine_is_not_compared_in_time_and_says_so(benchmark_command, noisy, monkeypatch):
    benchmark_command(*UPDATE)
    noisy.costs["time"] = 9.0
    monkeypatch.setattr(machine, "cores", lambda: 64)
    done = benchmark_command("check", "--fail-if", "time:15%")
    assert done.returncode == 0, done.stderr
    assert "time and memory are not compared: 2 models have a baseline of" in done.stdout


def test_parameters_must_be_equal_and_settings_are_shown(benchmark_command, noisy, monkeypatch, models):
    benchmark_command(*UPDATE)
    spec = EVERY["cgcnn"]
    wider = {**spec.profiles, "mini": replace(spec.profiles["mini"], width=33, learning_rate=0.004)}
    monkeypatch.setattr(registry, "registered", lambda: {"cgcnn": replace(spec, profiles=wider), "dummy": EVERY["dummy"]})
    done = benchmark_command("check", "--json")
    assert "cgcnn, parameters +" in one_line_error(done, 1)
    found = {row["what"]: row for row in rows(done, "cgcnn")}
    assert found["parameters"]["verdict"] == "parameters changed"
    assert "parameters (paper)" not in found
    assert (found["setting learning_rate"]["baseline"], found["setting learning_rate"]["now"]) == ("0.005", "0.004")
    assert not found["setting learning_rate"]["fails"]


def test_a_setting_that_the_baseline_lacks_is_no_comparison(benchmark_command, noisy, tmp_path):
    benchmark_command(*UPDATE)
    path = tmp_path / "leaderboards" / "baseline.json"
    text = json.loads(path.read_text())
    del text["models"]["cgcnn"]["settings"]["width"]
    path.write_text(json.dumps(text))
    noisy.factors["cgcnn"] = 1.05
    done = benchmark_command("check")
    assert "1 of 3 comparisons failed" in one_line_error(benchmark_command("check", "--json"), 1)
    assert done.stdout.startswith("1 of 3 comparisons failed: cgcnn (worse).")
    assert "setting width" not in done.stdout


def test_a_setting_of_the_baseline_is_kept_until_it_is_changed(benchmark_command, noisy, tmp_path):
    benchmark_command(*UPDATE)
    done = benchmark_command("check", "--model", "cgcnn", "--update-baseline", "quieter", "--set", "learning_rate=0.002")
    assert done.returncode == 0, done.stderr
    path = tmp_path / "leaderboards" / "baseline.json"
    assert read_baseline(path).models["cgcnn"].settings["learning_rate"] == 0.002
    again = benchmark_command("check")
    assert again.returncode == 0
    seen = "cgcnn is trained with learning_rate=0.002 here: a change of this setting in its profiles is not seen"
    assert again.stdout.splitlines()[-1] == seen
    benchmark_command("check", "--update-baseline", "all again")
    again = read_baseline(path).models
    assert (again["cgcnn"].changed, again["dummy"].changed) == ({"learning_rate": "0.002"}, {})
    assert again["cgcnn"].settings["learning_rate"] == 0.002


def test_a_model_that_cannot_be_built_fails_and_the_others_are_trained(benchmark_command, noisy, monkeypatch):
    benchmark_command("check", "--model", "cgcnn", "--set", "hidden=8", "--update-baseline", "small")
    benchmark_command("check", "--model", "dummy", "--update-baseline", "small")
    spec = EVERY["cgcnn"]
    without = replace(spec, profiles={**spec.profiles, "mini": EVERY["dummy"].profiles["mini"]})
    monkeypatch.setattr(registry, "registered", lambda: {"cgcnn": without, "dummy": EVERY["dummy"]})
    done = benchmark_command("check", "--json")
    assert "cgcnn, parameters: failed (unknown setting 'hidden'" in one_line_error(done, 1)
    assert rows(done, "dummy")[0]["verdict"] == "same"


def test_changed_data_are_told_from_changed_folds(benchmark_command, noisy, tmp_path, monkeypatch):
    benchmark_command(*UPDATE)
    only_task(monkeypatch, write_folder(tmp_path / "mine", 81))
    assert f"{TASK}, data: data changed" in one_line_error(benchmark_command("check", "--json"), 1)


# -- models that come and go -------------------------------------------------------------------------


def test_a_new_model_is_a_line_and_adding_it_leaves_the_others(benchmark_command, noisy, models, tmp_path):
    benchmark_command(*UPDATE)
    models("cgcnn", "dummy", "schnet")
    done = benchmark_command("check", "--quick")
    assert done.returncode == 0, done.stderr
    hint = "add it to the baseline with `python -m benchmark check --model schnet --update-baseline"
    assert f"schnet: a new model, not compared; {hint}" in done.stdout
    assert benchmark_command("check", "--model", "schnet", "--update-baseline", "a new model").returncode == 0
    kept = read_baseline(tmp_path / "leaderboards" / "baseline.json").models
    assert {name: model.provenance.reason for name, model in kept.items()} == {
        "cgcnn": "the first baseline", "dummy": "the first baseline", "schnet": "a new model",
    }  # fmt: skip


def test_a_model_that_is_gone_fails_until_the_baseline_is_without_it(benchmark_command, noisy, models):
    benchmark_command(*UPDATE)
    models("dummy")
    assert "cgcnn, model: gone" in one_line_error(benchmark_command("check", "--json"), 1)
    assert benchmark_command("check", "--model", "dummy").returncode == 0
    assert benchmark_command("check", "--update-baseline", "cgcnn was removed").returncode == 0
    assert benchmark_command("check").returncode == 0


# -- the baseline ------------------------------------------------------------------------------------


def test_a_baseline_says_why_when_where_and_of_what_code(benchmark_command, noisy, tmp_path):
    done = benchmark_command(*UPDATE)
    assert "finds a loss of 5 %" in done.stdout
    kept = read_baseline(tmp_path / "leaderboards" / "baseline.json").models["cgcnn"]
    told = kept.provenance
    assert told.reason == "the first baseline" and told.versions["torch"] and told.machine.threads == 1
    assert told.updated_at.tzinfo is not None
    assert kept.parameters == EVERY["cgcnn"].model(EVERY["cgcnn"].profiles["mini"]).n_parameters
    assert kept.paper_parameters == 80_833
    assert len(kept.tasks[TASK].mae) == kept.n_seeds == 6
    assert not list(tmp_path.rglob("*.partial"))


def test_without_a_baseline_one_line_says_how_to_make_one(benchmark_command, tmp_path):
    assert "leaderboards: no such directory; go to the directory of the program" in one_line_error(benchmark_command("check"))
    (tmp_path / "leaderboards").mkdir()
    line = one_line_error(benchmark_command("check"))
    assert "baseline.json: no baseline to compare with; create it with `python -m benchmark check --update-baseline" in line


def test_a_noisier_model_is_trained_under_more_seeds_up_to_the_most(benchmark_command, noisy, tmp_path):
    noisy.noise["cgcnn"] = 0.1
    path = tmp_path / "leaderboards" / "baseline.json"
    for bound, expected in (("10", [10]), ("200", range(11, 201))):
        done = benchmark_command("check", "--seeds", bound, "--update-baseline", "noisy")
        assert done.returncode == 0, done.stderr
        kept = read_baseline(path).models
        assert kept["cgcnn"].n_seeds in expected
        assert kept["dummy"].n_seeds == 6


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (lambda text: text[: len(text) // 2], "damaged: baseline: Invalid JSON"),
        (lambda text: text.replace('"mae":[', '"mae":[0.1,'), "needs a positive error, a time and a memory for every seed"),
        (lambda text: text.replace('"parameters"', '"size"'), "damaged: models.cgcnn"),
        (lambda text: "", "damaged"),
    ],
)
def test_a_damaged_baseline_is_one_line(benchmark_command, noisy, tmp_path, damage, expected):
    benchmark_command(*UPDATE)
    path = tmp_path / "leaderboards" / "baseline.json"
    path.write_text(damage(json.dumps(json.loads(path.read_text()), separators=(",", ":"))))
    line = one_line_error(benchmark_command("check"))
    assert expected in line and "baseline.json" in line and "restore it, or delete it and create it with" in line
    path.unlink()
    assert benchmark_command(*UPDATE).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--update-baseline", " "), "--update-baseline needs a reason"),
        (("--update-baseline", "why", "--quick"), "leave out --quick and --fail-if"),
        (("--update-baseline", "why", "--model", "cgcn"), "unknown model 'cgcn'; did you mean cgcnn"),
        (("--model", "cgcn"), "unknown model 'cgcn'"),
        (("--set", "epochs=3"), "--set changes what the baseline trains: it needs --update-baseline and a single --model"),
        (("--seeds", "3"), "it needs --update-baseline"),
        (("--update-baseline", "why", "--model", "cgcnn", "--set", "epoch=3"), "unknown setting 'epoch'; did you mean epochs"),
        (("--fail-if", "median:10%"), "such as time:10%; statistics: time, memory"),
        (("--benchmarks", "a.json", "b.json", "--quick"), "trains nothing: leave out --quick"),
    ],
)
def test_wrong_use_is_one_line_and_exit_code_2(benchmark_command, noisy, arguments, expected):
    benchmark_command(*UPDATE)
    trained = len(noisy.trained)
    assert expected in one_line_error(benchmark_command("check", *arguments))
    assert len(noisy.trained) == trained


def test_a_failed_update_leaves_the_old_baseline(benchmark_command, noisy, tmp_path):
    benchmark_command(*UPDATE)
    before = (tmp_path / "leaderboards" / "baseline.json").read_bytes()
    noisy.factors["cgcnn"] = None
    assert "cgcnn has no new baseline" in one_line_error(benchmark_command("check", "--update-baseline", "broken"), 1)
    assert (tmp_path / "leaderboards" / "baseline.json").read_bytes() == before


def test_one_model_cannot_be_updated_on_other_folds(benchmark_command, noisy, monkeypatch):
    benchmark_command(*UPDATE)
    monkeypatch.setattr(folds, "_state", lambda seed, number, stage: 7)
    line = one_line_error(benchmark_command("check", "--model", "cgcnn", "--update-baseline", "why"))
    assert "data or folds changed, which concerns every model" in line


def test_records_of_older_sources_are_one_line_below_the_verdict_and_do_not_fail(
    benchmark_command, noisy, tmp_path, monkeypatch
):
    (tmp_path / "leaderboards").mkdir()
    (tmp_path / "leaderboards" / "records").symlink_to(ROOT / "leaderboards" / "records")
    benchmark_command(*UPDATE)
    monkeypatch.setattr("benchmark.regression.sources.fingerprint", lambda model: "f" * 64)
    done = benchmark_command("check", "--quick")
    assert done.returncode == 0, done.stderr
    verdict, *lines = done.stdout.splitlines()
    assert verdict.startswith("No model is shown to be worse.")
    older, gone = [line for line in lines if line.startswith("Not part of the verdict: ")]
    models = [record.key.model for record in Store(ROOT / "leaderboards").records()]
    here = sum(name in ("cgcnn", "dummy") for name in models)
    made = f"{here:,} records of cgcnn and dummy on the published board were made with earlier code."
    assert f"{made} Nobody has tested whether today's code gives the same numbers. `python -m benchmark verify`" in older
    assert f" {len(models) - here:,} records of " in gone and gone.endswith("Today's code lacks the model.")
    listed = json.loads(benchmark_command("check", "--quick", "--json").stdout)["stale"]
    published = Counter(models)
    assert sum(int(line.split()[1]) for line in listed if line.startswith("schnet: ")) == published["schnet"]
    alone = benchmark_command("check", "--quick", "--model", "dummy").stdout
    assert "records of dummy on the published board" in alone and "`python -m benchmark verify --model dummy`" in alone
    assert "lacks the model" not in alone
    noisy.uncommitted = ["models/zoo/cgcnn.py"]
    assert "Not part of the verdict" not in benchmark_command("check", "--quick").stdout


def test_records_of_a_moved_source_that_gives_the_same_numbers_are_not_listed(benchmark_command, noisy, tmp_path, monkeypatch):
    board = tmp_path / "leaderboards"
    write_run(Store(board), "dummy", 1.0, folds=2)
    write_sources(board, unchanged=["dummy"])
    benchmark_command(*UPDATE)
    monkeypatch.setattr("benchmark.regression.sources.fingerprint", lambda model: "a" * 64)
    assert "earlier code" not in benchmark_command("check", "--quick").stdout
    write_sources(board, outdated=["dummy"])
    done = benchmark_command("check", "--quick")
    assert (
        "2 records of dummy on the published board were made with earlier code. Today's code gives other numbers."
        in done.stdout
    )


# -- planted changes, really trained -----------------------------------------------------------------


SETTLED = replace(EVERY["cgcnn"].profiles["mini"], epochs=15, batch_size=8)


@pytest.fixture
def settled(small_set, monkeypatch):
    """CGCNN with enough steps on few crystals, and the mean; one thread, as in a worker."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    spec = replace(EVERY["cgcnn"], profiles={**EVERY["cgcnn"].profiles, "mini": SETTLED})
    monkeypatch.setattr(registry, "registered", lambda: {"cgcnn": spec, "dummy": EVERY["dummy"]})
    yield
    torch.set_num_threads(threads)


really_trained: list[bytes] = []


@pytest.fixture
def trained(benchmark_command, settled, tmp_path):
    """Both, really trained as the baseline, once for all tests."""
    path = tmp_path / "leaderboards" / "baseline.json"
    if not really_trained:
        done = benchmark_command(*UPDATE)
        assert done.returncode == 0, done.stderr
        really_trained.append(path.read_bytes())
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(really_trained[0])
    return benchmark_command


def test_really_trained_unchanged_code_gives_the_same_numbers(trained):
    done = trained("check", "--quick", "--json")
    assert done.returncode == 0, done.stderr
    assert [(row["verdict"], row["change"]) for row in rows(done, "cgcnn")] == [("same", 0.0)]
    assert rows(done, TASK)[0]["baseline"] == "10 splits"


def test_an_off_by_one_fold_is_found_exactly_and_nothing_is_trained(trained, monkeypatch):
    split = folds._split

    def shifted(n, protocol, number, seed):
        train, validation, test = split(n, protocol, number, seed)
        return train, np.append(validation[1:], test[:1]), np.append(test[1:], validation[:1])

    monkeypatch.setattr(folds, "_split", shifted)
    done = trained("check", "--json")
    assert f"{TASK}, folds: folds changed (the first: kfold(5) fold 0 seed 0)" in one_line_error(done, 1)
    assert rows(done, "cgcnn") == []
    assert "no model was trained" in json.loads(done.stdout)["notes"][-1]


def wrong_activation(self, batch, v, e):
    """CrystalConvolution that ends in a softmax where the softplus belongs."""
    receiver, sender, edge = self.fc_full.weight.split([self.width, self.width, e.shape[1]], dim=1)
    z = add_parts(batch, v @ sender.T, F.linear(v, receiver, self.fc_full.bias), e @ edge.T)
    gate, core = self.bn1(batch, z, "edges").chunk(2, dim=1)
    return F.softmax(v + self.bn2(batch, sum_incoming(batch, torch.sigmoid(gate) * F.softplus(core))), dim=1)


def half_of_the_edges(batch, messages):
    """What `sum_incoming` gives where messages pass in one direction only."""
    return sum_incoming(batch, messages * (batch.src < batch.dst)[:, None])


@pytest.mark.parametrize(
    ("owner", "name", "wrong"),
    [(cgcnn.CrystalConvolution, "forward", wrong_activation), (cgcnn, "sum_incoming", half_of_the_edges)],
    ids=["wrong activation", "half of the edges"],
)
def test_a_planted_mistake_is_a_loss(trained, monkeypatch, owner, name, wrong):
    monkeypatch.setattr(owner, name, wrong)
    done = trained("check", "--json")
    assert "cgcnn, MAE / MAE of the mean +" in one_line_error(done, 1)
    assert rows(done, "cgcnn")[0]["verdict"] == "worse"
    assert rows(done, "dummy")[0]["verdict"] == "same"
