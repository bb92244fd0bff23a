"""`python -m benchmark check` as a person meets it: on a small regression set, trained in this process."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from benchmark.harness import machine
from benchmark.regression import check, page, seeds
from benchmark.regression.baseline import read_baseline
from models import registry
from tests.benchmark.cli.test_main import one_line_error
from tests.benchmark.conftest import ROOT, write_folder
from tests.benchmark.regression.conftest import EVERY, TASK, UPDATE, only_task, rows


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
