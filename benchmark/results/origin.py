"""Whether records are of a training that others can repeat: of committed source, and of more than a trial. Needs no torch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from benchmark.results.checkout import CHANGES
from benchmark.results.records import TRIAL, Record


def origin_problems(root: Path, records: Sequence[Record]) -> list[str]:
    """Records below `root` that say nothing (trials), or that nobody can repeat; one line for all of each kind."""
    commits = sorted({r.git_commit[:12] + CHANGES for r in records if r.git_commit and r.git_commit.endswith(CHANGES)})
    commit_first = "commit the model file first, then run into a new directory (--out)"
    changed = f"made with uncommitted changes ({', '.join(commits)}); {commit_first}"
    trial = f"of the profile {TRIAL}, which only tries the program; run with --profile mini into a new directory (--out)"
    return [
        *_counted(root, records, lambda record: (record.git_commit or "").endswith(CHANGES), changed),
        *_counted(root, records, lambda record: record.key.profile == TRIAL, trial),
    ]


def _counted(root: Path, records: Iterable[Record], wrong: Callable[[Record], bool], what: str) -> list[str]:
    """One line: how many records are wrong, and of which models; none where none is."""
    found = [record.key.model for record in records if wrong(record)]
    models = ", ".join(sorted(set(found)))
    return [f"{root / 'records'}: {len(found)} record{'s' * (len(found) > 1)} ({models}) {what}"] if found else []
