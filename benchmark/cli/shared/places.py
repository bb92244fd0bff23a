"""Where the results of a run lie, as `run` says at its end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from benchmark.results.directories import PUBLISHED
from datasets.errors import InputError


def jobs_of(plans: list[Any]) -> list[Any]:
    """Of all plans, each once; those of a later one are more repeats of some."""
    return list(dict.fromkeys(job for plan in plans for job in plan.jobs))


def groups_of(plans: list[Any]) -> set[tuple[Any, ...]]:
    """The comparison groups of the folds of all plans, as `group_of` tells them apart."""
    from benchmark.harness.job import dataset_hash

    return {group_of(job.key(dataset_hash(job.task))) for job in jobs_of(plans)}


def group_of(key: Any) -> tuple[Any, ...]:
    """What tells the comparison group of a fold from all others."""
    return key.task, key.profile, key.protocol, key.dataset_hash, key.classes


def pair_commands(board: Any, changed: set[tuple[Any, ...]], groups: set[tuple[Any, ...]], root: Path) -> list[str]:
    """The commands that compare two rows of a run.

    Args:
        board: with the rows.
        changed: comparison group, model and settings of the rows with changed settings: each beside the plain row of its model.
        groups: the comparison groups of the run; of one without such rows the two rows with the lowest errors.
        root: the directory of the records.
    """
    from benchmark.leaderboard.rows import without_mark
    from benchmark.rendering.commands import command

    found = []
    for group in board.comparison_groups:
        if group_of(group.first.key) not in groups:
            continue
        plain = {row.model: row for row in group.ranked if row.unchanged}
        pairs = [
            (plain[row.model], row)
            for row in group.ranked
            if row.model in plain and _recipe(row.run.first.key) in changed and row is not plain[row.model]
        ]
        for pair in pairs or ([group.ranked[:2]] if group.has_rivals else []):
            names = [without_mark(row.label) for row in pair]
            found.append(command("leaderboard", "--from", root, "--task", group.first.key.task, "--pair", *names))
    return found


def _recipe(key: Any) -> tuple[Any, ...]:
    return group_of(key), key.model, str(key.settings)


def print_places(plans: list[Any], pages: list[Path], board: Any) -> None:
    """The pages with these results, how published rows come beside them, the checkpoints and how they are used."""
    from benchmark.harness.job import dataset_hash
    from benchmark.leaderboard.pages.task import page_of
    from benchmark.rendering.commands import command

    keys = [(job.key(dataset_hash(job.task)), bool(job.changed)) for job in jobs_of(plans)]
    root, groups = pages[0].parent, {group_of(key) for key, _ in keys}
    print(f"\nboard: {pages[0]}\nto sort, plot and compare: {root / 'index.html'}")
    for task in sorted({group[0] for group in groups}):
        if root / page_of(task) in pages:
            print(f"differences between models: {root / page_of(task)}")
    for line in pair_commands(board, {_recipe(key) for key, changed in keys if changed}, groups, root):
        print(f"is the difference between two rows real? {line}")
    published = _published(groups)
    for line in short_of_published(board, published, root):
        print(line)
    if published:
        print(f"beside the published rows: {command('leaderboard', '--from', root, '--beside', PUBLISHED)}")
    folders = list(dict.fromkeys(folder for plan in plans for folder in plan.checkpoints))
    for folder in folders:
        print(f"checkpoints: {folder}")
    if folders:
        model = Path(folders[0]).parent
        others = {path for path in model.iterdir() if path.is_dir()} - set(map(Path, folders))
        words = command("predict", "--checkpoint", folders[0] if others else model, "crystal.cif")
        print(f"predict with all folds of a model: {words}")


def short_of_published(board: Any, published: dict[tuple[Any, ...], list[Any]], root: Path) -> Iterator[str]:
    """Lines for each comparison group with fewer folds here than published: only rows with equal folds are ranked together.

    A run that is published with these folds is not trained for that.
    """
    from benchmark.leaderboard.apart import folds_of, to_complete

    for group in board.comparison_groups:
        every = published.get(group_of(group.first.key), [])
        theirs = max(every, key=lambda run: len(run.complete), default=None)
        wanted = folds_of(theirs.complete) if theirs else set()
        there = {_name_of(run) for run in every if wanted <= folds_of(run.complete)}
        runs = [row.run for row in group.in_order if row.stands and row.run.complete]
        short = [run for run in runs if not wanted <= folds_of(run.complete) and _name_of(run) not in there]
        if theirs and short:
            counts = sorted({len(run.complete) for run in short})
            yield (
                f"{group.first.key.task}: the published rows have {len(theirs.complete)} folds, yours "
                f"{' or '.join(map(str, counts))}. To rank yours with them, train the missing folds; finished folds are kept:"
            )
            yield from (f"    {line}" for line in to_complete(short, theirs, root))


def _name_of(run: Any) -> tuple[str, str]:
    """Model, and what else decides a run in its comparison group."""
    return run.first.key.model, run.first.key.pooled_id


def _published(groups: set[tuple[Any, ...]]) -> dict[tuple[Any, ...], list[Any]]:
    """The runs of these comparison groups that are published, with their complete folds."""
    from benchmark.results.scores import Run
    from benchmark.results.store import Store

    store = Store(PUBLISHED)
    with suppress(InputError):
        tasks = {group[0] for group in groups}
        paths = [path for task, found in store.tasks() if task in tasks for path in found]
        runs: dict[tuple[Any, ...], dict[tuple[str, str], list[Any]]] = {}
        for record in (r for path in paths for r in store.read_all(path) if r.status == "complete"):
            if (group := group_of(record.key)) in groups:
                runs.setdefault(group, {}).setdefault((record.key.model, record.key.pooled_id), []).append(record)
        return {group: [Run(tuple(records)) for records in found.values()] for group, found in runs.items()}
    return {}
