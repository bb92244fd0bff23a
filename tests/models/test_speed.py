"""Throughput of training steps: `pytest -o addopts= --benchmark-only tests/models/test_speed.py`."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from datasets.crystals import Crystals
from models import message_passing
from models.registry import get


@pytest.fixture(scope="module")
def alloys() -> Crystals:
    """300 random alloys of 20 atoms."""
    rng = np.random.default_rng(0)
    sites = np.stack(np.meshgrid(*[np.arange(3)] * 3), -1).reshape(-1, 3)[:20] / 3
    cells = [
        (8.0 * np.eye(3), np.ones(3, dtype=bool), rng.integers(21, 31, 20), sites + rng.normal(0, 0.02, (20, 3)))
        for _ in range(300)
    ]
    return Crystals.from_cells([f"a{i}" for i in range(len(cells))], cells)


@pytest.mark.benchmark(group="training step")
@pytest.mark.parametrize("backend", ["dgl", "torch"])
@pytest.mark.parametrize("batch_size", [64, 256])
def test_a_training_step_of_cgcnn(benchmark, alloys, batch_size, backend):
    spec = get("cgcnn")
    model = spec.model(spec.settings("quick"))
    table = model.prepare(alloys)
    optimizer = torch.optim.AdamW(model.network.parameters(), 1e-3)
    rows = torch.arange(batch_size)

    def step() -> float:
        with message_passing.backend(backend):
            loss = model.network(table.cut(rows)).abs().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return float(loss.detach())

    assert np.isfinite(benchmark(step))
