"""Structure files are read as their writers meant them, and a bad one is one line that names it."""

import json

import numpy as np
import pytest
from ase import Atoms
from ase.build import fcc111, molecule
from ase.io import write
from pymatgen.core import Lattice, Structure
from pymatgen.io.cif import CifWriter

from datasets import files
from datasets.errors import InputError
from datasets.files import format_of, read_many, read_structure

SALT = Structure.from_spacegroup("Fm-3m", Lattice.cubic(5.64), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])
SLAB = fcc111("Pt", (1, 1, 3), vacuum=8.0)
P1 = str(CifWriter(SALT))


@pytest.mark.parametrize("symprec", [None, 0.01])
def test_cif_gives_the_conventional_cell(tmp_path, symprec):
    CifWriter(SALT, symprec=symprec).write_file(tmp_path / "salt.cif")
    lattice, pbc, numbers, frac_coords = read_structure(tmp_path / "salt.cif")
    found = Structure(lattice, numbers, frac_coords)
    assert len(numbers) == 8 and pbc.all() and found.matches(SALT, primitive_cell=False)


@pytest.mark.parametrize("name", ["POSCAR", "CONTCAR_2", "salt.vasp", "POSCAR.vasp", "salt.POSCAR"])
def test_poscar_by_any_of_its_names(tmp_path, name):
    SALT.to_file(str(tmp_path / "POSCAR"))
    (tmp_path / "POSCAR").rename(tmp_path / name)
    lattice, pbc, numbers, frac_coords = read_structure(tmp_path / name)
    assert pbc.all() and np.allclose(lattice, SALT.lattice.matrix) and np.allclose(frac_coords, SALT.frac_coords)
    assert numbers.tolist() == list(SALT.atomic_numbers)


@pytest.mark.parametrize(("name", "form"), [("s.xyz", "extxyz"), ("s.extxyz", "extxyz"), ("s.json", "json")])
def test_formats_of_ase_keep_a_slab_open_along_c(tmp_path, name, form):
    write(tmp_path / name, SLAB, format=form)
    lattice, pbc, numbers, frac_coords = read_structure(tmp_path / name)
    assert pbc.tolist() == [True, True, False] and numbers.tolist() == [78] * 3
    assert np.allclose(frac_coords @ lattice, SLAB.positions, atol=1e-7)


@pytest.mark.parametrize(("name", "form"), [("m.xyz", "xyz"), ("m.json", "json")])
def test_a_molecule_without_a_cell_is_not_periodic(tmp_path, name, form):
    water = molecule("H2O")
    write(tmp_path / name, water, format=form)
    lattice, pbc, _, frac_coords = read_structure(tmp_path / name)
    assert not pbc.any() and np.allclose(frac_coords @ lattice, water.positions)


def test_latin_1_author_names_and_a_byte_order_mark_do_no_harm(tmp_path):
    (tmp_path / "salt.cif").write_bytes(b"\xef\xbb\xbf# M\xfcller\n" + P1.encode())
    assert len(read_structure(tmp_path / "salt.cif")[2]) == 8


def test_x_ray_structures_may_lack_the_hydrogen_of_their_formula(tmp_path):
    (tmp_path / "salt.cif").write_text(P1.replace("'Na4 Cl4'", "'Na4 Cl4 H8'"))
    assert len(read_structure(tmp_path / "salt.cif")[2]) == 8


def poscar(lattice="5 0 0\n0 5 0\n0 0 5", element="Na", count="1", coordinate="0 0 0") -> str:
    return f"comment\n1.0\n{lattice}\n{element}\n{count}\nDirect\n{coordinate}\n"


SITES = [line for line in P1.splitlines() if "  1  0." in line]
BAD = {
    "empty.cif": ("", "the file is empty"),
    "cut-in-a-row.cif": (P1[: P1.rindex("0.")], "damaged or truncated"),
    "cut-between-rows.cif": (P1[: P1.index(SITES[-1])], "truncated?"),
    "cut-before-the-sites.cif": (P1[: P1.index(SITES[0])], "damaged or truncated"),
    "prose.cif": ("this is no CIF\n", "damaged or truncated"),
    "twice.cif": (P1 + P1.replace("data_NaCl", "data_again"), "2 structures in one file"),
    "partial.cif": (P1.replace(SITES[0], SITES[0].removesuffix("1") + "0.5"), "partially occupied"),
    "element.cif": (P1.replace("Na", "Qq"), ""),
    "nan.cif": (P1.replace("0.50000000", "nan"), ""),
    "flat.cif": (P1.replace("_cell_angle_alpha   90.0", "_cell_angle_alpha   0.0"), ""),
    "flat.vasp": (poscar(lattice="5 0 0\n10 0 0\n0 0 5"), "span no volume"),
    "infinite.vasp": (poscar(coordinate="0 inf 0"), "coordinate of atom 0 is not finite"),
    "lattice.vasp": (poscar(lattice="nan 0 0\n0 5 0\n0 0 5"), ""),
    "element.vasp": (poscar(element="Qq"), ""),
    "none.vasp": (poscar(count="0", coordinate=""), ""),
    "short.vasp": (poscar(count="3"), "damaged or truncated"),
    "short.xyz": ("3\n\nH 0 0 0\n", "damaged or truncated"),
    "none.xyz": ("0\n\n", "no atoms"),
    "two.xyz": ("1\n\nH 0 0 0\n1\n\nH 0 0 0\n", "2 structures in one file"),
    "element.xyz": ("1\n\nQq 0 0 0\n", ""),
    "nan.xyz": ("1\n\nH 0 0 nan\n", "coordinate of atom 0 is not finite"),
    "lattice.extxyz": ('1\nLattice="1 0 0 0 1 0" Properties=species:S:1:pos:R:3\nH 0 0 0\n', "damaged or truncated"),
    "other.json": (json.dumps({"a": 1}), "not of ASE's atoms"),
    "list.json": ("[1, 2]", "not of ASE's atoms"),
    "cut.json": ('{"1": {"numbers"', "damaged or truncated"),
    "heavy.json": (json.dumps({"1": {"numbers": [200], "positions": [[0, 0, 0]], "cell": [1, 1, 1], "pbc": [0, 0, 0]},
                               "ids": [1]}), ""),
    "notes.txt": ("hello", "not a structure file"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_one_line_that_names_it(tmp_path, name):
    text, message = BAD[name]
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError) as caught:
        read_structure(tmp_path / name)
    assert str(caught.value).startswith(f"{tmp_path / name}: ") and message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InputError, match=r"gone\.cif: cannot be read"):
        read_structure(tmp_path / "gone.cif")


def test_a_truncated_p1_cif_never_loses_atoms_silently(tmp_path):
    path = tmp_path / "salt.cif"
    for length in range(1, len(P1), 37):
        path.write_text(P1[:length])
        try:
            assert len(read_structure(path)[2]) == 8
        except InputError as error:
            assert "\n" not in str(error)


def test_formats_are_told_by_name(tmp_path):
    assert [format_of(tmp_path / n) for n in ("a.CIF", "CONTCAR", "a.b.json", "a.csv")] == [
        "CIF",
        "POSCAR",
        "ASE JSON",
        None,
    ]


def test_the_pool_keeps_order_and_raises_the_first_error(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "POOL_ABOVE", 4)
    monkeypatch.setattr(files, "CHUNK", 3)
    paths = [tmp_path / f"{i}.xyz" for i in range(8)]
    for i, path in enumerate(paths):
        write(path, Atoms("H", positions=[[i, 0, 0]]), format="xyz")
    cells = read_many(paths)
    assert [cell[3][0, 0] for cell in cells] == list(range(8))
    for bad in (4, 6):
        paths[bad].write_text("nonsense")
    with pytest.raises(InputError, match=r"^row 4: not a readable XYZ file"):
        read_many(paths, [f"row {i}" for i in range(8)])
