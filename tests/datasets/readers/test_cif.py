"""A CIF is read right or refused for the true reason: symmetry, digits, labels, occupancies, formulas, tags."""

import io
import random
import re
import warnings

import numpy as np
import pytest
from ase.data import chemical_symbols
from ase.io import write
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core import Lattice, Structure
from pymatgen.io.ase import AseAtomsAdaptor
from pymatgen.io.cif import CifWriter

from datasets.errors import InputError
from datasets.readers.structure_files import parse_structure

XYZ = ("x", "y", "z")


def cif(
    rows: str,
    group: str = "_space_group_name_H-M_alt 'P 1'",
    columns: str = "label type_symbol fract_x fract_y fract_z",
    lengths=(4.21, 4.21, 4.21),
    angles=(90, 90, 90),
    head: str = "",
) -> str:
    lines = ["data_test", head, *(f"_cell_length_{axis} {length}" for axis, length in zip("abc", lengths, strict=True))]
    lines += [f"_cell_angle_{axis} {angle}" for axis, angle in zip(("alpha", "beta", "gamma"), angles, strict=True)]
    return "\n".join([*lines, group, "loop_", *(f"_atom_site_{column}" for column in columns.split()), rows, ""])


def listed(*operations: str) -> str:
    return "\n".join(["loop_", "_space_group_symop_operation_xyz", *(f"'{operation}'" for operation in operations)])


def read(text: str):
    return parse_structure(text, "CIF", "x.cif")


def formula(text: str) -> str:
    numbers = read(text)[2].tolist()
    return "".join(f"{chemical_symbols[z]}{numbers.count(z)}" for z in sorted(set(numbers)))


def refused(text: str) -> str:
    with pytest.raises(InputError) as caught:
        read(text)
    said = str(caught.value)
    assert said.startswith("x.cif: ") and "\n" not in said
    return said


SALT = "Na1 Na 0 0 0\nCl1 Cl 0.5 0.5 0.5"
FACES = "_symmetry_space_group_name_H-M 'F m -3 m'"
HEXAGONAL = {"lengths": (3.82, 3.82, 6.26), "angles": (90, 90, 120)}
WURTZITE = "_symmetry_space_group_name_H-M 'P 63 m c'\n_symmetry_Int_Tables_number 186"
INVERSION = listed("x,y,z", "-x,-y,-z")
UNIAXIAL = {"lengths": (5.1, 6.2, 7.3), "angles": (90, 102, 90)}

# -- symmetry that is named --------------------------------------------------------------------------

NAMED = {
    "HM": (cif(SALT, FACES), "Na4Cl4"),
    "old HM": (cif(SALT, "_symmetry_space_group_name_H-M 'F m 3 m'"), "Na4Cl4"),
    "HM in capitals": (cif(SALT, "_symmetry_space_group_name_H-M 'FM-3M'"), "Na4Cl4"),
    "new HM": (cif(SALT, "_space_group_name_H-M_alt 'F m -3 m'"), "Na4Cl4"),
    "full HM": (cif(SALT, "_space_group_name_H-M_alt 'F 4/m -3 2/m'"), "Na4Cl4"),
    "Hall": (cif(SALT, "_space_group_name_Hall '-F 4 2 3'"), "Na4Cl4"),
    "old Hall": (cif(SALT, "_symmetry_space_group_name_Hall '-F 4 2 3'"), "Na4Cl4"),
    "number": (cif(SALT, "_symmetry_Int_Tables_number 225"), "Na4Cl4"),
    "new number": (cif(SALT, "_space_group_IT_number 225"), "Na4Cl4"),
    "all names": (cif(SALT, f"{FACES}\n_space_group_name_Hall '-F 4 2 3'\n_space_group_IT_number 225"), "Na4Cl4"),
    "P 1": (cif("Cs1 Cs 0 0 0\nCl1 Cl .5 .5 .5", "_symmetry_space_group_name_H-M P1"), "Cl1Cs1"),
    "origin 2": (cif("C1 C 0.125 0.125 0.125", "_symmetry_space_group_name_H-M 'F d -3 m :2'"), "C8"),
    "origin 2 of ICSD": (cif("C1 C 0.125 0.125 0.125", "_symmetry_space_group_name_H-M 'F d -3 m Z'"), "C8"),
    "origin 1": (cif("C1 C 0 0 0", "_symmetry_space_group_name_H-M 'F d -3 m:1'"), "C8"),
    "origin 1 of ICSD": (cif("C1 C 0 0 0", "_symmetry_space_group_name_H-M 'F d -3 m S'"), "C8"),
    "origin by Hall": (cif("C1 C 0 0 0", "_space_group_name_Hall 'F 4d 2 3 -1d'"), "C8"),
    "origin by Z": (
        cif("C1 C 0 0 0", "_space_group_IT_number 227", head="_chemical_formula_sum C\n_cell_formula_units_Z 8"), "C8"),
    "hexagonal": (
        cif("Bi1 Bi 0 0 .2339", "_space_group_name_H-M_alt 'R -3 m'", lengths=(4.55,) * 2 + (11.86,), angles=(90, 90, 120)),
        "Bi6"),
    "rhombohedral": (
        cif("Bi1 Bi .2339 .2339 .2339", "_space_group_name_H-M_alt 'R -3 m'", lengths=(4.75,) * 3, angles=(57.2,) * 3), "Bi2"),
    "rhombohedral by its letter": (
        cif("Bi1 Bi .2339 .2339 .2339", "_space_group_name_H-M_alt 'R -3 m:R'", lengths=(4.75,) * 3, angles=(57.2,) * 3),
        "Bi2"),
    "axis b": (cif("Na1 Na .1 .2 .3", "_space_group_name_H-M_alt 'P 21/c'", **UNIAXIAL), "Na4"),
    "glide n": (cif("Na1 Na .1 .2 .3", "_space_group_name_H-M_alt 'P 1 21/n 1'", **UNIAXIAL), "Na4"),
    "axis c": (cif("Na1 Na .1 .2 .3", "_space_group_name_H-M_alt 'P 21/b'", lengths=(5, 6, 7), angles=(90, 90, 102)), "Na4"),
    "glide e": (cif("Na1 Na 0 0 0", "_space_group_name_H-M_alt 'C m c a'", lengths=(5.1, 6.2, 7.3)), "Na4"),
}  # fmt: skip


@pytest.mark.parametrize("case", NAMED)
def test_named_symmetry_is_applied(case):
    text, expected = NAMED[case]
    assert formula(text) == expected


OPEN = {
    "misspelt": (cif(SALT, "_symmetry_space_group_name_H-M 'F M 3 M (REF)'"), "'F M 3 M (REF)' names no known setting"),
    "unknown Hall": (cif(SALT, "_space_group_name_Hall '-F 4 2 9'"), "names no known setting"),
    "no group": (cif(SALT, ""), "no symmetry"),
    "unknown": (cif(SALT, "_symmetry_space_group_name_H-M ?"), "no symmetry"),
    "two origins": (cif("C1 C 0 0 0", "_symmetry_space_group_name_H-M 'F d -3 m'"), "named but not its origin"),
    "settings of 62": (
        cif("C1 C .1 .2 .3", "_space_group_IT_number 62", lengths=(5, 6, 7)),
        "named but not its origin or setting",
    ),
    "name and number": (cif(SALT, f"{FACES}\n_space_group_IT_number 221"), "disagree: 'F m -3 m' and '221'"),
    "name and Hall": (cif(SALT, f"{FACES}\n_space_group_name_Hall '-P 4 2 3'"), "disagree"),
    "number beyond": (cif(SALT, "_space_group_IT_number 231"), "names no known setting"),
    "cell": (cif(SALT, FACES, lengths=(4.2, 4.2, 5.2)), "do not fit space group 225"),
    "P 1 and 225": (cif(SALT, "_space_group_name_H-M_alt 'P 1'\n_space_group_IT_number 225"), "disagree"),
}


@pytest.mark.parametrize("case", OPEN)
def test_names_that_leave_the_group_or_the_origin_open_are_refused(case):
    text, message = OPEN[case]
    assert message in refused(text)


@pytest.mark.parametrize(
    ("group", "message"),
    [
        (f"{listed('x,y,z', '-x,-y,-z')}\n{FACES}", "2 operations of space group 2 are listed, but group 225 is named"),
        (listed("x,y,z", "-x,-y,-z", "-x,y,-z"), "form no group"),
        (listed("-x,-y,-z"), "form no group"),
        (listed("x,y,z", "x,y,z"), "listed twice"),
        (listed("x,y,z", "-x,-y,oops"), "is no symmetry operation"),
        (listed("x,y,z", "-x,-y"), "is no symmetry operation"),
        (listed("x,y,z", "2x,y,z"), "does not keep the cell's volume"),
        (listed("x,y,z", "x+y,y,z"), "form no group"),
    ],
)
def test_listed_operations_that_cannot_be_are_refused(group, message):
    assert message in refused(cif("C1 C 0.1 0.2 0.3\nN1 N 0.4 0.3 0.1", group, lengths=(6, 6, 6)))


def test_operations_that_do_not_fit_the_cell_are_refused():
    four = listed("x,y,z", "-y,x,z", "-x,-y,z", "y,-x,z")
    assert "do not fit the cell" in refused(cif("C1 C .1 .2 .3", four, lengths=(6, 7, 6)))
    assert formula(cif("C1 C .1 .2 .3", four, lengths=(6, 6, 7))) == "C4"


def test_operations_in_an_unnamed_setting_or_with_decimal_translations_are_read():
    odd = listed("x, y, z", "-x, 0.5+y, 1/2-z") + "\n_space_group_name_H-M_alt 'P 1 21 1 (origin moved)'"
    assert formula(cif("C1 C .1 .2 .3", odd, lengths=(6, 7, 8))) == "C2"
    assert formula(cif("Cs1 Cs 0 0 0\nCl1 Cl .5 .5 .5", "_symmetry_equiv_pos_as_xyz x,y,z")) == "Cl1Cs1"
    thirds = listed("x,y,z", "-y,x-y,z+0.333", "y-x,-x,z+0.667")
    assert np.allclose(sorted(read(cif("Se1 Se .22 0 0", thirds, **HEXAGONAL))[3][:, 2]), [0, 1 / 3, 2 / 3], atol=1e-9)


def test_the_identity_alone_beside_a_larger_group_is_a_whole_list_or_refused():
    identity = f"{FACES}\n{listed('x,y,z')}"
    whole = "\n".join(
        f"{symbol}{i} {symbol} {x} {y} {z}"
        for symbol, shift in (("Na", 0), ("Cl", 0.5))
        for i, (x, y, z) in enumerate(
            np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]]) + np.array([shift, 0, 0])
        )
    )
    assert formula(cif(whole, identity)) == "Na4Cl4"
    assert "whether every atom is listed cannot be told" in refused(cif(SALT, identity))
    four = "_chemical_formula_sum 'Cl Na'\n_cell_formula_units_Z 4"
    assert formula(cif(SALT, identity, head=four)) == "Na4Cl4"
    assert formula(cif(SALT, identity, head=four.replace("4", "1"))) == "Na1Cl1"


# -- digits --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("third", "two_thirds"), [("0.33", "0.67"), ("0.333", "0.667"), ("0.3333", "0.6667"), ("0.33333", "0.66667")]
)
@pytest.mark.parametrize("head", ["", "_chemical_formula_sum 'S Zn'\n_cell_formula_units_Z 2"])
def test_rounded_thirds_double_no_site(third, two_thirds, head):
    cell = read(cif(f"Zn1 Zn {third} {two_thirds} 0.0\nS1 S {third} {two_thirds} 0.375", WURTZITE, head=head, **HEXAGONAL))
    assert cell[2].tolist() == [30, 30, 16, 16] and np.allclose(sorted(cell[3][:, 0]), [1 / 3, 1 / 3, 2 / 3, 2 / 3])


def test_sites_near_a_mirror_are_one_atom_below_a_hundredth_of_an_angstrom():
    rows = "Ti1 Ti 0.5002 0.0 0.2501\nO1 O 0.0 0.4999 0.1201"
    group, lengths = "_symmetry_space_group_name_H-M 'P m m m'", (5.0, 5.4, 7.7)
    assert formula(cif(rows, group, lengths=lengths)) == "O2Ti2"
    assert "Å apart" in refused(cif(rows.replace("0.5002", "0.5102"), group, lengths=lengths))


def test_a_coordinate_of_the_kind_x_2x_is_one_site():
    rows = "O1 O 0.157 0.313 0.061"  # 2x is 0.314 by its digits
    group = "_space_group_name_H-M_alt 'P 63 m c'"
    assert formula(cif(rows, group, lengths=(7.6, 7.6, 6.2), angles=(90, 90, 120))) == "O6"


# -- sites ---------------------------------------------------------------------------------------------

LABELS = "label fract_x fract_y fract_z"


@pytest.mark.parametrize(
    ("label", "message"),
    [
        ("A1", "no known element"), ("M1", "no known element"), ("OH1", "no known element"), ("Wat1", "no known element"),
        ("va1", "vacancy"), ("Vac", "vacancy"), ("X1", "vacancy"), ("Du", "vacancy"), ("Dum1", "vacancy"), ("T1", "tritium"),
        ("CO1", "or C and O"), ("1", "begins with no symbol"), ("Oct1", "no known element"),
    ],
)  # fmt: skip
def test_a_label_of_no_known_element_is_refused(label, message):
    said = refused(cif(f"{label} 0 0 0\nO1 .5 .5 .5", columns=LABELS))
    assert message in said and f"'{label}'" in said


@pytest.mark.parametrize("symbol", ["Va", "X", "Du", "OH", "Wat", "Qq", "NO3", "6", "0.8Na + 0.2K"])
def test_a_symbol_of_no_element_is_refused(symbol):
    assert "'N1'" in refused(cif(f"N1 '{symbol}' 0 0 0\nO1 O .5 .5 .5"))


@pytest.mark.parametrize(
    ("label", "declared", "expected"),
    [
        ("OH1", "H2 Mg O", "O1Mg1"), ("OA2", "Mg O", "O1Mg1"), ("Mg1", "Mg O", None), ("CA1", "C Mg", "C1Mg1"),
        ("CA1", "Ca Mg", "Mg1Ca1"), ("SiT1", "Mg Si", "Mg1Si1"),
    ],
)  # fmt: skip
def test_a_label_of_two_readings_is_decided_by_the_formula(label, declared, expected):
    text = cif(f"{label} 0 0 0\nMg1 .5 .5 .5", columns=LABELS, head=f"_chemical_formula_sum '{declared}'")
    if expected is None:
        assert "by its formula line" in refused(text)
    else:
        assert formula(text) == expected


@pytest.mark.parametrize("symbol", ["Si4+", "SI", "si", "Si0", "Si4+(x)"])
def test_symbols_with_charges_and_in_any_letter_case(symbol):
    assert formula(cif(f"N1 {symbol} 0 0 0\nO1 O2- .5 .5 .5")) == "O1Si1"


@pytest.mark.parametrize("symbol", ["H", "D", "T", "D1+"])
def test_deuterium_and_tritium_are_hydrogen(symbol):
    text = cif(f"Li1 Li 0 0 0\nD1 {symbol} .5 .5 .5", FACES, head="_chemical_formula_sum 'D Li'")
    assert formula(text) == "H4Li4"
    with_labels = cif("Li1 0 0 0\nD1 .5 .5 .5", FACES, LABELS)
    assert formula(with_labels) == "H4Li4"


OCCUPIED = "label type_symbol fract_x fract_y fract_z occupancy"
INVERTED = "C1 C 0.1 0.1 0.1 {}\nO1 O 0.3 0.2 0.1 {}\nN1 N 0.3 0.4 0.4 {}"


@pytest.mark.parametrize("values", [(".", "?", "1"), ("0.999", "1.0003", "1.00"), ("0.996", "1.004", "1.0(1)")])
def test_an_occupancy_that_is_unknown_or_nearly_one_is_one(values):
    assert formula(cif(INVERTED.format(*values), INVERSION, OCCUPIED)) == "C2N2O2"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("0.99", "partially occupied"),
        ("0.5", "partially occupied"),
        ("0", "above 0"),
        ("1.2", "not above 1"),
        ("a", "occupancy 'a'"),
    ],
)
def test_any_other_occupancy_is_refused(value, message):
    assert message in refused(cif(INVERTED.format(1, value, 1), INVERSION, OCCUPIED))


def test_parts_of_one_element_on_one_place_are_a_full_site():
    parts = "C1 C 0.1 0.1 0.1 0.5\nC2 C 0.1 0.1 0.1 0.5\nH1 H .5 .3 .1 .3\nD1 D .5 .3 .1 .7"
    assert formula(cif(parts, INVERSION, OCCUPIED)) == "H2C2"
    assert "partially occupied" in refused(cif(parts.replace("C2 C", "N2 N"), INVERSION, OCCUPIED))


def test_an_atom_that_is_listed_twice_is_named():
    halves = "C1 C 0.1 0.1 0.1\nC1A C 0.9 0.9 0.9\nO1 O 0.3 0.2 0.1\nO1A O 0.7 0.8 0.9"
    assert "sites 'C1' and 'C1A' are on one place" in refused(cif(halves, INVERSION))
    assert "sites 'Na1' and 'Na2' are on one place" in refused(cif("Na1 Na 0 0 0\nCl1 Cl .5 .5 .5\nNa2 Na 1 0 0"))


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        ("disorder_group", "1 2", "alternative positions (disorder groups 1 and 2)"),
        ("attached_hydrogens", "0 1", "has 1 hydrogen atoms that are not listed"),
        ("calc_flag", "d dum", "is a dummy"),
        ("symmetry_multiplicity", "1 4", "has the multiplicity 4, but symmetry makes 1 atoms of it"),
    ],
)
def test_a_column_that_contradicts_the_sites_is_refused(column, values, message):
    first, second = values.split()
    columns = f"label type_symbol fract_x fract_y fract_z {column}"
    assert message in refused(cif(f"Na1 Na 0 0 0 {first}\nCl1 Cl .5 .5 .5 {second}", columns=columns))
    assert formula(cif(f"Na1 Na 0 0 0 {first}\nCl1 Cl .5 .5 .5 .", columns=columns)) == "Na1Cl1"


@pytest.mark.parametrize("written", ["4", "1"])  # SHELX writes the order of the site's symmetry
def test_a_multiplicity_is_of_the_atoms_or_of_the_site_s_symmetry(written):
    four = listed("x,y,z", "-x,-y,z", "x,-y,-z", "-x,y,-z")
    columns = "label type_symbol fract_x fract_y fract_z symmetry_multiplicity"
    assert formula(cif(f"Na1 Na .2 .3 .1 {written}", four, columns, lengths=(6, 7, 8))) == "Na4"


@pytest.mark.parametrize("text", ["?", ".", "nan", "1/3", "0,25", "0.2.5", "x", "1e", "1_0", "0.25("])
def test_a_coordinate_that_is_no_number_is_refused(text):
    assert f"its _atom_site_fract_y is '{text}', no number" in refused(cif(f"Na1 Na 0 {text} 0\nCl1 Cl .5 .5 .5"))


@pytest.mark.parametrize("text", ["0.25", "0.25(1)", ".25", "2.5e-1", "+0.25", "0.25(3", "0.2500(12)"])
def test_a_coordinate_with_its_uncertainty_is_a_number(text):
    assert read(cif(f"Na1 Na 0 {text} 0\nCl1 Cl .5 .5 .5"))[3][0, 1] == 0.25


# -- formula -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "head",
    [
        "_chemical_formula_sum 'Cl Na'", "_chemical_formula_sum 'Cl Na'\n_cell_formula_units_Z 4",
        "_chemical_formula_sum 'Cl4 Na4'\n_cell_formula_units_Z 4", "_chemical_formula_sum 'Cl2 Na2'\n_cell_formula_units_Z 2",
        "_chemical_formula_sum 'H2 Cl Na'", "_chemical_formula_sum ?", "_cell_formula_units_Z 3",
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
    ],
)
def test_a_formula_that_contradicts_the_counts(head, message):
    assert message in refused(cif(SALT, FACES, head=head))


def test_more_hydrogen_than_declared_is_refused_but_less_is_read():
    rows = "O1 O 0 0 0\nH1 H .23 0 0\nH2 H 0 .23 0"
    assert formula(cif(rows, head="_chemical_formula_sum 'H4 O'")) == "H2O1"
    assert "more hydrogen than declared" in refused(cif(rows, head="_chemical_formula_sum 'H O'"))


# -- files -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("_cell_", "_cell.").replace("_atom_site_", "_atom_site.").replace("group_name", "group.name"),
        lambda text: text.upper().replace("NA1 NA", "Na1 Na").replace("CL1 CL", "Cl1 Cl"),
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace("\nNa1", "\n# a comment\n'Na1'").replace("data_test", "# head\ndata_test"),
        lambda text: text + "\ndata_global\n_publ_author_name 'A. Name'\n",
        lambda text: "data_global\n_journal_year 1999\n" + text,
        lambda text: re.sub("1 (Na|Cl)", r"1 \1 Uiso", text).replace("symbol", "symbol\n_atom_site_thermal_displace_type"),
    ],
)  # fmt: skip
def test_other_spellings_of_a_file(change):
    assert formula(change(cif(SALT, FACES))) == "Na4Cl4"


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
    "web page": ("HTTP/1.1 200 OK\n<!DOCTYPE html><html><body>Login</body></html>", ""),
    "cut": (WHOLE[: WHOLE.index(" 0.5 0.5\n")], "damaged or truncated?"),
}


@pytest.mark.parametrize("case", FILES)
def test_a_file_that_cannot_be_read_right_is_refused_for_the_true_reason(case):
    text, message = FILES[case]
    said = refused(text)
    assert message in said and ("damaged" in said) == (case in ("cut", "two of three", "web page"))


# -- what is written is read -----------------------------------------------------------------------------

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


@settings(max_examples=80, deadline=None)
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
