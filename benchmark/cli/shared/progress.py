"""What a person sees while jobs run: live bars on a terminal, one line a fold elsewhere."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from benchmark.cli.shared import consoles
from benchmark.cli.shared.events import RunLog, run_log

if TYPE_CHECKING:  # a download's bar needs no torch
    from benchmark.harness import run
    from benchmark.harness.job import Job
    from benchmark.harness.plan import Plan
    from benchmark.results.records import Record
    from benchmark.results.store import Store

console = consoles.console()


def job_name(job: Job) -> str:
    """`task model fold 2/5`."""
    return f"{job.task.name} {job.model} seed {job.seed} fold {job.fold + 1}/{job.protocol.n_folds}"


def _loss(value: float, classes: tuple[str, ...] | None, unit: str) -> str:
    """MAE with its unit, or log-loss."""
    return f"log-loss {value:.4g}" if classes else f"MAE {value:.4g} {unit}"


@dataclass
class Display:
    """Takes the harness's news and shows them."""

    progress: Progress
    total: TaskID
    log: RunLog
    bars: dict[Job, TaskID] = field(default_factory=dict)
    finished: set[Job] = field(default_factory=set)
    elsewhere: set[Job] = field(default_factory=set)
    """Finished by another run of the same store."""

    def on_progress(self, news: run.Progress) -> None:
        """Move the bar of a job: epoch, validation error, time left."""
        if news.elsewhere:
            self.elsewhere.add(news.job)
        self.log.progress(news)
        if news.job in self.finished or news.elsewhere:
            return
        if news.job not in self.bars:
            self.bars[news.job] = self.progress.add_task(job_name(news.job), total=None, detail="")
        if news.epoch:
            error = news.epoch.validation_error
            # NaN: there is no validation part.
            detail = _loss(error, news.job.task.classes, news.job.task.unit) if error == error else ""
            self.progress.update(self.bars[news.job], total=news.epoch.of, completed=news.epoch.number, detail=detail)

    def on_record(self, job: Job, record: Record) -> None:
        """Take the job's bar away and leave one line."""
        if job in self.bars:
            self.progress.remove_task(self.bars.pop(job))
        self.finished.add(job)
        self.log.record(job, record, job in self.elsewhere)
        self.progress.advance(self.total)
        if record.metrics and record.times:
            found = _loss(record.metrics.test.loss, record.key.classes, record.key.unit)
            outcome = f"test {found} in {record.times.training.wall_s:.1f} s"
        else:
            outcome = f"{record.status}: {record.reason}"
        whose = " (by another run)" if job in self.elsewhere else ""
        self.progress.console.print(f"{job_name(job)}: {outcome}{whose}", markup=False, soft_wrap=True)


@contextmanager
def live(plan: Plan, root: Path, quiet: bool) -> Iterator[Display]:
    """A display for the jobs of a plan in the store at `root`, and their log there; `quiet` shows nothing."""
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[detail]}", markup=False),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    shown = consoles.console(quiet)
    with Progress(*columns, console=shown, transient=True, disable=not shown.is_terminal) as progress:
        total = progress.add_task("folds", total=len(plan.jobs), completed=len(plan.done), detail="")
        yield Display(progress, total, run_log(root))


def carry_out(plan: Plan, store: Store, quiet: bool, deadline: float = math.inf, **how: Any) -> list[Record]:
    """The records of a plan's open jobs, carried out with a display; how many a deadline left over is told.

    Args:
        plan: its `todo` is carried out.
        store: where the records go.
        quiet: whether nothing is shown while they run.
        deadline: seconds of `time.monotonic`.
        how: what else `harness.run.run_jobs` takes.
    """
    from benchmark.harness.run import run_jobs

    with live(plan, store.root, quiet) as display:
        records = run_jobs(plan.todo, store, display.on_progress, display.on_record, deadline=deadline, **how)
    if left := len(set(plan.todo) - display.finished):
        console.print(f"the time is up: {left} of {len(plan.jobs)} folds are left; run the same command again to go on")
    return records


@contextmanager
def fetching(name: str) -> Iterator[Callable[[int, int | None, str], None]]:
    """A bar on a terminal for a download; nothing elsewhere, where lines without end would help nobody."""
    text = TextColumn("{task.description}", markup=False)
    columns = (text, BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:
        bar = progress.add_task(name, total=None)

        def show(done: int, of: int | None, what: str) -> None:
            progress.update(bar, description=f"{name} {what}", completed=done, total=of)

        yield show
