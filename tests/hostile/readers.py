"""Hostile structure files, small ones that would hang a reader or fill the memory: `STRUCTURES`, each by its kind.

A maker writes its file into a folder and returns the path; it is read by `datasets.readers.structure_files.read_structure`,
on the command line by `predict`.
"""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

Maker = Callable[[Path], Path]
"""Writes one file into a folder; its path."""

STRUCTURES: dict[str, Maker] = {}
"""Kind → its maker."""

MEGABYTES = 600
"""Of a packed file when it is unpacked."""


def _structure(kind: str) -> Callable[[Maker], Maker]:
    def register(maker: Maker) -> Maker:
        STRUCTURES[kind] = maker
        return maker

    return register


def text_file(kind: str, name: str, text: str) -> None:
    """Register a file that is nothing but a text."""

    @_structure(kind)
    def write(folder: Path) -> Path:
        path = folder / name
        path.write_text(text)
        return path


CELL = "".join(f"_cell_length_{axis} 9\n" for axis in "abc") + "".join(
    f"_cell_angle_{a} 90\n" for a in ("alpha", "beta", "gamma")
)
SITES = "loop_\n_atom_site_label\n_atom_site_fract_x\n_atom_site_fract_y\n_atom_site_fract_z\n"


def cif(head: str, n_sites: int = 1) -> str:
    """A cubic cell with sites in a row and what stands above them."""
    rows = (f"Cu{site} {0.1 + site / max(20, n_sites):.6f} 0.2 0.3\n" for site in range(n_sites))
    return f"data_x\n{CELL}{head}{SITES}{''.join(rows)}"


def magnetic(transformation: str) -> str:
    """A magnetic CIF in the setting that a transformation names."""
    return cif(f"_space_group_magn.name_BNS \"P 1\"\n_space_group_magn.transform_BNS_Pp_abc '{transformation}'\n")


for _name, _text in {
    "power": "9**9**9**9*a,b,c;0,0,0",
    "nested product": f"{'(' * 40}a{'*2)**9' * 40},b,c;0,0,0",
    "shift": "a,b,c;1e999999999,0,0",
}.items():
    text_file(f"magnetic CIF, {_name} in the transformation", "magnetic.cif", magnetic(_text))

_MANY = "".join(f"'x+{i}/240,y+{j}/20,z'\n" for i in range(240) for j in range(20))
text_file(
    "CIF, 4,800 symmetry operations on 2,000 sites", "operations.cif", cif(f"loop_\n_symmetry_equiv_pos_as_xyz\n{_MANY}", 2000)
)
_MANY = "".join(f"'x+{i}/5000,y,z,+1'\n" for i in range(5000))
text_file(
    "magnetic CIF, 5,000 operations by 5,000 centerings", "centerings.mcif",
    cif(f"loop_\n_space_group_symop_magn_operation.xyz\n{_MANY}loop_\n_space_group_symop_magn_centering.xyz\n{_MANY}"),
)  # fmt: skip
_MANY = "".join(f"'x+{i}/240,y+{j}/4,z'\n" for i in range(240) for j in range(4))
text_file("CIF, 960 symmetry operations on 5,000 sites", "images.cif", cif(f"loop_\n_symmetry_equiv_pos_as_xyz\n{_MANY}", 5000))
text_file("CIF of 40,000 sites", "sites.cif", cif("_symmetry_space_group_name_H-M 'P 1'\n", 40_000))

_ROW = {"numbers": [29], "positions": [[0, 0, 0]], "pbc": [True] * 3, "cell": [[9, 0, 0], [0, 9, 0], [0, 0, 9]]}
for _name, _array in {"shape": [[900_000_000], "float64", [1]], "type": [[1], "U900000000", ["a"]]}.items():
    text_file(
        f"ASE JSON, array of a huge {_name}", "array.json",
        json.dumps({"1": {**_ROW, "positions": {"__ndarray__": _array}}, "ids": [1], "nextid": 2}),
    )  # fmt: skip
text_file("JSON nested 100,000 deep", "deep.json", "[" * 100_000)
text_file("JSON with an integer of 1,000,000 digits", "digits.json", '{"lattice": ' + "9" * 1_000_000 + ', "sites": []}')

_WIDE = '1\nLattice="9 0 0 0 9 0 0 0 9" Properties=species:S:1:pos:R:3:x:R:100000000 pbc="T T T"\nCu 0 0 0\n'
text_file("extended XYZ that declares 1e8 columns", "wide.xyz", _WIDE)
text_file("extended XYZ that declares 1e8 columns, under another name", "wide.txt", _WIDE)
text_file("XYZ that declares 999,999,999 atoms", "atoms.xyz", "999999999\n\nCu 0 0 0\n")
text_file("POSCAR that declares 999,999,999 atoms", "atoms.vasp", "x\n1\n9 0 0\n0 9 0\n0 0 9\nCu\n999999999\nDirect\n0 0 0\n")
text_file(
    "charge density that declares 1e12 points",
    "CHGCAR",
    f"x\n1\n9 0 0\n0 9 0\n0 0 9\nCu\n1\nDirect\n0 0 0\n\n{'10000 ' * 3}\n1\n",
)
text_file(
    "cube file that declares 1e12 points",
    "density.cube",
    "x\ny\n1 0 0 0\n10000 1 0 0\n10000 0 1 0\n10000 0 0 1\n29 0 0 0 0\n1\n",
)

_ALIASES = "".join(f"a{i + 1}: &a{i + 1} [{', '.join([f'*a{i}'] * 10)}]\n" for i in range(12))
_SITE = "sites:\n- {species: [{element: Cu, occu: 1}], abc: *a12}\n"
text_file(
    "YAML whose aliases multiply to 1e12 numbers",
    "aliases.yaml",
    f"a0: &a0 [0, 0, 0]\n{_ALIASES}lattice: {{matrix: *a12}}\n{_SITE}",
)
_ENTITIES = "".join(f'<!ENTITY a{i + 1} "{f"&a{i};" * 10}">' for i in range(12))
text_file(
    "XML whose entities multiply to 1e12 letters", "vasprun.xml",
    f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a0 "aaa">{_ENTITIES}]><modeling><i>&a12;</i></modeling>',
)  # fmt: skip


def _packed(name: str, pack: Callable[[bytes], bytes]) -> None:
    @_structure(f"{name} that unpacks to {MEGABYTES} MB")
    def write(folder: Path) -> Path:
        path = folder / name
        piece = pack(b"\n" * (20 << 20))  # packed files may follow one another
        path.write_bytes(pack(b"data_x\n") + piece * (MEGABYTES // 20))
        return path


_PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "bomb.cif.gz": gzip.compress, "bomb.vasp.gz": gzip.compress, "bomb.json.bz2": bz2.compress, "bomb.xyz.xz": lzma.compress,
    "vasprun.xml.gz": gzip.compress,
}  # fmt: skip
for _name, _pack in _PACKERS.items():
    _packed(_name, _pack)


def database(path: Path, systems: str) -> Path:
    """A SQLite file that calls itself an ASE database and whose systems are made by a statement."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE information (name TEXT, value TEXT)")
        connection.execute("INSERT INTO information VALUES ('version', '9')")
        connection.execute(systems)
        connection.commit()
    return path


COLUMNS = (
    "id, unique_id, ctime, mtime, username, numbers, positions, cell, pbc, initial_magmoms, initial_charges, masses, tags, "
    "momenta, constraints, calculator, calculator_parameters, energy, free_energy, forces, stress, dipole, magmoms, magmom, "
    "charges, key_value_pairs, data, natoms, fmax, smax, volume, mass, charge"
)
"""Of ASE's table of systems."""

_ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"


@_structure("ASE database whose systems are a view without an end")
def view(folder: Path) -> Path:
    """Rows that SQLite computes for ever."""
    values = ", ".join("i" if name == "id" else "NULL" for name in COLUMNS.split(", "))
    return database(
        folder / "view.db", f"CREATE VIEW systems({COLUMNS}) AS {_ENDLESS} SELECT {values} FROM n WHERE i < 0 OR i > 1e15"
    )


@_structure("ASE database whose numbers are computed")
def generated(folder: Path) -> Path:
    """A column of blobs of 1 GB that take no place in the file."""
    stored = COLUMNS.replace("numbers", "numbers AS (zeroblob(999999999))")
    path = database(folder / "generated.db", f"CREATE TABLE systems ({stored})")
    with closing(sqlite3.connect(path)) as connection:
        connection.executemany("INSERT INTO systems (id) VALUES (?)", [(i,) for i in range(1000)])
        connection.commit()
    return path


@_structure("pipe that nobody writes to")
def pipe(folder: Path) -> Path:
    """Opening it waits for ever."""
    path = folder / "pipe.cif"
    os.mkfifo(path)
    return path
