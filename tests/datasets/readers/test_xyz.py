"""XYZ files, plain and extended: keys in any letter case, labels, numbers and cell lines are read right or refused by name."""

import random
from unittest.mock import patch

import numpy as np
import pytest
from ase.data import chemical_symbols
from hypothesis import given, settings
from hypothesis import strategies as st

from datasets.errors import InputError
from datasets.readers.ase_tables import read_frames
from datasets.readers.structure_files import parse_structure
from tests.datasets.readers.refusals import assert_refused

HEADER = 'Lattice="4.1 0 0 0 4.1 0 0 0 4.1" Properties=species:S:1:pos:R:3 pbc="T T T"'
SITES = "Cs 0 0 0\nCl 2.05 2.05 2.05\n"


def xyz(header: str = HEADER, sites: str = SITES, count: object = None) -> str:
    return f"{sites.count(chr(10)) if count is None else count}\n{header}\n{sites}"


def read(text: str):
    return parse_structure(text, "XYZ", "x.xyz")


def require_salt(cell) -> None:
    lattice, pbc, numbers, frac_coords = cell
    assert np.allclose(lattice, 4.1 * np.eye(3)) and pbc.all() and numbers.tolist() == [55, 17]
    assert np.allclose(frac_coords, [[0] * 3, [0.5] * 3])


HEADERS = [
    HEADER, HEADER.lower(), HEADER.replace("Lattice", "LATTICE").replace("Properties", "PROPERTIES"),
    HEADER.replace("species", "Species").replace("pos:R", "Pos:r"), 'lattice="4.1 0 0 0 4.1 0 0 0 4.1"',
    HEADER.replace("T T T", "1 1 1"),
    HEADER.replace("T T T", "true TRUE t"), HEADER.replace("T T T", "TTT"), HEADER.replace('"T T T"', "T"),
    HEADER.replace("pbc", "PBC"),
    HEADER.replace("4.1 0 0 0", "4.1, 0, 0, 0"), HEADER.replace('Lattice="', "Lattice = {").replace('4.1"', "4.1}"),
    f'energy=-3.1 virial="1 2 3 4 5 6 7 8 9" {HEADER} config="bulk, as Lattice"',
]  # fmt: skip


@pytest.mark.parametrize("header", HEADERS)
def test_keys_of_extended_xyz_in_any_letter_case(header):
    require_salt(read(xyz(header)))


COLUMNS = {
    "labels": ("species:S:1:pos:R:3", "Cs1 0 0 0\nCl2 2.05 2.05 2.05\n"),
    "capitals": ("species:S:1:pos:R:3", "CS1 0 0 0\nCL 2.05 2.05 2.05\n".replace("CS1", "cs")),
    "numbers": ("species:S:1:pos:R:3", "55 0 0 0\n17 2.05 2.05 2.05\n"),
    "a column of numbers": ("Z:I:1:pos:R:3", "55 0 0 0\n17 2.05 2.05 2.05\n"),
    "both": ("z:i:1:species:S:1:pos:R:3", "55 Cs 0 0 0\n17 Cl 2.05 2.05 2.05\n"),
    "forces first": ("forces:R:3:pos:R:3:id:I:1:species:S:1", "9 9 9 0 0 0 1 Cs\n9 9 9 2.05 2.05 2.05 2 Cl\n"),
    "words as charges": ("species:S:1:pos:R:3:charge:R:1", "Cs 0 0 0 n/a\nCl 2.05 2.05 2.05 ?\n"),
    "more columns": ("species:S:1:pos:R:3", "Cs 0 0 0 1 2\nCl 2.05 2.05 2.05\n"),
    "full": ("species:S:1:pos:R:3:occupancy:R:1", "Cs 0 0 0 1\nCl 2.05 2.05 2.05 1.0\n"),
    "fortran": ("species:S:1:pos:R:3", "Cs 0 0 0\nCl 2.05D0 0.205d+1 2.05*^0\n"),
}  # fmt: skip


@pytest.mark.parametrize("case", COLUMNS)
def test_columns_in_any_order_labels_and_numbers(case):
    properties, sites = COLUMNS[case]
    require_salt(read(xyz(HEADER.replace("species:S:1:pos:R:3", properties), sites)))


VECTORS = "Tv 4.1 0 0\nTv 0 4.1 0\nTv 0 0 4.1\n"


def test_three_cell_vectors_as_lines_make_a_crystal():
    require_salt(read(xyz("by hand", SITES + VECTORS)))
    require_salt(read(xyz("", VECTORS + SITES)))
    require_salt(read(xyz("", SITES) + VECTORS))
    require_salt(read(xyz("", SITES) + VECTORS.replace("Tv", "VEC")))
    require_salt(read(xyz("Properties=species:S:1:pos:R:3", SITES + VECTORS.upper())))


def test_one_or_two_cell_vectors_are_periodic_along_those():
    for n in (1, 2):
        vectors = "".join(VECTORS.splitlines(keepends=True)[:n])
        lattice, pbc, numbers, frac_coords = read(xyz("", SITES + vectors))
        assert pbc.tolist() == [True] * n + [False] * (3 - n) and numbers.tolist() == [55, 17]
        assert np.allclose(lattice[:n], 4.1 * np.eye(3)[:n]) and np.allclose(frac_coords @ lattice, [[0] * 3, [2.05] * 3])


def test_a_plain_xyz_is_not_periodic_and_its_comment_is_prose():
    for header in (
        "",
        "caesium chloride, stress=1 T=[ {",
        "1 2 3 4",
        "from a cell of 2",
        "no Lattice here",
        'comment="the Lattice"',
    ):
        lattice, pbc, numbers, frac_coords = read(xyz(header))
        assert not pbc.any() and numbers.tolist() == [55, 17] and np.allclose(frac_coords @ lattice, [[0] * 3, [2.05] * 3])
    assert read(xyz("plain", "55 0 0 0\n17 2 2 2\n"))[2].tolist() == [55, 17]


def test_deuterium_and_tritium_are_hydrogen():
    for header in (HEADER, "plain"):
        assert read(xyz(header, "Li 0 0 0\nD 2 2 2\nT 1 1 1\nD2 3 3 3\n"))[2].tolist() == [3, 1, 1, 1]


@pytest.mark.parametrize("flags", ["T T F", "1 1 0", "true True false", "TTF", "t,t,f"])
def test_directions_that_are_not_periodic(flags):
    assert read(xyz(HEADER.replace("T T T", flags)))[1].tolist() == [True, True, False]


BAD = {
    "a vacancy": (xyz(sites="Cs 0 0 0\nVa 1 1 1\n"), "atom 1: 'Va' is a vacancy"),
    "a dummy atom": (xyz("plain", "Cs 0 0 0\nX 1 1 1\n"), "atom 1: 'X' is a vacancy or a dummy atom"),
    "beyond the tables": (xyz("plain", "Uue 0 0 0\n"), "atom 0: 'Uue' is no known element"),
    "a number beyond the tables": (xyz("plain", "119 0 0 0\n"), "'119' is no atomic number"),
    "capitals of two elements": (xyz("plain", "CO 0 0 0\n"), "'CO' is Co, or C and O; write Co"),
    "types": (xyz(sites="1 0 0 0\n2 1 1 1\n1 2 2 2\n"), "holds the numbers 1, 2: types, or atomic numbers?"),
    "types of LAMMPS": (xyz("Atoms. Timestep: 0", "2 0 0 0\n"), "holds the numbers 2: types, or atomic numbers?"),
    "numbers and symbols that disagree": (xyz("Properties=species:S:1:Z:I:1:pos:R:3", "Cs 17 0 0 0\n"), "numbers disagree"),
    "six numbers": (xyz('lattice="1 0 0 0 1 0"'), "Lattice is '6 numbers'; expected nine numbers"),
    "a lattice of words": (xyz('Lattice="a b c"'), "Lattice is 'a b c'; expected nine"),
    "no volume": (xyz('Lattice="1 0 0 2 0 0 0 0 1"'), "span no volume"),
    "a lattice that is not finite": (xyz('Lattice="nan 0 0 0 1 0 0 0 1"'), ""),
    "a cell by another name": (xyz('cell="4.1 0 0 0 4.1 0 0 0 4.1"'), "names a cell that is not read"),
    "a cell as PDB has it": (xyz("CRYST1 4.1 4.1 4.1 90 90 90"), "names a cell that is not read"),
    "a cell in numbers": (xyz("4.1 4.1 4.1 90 90 90"), "names a cell that is not read"),
    "a cell by its letters": (xyz("a=4.1 b=4.1 c=4.1 alpha=90 beta=90 gamma=90"), "names a cell that is not read"),
    "a cell of Avogadro": (xyz("%PBC 4.1 4.1 4.1"), "names a cell that is not read"),
    "a cell of i-PI": (xyz("# CELL(abcABC): 4.1 4.1 4.1 90 90 90"), "names a cell that is not read"),
    "twice": (xyz(f"{HEADER} {HEADER.lower()}"), "'lattice' stands twice"),
    "two cells": (xyz(HEADER, SITES + VECTORS), "two cells"),
    "four vectors": (xyz("", SITES + VECTORS + "Tv 1 1 1\n"), "4 cell vectors as lines"),
    "half a vector": (xyz("", SITES + "Tv 4.1 0\n"), "cell vector 0: 2 numbers; expected 3"),
    "flags": (xyz(HEADER.replace("T T T", "x y z")), "pbc is 'x y z'; expected three of T or F"),
    "two flags": (xyz(HEADER.replace("T T T", "T T")), "pbc is 'True True'; expected three"),
    "periodic without a cell": (xyz('pbc="T T T"'), "periodic along a direction without a cell vector"),
    "no positions": (xyz("Properties=species:S:1:forces:R:3"), "expected species:S:1 and pos:R:3"),
    "no species": (xyz("Properties=pos:R:3"), "expected species:S:1 and pos:R:3"),
    "flat positions": (xyz("Properties=species:S:1:pos:R:2"), "Properties name 'pos' twice or with 2 columns"),
    "half properties": (xyz("Properties=species:S:1:pos:R"), "expected name:type:columns"),
    "fewer columns": (xyz(HEADER.replace("R:3", "R:3:forces:R:3")), "(atom 0): 4 columns; expected 7"),
    "wide": (xyz(HEADER.replace("R:3", "R:3:forces:R:99999999")), "4 columns; expected 100000003"),
    "no numbers": (xyz("plain", "Cs 0 0 a\n"), "atom 0: 'a' is no number"),
    "not finite": (xyz("plain", "Cs 0 0 inf\n"), "coordinate of atom 0 is not finite"),
    "half": (xyz(HEADER.replace("R:3", "R:3:occupancy:R:1"), "Cs 0 0 0 0.5\n"), "partially occupied"),
    "more atoms than lines": (xyz(count=3), "the file ends before the frame's 3 atoms; damaged or truncated?"),
    "fewer atoms than lines": (xyz(count=1), "line 4: 'Cl 2.05 2.05 2.05' where a frame's number of atoms is expected"),
    "no count": (xyz(count="two"), "line 1: 'two' where a frame's number of atoms"),
    "no comment": ("2\n" + SITES, "line 2 reads as an atom; a comment line"),
    "an atom for a comment": ("2\n" + SITES + "Cl 1 1 1\n", "line 2 reads as an atom; a comment line"),
    "no atoms": (xyz(sites="", count=0), "no atoms"),
    "two frames": (xyz() + xyz(), "2 structures in one file"),
    "a frame that is short": (xyz(count=3) + xyz(), "is expected; correct the number of atoms of the frame above"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_a_doubtful_xyz_is_one_line_with_the_true_reason(case):
    text, message = BAD[case]
    assert_refused(lambda: read(text), "x.xyz", message)


def test_frames_of_a_table_in_any_letter_case(tmp_path):
    lengths = [4.1, 4.3, 4.4, 4.5, 4.6]
    frames = [
        xyz(
            f'energy={-a} lattice="{a} 0 0 0 {a} 0 0 0 {a}" properties=species:S:1:pos:R:3',
            f"Cs1 0 0 0\nCl {a / 2} {a / 2} {a / 2}\n",
        )
        for a in lengths
    ]
    (tmp_path / "x.xyz").write_text("\n".join(frames))
    columns = read_frames(tmp_path / "x.xyz")
    assert columns["energy"] == [-a for a in lengths]
    for a, (lattice, pbc, numbers, frac_coords) in zip(lengths, columns["structure"], strict=True):
        assert (
            np.allclose(lattice, a * np.eye(3))
            and pbc.all()
            and numbers.tolist() == [55, 17]
            and np.allclose(frac_coords[1], 0.5)
        )


def test_a_bad_frame_of_a_table_says_why(tmp_path):
    (tmp_path / "x.xyz").write_text(xyz() + xyz(sites="Vac 0 0 0\n") + xyz("", SITES + VECTORS))
    first, second, third = read_frames(tmp_path / "x.xyz")["structure"]
    require_salt(first)
    require_salt(third)
    assert str(second) == ": not readable: atom 0: 'Vac' is a vacancy or a dummy atom, no element; remove it from the structure"


def any_case(data, text: str) -> str:
    return "".join(data.draw(st.sampled_from([letter.lower(), letter.upper()])) for letter in text)


@patch("datasets.readers.checks._too_close", new=lambda *_: None)  # atoms anywhere
@settings(max_examples=60)
@given(data=st.data())
def test_what_is_written_is_read(data):
    numbers = data.draw(st.lists(st.integers(1, 118), min_size=1, max_size=6))
    positions = [[round(data.draw(st.floats(-9, 9)), 6) for _ in range(3)] for _ in numbers]
    lattice = np.diag([data.draw(st.floats(2, 9)) for _ in range(3)]) + data.draw(st.floats(-0.9, 0.9)) * (1 - np.eye(3))
    pbc = [data.draw(st.booleans()) for _ in range(3)]
    ending = data.draw(st.sampled_from(["", "1", "_a", "2-"]))
    fields = {
        "species:S:1": [[chemical_symbols[z] + ending] for z in numbers],
        "pos:R:3": [list(map(repr, row)) for row in positions],
        "forces:R:3": [["0.1", "-", "x"]] * len(numbers),
        "tag:I:1": [["7"]] * len(numbers),
    }
    order = random.Random(data.draw(st.integers(0, 99))).sample(list(fields), 4)
    keys = [
        f'{any_case(data, "lattice")}="{" ".join(map(repr, lattice.ravel().tolist()))}"',
        f"{any_case(data, 'properties')}={':'.join(order)}",
        f'{any_case(data, "pbc")}="{" ".join("FT"[flag] for flag in pbc)}"',
        "energy=-1.5",
    ]
    sites = [" ".join(word for field in order for word in fields[field][atom]) for atom in range(len(numbers))]
    header = " ".join(random.Random(data.draw(st.integers(0, 99))).sample(keys, 4))
    found = read(xyz(header, "\n".join(sites) + "\n"))
    assert found[2].tolist() == numbers and found[1].tolist() == pbc and np.array_equal(found[0], lattice)
    assert np.allclose(found[3] @ found[0], positions, atol=1e-9)


@pytest.mark.parametrize("said", ["units=bohr", "Length_Unit=nm", 'unit="pm"'])
def test_lengths_in_another_unit_are_refused(said):
    with pytest.raises(InputError, match="write lengths in Å"):
        read(xyz(f"{HEADER} {said}"))
    require_salt(read(xyz(f"{HEADER} units=angstrom energy_unit=nm")))
