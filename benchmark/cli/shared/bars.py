"""The columns of the live bars of a run, and what they say of a fold."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.progress import BarColumn, MofNCompleteColumn, ProgressColumn, Task, TaskID, TextColumn
from rich.table import Column
from rich.text import Text

from benchmark.cli.shared.terminal import about
from benchmark.rendering.text import count

if TYPE_CHECKING:
    from benchmark.harness.job import Job
    from benchmark.harness.time_left import TimeLeft
    from models.contract import Epoch


def columns(time_left: TimeLeft, total: list[TaskID]) -> tuple[ProgressColumn, ...]:
    """Of a bar; at any width the name is cut first. `total` are the bars of the whole plan."""
    return (
        TextColumn("{task.description}", markup=False, table_column=Column(ratio=1, no_wrap=True, overflow="ellipsis")),
        BarColumn(10),
        _Done(table_column=Column(no_wrap=True)),
        _State(time_left, total),
    )


def phase_of(job: Job, epoch: Epoch) -> tuple[str, str]:
    """Which epoch of the search for a learning rate a fold has ended, or of the training itself; the same in few letters."""
    trials = job.trial_epochs
    if job.rates and epoch.number <= trials:
        rates = count(len(job.rates.factors), "learning rate")
        return f"trying {rates}, epoch {epoch.number} of {trials}", f"rates {epoch.number}/{trials}"
    number, of = epoch.number - trials, epoch.of - trials
    return f"epoch {number} of {of}", f"{number}/{of}"


class _Done(MofNCompleteColumn):
    """Epochs, or how many folds or crystals of all."""

    def render(self, task: Task) -> Text:
        """One line."""
        return Text(task.fields["done"], style="progress.download") if task.fields.get("done") else super().render(task)


class _State(ProgressColumn):
    """Of the plan the time left; of a fold its error and the time left. Never cut."""

    def __init__(self, time_left: TimeLeft, total: list[TaskID]) -> None:
        super().__init__(Column(no_wrap=True))
        self.time_left, self.total = time_left, total

    def render(self, task: Task) -> Text:
        """One line."""
        from benchmark.harness.time_left import TOLD_EPOCHS

        of_fold = task.time_remaining if task.completed > TOLD_EPOCHS else None
        seconds = self.time_left.seconds() or None if task.id in self.total else of_fold
        left = "" if seconds is None else f"{about(seconds)} left"
        return Text(", ".join(filter(None, (task.fields["detail"], left))))
