"""MEGNet as published: Chen, Ye, Zuo, Zheng & Ong, Chem. Mater. 31, 3564 (2019), "the paper" below."""

from __future__ import annotations

import json
import zipfile
import zlib
from dataclasses import dataclass
from importlib import import_module
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from datasets.crystals import Crystals
from datasets.errors import InputError
from datasets.neighbors import Radius
from models.atom_features import AtomFeatureName, AtomFeatures
from models.batch import GraphBatch
from models.contract import ModelSpec, require
from models.graph_model import GraphModel, GraphSettings
from models.layers import GaussianExpansion, shifted_softplus
from models.message_passing import Items, add_ends, mean_incoming, readout_mean, readout_sum, softmax_within

ELEMENTS = 95
"""Rows of the element embedding: Z = 0 … 94."""
EMBEDDED = 16
"""Width of the element embedding."""
STATE = 2
"""Width of the state that a crystal starts from: zeros, as crystals bring no state of their own."""
STEPS = 3
"""Steps of Set2Set."""


@dataclass(frozen=True)
class MEGNetSettings(GraphSettings):
    """Hyperparameters; the defaults are the published ones of 2018 (in 2019 the cutoff became 5 Å).

    width: of atoms, bonds and state between the blocks; hidden: of the layers before; pooled: of Set2Set.
    gaussians: how many expand a distance, evenly from 0 to `margin` Å beyond the cutoff, `gaussian_width` Å wide.
    """

    atom_features: AtomFeatureName = "embedding"
    cutoff: float = 4.0
    width: int = 32
    hidden: int = 64
    pooled: int = 16
    gaussians: int = 100
    margin: float = 1.0
    gaussian_width: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("cutoff", "gaussian_width"):
            require(self, name, "positive", 0 < getattr(self, name) < float("inf"))
        require(self, "margin", "not negative", 0 <= self.margin < float("inf"))
        for name in ("width", "hidden", "pooled", "gaussians"):
            require(self, name, "at least 1", getattr(self, name) >= 1)


class Dense(nn.Linear):
    """x → softplus(W x + b) − ln 2; (…, n) → (…, m)."""

    def forward(self, x: Tensor) -> Tensor:
        """Apply layer and activation."""
        return shifted_softplus(super().forward(x))


def dense_pair(n: int, hidden: int, width: int) -> nn.Sequential:
    """The two dense layers (64, 32) that stand before each block."""
    return nn.Sequential(Dense(n, hidden), Dense(hidden, width))


class Update(nn.Module):
    """φ: three layers, the last of them linear; the first takes `parts` inputs of one width, which stay apart."""

    def __init__(self, parts: int, width: int, hidden: int) -> None:
        super().__init__()
        self.parts = parts
        self.first = nn.Linear(parts * width, hidden)
        self.second = Dense(hidden, hidden)
        self.last = nn.Linear(hidden, width)

    def weights(self) -> tuple[Tensor, ...]:
        """The first layer's (width, hidden) weights, one an input."""
        return self.first.weight.T.chunk(self.parts)

    def forward(self, z: Tensor) -> Tensor:
        """(…, hidden) sums of the first layer → (…, width)."""
        return self.last(self.second(shifted_softplus(z)))


class Block(nn.Module):
    """Eqs. 4–9 of the paper on dense pairs of v, e and u, then the block's inputs added.

    e' = φ_e[v_i, v_j, e_ij, u];  v' = φ_v[mean_j e'_ij, v_i, u];  u' = φ_u[mean e', mean v', u]; i owns bond ij.
    """

    def __init__(self, width: int, hidden: int, dense: bool) -> None:
        super().__init__()
        self.atom, self.bond, self.state = (dense_pair(width, hidden, width) if dense else nn.Identity() for _ in range(3))
        self.phi_e = Update(4, width, hidden)
        self.phi_v = Update(3, width, hidden)
        self.phi_u = Update(3, width, hidden)

    def forward(self, batch: GraphBatch, v: Tensor, e: Tensor, u: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(N, width), (E, width), (B, width) → the same."""
        new_v, new_e, new_u = self.updated(batch, self.atom(v), self.bond(e), self.state(u))
        return v + new_v, e + new_e, u + new_u

    def updated(self, batch: GraphBatch, v: Tensor, e: Tensor, u: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """v', e' and u' of the equations."""
        # Products with v and u are taken per atom and per crystal and then gathered: no bond carries [v_i, v_j, e, u].
        owner, sender, bond, state = self.phi_e.weights()
        shared = F.linear(u, state.T, self.phi_e.first.bias).index_select(0, batch.crystal)
        e = self.phi_e(torch.addmm(add_ends(batch, v @ sender, torch.addmm(shared, v, owner)), e, bond))
        incoming, own, state = self.phi_v.weights()
        shared = F.linear(u, state.T, self.phi_v.first.bias).index_select(0, batch.crystal)
        v = self.phi_v(torch.addmm(shared, mean_incoming(batch, e), incoming).addmm(v, own))
        means = [readout_mean(batch, e, "edges"), readout_mean(batch, v)]
        return v, e, self.phi_u(self.phi_u.first(torch.cat([*means, u], dim=1)))


class Set2Set(nn.Module):
    """Vinyals, Bengio & Kudlur, arXiv:1511.06391, as the published code has it: q = LSTM(q*), q* = [q, Σ softmax(m·q) m].

    dgl.nn.Set2Set is another function: it carries the LSTM's cell from step to step, has the logistic function for the
    hard sigmoid, takes x itself for m = W x + b, and no bonds. Without a cell to forget, a quarter of the gates is idle.
    """

    def __init__(self, width: int, pooled: int, items: Items) -> None:
        super().__init__()
        self.items = items
        self.project = nn.Linear(width, pooled)
        self.gates = nn.Linear(2 * pooled, 4 * pooled)

    def forward(self, batch: GraphBatch, x: Tensor) -> Tensor:
        """(N, width) atoms or (E, width) bonds → (B, 2 pooled)."""
        owner = batch.crystal if self.items == "atoms" else batch.edge_crystal
        m = self.project(x)
        pooled = m.new_zeros(batch.n_crystals, self.gates.in_features)
        for _ in range(STEPS):
            enter, _forget, cell, leave = self.gates(pooled).chunk(4, dim=1)
            query = hard_sigmoid(leave) * torch.tanh(hard_sigmoid(enter) * torch.tanh(cell))
            logits = (m * query.index_select(0, owner)).sum(dim=1, keepdim=True)
            attention = softmax_within(batch, logits, self.items)
            pooled = torch.cat([query, readout_sum(batch, attention * m, self.items)], dim=1)
        return pooled


def hard_sigmoid(x: Tensor) -> Tensor:
    """0.2 x + 0.5, cut to 0 … 1: that of Keras, while torch's has the slope 1/6."""
    return (0.2 * x + 0.5).clamp(0.0, 1.0)


class MEGNetNetwork(nn.Module):
    """Embedding, dense pairs, blocks, Set2Set of atoms and of bonds beside the state, two dense layers, one number."""

    def __init__(self, settings: MEGNetSettings, elements: np.ndarray) -> None:
        super().__init__()
        width, hidden, pooled = settings.width, settings.hidden, settings.pooled
        self.atom_features: AtomFeatures | None = None
        self.embedding: nn.Module = nn.Embedding(ELEMENTS, EMBEDDED)
        if settings.atom_features != "embedding":
            self.atom_features = AtomFeatures(settings.atom_features, elements)
            self.embedding = nn.Linear(self.atom_features.n_features, EMBEDDED, bias=False)
        last = settings.cutoff + settings.margin
        self.expansion = GaussianExpansion(0.0, last, settings.gaussians, settings.gaussian_width)
        self.atom = dense_pair(EMBEDDED, hidden, width)
        self.bond = dense_pair(settings.gaussians, hidden, width)
        self.state = dense_pair(STATE, hidden, width)
        self.blocks = nn.ModuleList(Block(width, hidden, dense=number > 0) for number in range(settings.n_layers))
        self.pool_atoms = Set2Set(width, pooled, "atoms")
        self.pool_bonds = Set2Set(width, pooled, "edges")
        self.readout = nn.Sequential(Dense(4 * pooled + width, width), Dense(width, pooled), nn.Linear(pooled, 1))
        self.apply(_initialise)

    def forward(self, batch: GraphBatch) -> Tensor:
        """(B,) predictions in units of the scaled target."""
        atoms = self.embedding(batch.atomic_numbers if self.atom_features is None else self.atom_features(batch))
        v, e = self.atom(atoms), self.bond(self.expansion(batch.distance))
        u = self.state(v.new_zeros(batch.n_crystals, STATE))
        for block in self.blocks:
            v, e, u = block(batch, v, e, u)
        return self.readout(torch.cat([self.pool_atoms(batch, v), self.pool_bonds(batch, e), u], dim=1)).squeeze(-1)


def _initialise(module: nn.Module) -> None:
    """Draw a module's weights as the published code does."""
    if isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.Embedding):
        nn.init.uniform_(module.weight, -0.05, 0.05)
    elif isinstance(module, Set2Set):
        nn.init.orthogonal_(module.gates.weight)


class MEGNet(GraphModel[MEGNetSettings]):
    """The original MEGNet behind the contract."""

    settings_class = MEGNetSettings

    @staticmethod
    def rule(settings: MEGNetSettings) -> Radius:
        """Every periodic neighbour within 4 Å."""
        return Radius(settings.cutoff)

    @classmethod
    def known_elements(cls, settings: MEGNetSettings, crystals: Crystals | None = None) -> np.ndarray:
        """The features of the settings; the embedding knows the elements up to plutonium, Z = 94."""
        table = super().known_elements(settings, crystals)
        return table[:ELEMENTS] if settings.atom_features == "embedding" else table

    def build(self, settings: MEGNetSettings, elements: np.ndarray) -> nn.Module:
        """The network with fresh weights."""
        return MEGNetNetwork(settings, elements)
