"""Gather, reduce and read out over a GraphBatch: DGL's kernels, or the same in plain torch.

DGL runs wherever the installed build knows the device (PyPI's wheels: the CPU); elsewhere, or without DGL, torch's own
index operations compute the same values and gradients. `backend` chooses by hand, for tests.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Literal

from torch import Tensor

from datasets.errors import InputError
from models.batch import GraphBatch

Backend = Literal["auto", "dgl", "torch"]
_backend: ContextVar[Backend] = ContextVar("backend", default="auto")


@contextmanager
def backend(name: Backend) -> Iterator[None]:
    """Within the block, compute with DGL or with torch only; InputError where DGL is asked for but not installed."""
    if name == "dgl" and not _dgl_runs_on("cpu"):
        raise InputError("the DGL backend was asked for, but dgl does not import here; install it with `pip install dgl`")
    token = _backend.set(name)
    try:
        yield
    finally:
        _backend.reset(token)


@cache
def _dgl_runs_on(device: str) -> bool:
    try:
        from models.dgl_backend import dgl

        dgl.graph(([0], [0])).to(device)
    except Exception:  # DGL fails to import in many ways, and refuses a device with its own error
        return False
    return True


def uses_dgl(batch: GraphBatch) -> bool:
    """Whether the functions below run DGL's kernels on this batch."""
    chosen = _backend.get()
    return chosen == "dgl" or (chosen == "auto" and _dgl_runs_on(batch.src.device.type))


def add_ends(batch: GraphBatch, sender: Tensor, receiver: Tensor) -> Tensor:
    """(E, F) `sender[src] + receiver[dst]` from two (N, F) node features."""
    if uses_dgl(batch):
        from models.dgl_backend import ops

        return ops.u_add_v(batch.dgl, sender, receiver)
    return sender.index_select(0, batch.src) + receiver.index_select(0, batch.dst)


def sum_incoming(batch: GraphBatch, messages: Tensor) -> Tensor:
    """(N, F) sum over the incoming edges of each atom of (E, F) messages; 0 where there is none."""
    if uses_dgl(batch):
        from models.dgl_backend import ops

        return ops.copy_e_sum(batch.dgl, messages)
    zeros = messages.new_zeros((len(batch.atomic_numbers), *messages.shape[1:]))
    return zeros.index_add(0, batch.dst, messages)


def readout_mean(batch: GraphBatch, x: Tensor) -> Tensor:
    """(B, F) mean over the atoms of each crystal of (N, F) features."""
    if uses_dgl(batch):
        from models.dgl_backend import ops

        total = ops.segment_reduce(batch.n_atoms, x, reducer="sum")
    else:
        total = x.new_zeros((batch.n_crystals, *x.shape[1:])).index_add(0, batch.crystal, x)
    return total / batch.n_atoms.to(x.dtype).unsqueeze(-1)
