"""Reads thousands of damaged files with every reader: `python -m tests.fuzz_readers --files 10000 --seed 0`.

Every file is accepted or refused in one line: no traceback, no hang, nothing written. What is accepted of a structure file
is compared with a second reader.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

import numpy as np

from datasets.crystals import Cell
from datasets.errors import InputError
from datasets.readers.structure_files import read_structure
from datasets.readers.tables import TableOptions, read_crystals
from tests.fuzz_files import Reading, damaged, second_reading, write_good_files

LIMIT = 5.0
"""Seconds a file."""

MOST_ATOMS = 300
"""Of crystals whose distances are compared."""


class Hang(BaseException):
    """A file took longer than `LIMIT`; no reader catches it."""


@dataclass
class Outcome:
    """What happened, by kind of file: counts, and a line of each finding."""

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    findings: list[str] = field(default_factory=list)

    def add(self, kind: str, what: str, detail: str = "") -> None:
        """Count a result; one with a detail is listed."""
        self.counts[kind, what] += 1
        if detail:
            self.findings.append(f"{what}: {kind}: {detail}")

    def total(self, what: str) -> int:
        """How often it happened over all kinds."""
        return sum(count for (_, other), count in self.counts.items() if other == what)


def fuzz(n_files: int, seed: int, folder: Path, kinds: tuple[str, ...] = (), keep: Path | None = None) -> Outcome:
    """Damage and read `n_files` files, every kind equally often, with good files written to `folder`.

    Args:
        n_files: how many.
        seed: what the damage is a function of.
        folder: an empty folder.
        kinds: the kinds to read (default: all).
        keep: where the file of each finding is kept.
    """
    good = {kind: paths for kind, paths in write_good_files(folder).items() if not kinds or kind in kinds}
    elsewhere = folder / "working-directory"
    elsewhere.mkdir()
    outcome, home = Outcome(), Path.cwd()
    os.chdir(elsewhere)
    try:
        for number in range(n_files):
            rng = random.Random(f"{seed} {number}")
            kind = list(good)[number % len(good)]
            path = rng.choice(good[kind])
            before, listed = path.read_bytes(), len(outcome.findings)
            undamaged = None if is_table(kind) else _reading(read_structure(path))
            path.write_bytes(damaged(before, rng))
            _read(kind, path, undamaged, outcome, number)
            if keep and len(outcome.findings) > listed:
                (keep / f"{number}{path.suffix}").write_bytes(path.read_bytes())
            path.write_bytes(before)
    finally:
        os.chdir(home)
    return outcome


def is_table(kind: str) -> bool:
    """Whether it is read as a table of crystals, not as a structure file."""
    return kind.startswith("table") or kind == "folder"


def _reading(cell: Cell) -> Reading:
    return Reading(cell[2].tolist(), cell[0], cell[1], cell[3] @ cell[0])


def _read(kind: str, path: Path, undamaged: Reading | None, outcome: Outcome, number: int) -> None:
    """Read one damaged file and count what happens."""
    before, start = _files(path), time.monotonic()
    cell = None
    try:
        with limit(LIMIT), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if is_table(kind):
                source = path.parent if kind == "folder" else path
                read_crystals(TableOptions(source, "mine", ["gap"], ["eV"]))
            else:
                cell = read_structure(path)
        outcome.add(kind, "accepted")
    except InputError as error:
        outcome.add(kind, "refused")
        if "\n" in str(error) or not str(error).startswith((str(path), str(path.parent))):
            outcome.add(kind, "not one line with the file", f"file {number}: {str(error)[:200]!r}")
    except Hang:
        outcome.add(kind, "hang", f"file {number}")
    except Exception as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        outcome.add(
            kind, "traceback", f"file {number}: {type(error).__name__}: {str(error)[:100]} ({last.filename}:{last.lineno})"
        )
    if time.monotonic() - start > LIMIT:
        outcome.add(kind, "over the limit", f"file {number}: {time.monotonic() - start:.1f} s")
    if _files(path) != before or list(Path.cwd().iterdir()):
        outcome.add(kind, "file written", f"file {number}")
    if cell is not None and len(cell[2]) <= MOST_ATOMS:
        _compare(kind, path, _reading(cell), undamaged, outcome, number)


def _compare(kind: str, path: Path, ours: Reading, undamaged: Reading | None, outcome: Outcome, number: int) -> None:
    """Compare an accepted crystal with the second reader's or, where that refuses the file, with the undamaged one."""
    with np.errstate(all="ignore"):
        try:
            with limit(LIMIT):
                difference = ours.difference(second_reading(path))
        except (Exception, Hang):
            same = undamaged is not None and not ours.difference(undamaged)
            outcome.add(kind, "second refused, as undamaged" if same else "second refused, changed")
            return
    outcome.add(kind, "disagreement" if difference else "agreed", f"file {number}: {difference}" if difference else "")


def _files(path: Path) -> list[tuple[str, int, int]]:
    return sorted((p.name, p.stat().st_size, p.stat().st_mtime_ns) for p in path.parent.iterdir())


@contextmanager
def limit(seconds: float) -> Iterator[None]:
    """Raise Hang inside a block that takes longer."""

    def stop(_signal: int, _frame: FrameType | None) -> None:
        raise Hang

    previous = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


def report(outcome: Outcome) -> str:
    """The counts as a table of kinds, then every finding."""
    names = list(dict.fromkeys(what for _, what in sorted(outcome.counts, key=lambda key: key[1])))
    kinds = list(dict.fromkeys(kind for kind, _ in outcome.counts))
    lines = [" | ".join(["kind", *names])]
    lines += [" | ".join([kind, *(str(outcome.counts[kind, what]) for what in names)]) for kind in kinds]
    lines.append(" | ".join(["all", *(str(outcome.total(what)) for what in names)]))
    return "\n".join([*lines, "", *outcome.findings])


def main() -> None:
    """Run it from the command line; exit with 1 after a traceback, a hang or a written file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=10_000, help="how many damaged files to read")
    parser.add_argument("--seed", type=int, default=0, help="what the damage is a function of")
    parser.add_argument("--kind", action="append", default=[], help="only this kind (cif, vasp, table.csv, …); repeat for more")
    parser.add_argument("--keep", type=Path, help="a folder for the files of the findings")
    options = parser.parse_args()
    keep = options.keep.resolve() if options.keep else None
    if keep:
        keep.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        outcome = fuzz(options.files, options.seed, Path(folder), tuple(options.kind), keep)
    print(report(outcome))
    raise SystemExit(any(outcome.total(what) for what in ("traceback", "hang", "over the limit", "file written")))


if __name__ == "__main__":
    main()
