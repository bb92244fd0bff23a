"""Hours of training on record, by table and by data set, and how much faster a GPU trains. Needs no torch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta

from benchmark.leaderboard.board import Board
from benchmark.rendering.text import MARKED, count, significant
from benchmark.results.records import DeviceClass, Record
from benchmark.results.scores import Run


def hours_so_far(
    board: Board, tables: Mapping[str, Iterable[Record]], studies: Mapping[str, Iterable[Record]]
) -> Iterator[str]:
    """One sentence on what all training took, and one on what a GPU saves, where both kinds of device ran.

    Args:
        board: the published one; its miniatures are left out.
        tables: name → complete rounds of its cells. A fold that several have counts for the first of them.
        studies: name → its records, of which miniatures are left out.
    """
    runs = [row.run for group in board.comparison_groups if group.first.key.profile not in MARKED for row in group.rows]
    boards = [(f"boards of {run.first.key.dataset}", run.complete) for run in runs]
    of_studies = [(f"{name} study", [one for one in found if _at_size(one)]) for name, found in studies.items()]
    items = [*tables.items(), *boards, *of_studies]
    spent: dict[DeviceClass, dict[str, float]] = {"cpu": defaultdict(float), "gpu": defaultdict(float)}
    counted: set[str] = set()
    for item, records in items:
        for record in records:
            fold = record.key.identity
            if record.times and fold not in counted:
                counted.add(fold)
                spent[record.key.device][item] += record.times.training.device_s / 3600
    told = [_told(spent["cpu"], "a processor core"), _told(spent["gpu"], "a GPU that folds share")]
    if any(told):
        yield f"Training at published size took {' and '.join(filter(None, told))}."
    yield from _gain(runs)


def _at_size(record: Record) -> bool:
    return record.status == "complete" and record.key.profile not in MARKED


def _told(by_item: Mapping[str, float], device: str) -> str:
    """The sum and its parts; empty where nothing ran."""
    each = ", ".join(f"{item} {significant(hours, 2)}" for item, hours in by_item.items())
    return f"{significant(sum(by_item.values()), 2)} hours of {device} ({each})" if by_item else ""


def _gain(runs: Iterable[Run]) -> Iterator[str]:
    """How many core hours an hour of a GPU is worth, where both trained the same network on the same folds."""
    found: dict[tuple[str, str, str], dict[DeviceClass, Run]] = defaultdict(dict)
    for run in runs:
        key = run.first.key
        found[key.task, key.comparison_group, key.model].setdefault(key.device, run)
    ratios: dict[str, list[float]] = defaultdict(list)
    sources: dict[str, set[str]] = defaultdict(set)
    for (_, _, model), by_device in found.items():
        processor, gpu = (_seconds_an_epoch(by_device.get(device)) for device in ("cpu", "gpu"))
        if processor and gpu:
            name = f"{model}, {by_device['gpu'].first.machine.device}"
            ratios[name].append(processor / gpu)
            sources[name] |= {run.first.key.source for run in by_device.values()}
    for name, of_tasks in ratios.items():
        low, high = (significant(one, 2) for one in (min(of_tasks), max(of_tasks)))
        yield (
            f"An hour of a GPU would add what {low if low == high else f'{low} to {high}'} core hours train, by the seconds "
            f"that an epoch takes with several folds at once on the GPU ({name}, {count(len(of_tasks), 'task')}). "
            f"{'The two ran with different versions of the code. ' if len(sources[name]) > 1 else ''}"
            "Larger networks and batches were not measured."
        )


def _seconds_an_epoch(run: Run | None) -> float | None:
    """How long an epoch takes a processor core, or a GPU that folds share; without the search for the learning rate."""
    folds = [record for record in run.complete if record.times and record.epochs_run] if run else []
    if not folds:
        return None
    epochs = sum(record.epochs_run or 0 for record in folds)
    times = [(record, record.times.training) for record in folds if record.times]
    if folds[0].key.device == "cpu":
        searched = sum(record.rate_choice.cost.device_s for record in folds if record.rate_choice)
        return (sum(training.device_s for _, training in times) - searched) / epochs
    spans = sorted((record.started_at, record.started_at + timedelta(seconds=training.wall_s)) for record, training in times)
    busy, until = timedelta(), spans[0][0]
    for start, end in spans:
        busy += max(end - max(start, until), timedelta())
        until = max(until, end)
    return busy.total_seconds() / epochs
