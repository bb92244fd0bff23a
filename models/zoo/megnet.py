"""MEGNet as published: Chen, Ye, Zuo, Zheng & Ong, Chem. Mater. 31, 3564 (2019), "the paper" below."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from datasets.crystals import Crystals
from datasets.errors import InputError
from datasets.neighbor_search import Radius
from datasets.readers.budget import size_of
from models.contract import ModelSpec, require
from models.declared import restored
from models.foreign_arrays import keras_arrays, npz_arrays
from models.graph.atom_features import AtomFeatureName, AtomFeatures
from models.graph.batch import GraphBatch
from models.graph.layers import Dense, GaussianExpansion, Set2Set, shifted_softplus
from models.graph.message_passing import add_parts, from_lengths, mean_incoming, readout_mean
from models.graph_model import GraphModel, GraphSettings
from models.training import MINI

ELEMENTS, EMBEDDED = 95, 16
"""Rows (Z = 0 … 94) and width of the element embedding."""
MOST_OF_COMPANION = 1 << 20
"""Bytes of the JSON beside a published model; it has a few thousand."""
STATE = 2
"""Width of the state that a crystal starts from: zeros, as crystals bring no state of their own."""


@dataclass(frozen=True)
class MEGNetSettings(GraphSettings):
    """Hyperparameters; the defaults are the published ones of 2018 (in 2019 the cutoff became 5 Å).

    cutoff: Å within which neighbours are taken.
    width: features of atoms, bonds and state between the blocks.
    hidden: units of the layers before a block's output.
    pooled: features of the readout, Set2Set.
    gaussians: number of Gaussians that expand a distance, evenly from 0 to `margin` Å beyond the cutoff.
    margin: Å beyond the cutoff at which the last Gaussian lies.
    gaussian_width: width of each Gaussian in Å.
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
        require(self, "margin", "above -cutoff", -self.cutoff < self.margin < float("inf"))
        for name in ("width", "hidden", "pooled", "gaussians"):
            require(self, name, "at least 1", getattr(self, name) >= 1)


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
    """The graph network step of the paper on dense pairs of v, e and u, then the block's inputs added.

    e' = φ_e[v_i, v_j, e_ij, u];  v' = φ_v[mean_j e'_ij, v_i, u];  u' = φ_u[mean e', mean v', u]; i owns bond ij.
    """

    def __init__(self, width: int, hidden: int, dense: bool) -> None:
        super().__init__()
        self.atom, self.bond, self.state = (dense_pair(width, hidden, width) if dense else nn.Identity() for _ in range(3))
        self.phi_e = Update(4, width, hidden)
        self.phi_v = Update(3, width, hidden)
        self.phi_u = Update(3, width, hidden)

    def forward(
        self, batch: GraphBatch, v: Tensor, e: Tensor, u: Tensor, by_length: bool = False
    ) -> tuple[Tensor, Tensor, Tensor]:
        """(N, width), (E, width) or (D, width) `by_length`, (B, width) → (N, width), (E, width), (B, width)."""
        skipped_v, skipped_e, skipped_u = v, from_lengths(batch, e) if by_length else e, u
        v, e, u = self.atom(v), self.bond(e), self.state(u)
        # Products with v and u are taken per atom and per crystal and then gathered: no bond carries [v_i, v_j, e, u].
        owner, sender, bond, state = self.phi_e.weights()
        shared = F.linear(u, state.T, self.phi_e.first.bias).index_select(0, batch.crystal)
        ends, product = (v @ sender, torch.addmm(shared, v, owner)), e @ bond
        e = self.phi_e(add_parts(batch, *ends, product) if by_length else product + add_parts(batch, *ends))
        incoming, own, state = self.phi_v.weights()
        shared = F.linear(u, state.T, self.phi_v.first.bias).index_select(0, batch.crystal)
        v = self.phi_v(torch.addmm(shared, mean_incoming(batch, e), incoming).addmm(v, own))
        means = [readout_mean(batch, e, "edges"), readout_mean(batch, v)]
        u = self.phi_u(self.phi_u.first(torch.cat([*means, u], dim=1)))
        return skipped_v + v, skipped_e + e, skipped_u + u


class MEGNetNetwork(nn.Module):
    """Embedding, dense pairs, blocks, Set2Set of atoms and of bonds beside the state, two dense layers, one number."""

    def __init__(self, settings: MEGNetSettings, elements: np.ndarray, n_outputs: int = 1) -> None:
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
        self.readout = nn.Sequential(Dense(4 * pooled + width, width), Dense(width, pooled), nn.Linear(pooled, n_outputs))
        self.apply(_initialise)

    def forward(self, batch: GraphBatch) -> Tensor:
        """(B,) scaled targets, or (B, n_outputs) logits of classes."""
        atoms = self.embedding(batch.atomic_numbers if self.atom_features is None else self.atom_features(batch))
        v, e = self.atom(atoms), self.bond(self.expansion(batch.lengths))
        u = self.state(v.new_zeros(batch.n_crystals, STATE))
        for number, block in enumerate(self.blocks):
            v, e, u = block(batch, v, e, u, by_length=number == 0)
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

    def build(self, settings: MEGNetSettings, elements: np.ndarray, n_outputs: int) -> nn.Module:
        """The network with fresh weights."""
        return MEGNetNetwork(settings, elements, n_outputs)


UPSTREAM_TARGETS = {
    "formation_energy": {"target": "formation_energy_per_atom", "unit": "eV/atom"},
    "band_gap": {"target": "band_gap", "unit": "eV"},
    "efermi": {"target": "efermi", "unit": "eV"},
    "log10K": {"target": "bulk_moduli", "unit": "log10(GPa)"},
    "log10G": {"target": "shear_moduli", "unit": "log10(GPa)"},
}
"""What a model predicts, by what the name of its published file contains."""


def read_upstream(path: Path, device: str = "cpu") -> MEGNet:
    """A regression model of the original code: Keras' `.hdf5`, or the same arrays as NumPy's `.npz`, `|` for `/` in names.

    Depth and widths come from the arrays; cutoff, Gaussians and the scaler of the targets from the file of the original
    code that belongs to it, `<path>.json`; Keras' file is not read without it. Arrays without it have the published ones of
    2018: 4 Å and no scaler. An atom without neighbours, which the original code refuses, keeps its embedding here.

    Raises:
        InputError: not such a file, it is a classifier, its graph is another, or it is Keras' and h5py is not installed.
    """
    if "classification" in path.name:
        raise InputError(f"{path}: a classifier; only regression models can be read")
    try:
        arrays = (npz_arrays if path.suffix.lower() == ".npz" else keras_arrays)(path)
        graph, scaler = _companion(Path(f"{path}.json"), path.suffix.lower() != ".npz")
        settings = MEGNetSettings(**_sizes(arrays), **graph, length_tolerance=0.0)
        names = keras_names(settings.n_layers)
        if surplus := sorted(arrays.keys() - names.keys()):
            raise ValueError(f"it also has {surplus[0]}")
        if not all(np.isfinite(array).all() for array in arrays.values()):
            raise ValueError("a weight is not a finite number")
        # Keras multiplies from the right: its kernels are the transposes of torch's.
        weights = {ours: arrays[name] if ours == "embedding.weight" else arrays[name].T for name, ours in names.items()}
        state = {f"network.{name}": array for name, array in weights.items()} | scaler
        model = restored(lambda: MEGNet(settings, device), settings, state)
    except ModuleNotFoundError:
        raise InputError(f"{path}: reading Keras' files takes h5py; install it with `pip install h5py`") from None
    except Exception as error:  # readers of damaged files raise anything
        detail = " ".join(str(error).split())[:120]
        raise InputError(f"{path}: not a regression model of the original MEGNet ({detail})") from None
    model.about = next((dict(about) for name, about in UPSTREAM_TARGETS.items() if name in path.name), {})
    return model


def keras_names(n_layers: int) -> dict[str, str]:
    """Name of an array in the original code → name of the weight of `MEGNetNetwork` that holds it."""
    parts = ("atom", "bond", "state")
    pairs = {f"preblock_{part}": part for part in parts}
    pairs |= {f"block_{b}_{part}_ff": f"blocks.{b}.{part}" for b, part in product(range(1, n_layers), parts)}
    dense = {f"{theirs}_{k}": f"{ours}.{k}" for (theirs, ours), k in product(pairs.items(), (0, 1))}
    dense |= {f"readout_{k}": f"readout.{k}" for k in range(3)}
    layers = {f"{theirs}|kernel:0": ours for theirs, ours in dense.items()}
    for b, x, (k, ours) in product(range(n_layers), "veu", enumerate(("first", "second", "last"))):
        layers[f"megnet_{b}|megnet_{b}|phi_{x}|weight_{x}_{k}:0"] = f"blocks.{b}.phi_{x}.{ours}"
    for part, (theirs, ours) in product(("atom", "bond"), (("x_to_m_weight", "project"), ("recurrent_kernel", "gates"))):
        layers[f"set2set_{part}|{theirs}:0"] = f"pool_{part}s.{ours}"
    weights = {theirs: f"{ours}.weight" for theirs, ours in layers.items()}
    biases = {theirs.replace("kernel", "bias").replace("weight", "bias"): f"{ours}.bias" for theirs, ours in layers.items()}
    return {"atom_embedding|embeddings:0": "embedding.weight"} | weights | biases


def _sizes(arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    """Depth and widths as the arrays tell them."""
    n_layers = sum(name.endswith("weight_e_0:0") for name in arrays)
    gaussians, hidden = arrays["preblock_bond_0|kernel:0"].shape
    width, pooled = arrays["set2set_atom|x_to_m_weight:0"].shape
    return {"n_layers": n_layers, "gaussians": gaussians, "hidden": hidden, "width": width, "pooled": pooled}


def _companion(path: Path, required: bool) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Settings of the graph, and mean and standard deviation of the targets, of the original code's JSON beside a model."""
    if path.exists() and size_of(path, path.name) > MOST_OF_COMPANION:
        raise ValueError(f"{path.name}: more than {MOST_OF_COMPANION:,} bytes")
    content = json.loads(path.read_text(encoding="utf-8")) if required or path.exists() else {}
    scaler, graph = content.get("target_scaler") or {}, {}
    if not scaler.get("is_intensive", True):
        raise ValueError(f"{path.name}: the target is extensive")
    # Older releases write "convertor".
    if converter := content.get("graph_converter") or content.get("graph_convertor"):
        bond = converter.get("bond_converter") or converter["bond_convertor"]
        centres = np.array(bond["centers"]["data"] if isinstance(bond["centers"], dict) else bond["centers"], dtype=float)
        if not np.allclose(centres, np.linspace(0, centres[-1], len(centres))):
            raise ValueError(f"{path.name}: the Gaussians are not spaced evenly from 0")
        cutoff = float(converter["cutoff"])
        graph = {"cutoff": cutoff, "margin": float(centres[-1]) - cutoff, "gaussian_width": float(bond["width"])}
    return graph, {name: np.array(float(scaler.get(name, default))) for name, default in (("mean", 0.0), ("std", 1.0))}


PUBLISHED = MEGNetSettings(
    epochs=1000, batch_size=128, optimizer="adam", learning_rate=1e-3, loss="mse", clip_norm=3.0,
    schedule="constant",
)  # fmt: skip

MODELS = [
    ModelSpec(
        name="megnet",
        paper="Chen et al., Chem. Mater. 31, 3564 (2019)",
        model=MEGNet,
        profiles={
            "smoke": MEGNetSettings(epochs=2, n_layers=2, width=8, hidden=16, pooled=8, gaussians=20),
            "mini": MEGNetSettings(**MINI, n_layers=2, hidden=32, gaussians=40),
            "standard": MEGNetSettings(),
            "paper": PUBLISHED,
        },
        graph_rule=lambda settings: str(MEGNet.rule(settings)),
        published_parameters=lambda layers: 11_857 + 51_968 * layers,
        presets={"thesis": replace(PUBLISHED, epochs=30)},
    )
]
