"""A fold of a study as its pages read it: the record, the test scores, and what was seen of the network. Needs no torch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import ClassVar, Literal

from pydantic import ValidationError

from benchmark.results.packed import Columns
from benchmark.results.records import Record
from benchmark.results.scores import OnInvalid, scored_tasks
from benchmark.results.store import Store
from benchmark.results.validation import InvalidFile, schema_problems
from benchmark.schema import Strict
from benchmark.tasks.metrics import Scores, of_numbers


class Observation(Strict):
    """What a study saw of a fold when it had ended; a study that looks extends this with its own fields."""

    kind: ClassVar[str]
    """What its file is called: before the fold's number, and behind the task's name where it is published."""
    schema_version: Literal[2] = 2


@dataclass(frozen=True)
class Trial:
    """One fold of a study: its record, its test scores if it has any, what was seen of it if that is there."""

    record: Record
    scores: Scores | None
    seen: Observation | None
    tested: Columns | None = field(default=None, compare=False, repr=False)
    """Its predictions, if it has any."""


def read_folds(store: Store, kind: type[Observation] | None, on_invalid: OnInvalid) -> Iterator[Trial]:
    """Every fold that ran here, a file each, scored anew from its predictions.

    Args:
        store: of the study.
        kind: as what the observations are read; None for a study that looks at nothing.
        on_invalid: called with the error of a file that is invalid, which is then left out.
    """
    for _, runs in scored_tasks(store, on_invalid):
        for scored in runs:
            results = iter(scored.results)
            for record in scored.run.folds:
                found = next(results) if record.status == "complete" else None
                seen = _seen(store, record, kind, on_invalid) if kind else None
                yield Trial(record, of_numbers(found.scores) if found else None, seen, found)


def _seen(store: Store, record: Record, kind: type[Observation], on_invalid: OnInvalid) -> Observation | None:
    path = store.beside(record.key, kind.kind)
    try:
        return kind.model_validate_json(path.read_bytes())
    except OSError:
        return None
    except ValidationError as error:
        on_invalid(InvalidFile(path, schema_problems(error)))
        return None


def by_task(found: Iterable[Trial]) -> list[tuple[str, list[Trial]]]:
    """Trials grouped by task."""

    def task(trial: Trial) -> str:
        return trial.record.key.task

    return [(name, list(group)) for name, group in groupby(sorted(found, key=task), key=task)]
