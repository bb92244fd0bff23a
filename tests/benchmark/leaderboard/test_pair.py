"""Is the difference between two models real? The verdict of one pair, from the command and from Python."""

from __future__ import annotations

import json

import pytest

from benchmark import api
from benchmark.leaderboard.board import read_board
from benchmark.leaderboard.pair import compare_pair
from benchmark.leaderboard.pair_text import pair_text
from benchmark.results.beside import StoreBeside
from benchmark.results.store import Store
from datasets.errors import InputError
from tests.benchmark.cli.test_main import one_line_error
from tests.benchmark.conftest import ROOT
from tests.benchmark.constructed import write_class_fold, write_fold, write_run

TASK = "set/target"


@pytest.fixture
def store(tmp_path):
    found = Store(tmp_path / "runs")
    for model, mae in (("cgcnn", 0.4), ("megnet", 0.8), ("schnet", 0.401), ("dummy", 2.0)):
        write_run(found, model, mae)
    write_run(found, "mpnn", 0.4, key={"profile": "mini"})
    return found


def test_the_answer_comes_first_and_nothing_is_written(store, benchmark_command, tmp_path):
    before = sorted(tmp_path.rglob("*"))
    done = benchmark_command("leaderboard", "--from", "runs", "--pair", "megnet", "cgcnn", "--task", TASK)
    assert done.returncode == 0, done.stderr
    answer, errors, place = done.stdout.splitlines()
    assert answer.startswith("Real: cgcnn has the lower MAE; the MAE of megnet is 2.0") and "times as high (95 %: " in answer
    assert errors.endswith("the same 5 folds of 1 repeat.")
    assert (
        place.startswith(f"{TASK}, standard, kfold(5)") and "for all pairs of these 4 rows: each further row widens it" in place
    )
    assert sorted(tmp_path.rglob("*")) == before


def test_a_trial_says_what_it_is_worth_as_the_board_does(tmp_path, benchmark_command):
    store = Store(tmp_path / "runs")
    for model, mae in (("cgcnn", 0.4), ("dummy", 2.0)):
        write_run(store, model, mae, key={"profile": "smoke"})
    done = benchmark_command("leaderboard", "--from", "runs", "--pair", "cgcnn", "dummy", "--task", TASK)
    assert done.stdout.rstrip().endswith("Its errors show that the program runs, not what a model can do.")


def test_the_interval_is_the_one_of_the_board(store):
    (group,) = [group for group in read_board(store).comparison_groups if group.has_rivals]
    for pair in group.decisions.pairs:
        (answer,) = compare_pair(store, TASK, pair.worse, pair.better).answers
        assert (answer.lower, answer.higher) == (pair.better, pair.worse)
        assert (answer.ratio, (answer.ratio_low, answer.ratio_high)) == (pair.ratio, pair.interval)
        assert (answer.verdict == "real") == pair.decided


def test_equal_is_shown_undecided_says_what_would_decide(tmp_path):
    alike, noisy = Store(tmp_path / "alike"), Store(tmp_path / "noisy")
    for model in ("cgcnn", "schnet"):
        write_run(alike, model, 0.4, folds=5)
    for seed in range(3):
        write_run(noisy, "cgcnn", 0.4 + 0.1 * seed, seed=seed, key={"seed": seed})
        write_run(noisy, "schnet", 0.6 - 0.1 * seed, seed=seed, key={"seed": seed})
    (equal,) = compare_pair(alike, TASK, "cgcnn", "schnet").answers
    assert equal.verdict == "equal" and 1 / 1.05 <= equal.ratio_low <= 1 <= equal.ratio_high <= 1.05
    (undecided,) = compare_pair(noisy, TASK, "cgcnn", "schnet").answers
    assert undecided.verdict == "undecided" and undecided.repeats == 3
    assert undecided.ratio_high > 1.05 and undecided.ratio_low < 1


def test_the_repeats_that_would_decide_have_their_command(tmp_path):
    store = Store(tmp_path / "mine")
    for seed in range(3):
        write_run(store, "cgcnn", 0.4 + 0.02 * seed, seed=seed, key={"seed": seed})
        write_run(store, "schnet", 0.46 - 0.01 * seed, seed=seed, key={"seed": seed})
    (answer,) = compare_pair(store, TASK, "cgcnn", "schnet").answers
    assert answer.verdict == "undecided" and answer.more_repeats
    wanted = (
        f"python -m benchmark run --dataset path/to/set --model cgcnn --model schnet --profile standard --protocol kfold "
        f"--folds 5 --no-group-duplicates --seed 0 --repeats {3 + answer.more_repeats} --device cpu --out {store.root}"
    )
    assert sorted(answer.command.split()) == sorted(wanted.split())
    assert pair_text(answer).endswith(f"finished folds are kept:\n    {answer.command}")
    (real,) = compare_pair(store_of_real(tmp_path), TASK, "cgcnn", "schnet").answers
    assert real.verdict == "real" and real.command is None


def store_of_real(tmp_path) -> Store:
    store = Store(tmp_path / "real")
    for model, mae in (("cgcnn", 0.4), ("schnet", 0.8)):
        write_run(store, model, mae)
    return store


def test_what_differs_between_two_rows_is_named_with_the_command_that_runs_one_like_the_other(beside, benchmark_command):
    own, published = beside
    smoke = {"profile": "smoke", "protocol": "kfold(2)", "settings": {"width": 8}}
    write_run(own, "mpnn", 0.5, folds=2, changed={"width": 8}, key=smoke)
    asked = ("--from", "runs", "--beside", "leaderboards", "--pair", "megnet", "mpnn", "--task", TASK)
    told = one_line_error(benchmark_command("leaderboard", *asked))
    assert "differ in profile (smoke and standard) and folds (kfold(2) and kfold(5)); to compare them, run: python -m" in told
    assert "--model mpnn --set width=8 --profile standard --protocol kfold --folds 5 " in told
    write_run(published, "megnet", 0.8, key={"profile": "mini"})
    told = one_line_error(benchmark_command("leaderboard", *asked))
    assert "--profile mini --protocol kfold --folds 5 " in told and "(--profile standard has rows too)" in told
    done = benchmark_command("leaderboard", "--from", "runs", "--beside", "leaderboards")
    (line,) = (line for line in done.stdout.splitlines() if "mpnn" in line)
    assert "no other model has the same folds and profile" in line and "to compare them, run: python -m benchmark run " in line


def test_data_of_which_two_rows_differ_are_named(tmp_path):
    store = Store(tmp_path / "runs")
    write_run(store, "cgcnn", 0.4)
    write_run(store, "megnet", 0.4, key={"dataset_hash": "b" * 64})
    with pytest.raises(InputError, match=r"differ in data \([0-9a-f]{8} and b{8}\); to compare them, run: "):
        compare_pair(store, TASK, "cgcnn", "megnet")


@pytest.mark.parametrize(
    ("pair", "task", "told"),
    [
        (("cgcn", "megnet"), TASK, "cgcn has no record on set/target; did you mean cgcnn? there these have: cgcnn, dummy, "),
        (("gatgnn", "megnet"), TASK, "gatgnn has no record on set/target; "),
        (("cgcnn", "megnet"), "set/targets", "unknown task 'set/targets'; did you mean set/target?"),
        (("cgcnn", "cgcnn"), TASK, "different ones; to compare your run with the published one: --beside leaderboards"),
        (("mpnn", "mpnn (mini)"), TASK, "mpnn and mpnn (mini) are the same row"),
        (("cgcnn", "--task"), TASK, "--pair needs two names: --pair cgcnn schnet"),
        (("cgcnn,schnet", "--task"), TASK, "--pair needs two names: --pair cgcnn schnet"),
        (("cgcnn", "mpnn"), TASK, "but not in the same way: cgcnn and mpnn (mini) differ in profile (standard and mini); to "),
    ],
)
def test_a_pair_that_cannot_be_compared_is_one_line(store, benchmark_command, pair, task, told):
    assert told in one_line_error(benchmark_command("leaderboard", "--from", "runs", "--pair", *pair, "--task", task))


LISTED = "; `python -m benchmark models {} --settings` lists the defaults"
OF_DEFAULTS = "; n_layers=2 is the default, and a setting at its default is not part of a row's name: the row is called "


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("cgcnn (n_layers=2)", OF_DEFAULTS + "cgcnn" + LISTED.format("cgcnn")),
        ("mpnn (mini) (width=8, n_layers=2)", OF_DEFAULTS + "mpnn (mini) (width=8)" + LISTED.format("mpnn")),
        ("mpnn (width=8, epochs=4)", "; the row is called mpnn (mini) (epochs=4, width=8)"),
        ("cgcnn (n_layers=7)", "; a setting at its default is not part of a row's name" + LISTED.format("cgcnn")),
        (
            "gatgnn (n_layers=2)",
            "there these have: cgcnn, dummy, megnet, mpnn (mini) (epochs=4, width=8), mpnn (mini) (width=8)",
        ),
    ],
)
def test_a_name_with_a_setting_at_its_default_is_answered_with_the_rows_name(tmp_path, benchmark_command, name, told):
    store = Store(tmp_path / "runs")
    for model in ("cgcnn", "megnet", "dummy"):
        write_run(store, model, 0.4, key={"settings": {"n_layers": 2, "width": 64}})
    for changed in ({"width": 8}, {"epochs": 4, "width": 8}):
        write_run(store, "mpnn", 0.4, changed=changed, key={"profile": "mini", "settings": {"n_layers": 2, **changed}})
    asked = ("--from", "runs", "--pair", "megnet", name, "--task", TASK)
    assert one_line_error(benchmark_command("leaderboard", *asked)).rstrip().endswith(told)


def test_a_pair_needs_its_task(store, benchmark_command):
    told = one_line_error(benchmark_command("leaderboard", "--from", "runs", "--pair", "cgcnn", "megnet"))
    assert "--pair compares two models on one task" in told
    told = one_line_error(benchmark_command("leaderboard", "--from", "runs", "--task", TASK))
    assert "--task goes only with --pair" in told


@pytest.fixture
def beside(tmp_path, monkeypatch):
    """A person's own changed cgcnn, and published rows of cgcnn, megnet and schnet, in the directory where we are."""
    monkeypatch.chdir(tmp_path)
    own, published = Store(tmp_path / "runs"), Store(tmp_path / "leaderboards")
    changed = {"n_conv": 2}
    for mae, settings in ((0.6, changed), (0.4, {})):
        store = own if settings else published
        write_run(store, "cgcnn", mae, changed=settings, key={"settings": settings})
    for model in ("megnet", "schnet"):
        write_run(published, model, 0.8)
    return own, published


def test_a_models_name_stands_for_all_its_rows_ones_own_first(beside, benchmark_command):
    own, published = beside
    both = StoreBeside(own.root, published)
    found = [(answer.lower, answer.higher) for answer in compare_pair(both, TASK, "megnet", "cgcnn").answers]
    assert found == [("cgcnn (n_conv=2) (yours)", "megnet"), ("cgcnn", "megnet")]
    (answer,) = compare_pair(both, TASK, "megnet", "cgcnn (n_conv=2)").answers
    assert (answer.lower, answer.higher) == found[0]
    asked = ("--from", "runs", "--beside", "leaderboards", "--pair", "cgcnn", "megnet", "--task", TASK)
    done = benchmark_command("leaderboard", *asked)
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.split("\n\n")
    assert "Real: cgcnn (n_conv=2) (yours) has the lower" in first and "Real: cgcnn has the lower" in second
    assert "Neither row is your run." in second and "Neither row" not in first
    table = api.compare("cgcnn", "megnet", TASK, own.root, beside=published.root)
    assert list(table["lower"]) == ["cgcnn (n_conv=2) (yours)", "cgcnn"]


def test_a_row_of_ones_own_that_is_not_compared_is_told(beside):
    own, published = beside
    write_run(own, "schnet", 0.7, key={"profile": "mini"})
    with pytest.warns(UserWarning, match="is not compared") as told:
        table = api.compare("schnet", "megnet", TASK, own.root, beside=published.root)
    assert list(table["lower"]) == ["schnet"] or list(table["higher"]) == ["schnet"]
    lines = [str(warning.message) for warning in told]
    assert any(line.startswith("schnet (mini) (yours) is not compared: megnet has no row in mini, ") for line in lines)


def test_a_row_with_fewer_folds_is_compared_on_the_folds_of_both(beside, benchmark_command):
    own, published = beside
    write_run(published, "megnet", 1.6, seed=1, key={"seed": 1})
    write_run(published, "cgcnn", 0.8, seed=1, changed={}, key={"seed": 1, "settings": {}})
    first, second = compare_pair(StoreBeside(own.root, published), TASK, "megnet", "cgcnn").answers
    assert (first.lower, first.higher, first.folds, first.repeats) == ("cgcnn (n_conv=2) (yours)", "megnet", 5, 1)
    assert (second.folds, second.repeats, second.common_folds) == (10, 2, None)
    assert first.higher_loss == pytest.approx(0.8, rel=0.02), "the mean over the folds of both alone"
    asked = ("--from", "runs", "--beside", "leaderboards", "--pair", "megnet", "cgcnn (n_conv=2)", "--task", TASK)
    done = benchmark_command("leaderboard", *asked)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    *_, said, rest, command = done.stdout.splitlines()
    assert said == "megnet has 10 folds, cgcnn (n_conv=2) (yours) has 5 of them: these 5 are compared."
    assert rest == "To compare all, train the missing folds; finished folds are kept:"
    assert command.strip().startswith("python -m benchmark run ") and "--set n_conv=2 " in command and "--repeats 2" in command


def test_a_row_with_other_folds_than_any_is_not_compared(beside):
    own, published = beside
    width = {"width": 8}
    write_run(own, "schnet", 0.7, folds=3, seed=7, changed=width, key={"settings": width, "seed": 7})
    with pytest.raises(InputError, match=r"^schnet \(width=8\) \(yours\) is not compared on set/target: 3 of 5 folds"):
        compare_pair(StoreBeside(own.root, published), TASK, "schnet (width=8)", "megnet")


def test_the_interval_of_the_pair_alone_is_narrower_and_told_where_others_were_compared(store, tmp_path):
    (answer,) = compare_pair(store, TASK, "cgcnn", "schnet").answers
    assert answer.ratio_low < answer.alone_low < answer.ratio < answer.alone_high < answer.ratio_high
    assert (answer.verdict, answer.alone_verdict, answer.alone_more_repeats) == ("equal", "equal", None)
    assert "If this pair was your only question before you saw the errors: " in pair_text(answer)
    (two,) = compare_pair(store_of_real(tmp_path), TASK, "cgcnn", "schnet").answers
    assert (two.alone_low, two.alone_high) == pytest.approx((two.ratio_low, two.ratio_high))
    assert (two.alone_verdict, two.alone_more_repeats) == (two.verdict, two.more_repeats)
    assert "your only question" not in pair_text(two)


def test_where_repeats_do_not_decide_the_answer_says_what_can(tmp_path):
    noisy = Store(tmp_path / "noisy")
    for seed in range(3):
        write_run(noisy, "cgcnn", 0.4 + 0.1 * seed, seed=seed, key={"seed": seed})
        write_run(noisy, "schnet", 0.6 - 0.1 * seed, seed=seed, key={"seed": seed})
    (answer,) = compare_pair(noisy, TASK, "cgcnn", "schnet").answers
    assert answer.verdict == "undecided" and answer.more_repeats is None
    assert "Only more crystals or a longer training can, with 4 times the epochs for example:" in pair_text(answer)
    first, second = answer.command.splitlines()
    assert "--model schnet --set epochs=12 --profile standard " in first and "--model cgcnn --set epochs=12 " in second
    assert all("--seed 0 --repeats 3 " in line and line.endswith(f"--out {noisy.root}") for line in (first, second))


def test_models_without_epochs_have_no_longer_training(tmp_path):
    noisy = Store(tmp_path / "noisy")
    for seed in range(3):
        write_run(noisy, "rf-magpie", 0.4 + 0.1 * seed, seed=seed, key={"seed": seed, "settings": {}})
        write_run(noisy, "soap-svr", 0.6 - 0.1 * seed, seed=seed, key={"seed": seed, "settings": {}})
    (answer,) = compare_pair(noisy, TASK, "rf-magpie", "soap-svr").answers
    assert answer.command is None and pair_text(answer).endswith("Only more crystals or other settings can.")


REAL = "show that the difference between the two is real, "


@pytest.mark.parametrize(
    ("mae", "repeats", "said", "told"),
    [
        (0.48, 5, f"About 2 of the 4 missing repeats would {REAL}", "--seed 0 --repeats 3 "),
        (0.48, 2, f"The missing repeat would not decide, about 2 repeats more would {REAL}", "--repeats 3 "),
        (0.4, 3, "The 2 missing repeats would not decide, nor would 50, ", "--set epochs=40 "),
    ],
)
def test_a_row_with_fewer_repeats_learns_whether_the_missing_ones_would_decide(tmp_path, mae, repeats, said, told):
    own, published = Store(tmp_path / "runs"), Store(tmp_path / "published")
    width = {"width": 8, "epochs": 10}
    for seed in range(repeats):
        for fold, luck in enumerate((0.8, 1.1, 1.2, 0.9, 1.0)):
            write_fold(published, "megnet", fold, [0.4 * luck] * 8, key={"seed": seed, "settings": {"epochs": 10}})
            if not seed:
                write_fold(own, "cgcnn", fold, [mae] * 8, changed={"width": 8}, key={"settings": width})
    (answer,) = compare_pair(StoreBeside(own.root, published), TASK, "cgcnn", "megnet").answers
    assert (answer.verdict, answer.folds, answer.missing_repeats) == ("undecided", 5, repeats - 1)
    assert said in pair_text(answer) and len(pair_text(answer).splitlines()) <= 7
    assert told in answer.command and answer.command.endswith(f"--out {own.root}")
    assert (answer.command.count("--model") == 2) == ("The missing repeat" in said or "nor would" in said)


def test_rows_of_ones_own_that_meet_no_published_row_are_told(beside):
    own, published = beside
    for model in ("cgcnn", "dummy"):
        write_run(own, model, 0.7, key={"profile": "smoke"})
    write_run(published, "dummy", 0.9)
    both = StoreBeside(own.root, published)
    (line,) = (line for line in compare_pair(both, TASK, "cgcnn (smoke)", "dummy").not_compared if line.startswith("your rows"))
    assert "your rows are compared with one another, not with those beside them: cgcnn (smoke) (yours) and " in line
    assert "differ in profile (smoke and standard); to compare them, run: python -m benchmark run " in line


def test_a_models_own_rows_are_a_pair(beside):
    own, published = beside
    (answer,) = compare_pair(StoreBeside(own.root, published), TASK, "cgcnn", "cgcnn").answers
    assert {answer.lower, answer.higher} == {"cgcnn", "cgcnn (n_conv=2) (yours)"}
    write_run(own, "schnet", 0.7, key={"profile": "mini"})
    with pytest.raises(
        InputError, match=r"^schnet ran on set/target, but not in the same way: schnet \(mini\) \(yours\) and schnet differ in "
    ):
        compare_pair(StoreBeside(own.root, published), TASK, "schnet", "schnet")


def test_a_models_row_and_its_other_folds_are_not_the_same_row(tmp_path):
    store = Store(tmp_path / "runs")
    write_run(store, "cgcnn", 0.4)
    write_run(store, "cgcnn", 0.5, folds=3, changed={"width": 8}, key={"settings": {"width": 8}, "protocol": "kfold(3)"})
    for pair in (("cgcnn", "cgcnn (width=8)"), ("cgcnn (width=8)", "cgcnn")):
        with pytest.raises(InputError, match=r"differ in folds \(kfold\([35]\) and kfold\([35]\)\)"):
            compare_pair(store, TASK, *pair)


def test_a_run_that_repeats_a_published_one_is_the_answer(beside, benchmark_command):
    own, _ = beside
    write_run(own, "schnet", 0.8)
    asked = ("--from", "runs", "--beside", "leaderboards", "--pair", "schnet", "schnet", "--task", TASK)
    done = benchmark_command("leaderboard", *asked)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(
        "set/target, schnet: your run (5 folds) and the run of --beside (5 folds) have the same settings"
    )
    assert "to compare them, run" not in done.stdout + done.stderr


def test_a_row_of_ones_own_is_no_longer_asked_for_once_another_is_compared(beside):
    own, published = beside
    write_run(own, "cgcnn", 0.7, key={"profile": "smoke"})
    told = compare_pair(StoreBeside(own.root, published), TASK, "cgcnn", "megnet").not_compared
    assert any(
        "cgcnn (smoke) (yours) is not compared: " in line and line.endswith("your cgcnn (n_conv=2) is compared")
        for line in told
    )


def test_published_rows_that_would_help_are_named(beside, benchmark_command):
    told = one_line_error(benchmark_command("leaderboard", "--from", "runs", "--pair", "cgcnn", "megnet", "--task", TASK))
    assert "megnet has no record on set/target; there only cgcnn (n_conv=2) has; " in told
    assert told.rstrip().endswith("--beside leaderboards")


@pytest.mark.parametrize("wrong", [{"folder": 5}, {"beside": ["runs"]}, {"first": 3}, {"task": None}])
def test_an_argument_of_another_type_is_named(beside, wrong):
    asked = {"first": "cgcnn", "second": "megnet", "task": TASK, "folder": beside[0].root} | wrong
    with pytest.raises(InputError, match=f"^{next(iter(wrong))} is "):
        api.compare(**asked)


def test_a_log_loss_has_no_unit(tmp_path):
    store = Store(tmp_path / "runs")
    for model, right in (("cgcnn", 0.9), ("megnet", 0.6)):
        for fold in range(5):
            write_class_fold(store, model, fold, [0, 1] * 4, [[right, 1 - right], [1 - right, right]] * 4)
    (answer,) = compare_pair(store, "set/is_metal", "cgcnn", "megnet").answers
    assert "log-loss: cgcnn 0.1054 ± 0.0000, megnet 0.5108" in pair_text(answer)


def test_json_and_python_give_the_same(store, benchmark_command):
    done = benchmark_command("leaderboard", "--from", "runs", "--pair", "cgcnn", "megnet", "--task", TASK, "--json")
    table = api.compare("cgcnn", "megnet", TASK, store.root)
    assert json.loads(done.stdout) == table.astype(object).where(table.notna(), None).to_dict("records")


def test_the_command_of_the_page_works_on_the_published_board(benchmark_command, tmp_path):
    (tmp_path / "leaderboards").symlink_to(ROOT / "leaderboards")
    done = benchmark_command("leaderboard", "--pair", "cgcnn", "schnet", "--task", "cgcnn/log10_k_vrh")
    assert done.returncode == 0, done.stderr
    assert "has the lower MAE" in done.stdout and len(done.stdout.splitlines()) <= 6


def test_a_models_name_beside_one_of_its_settings_is_its_default(tmp_path):
    store = Store(tmp_path / "trials")
    write_run(store, "cgcnn", 0.4)
    for setting in ({"n_layers": 4}, {"batch_size": 64}):
        write_run(store, "cgcnn", 0.5, changed=setting, key={"settings": {"epochs": 3, **setting}})
    (answer,) = compare_pair(store, TASK, "cgcnn", "cgcnn (n_layers=4)").answers
    assert {answer.lower, answer.higher} == {"cgcnn", "cgcnn (n_layers=4)"}
    assert len(compare_pair(store, TASK, "cgcnn", "cgcnn").answers) == 3
