"""`recommend`: the answer, and questions that the records cannot answer."""

from __future__ import annotations

import json

import pytest

from benchmark.recommend import calibration
from benchmark.recommend.calibration import Calibration, calibrate
from benchmark.recommend.measured import RECORDS
from benchmark.results.records import GraphHealth
from benchmark.results.store import Store
from tests.benchmark.cli.test_main import one_line_error
from tests.benchmark.conftest import ROOT
from tests.benchmark.constructed import write_fold, write_run

ASKED = ("recommend", "--crystals", "44", "--from", "board", "--time")


@pytest.fixture
def board(tmp_path, monkeypatch):
    monkeypatch.setattr("benchmark.recommend.calibration.calibrate", lambda records, device: Calibration(2.0, 1.0, ("a CPU",)))
    monkeypatch.setattr("benchmark.harness.machine.default_workers", lambda: 1)
    store = Store(tmp_path / "board")
    for task in ("cgcnn/band_gap", "fung/2d/work_function"):
        for model, mae in (("cgcnn", 0.5), ("megnet", 0.52), ("dummy", 2.0)):
            write_run(store, model, mae, task=task)
    return store


def test_it_names_the_model_its_error_and_cost_and_what_is_not_known(benchmark_command, board):
    done = benchmark_command(*ASKED, "1h", "--like", "cgcnn/band_gap")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Train cgcnn on your 44 crystals, if they and the target are like cgcnn/band_gap.\n")
    assert "- Error: cgcnn is expected to have a test MAE of 0.5" in done.stdout
    assert "One number for all crystals has 2." in done.stdout
    assert "- Cost: one training of cgcnn takes about 4 s on one core. 5 folds take about 19 s.\n" in done.stdout
    wanted = "--model cgcnn --model dummy --profile standard --save-checkpoints --time-limit 60\n"
    assert f"run --dataset path/to/folder {wanted}" in done.stdout
    harder = "whether your crystals are harder or easier than those of cgcnn/band_gap"
    assert f"{harder}, and whether models rank alike there." in done.stdout
    assert (
        "times 2.0: here a short training takes about so many times as long as on a CPU, where its record was made."
        in done.stdout
    )
    assert "Tried on" not in done.stdout, "that is of advice without a task"
    assert "Not ranked, without a standard record of cgcnn/band_gap: cgcnn-mdl, " in done.stdout


@pytest.mark.parametrize("like", [(), ("--like", "cgcnn/band_gap"), ("--like", "cgcnn/efermi")])
def test_the_answer_has_at_most_five_lines_before_the_command(benchmark_command, board, like):
    write_run(board, "cgcnn", 0.3, task="cgcnn/efermi")
    first, _, rest = benchmark_command(*ASKED, "1h", *like).stdout.partition("\n\n")
    assert 3 <= len(first.splitlines()) <= 5, first
    assert len(rest.partition("What you should know:\n")[2].splitlines()) <= 5, rest


def test_a_task_of_one_model_gives_its_error_and_all_data_sets_give_its_rivals(benchmark_command, board):
    health = GraphHealth(atoms=4400, edges=9600, isolated_atoms=0, atoms_with_fewer_than_k=0, truncated_ties=0)
    for task in ("cgcnn/band_gap", "fung/2d/work_function"):
        for model, mae in (("cgcnn", 0.5), ("megnet", 0.52)):
            write_run(board, model, mae, task=task, graph_health=health)
    write_run(board, "cgcnn", 0.3, task="cgcnn/efermi", graph_health=health)
    said = benchmark_command(*ASKED, "1h", "--like", "cgcnn/efermi").stdout
    assert "- Error: cgcnn, the only one that ran on cgcnn/efermi, is expected to have a test MAE of 0.3" in said
    assert "as only cgcnn ran on cgcnn/efermi: the table is about these sets. The error above it is of cgcnn on " in said
    assert "megnet (about as good) may come out better" in said and "other data sets alone: 2 of 2 choices" in said
    wanted = "--profile standard --until-decided --save-checkpoints --time-limit 60\n"
    assert f"--model cgcnn --model megnet --model dummy {wanted}" in said
    assert "5 folds of 2 models take about" in said
    assert "| megnet " in said and "MAE / best other" in said


def test_an_error_far_from_its_records_has_a_rough_range_and_json_has_the_exponents(benchmark_command, board):
    for fold in range(5):
        for model, mae in (("cgcnn", 0.8), ("megnet", 1.4)):
            key = {"protocol": "kfold(5, train 1/4)"}
            write_fold(board, model, fold, [mae] * 4, task="fung/2d/work_function", key=key)
    asked = ("recommend", "--crystals", "11", "--from", "board", "--time", "1h", "--like", "cgcnn/band_gap")
    said = benchmark_command(*asked).stdout
    first = next(line for line in said.splitlines() if line.startswith("- Error"))
    assert "95 % of trainings" in first or "(roughly " in first, first
    assert "It is scaled to your 7 by 2 learning curves (of " in first
    found = json.loads(benchmark_command(*asked, "--json").stdout)["affordable"]
    (curves,) = (one["scaled_by"] for one in found if one["model"] == "cgcnn")
    assert {(one["model"], one["task"]) for one in curves} == {(m, "fung/2d/work_function") for m in ("cgcnn", "megnet")}
    assert all(one["exponent"] < 0 for one in curves)


def test_a_data_set_is_its_task_where_it_has_one(benchmark_command, board):
    whole, named = (benchmark_command(*ASKED, "1h", "--like", like).stdout for like in ("fung/2d", "fung/2d/work_function"))
    assert whole == named and "than those of fung/2d/work_function" in whole
    write_run(board, "cgcnn", 0.5, task="cgcnn/efermi")
    assert "name one of its tasks: cgcnn/band_gap, cgcnn/efermi" in one_line_error(
        benchmark_command(*ASKED, "1h", "--like", "cgcnn")
    )


def test_without_a_like_task_models_are_compared_alone(benchmark_command, board):
    done = benchmark_command(*ASKED, "1h")
    assert (
        "On all 2 data sets with records (cgcnn and fung/2d), its MAE is the lowest or at most 10 % above the lowest."
        in done.stdout
    )
    assert "- Error: cgcnn has 0.963 times the MAE of the best other model, the mean of 2 data sets (" in done.stdout
    assert "(no interval: too few data sets).\n" in done.stdout
    repeats = "The command repeats folds until the verdict is clear or the time is over."
    assert f"megnet (about as good) may come out better. {repeats}" in done.stdout
    assert "The tasks: cgcnn/band_gap (3 models) and fung/2d/work_function (3 models)." in done.stdout
    wanted = "--profile standard --until-decided --save-checkpoints --time-limit 60\n"
    assert f"--model cgcnn --model megnet --model dummy {wanted}" in done.stdout
    assert "Not known: the error in a unit" in done.stdout
    assert "other data sets alone: 2 of 2 choices had an MAE at most 10 % above the lowest." in done.stdout


def test_the_published_records_answer(benchmark_command, board):
    asked = ("recommend", "--crystals", "5000", "--time", "1h")
    places = [part for place in RECORDS for part in ("--from", ROOT / place)]
    done = benchmark_command(*asked, *places)
    assert done.returncode == 0 and done.stdout.startswith("Train "), done.stderr
    assert "choices had an MAE at most" in done.stdout, "tried on sets left out"
    found = json.loads(benchmark_command(*asked, *places, "--json").stdout)
    task = found["tasks"]["cgcnn/log10_k_vrh"]
    assert task["atoms_per_crystal"] > 1 and task["seconds"]["cgcnn"] > 0 and task["times_of"]["cgcnn"]["machines"]
    assert found["tried"][0].keys() >= {"task", "chosen", "best", "ratio"} and "deeper-cgcnn" in found["not_ranked"]


def test_a_machine_that_is_slower_needs_more_time_and_nothing_may_be_affordable(benchmark_command, board):
    done = benchmark_command(*ASKED, "1ms", "--json")
    found = json.loads(done.stdout)
    assert found["affordable"] == [] and len(found["too_dear"]) == 3
    assert {"low", "high", "deviation", "freedom"} < set(found["too_dear"][0]) and found["trained_on"] == 31
    assert "No model that learns can be trained with 44 crystals in" in benchmark_command(*ASKED, "1ms").stdout


def test_a_time_that_all_folds_just_need_ends_the_command_and_a_shorter_one_is_too_short(benchmark_command, board):
    one = json.loads(benchmark_command(*ASKED, "1h", "--json").stdout)["affordable"][0]["seconds"]
    short, scarce = (
        benchmark_command(*ASKED, f"{2 * one * folds}s", "--like", "cgcnn/band_gap").stdout for folds in (4.9, 5.1)
    )
    assert short.startswith("No model that learns can be trained with 44 crystals in ") and "5 folds of the cheapest" in short
    assert ", perhaps more than you have. The command ends after " in scarce and "--save-checkpoints --time-limit " in scarce


def test_times_of_a_gpu_that_is_not_here_are_those_of_the_records(benchmark_command, board, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    gpu = {"machine": next(iter(board.records())).machine.model_copy(update={"device": "a fast GPU"})}
    write_run(board, "cgcnn", 0.5, task="cgcnn/band_gap", key={"device": "gpu"}, **gpu)
    done = benchmark_command(*ASKED, "1h", "--like", "cgcnn", "--device", "cuda")
    assert " on a GPU. 5 folds take about " in done.stdout
    (megnet,) = (line for line in done.stdout.splitlines() if line.startswith("| megnet "))
    assert megnet.count("not known") == 2, "its time, and whether it is within the time"
    assert "The times are those of a fast GPU." in done.stdout
    over_sets = benchmark_command(*ASKED, "1h", "--device", "cuda").stdout
    assert over_sets.startswith("Train cgcnn on your 44 crystals.")
    assert "- Without a time on record: megnet (about as good).\n" in over_sets


def test_a_task_without_a_time_on_a_cpu_has_an_error_and_says_that_its_time_is_not_known(benchmark_command, board):
    write_run(board, "cgcnn", 0.3, task="cgcnn/efermi", key={"device": "gpu"})
    done = benchmark_command(*ASKED, "1h", "--like", "cgcnn/efermi")
    assert done.stdout.startswith("Train cgcnn on your 44 crystals"), done.stderr
    assert "is expected to have a test MAE of 0.3" in done.stdout
    assert "- Cost: not known: no time of cgcnn on a CPU is on" in done.stdout
    assert "The command ends after 60 min; start it again to go on." in done.stdout
    found = json.loads(benchmark_command(*ASKED, "1h", "--like", "cgcnn/efermi", "--json").stdout)
    assert [one["seconds"] for one in found["time_not_known"]] == [None] and found["affordable"] == []


def test_a_time_of_another_task_of_the_same_crystals_is_said(benchmark_command, board):
    health = GraphHealth(atoms=440, edges=960, isolated_atoms=0, atoms_with_fewer_than_k=0, truncated_ties=0)
    write_run(board, "cgcnn", 0.5, task="cgcnn/e_above_hull", graph_health=health)
    write_run(board, "cgcnn", 0.3, task="cgcnn/efermi", key={"device": "gpu"}, graph_health=health)
    done = benchmark_command(*ASKED, "1h", "--like", "cgcnn/efermi")
    assert "Times: forecasts from crystals of cgcnn/e_above_hull (" in done.stdout


def test_how_answers_with_and_without_a_task_fit_together_is_said(benchmark_command, board):
    of_task, over_sets = (benchmark_command(*ASKED, "1h", *like).stdout for like in (("--like", "cgcnn/band_gap"), ()))
    assert "ask without --like (the mean over 2 data sets)" in of_task and "- Ranking: of cgcnn/band_gap alone." in of_task
    assert "- Ranking: by the mean over 2 data sets (cgcnn/band_gap, fung/2d/work_function)." in over_sets
    assert "name it with --like" in over_sets


def test_where_only_constants_ran_their_error_is_said(benchmark_command, board):
    write_run(board, "dummy", 2.0, task="cgcnn/efermi")
    done = benchmark_command(*ASKED, "1h", "--like", "cgcnn/efermi")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("The records of cgcnn/efermi are of no model that learns. dummy predicts one number for all")
    assert "with a test MAE of 2.0" in done.stdout.splitlines()[0] and "| dummy " in done.stdout


def test_errors_are_the_same_on_every_device(benchmark_command, board):
    write_run(board, "cgcnn", 0.45, task="cgcnn/band_gap", key={"device": "gpu"})
    found = [
        json.loads(benchmark_command(*ASKED, "1h", "--like", "cgcnn/band_gap", "--device", device, "--json").stdout)
        for device in ("cpu", "cuda")
    ]
    on_cpu, on_gpu = (
        {one["model"]: one["error"] for name in ("affordable", "too_dear", "time_not_known") for one in each[name]}
        for each in found
    )
    assert on_cpu == on_gpu


def test_the_cost_of_the_command_counts_the_cores_of_this_machine(benchmark_command, board, monkeypatch):
    monkeypatch.setattr("benchmark.harness.machine.default_workers", lambda: 2)
    done = benchmark_command(*ASKED, "1h", "--like", "cgcnn/band_gap")
    assert "takes about 4 s on one core. 5 folds on 2 cores take about 10 s.\n" in done.stdout


def test_an_error_far_from_the_records_says_how_it_follows_from_them(benchmark_command, board):
    for fold, protocol in enumerate(["kfold(5, train 1/4)"] * 5):
        write_fold(board, "cgcnn", fold, [0.8] * 4, task="fung/2d/work_function", key={"protocol": protocol})
    done = benchmark_command("recommend", "--crystals", "11", "--from", "board", "--time", "1h", "--like", "cgcnn/band_gap")
    assert "It is scaled to your 7 by 1 learning curve (of " in done.stdout
    assert ", measured with 32 training crystals." in done.stdout
    assert "have a test MAE of about 1.4 eV (no 95 % interval). It is scaled" in done.stdout
    assert " 0.22 |" in done.stdout


@pytest.mark.parametrize(
    ("time", "said"),
    [(["soon"], "write a time with its unit"), (["60"], "60min, 60h"), (["-1h"], "above zero"), (["0s"], "above zero"),
     (["1", "hour"], "'hour' belongs to no option; write a time without a space")],
)  # fmt: skip
def test_a_time_that_is_none_is_refused(benchmark_command, board, time, said):
    assert said in one_line_error(benchmark_command(*ASKED, *time))


@pytest.mark.parametrize(
    ("crystals", "said"),
    [("5k", "a whole number"), ("5,,0", "a whole number"), ("9", "at least 10"), ("-50", "a whole number")],
)
def test_a_number_of_crystals_that_is_none_is_refused(benchmark_command, board, crystals, said):
    assert said in one_line_error(benchmark_command("recommend", f"--crystals={crystals}", "--time", "1h"))


def test_questions_without_records_are_refused(benchmark_command, board, tmp_path):
    for typo in ("cgcn/band_gap", "band_gap", "megnet/band_gap"):
        said = one_line_error(benchmark_command(*ASKED, "1h", "--like", typo))
        assert "did you mean cgcnn/band_gap" in said and "there are cgcnn/band_gap, fung/2d/work_function;" in said
    assert "write auto, cpu or cuda, which stands for a GPU" in one_line_error(
        benchmark_command(*ASKED, "1h", "--device", "gpu")
    )
    (empty := tmp_path / "empty").mkdir()
    assert "no `standard` record" in one_line_error(
        benchmark_command("recommend", "--crystals", "44", "--time", "1h", "--from", str(empty))
    )
    assert "--from nowhere: there is no such directory" in one_line_error(
        benchmark_command("recommend", "--crystals", "44", "--time", "1h", "--from", "nowhere")
    )
    elsewhere = one_line_error(benchmark_command("recommend", "--crystals", "44", "--time", "1h"))
    assert "leaderboards: no such directory; go to" in elsewhere


def test_no_forecast_goes_far_beyond_the_records(benchmark_command, board):
    for fold in range(5):
        write_fold(board, "cgcnn", fold, [0.8 + fold / 100] * 4, task="cgcnn/band_gap", key={"protocol": "kfold(5, train 1/2)"})
    asked = ("recommend", "--crystals", "50000000", "--time", "1h", "--from", "board", "--like", "cgcnn/band_gap")
    assert "--crystals 50,000,000: records of cgcnn/band_gap have at most 44; ask for at most 444\n" in one_line_error(
        benchmark_command(*asked)
    )


def test_this_machine_is_compared_by_a_training_that_is_on_record(tmp_path, monkeypatch):
    store = Store(tmp_path)
    assert calibrate(store.records(), "cpu") is None
    monkeypatch.setattr(calibration, "PROFILE", "smoke")
    write_run(store, "cgcnn", 0.5, task=calibration.TASK, key={"profile": "smoke"})
    found = calibrate(store.records(), "cpu")
    assert found.here > 0 and found.there > 0 and found.slower == found.here / found.there


def test_of_several_short_trainings_the_shortest_counts(tmp_path, monkeypatch):
    store, taken = Store(tmp_path), iter([3.0, 1.5, 2.0])
    write_run(store, "cgcnn", 0.5, task=calibration.TASK, key={"profile": calibration.PROFILE})
    monkeypatch.setattr(calibration, "_seconds", lambda job: next(taken))
    assert calibrate(store.records(), "cpu").here == 1.5 and next(taken, None) is None
