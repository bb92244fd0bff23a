"""From the cells of a table to ordinary jobs, round by round in the order of their worth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from benchmark.harness.bad_crystals import ConfiguredModel
from benchmark.harness.job import Job
from benchmark.harness.learning_rate import grid_of
from benchmark.harness.plan import IsDone, Plan, RunOptions, plan_models
from benchmark.reproduction.cells import Cell
from benchmark.results.settled import settled_in
from benchmark.results.store import Store
from benchmark.tasks.folds import Split
from benchmark.tasks.tasks import TaskData
from datasets.errors import InputError
from models import registry


@dataclass(frozen=True)
class CellJob:
    """A job, and the round of the cell that it is."""

    cell: Cell
    round: int
    job: Job


def configured(cell: Cell) -> ConfiguredModel:
    """The model with the settings of the cell: those of its preset or profile for the task, and its changes."""
    spec = registry.get(cell.model)
    settings = spec.published(cell.named, cell.task)
    rates = None if "learning_rate" in cell.changes else grid_of(cell.named, settings)
    return ConfiguredModel(spec, replace(settings, **cell.changes), rates=rates)


def plan_cells(
    cells: Sequence[Cell], options: RunOptions, stores: Sequence[Store], rounds: int | None = None
) -> tuple[Plan, list[CellJob]]:
    """The plan of all cells, and its open jobs with their cells: every first round, then every second one, …

    A cell whose data are not on this machine, or that its model cannot take, has a line in `skipped` instead.

    Args:
        cells: of a table, in the order of their worth.
        options: device, workers and threads.
        stores: where a fold may be settled; the first is the one that is written to.
        rounds: at most so many of each cell; None for all.
    """
    plans: list[Plan] = []
    skipped: dict[str, None] = {}
    todo: list[CellJob] = []
    place = {id(cell): number for number, cell in enumerate(cells)}

    def together(cell: Cell) -> tuple[str, str, str, int]:
        return cell.task, cell.named, cell.protocol, cell.rounds

    for _, group in groupby(sorted(cells, key=together), key=together):
        members = list(group)
        for few in (members, *([member] for member in members if len(members) > 1)):
            try:
                plan = plan_models(_options(few[0], options), stores[0], [configured(c) for c in few], _settled(stores))
            except InputError as error:
                # One model that cannot take a crystal does not cost the others theirs.
                skipped |= {str(error): None} if len(few) == 1 else {}
                continue
            plans.append(plan)
            todo += [_cell_job(job, few) for job in plan.todo]
            if few is members:
                break
    todo = [one for one in todo if rounds is None or one.round < rounds]
    todo.sort(key=lambda one: (one.round, place[id(one.cell)]))
    done = tuple(job for plan in plans for job in plan.done)
    notes = tuple(dict.fromkeys(line for plan in plans for line in plan.warnings))
    n_train = {job: number for plan in plans for job, number in plan.n_train.items()}
    return Plan(tuple(one.job for one in todo), done, tuple(skipped), warnings=notes, n_train=n_train), todo


def _options(cell: Cell, options: RunOptions) -> RunOptions:
    """What `run` would be asked for: a round of a published split is a seed, one of other protocols a fold."""
    seeds = cell.protocol == "published"
    is_preset = cell.named in registry.get(cell.model).studies
    return replace(
        options,
        tasks=[cell.task],
        protocol=cell.protocol,
        group_duplicates=False,
        preset=cell.named if is_preset else None,
        profile=options.profile if is_preset else cell.named,
        folds=1 if seeds else cell.rounds,
        repeats=cell.rounds if seeds else 1,
    )


def _cell_job(job: Job, cells: Sequence[Cell]) -> CellJob:
    cell = next(cell for cell in cells if (cell.model, configured(cell).settings) == (job.model, job.settings))
    return CellJob(cell, job.seed if cell.protocol == "published" else job.fold, job)


def _settled(stores: Sequence[Store]) -> IsDone:
    """Whether one of the stores has the fold, complete or diverged, of the same split."""

    def settled(job: Job, data: TaskData, split: Split) -> bool:
        return settled_in(stores, job.key(data.dataset_hash), split) is not None

    return settled
