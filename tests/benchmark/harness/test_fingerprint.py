from __future__ import annotations

import importlib
import sys

import pytest

from benchmark.harness.fingerprint import PACKAGES, _parsed, fingerprint
from models.registry import registered

SHARED = '''
"""A shared module."""
FACTOR = 2

def used(x):
    """What it does."""
    return x * FACTOR  # why

def unused(x):
    return x
'''
MODEL = '''
"""A model."""
from planted.shared import used

class Net:
    def forward(self, x):
        from planted.late import correct
        return correct(helper(x))

def helper(x):
    return used(x) + 1
'''
LATE = "import math\n\ndef correct(x):\n    return x - math.pi\n"


@pytest.fixture
def planted(tmp_path, monkeypatch):
    """The fingerprint of a model planted with these sources."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr("benchmark.harness.fingerprint.PACKAGES", (*PACKAGES, "planted"))

    def calculate(model: str = MODEL, shared: str = SHARED, late: str = LATE) -> str:
        folder = tmp_path / "planted"
        folder.mkdir(exist_ok=True)
        for name, text in {"__init__": "", "model": model, "shared": shared, "late": late}.items():
            (folder / f"{name}.py").write_text(text)
        _parsed.cache_clear()
        for name in [name for name in sys.modules if name.startswith("planted")]:
            del sys.modules[name]
        importlib.invalidate_caches()
        return fingerprint(type("Net", (), {"__module__": "planted.model"}))

    yield calculate
    _parsed.cache_clear()


def test_comments_docstrings_and_layout_do_not_count(planted):
    tidied = SHARED.replace("# why", "# because").replace("What it does", "Doubles").replace("x * FACTOR", "(x  *  FACTOR)")
    assert planted() == planted(shared=tidied)


@pytest.mark.parametrize(
    "change",
    [
        {"model": MODEL.replace("+ 1", "+ 2")},
        {"model": MODEL.replace("correct(helper(x))", "helper(correct(x))")},
        {"shared": SHARED.replace("FACTOR = 2", "FACTOR = 3")},
        {"shared": SHARED.replace("x * FACTOR", "x / FACTOR")},
        {"late": LATE.replace("x - math.pi", "x + math.pi")},
        {"shared": SHARED + "\nprint('an effect on import')\n"},
    ],
)
def test_whatever_the_model_reaches_counts(planted, change):
    assert planted() != planted(**change)


def test_what_the_model_does_not_reach_does_not_count(planted):
    more = SHARED.replace("return x\n", "return -x\n") + "\ndef another(x):\n    return 0\n"
    assert planted() == planted(shared=more)


def test_every_registered_model_has_its_own():
    models = {spec.model for spec in registered().values()}
    assert len({fingerprint(model) for model in models}) == len(models)


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("datasets.neighbor_search", "_truncate"), ("datasets.neighbor_search", "TIE"), ("datasets.elements", "CLASSES"),
        ("models.graph.table", "_ragged"), ("models.graph.message_passing", "sum_incoming"),
        ("models.graph.layers", "GaussianExpansion"), ("models.graph.dgl_backend", ""), ("models.graph_model", "GraphModel"),
        ("models.training", "train_network"), ("models.training", "_schedules"), ("models.zoo.cgcnn", "CrystalConvolution"),
    ],
)  # fmt: skip
def test_cgcnn_depends_on_its_graphs_kernels_and_training(monkeypatch, module, name):
    """Planting a change in any of these must change its fingerprint."""
    before = fingerprint(registered()["cgcnn"].model)
    monkeypatch.setitem(_parsed(module).code, name, "changed")
    assert fingerprint(registered()["cgcnn"].model) != before


def test_the_soap_models_do_not_depend_on_cgcnn_s_kernels(monkeypatch):
    before = fingerprint(registered()["soap-svr"].model)
    monkeypatch.setitem(_parsed("models.graph.message_passing").code, "sum_incoming", "changed")
    assert fingerprint(registered()["soap-svr"].model) == before
