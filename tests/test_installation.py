"""What is installed where: DGL by Python and system, the versions of the published records, the citation."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[1]
PYPROJECT = (ROOT / "pyproject.toml").read_text()
LINUX = {"sys_platform": "linux", "platform_machine": "x86_64", "implementation_name": "cpython"}


def on(requirement: Requirement, python: str, **system: str) -> bool:
    """Whether a requirement is installed on a Python and a system."""
    environment = LINUX | system | {"python_version": python, "python_full_version": f"{python}.0"}
    return requirement.marker is None or requirement.marker.evaluate(environment)


def pins(python: str) -> dict[str, str]:
    """The version of each package that constraints.txt allows on a Python."""
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if line and not line.startswith("#")]
    found = [requirement for requirement in map(Requirement, lines) if on(requirement, python)]
    assert len({requirement.name for requirement in found}) == len(found), "one version each"
    return {requirement.name: str(requirement.specifier).removeprefix("==") for requirement in found}


@pytest.mark.parametrize(("python", "installed"), [("3.10", True), ("3.11", True), ("3.12", False), ("3.14", False)])
def test_dgl_is_installed_where_it_has_a_wheel_that_works(python, installed):
    dgl = Requirement(re.search(r'"(dgl.*)",\n', PYPROJECT)[1])
    assert on(dgl, python) == installed
    assert not on(dgl, python, sys_platform="win32")


@pytest.mark.parametrize("python", ["3.10", "3.11", "3.12", "3.13", "3.14"])
def test_every_dependency_has_one_version_on_every_python(python):
    needed = re.search(r"\ndependencies = \[\n(.*?)\n\]", PYPROJECT, re.DOTALL)[1]
    wanted = [r for r in map(Requirement, re.findall(r'^  "(.*)",', needed, re.MULTILINE)) if on(r, python)]
    versions = pins(python)
    assert len(wanted) > 25
    assert {r.name: versions.get(r.name) for r in wanted if versions.get(r.name) not in r.specifier} == {}


def test_the_constraints_are_the_versions_of_the_published_records():
    counted: Counter[str] = Counter()
    for path in (ROOT / "leaderboards" / "records").rglob("*.json"):
        document = json.loads(path.read_text())
        for record in document["records"]:
            versions = document["shared"].get("versions", {}) | record.get("versions", {})
            counted[json.dumps({name: v.partition("+")[0] for name, v in versions.items()}, sort_keys=True)] += 1
    published = json.loads(counted.most_common(1)[0][0])
    python = published.pop("python")
    published.pop("crystal-benchmark", None)
    assert {name: pins(python.rpartition(".")[0])[name] for name in published} == published


def test_the_citation_names_the_version():
    citation = YAML(typ="safe").load(ROOT / "CITATION.cff")
    assert citation["version"] == re.search(r'^version = "(.*)"', PYPROJECT, re.MULTILINE)[1]
    assert {"cff-version", "message", "title", "authors", "license"} <= set(citation)
