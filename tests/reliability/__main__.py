"""Tries every hostile file, every hard fault and thousands of damaged files: `python -m tests.reliability`.

Each command runs in a process of its own, which is stopped after 20 s of computing or at 2 GB of memory. The results are kept
below `--out`, a JSON a part, from which the page `<out>.md` is written. Exits with 1 where anything went wrong.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tests.reliability.cases import cases
from tests.reliability.faults import FAULTS, Found
from tests.reliability.page import Part, Table, command_line, write_page, write_part
from tests.reliability.tries import CLOCK_SECONDS, MEMORY, SECONDS, WRONG, Try

PARTS = ("files", "faults", "damage", "good", "endurance")


def files(options: argparse.Namespace, folder: Path) -> tuple[Part, int]:
    """Every hostile file; the part, and how many tries went wrong."""
    tried: list[tuple[str, str, Try]] = []
    started = time.monotonic()
    for number, case in enumerate(cases()):
        if options.only and options.only not in f"{case.group}: {case.kind}":
            continue
        place = folder / f"case-{number}"
        place.mkdir()
        for one in case.tries(place):
            tried.append((case.group, case.kind, one))
            _tell(f"{case.group}: {case.kind}: {one.what}, {one.seconds:.1f} s, {one.n_bytes / 1e6:.0f} MB: {one.line[:200]}")
        shutil.rmtree(place, ignore_errors=True)
    text = (
        "Each file is made by `tests/hostile`, and read by the command that a person would give it to: tables by `datasets "
        "import`, structure files by `predict` beside a good one, checkpoints by `predict`, directories of records by "
        f"`leaderboard submit` and `leaderboard`. A try is stopped after {SECONDS:.0f} s of computing ({CLOCK_SECONDS:.0f} s "
        f"on the clock) or at {MEMORY / 1e9:.0f} GB. Refused: one line on stderr and an exit code that is not 0; accepted: "
        "read within the limits, such as a text whose signs are only shown. Escapes: a sign in the output that a terminal "
        "would obey."
    )
    rows = [
        _summary(group, [one for other, _, one in tried if other == group]) for group in dict.fromkeys(g for g, _, _ in tried)
    ]
    rows.append(_summary("all", [one for _, _, one in tried]))
    header = ["group", "tries", "refused", "accepted", *WRONG, "longest, s", "largest, MB"]
    each = [[group, kind, one.what, f"{one.seconds:.1f}", f"{one.n_bytes / 1e6:.0f}"] for group, kind, one in tried]
    tables = [("", header, rows), ("Every try", ["group", "kind", "what happened", "s", "MB"], each)]
    wrong = sum(one.what in WRONG for _, _, one in tried)
    return Part("Hostile files", text, tables, command_line(), time.monotonic() - started), wrong


def _summary(name: str, tried: Sequence[Try]) -> list[str]:
    counts = Counter(one.what for one in tried)
    slowest, largest = max(one.seconds for one in tried), max(one.n_bytes for one in tried)
    numbers = [str(counts[what]) for what in ("refused", "accepted", *WRONG)]
    return [name, str(len(tried)), *numbers, f"{slowest:.1f}", f"{largest / 1e6:.0f}"]


def faults(options: argparse.Namespace, folder: Path) -> tuple[Part, int]:
    """Every hard fault."""

    started = time.monotonic()
    table, wrong = _each(FAULTS, options, folder)
    text = "Each is made by `tests/reliability/faults.py`; a try that ends otherwise than the last column says is wrong."
    return Part("Hard faults", text, [table], command_line(), time.monotonic() - started), wrong


def _each(faults: Mapping[str, Callable[[Path], Found]], options: argparse.Namespace, folder: Path) -> tuple[Table, int]:
    """A table of how the tries of each fault ended, and how many went wrong."""
    rows, wrong = [], 0
    for name, fault in faults.items():
        if options.only and options.only not in name:
            continue
        place = folder / f"fault-{len(rows)}"
        place.mkdir()
        found = fault(place)
        wrong += found.wrong
        rows.append([name, str(found.tries), str(found.as_expected), str(found.hangs), str(found.tracebacks), found.note])
        _tell(": ".join(rows[-1]))
        shutil.rmtree(place, ignore_errors=True)
    return ("", ["fault", "tries", "as expected", "hangs", "tracebacks", "what is expected"], rows), wrong


def endurance(options: argparse.Namespace, folder: Path) -> tuple[Part, int]:
    """Damaged caches, stores that cannot be written or are shared by two versions, and the memory of a long run."""
    from tests.reliability.endurance import ENDURANCE, FOLDS, memory

    started = time.monotonic()
    table, wrong = _each(ENDURANCE, options, folder)
    (folder / "long").mkdir()
    rows, grown = ([], 0) if options.only else memory(folder / "long")
    text = (
        "A try that ends otherwise than the last column says is wrong. The second table: one run of "
        f"{FOLDS} folds of CGCNN on 30 crystals with one worker; memory is of folds {FOLDS // 10 + 1} to {FOLDS // 5} and of "
        "the last ones, whose mean may be 5 % larger at most."
    )
    sizes = ("Memory", ["process", f"folds {FOLDS // 10 + 1} to {FOLDS // 5}, MB", f"last {FOLDS // 10}, MB"], rows)
    part = Part(
        "Caches, versions, memory",
        text,
        [table, sizes],
        command_line(),
        time.monotonic() - started,
        options.seed,
    )
    return part, wrong + grown


def damage(options: argparse.Namespace, folder: Path) -> tuple[Part, int]:
    """Thousands of files with random damage."""
    from tests.reliability.good_files import good_files
    from tests.reliability.mutations import SECONDS, damage

    started = time.monotonic()
    found = damage(good_files(folder / "good"), options.files, options.seed)
    wrong = ("traceback", "hang", "killed", "not one line")
    kinds = list(dict.fromkeys(kind for kind, _ in found.counts))
    columns = ("accepted", "refused", *wrong)
    rows = [[kind, *(str(found.counts[kind, what]) for what in columns)] for kind in sorted(kinds)]
    rows.append(["all", *(str(sum(found.counts[kind, what] for kind in kinds)) for what in columns)])
    for line in found.findings:
        _tell(line)
    text = (
        f"{options.files:,} files: a good one with one to three random changes (a byte, a line, a number, a word, the end), "
        f"read in {SECONDS:.0f} s at most. Accepted: the change is in what may be otherwise, a number for example."
    )
    part = Part(
        "Damaged files",
        text,
        [("", ["kind", *columns], rows)],
        command_line(),
        time.monotonic() - started,
        options.seed,
    )
    return part, len(found.findings)


def good(options: argparse.Namespace, folder: Path) -> tuple[Part, int]:
    """Good files are read as fast as by another commit."""
    from tests.reliability.beside import compare

    started = time.monotonic()
    text, tables, wrong = compare(options.beside, folder)
    return Part("Good files", text, tables, command_line(), time.monotonic() - started), wrong


def _tell(line: str) -> None:
    print(line.encode("ascii", "backslashreplace").decode(), flush=True)


MAKERS: dict[str, Callable[[argparse.Namespace, Path], tuple[Part, int]]] = {
    "files": files, "faults": faults, "damage": damage, "good": good, "endurance": endurance,
}  # fmt: skip


def main() -> None:
    """Run it from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--part", action="append", choices=PARTS, help="only this part; may be repeated")
    parser.add_argument("--only", help="of the files and faults only those whose name holds this text; nothing is kept then")
    parser.add_argument("--files", type=int, default=20_000, help="how many damaged files to read")
    parser.add_argument("--beside", default="833480d5", help="the commit that reads good files by turns with this code")
    parser.add_argument("--seed", type=int, default=0, help="what the damage is a function of")
    parser.add_argument("--out", type=Path, default=Path("reports/reliability"), help="where the results of each part are kept")
    options = parser.parse_args()
    wrong = 0
    with tempfile.TemporaryDirectory() as name:
        os.environ["BENCHMARK_CACHE"] = f"{name}/cache"
        for part in options.part or PARTS:
            folder = Path(name) / part
            folder.mkdir()
            made, bad = MAKERS[part](options, folder)
            wrong += bad
            if not options.only:
                write_part(options.out, part, made)
    if not options.only:
        print(write_page(options.out))
    print(f"{wrong} went wrong")
    raise SystemExit(wrong > 0)


if __name__ == "__main__":
    main()
