"""Good files of every reader, what damages them, and the second reader of each format: what `tests.fuzz_readers` works with."""

from __future__ import annotations

import io
import itertools
import json
import random
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from ase import Atoms
from ase.data import chemical_symbols
from ase.db import connect
from ase.io import read, write
from pymatgen.core import Lattice, Structure
from pymatgen.io.ase import AseAtomsAdaptor
from pymatgen.io.cif import CifWriter
from pymatgen.io.vasp import Poscar
from pymatgen.io.xyz import XYZ

from datasets.crystals import Crystals

SALT = Structure.from_spacegroup("Fm-3m", Lattice.cubic(5.64), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])
QUARTZ = Structure.from_spacegroup(
    "P3_221", Lattice.hexagonal(4.91, 5.4), ["Si", "O"], [[0.47, 0, 0], [0.415, 0.266, 0.119]], tol=0.01
)
HYDRIDE = Structure(
    Lattice.from_parameters(4.6, 6.2, 7.9, 80, 95, 110), ["Li", "H", "B", "H"], np.arange(12).reshape(4, 3) % 7 / 7
)
STRUCTURES = (SALT, QUARTZ, HYDRIDE)

WORDS = b"nan|inf|-1|0|1e400|?|.|X|Vac|D|CO|T|''|\"|{|[|,|;|#|loop_|data_x|999999999999|None|true|1.5D0|Na|\0|\xff\xfe".split(
    b"|"
)
"""What a token is replaced by."""


def _texts() -> dict[str, list[str]]:
    """Format → texts of good files."""
    ase = [AseAtomsAdaptor.get_atoms(structure) for structure in STRUCTURES]
    found: dict[str, list[str]] = {kind: [] for kind in ("cif", "vasp", "xyz", "extxyz", "json", "yaml")}
    for structure, atoms in zip(STRUCTURES, ase, strict=True):
        atoms.calc = None
        atoms.info = {"energy": -1.5}
        found["cif"] += [str(CifWriter(structure)), str(CifWriter(structure, symprec=0.01)), _by_ase(atoms, "cif")]
        poscar = Poscar(structure)
        found["vasp"] += [poscar.get_str(), poscar.get_str(vasp4_compatible=True), _by_ase(atoms, "vasp", direct=False)]
        selective = Poscar(structure, selective_dynamics=[[True, False, True]] * len(structure))
        found["vasp"].append(selective.get_str(direct=False))
        found["xyz"].append(_by_ase(atoms, "xyz"))
        extended = _by_ase(atoms, "extxyz")
        found["extxyz"] += [extended, extended.replace("Lattice", "lattice").replace("Properties", "properties")]
        found["json"] += [json.dumps(structure.as_dict(), indent=1), _by_ase(atoms, "json")]
        found["yaml"].append(structure.to(fmt="yaml"))
    return found


def _by_ase(atoms: Atoms, form: str, **options: object) -> str:
    file = io.BytesIO() if form == "cif" else io.StringIO()
    write(file, atoms, format=form, **options)
    return file.getvalue().decode() if isinstance(file, io.BytesIO) else file.getvalue()


def write_good_files(folder: Path) -> dict[str, list[Path]]:
    """Write good files of every reader; kind → their paths. Of a folder it is the file in it that gets damaged."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        files = {}
        for kind, texts in _texts().items():
            files[kind] = [folder / f"{kind}-{i}" / f"x.{kind}" for i in range(len(texts))]
            for path, text in zip(files[kind], texts, strict=True):
                path.parent.mkdir()
                path.write_text(text)
        return files | _write_tables(folder)


def _write_tables(folder: Path) -> dict[str, list[Path]]:
    kinds = ("table.csv", "table.json", "table.jsonl", "table.parquet", "table.extxyz", "table.db", "folder")
    paths = {kind: folder / kind / ("id_prop.csv" if kind == "folder" else kind) for kind in kinds}
    for path in paths.values():
        path.parent.mkdir()
    targets = pd.DataFrame({"gap": [1.5, 2.5, 0.0]})
    records = [{"material_id": f"m{i}", "structure": s.as_dict(), "gap": targets.gap[i]} for i, s in enumerate(STRUCTURES)]
    texts = pd.DataFrame({"id": ["a", "b", "c"], "cif": [str(CifWriter(s)) for s in STRUCTURES], "gap": targets.gap})
    texts.to_csv(paths["table.csv"], index=False)
    paths["table.json"].write_text(json.dumps(records))
    paths["table.jsonl"].write_text("\n".join(map(json.dumps, records)))
    Crystals.from_structures(["a", "b", "c"], STRUCTURES, targets).to_parquet(paths["table.parquet"])
    images = [AseAtomsAdaptor.get_atoms(s) for s in STRUCTURES]
    with connect(paths["table.db"], append=False) as database:
        for atoms, gap in zip(images, targets.gap, strict=True):
            database.write(Atoms(atoms), gap=float(gap))
            atoms.info = {"gap": float(gap)}
    write(paths["table.extxyz"], images, format="extxyz")
    paths["folder"].write_text("id,gap\na,1.5\nb,2.5\n")
    for name, structure in zip("ab", STRUCTURES, strict=False):
        (paths["folder"].parent / f"{name}.cif").write_text(str(CifWriter(structure)))
    return {kind: [path] for kind, path in paths.items()}


# -- damage ------------------------------------------------------------------------------------------


def damaged(raw: bytes, rng: random.Random) -> bytes:
    """The bytes with one to three random changes."""
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        raw = rng.choice(DAMAGES)(raw, rng)
    return raw


def _flip(raw: bytes, rng: random.Random) -> bytes:
    changed = bytearray(raw)
    for _ in range(rng.choice((1, 1, 2, 8))):
        if changed:
            changed[rng.randrange(len(changed))] = rng.randrange(256)
    return bytes(changed)


def _cut(raw: bytes, rng: random.Random) -> bytes:
    return raw[: rng.randrange(len(raw) + 1)]


def _on_lines(change: Callable[[list[bytes], random.Random], None]) -> Callable[[bytes, random.Random], bytes]:
    def changed(raw: bytes, rng: random.Random) -> bytes:
        lines = raw.split(b"\n")
        change(lines, rng)
        return b"\n".join(lines)

    return changed


def _delete(lines: list[bytes], rng: random.Random) -> None:
    del lines[rng.randrange(len(lines))]


def _double(lines: list[bytes], rng: random.Random) -> None:
    at = rng.randrange(len(lines))
    lines.insert(at, lines[at])


def _swap(lines: list[bytes], rng: random.Random) -> None:
    a, b = rng.randrange(len(lines)), rng.randrange(len(lines))
    lines[a], lines[b] = lines[b], lines[a]


def _replace(pattern: bytes, new: Callable[[bytes, random.Random], bytes]) -> Callable[[bytes, random.Random], bytes]:
    def changed(raw: bytes, rng: random.Random) -> bytes:
        found = list(re.finditer(pattern, raw))
        if not found:
            return raw
        match = rng.choice(found)
        return raw[: match.start()] + new(match[0], rng) + raw[match.end() :]

    return changed


def _other_number(token: bytes, rng: random.Random) -> bytes:
    value = float(token)
    return rng.choice(
        [
            b"%d" % rng.randrange(-3, 120),
            b"%.4f" % (value * rng.choice((-1, 0.01, 1.01, 10, 1e6))),
            b"%.8f" % rng.uniform(-2, 2),
        ]
    )


def _other_case(token: bytes, rng: random.Random) -> bytes:
    return rng.choice([token.upper(), token.lower(), token.swapcase()])


DAMAGES: list[Callable[[bytes, random.Random], bytes]] = [
    _flip, _cut, _on_lines(_delete), _on_lines(_double), _on_lines(_swap), _replace(rb"-?\d+\.?\d*", _other_number),
    _replace(rb"[^\s,;:]+", lambda _, rng: rng.choice(WORDS)), _replace(rb"[A-Za-z_]+", _other_case),
]  # fmt: skip


# -- second readers ----------------------------------------------------------------------------------


def second_reading(path: Path) -> Reading:
    """The structure by the library that our reader does not use, or by its plain call; raises what that raises."""
    text = path.read_text(encoding="utf-8-sig", errors="replace")
    kind = path.suffix[1:]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.filterwarnings("error", message="Elements in POSCAR cannot be determined")
        if kind == "vasp":
            if text.split("\n")[1].strip().startswith("-"):
                raise ValueError("pymatgen multiplies Cartesian sites by the volume that a negative scale is")
            return _of_pymatgen(Poscar.from_str(text).structure)
        if kind == "xyz":
            (molecule,) = XYZ.from_str(text).all_molecules
            return Reading([site.specie.Z for site in molecule], None, np.zeros(3, dtype=bool), molecule.cart_coords)
        if kind == "yaml" or (kind == "json" and '"@class"' in text):
            return _of_pymatgen(Structure.from_str(text, fmt=kind))
        if kind == "extxyz":  # ASE knows one letter case
            for word in ("Lattice=", "Properties=", "pbc=", "species:S", "pos:R"):
                text = re.sub(word, word, text, flags=re.IGNORECASE)
        atoms = read(io.StringIO(text), format=kind)
        cell = atoms.cell.complete()
        return Reading(atoms.numbers.tolist(), np.array(cell), atoms.pbc.copy(), atoms.positions)


def _of_pymatgen(structure: Structure) -> Reading:
    return Reading(
        [site.specie.Z for site in structure], structure.lattice.matrix, np.array(structure.pbc), structure.cart_coords
    )


@dataclass(frozen=True)
class Reading:
    """A structure as one reader gives it: atomic numbers, cell (None of a molecule), periodicity and positions."""

    numbers: list[int]
    lattice: np.ndarray | None
    pbc: np.ndarray
    positions: np.ndarray

    def difference(self, other: Reading) -> str:
        """How it differs from another: in composition, volume or nearest distances; empty where it does not."""
        if sorted(self.numbers) != sorted(other.numbers):
            return f"{_formula(self.numbers)} and {_formula(other.numbers)}"
        if self.lattice is not None and other.lattice is not None:
            mine, theirs = (abs(np.linalg.det(reading.lattice)) for reading in (self, other))
            if not np.isclose(mine, theirs, rtol=1e-3):
                return f"{mine:.6g} and {theirs:.6g} Å³"
            if (self.pbc != other.pbc).any():
                return f"periodic {self.pbc.tolist()} and {other.pbc.tolist()}"
        mine, theirs = self._nearest(), other._nearest()
        wrong = ~np.isclose(mine, theirs, atol=2e-3)
        return f"a nearest distance of {mine[wrong][0]:.4f} and {theirs[wrong][0]:.4f} Å" if wrong.any() else ""

    def _nearest(self) -> np.ndarray:
        """The distance of each atom to the nearest other atom or image, sorted; periodic copies of the two cells around."""
        axes = [range(-2, 3) if periodic else (0,) for periodic in self.pbc]
        shifts = np.array(list(itertools.product(*axes)), dtype=float) @ (np.eye(3) if self.lattice is None else self.lattice)
        apart = np.linalg.norm(self.positions[:, None, None] - self.positions[None, :, None] - shifts, axis=-1)
        apart[np.arange(len(apart)), np.arange(len(apart)), len(shifts) // 2] = np.inf
        return np.sort(apart.min(axis=(1, 2)))


def _formula(numbers: list[int]) -> str:
    return "".join(f"{chemical_symbols[z]}{numbers.count(z)}" for z in sorted(set(numbers)))
