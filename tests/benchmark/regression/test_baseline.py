"""The baseline of `check`: models that come and go, how it is made, damaged files, wrong use."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from benchmark.regression.baseline import read_baseline
from benchmark.results.store import Store
from benchmark.tasks import folds
from tests.benchmark.cli.test_main import one_line_error
from tests.benchmark.conftest import ROOT
from tests.benchmark.constructed import write_run, write_sources
from tests.benchmark.regression.conftest import EVERY, TASK, UPDATE

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
