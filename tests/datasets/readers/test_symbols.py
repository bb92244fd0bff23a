"""What a file writes for an atom is one element, or is refused by its name; never another element."""

import pytest
from ase.data import chemical_symbols
from hypothesis import given
from hypothesis import strategies as st

from datasets.errors import InputError
from datasets.readers.symbols import number_of, numbers_of

SYMBOLS = chemical_symbols[1:]


@pytest.mark.parametrize(
    ("label", "number"),
    [
        ("Cs", 55), ("Cs1", 55), ("Cl2", 17), ("CL", 17), ("na", 11), ("CA", 20), ("ca3", 20), ("co", 27), ("Co", 27),
        ("Fe_pv", 26), ("Ti/abc123", 22), ("O2-", 8), ("Fe3+", 26), ("C1A", 6), ("O(1)", 8), ("D", 1), ("T", 1), ("D1", 1),
        ("d", 1), ("c", 6), ("55", 55), ("118", 118), ("Og", 118), ("Xe", 54), ("Tb", 65),
    ],
)  # fmt: skip
def test_symbols_labels_isotopes_and_numbers(label, number):
    assert number_of(label) == number


@pytest.mark.parametrize("label", ["CO", "NI1", "SI", "CD", "HF", "PB2"])
def test_capitals_of_two_elements_are_refused(label):
    with pytest.raises(ValueError, match=f"'{label}' is {label[:2].capitalize()}, or {label[0]} and {label[1]}; write"):
        number_of(label)


@pytest.mark.parametrize("label", ["Cl/Br", "Mg,Ca", "Fe3+Ni2+", "O-H", "Zr1/Ti1", "Cl Br"])
def test_two_symbols_with_a_separator_are_refused(label):
    with pytest.raises(ValueError, match="an atom is of one element"):
        number_of(label)


@pytest.mark.parametrize("label", ["va", "Vac", "VAC1", "X", "X2", "Du", "Bq", "Gh", "Q1", "Tv"])
def test_vacancies_and_dummy_atoms_are_refused_by_name(label):
    with pytest.raises(ValueError, match=f"'{label}' is a vacancy or a dummy atom"):
        number_of(label)


@pytest.mark.parametrize(
    "label",
    [
        "Uue",
        "Qq",
        "OH1",
        "A1",
        "M1",
        "cO",
        "nA",
        "CB",
        "CH4",
        "0",
        "119",
        "9" * 500,
        "",
        "-1",
        "1H",
        "²",
        "É",
        "N\ufffd",
        "N\x01",
    ],
)
def test_what_is_no_element_is_refused(label):
    with pytest.raises(ValueError, match=r"no known element|no atomic number|no symbol") as caught:
        number_of(label)
    assert len(str(caught.value)) < 100


@given(st.sampled_from(SYMBOLS), st.sampled_from(["", "1", "12", "_pv", "3+", "2-", "'", "(1)", "1A", "/0a1b"]))
def test_every_element_with_any_ending(symbol, ending):
    number = SYMBOLS.index(symbol) + 1
    assert number_of(symbol + ending) == number_of(symbol.lower() + ending) == number
    try:
        assert number_of(symbol.upper() + ending) == number
    except ValueError as error:
        assert f"is {symbol}, or" in str(error)


def test_the_atom_of_no_known_element_is_named():
    assert numbers_of(["Li", "D", "H1"], "x.vasp").tolist() == [3, 1, 1]
    with pytest.raises(InputError, match=r"^x\.vasp: atom 1: 'Vac' is a vacancy"):
        numbers_of(["Li", "Vac"], "x.vasp")
