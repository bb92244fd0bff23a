from __future__ import annotations

from collections.abc import Callable

import pytest

from benchmark.results.store import Store
from datasets import registry
from datasets.cards import Dataset
from tests.benchmark.results.submissions import CARD, submission


@pytest.fixture
def store(tmp_path) -> Store:
    return Store(tmp_path / "runs")


@pytest.fixture
def with_data(alloys, monkeypatch) -> None:
    """The dataset `toy` is on this machine."""
    registry.load.cache_clear()
    monkeypatch.setattr("datasets.registry.built_in", lambda: {"toy": Dataset(CARD, lambda: alloys)})


@pytest.fixture
def without_data(alloys, monkeypatch) -> Callable[[], None]:
    """Call it to take the dataset away."""

    def take_away() -> None:
        registry.load.cache_clear()
        monkeypatch.setattr("datasets.registry.built_in", dict)

    return take_away


@pytest.fixture
def theirs(tmp_path, alloys, with_data) -> Store:
    return submission(tmp_path / "theirs", alloys)


@pytest.fixture
def board(tmp_path) -> Store:
    return Store(tmp_path / "board")
