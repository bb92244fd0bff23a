"""A POSCAR of any VASP is read as it says, or refused: never other elements, another scale or fewer atoms."""

from unittest.mock import patch

import numpy as np
import pytest
from ase.data import chemical_symbols
from hypothesis import given, settings
from hypothesis import strategies as st

from datasets.errors import InputError
from datasets.readers.structure_files import parse_structure
from tests.datasets.readers.refusals import assert_refused

LATTICE = ("0 .5 .5", ".5 0 .5", ".5 .5 0")
NO_SYMBOLS = "no symbols of the elements"


def poscar(
    comment="made up", scale="4.21", lattice=LATTICE, symbols="Mg O", counts="1 1", mode="Direct", sites=("0 0 0", ".5 .5 .5")
):
    return "\n".join([comment, scale, *lattice, *([symbols] if symbols else []), counts, mode, *sites]) + "\n"


def read(text: str):
    return parse_structure(text, "POSCAR", "x.vasp")


def elements(text: str) -> list[str]:
    return [chemical_symbols[z] for z in read(text)[2]]


def test_symbols_at_the_sites_win_where_there_is_no_line_of_symbols():
    sites = ("0 0 0 Mg", ".5 .5 .5 O")
    for comment in ("I made this cell, as an example", "In W", "Zn1 S1", ""):
        assert elements(poscar(comment, symbols="", sites=sites)) == ["Mg", "O"]
    selective = poscar(symbols="", mode="Selective dynamics\nDirect", sites=("0 0 0 T T F Mg1", ".5 .5 .5 F F F O"))
    assert elements(selective) == ["Mg", "O"]
    assert elements(poscar(symbols="", sites=("0 0 0 F", ".5 .5 .5 Li"))) == ["F", "Li"]


@pytest.mark.parametrize(
    ("comment", "counts", "found"),
    [
        ("Mg1 O1", "1 1", "Mg O"), ("MgO", "1 1", "Mg O"), ("Mg O", "1 1", "Mg O"), ("Mg4O4", "1 1", "Mg O"),
        ("MgO2", "1 2", "Mg O O"),
        ("Mg O", "1 2", "Mg O O"), ("Li D", "1 1", "Li H"), ("Fe1 Fe2", "1 2", "Fe Fe Fe"),
    ],
)  # fmt: skip
def test_a_comment_counts_where_it_is_a_formula_that_fits_the_counts(comment, counts, found):
    sites = [f"{i / 3} {i / 3} {i / 3}" for i in range(sum(map(int, counts.split())))]
    assert elements(poscar(comment, symbols="", counts=counts, sites=sites)) == found.split()


@pytest.mark.parametrize(
    "comment",
    [
        "In W conditions, relaxed",
        "MgO2",
        "Mg1 O2",
        "Mg",
        "Mg1 O1 relaxed",
        "mg o",
        "Uue O",
        "",
        "Mg O S",
        "Mg0 O0",
        "Mg-O",
        "Va O",
    ],
)
def test_a_comment_that_is_no_formula_of_the_counts_is_refused(comment):
    with pytest.raises(InputError, match=NO_SYMBOLS):
        read(poscar(comment, symbols=""))


@pytest.mark.parametrize(
    "symbols", ["Mg_pv O_s", "Mg/f474ac0d O/79d9987ad87", "Mg_pv/f474ac0d  O", "Mg O ! of MgO", "MG O", "mg o"]
)
def test_symbols_with_the_names_of_potentials(symbols):
    assert elements(poscar(symbols=symbols)) == ["Mg", "O"]


def test_long_lists_of_symbols_and_counts_go_on_in_the_next_line():
    assert elements(poscar(symbols="Mg\nO", counts="1\n1")) == ["Mg", "O"]
    assert elements(poscar("Mg O", symbols="", counts="1\n1")) == ["Mg", "O"]


def test_deuterium_and_tritium_are_hydrogen():
    assert elements(poscar(symbols="Li D")) == elements(poscar(symbols="Li T")) == ["Li", "H"]
    assert elements(poscar(symbols="", sites=("0 0 0 Li", ".5 .5 .5 D"))) == ["Li", "H"]


BAD = {
    "no formula": (poscar("no", symbols=""), NO_SYMBOLS),
    "a site without a symbol": (poscar("no", symbols="", sites=("0 0 0 Mg", ".5 .5 .5")), NO_SYMBOLS),
    "a vacancy": (poscar(symbols="Mg Vac"), "the line of symbols: 'Vac' is a vacancy"),
    "a vacancy at a site": (poscar(symbols="", sites=("0 0 0 Mg", ".5 .5 .5 X")), "atom 1: 'X' is a vacancy"),
    "beyond the tables": (poscar(symbols="Mg Uue"), "'Uue' is no known element"),
    "two elements": (poscar(symbols="CO O"), "'CO' is Co, or C and O"),
    "a contradiction at one site": (poscar(sites=("0 0 0", ".5 .5 .5 Mg")), "atom 1 is 'Mg' behind its coordinates"),
    "a contradiction": (poscar(sites=("0 0 0 O", ".5 .5 .5 Mg")), "atom 0 is 'O' behind its coordinates, but not by the line"),
    "more counts": (poscar(counts="1 1 1"), "2 symbols (Mg O) but 3 counts"),
    "fewer counts": (poscar(counts="2"), "2 symbols (Mg O) but 1 counts"),
    "negative counts": (poscar(counts="-1 3"), "line 7 '-1 3' holds neither symbols nor counts"),
    "fractions as counts": (poscar(counts="1.0 1.0"), "line 7 '1.0 1.0' holds neither"),
    "no counts": (poscar(counts="", mode="Direct"), "neither"),
    "fewer sites": (poscar(counts="1 2"), "the file ends after 2 of 3 atoms; damaged or truncated?"),
    "more sites": (poscar(symbols="Mg", counts="1"), "more sites than the 1 that the counts name"),
    "no numbers": (poscar(sites=("0 0 0", ". . .")), "line 10 (atom 1): '.' is no number"),
    "two numbers": (poscar(sites=("0 0 0", ".5 .5")), "line 10 (atom 1): 2 numbers; expected 3"),
    "underscores": (poscar(sites=("0 0 0", ".5 .5 1_0")), "'1_0' is no number"),
    "no mode": (poscar(mode="0 0 0"), "line 8 '0 0 0' is neither Direct nor Cartesian"),
    "two scales": (poscar(scale="1 2"), "line 2 '1 2' is not a scale"),
    "three scales, one below zero": (poscar(scale="1 -2 1"), "line 2 '1 -2 1' is not a scale"),
    "no scale": (poscar(scale="0.0"), "line 2 '0.0' is not a scale"),
    "a word as scale": (poscar(scale="Mg"), "line 2 'Mg' is not a scale"),
    "flags without their line": (poscar(symbols="", sites=("0 0 0 T T T Mg", "1 1 1 T T T O")), NO_SYMBOLS),
    "a long vector": (poscar(lattice=("0 .5 .5 T", *LATTICE[1:])), "line 3 '0 .5 .5 T' is no lattice vector"),
    "a short vector": (poscar(lattice=("0 .5", *LATTICE[1:])), "line 3: 2 numbers; expected 3"),
    "a vector of words": (poscar(lattice=("0 .5 nan", *LATTICE[1:])), "line 3: 'nan' is not finite"),
    "no volume": (poscar(scale="-8", lattice=("1 0 0", "2 0 0", "0 0 1")), "span no volume"),
    "an early end": ("MgO\n1.0\n1 0 0\n", "the file ends after line 3, above the sites; damaged or truncated?"),
    "an end after the counts": ("\n".join(poscar().split("\n")[:7]), "above the sites; damaged or truncated?"),
    "another format": ("data_x\n_cell_length_a 4\n" * 5, "line 2 '_cell_length_a 4' is not a scale"),
    "two": (poscar() + "\n" + poscar(), "several structures in one file"),
    "two without a blank line": (poscar() + poscar(), "several structures in one file"),
    "two of a trajectory": (poscar(mode="Direct configuration= 1") + "Direct configuration= 2\n0 0 0\n", "several structures"),
    "no atoms": (poscar(counts="0 0", sites=()), "no atoms"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_a_doubtful_poscar_is_one_line_with_the_true_reason(case):
    text, message = BAD[case]
    assert_refused(lambda: read(text), "x.vasp", message)


def test_a_negative_scale_is_a_volume_also_of_a_left_handed_lattice():
    right = ("4 0 0", "1 5 0", "0 0 3")
    for lattice in (right, (right[1], right[0], right[2])):
        found = read(poscar(scale="-120", lattice=lattice, mode="Cartesian", sites=("0 0 0", "1 1 1")))
        rows = np.array([line.split() for line in lattice], dtype=float)
        assert np.allclose(found[0], rows * 2 ** (1 / 3)) and np.allclose(found[3] @ found[0], [[0] * 3, [2 ** (1 / 3)] * 3])


def test_three_scales_stretch_the_components_of_vectors_and_of_cartesian_sites():
    lattice, _, _, frac_coords = read(poscar(scale="4 6 8", mode="cartesian", sites=("0 0 0", ".5 .5 .5")))
    assert lattice.tolist() == [[0, 3, 4], [2, 0, 4], [2, 3, 0]] and np.allclose(frac_coords[1] @ lattice, [2, 3, 4])


@pytest.mark.parametrize("mode", ["Direct", "direct", "D", "  Direct", "Selective dynamics\ndirect", "s\nFractional"])
def test_direct_in_any_letter_case(mode):
    assert np.allclose(read(poscar(mode=mode))[3][1], 0.5)


@pytest.mark.parametrize("mode", ["Cartesian", "cart", "K", "Selective\ncARTESIAN"])
def test_cartesian_in_any_letter_case(mode):
    assert np.allclose(read(poscar(mode=mode, sites=("0 0 0", ".5 .5 .5")))[3][1] @ np.full((3, 3), 1), 1.5)


VELOCITIES = [
    "\n0.1 0.2 0.3\n0.1 0.2 0.3\n", "Cartesian\n0.1 0.2 0.3\n0.1 0.2 0.3\n",
    "Lattice velocities and vectors\n 1\n1 0 0\n0 1 0\n0 0 1\n4 0 0\n0 4 0\n0 0 4\n\n0 0 0\n0 0 0\n",
    "\n0 0 0\n0 0 0\n\n1\n0.5E+00\n0 0 0 0\n0 0 0\n0 0 0\n", "made by hand\n",
]  # fmt: skip


@pytest.mark.parametrize("end", VELOCITIES)
def test_velocities_after_the_sites_are_ignored(end):
    for column, plain in zip(read(poscar() + end), read(poscar()), strict=True):
        assert np.array_equal(column, plain)


def test_comments_behind_the_sites_are_no_symbols():
    assert elements(poscar(sites=("0 0 0 ! first", ".5 .5 .5 oxygen"))) == ["Mg", "O"]
    assert elements(poscar(sites=("0 0 0 In", ".5 .5 .5 plane"))) == ["Mg", "O"]
    assert elements(poscar(sites=("0 0 0 1", ".5 .5 .5 2"))) == ["Mg", "O"]


def test_fortran_exponents_and_other_ends_of_lines():
    plain = read(poscar())
    for text in (poscar(sites=("0 0 0", "5D-1 0.5d0 .5")), poscar().replace("\n", "\r\n"), poscar().replace("\n", "\r")):
        assert all(np.array_equal(a, b) for a, b in zip(read(text), plain, strict=True))


COORDINATE = st.floats(-1.5, 1.5).map(lambda x: round(x, 8))


@patch("datasets.readers.checks._too_close", new=lambda *_: None)  # atoms anywhere
@settings(max_examples=60)
@given(data=st.data())
def test_what_is_written_is_read(data):
    species = data.draw(st.lists(st.integers(1, 118), min_size=1, max_size=4))
    counts = [data.draw(st.integers(1, 3)) for _ in species]
    numbers = np.repeat(species, counts)
    frac_coords = np.array([[data.draw(COORDINATE) for _ in range(3)] for _ in numbers])
    lattice = np.diag([data.draw(st.floats(2, 9)) for _ in range(3)]) + data.draw(st.floats(-0.9, 0.9)) * (1 - np.eye(3))
    factor = data.draw(st.sampled_from([np.ones(1), np.array([2.5]), np.array([2, 0.5, 3.0])]))
    kind = data.draw(st.sampled_from(["factor", "volume"])) if len(factor) == 1 else "factor"
    scale = " ".join(map(repr, factor.tolist())) if kind == "factor" else repr(-float(abs(np.linalg.det(lattice))))
    cartesian, selective, where = (
        data.draw(st.sampled_from(x)) for x in ((False, True), (False, True), ("line", "sites", "comment"))
    )
    unscaled = lattice / factor if kind == "factor" else lattice * data.draw(st.floats(0.2, 3))
    given_coords = (
        (frac_coords @ lattice / factor if kind == "factor" else frac_coords @ unscaled) if cartesian else frac_coords
    )
    symbols = [chemical_symbols[z] for z in numbers]
    flags = " T F T" if selective else ""
    sites = [
        " ".join(map(repr, row.tolist())) + flags + (f" {symbol}" if where == "sites" else "")
        for row, symbol in zip(given_coords, symbols, strict=True)
    ]
    kinds = " ".join(chemical_symbols[z] for z in species)
    head = "Selective dynamics\n" if selective else ""
    mode = head + data.draw(st.sampled_from(["Cartesian", "cart", "k"] if cartesian else ["Direct", "d", "DIRECT"]))
    rows = [" ".join(map(repr, row.tolist())) for row in unscaled]
    comment = kinds if where == "comment" else "anything at all"
    text = poscar(comment, scale, rows, kinds if where == "line" else "", " ".join(map(str, counts)), mode, sites)
    found = read(text)
    assert found[2].tolist() == numbers.tolist() and found[1].all()
    assert np.allclose(found[0], lattice, rtol=1e-9) and np.allclose(found[3], frac_coords, atol=1e-8)
