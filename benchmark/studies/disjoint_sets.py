"""Trains models on disjoint sets of crystals, each a benchmark of its own, for `statistics.sharing`."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd

from benchmark.results.store import write_together
from benchmark.statistics.planted import FOLDS
from benchmark.statistics.sharing import CRYSTALS, LARGEST, REPEATS, model_columns, read_errors
from benchmark.tasks.folds import MOST_FOLDS, Fold, Protocol, make_fold
from datasets.crystals import Crystals
from datasets.errors import InputError
from datasets.registry import load
from models.contract import ModelSpec
from models.registry import get

SETS = 28
LEARNERS = (
    ("mini", ("cgcnn", "cgcnn-mdl", "deeper-gatgnn", "deeper-schnet", "gatgnn", "gatgnn-mdl", "megnet-mdl", "mpnn", "rf-magpie",
              "schnet", "soap-svr")),
    ("standard", ("cgcnn", "gatgnn", "schnet")),
)  # fmt: skip
"""Profiles and models: every kind of layer on the boards, a forest and a kernel; of published size those that train fastest.

None chooses a learning rate, which would triple the time."""


def train_sets(path: Path, sets: int, seed: int, tell: Callable[[str], object]) -> pd.DataFrame:
    """Train on the sets that the file lacks, and write it anew after each set; returns the sets asked for.

    Args:
        path: a Parquet file, in the layout of `read_errors`; it need not exist.
        sets: how many the file shall hold.
        seed: of the sets, the folds and the weights.
        tell: takes a line a set.

    Raises:
        InputError: the data set cgcnn is not on this machine, or has too few crystals for so many sets; the file is damaged,
            or was made with another seed.
    """
    done = read_errors(path) if path.exists() else None
    if done is not None and (done["seed"] != seed).any():
        raise InputError(f"{path} has trainings of seed {done['seed'].iloc[0]}, not {seed}; move it away, or take its seed")
    names = [f"{name} ({profile})" for profile, names in LEARNERS for name in names]
    if done is not None and model_columns(done) != names:
        raise InputError(f"{path} has trainings of other models; move it away, and all sets are trained anew")
    missing = sorted(set(range(sets)) - set([] if done is None else done["set"]))
    if missing:
        crystals = load("cgcnn")
        rows = _rows(crystals, sets, seed)
    for number in missing:
        part = crystals.take(rows[number])
        found = _trained(part, part.targets["formation_energy_per_atom"].to_numpy(float), number, seed)
        done = found if done is None else pd.concat([done, found])
        done = done.sort_values(["set", "repeat", "fold", "id"], ignore_index=True)
        content = io.BytesIO()
        done.to_parquet(content, index=False, compression="zstd")
        write_together([(path, content.getvalue())])
        errors = ", ".join(f"{model} {found[model].mean():.3f}" for model in model_columns(found))
        tell(f"set {number + 1} of {sets}: MAE [eV/atom] {errors}")
    assert done is not None, "at least one set is asked for"
    return done[done["set"] < sets]


def _rows(crystals: Crystals, sets: int, seed: int) -> np.ndarray:
    """(sets, CRYSTALS) row numbers, ascending within a set; the first sets are the same however many there are."""
    known = np.isfinite(crystals.targets["formation_energy_per_atom"].to_numpy(float))
    small = np.flatnonzero(known & (np.diff(crystals.offsets) <= LARGEST))
    if sets * CRYSTALS > len(small):
        raise InputError(
            f"cgcnn has {len(small):,} crystals of at most {LARGEST} atoms: {sets} sets of {CRYSTALS} are too many"
        )
    drawn = np.random.default_rng(seed).permutation(small)[: sets * CRYSTALS]
    return np.sort(drawn.reshape(sets, CRYSTALS), axis=1)


def _trained(crystals: Crystals, targets: np.ndarray, number: int, seed: int) -> pd.DataFrame:
    """Errors of all learners in all folds of one set."""
    ids = crystals.ids.astype(str)
    frames, folds = [], []
    for repeat, fold in product(range(REPEATS), range(FOLDS)):
        own = 1_000 * seed + REPEATS * number + repeat
        part = make_fold(ids, Protocol("kfold", FOLDS), fold, own)
        folds.append((part, MOST_FOLDS * own + fold))
        frames.append(pd.DataFrame({"set": number, "repeat": repeat, "fold": fold, "id": ids[part.test], "seed": seed}))
    found = pd.concat(frames, ignore_index=True)
    for profile, names in LEARNERS:
        for name in names:
            found[f"{name} ({profile})"] = _errors(get(name), profile, crystals, targets, folds)
    return found


def _errors(
    spec: ModelSpec, profile: str, crystals: Crystals, targets: np.ndarray, folds: Sequence[tuple[Fold, int]]
) -> np.ndarray:
    """Absolute errors of one learner, fold after fold; each fold has its seed."""
    settings = spec.settings(profile)
    inputs = spec.model(settings).prepare(crystals)
    errors = []
    for fold, start in folds:
        model = spec.model(settings)
        model.fit(inputs, targets, fold.train, fold.validation, start)
        errors.append(np.abs(model.predict(inputs, fold.test) - targets[fold.test]))
    return np.concatenate(errors).astype(np.float32)
