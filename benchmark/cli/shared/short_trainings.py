"""How far short trainings are: a bar on a terminal, a line a minute elsewhere; whose code trains, and the time left."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from benchmark.cli.shared.consoles import console
from benchmark.cli.shared.terminal import about, tell

if TYPE_CHECKING:
    from benchmark.harness.job import Job
    from benchmark.regression.trainings import Begins, ShortTraining, Train

TOLD_FROM = 2
"""The time left is told after so many trainings: the first one is mostly start-up."""


@dataclass
class _Count:
    bar: TaskID
    of: int = 0
    done: int = 0


@dataclass
class ShortTrainings:
    """Counts short trainings by the code that is trained, and shows them."""

    progress: Progress
    by_line: bool
    """Whether a line a minute is printed."""
    codes: int
    """How many codes do the same trainings, one after the other."""
    expected: int = 0
    """Of each code, roughly: the noise decides. No other total is shown then; 0 where what has begun is all."""
    counts: dict[str, _Count] = field(default_factory=dict)
    training_s: float = 0.0
    """On the clock, so far."""
    last: float = 0.0
    """When the last training ended, or those under way began."""
    minute: int = 0
    """Of the last line."""
    pace_s: float | None = None
    """Seconds on the clock for one training of many, without the start of workers; None before a trainer knows it."""
    start_s: float = 0.0
    """Seconds until the first workers of a trainer had started."""

    def begins(self, whose: str = "") -> Begins:
        """What is told of trainings with somebody's code."""
        name = f"short trainings{whose and f' with {whose}'}"

        def begin(n: int) -> Callable[[], None]:
            if name not in self.counts:
                self.counts[name] = _Count(self.progress.add_task(name, total=0, left=""))
            count = self.counts[name]
            count.of += n
            self.progress.update(count.bar, total=None if self.expected else count.of)
            self.last = time.monotonic()
            return lambda: self._one_more(name, count)

        return begin

    def trainer(self, whose: str = "") -> Train:
        """What carries out short trainings with the code of this program."""
        from benchmark.regression.trainings import run_trainings

        def train(jobs: tuple[Job, ...]) -> list[ShortTraining]:
            began = time.monotonic()
            found = run_trainings(jobs, self.begins(whose)(len(jobs)))
            if shortest := min((one.wall_s for one in found if one.wall_s), default=None):
                self.start_s = self.start_s or max(0.0, time.monotonic() - began - shortest * len(jobs) / jobs[0].workers)
                self.pace_s = shortest / jobs[0].workers
            return found

        return train

    def seconds(self, of: int, starts: int = 0) -> float | None:
        """Until each code has done `of` trainings, at the speed so far, with so many starts of workers; None before any."""
        done = sum(count.done for count in self.counts.values())
        if not done:
            return None
        pace = self.pace_s or self.training_s / done
        return starts * self.start_s + pace * (self.codes * of - done)

    def _one_more(self, name: str, count: _Count) -> None:
        now = time.monotonic()
        self.training_s, self.last = self.training_s + now - self.last, now
        count.done += 1
        of = max(self.expected, *(other.of for other in self.counts.values()))
        seconds = self.seconds(of) if count.done >= TOLD_FROM else None
        left = f"{about(seconds)} left" if seconds else ""
        self.progress.update(count.bar, completed=count.done, left=left)
        minute = int(self.training_s / 60)
        if self.by_line and minute > self.minute:
            self.minute = minute
            total = "" if self.expected else f" of {count.of}"
            tell(f"{name}: {count.done}{total} after {minute} min{left and f', {left}'}")


@contextmanager
def short_trainings(quiet: bool, codes: int = 1) -> Iterator[ShortTrainings]:
    """Shows short trainings while the block lasts."""
    shown = console(quiet)
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(10),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[left]}"),
    )
    with Progress(*columns, console=shown, transient=True, disable=not shown.is_terminal) as progress:
        yield ShortTrainings(progress, not (quiet or shown.is_terminal), codes)
