"""The plan that is killed, stopped and shared, what its runs left, and how that is counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from benchmark.results.records import Record
from benchmark.results.store import Store
from datasets.errors import BenchmarkError
from tests.reliability.page import Part, command_line

CRYSTALS, FOLDS = 30, 4


@dataclass
class Counts:
    """What was done and what was wrong afterwards."""

    done: Counter[str] = field(default_factory=Counter)
    wrong: Counter[str] = field(default_factory=Counter)


def plan_of(folder: Path, epochs: int) -> list[object]:
    """What is run."""
    plan = ["run", "--dataset", folder, "--profile", "smoke", "--model", "cgcnn", "--set", f"epochs={epochs}"]
    return [*plan, "--folds", FOLDS, "--workers", 1, "--checkpoint-every", 0.01]


def results(root: Path) -> tuple[dict[str, list[float]], list[Record]]:
    """Predictions of every fold by its key, and the records. Raises BenchmarkError where one is damaged."""
    store = Store(root)
    records = list(store.records())
    return {f"{r.key.task} {r.key.model} {r.key.fold}": store.predictions(r).predictions.tolist() for r in records}, records


def compare(counts: Counts, root: Path, reference: Mapping[str, list[float]]) -> list[Record]:
    """Count what a finished store has that an undisturbed one has not."""
    try:
        found, records = results(root)
    except BenchmarkError as error:
        print(error)
        counts.wrong["damaged records"] += 1
        return []
    counts.wrong["lost records"] += len(reference.keys() - found.keys())
    counts.wrong["predictions that differ"] += sum(found[name] != reference[name] for name in found.keys() & reference.keys())
    left = [path for path in root.rglob("*") if ".partial" in path.name or path.suffix == ".unfinished"]
    left += (root / "leases").glob("*")
    counts.wrong["files left over"] += len(left)
    print(*left, sep="\n", end="")
    return records


def checkpoints_of(root: Path) -> set[tuple[str, int]]:
    """The checkpoints of a store, as they are now."""
    found = set()
    for path in (root / "records").rglob("*.unfinished"):  # pages beside it come and go
        with suppress(FileNotFoundError):  # its fold has just ended
            found.add((path.name, path.stat().st_mtime_ns))
    return found


def counted_part(
    title: str, text: str, counts: Counts, went_on: Mapping[str, int], seconds: float, seed: int
) -> tuple[Part, int]:
    """A section with one table of counts, and how much went wrong."""
    counted = [*sorted(counts.done.items()), *went_on.items(), *sorted(counts.wrong.items())]
    rows = [[name, str(number)] for name, number in counted]
    return Part(title, text, [("", ["what", "count"], rows)], command_line(), seconds, seed), sum(counts.wrong.values())
