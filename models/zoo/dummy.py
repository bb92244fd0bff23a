"""The floor of every board: the mean of the training targets."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from datasets.crystals import Crystals
from models.contract import Fitted, Model, ModelSpec, OnEpoch, Settings


class Dummy(Model[Settings, int]):
    """Predicts the mean of the training targets for every crystal (scikit-learn's DummyRegressor says the same)."""

    settings_class = Settings
    mean = float("nan")

    @property
    def n_parameters(self) -> int:
        """One: the mean."""
        return 1

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
        """Take the mean over `train`."""
        self.mean = float(np.mean(targets[train]))
        return Fitted()

    def predict(self, inputs: int, rows: np.ndarray) -> np.ndarray:
        """The mean, for every row."""
        return np.full(len(rows), self.mean)

    def state(self) -> dict[str, np.ndarray]:
        """The mean."""
        return {"mean": np.array([self.mean])}

    def set_state(self, state: Mapping[str, np.ndarray]) -> None:
        """Take over a mean."""
        self.mean = float(state["mean"][0])


MODELS = [
    ModelSpec(
        name="dummy",
        paper="mean of the training targets",
        model=Dummy,
        profiles={profile: Settings() for profile in ("smoke", "mini", "standard", "paper")},
        graph_rule=lambda settings: "none",
    )
]
