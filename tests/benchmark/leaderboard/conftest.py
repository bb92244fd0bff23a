"""A board of three models."""

from __future__ import annotations

import pytest

from benchmark.results.store import Store
from tests.benchmark.constructed import write_run


@pytest.fixture
def store(tmp_path) -> Store:
    """Two models and the dummy on one task, in five folds."""
    store = Store(tmp_path / "runs")
    for model, mae in (("cgcnn", 0.2), ("schnet", 0.5), ("dummy", 2.0)):
        write_run(store, model, mae)
    return store
