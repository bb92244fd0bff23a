"""Errors by depth, of ablations and by setting as Omee et al. published them, Patterns 3, 100491 (2022). Needs no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

SOURCE = "Omee et al., Patterns 3, 100491 (2022)"
BULK_TASK = "fung/bulk/formation_energy_per_atom"
BULK = "formation energies of the 36,737 bulk crystals, 500 epochs"


@dataclass(frozen=True)
class PublishedDepths:
    """What became of a model with depth: layers and MAE of the last depth that held and of the first that did not."""

    label: str
    held: tuple[int, float]
    broke: tuple[int, float] | None
    """None: it held to the deepest."""

    def __str__(self) -> str:
        held = f"{self.label}: {self.held[1]:.4f} at {self.held[0]} layers"
        return f"{held}, {self.broke[1]:.4f} at {self.broke[0]}" if self.broke else f"{held}, its deepest"


BY_DEPTH: Mapping[str, PublishedDepths] = {
    "schnet": PublishedDepths("SchNet", (15, 0.0516), (20, 0.1893)),
    "cgcnn-mdl": PublishedDepths("CGCNN", (25, 0.0351), (30, 2.2776)),
    "megnet-mdl": PublishedDepths("MEGNet", (25, 0.0302), (30, 0.2237)),
    "gatgnn-mdl": PublishedDepths("GATGNN", (25, 0.0575), (30, 2.7937)),
    "deeper-schnet": PublishedDepths("DeeperSchNet", (15, 0.0421), (20, 0.9656)),
    "deeper-cgcnn": PublishedDepths("DeeperCGCNN", (15, 0.0425), (20, 0.7783)),
    "deeper-megnet": PublishedDepths("DeeperMEGNet", (15, 0.030), (20, 0.9651)),
    "deeper-gatgnn": PublishedDepths("DeeperGATGNN", (30, 0.0304), None),
}
"""Figures 4 and 7 and their tables: of the bulk formation energy, in eV/atom; the Deeper ones with the doubled skip."""

DEEPER_GATGNN: Mapping[str, Mapping[int, float]] = {
    BULK_TASK: {10: 0.0302, 15: 0.0296, 20: 0.0297, 25: 0.0306, 30: 0.0304},
    "fung/2d/work_function": {10: 0.1916, 15: 0.2139, 20: 0.1775, 25: 0.1718, 30: 0.1730},
    "fung/pt/total_energy": {10: 0.1298, 15: 0.1363, 20: 0.1321, 25: 0.1413, 30: 0.1522, 35: 0.1280},
    "fung/mof/band_gap": {10: 0.2238, 15: 0.2178, 20: 0.2158, 25: 0.2169, 30: 0.2178},
    "fung/bulk/band_gap": {10: 0.2624, 15: 0.2559, 20: 0.2550, 25: 0.2457, 30: 0.2459},
}
"""Task → layers → MAE of DeeperGATGNN."""


ABLATION: Mapping[str, tuple[float, ...]] = {
    BULK_TASK: (0.04544, 0.03934, 0.0344, 0.03332, 0.02955),
    "fung/surface/adsorption_energy": (0.08063, 0.06924, 0.05525, 0.0507, 0.04086),
}
"""Table 4: MAE of GATGNN with 5 layers, + DGN, + skip, + both, + both and deep."""

SETTINGS_MODEL, SETTINGS_TASK, SETTINGS_LAYERS = "deeper-gatgnn", "fung/pt/total_energy", 10
BEST_SETTINGS: Mapping[str, float | str] = {
    "dropout": 0.0, "learning_rate": 0.005, "batch_size": 100, "activation": "softplus", "cutoff": 8.0,
}  # fmt: skip
"""Figure 5 and Table S1."""
BY_ACTIVATION: Mapping[str, float] = {"softplus": 0.1298, "relu": 0.1514, "leaky-relu": 0.1511}
"""MAE by activation, in the unit of the task."""


def published_maes(task: str, model: str) -> dict[int, float]:
    """Layers → published MAE of a model on a task, as far as the source prints it."""
    found = dict(DEEPER_GATGNN.get(task, {})) if model == "deeper-gatgnn" else {}
    if task == BULK_TASK and model in BY_DEPTH:
        found |= dict(pair for pair in (BY_DEPTH[model].held, BY_DEPTH[model].broke) if pair)
    return found
