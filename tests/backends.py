"""DGL's kernels in tests: marks that skip where DGL does not import (Python 3.12 and newer), and what both backends share."""

import pytest
import torch
from torch import nn

from models.graph.batch import GraphBatch
from models.graph.message_passing import _dgl_runs_on, backend

dgl_runs_here = _dgl_runs_on("cpu")
needs_dgl = pytest.mark.skipif(not dgl_runs_here, reason="dgl does not import here")
each_backend = pytest.mark.parametrize("chosen", [pytest.param("dgl", marks=needs_dgl), "torch"])


def require_same_from_both(network: nn.Module, batch: GraphBatch) -> None:
    """DGL and torch give the same predictions of a batch, and the same gradients of their squares."""
    results = []
    for chosen in ("dgl", "torch"):
        with backend(chosen):
            prediction = network(batch)
            results.append([prediction, *torch.autograd.grad(prediction.square().sum(), list(network.parameters()))])
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-10)
