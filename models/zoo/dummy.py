"""The floor of every board: the mean of the training targets, of classes their shares; and the median, MAE's best constant."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from datasets.crystals import Crystals
from models.contract import Fitted, Model, ModelSpec, OnEpoch, Settings


class Dummy(Model[Settings, int]):
    """Predicts for every crystal the mean of the training targets, or each class's share of them.

    scikit-learn's DummyRegressor and DummyClassifier say the same.
    """

    settings_class = Settings
    classifies = True

    def __init__(self, settings: Settings, device: str = "cpu", n_classes: int = 0) -> None:
        super().__init__(settings, device, n_classes)
        self.mean = np.full(max(1, n_classes), np.nan)
        """(1,), or (n_classes,) shares."""

    @property
    def n_parameters(self) -> int:
        """One: the mean; of K classes K - 1, as their shares add up to 1."""
        return max(1, self.n_classes - 1)

    def prepare(self, crystals: Crystals) -> int:
        """Nothing but the number of crystals."""
        return len(crystals)

    def preparation_seconds(self, inputs: int) -> float:
        """No time."""
        return 0.0

    def fit(
        self,
        inputs: int,
        targets: np.ndarray,
        train: np.ndarray,
        validation: np.ndarray,
        seed: int,
        on_epoch: OnEpoch = lambda epoch: None,
    ) -> Fitted:
        """Take the constant over `train`."""
        self.mean = np.atleast_1d(self.constant(targets[train]))
        return Fitted()

    def constant(self, known: np.ndarray) -> np.ndarray:
        """What is predicted, of training targets (n,): their mean, or the classes' shares."""
        return np.bincount(known.astype(int), minlength=self.n_classes) / len(known) if self.n_classes else np.mean(known)

    def predict(self, inputs: int, rows: np.ndarray) -> np.ndarray:
        """The mean, or the shares, for every row."""
        return np.tile(self.mean, (len(rows), 1)) if self.n_classes else np.full(len(rows), self.mean[0])

    def state(self) -> dict[str, np.ndarray]:
        """The mean."""
        return {"mean": self.mean}

    def set_state(self, state: Mapping[str, np.ndarray]) -> None:
        """Take over a mean."""
        self.mean = np.array(state["mean"], dtype=float)


class MedianDummy(Dummy):
    """Predicts for every crystal the median of the training targets: no constant has a lower mean absolute error on them."""

    classifies = False

    def constant(self, known: np.ndarray) -> np.ndarray:
        """Their median."""
        return np.median(known)


PROFILES = {profile: Settings() for profile in ("smoke", "mini", "standard", "paper")}


def _no_graph(settings: Settings) -> str:
    return "none"


MODELS = [
    ModelSpec("dummy", "mean of the training targets", Dummy, PROFILES, _no_graph),
    ModelSpec("dummy-median", "median of the training targets", MedianDummy, PROFILES, _no_graph),
]
