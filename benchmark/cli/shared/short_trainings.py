"""How far short trainings are: a bar on a terminal, a line a minute elsewhere; whose code trains, and the time left."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from benchmark.cli.shared.consoles import console
from benchmark.cli.shared.progress import about
from benchmark.cli.shared.terminal import tell

if TYPE_CHECKING:
    from benchmark.regression.trainings import Begins, Train

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
    counts: dict[str, _Count] = field(default_factory=dict)
    training_s: float = 0.0
    """On the clock, so far."""
    last: float = 0.0
    """When the last training ended, or those under way began."""
    minute: int = 0
    """Of the last line."""

    def begins(self, whose: str = "") -> Begins:
        """What is told of trainings with somebody's code."""
        name = f"short trainings{whose and f' with {whose}'}"

        def begin(n: int) -> Callable[[], None]:
            if name not in self.counts:
                self.counts[name] = _Count(self.progress.add_task(name, total=0, left=""))
            count = self.counts[name]
            count.of += n
            self.progress.update(count.bar, total=count.of)
            self.last = time.monotonic()
            return lambda: self._one_more(name, count)

        return begin

    def trainer(self, whose: str = "") -> Train:
        """What carries out short trainings with the code of this program."""
        from benchmark.regression.trainings import run_trainings

        return lambda jobs: run_trainings(jobs, self.begins(whose)(len(jobs)))

    def seconds(self, of: int) -> float | None:
        """Until each code has done `of` trainings, at the speed so far; None before anything tells."""
        done = sum(count.done for count in self.counts.values())
        return self.training_s * (self.codes * of - done) / done if done else None

    def _one_more(self, name: str, count: _Count) -> None:
        now = time.monotonic()
        self.training_s, self.last = self.training_s + now - self.last, now
        count.done += 1
        seconds = self.seconds(max(other.of for other in self.counts.values())) if count.done >= TOLD_FROM else None
        left = f"{about(seconds)} left" if seconds else ""
        self.progress.update(count.bar, completed=count.done, left=left)
        minute = int(self.training_s / 60)
        if self.by_line and minute > self.minute:
            self.minute = minute
            tell(f"{name}: {count.done} of {count.of} after {minute} min{left and f', {left}'}")


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
