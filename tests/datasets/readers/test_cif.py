"""A CIF is read right or refused for the true reason: formulas, tags, blocks; what is written is read."""

import io
import random
import re
import warnings

import numpy as np
import pytest
from ase.io import write
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core import Lattice, Structure
from pymatgen.io.ase import AseAtomsAdaptor
from pymatgen.io.cif import CifWriter

from datasets.errors import InputError
from tests.datasets.readers.cif_texts import FACES, SALT, cif, formula, read, refused

XYZ = ("x", "y", "z")


@pytest.mark.parametrize(
    "head",
    [
        "_chemical_formula_sum 'Cl Na'", "_chemical_formula_sum 'Cl Na'\n_cell_formula_units_Z 4",
        "_chemical_formula_sum 'Cl4 Na4'\n_cell_formula_units_Z 4", "_chemical_formula_sum 'Cl2 Na2'\n_cell_formula_units_Z 2",
        "_chemical_formula_sum ?", "_cell_formula_units_Z 3", "_chemical_formula_sum '2(Na Cl)'",
        "_chemical_formula_sum unknown",
    ],
)  # fmt: skip
def test_a_formula_that_fits_the_counts(head):
    assert formula(cif(SALT, FACES, head=head)) == "Na4Cl4"


@pytest.mark.parametrize(
    ("head", "message"),
    [
        (
            "_chemical_formula_sum 'Cl Na'\n_cell_formula_units_Z 2",
            "4 formula units in the cell, but _cell_formula_units_Z is 2",
        ),
        ("_chemical_formula_sum 'Cl2 Na2'\n_cell_formula_units_Z 4", "_cell_formula_units_Z is 4"),
        ("_chemical_formula_sum 'Cl3 Na3'", "1.333 formula units, no whole number"),
        ("_chemical_formula_sum 'Cl8 Na8'", "0.5 formula units"),
        ("_chemical_formula_sum 'Cl2 Na'", "by its formula line"),
        ("_chemical_formula_sum 'Cl K Na'", "by its formula line"),
        ("_chemical_formula_sum 'Cl'", "by its formula line"),
        ("_chemical_formula_sum 'H2 Cl Na'", "hydrogen is missing among the sites"),
        ("_chemical_formula_sum 'Na Cl . 2H2O'", "by its formula line"),
    ],
)
def test_a_formula_that_contradicts_the_counts(head, message):
    assert message in refused(cif(SALT, FACES, head=head))


def test_more_or_less_hydrogen_than_declared_is_refused():
    rows = "O1 O 0 0 0\nH1 H .23 0 0\nH2 H 0 .23 0"
    assert formula(cif(rows, head="_chemical_formula_sum 'H2 O'")) == "H2O1"
    assert "hydrogen is missing" in refused(cif(rows, head="_chemical_formula_sum 'H4 O'"))
    assert "more hydrogen than declared" in refused(cif(rows, head="_chemical_formula_sum 'H O'"))


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("_cell_", "_cell.").replace("_atom_site_", "_atom_site.").replace("group_name", "group.name"),
        lambda text: text.upper().replace("NA1 NA", "Na1 Na").replace("CL1 CL", "Cl1 Cl"),
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace("\nNa1", "\n# a comment\n'Na1'").replace("data_test", "# head\ndata_test"),
        lambda text: text.replace("_length_a 4.21", "_length_a  4.21\n# _cell_length_a 5\n_cell_length_a\n'4.21'"),
        lambda text: text + "\ndata_global\n_publ_author_name 'A. Name'\n",
        lambda text: "data_global\n_journal_year 1999\n" + text,
        lambda text: re.sub("1 (Na|Cl)", r"1 \1 Uiso", text).replace("symbol", "symbol\n_atom_site_thermal_displace_type"),
    ],
)  # fmt: skip
def test_other_spellings_of_a_file(change):
    assert formula(change(cif(SALT, FACES))) == "Na4Cl4"


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("_cell_length_a 4.21", "_cell_length_a 4.21\n_cell_length_a 5.2", "_cell_length_a is given twice"),
        ("_cell_length_a 4.21", "_cell_length_a\n4.21\n_cell_length_a\n5.2", "_cell_length_a is given twice"),
        ("_cell_length_a 4.21", "_CELL.LENGTH_A 4.22\n_cell_length_a 4.21", "_cell_length_a is given twice"),
        ("data_test", "", "no data block, which begins with a line such as data_name"),
        ("_cell_angle_gamma 90", "_cell_angle_gamma 180.0", "the cell needs"),
        ("_cell_angle_gamma 90", "_cell_angle_gamma 179.99999999", "those of no cell"),
        ("Na1 Na 0 ", "Na1 Na ½ ", "its _atom_site_fract_x is '~', no number"),
    ],
)
def test_a_doubtful_file_is_refused_for_the_true_reason(before, after, message):
    assert message in refused(cif(SALT, FACES).replace(before, after))


@pytest.mark.parametrize("sign", ["-", "\u2212", "\u2013"])
def test_a_minus_sign_of_unicode_is_not_dropped(sign):
    assert np.allclose(read(cif(f"Na1 Na {sign}0.1 0 0\nCl1 Cl .5 .5 .5"))[3][0] % 1, [0.9, 0, 0])


def test_a_text_field_may_hold_a_line_that_reads_as_a_header():
    field = "data_test\n_exptl_special_details\n;\ndata_collection was\nloop_\n_cell_length_a 9\n# fast\n;"
    assert formula(cif(SALT, FACES).replace("data_test", field)) == "Na4Cl4"


def test_two_lists_of_operations_must_agree():
    both = "loop_\n_symmetry_equiv_pos_as_xyz\nx,y,z\n'-x, -y, -z'\nloop_\n_space_group_symop_operation_xyz\n'X,Y,Z'\n-x,-y,-z"
    assert formula(cif(SALT, both)) == "Na1Cl1"
    assert "two lists of symmetry operations" in refused(cif(SALT, both.removesuffix("\n-x,-y,-z")))


def test_one_atom_without_a_loop_and_sites_without_labels():
    alone = cif("", "_space_group_IT_number 229", columns="").replace("loop_", "")
    assert formula(alone + "".join(f"_atom_site_{k} {v}\n" for k, v in zip(
        ("label", "fract_x", "fract_y", "fract_z"), ("Fe1", 0, 0, 0), strict=True))) == "Fe2"  # fmt: skip
    assert formula(cif("Na 0 0 0\nCl .5 .5 .5", columns="type_symbol fract_x fract_y fract_z")) == "Na1Cl1"


WHOLE = cif(SALT, FACES)
FILES = {
    "Cartesian": (WHOLE.replace("fract", "Cartn"), "only Cartesian coordinates"),
    "two of three": (cif("Na1 Na 0 0", columns="label type_symbol fract_x fract_y"), "no _atom_site_fract_z"),
    "no angle": (WHOLE.replace("_cell_angle_beta 90\n", ""), "_cell_angle_beta is missing"),
    "no length": (WHOLE.replace("_cell_length_b 4.21", "_cell_length_b ?"), "_cell_length_b is missing"),
    "angle": (WHOLE.replace("_cell_angle_beta 90", "_cell_angle_beta 190"), "_cell_angle_beta is '190'"),
    "two blocks": (WHOLE + WHOLE.replace("data_test", "data_2"), "2 structures in one file"),
    "two blocks of one name": (WHOLE + WHOLE.replace("4.21", "5.21"), "two data blocks are called 'data_test'"),
    "two lengths": (WHOLE + "\n_cell.length_a 5\n", "_cell_length_a is given twice"),
    "two loops": (WHOLE + "\n" + WHOLE[WHOLE.index("loop_") :], "two loops have the same columns"),
    "modulated": (WHOLE + "\n_cell_modulation_dimension 1\n", "modulated"),
    "a stray value": (WHOLE.replace("_cell_length_b 4.21", "_cell_length_b 4.21 4.3"), "the parser had to guess"),
    "web page": ("HTTP/1.1 200 OK\n<!DOCTYPE html><html><body>Login</body></html>", "no data block"),
    "cut": (WHOLE[: WHOLE.index(" 0.5 0.5\n")], "damaged or truncated?"),
}


@pytest.mark.parametrize("case", FILES)
def test_a_file_that_cannot_be_read_right_is_refused_for_the_true_reason(case):
    text, message = FILES[case]
    said = refused(text)
    assert message in said and ("damaged" in said) == (case in ("cut", "two of three"))


CRYSTALS = [
    ("Fm-3m", Lattice.cubic(5.64), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]]),
    ("P6_3mc", Lattice.hexagonal(3.82, 6.26), ["Zn", "S"], [[1 / 3, 2 / 3, 0], [1 / 3, 2 / 3, 0.375]]),
    ("P3_221", Lattice.hexagonal(4.91, 5.40), ["Si", "O"], [[0.4697, 0, 2 / 3], [0.4135, 0.2669, 0.7858]]),
    ("R-3c", Lattice.hexagonal(4.76, 12.99), ["Al", "O"], [[0, 0, 0.35216], [0.30624, 0, 0.25]]),
    ("Pnma", Lattice.orthorhombic(5.44, 7.64, 5.38), ["Ca", "Ti", "O", "O"],
     [[0.0358, 0.25, 0.9929], [0, 0, 0.5], [0.4838, 0.25, 0.0709], [0.2893, 0.0371, 0.7109]]),
    ("P2_1/c", Lattice.monoclinic(5.15, 5.21, 5.32, 99.2), ["Zr", "O", "O"],
     [[0.2754, 0.0395, 0.2083], [0.07, 0.3317, 0.3447], [0.4496, 0.7569, 0.4792]]),
]  # fmt: skip


def renamed(text: str, rng: random.Random, digits: int, wrapped: bool, named_only: bool) -> str:
    """The CIF with rounded coordinates, shifted by whole cells, rows and columns in another order, symmetry only named."""
    start = re.search(r"loop_\s+(?=_atom_site_)", text)
    assert start
    lines = text[start.end() :].strip().splitlines()
    tags = [line.strip() for line in lines if line.strip().startswith("_")]
    rows = [line.split() for line in lines if not line.strip().startswith("_")]
    for row in rows:
        for axis in XYZ:
            place = tags.index(f"_atom_site_fract_{axis}")
            row[place] = f"{float(row[place]) + (0 if wrapped else rng.randrange(-2, 3)):.{digits}f}"
    rng.shuffle(rows)
    order = rng.sample(range(len(tags)), len(tags))
    table = ["loop_", *(tags[k] for k in order), *(" ".join(row[k] for k in order) for row in rows)]
    head = text[: start.start()]
    if named_only:
        head = re.sub(r"loop_\s+_symmetry_equiv_pos_site_id.*", "", head, flags=re.DOTALL)
    return head + "\n".join(table) + "\n"


@settings(max_examples=80)
@given(data=st.data())
def test_a_written_crystal_is_read_or_refused(data):
    structure = Structure.from_spacegroup(*data.draw(st.sampled_from(CRYSTALS)))
    digits = data.draw(st.integers(2, 8))
    wrapped, named_only, by_ase = (data.draw(st.booleans()) for _ in range(3))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if by_ase:
            file = io.BytesIO()
            write(file, AseAtomsAdaptor.get_atoms(structure), format="cif")
            written = file.getvalue().decode()
        else:
            written = str(CifWriter(structure, symprec=data.draw(st.sampled_from([None, 0.01]))))
        named_only = named_only and not by_ase
    text = renamed(written, random.Random(data.draw(st.integers(0, 99))), digits, wrapped, named_only)
    try:
        lattice, _, numbers, frac_coords = read(text)
    except InputError:
        assert digits < 4 or named_only  # too coarse, or a setting that its name leaves open
        return
    found = Structure(lattice, numbers, frac_coords)
    assert found.composition == structure.composition
    expected, nearest = (np.sort(np.sort(s.distance_matrix + 99 * np.eye(len(s)))[:, 0]) for s in (structure, found))
    assert np.allclose(expected, nearest, atol=max(0.01, 30 * 10.0**-digits))
