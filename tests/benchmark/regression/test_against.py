"""`python -m benchmark check --against COMMIT`: both codes are trained, and what is told meanwhile."""

from __future__ import annotations

import json
import re
from types import SimpleNamespace

from benchmark.cli.shared import short_trainings
from benchmark.regression import trainings
from benchmark.regression.before import code_of
from benchmark.regression.trainings import ShortTraining
from tests.benchmark.cli.test_main import one_line_error
from tests.benchmark.regression.conftest import TASK


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
