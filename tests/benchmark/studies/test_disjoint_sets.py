from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmark.statistics.sharing import model_columns, read_errors, tasks_of
from benchmark.studies import disjoint_sets
from benchmark.studies.disjoint_sets import train_sets
from datasets.errors import InputError
from datasets.registry import load


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Sets of 40 alloys, and models that train at once."""
    monkeypatch.setattr(disjoint_sets, "CRYSTALS", 40)
    monkeypatch.setattr(disjoint_sets, "LEARNERS", (("mini", ("dummy", "dummy-median")), ("standard", ("dummy",))))
    monkeypatch.setattr(disjoint_sets, "load", lambda name: load("emt/alloys"))


def train(path: Path, sets: int, seed: int = 0) -> list[str]:
    lines: list[str] = []
    train_sets(path, sets, seed, lines.append)
    return lines


def test_sets_are_disjoint_and_training_goes_on_where_it_stopped(tmp_path):
    path = tmp_path / "errors.parquet"
    assert len(train(path, 2)) == 2
    before = read_errors(path)
    assert [line[:8] for line in train(path, 4)] == ["set 3 of", "set 4 of"]
    after = read_errors(path)
    assert after[after["set"] < 2].equals(before)
    assert not train(path, 3), "nothing is left to train"
    assert model_columns(after) == ["dummy (mini)", "dummy-median (mini)", "dummy (standard)"]
    assert after.groupby("id")["set"].nunique().eq(1).all()
    assert after.groupby(["set", "id"]).size().eq(2).all(), "each crystal is tested once a repeat"


def test_errors_are_those_of_the_fold_that_a_crystal_was_tested_in(tmp_path):
    train(tmp_path / "errors.parquet", 1)
    frame = read_errors(tmp_path / "errors.parquet")
    alloys = load("emt/alloys")
    targets = dict(zip(alloys.ids.astype(str), alloys.targets["formation_energy_per_atom"], strict=True))
    (task,) = tasks_of(frame)
    assert task.errors.shape == (80, 3) and task.test_to_train == pytest.approx(0.2 / 0.72)
    for _, fold in frame.groupby(["repeat", "fold"]):
        values, errors = np.array([targets[name] for name in fold["id"]]), fold["dummy (mini)"].to_numpy()
        # A dummy predicts one number a fold: below or above the target by the error.
        both = np.concatenate([values - errors, values + errors]).round(5)
        assert np.unique(both, return_counts=True)[1].max() >= len(fold)
    first, second = (frame[frame["repeat"] == repeat].set_index("id")["fold"] for repeat in (0, 1))
    assert not first.equals(second.reindex(first.index)), "repeats divide the crystals anew"


def test_another_seed_and_too_many_sets_are_refused(tmp_path):
    train(tmp_path / "errors.parquet", 1)
    with pytest.raises(InputError, match="seed 0, not 1"):
        train(tmp_path / "errors.parquet", 1, seed=1)
    with pytest.raises(InputError, match="too many"):
        train(tmp_path / "errors.parquet", 1000)
