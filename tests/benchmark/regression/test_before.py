"""`check --against COMMIT`: a change beside the code before it, both trained here."""

from __future__ import annotations

import shutil

import pytest

from benchmark.regression.baseline import read_baseline
from benchmark.regression.before import code_of, trained_before
from benchmark.results.checkout import git
from datasets.errors import BenchmarkError, InputError
from tests.benchmark.cli.test_main import one_line_error
from tests.benchmark.conftest import ROOT


@pytest.fixture
def checkout(tmp_path):
    """A repository with a file of each package and a baseline, of which one file differs from the commit."""
    for name in ("benchmark/one.py", "models/one.py", "datasets/one.py", "leaderboards/baseline.json", "docs/page.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("before")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "-qm", "one")
    (tmp_path / "models" / "one.py").write_text("after")
    return tmp_path


def test_the_code_of_a_commit_lies_apart_and_the_checkout_stays_as_it_is(checkout):
    with code_of("HEAD", checkout) as code:
        assert (code / "models" / "one.py").read_text() == "before"
        assert {path.name for path in code.iterdir()} == {"benchmark", "models", "datasets", "leaderboards"}
    assert not code.exists()
    assert (checkout / "models" / "one.py").read_text() == "after"
    assert git(checkout, "status", "--porcelain").split() == ["M", "models/one.py"]


def test_a_commit_that_is_not_there_is_named(checkout):
    with pytest.raises(InputError, match=r"^--against nowhere: .*nowhere"), code_of("nowhere", checkout):
        pass


STUBS = {
    "benchmark/regression/baseline.py": "def read_baseline(path):\n    return path",
    "benchmark/regression/loss_test.py": "MOST_SEEDS = 3",
    "benchmark/regression/trainings.py": """
import os
from types import SimpleNamespace as Some
def run_trainings(jobs, on_done):
    for job in jobs:
        os.system("echo a line of the model")
        open("trained", "a").write(f"{job.training_seed}\\n")
        on_done()
    return [Some(model=job.model, task="t", seed=job.training_seed) for job in jobs]
""",
    "benchmark/regression/update.py": """
from types import SimpleNamespace as Some
from datasets.errors import BenchmarkError
def update_baseline(reason, models, changes, before, train, most):
    found = train(tuple(Some(model="m", task=Some(name="t"), training_seed=seed) for seed in range(most)))
    if models != ["cgcnn"]:
        raise BenchmarkError(f"no model {models[0]}")
    assert len(found) == most
    return Some(model_dump_json=lambda: open(before).read())
""",
    "datasets/errors.py": "class BenchmarkError(Exception):\n    pass",
}
"""Code of a commit that trains nothing."""


@pytest.fixture
def code(tmp_path):
    for name, text in STUBS.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "leaderboards").mkdir()
    shutil.copy(ROOT / "leaderboards" / "baseline.json", tmp_path / "leaderboards")
    return tmp_path


def test_the_code_of_a_commit_trains_each_seed_once_says_how_far_it_is_and_prints_nothing(code, capfd):
    told = []
    with trained_before(code, ["cgcnn"], lambda n: told.append(n) or (lambda: told.append("done"))) as before:
        assert before(2) == before(None) == read_baseline(ROOT / "leaderboards" / "baseline.json")
    assert [one for one in told if one] == [2, "done", "done", 1, "done"]
    assert (code / "trained").read_text().split() == ["0", "1", "2"]
    assert capfd.readouterr() == ("", "")


def test_code_that_cannot_be_trained_is_one_line(code):
    failed = "^the code of that commit could not be trained: "
    with trained_before(code, ["another"], lambda n: print) as before, pytest.raises(BenchmarkError, match=f"{failed}no model"):
        before(2)
    (code / "benchmark" / "regression" / "update.py").write_text("import nothing_like_this")
    with trained_before(code, ["cgcnn"], lambda n: print) as before, pytest.raises(BenchmarkError, match=f"{failed}ModuleNot"):
        before(2)


@pytest.mark.parametrize("more", [("--quick",), ("--update-baseline", "why"), ()])
def test_it_goes_with_named_models_alone(benchmark_command, more):
    models = ("--model", "cgcnn") if more else ()
    assert "it needs --model, and takes" in one_line_error(benchmark_command("check", "--against", "HEAD", *models, *more))
