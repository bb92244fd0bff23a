"""CONTRIBUTING.md is right: its tree names every folder, and its model and its dataset work as they stand there."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.backends import needs_dgl
from tests.benchmark.conftest import environment

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def tree(tmp_path_factory) -> Path:
    """A copy of the project with the examples saved as the files that CONTRIBUTING.md names."""
    text = (ROOT / "CONTRIBUTING.md").read_text()
    names = re.findall(r"save it as `((?:models/zoo|datasets/sets)/\w+\.py)`", text)
    examples = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    copy = tmp_path_factory.mktemp("tree")
    for package in ("benchmark", "datasets", "models", "tests"):
        shutil.copytree(ROOT / package, copy / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", copy)
    assert [name.split("/")[0] for name in names] == ["models", "datasets"]
    for name, example in zip(names, examples, strict=True):
        (copy / name).write_text(example)
    return copy


def test_the_tree_names_every_folder_of_the_packages():
    lines = (ROOT / "CONTRIBUTING.md").read_text().split("```")[1].splitlines()
    named, package = set(), ""
    for indent, folder in (found.groups() for line in lines if (found := re.match(r"( *)(\w+)/ ", line))):
        package = package if indent else folder
        named |= {f"{package}/{folder}"} if indent else set()
    there = {path.parent for package in ("datasets", "models", "benchmark") for path in ROOT.glob(f"{package}/*/__init__.py")}
    assert named == {path.relative_to(ROOT).as_posix() for path in there}


def run(tree: Path, *arguments: object) -> str:
    command = [sys.executable, "-m", *map(str, arguments)]
    done = subprocess.run(command, cwd=tree, env=environment(PYTHONPATH=str(tree)), capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_model_trains_on_the_dataset_and_gets_its_row(tree, tmp_path):
    asked = ("--task", "madelung", "--model", "filters", "--profile", "smoke", "--folds", 2)
    told = run(tree, "benchmark", "run", *asked, "--out", tmp_path / "runs", "--json")
    (row,) = json.loads(told.splitlines()[-1])["scores"]
    assert (row["task"], row["unit"]) == ("madelung/electrostatic_energy_per_atom", "eV/atom")
    assert row["mae"] > 0
    assert "| [filters (smoke)](models/filters.md) |" in (tmp_path / "runs" / "README.md").read_text().replace("  ", "")


def test_the_examples_keep_every_promise_of_their_contracts(tree):
    suites = ("tests/models/zoo/test_contract.py", "tests/datasets/sets/test_contract.py")
    found = run(tree, "pytest", "-n0", "-p", "no:cacheprovider", *suites, "-k", "filters or madelung")
    skipped = 1 + needs_dgl.args[0]  # one of the model's is against DGL
    assert re.search(rf"^\d\d passed, {skipped} skipped", found, re.MULTILINE), found
