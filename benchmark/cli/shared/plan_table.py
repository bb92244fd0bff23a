"""Print which folds are going to be trained, before any is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, replace
from typing import Any

from benchmark.cli.shared.terminal import json_text

LONG_S = 10.0
"""How busy the machine is, is tried where a plan takes so many seconds or more."""


def show_plan(plan: Any, options: Any, store: Any, as_json: bool, costs: Any, dry_run: bool) -> None:
    """Print what is going to be done, and what it will cost by the trainings on record.

    A plan that was asked for goes to stdout; one that is carried out now goes to stderr, as all progress does.
    """
    from benchmark.cli.shared.progress import console
    from benchmark.harness.cost import plan_cost, timed_where_unknown
    from benchmark.harness.machine import slower_now
    from benchmark.harness.preparation import descriptors_to_compute

    measured, broken = timed_where_unknown(plan.todo, plan.n_train, costs) if dry_run else ({}, {})
    descriptors = descriptors_to_compute(plan.todo) if dry_run else None
    cost = plan_cost(plan.todo, plan.n_train, costs, measured, plan.kept)
    if options.device == "cpu" and cost.wall_s >= LONG_S:
        cost = replace(cost, slower=slower_now(options.workers))
    unable = [f"{model} cannot be trained: {reason}" for model, reason in broken.items()]
    plan = replace(plan, warnings=(*plan.warnings, *unable))
    if as_json:
        jobs = [{"done": job in plan.done, **_job_row(job)} for job in plan.jobs]
        told = {"skipped": plan.skipped, "warnings": plan.warnings, "notes": plan.notes, "cost": asdict(cost)}
        print(json_text({"jobs": jobs, **told, "descriptors": descriptors and asdict(descriptors)}))
        return
    for line in _lines(
        plan,
        options,
        store,
        cost,
        "" if dry_run else "; the progress line shows the time left once a part of a fold is trained",
    ):
        if dry_run:
            print(line)
        else:
            console.print(line, markup=False, soft_wrap=True)
    if descriptors:
        print(descriptors_line(descriptors))


def descriptors_line(descriptors: Any) -> str:
    """How long descriptors take that are not on this machine yet."""
    from benchmark.cli.shared.terminal import about
    from benchmark.rendering.text import joined

    time = about(descriptors.seconds)
    return f"Before that, the descriptors of {joined(descriptors.models)} are computed once: about {time} of one core."


def unpublishable(options: Any) -> Iterator[str]:
    """A warning that records of this run cannot be published, where they could be but for files that are not committed."""
    from benchmark.harness.machine import uncommitted
    from benchmark.rendering.text import listed

    files = [] if options.profile == "smoke" else uncommitted()
    if files:
        shown = [*files[:3], *([f"{len(files) - 3} more"] if files[3:] else [])]
        yield (
            f"not committed: {listed(shown)}. `publish` refuses records of uncommitted code; to publish this run, "
            "commit before you start it"
        )


def _lines(plan: Any, options: Any, store: Any, cost: Any, hint: str) -> Iterator[str]:
    from tabulate import tabulate

    from benchmark.rendering.text import count, listed

    yield from (f"skipped: {line}" for line in plan.skipped)
    yield from (f"warning: {line}" for line in plan.warnings)
    yield from plan.notes
    yield from dict.fromkeys(_set(plan, options))
    seeds = ", ".join(map(str, sorted({options.seed, *(job.seed for job in plan.jobs)})))
    named = f"preset {options.preset}" if options.preset else f"profile {options.profile}"
    yield (
        f"{count(len(plan.jobs), 'fold')}, {len(plan.done)} of them done: {named}, seed {seeds}, "
        f"{options.device}, {options.workers} worker(s) × {options.threads} thread(s); records go to {store.root}"
    )
    if plan.kept:
        begun = [
            f"{job.model} {job.task.name} seed {job.seed} fold {job.fold + 1} {kept.where()}" for job, kept in plan.kept.items()
        ]
        yield f"{len(begun)} of these folds {'goes' if len(begun) == 1 else 'go'} on from a checkpoint: {listed(begun)}"
    tally: dict[tuple[str, str, str], list[int]] = {}
    for job in plan.jobs:
        row = tally.setdefault((job.task.name, job.model, str(job.protocol)), [0, 0])
        row[0] += 1
        row[1] += job not in plan.todo
    yield tabulate([[*key, *numbers] for key, numbers in tally.items()], ["task", "model", "protocol", "folds", "done"])
    if plan.todo:
        yield _cost_line(cost, options, hint)


def _set(plan: Any, options: Any) -> Iterator[str]:
    """Each setting that was asked for: the default of the profile or preset, then its new value."""
    from models import registry

    for job in plan.jobs if options.settings else ():
        default = registry.get(job.model).published(job.profile, job.task.name).as_dict()
        for name, value in job.settings.as_dict().items():
            if name in options.settings:
                said = f"{default[name]} → {value}" if value != default[name] else f"{value}, as by default"
                yield f"setting {name}: {said}"


def _cost_line(cost: Any, options: Any, hint: str = "") -> str:
    """What the open folds are expected to cost, and what that is from."""
    from benchmark.cli.shared.terminal import BUSY, about
    from benchmark.rendering.text import count

    if not cost.sources:
        return f"cost unknown: nothing on record for {count(cost.unknown, 'fold')}{hint}"
    known = sum(cost.sources.values())
    of = "of one core" if options.device == "cpu" else "of the device"
    each = [f"{source} for {count(folds, 'fold')} to train" for source, folds in cost.sources.items()]
    sources = "; ".join(each if len(each) > 1 else cost.sources)
    workers = count(options.workers, "worker")
    rest = f" No record says how long the other {count(cost.unknown, 'fold')} take{hint}." if cost.unknown else ""
    busy = f" ({cost.slower:.1f} times as long as alone, as other programs run here)" if cost.slower >= BUSY else ""
    return (
        f"Training {count(known, 'fold')} takes about {about(cost.device_s)} {of}: {about(cost.slower * cost.wall_s)} on the "
        f"clock with {workers}{busy}. This estimate is from {sources}.{rest} The start and building graphs come on top."
    )


def _job_row(job: Any) -> dict[str, Any]:
    return {
        "task": job.task.name, "model": job.model, "settings": job.settings.as_dict(), "profile": job.profile,
        "protocol": str(job.protocol), "fold": job.fold, "seed": job.seed,
    }  # fmt: skip
