"""What others reported on the tasks that are here, and what they did differently. Facts; nothing here was measured by us."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class PublishedResult:
    """One published test error."""

    task: str
    model: str
    """The model here that it belongs to."""
    mae: float
    """In the unit of the task."""
    source: str
    differs: str
    """What is not as in a run here, in a few words; the protocol of the run itself is on its board."""
    std: float | None = None
    training_s: float | None = None
    epochs: int | None = None
    rmse: float | None = None
    r2: float | None = None
    crystals: int | None = None
    """It was trained on; None where that is not known."""
    protocol: str = ""
    """What an ordinary run here has otherwise and `reproduce` has the same, in a few words: split, epoch kept, depth."""

    @property
    def differs_here(self) -> str:
        """From an ordinary run here: the protocol too."""
        return "; ".join(filter(None, (self.protocol, self.differs)))

    @property
    def known_epochs(self) -> int | None:
        """Of the figure; where the publication states none, of the network that it released."""
        released = RELEASED_RECIPES.get((self.source, self.task))
        return self.epochs or (int(released["epochs"]) if released else None)

    @property
    def spread(self) -> float | None:
        """Standard deviation of the targets that were tested, by the printed RMSE and R² = 1 - RMSE² / variance."""
        return None if self.rmse is None or self.r2 is None else self.rmse / math.sqrt(1 - self.r2)

    @property
    def spread_there(self) -> float | None:
        """The same of the crystals of the publication: the median over its models on the task, as one may be misprinted."""
        others = {one for one in PUBLISHED_RESULTS if (one.source, one.task) == (self.source, self.task)}
        spreads = [one.spread for one in {*others, self} if one.spread is not None]
        return median(spreads) if spreads else None


THESIS = "E. Abenza Severá, UPM (2021)"
CGCNN = "Xie & Grossman, Phys. Rev. Lett. 120, 145301 (2018)"
MEGNET = "Chen et al., Chem. Mater. 31, 3564 (2019)"
OMEE = "Omee et al., Patterns 3, 100491 (2022)"

THESIS_ROUNDS = {"cgcnn": 10, "megnet": 10, "soap-svr": 2, "soap-mlp": 2}
"""Model → splits that each of its errors on the CGCNN set is the mean of."""

# By target: crystals trained on, then (MAE, standard deviation, seconds, RMSE, R²) of each of the models.
_THESIS = {
    "energy_per_atom": (
        36_837, (0.135, 0.006, 17_810, 0.266, 0.977), (0.157, 0.018, 5_873, 0.223, 0.984),
        (0.916, None, 41_326, 1.360, 0.432), (1.407, None, 85, 1.762, 0.036),
    ),
    "formation_energy_per_atom": (
        36_837, (0.083, 0.007, 17_865, 0.140, 0.984), (0.134, 0.012, 5_870, 0.204, 0.966),
        (0.454, None, 19_076, 0.690, 0.617), (0.892, None, 82, 1.057, 0.103),
    ),
    "band_gap": (
        36_837, (0.387, 0.011, 17_852, 0.637, 0.868), (0.531, 0.042, 5_873, 0.814, 0.787),
        (0.843, None, 42_751, 1.331, 0.427), (1.326, None, 87, 1.754, 0.015),
    ),
    "efermi": (
        36_837, (0.438, 0.009, 17_928, 0.657, 0.947), (0.604, 0.024, 5_952, 0.851, 0.947),
        (2.292, None, 19_789, 2.836, 0.012), (2.223, None, 85, 2.759, 0.002),
    ),
    "log10_k_vrh": (
        9_507, (0.082, 0.003, 1_802, 0.139, 0.825), (0.109, 0.010, 486, 0.183, 0.738),
        (0.286, None, 1_303, 0.398, 0.003), (0.275, None, 23, 0.354, 0.012),
    ),
    "log10_g_vrh": (
        9_258, (0.142, 0.004, 1_746, 0.287, 0.524), (0.170, 0.048, 481, 0.295, 0.478),
        (0.300, None, 1_181, 0.422, 0.021), (0.301, None, 22, 0.460, 0.027),
    ),
    "poisson_ratio": (
        9_024, (0.038, None, 1_711, 0.055, 0.400), (0.045, None, 469, 0.064, 0.246),
        (0.057, None, 293, 0.075, 0.036), (0.057, None, 21, 0.074, 0.010),
    ),
}  # fmt: skip

# By target: crystals trained on, MAE.
_CGCNN = {
    "formation_energy_per_atom": (28_046, 0.039),
    "energy_per_atom": (28_046, 0.072),
    "band_gap": (16_458, 0.388),
    "efermi": (28_046, 0.363),
    "log10_k_vrh": (2_041, 0.054),
    "log10_g_vrh": (2_041, 0.087),
    "poisson_ratio": (2_041, 0.030),
}

# By target: learning rate and batch, from the settings that the released networks carry.
_CGCNN_RELEASED = {
    "formation_energy_per_atom": (0.02, 256),
    "energy_per_atom": (0.02, 256),
    "band_gap": (0.05, 256),
    "efermi": (0.02, 256),
    "log10_k_vrh": (0.02, 64),
    "log10_g_vrh": (0.02, 64),
    "poisson_ratio": (0.01, 64),
}
RELEASED_RECIPES: dict[tuple[str, str], dict[str, str | int | float]] = {
    (CGCNN, f"cgcnn/{target}"): {
        "epochs": 1_000, "optimizer": "sgd", "learning_rate": rate, "batch_size": batch, "momentum": 0.9, "step_epoch": 800,
        "n_layers": 4, "hidden": 32, "k": 12,
    }
    for target, (rate, batch) in _CGCNN_RELEASED.items()
}  # fmt: skip
"""Source and task → settings of the network that the publication released, by the names of the settings here."""
RELEASED_SPLITS = {CGCNN: "60:20:20"}
"""Source → training, validation and test part of the released networks."""

# By target: MAE of the thesis after 30 epochs, and of the paper after more than 1,000; the gaps are those of all crystals and
# of those that have one.
_MEGNET = {
    "formation_energy_per_atom": (0.122, 0.028),
    "band_gap": (0.552, None),
    "band_gap_nonzero": (None, 0.330),
    "log10_k_vrh": (0.117, 0.050),
    "log10_g_vrh": (0.125, 0.079),
}

COMFORMER = "collected in the repository YKQ98/ComFormer (2024)"

# By model: MAE of formation energy, gap, log10 K, log10 G on MEGNet's set.
_COLLECTED = {
    "cgcnn": (0.031, 0.292, 0.047, 0.077),
    "schnet": (0.033, 0.345, 0.066, 0.099),
    "megnet": (0.030, 0.307, 0.060, 0.099),
    "gatgnn": (0.033, 0.280, 0.045, 0.075),
}
_COLLECTED_TARGETS = ("formation_energy_per_atom", "band_gap", "log10_k_vrh", "log10_g_vrh")
BEST_KNOWN = {
    "formation_energy_per_atom": ("eComFormer", 0.0182),
    "band_gap": ("iComFormer", 0.193),
    "log10_k_vrh": ("iComFormer", 0.0380),
    "log10_g_vrh": ("iComFormer", 0.0637),
}
"""Target → the network with the lowest MAE that was reported on MEGNet's published split, in the same collection."""

ALL_CLUSTERS = 19_801
"""Of platinum, in the set of Omee et al."""
TRAINED_CLUSTERS = round(0.8 * ALL_CLUSTERS)
OMEE_MODELS = ("schnet", "mpnn", "cgcnn-mdl", "megnet-mdl", "gatgnn-mdl", "deeper-gatgnn")
"""Of MatDeepLearn's code; the one there is called CGCNN is not the original's."""

# By task: (MAE, convolution layers) of each of the models.
_OMEE = {
    "fung/bulk/formation_energy_per_atom": (
        (0.0556, 1), (0.0349, 5), (0.0349, 7), (0.0329, 5), (0.0475, 5), (0.0296, 15)
    ),
    "fung/surface/adsorption_energy": ((0.0470, 5), (0.0488, 5), (0.0424, 8), (0.0469, 8), (0.0727, 5), (0.0409, 20)),
    "fung/mof/band_gap": ((0.2312, 9), (0.2070, 4), (0.2141, 6), (0.1968, 7), (0.2265, 5), (0.2158, 20)),
    "fung/2d/work_function": ((0.2240, 4), (0.1893, 2), (0.2001, 6), (0.1719, 4), (0.1869, 5), (0.1718, 25)),
    "fung/pt_all/total_energy": ((0.1726, 9), (0.1384, 3), (0.3024, 1), (0.2877, 8), (0.1748, 5), (0.1298, 10)),
    "fung/bulk/band_gap": ((0.2817, None), (0.2649, None), (0.2598, None), (0.2659, None), (0.2734, None), (0.2457, 25)),
}  # fmt: skip


def _of_the_thesis() -> list[PublishedResult]:
    results = []
    for target, (crystals, *rows) in _THESIS.items():
        for (model, rounds), (mae, std, seconds, rmse, r2) in zip(THESIS_ROUNDS.items(), rows, strict=True):
            network = model in ("cgcnn", "megnet")
            where = "another machine" + ", a GPU" * (model == "soap-mlp")
            differs = f"trained on {crystals:,} crystals of another release of the Materials Project; {where}"
            epochs = 30 if network else None
            of_model = (mae, THESIS, differs, std, seconds, epochs, rmse, r2, crystals, f"{rounds} splits 80:10:10")
            results.append(PublishedResult(f"cgcnn/{target}", model, *of_model))
    return results


def _of_the_papers() -> list[PublishedResult]:
    results = [
        PublishedResult(f"cgcnn/{target}", "cgcnn", mae, CGCNN, f"trained on {n:,} crystals of another release", crystals=n)
        for target, (n, mae) in _CGCNN.items()
    ]
    for target, (thesis, paper) in _MEGNET.items():
        crystals = 4_664 if target.startswith("log10") else 55_391
        if thesis:
            differs = f"trained on {crystals:,} crystals"
            results.append(PublishedResult(f"megnet/{target}", "megnet", thesis, THESIS, differs, epochs=30, crystals=crystals))
        if paper:
            results.append(PublishedResult(f"megnet/{target}", "megnet", paper, MEGNET, "more than 1,000 epochs"))
    for model, maes in _COLLECTED.items():
        for target, mae in zip(_COLLECTED_TARGETS, maes, strict=True):
            crystals = 4_664 if target.startswith("log10") else 60_000
            differs = f"trained on {crystals:,} crystals with the cells of 2018, to convergence"
            results.append(PublishedResult(f"megnet/{target}", model, mae, COMFORMER, differs, crystals=crystals))
    return results


def _of_omee() -> list[PublishedResult]:
    results = []
    for task, rows in _OMEE.items():
        for model, (mae, layers) in zip(OMEE_MODELS, rows, strict=True):
            protocol = f"{f'{layers} convolution layers; ' if layers else ''}no validation part, the last epoch"
            differs = "labels of another release" if task.startswith("fung/bulk/") else ""
            epochs = (2_500 if model == "deeper-gatgnn" else 200) if task == "fung/bulk/band_gap" else 500
            results.append(PublishedResult(task, model, mae, OMEE, differs, epochs=epochs, protocol=protocol))
            if task == "fung/pt_all/total_energy":
                here, trained = f"all {ALL_CLUSTERS:,} clusters, here 1,000", TRAINED_CLUSTERS
                of_part = (mae, OMEE, here)
                results.append(
                    PublishedResult("fung/pt/total_energy", model, *of_part, epochs=epochs, crystals=trained, protocol=protocol)
                )
    return results


PUBLISHED_RESULTS = (*_of_the_thesis(), *_of_the_papers(), *_of_omee())
