"""A server that plays the sources, and an empty data directory."""

import pytest

from datasets import registry
from datasets.fetching import download, sessions
from tests.datasets.fetching.sources import serving


@pytest.fixture
def source(monkeypatch, tmp_path):
    monkeypatch.setattr(sessions, "BACK_OFF", 0.01)
    monkeypatch.setattr(download, "TIMEOUT", (2.0, 1.0))
    monkeypatch.setenv("BENCHMARK_DATA", str(tmp_path / "data"))
    registry.load.cache_clear()
    with serving() as found:
        yield found
    registry.load.cache_clear()


@pytest.fixture
def data(tmp_path):
    return tmp_path / "data"
