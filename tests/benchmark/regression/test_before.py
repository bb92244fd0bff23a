"""`check --against COMMIT`: a change beside the code before it, both trained here."""

from __future__ import annotations

import pytest

from benchmark.regression.before import code_of
from benchmark.results.checkout import git
from datasets.errors import InputError
from tests.benchmark.cli.test_main import one_line_error


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


@pytest.mark.parametrize("more", [("--quick",), ("--update-baseline", "why"), ()])
def test_it_goes_with_named_models_alone(benchmark_command, more):
    models = ("--model", "cgcnn") if more else ()
    assert "it needs --model, and takes" in one_line_error(benchmark_command("check", "--against", "HEAD", *models, *more))
