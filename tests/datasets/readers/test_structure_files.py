"""Structure files are read as their writers meant them, and a bad one is one line that names it."""

import gzip
import json

import numpy as np
import pytest
from ase import Atoms
from ase.build import fcc111, molecule
from ase.io import write
from pymatgen.core import Lattice, Structure
from pymatgen.io.cif import CifWriter
from pymatgen.io.res import ResIO
from pymatgen.io.vasp import Chgcar, Poscar

from datasets.errors import InputError
from datasets.readers import structure_files as files
from datasets.readers.structure_files import format_of, read_each, read_structure

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


def test_an_x_ray_structure_without_the_hydrogen_of_its_formula_is_refused(tmp_path):
    (tmp_path / "salt.cif").write_text(P1.replace("'Na4 Cl4'", "'Na4 Cl4 H8'"))
    with pytest.raises(InputError, match="hydrogen is missing among the sites; add it"):
        read_structure(tmp_path / "salt.cif")


def poscar(lattice="5 0 0\n0 5 0\n0 0 5", element="Na", count="1", coordinate="0 0 0") -> str:
    return f"comment\n1.0\n{lattice}\n{element}\n{count}\nDirect\n{coordinate}\n"


SITES = [line for line in P1.splitlines() if "  1  0." in line]
BAD = {
    "empty.cif": ("", "the file is empty"),
    "cut-in-a-row.cif": (P1[: P1.rindex("0.")], "damaged or truncated"),
    "cut-between-rows.cif": (P1[: P1.index(SITES[-1])], "truncated?"),
    "cut-before-the-sites.cif": (P1[: P1.index(SITES[0])], "damaged or truncated"),
    "prose.cif": ("this is no CIF\n", "no data block"),
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
    "lattice.extxyz": ('1\nLattice="1 0 0 0 1 0" Properties=species:S:1:pos:R:3\nH 0 0 0\n', "6 numbers'; expected nine"),
    "other.json": (json.dumps({"a": 1}), "not of ASE's atoms"),
    "list.json": ("[1, 2]", "not of ASE's atoms"),
    "cut.json": ('{"1": {"numbers"', "damaged or truncated"),
    "heavy.json": (json.dumps({"1": {"numbers": [200], "positions": [[0, 0, 0]], "cell": [1, 1, 1], "pbc": [0, 0, 0]},
                               "ids": [1]}), ""),
    "notes.txt": ("hello", "not a structure file"),
    "NOTES": ("hello", "not a structure file"),
    "nothing.txt": ("", "the file is empty"),
    "other.yaml": ("a: 1\n", "not of a pymatgen structure"),
    "cut.yaml": ("a: [1\n", "damaged or truncated"),
    "lattice.json": (json.dumps({"@class": "Structure"}), "a structure's dict without 'lattice'"),
    "cut.cssr": ("5.64 5.64\n", "damaged or truncated"),
    "cut.pwi": ("&control\n/\n", "damaged or truncated"),
    "cut.traj": ("- of Ulm", "damaged or truncated"),
    "tiny.vasp": (poscar(lattice="1e-3 0 0\n0 1e-3 0\n0 0 1e-3"), "span no volume"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_one_line_that_names_it(tmp_path, name):
    text, message = BAD[name]
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError) as caught:
        read_structure(tmp_path / name)
    assert str(caught.value).startswith(f"{tmp_path / name}: ") and message in str(caught.value)
    assert "\n" not in str(caught.value)


OTHERS = ["salt.cssr", "salt.xsf", "salt.yaml", "salt.mson", "salt.mcif", "salt.json", "salt.cif.gz", "CHGCAR", "salt.res"]


@pytest.mark.parametrize("name", OTHERS)
def test_what_pymatgen_writes_is_read(tmp_path, name):
    path = tmp_path / name
    if name == "CHGCAR":
        Chgcar(Poscar(SALT), {"total": np.zeros((2, 2, 2))}).write_file(path)
    elif name == "salt.cif.gz":
        path.write_bytes(gzip.compress(P1.encode()))
    elif name == "salt.mcif":
        path.write_text(P1)
    elif name == "salt.res":
        path.write_text(str(ResIO.structure_to_str(SALT)))
    else:
        SALT.to_file(str(path))
    lattice, pbc, numbers, frac_coords = read_structure(path)
    assert pbc.all() and Structure(lattice, numbers, frac_coords).matches(SALT, primitive_cell=False)


@pytest.mark.parametrize("name", ["s.traj", "s.gen", "s.in", "s.pwi", "s.cube", "a@0.traj", "nameless", "postgres.traj"])
def test_what_ase_knows_by_name_or_content_is_read(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    atoms = SLAB.copy()
    atoms.pbc = True
    form = {"s.in": "aims", "s.pwi": "espresso-in", "s.cube": "cube", "s.gen": "gen"}.get(name, "traj")
    write(tmp_path / "written", atoms, format=form, **({"pseudopotentials": {"Pt": "Pt.upf"}} if form == "espresso-in" else {}))
    (tmp_path / "written").rename(tmp_path / name)
    lattice, pbc, numbers, frac_coords = read_structure(name)
    assert pbc.all() and numbers.tolist() == [78] * 3
    assert np.allclose(Atoms(numbers, scaled_positions=frac_coords, cell=lattice).positions, SLAB.positions, atol=1e-4)


def test_several_structures_in_any_format_are_refused(tmp_path):
    write(tmp_path / "two.traj", [SLAB, SLAB])
    (tmp_path / "two.cif.bak").write_text(P1 + P1.replace("data_NaCl", "data_again"))
    for name in ("two.traj", "two.cif.bak"):
        with pytest.raises(InputError, match="2 structures in one file; expected one"):
            read_structure(tmp_path / name)


def test_a_partially_occupied_site_is_refused_in_any_format(tmp_path):
    half = Structure(SALT.lattice, [{"Na": 0.5}], [[0, 0, 0]])
    for name in ("half.yaml", "half.json"):
        half.to_file(str(tmp_path / name))
    write(tmp_path / "half.pdb", SLAB)
    (tmp_path / "half.pdb").write_text((tmp_path / "half.pdb").read_text().replace("  1.00  0.00", "  0.50  0.00"))
    for name in ("half.yaml", "half.json", "half.pdb"):
        with pytest.raises(InputError, match="partially occupied"):
            read_structure(tmp_path / name)


def test_properties_in_a_structure_s_dict_import_nothing(tmp_path):
    content = SALT.as_dict()
    (tmp_path / "trap.py").write_text("raise SystemExit")
    content["sites"][0]["properties"] = {"p": {"@module": "trap", "@class": "Trap"}}
    content["properties"] = content["sites"][0]["properties"]
    (tmp_path / "salt.json").write_text(json.dumps(content))
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(tmp_path)
        assert len(read_structure(tmp_path / "salt.json")[2]) == 8


def test_a_truncated_archive_is_one_line(tmp_path):
    (tmp_path / "salt.cif.gz").write_bytes(gzip.compress(P1.encode())[:100])
    (tmp_path / "plain.cif.xz").write_text(P1)
    for name in ("salt.cif.gz", "plain.cif.xz"):
        with pytest.raises(InputError, match=f"{name}: cannot be read") as caught:
            read_structure(tmp_path / name)
        assert "\n" not in str(caught.value)


def test_each_file_gives_its_cell_or_its_error(tmp_path):
    (tmp_path / "salt.cif").write_text(P1)
    cell, error = read_each([tmp_path / "salt.cif", tmp_path / "gone.cif"])
    assert len(cell[2]) == 8
    assert isinstance(error, InputError)


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


def test_the_pool_keeps_order_and_gives_every_error_in_its_place(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "POOL_ABOVE", 4)
    monkeypatch.setattr(files, "CHUNK", 3)
    paths = [tmp_path / f"{i}.xyz" for i in range(8)]
    for i, path in enumerate(paths):
        write(path, Atoms("H", positions=[[i, 0, 0]]), format="xyz")
    cells = read_each(paths)
    assert [cell[3][0, 0] for cell in cells] == list(range(8))
    for bad in (4, 6):
        paths[bad].write_text("nonsense")
    cells = read_each(paths, [f"row {i}" for i in range(8)])
    assert [i for i, cell in enumerate(cells) if isinstance(cell, InputError)] == [4, 6]
    assert str(cells[4]).startswith("row 4: not a readable XYZ file")


@pytest.mark.parametrize("name", ["CHGCAR", "relaxed_POSCAR.txt", "my.CONTCAR.old"])
def test_elements_are_never_made_up_for_a_file_of_vasp_4(tmp_path, name):
    (tmp_path / name).write_text(poscar().replace("comment", "In conditions").replace("Na\n", "") + "\n1 1 1\n0.0\n")
    with pytest.raises(InputError, match=rf"{name}: .*[Ee]lements") as caught:
        read_structure(tmp_path / name)
    assert "\n" not in str(caught.value)
