"""Where the results of a run lie, as `run` says at its end."""

from __future__ import annotations

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


def print_places(plans: list[Any], pages: list[Path]) -> None:
    """The pages with these results, how published rows come beside them, the checkpoints and how they are used."""
    from benchmark.leaderboard.pages.task import page_of
    from benchmark.rendering.commands import command

    root, groups = pages[0].parent, groups_of(plans)
    print(f"\nboard: {pages[0]}\nto sort, plot and compare: {root / 'index.html'}")
    for task in sorted({group[0] for group in groups}):
        if root / page_of(task) in pages:
            print(f"differences between models: {root / page_of(task)}")
    if _published(groups):
        print(f"beside the published rows: {command('leaderboard', '--from', root, '--beside', PUBLISHED)}")
    folders = list(dict.fromkeys(folder for plan in plans for folder in plan.checkpoints))
    for folder in folders:
        print(f"checkpoints: {folder}")
    if folders:
        model = Path(folders[0]).parent
        others = {path for path in model.iterdir() if path.is_dir()} - set(map(Path, folders))
        words = command("predict", "--checkpoint", folders[0] if others else model, "crystal.cif")
        print(f"predict with all folds of a model: {words}")


def _published(groups: set[tuple[Any, ...]]) -> bool:
    """Whether the published records have runs of one of these comparison groups."""
    from benchmark.results.store import Store

    store = Store(PUBLISHED)
    with suppress(InputError):
        tasks = {group[0] for group in groups}
        paths = [path for task, found in store.tasks() if task in tasks for path in found]
        return any(group_of(record.key) in groups for path in paths for record in store.read_all(path))
    return False
