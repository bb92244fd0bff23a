"""Marks of tests that compute with DGL's kernels: they skip where DGL does not import, as on Python 3.12 and newer."""

import pytest

from models.graph.message_passing import _dgl_runs_on

needs_dgl = pytest.mark.skipif(not _dgl_runs_on("cpu"), reason="dgl does not import here")
each_backend = pytest.mark.parametrize("chosen", [pytest.param("dgl", marks=needs_dgl), "torch"])
