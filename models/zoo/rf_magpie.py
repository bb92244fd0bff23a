"""The field's usual first baseline: a random forest on descriptors of composition and structure.

Forest: scikit-learn's, with its defaults, 500 trees, as the baseline RF-SCM/Magpie of Dunn et al., npj Comput. Mater. 6, 138
(2020). Composition: matminer's Magpie features, as there; Ward et al., npj Comput. Mater. 2, 16028 (2016). Structure: density
and symmetry of matminer, and distances of neighbours. The published baseline describes a structure by the eigenvalues of its
sine Coulomb matrix instead; these change with the cell that a crystal is written in, so they are no descriptor here.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from datasets.cache import Arrays, cached
from datasets.compact_cells import compact
from datasets.crystals import Crystals
from datasets.neighbor_search import Nearest
from datasets.neighbors import find_neighbors
from datasets.parallel import on_every_core
from models.contract import Fitted, Model, ModelSpec, OnEpoch, Settings, require
from models.training import spread_of

RULE = Nearest(12, 8.0, "cut")
CHUNK, POOL_FROM = 250, 1000
"""Crystals described in one go, and for how many it pays to start processes, each of which imports matminer for seconds."""
DECIMALS = 4
"""To which descriptors are rounded: two ways to write a crystal differ by less, and a tree splits at any difference."""
DISTANCES = ("nearest, least", "nearest, mean", "nearest, most", "distance, mean", "distance, deviation", "neighbours")


@lru_cache(maxsize=1)
def featurizers() -> tuple[Any, ...]:
    """matminer's: Magpie of a composition, then what is computed of a structure; each fails alone."""
    from matminer.featurizers.composition import ElementProperty  # takes seconds, so only where it is used
    from matminer.featurizers.structure import DensityFeatures, GlobalSymmetryFeatures

    return (
        ElementProperty.from_preset("magpie", impute_nan=False),
        DensityFeatures(["density", "vpa"]),
        DensityFeatures(["packing fraction"]),  # not every element has a radius
        # The number of operations counts the translations of a supercell.
        GlobalSymmetryFeatures(["spacegroup_num", "crystal_system_int", "is_centrosymmetric"]),
    )


def describe(crystals: Crystals) -> np.ndarray:
    """(n, 138) descriptors by matminer, NaN where one is not defined: those of structure need three periodic directions."""
    from pymatgen.core import Composition, Element

    rows = np.full((len(crystals), sum(len(one.feature_labels()) for one in featurizers())), np.nan)
    for row in range(len(crystals)):
        numbers, counts = np.unique(crystals.atomic_numbers[crystals.atoms_of(row)], return_counts=True)
        counts //= math.gcd(*counts.tolist())  # a supercell has the formula of its cell
        composition = Composition({Element.from_Z(int(z)): int(n) for z, n in zip(numbers, counts, strict=True)})
        structure = crystals.to_structure(row) if crystals.pbc[row].all() else None
        found = [_described(one, structure if i else composition) for i, one in enumerate(featurizers())]
        rows[row] = np.concatenate(found)
    return rows


def _described(featurizer: Any, what: Any) -> np.ndarray:
    """The features of one featurizer, NaN where it has none of this composition or structure."""
    try:
        return np.array(featurizer.featurize(what), dtype=float)
    except Exception:  # matminer, pymatgen and spglib raise whatever they meet in an odd crystal
        return np.full(len(featurizer.feature_labels()), np.nan)


def _describe_all(crystals: Crystals) -> Arrays:
    chunks = [crystals.take(np.arange(i, min(i + CHUNK, len(crystals)))) for i in range(0, len(crystals), CHUNK)]
    found = on_every_core(describe, chunks) if len(crystals) >= POOL_FROM else map(describe, chunks)
    return {"descriptors": np.concatenate([describe(crystals.take([])), *found])}


@dataclass(frozen=True, eq=False)
class MagpieTable:
    """(n, 144) float32 descriptors of crystals, NaN where one is not defined, and the seconds that they took."""

    values: np.ndarray
    seconds: float


def magpie_table(crystals: Crystals) -> MagpieTable:
    """Describe the crystals, or read the descriptors from the cache; cached by structures, matminer and code.

    Raises:
        InputError: the neighbours of a crystal cannot be searched.
    """
    neighbors = find_neighbors(crystals, RULE, allow_isolated=True)
    key = {
        "structures": crystals.structure_hash,
        "matminer": importlib.metadata.version("matminer"),
        "code": hashlib.sha256(Path(__file__).read_bytes()).hexdigest(),
    }
    entry = cached("magpie", key, lambda: _describe_all(crystals))
    atom = neighbors.dst + np.repeat(crystals.offsets[:-1], neighbors.n_edges)
    distances = distance_features(crystals, atom, neighbors.distance.astype(float))
    values = np.round(np.hstack([entry.arrays["descriptors"], distances]), DECIMALS)
    return MagpieTable(values.astype(np.float32), entry.seconds + neighbors.seconds)


def distance_features(crystals: Crystals, atom: np.ndarray, distance: np.ndarray) -> np.ndarray:
    """(n, 6) features in the order of `DISTANCES`, Å and neighbours per atom; NaN where no atom has a neighbour.

    Args:
        crystals: n crystals of N atoms.
        atom: (E,) which of the N atoms receives an edge.
        distance: (E,) in Å.
    """
    crystal = np.repeat(np.arange(len(crystals)), crystals.n_atoms)
    nearest = np.full(len(crystal), np.inf)
    np.minimum.at(nearest, atom, distance)
    bound = np.isfinite(nearest)
    least, most = np.full(len(crystals), np.inf), np.full(len(crystals), -np.inf)
    np.minimum.at(least, crystal[bound], nearest[bound])
    np.maximum.at(most, crystal[bound], nearest[bound])
    edges = np.bincount(crystal[atom], minlength=len(crystals))

    def mean(of: np.ndarray, values: np.ndarray) -> np.ndarray:
        with np.errstate(invalid="ignore"):
            return np.bincount(of, values, len(crystals)) / np.bincount(of, minlength=len(crystals))

    middle = mean(crystal[atom], distance)
    deviation = np.sqrt(mean(crystal[atom], (distance - middle[crystal[atom]]) ** 2))
    columns = (least, mean(crystal[bound], nearest[bound]), most, middle, deviation, edges / crystals.n_atoms)
    return np.where(edges[:, None] > 0, np.column_stack(columns), np.nan)


@dataclass(frozen=True)
class ForestSettings(Settings):
    """The number of trees; everything else is scikit-learn's default.

    A split looks at all features in a regression, at the square root of their number in a classification; a leaf may hold
    one crystal.

    trees: number of trees of the forest.
    """

    trees: int = 500

    def __post_init__(self) -> None:
        require(self, "trees", "at least 1", self.trees >= 1)


class RandomForest(Model[ForestSettings, MagpieTable]):
    """The mean over trees of what the leaf of a crystal holds: a mean target, or shares of classes."""

    settings_class = ForestSettings
    classifies = True

    def __init__(self, settings: ForestSettings, device: str = "cpu", n_classes: int = 0) -> None:
        super().__init__(settings, device, n_classes)
        self.learnt: dict[str, np.ndarray] = {}

    @classmethod
    def refused(cls, settings: ForestSettings, crystals: Crystals) -> dict[int, str]:
        """Those whose neighbours cannot be searched."""
        return compact(crystals, RULE.cutoff).refused

    @property
    def n_parameters(self) -> int | None:
        """Nodes of all trees, splits and leaves; None before `fit`."""
        return len(self.learnt["feature"]) if self.learnt else None

    def prepare(self, crystals: Crystals) -> MagpieTable:
        """Describe the crystals, or read the descriptors from the cache."""
        return magpie_table(crystals)

    def preparation_seconds(self, inputs: MagpieTable) -> float:
        """Time of the description, the search of the neighbours included."""
        return inputs.seconds

    def fit(
        self,
        inputs: MagpieTable,
        targets: np.ndarray,
        train: np.ndarray,
        validation: np.ndarray,
        seed: int,
        on_epoch: OnEpoch = lambda epoch: None,
    ) -> Fitted:
        """Grow the trees on the rows `train`, on as many threads as torch has; the validation rows are not used.

        A descriptor that a crystal lacks is taken to be the median over the training rows.
        """
        from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

        known = targets[train]
        mean, spread = (0.0, 1.0) if self.n_classes else (float(known.mean()), spread_of(known))
        kind = RandomForestClassifier if self.n_classes else RandomForestRegressor
        # scikit-learn takes seeds of 32 bits.
        state = int(np.random.SeedSequence(seed).generate_state(1)[0])
        forest = kind(self.settings.trees, random_state=state, n_jobs=torch.get_num_threads())
        medians = _medians(inputs.values[train])
        # In single precision, so that the unit of the targets decides no tie between two splits.
        forest.fit(_imputed(inputs.values[train], medians), ((known - mean) / spread).astype(np.float32))
        scaler = np.array([mean, spread])
        self.learnt = {**_arrays(forest, max(1, self.n_classes)), "medians": medians, "scaler": scaler}
        return Fitted(imputed=int(np.isnan(inputs.values).any(axis=1).sum()))

    def predict(self, inputs: MagpieTable, rows: np.ndarray) -> np.ndarray:
        """Walk down every tree."""
        mean, spread = self.learnt["scaler"]
        values = _forest_mean(self.learnt, _imputed(inputs.values[rows], self.learnt["medians"]))
        return values if self.n_classes else mean + spread * values[:, 0]

    def state(self) -> dict[str, np.ndarray]:
        """The trees one after the other, medians of the descriptors, mean and spread of the targets."""
        return dict(self.learnt)

    def set_state(self, state: Mapping[str, np.ndarray]) -> None:
        """Take over what `state` returned. Raises ValueError where a tree has a circle."""
        learnt = {name: np.array(state[name]) for name in (*NODES, "starts", "medians", "scaler")}
        node = np.arange(len(learnt["feature"])) - np.repeat(learnt["starts"][:-1], np.diff(learnt["starts"]))
        inner = learnt["left"] >= 0
        if any((learnt[side][inner] <= node[inner]).any() for side in ("left", "right")):
            raise ValueError("a node of a tree stands before its parent")
        self.learnt = learnt


NODES = ("feature", "threshold", "left", "right", "value")
"""Of a node: the column that it splits, up to where its left child goes, its children's numbers in the tree (-1: a leaf), and
what it holds, (K,)."""


def _arrays(forest: Any, n_outputs: int) -> dict[str, np.ndarray]:
    """The trees of scikit-learn as arrays by name; those of tree t are `starts[t]:starts[t + 1]`."""
    trees = [estimator.tree_ for estimator in forest.estimators_]
    value = np.zeros((sum(tree.node_count for tree in trees), n_outputs))
    # A class without a training crystal keeps the share 0.
    columns = forest.classes_.astype(int) if hasattr(forest, "classes_") else [0]
    value[:, columns] = np.concatenate([tree.value[:, 0] for tree in trees])
    return {
        "feature": np.concatenate([tree.feature for tree in trees]).astype(np.int32),
        "threshold": _rounded_down(np.concatenate([tree.threshold for tree in trees])),
        "left": np.concatenate([tree.children_left for tree in trees]).astype(np.int32),
        "right": np.concatenate([tree.children_right for tree in trees]).astype(np.int32),
        "value": value,
        "starts": np.cumsum([0, *(tree.node_count for tree in trees)], dtype=np.int64),
    }


def _rounded_down(threshold: np.ndarray) -> np.ndarray:
    """Single precision that sends every descriptor, which has single precision too, where the double sends it."""
    single = threshold.astype(np.float32)
    return np.where(single > threshold, np.nextafter(single, np.float32(-np.inf)), single)


def _forest_mean(learnt: Mapping[str, np.ndarray], x: np.ndarray) -> np.ndarray:
    """(n, F) descriptors → (n, K), the mean over trees of the values of their leaves."""
    feature, threshold, left, right, value = (learnt[name] for name in NODES)
    total = np.zeros((len(x), value.shape[1]))
    for start in learnt["starts"][:-1]:
        node, active = np.full(len(x), start), np.arange(len(x))
        while len(active := active[left[node[active]] >= 0]):
            at = node[active]
            goes_left = x[active, feature[at]] <= threshold[at]
            node[active] = start + np.where(goes_left, left[at], right[at])
        total += value[node]
    return total / (len(learnt["starts"]) - 1)


def _medians(x: np.ndarray) -> np.ndarray:
    """(F,) over the crystals that have the descriptor; 0 where none has."""
    masked = np.ma.masked_invalid(x)
    return np.ma.filled(np.ma.median(masked, axis=0), 0.0).astype(np.float32)


def _imputed(x: np.ndarray, medians: np.ndarray) -> np.ndarray:
    return np.where(np.isfinite(x), x, medians)


STANDARD = ForestSettings()

MODELS = [
    ModelSpec(
        name="rf-magpie",
        paper="Dunn et al., npj Comput. Mater. 6, 138 (2020), other descriptors of structure",
        model=RandomForest,
        profiles={
            "smoke": ForestSettings(trees=10), "mini": ForestSettings(trees=50), "standard": STANDARD, "paper": STANDARD,
        },
        graph_rule=lambda settings: f"Magpie features of the composition, density, symmetry, distances of {RULE}",
    )
]  # fmt: skip
