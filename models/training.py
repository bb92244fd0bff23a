"""One training loop for every torch network: scaled targets, best epoch on validation, no look at the test rows."""

from __future__ import annotations

import copy
import ctypes
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from datasets.errors import InputError
from models.contract import Epoch, Fitted, OnEpoch, Settings, TrainingDiverged, require
from models.resume import Resumption


@dataclass(frozen=True)
class Recipe(Settings):
    """How a network is trained. The default is one recipe for all, so that networks are compared, not recipes.

    epochs: passes over the training crystals.
    batch_size: crystals in one step of the optimiser.
    optimizer: AdamW, Adam, or SGD, stochastic gradient descent.
    learning_rate: step size of the optimiser; the largest one where a schedule changes it.
    momentum: of SGD; the others ignore it.
    weight_decay: how strongly weights are drawn to zero.
    loss: what training makes small: mean |error| (l1), mean squared error (mse), or a mixture (smooth-l1). Classes ignore it.
    schedule: how the learning rate changes: up and down once (one-cycle), down when the training loss stands still (plateau),
        down once (step), or not (constant).
    step_epoch: after how many epochs the "step" schedule changes the learning rate.
    step_factor: by which the "step" schedule multiplies the learning rate.
    clip_norm: limit of the norm of the gradient; 0: no limit.
    keep: "best": the weights of the epoch with the lowest validation error. "last": the weights of the last epoch; validation
        data is not used then and may be missing, and the "plateau" is one of the training loss.
    """

    epochs: int = 30
    batch_size: int = 64
    optimizer: Literal["adamw", "adam", "sgd"] = "adamw"
    learning_rate: float = 3e-3
    momentum: float = 0.9
    weight_decay: float = 0.0
    loss: Literal["l1", "mse", "smooth-l1"] = "l1"
    schedule: Literal["one-cycle", "plateau", "step", "constant"] = "one-cycle"
    step_epoch: int = 100
    step_factor: float = 0.1
    clip_norm: float = 0.0
    keep: Literal["best", "last"] = "best"

    def __post_init__(self) -> None:
        require(self, "epochs", "at least 1", self.epochs >= 1)
        require(self, "batch_size", "at least 1", self.batch_size >= 1)
        require(self, "learning_rate", "positive", 0 < self.learning_rate < math.inf)
        require(self, "momentum", "from 0 to below 1", 0 <= self.momentum < 1)
        require(self, "weight_decay", "not negative", 0 <= self.weight_decay < math.inf)
        require(self, "step_epoch", "at least 1", self.step_epoch >= 1)
        require(self, "step_factor", "above 0 and at most 1", 0 < self.step_factor <= 1)
        require(self, "clip_norm", "not negative (0 does not clip)", 0 <= self.clip_norm < math.inf)

    @property
    def needs_validation(self) -> bool:
        """Whether the best epoch is to be found."""
        return self.keep == "best"


MINI: dict[str, Any] = {"epochs": 8, "batch_size": 32, "learning_rate": 5e-3}
"""The recipe of the mini profile: few epochs with many steps."""

LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "l1": F.l1_loss,
    "mse": F.mse_loss,
    "smooth-l1": F.smooth_l1_loss,
}

ROUNDING = 1e-14
"""A standard deviation below this part of the largest target is the rounding of a constant one."""

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4
"""Of glibc's malloc.h."""


@cache
def keep_freed_memory() -> None:
    """Keep freed memory for the next tensors, from now on, where the C library is glibc.

    By default each tensor above 32 MB is mapped anew and zeroed by the system, which takes longer than computing it.
    """
    with suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None)
        libc.mallopt(M_MMAP_MAX, 0)
        libc.mallopt(M_TRIM_THRESHOLD, -1)


@contextmanager
def denormals_flushed() -> Iterator[None]:
    """Denormal numbers are 0 within: deep networks' gradients reach them, and computing with them is slow.

    Threads take over what the thread that starts them has: torch's are affected if they are started within.
    """
    before = math.ulp(0.0) * 1.0 == 0.0
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(before)


def spread_of(targets: np.ndarray) -> float:
    """The standard deviation, whatever the unit; of constant targets their order of magnitude, 1 for zeros."""
    std, largest = float(np.std(targets)), float(np.abs(targets).max())
    if std <= ROUNDING * largest:
        return 10.0 ** math.floor(math.log10(largest)) if largest else 1.0
    return std


Cut = Callable[[Tensor], Any]
"""Rows (B,) on the host → whatever the network takes."""


class ScaledNetwork(nn.Module):
    """A network with one output and the scaler of its targets: y = std · network(x) + mean."""

    mean: Tensor
    std: Tensor

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("mean", torch.zeros((), dtype=torch.float64))
        self.register_buffer("std", torch.ones((), dtype=torch.float64))

    def fit_scaler(self, targets: np.ndarray) -> None:
        """Set mean and spread."""
        self.mean.fill_(float(np.mean(targets)))
        self.std.fill_(spread_of(targets))

    def forward(self, batch: Any) -> Tensor:
        """(B,) float64 predictions in the target's unit."""
        return self.std * self.network(batch).double().flatten() + self.mean

    def labels(self, targets: np.ndarray) -> Tensor:
        """What the network's output is trained to be: (n,) float32 scaled targets."""
        return torch.from_numpy((targets - self.mean.item()) / self.std.item()).float().to(self.mean.device)

    def loss(self, name: str, outputs: Tensor, labels: Tensor) -> Tensor:
        """The mean loss that the recipe names."""
        return LOSSES[name](outputs.flatten(), labels)

    def error(self, predictions: np.ndarray, targets: np.ndarray) -> float:
        """By which epochs are chosen: the mean absolute error."""
        return float(np.abs(predictions - targets).mean())


class Classifier(ScaledNetwork):
    """A network with one output a class: p = softmax(network(x)); targets are the classes' numbers, which are not scaled."""

    def fit_scaler(self, targets: np.ndarray) -> None:
        """Nothing to scale."""

    def forward(self, batch: Any) -> Tensor:
        """(B, n_classes) float64 probabilities."""
        return torch.softmax(self.network(batch).double(), dim=1)

    def labels(self, targets: np.ndarray) -> Tensor:
        """(n,) int64 numbers of classes."""
        return torch.from_numpy(targets.astype(np.int64)).to(self.mean.device)

    def loss(self, name: str, outputs: Tensor, labels: Tensor) -> Tensor:
        """Cross-entropy, whatever loss of numbers the recipe names."""
        return F.cross_entropy(outputs, labels)

    def error(self, predictions: np.ndarray, targets: np.ndarray) -> float:
        """The log-loss: the mean of -ln p(true class)."""
        chosen = predictions[np.arange(len(targets)), targets.astype(np.int64)]
        return float(-np.log(chosen.clip(min=np.finfo(float).tiny)).mean())


def with_outputs(n_classes: int, build: Callable[[int], nn.Module]) -> ScaledNetwork:
    """What is trained: a scaled regression for `n_classes` 0, else a classifier; `build` makes a network of n outputs."""
    return Classifier(build(n_classes)) if n_classes else ScaledNetwork(build(1))


@denormals_flushed()
def train_network(
    network: ScaledNetwork,
    cut: Cut,
    recipe: Recipe,
    targets: np.ndarray,
    train: np.ndarray,
    validation: np.ndarray,
    seed: int,
    on_epoch: OnEpoch,
) -> Fitted:
    """Train in place; leave the weights of the epoch with the lowest validation MAE (of classes log-loss), or of the last one.

    The scaler is fitted on the training rows alone. With the same seed, data and thread count the result is the same.

    Raises:
        InputError: there are no validation rows to choose the best epoch by.
        TrainingDiverged: the loss is not finite, or the validation error that decides.
    """
    if recipe.needs_validation and not len(validation):
        raise InputError("without validation crystals no epoch is the best; keep the last one (keep=last)")
    keep_freed_memory()
    network.fit_scaler(targets[train])
    device = network.mean.device
    labels = network.labels(targets)
    generator = torch.Generator().manual_seed(seed)
    rows = torch.from_numpy(np.array(train, dtype=np.int64))
    steps = math.ceil(len(train) / recipe.batch_size)
    optimizer = _optimizer(network, recipe)
    step_schedule, epoch_schedule = _schedules(optimizer, recipe, steps)
    history: list[Epoch] = []
    best, best_number, best_state = math.inf, 0, copy.deepcopy(network.state_dict())
    training = Resumption(
        on_epoch, network, optimizer, generator, (step_schedule, epoch_schedule),
        lambda epoch: epoch.validation_error if recipe.keep == "best" else epoch.training_loss,
    )  # fmt: skip
    best, best_number, best_state = training.restored(history, (best, best_number, best_state))
    for number in range(1, recipe.epochs + 1):
        if training.passed(number):
            continue
        start = time.perf_counter()
        network.train()
        order = rows[torch.randperm(len(rows), generator=generator)]
        losses = []  # type: ignore[var-annotated]
        for chunk in _batches(order, recipe.batch_size):
            if training.passed_step(losses):
                continue
            loss = network.loss(recipe.loss, network.network(cut(chunk)), labels[chunk.to(device, non_blocking=True)])
            optimizer.zero_grad()
            loss.backward()
            if recipe.clip_norm:
                nn.utils.clip_grad_norm_(network.parameters(), recipe.clip_norm)
            optimizer.step()
            step_schedule()
            losses.append(loss.detach() * len(chunk))
            training.keep(history, losses, (best, best_number, best_state))
        training_loss = float(torch.stack(losses).sum()) / len(train)
        if not math.isfinite(training_loss):
            raise TrainingDiverged(f"the loss is {training_loss} in epoch {number}; lower the learning rate")
        known = predict_rows(network, cut, validation, recipe.batch_size)
        error = network.error(known, targets[validation]) if len(validation) else math.nan
        epoch_schedule(error if recipe.keep == "best" else training_loss)
        if recipe.keep == "best" and error < best:
            best, best_number, best_state = error, number, copy.deepcopy(network.state_dict())
        history.append(Epoch(number, recipe.epochs, training_loss, error, time.perf_counter() - start))
        on_epoch(history[-1])
    if recipe.keep == "last":
        if len(validation) and not math.isfinite(error):
            raise TrainingDiverged("the last epoch has no finite validation error; lower the learning rate")
        return Fitted(tuple(history), recipe.epochs)
    if not math.isfinite(best):
        raise TrainingDiverged("no epoch has a finite validation error; lower the learning rate")
    differs = best_number < recipe.epochs
    last = {name: tensor.cpu().numpy().copy() for name, tensor in network.state_dict().items() if differs}
    network.load_state_dict(best_state)
    return Fitted(tuple(history), best_number, last)


@denormals_flushed()
def warm_up(network: ScaledNetwork, cut: Cut, recipe: Recipe, targets: np.ndarray, train: np.ndarray) -> None:
    """One step of `train_network`, and one prediction, with a network that is thrown away."""
    keep_freed_memory()
    network.fit_scaler(targets[train])
    rows = torch.from_numpy(np.array(train[: recipe.batch_size], dtype=np.int64))
    labels = network.labels(targets)[rows.to(network.mean.device)]
    network.loss(recipe.loss, network.train().network(cut(rows)), labels).backward()
    _optimizer(network, recipe).step()
    predict_rows(network, cut, train[:1], 1)


def predict_rows(network: ScaledNetwork, cut: Cut, rows: np.ndarray, batch_size: int) -> np.ndarray:
    """(len(rows),) float64 predictions in eval mode; (len(rows), n_classes) probabilities of a classifier."""
    network.eval()
    with torch.inference_mode():
        order = torch.from_numpy(np.array(rows, dtype=np.int64))
        return torch.cat([network(cut(chunk)) for chunk in order.split(batch_size)]).cpu().numpy()


def _batches(order: Tensor, size: int) -> list[Tensor]:
    """Chunks of `size`; a last chunk of one crystal joins the one before, as batch statistics need two."""
    chunks = list(order.split(size))
    if len(chunks) > 1 and len(chunks[-1]) == 1:
        chunks[-2:] = [torch.cat(chunks[-2:])]
    return chunks


def _optimizer(network: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    parameters, rate, decay = network.parameters(), recipe.learning_rate, recipe.weight_decay
    if recipe.optimizer == "sgd":
        return torch.optim.SGD(parameters, rate, momentum=recipe.momentum, weight_decay=decay)
    kind = torch.optim.AdamW if recipe.optimizer == "adamw" else torch.optim.Adam
    return kind(parameters, rate, weight_decay=decay, fused=True)


def _schedules(
    optimizer: torch.optim.Optimizer, recipe: Recipe, steps: int
) -> tuple[Callable[[], None], Callable[[float], None]]:
    """What to call after each step, and after each epoch with the validation error."""
    if recipe.schedule == "one-cycle":
        cycle = torch.optim.lr_scheduler.OneCycleLR(optimizer, recipe.learning_rate, recipe.epochs * steps)
        return cycle.step, lambda error: None
    if recipe.schedule == "constant":
        return lambda: None, lambda error: None
    if recipe.schedule == "step":
        decay = torch.optim.lr_scheduler.MultiStepLR(optimizer, [recipe.step_epoch], recipe.step_factor)
        return lambda: None, lambda error: decay.step()
    plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.8, patience=10, min_lr=1e-5, threshold=2e-4)
    return lambda: None, plateau.step
