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


def pair_commands(board: Any, plans: list[Any], root: Path) -> list[str]:
    """For each row of these plans with changed settings, the command that compares it with the plain row of its model."""
    from benchmark.harness.job import dataset_hash
    from benchmark.leaderboard.rows import without_mark
    from benchmark.rendering.commands import command

    changed = {
        (group_of(key), key.model, str(key.settings))
        for job in jobs_of(plans)
        if job.changed
        for key in [job.key(dataset_hash(job.task))]
    }
    found = []
    for group in board.comparison_groups if changed else ():
        plain = {row.model: row for row in group.ranked if row.unchanged}
        for row in group.ranked:
            key = row.run.first.key
            if row.model in plain and (group_of(key), key.model, str(key.settings)) in changed:
                names = [without_mark(one.label) for one in (plain[row.model], row)]
                found.append(command("leaderboard", "--from", root, "--task", key.task, "--pair", *names))
    return found


def print_places(plans: list[Any], pages: list[Path], board: Any) -> None:
    """The pages with these results, how published rows come beside them, the checkpoints and how they are used."""
    from benchmark.leaderboard.pages.task import page_of
    from benchmark.rendering.commands import command

    root, groups = pages[0].parent, groups_of(plans)
    print(f"\nboard: {pages[0]}\nto sort, plot and compare: {root / 'index.html'}")
    for task in sorted({group[0] for group in groups}):
        if root / page_of(task) in pages:
            print(f"differences between models: {root / page_of(task)}")
    for line in pair_commands(board, plans, root):
        print(f"is the difference to the default settings real? {line}")
    beside = command("leaderboard", "--from", root, "--beside", PUBLISHED)
    published = _published(groups)
    for line in short_of_published(plans, published):
        print(line)
    if published:
        print(f"beside the published rows: {beside}")
    folders = list(dict.fromkeys(folder for plan in plans for folder in plan.checkpoints))
    for folder in folders:
        print(f"checkpoints: {folder}")
    if folders:
        model = Path(folders[0]).parent
        others = {path for path in model.iterdir() if path.is_dir()} - set(map(Path, folders))
        words = command("predict", "--checkpoint", folders[0] if others else model, "crystal.cif")
        print(f"predict with all folds of a model: {words}")


Folds = set[tuple[int, int]]
"""Seeds and numbers."""


def short_of_published(plans: list[Any], published: dict[tuple[Any, ...], Folds]) -> Iterator[str]:
    """A line for each comparison group that has fewer folds here than published: only rows with equal folds are compared."""
    from benchmark.harness.job import dataset_hash

    here: dict[tuple[Any, ...], Folds] = {}
    for job in jobs_of(plans):
        here.setdefault(group_of(job.key(dataset_hash(job.task))), set()).add((job.seed, job.fold))
    for group in sorted(published.keys() & here.keys(), key=str):
        own, theirs = here[group], published[group]
        if theirs <= own:
            continue
        wanted = []
        if (first := min(theirs)[0]) != min(own)[0]:
            wanted += ["--seed", str(first)]
        for option, place in (("--repeats", 0), ("--folds", 1)):
            if len(numbers := {fold[place] for fold in theirs}) > len({fold[place] for fold in own}):
                wanted += [option, str(len(numbers))]
        yield (
            f"{group[0]}: the published rows have {len(theirs)} folds, yours {len(own)}. To be compared with them, run the "
            f"same command with {' '.join(wanted) or 'their seeds'}; finished folds are kept"
        )


def _published(groups: set[tuple[Any, ...]]) -> dict[tuple[Any, ...], Folds]:
    """Of these comparison groups, as far as they are published, the complete folds of the run that has most of them."""
    from benchmark.results.store import Store

    store = Store(PUBLISHED)
    with suppress(InputError):
        tasks = {group[0] for group in groups}
        paths = [path for task, found in store.tasks() if task in tasks for path in found]
        runs: dict[tuple[Any, ...], dict[tuple[str, str], Folds]] = {}
        for key in (r.key for path in paths for r in store.read_all(path) if r.status == "complete"):
            if (group := group_of(key)) in groups:
                runs.setdefault(group, {}).setdefault((key.model, key.pooled_id), set()).add((key.seed, key.fold))
        return {group: max(found.values(), key=len) for group, found in runs.items()}
    return {}
