"""A training that was stopped or killed after any step goes on to the same numbers, bit for bit."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from torch import nn

from models.contract import Epoch, Fitted
from models.resume import Keeper, TrainingStopped
from models.training import Recipe, ScaledNetwork, train_network

TARGETS = np.random.default_rng(0).normal(size=30)
INPUTS = torch.randn(30, 4, generator=torch.Generator().manual_seed(1))
TRAIN, VALIDATION = np.arange(22), np.arange(22, 30)


def train(recipe: Recipe, on_epoch=lambda epoch: None) -> tuple[Fitted, dict[str, torch.Tensor]]:
    """From fresh weights, with what a training draws and counts: dropout, running statistics, the order of batches."""
    torch.manual_seed(5)
    network = ScaledNetwork(nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Dropout(0.3), nn.Linear(6, 1)))
    fitted = train_network(network, lambda rows: INPUTS[rows], recipe, TARGETS, TRAIN, VALIDATION, 7, on_epoch)
    return fitted, network.state_dict()


class Disk:
    """Keeps the bytes of the last checkpoint; the training is asked to end after so many steps."""

    def __init__(self) -> None:
        self.kept: bytes | None = None

    def keeper(self, stop_after: int | None = None, identity: str = "this", every_s: float = 1e9) -> Keeper:
        steps = itertools.count(1)
        return Keeper(
            lambda epoch: None, lambda: self.kept, self.write, identity, every_s,
            lambda: stop_after is not None and next(steps) >= stop_after,
        ).begun()  # fmt: skip

    def write(self, data: bytes) -> None:
        self.kept = data


def without_times(history: tuple[Epoch, ...]) -> list[tuple]:
    return [(epoch.number, epoch.of, epoch.training_loss, epoch.validation_error) for epoch in history]


def assert_same(one: tuple[Fitted, dict], other: tuple[Fitted, dict]) -> None:
    assert without_times(one[0].history) == without_times(other[0].history)
    assert one[0].best_epoch == other[0].best_epoch
    assert one[0].last_state.keys() == other[0].last_state.keys()
    assert all(np.array_equal(one[0].last_state[name], other[0].last_state[name]) for name in one[0].last_state)
    assert all(torch.equal(one[1][name], other[1][name]) for name in one[1])


RECIPES = [
    Recipe(epochs=4, batch_size=5, optimizer=optimizer, schedule=schedule, keep=keep, step_epoch=2, learning_rate=0.02)
    for optimizer, schedule, keep in [
        ("adamw", "one-cycle", "best"), ("adam", "plateau", "last"), ("sgd", "step", "best"), ("sgd", "one-cycle", "last"),
        ("adamw", "plateau", "best"), ("adam", "constant", "best"),
    ]
]  # fmt: skip


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda r: f"{r.optimizer} {r.schedule} {r.keep}")
def test_a_training_stopped_every_few_steps_equals_one_that_was_not(recipe):
    undisturbed = train(recipe)
    for stride in (1, 3, 4):
        disk, stops = Disk(), 0
        while True:
            keeper = disk.keeper(stop_after=stride)
            try:
                found = train(recipe, keeper)
                break
            except TrainingStopped:
                stops += 1
        assert_same(found, undisturbed)
        assert stops == keeper.resumed == 20 // stride


def test_what_was_kept_before_a_kill_is_gone_on_from_and_counted():
    recipe, disk = RECIPES[0], Disk()
    undisturbed = train(recipe)
    kept: list[bytes] = []
    disk.write = kept.append
    train(recipe, disk.keeper(every_s=0.0))
    assert len(kept) == 20, "a checkpoint a step"
    disk.kept = kept[9]
    keeper = disk.keeper()
    assert_same(train(recipe, keeper), undisturbed)
    assert keeper.resumed == 1 and keeper.earlier[0] > 0


@pytest.mark.parametrize("damage", [b"", b"short", "flip", "truncate", "other"])
def test_a_damaged_checkpoint_or_one_of_another_training_is_not_used(damage):
    recipe, disk = RECIPES[0], Disk()
    with pytest.raises(TrainingStopped):
        train(recipe, disk.keeper(stop_after=6))
    whole = disk.kept
    found = {
        "flip": whole[:500] + bytes([whole[500] ^ 1]) + whole[501:],
        "truncate": whole[:-1],
        "other": whole,
    }
    disk.kept = found.get(damage, damage)
    keeper = disk.keeper(identity="another" if damage == "other" else "this")
    assert_same(train(recipe, keeper), train(recipe))
    assert keeper.resumed == 0
