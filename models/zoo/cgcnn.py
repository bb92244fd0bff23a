"""CGCNN as published: Xie & Grossman, Phys. Rev. Lett. 120, 145301 (2018)."""

from __future__ import annotations

import _codecs
import pickle
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from datasets.errors import InputError
from datasets.neighbor_search import Nearest
from models.contract import ModelSpec, require
from models.declared import require_members, require_own_storage, restored
from models.graph.atom_features import AtomFeatures
from models.graph.batch import GraphBatch
from models.graph.layers import GaussianExpansion
from models.graph.message_passing import add_parts, readout_mean, sum_incoming
from models.graph.norms import BatchNorm
from models.graph_model import GraphModel, NearestSettings
from models.training import MINI


@dataclass(frozen=True)
class CGCNNSettings(NearestSettings):
    """Hyperparameters; the defaults are the published ones.

    width: features of an atom in every layer.
    hidden: units of each hidden layer after the readout.
    n_hidden: number of hidden layers after the readout.
    """

    width: int = 64
    hidden: int = 128
    n_hidden: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("width", "hidden", "n_hidden"):
            require(self, name, "at least 1", getattr(self, name) >= 1)


class CrystalConvolution(nn.Module):
    """Eq. 5: v_i ← softplus(v_i + BN(Σ_j σ(z W_f + b_f) ⊙ softplus(z W_s + b_s))), z = [v_i, v_j, e_ij], BN inside too."""

    def __init__(self, width: int, n_edge: int) -> None:
        super().__init__()
        self.width = width
        self.fc_full = nn.Linear(2 * width + n_edge, 2 * width)
        self.bn1 = BatchNorm(2 * width)
        self.bn2 = BatchNorm(width)

    def forward(self, batch: GraphBatch, v: Tensor, e: Tensor) -> Tensor:
        """(N, width) atom features and (D, n_edge) features of the lengths → (N, width)."""
        # z W is a sum of three products, taken per atom and per length and gathered: no edge carries [v_i, v_j, e].
        receiver, sender, edge = self.fc_full.weight.split([self.width, self.width, e.shape[1]], dim=1)
        z = add_parts(batch, v @ sender.T, F.linear(v, receiver, self.fc_full.bias), e @ edge.T)
        gate, core = self.bn1(batch, z, "edges").chunk(2, dim=1)
        return F.softplus(v + self.bn2(batch, sum_incoming(batch, torch.sigmoid(gate) * F.softplus(core))))


class CGCNNNetwork(nn.Module):
    """Embedding, convolutions, mean over atoms, softplus, then Linear → softplus `n_hidden` times, Linear."""

    def __init__(self, settings: CGCNNSettings, elements: np.ndarray, n_outputs: int = 1) -> None:
        super().__init__()
        self.atom_features = AtomFeatures(settings.atom_features, elements)
        # Upstream steps 0.2 Å from 0 to the cutoff and uses the step as the width.
        self.expansion = GaussianExpansion(0.0, settings.cutoff, round(settings.cutoff / 0.2) + 1, 0.2)
        n_edge = len(self.expansion.centres)
        self.embedding = nn.Linear(self.atom_features.n_features, settings.width)
        self.convs = nn.ModuleList(CrystalConvolution(settings.width, n_edge) for _ in range(settings.n_layers))
        self.conv_to_fc = nn.Linear(settings.width, settings.hidden)
        self.fcs = nn.ModuleList(nn.Linear(settings.hidden, settings.hidden) for _ in range(settings.n_hidden - 1))
        # Upstream drops half of what its classifier's last layer sees.
        self.dropout = nn.Dropout(0.5) if n_outputs > 1 else nn.Identity()
        self.fc_out = nn.Linear(settings.hidden, n_outputs)

    def forward(self, batch: GraphBatch) -> Tensor:
        """(B,) scaled targets, or (B, n_outputs) logits of classes."""
        v = self.embedding(self.atom_features(batch))
        e = self.expansion(batch.lengths)
        for conv in self.convs:
            v = conv(batch, v, e)
        hidden = self.dropout(F.softplus(self.conv_to_fc(F.softplus(readout_mean(batch, v)))))
        for layer in self.fcs:
            hidden = F.softplus(layer(hidden))
        return self.fc_out(hidden).squeeze(-1)


class CGCNN(GraphModel[CGCNNSettings]):
    """The original CGCNN behind the contract."""

    settings_class = CGCNNSettings

    @staticmethod
    def rule(settings: CGCNNSettings) -> Nearest:
        """12 nearest periodic neighbours within 8 Å."""
        return Nearest(settings.k, settings.cutoff, settings.ties)

    def build(self, settings: CGCNNSettings, elements: np.ndarray, n_outputs: int) -> nn.Module:
        """The network with fresh weights."""
        return CGCNNNetwork(settings, elements, n_outputs)


UPSTREAM_UNITS = {
    "formation_energy_per_atom": "eV/atom", "final_energy_per_atom": "eV/atom", "band_gap": "eV", "efermi": "eV",
    "bulk_moduli": "log10(GPa)", "shear_moduli": "log10(GPa)", "poisson_ratio": "1",
}  # fmt: skip

UPSTREAM_CLASSES = {"target": "is_metal", "unit": "class", "classes": '["non-metal", "metal"]'}
"""Of the published classifier; its class 1 is metal."""

NUMPY_NUMBERS: list[Any] = [
    (np.float64().__reduce__()[0], "numpy.core.multiarray.scalar"), np.dtype, np.dtypes.Float64DType, _codecs.encode,
]  # fmt: skip
"""What a pickled number of NumPy is made of; the published classifier keeps its best score as one."""


def read_upstream(path: Path, device: str = "cpu") -> CGCNN:
    """A checkpoint of the original code (`.pth.tar`), a regression or a classifier; no pickled code is executed.

    Depth, widths, classes and the scaler of the targets come from the file; the graph is upstream's, phantom edges included.

    Raises:
        InputError: not such a file, or it holds more than tensors and numbers.
    """
    try:
        require_members(path)
        with warnings.catch_warnings(), torch.serialization.safe_globals(NUMPY_NUMBERS):
            warnings.simplefilter("ignore")
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        reason = "it holds Python objects that would be executed, or is damaged"
        raise InputError(f"{path}: not a checkpoint of weights: {reason}") from None
    except Exception as error:  # a damaged file makes torch raise anything
        raise InputError(f"{path}: not a PyTorch checkpoint ({' '.join(str(error).split())[:120]})") from None
    try:
        weights, scaler = _unwrapped(content["state_dict"]), content["normalizer"]
        require_own_storage(weights, path)
        n_outputs = len(weights["fc_out.weight"])
        settings, model_state = _settings_of(weights), {f"network.{name}": tensor for name, tensor in weights.items()}
        scales = {name: torch.tensor(float(scaler[name]), dtype=torch.float64) for name in ("mean", "std")}
        arrays = {name: tensor.numpy() for name, tensor in (model_state | scales).items()}
        n_classes = n_outputs if n_outputs > 1 else 0
        model = restored(lambda: CGCNN(settings, device, n_classes), settings, arrays)
        model.about = _about(content)
    except (KeyError, TypeError, AttributeError, RuntimeError, IndexError, ValueError) as error:
        detail = " ".join(str(error).split())[:120]
        raise InputError(f"{path}: not a checkpoint of the original CGCNN ({detail})") from None
    return model


WRAPPERS = ("module.", "_orig_mod.", "model.")
"""What DataParallel, torch.compile and trainers put before the name of every weight."""


def _unwrapped(weights: Mapping[str, Any]) -> dict[str, Any]:
    """The weights by their own names, where all of them have the same wrapper's name before."""
    weights = dict(weights)
    while (before := next((name for name in WRAPPERS if all(key.startswith(name) for key in weights)), "")) and weights:
        weights = {key.removeprefix(before): weight for key, weight in weights.items()}
    return weights


def _settings_of(weights: dict[str, Any]) -> CGCNNSettings:
    """Depth and widths as the shapes of the weights tell them."""
    hidden, width = weights["conv_to_fc.weight"].shape
    n_edge = weights["convs.0.fc_full.weight"].shape[1] - 2 * width
    return CGCNNSettings(
        n_layers=sum(name.endswith("fc_full.weight") for name in weights),
        width=width,
        hidden=hidden,
        n_hidden=1 + sum(name.startswith("fcs.") and name.endswith("weight") for name in weights),
        cutoff=round(0.2 * (n_edge - 1), 6),
        ties="padded",
        length_tolerance=0.0,
    )


def _about(content: dict[str, Any]) -> dict[str, str]:
    """Target and unit, where the file says which property of the Materials Project it was trained on."""
    target = (content.get("args", {}).get("data_options") or [""])[-1]
    if not isinstance(target, str):  # nested lists may share their parts: as text they have no end
        return {}
    known = {name: {"target": name, "unit": unit} for name, unit in UPSTREAM_UNITS.items()} | {"metal_semi": UPSTREAM_CLASSES}
    return dict(known.get(target, {}))


PUBLISHED = CGCNNSettings(
    epochs=30, batch_size=256, optimizer="sgd", learning_rate=0.01, momentum=0.9, loss="mse", schedule="step"
)

MODELS = [
    ModelSpec(
        name="cgcnn",
        paper="Xie & Grossman, Phys. Rev. Lett. 120, 145301 (2018)",
        model=CGCNN,
        profiles={
            "smoke": CGCNNSettings(epochs=2, n_layers=2, width=16, hidden=32),
            "mini": CGCNNSettings(**MINI, n_layers=2, width=32, hidden=64),
            "standard": CGCNNSettings(),
            "paper": PUBLISHED,
        },
        graph_rule=lambda settings: str(CGCNN.rule(settings)),
        published_parameters=lambda layers: 14_401 + 22_144 * layers,
        presets={"thesis": replace(PUBLISHED, k=8)},
    )
]
