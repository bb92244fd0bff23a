"""How long the rest of a plan will take, from what its folds are estimated to cost and how fast they went so far."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable

from benchmark.harness.cost import Costs, at_once
from benchmark.harness.job import Job
from benchmark.harness.plan import Plan
from benchmark.results.records import Record

TRUST_S = 30.0
"""The estimates alone are worth as much as so many seconds of this run, and less with each fold that ends: starting workers,
building graphs and scoring take time too, which only the run itself tells."""

TOLD_FROM, TOLD_EPOCHS = 0.1, 2
"""Where no cost is known, this part of one fold and so many epochs have to be done after its first epoch, which is mostly
start-up."""

SMOOTHED = 0.1
"""The part of the time left within which the time shown follows a new estimate, so that it does not jump."""


class TimeLeft:
    """Takes the news of a plan's folds. Folds that other runs finish count too: they make this plan end sooner.

    A fold of which no cost is known counts as much as the mean of the others.
    """

    def __init__(self, plan: Plan, costs: Costs) -> None:
        self.plan, self.costs = plan, costs
        self.work = {job: self._estimated(job) for job in plan.todo}
        """Seconds of a core or device; None: unknown."""
        self.begun: dict[Job, float] = {}
        """Which part of a fold was done before this run: it went on from a checkpoint."""
        self.share: dict[Job, float] = {}
        """Which part is done."""
        self.started = time.monotonic()
        self.first: dict[Job, tuple[float, int]] = {}
        """When a fold under way had finished its first epoch here, and which one that was."""
        self.newest: dict[Job, tuple[float, int]] = {}
        """When it had finished its newest epoch, and which one that was."""
        self.shown: tuple[float, float] | None = None
        """When the time left was last asked for, and when the plan was then expected to end."""

    def _estimated(self, job: Job) -> float | None:
        found = self.costs.of(job, self.plan.n_train[job]) if job in self.plan.n_train else None
        return found.seconds if found else None

    def epoch(self, job: Job, number: int, of: int) -> None:
        """A fold has finished an epoch."""
        self.begun.setdefault(job, (number - 1) / of)
        self.share[job] = number / of
        self.newest[job] = time.monotonic(), number
        self.first.setdefault(job, self.newest[job])

    def leave_out(self, jobs: Iterable[Job]) -> None:
        """Folds are not tried."""
        for job in jobs:
            self.work.pop(job, None)

    def finished(self, job: Job, record: Record) -> None:
        """A fold has its record, whose cost those like it take over."""
        self.share[job] = 1.0
        self.first.pop(job, None)
        self.costs.add(record, "this run")
        for other in self.work:
            if (other.model, other.settings, other.rates) == (job.model, job.settings, job.rates):
                self.work[other] = self._estimated(other)

    @property
    def ended(self) -> int:
        """How many folds of the plan have a record, with those from before."""
        return len(self.plan.done) + sum(self.share.get(job) == 1.0 for job in self.work)

    def seconds(self) -> float | None:
        """Until the last fold ends, smoothed; None where nothing tells."""
        found, now = self._estimate(), time.monotonic()
        if not found:
            return found
        if self.shown:
            then, end = self.shown
            weight = 1 - math.exp((then - now) / (SMOOTHED * found))
            found = weight * found + (1 - weight) * max(0.0, end - now)
        self.shown = now, now + found
        return found

    def _estimate(self) -> float | None:
        """From the costs and the pace alone."""
        if not self.work:
            return 0.0
        known = [seconds for seconds in self.work.values() if seconds is not None]
        usual = sum(known) / len(known) if known else 1.0
        done = left = 0.0
        for job, work in self.work.items():
            share = self.share.get(job, 0.0)
            done += (usual if work is None else work) * (share - self.begun.get(job, 0.0))
            left += (usual if work is None else work) * (1.0 - share)
        if not (known or left == 0):
            return self._by_pace(left)
        trust = TRUST_S / (1 + self.ended - len(self.plan.done))
        elapsed = max(0.001, time.monotonic() - self.started)
        speed = (done + at_once(self.plan.todo[0]) * trust) / (elapsed + trust)
        return left / speed if speed > 0 else None

    def _by_pace(self, left: float) -> float | None:
        """The time of so many folds by the epochs since the first of each; None before they are enough."""
        epochs = {job: self.newest[job][1] - number for job, (_, number) in self.first.items()}
        done = {job: self.share[job] * n / self.newest[job][1] for job, n in epochs.items()}
        if max(done.values(), default=0.0) < TOLD_FROM or max(epochs.values()) < TOLD_EPOCHS:
            return None
        a_fold = sum(self.newest[job][0] - since for job, (since, _) in self.first.items()) / sum(done.values())
        return left * a_fold / min(self.plan.todo[0].workers, sum(self.share.get(job) != 1.0 for job in self.work))
