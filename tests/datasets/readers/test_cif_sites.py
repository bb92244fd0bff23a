"""Sites of a CIF: rounded coordinates, labels, occupancies; no atom is lost, doubled or made up."""

import numpy as np
import pytest

from tests.datasets.readers.cif_texts import FACES, HEXAGONAL, INVERSION, cif, formula, listed, read, refused

WURTZITE = "_symmetry_space_group_name_H-M 'P 63 m c'\n_symmetry_Int_Tables_number 186"


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


@pytest.mark.parametrize(
    "symbol", ["Va", "X", "Du", "OH", "Wat", "Qq", "sI", "NO3", "6", "H2O", "Cl/Br", "Cl Br", "Fe3+Ni2+", "0.8Na + 0.2K"]
)
def test_a_symbol_of_no_element_is_refused(symbol):
    assert "'N1'" in refused(cif(f"N1 '{symbol}' 0 0 0\nO1 O .5 .5 .5"))


@pytest.mark.parametrize(
    ("label", "declared", "expected"),
    [
        ("OH1", "Mg O", "O1Mg1"), ("OA2", "Mg O", "O1Mg1"), ("Mg1", "Mg O", None), ("CA1", "C Mg", "C1Mg1"),
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
        ("disorder_group", ". -1", "disordered about a special position (disorder group -1)"),
        ("occupation", "1 0.5", "partially occupied"),
        ("site_occupancy", "1 0.5", "partially occupied"),
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
