"""Training that goes on where it was killed: the state of the training loop after a step, as bytes, and back.

What goes on from a checkpoint gives the numbers of a training that nothing disturbed, bit for bit on the CPU. So the
statements of the loop that call this module are no part of a model's fingerprint.
"""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from models.contract import Epoch, OnEpoch

DIGEST = hashlib.sha256().digest_size

Best = tuple[float, int, Any]
"""Validation error, number and weights of the best epoch so far."""


class TrainingStopped(BaseException):
    """The training was asked to end and is kept; no failure, so nothing that handles failures may catch it."""


@dataclass
class Keeper:
    """What `fit` is given as `on_epoch` where its training is to be kept.

    Attributes:
        tell: what is to be called after an epoch.
        read: the kept bytes; None where there are none.
        write: keeps bytes.
        identity: of the training; what was kept of another one is not used.
        every_s: seconds between two checkpoints.
        ends: whether the training is to be kept now and ended.
    """

    tell: OnEpoch
    read: Callable[[], bytes | None] = lambda: None
    write: Callable[[bytes], None] = lambda data: None
    identity: str = ""
    every_s: float = math.inf
    ends: Callable[[], bool] = lambda: False
    trials: list[float | None] = field(default_factory=list)
    """What short trainings before the one under way gave, which are over."""
    trials_cost: tuple[float, float] | None = None
    """What they took together, once they are over."""
    resumed: int = 0
    """How often this training went on from a checkpoint."""
    earlier: tuple[float, float] = (0.0, 0.0)
    """Seconds on the wall and of the processor before the checkpoint."""
    _started: tuple[float, float] = (0.0, 0.0)
    _found: tuple[dict[str, Any], dict[str, Tensor]] | None = None

    def __call__(self, epoch: Epoch) -> None:
        """Tell of an epoch."""
        self.tell(epoch)

    def begun(self) -> Keeper:
        """Itself, with what is in the checkpoint; the clock runs from now on."""
        self._started = time.perf_counter(), time.process_time()
        self._found = _decoded(self.read(), self.identity)
        if self._found:
            header = self._found[0]
            self.trials, self.resumed, self.earlier = header["trials"], header["resumed"] + 1, tuple(header["spent"])
            self.trials_cost = header["trials_cost"] and tuple(header["trials_cost"])
        return self

    def found(self) -> tuple[dict[str, Any], dict[str, Tensor]] | None:
        """Header and tensors of the checkpoint, where it is of the training that begins now; to be used once."""
        found, self._found = self._found, None
        return found

    def header(self) -> dict[str, Any]:
        """What a checkpoint says of the fold, beside the training."""
        wall, cpu = time.perf_counter() - self._started[0], time.process_time() - self._started[1]
        return {
            "identity": self.identity,
            "trials": self.trials,
            "trials_cost": self.trials_cost,
            "resumed": self.resumed,
            "spent": (self.earlier[0] + wall, self.earlier[1] + cpu),
        }


class Resumption:
    """The state of one training loop, kept and restored; does nothing where `on_epoch` is no `Keeper`.

    Args:
        on_epoch: what `fit` was given.
        network: with everything learnt in its state.
        optimizer: of its parameters.
        generator: draws the order of the batches, once an epoch.
        schedules: what is called after each step, and after each epoch with a number: they are called again to restore them.
        judged: the number of an epoch that the second schedule is called with.
    """

    def __init__(
        self, on_epoch: OnEpoch, network: nn.Module, optimizer: torch.optim.Optimizer, generator: torch.Generator,
        schedules: tuple[Callable[[], None], Callable[[float], None]], judged: Callable[[Epoch], float],
    ) -> None:  # fmt: skip
        self.keeper = on_epoch if isinstance(on_epoch, Keeper) else None
        self.network, self.optimizer, self.generator = network, optimizer, generator
        self.schedules, self.judged = schedules, judged
        self.epochs_done = self.steps_done = 0
        """What the checkpoint has: whole epochs, and steps of the next one."""
        self.losses = torch.zeros(0)
        self.steps = self.all_steps = 0
        self.order = generator.get_state()
        """Of the generator as the epoch begins."""
        self.kept_at = time.monotonic()

    def restored(self, history: list[Epoch], fresh: Best) -> Best:
        """Restore everything from the checkpoint, where there is one; fills `history` and returns the best epoch so far."""
        found = self.keeper.found() if self.keeper else None
        if not found:
            return fresh
        header, tensors = found
        history += [Epoch(**epoch) for epoch in header["history"]]
        self.network.load_state_dict(_named(tensors, "network."))
        self._restore_schedules(header["all_steps"], history)
        self._restore_optimizer(header["groups"], tensors)
        self.generator.set_state(tensors["order"])
        self.epochs_done, self.steps_done, self.all_steps = len(history), header["steps"], header["all_steps"]
        self.losses = tensors["losses"]
        torch.set_rng_state(tensors["rng"])
        device = self._device()
        if device.type == "cuda" and "rng_cuda" in tensors:
            torch.cuda.set_rng_state(tensors["rng_cuda"], device)
        state = fresh[2]
        weights = {name: tensor.to(state[name].device) for name, tensor in _named(tensors, "best.").items()}
        return header["best"], header["best_number"], type(state)(weights)

    def passed(self, number: int) -> bool:
        """Whether the checkpoint has the whole of an epoch; called as each begins."""
        if number <= self.epochs_done:
            return True
        self.steps, self.order = 0, self.generator.get_state()
        if number > self.epochs_done + 1:
            self.steps_done = 0
        return False

    def passed_step(self, losses: list[Tensor]) -> bool:
        """Whether the checkpoint has the next step of this epoch; then its loss is put into `losses`."""
        if self.steps >= self.steps_done:
            return False
        losses.append(self.losses[self.steps].to(self._device()))
        self.steps += 1
        return True

    def keep(self, history: list[Epoch], losses: list[Tensor], best: Best) -> None:
        """Called after each step: keep the training where it is time.

        Raises:
            TrainingStopped: it was asked to end, and is kept.
        """
        self.steps += 1
        self.all_steps += 1
        if not self.keeper:
            return
        ends = self.keeper.ends()
        if ends or time.monotonic() - self.kept_at >= self.keeper.every_s:
            self.keeper.write(self._encoded(self.keeper, history, losses, best))
            self.kept_at = time.monotonic()
        if ends:
            raise TrainingStopped

    def _device(self) -> torch.device:
        return next(self.network.parameters()).device

    def _restore_schedules(self, steps: int, history: list[Epoch]) -> None:
        vars(self.optimizer)["_opt_called"] = True  # it has taken steps, or its schedule would warn
        for _ in range(steps):
            self.schedules[0]()
        for epoch in history:
            self.schedules[1](self.judged(epoch))

    def _restore_optimizer(self, groups: list[dict[str, Any]], tensors: Mapping[str, Tensor]) -> None:
        whole = self.optimizer.state_dict()
        state: dict[int, dict[str, Tensor]] = {}
        for name, tensor in _named(tensors, "optimizer.").items():
            index, _, key = name.partition(".")
            state.setdefault(int(index), {})[key] = tensor
        for group, kept in zip(whole["param_groups"], groups, strict=True):
            group |= {name: tuple(value) if isinstance(value, list) else value for name, value in kept.items()}
        self.optimizer.load_state_dict({"state": state, "param_groups": whole["param_groups"]})

    def _encoded(self, keeper: Keeper, history: list[Epoch], losses: list[Tensor], best: Best) -> bytes:
        optimizer, device = self.optimizer.state_dict(), self._device()
        header = keeper.header() | {
            "history": [asdict(epoch) for epoch in history],
            "steps": self.steps,
            "all_steps": self.all_steps,
            "groups": [{k: v for k, v in group.items() if k != "params"} for group in optimizer["param_groups"]],
            "best": best[0],
            "best_number": best[1],
        }
        tensors = {f"network.{name}": tensor for name, tensor in self.network.state_dict().items()}
        tensors |= {f"best.{name}": tensor for name, tensor in best[2].items()}
        for index, state in optimizer["state"].items():
            tensors |= {f"optimizer.{index}.{k}": v for k, v in state.items() if isinstance(v, Tensor)}
        tensors |= {"losses": torch.stack(losses), "order": self.order, "rng": torch.get_rng_state()}
        if device.type == "cuda":
            tensors["rng_cuda"] = torch.cuda.get_rng_state(device)
        tensors["header"] = torch.frombuffer(bytearray(json.dumps(header).encode()), dtype=torch.uint8)
        payload = save({name: tensor.detach().cpu().clone().contiguous() for name, tensor in tensors.items()})
        return hashlib.sha256(payload).digest() + payload


def _named(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name[len(prefix) :]: tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _decoded(data: bytes | None, identity: str) -> tuple[dict[str, Any], dict[str, Tensor]] | None:
    """Header and tensors of a checkpoint; None of one that is missing, damaged, or of another training."""
    if data is None or hashlib.sha256(data[DIGEST:]).digest() != data[:DIGEST]:
        return None
    try:
        tensors = load(data[DIGEST:])
        header = json.loads(tensors.pop("header").numpy().tobytes())
    except (SafetensorError, ValueError, KeyError):
        return None
    return (header, tensors) if header.get("identity") == identity else None
