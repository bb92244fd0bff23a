"""The one place that imports DGL, so that its backend is set first and a machine without it can still train."""

from __future__ import annotations

import os

os.environ.setdefault("DGLBACKEND", "pytorch")

import dgl
import dgl.ops as ops

__all__ = ["dgl", "ops"]
