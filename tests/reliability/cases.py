"""Every hostile file as the command that a person would give it to: (group, kind, command, folder), made one by one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from ase.build import bulk
from ase.io import write

from models.zoo.dummy import Dummy
from tests.hostile.submissions import MARKUP, SUBMISSIONS, good_store
from tests.hostile.tables import CIF, TABLES
from tests.reliability.tries import WRONG, Try, attempt, command

Commands = Callable[[Path], list[list[object]]]
"""Makes the file in a folder, and returns the commands that read it, each as its words."""


@dataclass(frozen=True)
class Case:
    """A hostile file, and the commands that read it."""

    group: str
    kind: str
    commands: Commands

    def tries(self, folder: Path) -> list[Try]:
        """Make the file in an empty folder, and try each command."""
        return [_without_a_trace(attempt(command(words), folder), folder) for words in self.commands(folder)]


def _without_a_trace(ended: Try, folder: Path) -> Try:
    """A try that ran a command of the file is as wrong as one that crashed."""
    ran = any((place / "PWN").exists() for place in (folder, Path.cwd()))
    return Try("killed", ended.seconds, ended.n_bytes, "a command of the file was run") if ran else ended


def good_model(folder: Path) -> Path:
    """A checkpoint that predicts 2 eV for every crystal."""
    model = Dummy(Dummy.settings_class())
    model.mean = np.array([2.0])
    model.about = {"target": "gap", "unit": "eV"}
    model.save(folder / "good.safetensors")
    return folder / "good.safetensors"


def good_crystal(folder: Path) -> Path:
    """Copper."""
    write(folder / "good.cif", bulk("Cu"))
    return folder / "good.cif"


def cases() -> Iterator[Case]:
    """All of them."""
    for kind, make_table in TABLES.items():
        yield Case("tables", kind, lambda folder, make_table=make_table: _of_table(make_table(folder)))
    yield from _of_readers()
    for kind, change in SUBMISSIONS.items():
        yield Case("records and submissions", kind, lambda folder, change=change: _of_submission(folder, change))
    for kind, name in NAMES.items():
        yield Case("names", kind, lambda folder, name=name: _of_name(folder, name))
    yield Case("names", "a folder with markup for headings and ids", _of_headings)


def _of_table(path: Path) -> list[list[object]]:
    if path.is_dir():
        return [["run", "--dataset", path, "--model", "dummy", "--profile", "smoke", "--dry-run"]]
    return [["datasets", "import", path, "--name", "hostile", "--target", "gap", "--unit", "eV", "--replace"]]


def _of_readers() -> Iterator[Case]:
    """Structure files beside a good one, which must be predicted, and checkpoints."""
    from tests.hostile.checkpoints import CHECKPOINTS, KERAS
    from tests.hostile.readers import STRUCTURES

    for kind, make_file in STRUCTURES.items():
        yield Case(
            "structure files", kind,
            lambda folder, make=make_file: [
                ["predict", "--checkpoint", good_model(folder), make(folder), good_crystal(folder)],
            ],
        )  # fmt: skip
    lacking = KERAS if find_spec("h5py") is None else []
    for kind, make_file in CHECKPOINTS.items():
        if kind in lacking:
            continue
        yield Case(
            "checkpoints", kind,
            lambda folder, make=make_file: [["predict", "--checkpoint", make(folder), good_crystal(folder)]],
        )  # fmt: skip


def _of_submission(folder: Path, change: Callable[..., None]) -> list[list[object]]:
    store, record = good_store(folder / "store")
    change(store, record)
    return [["leaderboard", "submit", store.root, "--to", folder / "board"], ["leaderboard", "--from", store.root]]


NAMES = {
    "a line break": "a\nb", "a terminal's escape": "\x1b]0;owned\x07\x1b[2Jx", "a sign that turns the writing": "\u202egnp",
    "no UTF-8": os.fsdecode(b"\xff\xfe"), "a formula": "=cmd|'", "a command": "$(touch PWN)", "markup": MARKUP.replace("/", ""),
    "an option": "--checkpoint=x", "a space at the end": "x ",
}  # fmt: skip
"""What a structure file and a folder are called."""


def _of_name(folder: Path, name: str) -> list[list[object]]:
    good, model = good_crystal(folder), good_model(folder)
    file, own = folder / f"{name}.cif", folder / f"{name} set"
    file.write_bytes(good.read_bytes())
    own.mkdir()
    for number in range(10):
        (own / f"c{number}.cif").write_text(CIF.replace("_length_a 4", f"_length_a {4 + number / 10}"))
    (own / "id_prop.csv").write_text("".join(f"c{number},{number}\n" for number in range(10)))
    run = ["run", "--dataset", own, "--model", "dummy", "--profile", "smoke", "--folds", "2", "--workers", "1"]
    pages = ["datasets", "info", own, "--page", folder / "cards"]
    return [["predict", "--checkpoint", model, file, "--csv", folder / "out.csv"], run, pages]


def _of_headings(folder: Path) -> list[list[object]]:
    own = folder / "mine"
    own.mkdir()
    for number in range(10):
        (own / f"{MARKUP.replace('/', '')}{number}.cif").write_text(CIF)
    rows = [f'"{MARKUP.replace("/", "")}{number}",{number}' for number in range(10)]
    (own / "id_prop.csv").write_text("\n".join([f'id,"{MARKUP.replace("/", "")} [<b>$x$]"', *rows]))
    return [["datasets", "info", own, "--page", folder / "cards"], ["datasets", "health", own, "--page", folder / "health"]]


__all__ = ["WRONG", "Case", "cases"]
