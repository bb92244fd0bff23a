"""The page of what was tried: a section for each part, from its JSON, so that parts are measured and shown independently."""

from __future__ import annotations

import json
import platform
import shlex
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

from benchmark.harness.machine import git_commit, machine
from benchmark.rendering.text import escape, table
from benchmark.results.store import write_atomically

TITLE = "# Reliability: hostile files and hard faults"

ORDER = ("files", "faults", "damage", "good", "endurance")
"""Of the parts of this program; those of others come after them, by their names."""

PACKAGES = ("torch", "numpy", "pyarrow", "pymatgen", "ase", "safetensors", "pydantic")


Table = tuple[str, Sequence[str], Sequence[Sequence[str]]]
"""Heading (may be empty), header and rows of text."""


@dataclass(frozen=True)
class Part:
    """One section: a paragraph, tables with their headings, and the command that made it."""

    heading: str
    text: str
    tables: Sequence[Table]
    command: str
    seconds: float
    seed: int | None = None


def command_line() -> str:
    """The command of this folder of tests that is under way, but for where its results go."""
    place = sys.argv.index("--out") if "--out" in sys.argv else len(sys.argv)
    return shlex.join(["python", "-m", f"tests.{Path(sys.argv[0]).parent.name}", *sys.argv[1:place], *sys.argv[place + 2 :]])


def write_part(folder: Path, name: str, part: Part) -> None:
    """Keep a part with the machine, versions and commit that it was made with."""
    where = machine("cpu", 1, 1)
    made = {
        "machine": f"{where.processor}, {where.cores} cores, {where.memory_bytes / 1e9:.0f} GB, {where.system}",
        "versions": {"python": platform.python_version()} | {name: version(name) for name in PACKAGES},
        "commit": git_commit() or "unknown",
    }
    folder.mkdir(parents=True, exist_ok=True)
    content = json.dumps(asdict(part) | made, indent=1, ensure_ascii=False) + "\n"
    write_atomically(folder / f"{name}.json", content.encode(errors="replace"))


def write_page(folder: Path) -> Path:
    """`<folder>.md` from the parts in the folder."""
    names = sorted((path.stem for path in folder.glob("*.json")), key=lambda n: (ORDER.index(n) if n in ORDER else 9, n))
    sections = [_section(json.loads((folder / f"{name}.json").read_bytes())) for name in names]
    page = folder.with_name(f"{folder.name}.md")
    write_atomically(page, ("\n\n".join([TITLE, *sections]) + "\n").encode())
    return page


def _section(part: dict) -> str:
    parts = [f"## {part['heading']}", part["text"]]
    for heading, header, rows in part["tables"]:
        cells = [[escape(cell) for cell in row] for row in rows]
        numbers = [name for place, name in enumerate(header) if rows and all(_is_number(row[place]) for row in rows)]
        parts += [f"### {heading}"] if heading else []
        parts.append(table(header, cells, text=[name for name in header if name not in numbers]))
    seed = "" if part["seed"] is None else f", seed {part['seed']}"
    kept = ", ".join(f"{name} {number}" for name, number in part["versions"].items())
    parts.append(
        f"- command: `{part['command']}`{seed}; {part['seconds'] / 60:.0f} minutes\n- machine: {escape(part['machine'])}\n"
        f"- versions: {escape(kept)}; commit {escape(part['commit'][:12])}"
    )
    return "\n\n".join(parts)


def _is_number(cell: str) -> bool:
    return cell.replace(",", "").replace(".", "").isdigit() or not cell
