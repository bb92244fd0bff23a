"""The example of CONTRIBUTING.md is a model: it trains, gets its row, and keeps every promise of the contract."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.benchmark.conftest import write_folder

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def tree(tmp_path_factory) -> Path:
    """A copy of the project with the example saved as the file that CONTRIBUTING.md names."""
    text = (ROOT / "CONTRIBUTING.md").read_text()
    (name,) = re.findall(r"save it as `(models/\w+\.py)`", text)
    (example,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    copy = tmp_path_factory.mktemp("tree")
    for package in ("benchmark", "datasets", "models", "tests"):
        shutil.copytree(ROOT / package, copy / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", copy)
    (copy / name).write_text(example)
    return copy


def run(tree: Path, *arguments: object) -> str:
    command = [sys.executable, "-m", *map(str, arguments)]
    done = subprocess.run(
        command, cwd=tree, env={**os.environ, "PYTHONPATH": str(tree)}, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_example_trains_and_gets_its_row(tree, tmp_path):
    folder = write_folder(tmp_path / "mine", 20)
    board = run(tree, "benchmark", "run", "--dataset", folder, "--model", "filters", "--profile", "smoke", "--folds", 2)
    assert re.search(r"^filters +\d", board, re.MULTILINE)


def test_the_example_keeps_every_promise_of_the_contract(tree):
    found = run(tree, "pytest", "-p", "no:cacheprovider", "tests/models/test_contract.py", "-k", "filters")
    assert re.search(r"^\d\d passed, 5 skipped", found, re.MULTILINE), found
