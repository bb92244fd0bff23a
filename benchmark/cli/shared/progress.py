"""What a person sees while jobs run: live bars on a terminal, one line a fold elsewhere."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from benchmark.cli.shared import consoles
from benchmark.cli.shared.bars import columns, phase_of
from benchmark.cli.shared.events import RunLog, run_log
from benchmark.cli.shared.terminal import about
from benchmark.rendering.text import changes, count, in_unit

if TYPE_CHECKING:  # a download's bar needs no torch
    from benchmark.harness import run
    from benchmark.harness.cost import Costs
    from benchmark.harness.job import Job
    from benchmark.harness.plan import Plan
    from benchmark.harness.time_left import TimeLeft
    from benchmark.results.records import Record
    from benchmark.results.store import Store

console = consoles.console()

STARTING = "starting workers"

PREPARING = "builds graphs or descriptors"
"""What a fold does before it trains."""

STOPPING = (
    "stopping: no fold begins any more; folds that train are kept after the step that they are at. Ctrl-C now ends at once: it "
    "keeps only their last checkpoints"
)

MILESTONE_S = 60.0
"""Where there is no terminal, a long fold says how far it is, after so many seconds without a line of this run."""


def job_name(job: Job) -> str:
    """`task model (n_layers=4) seed 0 fold 2/5`; people count folds from 1, records from 0."""
    model = f"{job.model} ({', '.join(changes(job.changed))})" if job.changed else job.model
    return f"{job.task.name} {model} seed {job.seed} fold {job.fold + 1}/{job.protocol.n_folds}"


def _short_name(job: Job) -> str:
    """What tells the folds under way from one another, first: the end may be cut."""
    return f"{job.model} {job.fold + 1}/{job.protocol.n_folds} seed {job.seed} {job.task.name}"


def _loss(value: float, classes: tuple[str, ...] | None, unit: str) -> str:
    """MAE with its unit, or log-loss."""
    return f"log-loss {value:.4g}" if classes else in_unit(f"MAE {value:.4g}", unit)


@dataclass
class Display:
    """Takes the harness's news and shows them."""

    progress: Progress
    total: TaskID
    log: RunLog
    time_left: TimeLeft
    bars: dict[Job, TaskID] = field(default_factory=dict)
    finished: set[Job] = field(default_factory=set)
    elsewhere: set[Job] = field(default_factory=set)
    """Finished by another run of the same store."""
    not_tried: set[Job] = field(default_factory=set)
    """Left out, as the code of their model failed in another fold."""
    reasons: dict[tuple[str, str, str], Job] = field(default_factory=dict)
    """The first fold of a task and model with each reason of a failure, without its numbers: a reason is told once."""
    last_line: float = field(default_factory=time.monotonic)
    stopping: bool = False
    """Whether a line has said so."""

    def on_progress(self, news: run.Progress) -> None:
        """Move the bar of a job: epoch, validation error, time left."""
        if news.elsewhere:
            self.elsewhere.add(news.job)
        self.log.progress(news)
        if news.stops:
            self._stops()
        if news.not_tried:
            self._not_tried(news.job, news.not_tried)
        if news.job in self.finished or news.elsewhere or news.stops:
            return
        if news.dies:
            if news.job in self.bars:
                self.progress.remove_task(self.bars.pop(news.job))
            if not self.stopping:
                self._say(f"{job_name(news.job)}: its worker process has died; it is tried again when the other folds are done")
            return
        if news.job not in self.bars:
            self.progress.update(self.total, detail="")
            self.bars[news.job] = self.progress.add_task(_short_name(news.job), total=None, detail=PREPARING)
        bar = self.bars[news.job]
        if news.prepares:
            self.progress.update(bar, total=news.prepares.of, completed=news.prepares.done, done=None)
            self._milestone(news.job, f"computes descriptors, {news.prepares.done:,} of {count(news.prepares.of, 'crystal')}")
        if news.trains:
            self.progress.update(bar, detail="trains")
            if news.trains.kept:
                self._say(f"{job_name(news.job)}: goes on from its checkpoint {news.trains.kept.where()}")
        if news.epoch:
            error = news.epoch.validation_error
            # NaN: there is no validation part.
            detail = _loss(error, news.job.task.classes, news.job.task.unit) if error == error else ""
            self.time_left.epoch(news.job, news.epoch.number, news.epoch.of)
            phase, done = phase_of(news.job, news.epoch)
            self.progress.update(bar, total=news.epoch.of, completed=news.epoch.number, detail=detail, done=done)
            self._milestone(news.job, f"{phase}, {detail}".rstrip(", "))

    def _milestone(self, job: Job, what: str) -> None:
        """A line of a fold where there is no terminal, and none of this run for a while."""
        if not self.progress.console.is_terminal and time.monotonic() - self.last_line > MILESTONE_S:
            self._say(f"{job_name(job)}: {what}")

    def on_record(self, job: Job, record: Record) -> None:
        """Take the job's bar away and leave one line."""
        if job in self.bars:
            self.progress.remove_task(self.bars.pop(job))
        self.finished.add(job)
        self.time_left.finished(job, record)
        self.log.record(job, record, job in self.elsewhere, self.time_left)
        self.progress.update(self.total, completed=self.time_left.ended)
        if record.metrics and record.times:
            found = _loss(record.metrics.test.loss, record.key.classes, record.key.unit)
            outcome = f"test {found} in {record.times.training.wall_s:.1f} s"
        else:
            first = self.reasons.setdefault((job.task.name, job.model, re.sub(r"\d+", "", str(record.reason))), job)
            outcome = f"{record.status}: {record.reason if first is job else f'as fold {first.fold + 1} of seed {first.seed}'}"
        whose = " (by another run)" if job in self.elsewhere else ""
        self._say(f"{job_name(job)}: {outcome}{whose}")

    def _not_tried(self, failed: Job, others: tuple[Job, ...]) -> None:
        """One line for folds that are left out, as the code of their model failed in another one."""
        self.not_tried.update(others)
        self.time_left.leave_out(others)
        self._say(
            f"not tried: {count(len(others), 'more fold')} of {failed.model} on {failed.task.name}, as its code failed in fold "
            f"{failed.fold + 1}; mend the model and run the same command again"
        )

    def _stops(self) -> None:
        """One line, at once: ending may take as long as a step of training."""
        if not self.stopping:
            self.stopping = True
            self.progress.console.print(STOPPING, markup=False, soft_wrap=True)

    def _say(self, what: str) -> None:
        """A line with where the whole plan stands."""
        self.last_line = time.monotonic()
        self.progress.console.print(f"{what} | {_standing(self.time_left)}", markup=False, soft_wrap=True)


def _standing(time_left: TimeLeft) -> str:
    """`12 of 40 folds, 20 min left`."""
    seconds = time_left.seconds()
    left = "" if seconds is None else f", {about(seconds)} left" if seconds else ", none left"
    return f"{time_left.ended} of {count(len(time_left.plan.jobs), 'fold')}{left}"


@contextmanager
def live(plan: Plan, root: Path, quiet: bool, costs: Costs, events: bool = False) -> Iterator[Display]:
    """A display for the jobs of a plan in the store at `root`, and their log there.

    Args:
        plan: its jobs are shown.
        root: of the store.
        quiet: shows nothing.
        costs: of trainings on record, for the time left.
        events: prints the ends of folds as JSON.
    """
    from benchmark.harness.time_left import TimeLeft

    time_left, totals = TimeLeft(plan, costs), list[TaskID]()
    shown = consoles.console(quiet)
    with Progress(
        *columns(time_left, totals), console=shown, transient=True, disable=not shown.is_terminal, expand=True
    ) as progress:
        totals.append(progress.add_task("all folds", total=len(plan.jobs), completed=len(plan.done), detail=STARTING))
        log = run_log(root, events)
        log.plan(time_left)
        yield Display(progress, totals[0], log, time_left)


def carry_out(
    plan: Plan, store: Store, quiet: bool, costs: Costs, deadline: float = math.inf, events: bool = False, **how: Any
) -> list[Record]:
    """The records of a plan's open jobs, carried out with a display; how many a deadline left over is told.

    Args:
        plan: its `todo` is carried out.
        store: where the records go.
        quiet: whether nothing is shown while they run.
        costs: of trainings on record.
        deadline: seconds of `time.monotonic`.
        events: whether the beginnings and ends of folds are printed as JSON.
        how: what else `harness.run.run_jobs` takes.
    """
    from benchmark.harness.plan import has_failed, without_record
    from benchmark.harness.run import run_jobs

    with live(plan, store.root, quiet, costs, events) as display:
        if plan.todo:
            workers = count(min(plan.todo[0].workers, len(plan.todo)), "worker")
            said = f"starting {workers}; before a fold trains, its worker loads the program and builds graphs or descriptors"
            if any(job.rates for job in plan.todo):
                said += ", and networks try learning rates"
            display.progress.console.print(said, markup=False, soft_wrap=True)
        try:
            records = run_jobs(plan.todo, store, display.on_progress, display.on_record, deadline=deadline, **how)
        except KeyboardInterrupt as signalled:
            raise type(signalled)(_left(display, store, "stopped")) from None
    unfinished = set(plan.todo) - display.finished - display.not_tried
    # Others may have done some meanwhile; a fold that is tried again has its old record still.
    if without_record(unfinished, store) or any(has_failed(job, store) for job in unfinished):
        console.print(_left(display, store, "the time is up"), markup=False, soft_wrap=True)
    return records


def _left(display: Display, store: Store, why: str) -> str:
    """How many folds of a plan that ended before its end are done, and how many go on from a checkpoint."""
    from benchmark.harness.job import dataset_hash
    from benchmark.rendering.commands import command

    time_left = display.time_left
    unfinished = set(time_left.plan.todo) - display.finished
    kept = sum(store.unfinished(job.key(dataset_hash(job.task))).exists() for job in unfinished)
    more = f", {kept} more with a checkpoint" if kept else ""
    shows = f" (`{command('jobs', '--out', store.root)}` shows them)" if kept else ""
    done = f"{time_left.ended} of {count(len(time_left.plan.jobs), 'fold')} done"
    return f"{why}: {done}{more}; run the same command again to go on{shows}"


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
