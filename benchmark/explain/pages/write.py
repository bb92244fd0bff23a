"""The pages of explanations that are kept or published."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmark.explain.pages import planted
from benchmark.explain.pages.commands import Directories
from benchmark.explain.pages.markdown import write_page
from benchmark.explain.publish import published, published_tasks, published_trials
from benchmark.explain.seed_groups import seed_groups
from benchmark.explain.store import ExplanationStore
from datasets.errors import InputError, unknown_name


def write_task_pages(tasks: Sequence[str], where: Directories) -> list[Path]:
    """Write a page a task: of the published records, where they are published, else of those that are kept."""
    paths = []
    for task in tasks:
        found = published(where.published, task) if where.published else ExplanationStore(where.out).experiments(task)
        paths.append(write_page(task, seed_groups(found), where)[0])
    return paths


def write_published_pages(root: Path, page: Path, tasks: Sequence[str] = ()) -> list[Path]:
    """Write the pages of these tasks published in `root` into `page`; of all and of the planted motifs, where none is named.

    Raises:
        InputError: nothing is published, or not one of these tasks.
    """
    where, known = Directories(page, published=root), published_tasks(root)
    if missing := [task for task in tasks if task not in known]:
        raise unknown_name("published task", missing[0], known)
    trials = [] if tasks else published_trials(root)
    if not known and not trials:
        raise InputError(f"{root.resolve()} has no published explanations")
    paths = write_task_pages(tasks or known, where)
    return [*paths, *([planted.write_page(trials, where)] if trials else [])]
