from __future__ import annotations

import sys
from types import ModuleType

import pytest

from benchmark.fingerprint import _code, fingerprint
from models.registry import registered

SOURCE = '''
"""Docstring."""
from models.layers import GaussianExpansion

def f(x):
    """What it does."""
    return x + 1  # why
'''


@pytest.fixture
def of_source(tmp_path, monkeypatch):
    """The fingerprint that a model file with this text would have."""

    def calculate(text: str) -> str:
        path = tmp_path / "planted.py"
        path.write_text(text)
        module = ModuleType("models.planted")
        module.__file__ = str(path)
        monkeypatch.setitem(sys.modules, "models.planted", module)
        _code.cache_clear()
        return fingerprint("models.planted")

    yield calculate
    _code.cache_clear()


def test_comments_docstrings_and_layout_do_not_count(of_source):
    tidied = SOURCE.replace("# why", "# because").replace("What it does", "Adds one").replace("x + 1", "(x  +  1)")
    assert of_source(SOURCE) == of_source(tidied)


def test_a_changed_number_counts(of_source):
    assert of_source(SOURCE) != of_source(SOURCE.replace("+ 1", "+ 2"))


def test_what_a_model_imports_counts(of_source):
    assert of_source(SOURCE) != of_source(SOURCE.replace("from models.layers import GaussianExpansion", "pass"))


def test_every_registered_model_has_its_own():
    modules = {spec.model.__module__ for spec in registered().values()}
    assert len({fingerprint(module) for module in modules}) == len(modules)


def test_the_network_s_own_modules_are_part_of_cgcnn():
    """The graph rule, the batches, the kernels, the training loop: a change in any of them can change a score."""
    seen, waiting = set(), ["models.cgcnn"]
    while waiting:
        name = waiting.pop()
        seen.add(name)
        waiting += [m for m in _code(name)[1] if m not in seen]
    assert {"datasets.neighbors", "datasets.elements", "models.batch", "models.message_passing", "models.training"} <= seen
