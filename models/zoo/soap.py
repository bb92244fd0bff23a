"""SOAP baselines: one averaged descriptor a crystal, into a support vector regression or into CGCNN's head.

After E. Abenza Severá, Application of Graph Neural Networks for the discovery of new materials for the cathode of
batteries, UPM (2021), "the thesis" below.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any, Literal

import numpy as np
import scipy.sparse as sp
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from datasets.errors import InputError
from models.contract import Fitted, ModelSpec, OnEpoch
from models.descriptors.soap import SoapSettings, SoapTable, as_arrays, as_matrix, columns_of
from models.descriptors.soap_model import SoapModel
from models.descriptors.svr import Kernel, fit_svr, kernel_of
from models.training import Cut, Recipe, ScaledNetwork, predict_rows, spread_of, train_network, warm_up, with_outputs

CHUNK = 1000
"""Rows of the kernel matrix held at once."""

PENALTIES, EPSILONS, GAMMAS = (1.0, 10.0, 100.0), (0.01, 0.1), (1.0, 10.0)
"""What `grid` tries; a gamma is a multiple of that of the settings."""


@dataclass(frozen=True)
class SoapSVRSettings(SoapSettings):
    """Hyperparameters; the defaults are scikit-learn's.

    penalty: weight of errors against smoothness, scikit-learn's C.
    epsilon: errors below this cost nothing in training.
    gamma: inverse width of the kernel: "scale" is 1 / (F var(X)) of F columns X, "auto" is 1 / F.
    target_unit: the unit of epsilon and C. "spread": the standard deviation of the training targets; the target's unit has no
        effect then. "target": the target's own unit, as published; a target of small spread (Poisson ratio) is then fitted by a
        constant.
    grid: whether penalty, epsilon and gamma are those of `PENALTIES`, `EPSILONS` and `GAMMAS` with the lowest MAE on the
        validation part, in place of the settings'; a part of the training, and of its time.
    """

    penalty: float = 1.0
    epsilon: float = 0.1
    gamma: Literal["scale", "auto"] = "scale"
    target_unit: Literal["spread", "target"] = "spread"
    grid: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (0 < self.penalty < math.inf and 0 <= self.epsilon < math.inf):
            raise InputError(f"impossible SVR: penalty={self.penalty}, epsilon={self.epsilon}; they cannot be negative")

    @property
    def needs_validation(self) -> bool:
        """Whether there is a grid to choose from."""
        return self.grid


class SoapSVR(SoapModel[SoapSVRSettings]):
    """y = Σ_i w_i exp(-g |x - x_i|²) + b over the support vectors x_i.

    Descriptors are not scaled. Nothing is random: the seed has no effect.
    """

    settings_class = SoapSVRSettings

    def __init__(self, settings: SoapSVRSettings, device: str = "cpu", n_classes: int = 0) -> None:
        super().__init__(settings, device, n_classes)
        self.learnt: dict[str, np.ndarray] = {}

    @property
    def n_parameters(self) -> int | None:
        """Dual coefficients, one a support vector, and the intercept; None before `fit`."""
        return len(self.learnt["dual"]) + 1 if self.learnt else None

    def fit(
        self,
        inputs: SoapTable,
        targets: np.ndarray,
        train: np.ndarray,
        validation: np.ndarray,
        seed: int,
        on_epoch: OnEpoch = lambda epoch: None,
    ) -> Fitted:
        """Solve on the rows `train` as scikit-learn's SVR does; only `grid` uses the validation rows.

        The kernel is held in memory, 8 n² bytes, where three tenths of the memory available is enough for it. Raises
        InputError for a grid without validation rows.
        """
        if self.settings.grid and not len(validation):
            raise InputError("without validation crystals nothing can be chosen from a grid (grid=false)")
        self.species = inputs.crystals.take(train).elements
        x = self._features(inputs)[train].astype(np.float64)
        variance = x.multiply(x).mean() - x.mean() ** 2 if self.settings.gamma == "scale" else 1.0
        gamma = 1 / (x.shape[1] * variance) if variance > 0 else 1.0
        unit = spread_of(targets[train]) if self.settings.target_unit == "spread" else 1.0
        best, lowest = self.learnt, math.inf
        for kernel, penalty, epsilon in self._candidates(x, gamma):
            support, dual, intercept = fit_svr(kernel, targets[train] / unit, penalty, epsilon)
            self.learnt = {
                **as_arrays(x[support]),
                "dual": dual * unit,
                "intercept": intercept * unit,
                "gamma": np.array([kernel.gamma]),
                **({"chosen": np.array([penalty, epsilon])} if self.settings.grid else {}),
            }
            errors = self.predict(inputs, validation) - targets[validation] if self.settings.grid else np.zeros(1)
            if (error := float(np.abs(errors).mean())) < lowest:
                best, lowest = self.learnt, error
        self.learnt = best
        return Fitted()

    def _candidates(self, x: sp.csr_array, gamma: float) -> Iterator[tuple[Kernel, float, float]]:
        """Kernel, penalty and epsilon of each solution to try; a kernel is computed once."""
        if not self.settings.grid:
            yield kernel_of(x, gamma), self.settings.penalty, self.settings.epsilon
            return
        for factor in GAMMAS:
            kernel = kernel_of(x, factor * gamma)
            for penalty, epsilon in product(PENALTIES, EPSILONS):
                yield kernel, penalty, epsilon

    def predict(self, inputs: SoapTable, rows: np.ndarray) -> np.ndarray:
        """The sum over the support vectors."""
        from sklearn.metrics.pairwise import rbf_kernel

        x = self._features(inputs)[rows].astype(np.float64)
        support, gamma = as_matrix(self.learnt, x.shape[1]), float(self.learnt["gamma"][0])
        y = np.full(len(rows), self.learnt["intercept"][0])
        if support.shape[0]:
            for i in range(0, len(rows), CHUNK):
                y[i : i + CHUNK] += rbf_kernel(x[i : i + CHUNK], support, gamma) @ self.learnt["dual"]
        return y

    def state(self) -> dict[str, np.ndarray]:
        """Support vectors, dual coefficients, intercept, gamma and species."""
        return {**self.learnt, "species": self.species}

    def set_state(self, state: Mapping[str, np.ndarray]) -> None:
        """Take over what `state` returned."""
        self.learnt = {name: np.array(array) for name, array in state.items()}
        self.species = self.learnt.pop("species")


@dataclass(frozen=True)
class SoapMLPSettings(Recipe, SoapSettings):
    """The head and its training.

    hidden: units of the hidden layer.
    standardise: "train" gives each column zero mean and unit variance over the training rows; with "none", as in the thesis,
        the network learns next to nothing, as SOAP columns differ by orders of magnitude.
    """

    hidden: int = 128
    standardise: Literal["none", "train"] = "train"

    def __post_init__(self) -> None:
        Recipe.__post_init__(self)
        SoapSettings.__post_init__(self)


class Head(nn.Module):
    """CGCNN's layers after pooling: softplus → Linear → softplus → Linear, behind the scaler of the descriptors."""

    shift: Tensor
    scale: Tensor

    def __init__(self, n_features: int, hidden: int, n_outputs: int) -> None:
        super().__init__()
        self.register_buffer("shift", torch.zeros(n_features))
        self.register_buffer("scale", torch.ones(n_features))
        self.conv_to_fc = nn.Linear(n_features, hidden)
        self.fc_out = nn.Linear(hidden, n_outputs)

    def fit_scaler(self, x: sp.csr_array) -> None:
        """Set mean and standard deviation of the columns; one that hardly varies keeps a standard deviation of 1."""
        mean = x.mean(axis=0)
        std = np.sqrt(np.maximum(x.multiply(x).mean(axis=0) - mean**2, 0))
        self.shift.copy_(torch.from_numpy(mean))
        self.scale.copy_(torch.from_numpy(np.where(std > 1e-6, std, 1.0)))

    def forward(self, x: Tensor) -> Tensor:
        """(B, n_features) descriptors → (B,) scaled targets, or (B, n_outputs) logits of classes."""
        hidden = self.conv_to_fc(F.softplus((x - self.shift) / self.scale))
        return self.fc_out(F.softplus(hidden)).squeeze(-1)


class SoapMLP(SoapModel[SoapMLPSettings]):
    """CGCNN's head on the descriptor, trained by the shared loop."""

    settings_class = SoapMLPSettings
    classifies = True

    def __init__(self, settings: SoapMLPSettings, device: str = "cpu", n_classes: int = 0) -> None:
        super().__init__(settings, device, n_classes)
        self.network = ScaledNetwork(nn.Identity())

    @property
    def n_parameters(self) -> int | None:
        """Trainable numbers; None before `fit`, as the species decide the width of the descriptor."""
        return sum(p.numel() for p in self.network.parameters()) or None

    def fit(
        self,
        inputs: SoapTable,
        targets: np.ndarray,
        train: np.ndarray,
        validation: np.ndarray,
        seed: int,
        on_epoch: OnEpoch = lambda epoch: None,
    ) -> Fitted:
        """Draw fresh weights from `seed`, fit the scaler to the rows `train`, then run the shared training loop."""
        torch.manual_seed(seed)
        self.species = inputs.crystals.take(train).elements
        head = self._build().network
        assert isinstance(head, Head)
        if self.settings.standardise == "train":
            head.fit_scaler(self._features(inputs)[train].astype(np.float64))
        return train_network(self.network, self._cut(inputs), self.settings, targets, train, validation, seed, on_epoch)

    def predict(self, inputs: SoapTable, rows: np.ndarray) -> np.ndarray:
        """Predictions in eval mode."""
        return predict_rows(self.network, self._cut(inputs), rows, self.settings.batch_size)

    def warm_up(self, inputs: SoapTable, targets: np.ndarray, train: np.ndarray) -> None:
        """One step on a network that is thrown away."""
        self.species = inputs.crystals.take(train).elements
        warm_up(self._build(), self._cut(inputs), self.settings, targets, train)
        self.species, self.network = np.empty(0, dtype=np.int64), ScaledNetwork(nn.Identity())

    def _build(self) -> ScaledNetwork:
        sizes = len(columns_of(self.species, self.settings)), self.settings.hidden
        self.network = with_outputs(self.n_classes, lambda n_outputs: Head(*sizes, n_outputs)).to(self.device)
        return self.network

    def _cut(self, inputs: SoapTable) -> Cut:
        x = self._features(inputs)
        # Sparse until the batch: dense, the 36,737 crystals of the CGCNN set would take 1.7 GB.
        return lambda rows: torch.from_numpy(x[rows.numpy()].toarray()).to(self.device)

    def state(self) -> dict[str, np.ndarray]:
        """Weights, both scalers and the species."""
        tensors = {name: tensor.cpu().numpy() for name, tensor in self.network.state_dict().items()}
        return {**tensors, "species": self.species}

    def set_state(self, state: Mapping[str, np.ndarray]) -> None:
        """Take over weights, both scalers and the species."""
        tensors = {name: torch.from_numpy(np.array(array)) for name, array in state.items()}
        self.species = tensors.pop("species").numpy()
        self._build()
        self.network.load_state_dict(tensors)


def _rule(settings: SoapSettings) -> str:
    pairs = "" if settings.pairs == "all" else ", no pairs of different elements"
    return f"SOAP(r_cut {settings.r_cut:g} Å, n_max {settings.n_max}, l_max {settings.l_max}{pairs}, averaged over atoms)"


THESIS = "E. Abenza Severá, Application of Graph Neural Networks for the discovery of new materials …, UPM (2021)"

PUBLISHED_SVR = SoapSVRSettings(target_unit="target")
PUBLISHED_MLP = SoapMLPSettings(
    batch_size=256, optimizer="sgd", learning_rate=0.01, loss="mse", schedule="step", standardise="none"
)

DESCRIPTOR: dict[str, Any] = {"n_max": 8, "l_max": 6}
"""Of the standard profile. Of pairs of elements the head would have a layer of 200 million weights on 85 elements."""

MODELS = [
    ModelSpec(
        name="soap-svr",
        paper=THESIS,
        model=SoapSVR,
        profiles={
            **dict.fromkeys(("smoke", "mini"), SoapSVRSettings()),
            "standard": SoapSVRSettings(**DESCRIPTOR, grid=True),
            "paper": PUBLISHED_SVR,
        },
        graph_rule=_rule,
        presets={"thesis": PUBLISHED_SVR},
    ),
    ModelSpec(
        name="soap-mlp",
        paper=THESIS,
        model=SoapMLP,
        profiles={
            "smoke": SoapMLPSettings(epochs=2, hidden=32),
            # At the shared 3e-3 every prediction soon falls back to the mean of the targets.
            "mini": SoapMLPSettings(learning_rate=1e-3),
            "standard": SoapMLPSettings(learning_rate=1e-3, **DESCRIPTOR, pairs="same"),
            "paper": PUBLISHED_MLP,
        },
        graph_rule=_rule,
        presets={"thesis": PUBLISHED_MLP},
    ),
]
