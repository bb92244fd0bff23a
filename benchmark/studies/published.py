"""What was published of depth: Omee et al., Patterns 3, 100491 (2022), Figures 4 and 7 and their tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

SOURCE = "Omee et al., Patterns 3, 100491 (2022)"
BULK = "formation energies of the 36,737 bulk crystals, 500 epochs"


@dataclass(frozen=True)
class Finding:
    """What became of a model with depth: layers → MAE of the last depth that held and of the first that did not."""

    label: str
    held: tuple[int, float]
    broke: tuple[int, float] | None
    """None: it held to the deepest."""

    def __str__(self) -> str:
        held = f"{self.label}: {self.held[1]:.4f} at {self.held[0]} layers"
        return f"{held}, {self.broke[1]:.4f} at {self.broke[0]}" if self.broke else f"{held}, its deepest"


FINDINGS: Mapping[str, Finding] = {
    "schnet": Finding("SchNet", (15, 0.0516), (20, 0.1893)),
    "cgcnn-mdl": Finding("CGCNN", (25, 0.0351), (30, 2.2776)),
    "megnet-mdl": Finding("MEGNet", (25, 0.0302), (30, 0.2237)),
    "gatgnn-mdl": Finding("GATGNN", (25, 0.0575), (30, 2.7937)),
    "deeper-schnet": Finding("DeeperSchNet", (15, 0.0421), (20, 0.9656)),
    "deeper-cgcnn": Finding("DeeperCGCNN", (15, 0.0425), (20, 0.7783)),
    "deeper-megnet": Finding("DeeperMEGNet", (15, 0.030), (20, 0.9651)),
    "deeper-gatgnn": Finding("DeeperGATGNN", (30, 0.0304), None),
}
"""Of the bulk formation energy, in eV/atom; the Deeper ones with the doubled skip."""

DEEPER_GATGNN: Mapping[str, Mapping[int, float]] = {
    "fung/bulk/formation_energy_per_atom": {10: 0.0302, 15: 0.0296, 20: 0.0297, 25: 0.0306, 30: 0.0304},
    "fung/2d/work_function": {10: 0.1916, 15: 0.2139, 20: 0.1775, 25: 0.1718, 30: 0.1730},
    "fung/pt/total_energy": {10: 0.1298, 15: 0.1363, 20: 0.1321, 25: 0.1413, 30: 0.1522, 35: 0.1280},
    "fung/mof/band_gap": {10: 0.2238, 15: 0.2178, 20: 0.2158, 25: 0.2169, 30: 0.2178},
    "fung/bulk/band_gap": {10: 0.2624, 15: 0.2559, 20: 0.2550, 25: 0.2457, 30: 0.2459},
}
"""Task → layers → MAE of DeeperGATGNN."""


def points(task: str, model: str) -> dict[int, float]:
    """Layers → published MAE of a model on a task, as far as the source prints it."""
    found = dict(DEEPER_GATGNN.get(task, {})) if model == "deeper-gatgnn" else {}
    if task == "fung/bulk/formation_energy_per_atom" and model in FINDINGS:
        finding = FINDINGS[model]
        found |= dict(pair for pair in (finding.held, finding.broke) if pair)
    return found
