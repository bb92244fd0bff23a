"""Structures in JSON, YAML and dicts: isotopes, half sites and wrong lengths are read right or refused with the true reason."""

import json
from unittest.mock import patch

import numpy as np
import pytest
from ase.data import chemical_symbols
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core import Lattice, Structure

from datasets.errors import InputError
from datasets.readers.structure_files import parse_dict, parse_structure

MATRIX = [[0, 2.035, 2.035], [2.035, 0, 2.035], [2.035, 2.035, 0]]


def site(coords=(0.5, 0.5, 0.5), **occupancies) -> dict:
    return {
        "species": [{"element": element, "occu": occupancy} for element, occupancy in occupancies.items()],
        "abc": list(coords),
    }


def structure(*sites: dict, lattice=None) -> dict:
    return {"@class": "Structure", "lattice": lattice or {"matrix": MATRIX}, "sites": [site((0, 0, 0), Li=1), *sites]}


def jarvis(**other) -> dict:
    return {"lattice_mat": MATRIX, "elements": ["Li", "H"], "coords": [[0, 0, 0], [0.5, 0.5, 0.5]], "cartesian": False} | other


HYDROGEN = [
    structure(site(H=1)), structure(site(D=1)), structure(site(T=1.0)), structure(site(H=0.25, D=0.75)),
    structure(site(H=0.1, D=0.2, T=0.7)),
    structure(site(H=1), lattice={"a": 2.878, "b": 2.878, "c": 2.878, "alpha": 60, "beta": 60, "gamma": 60}),
    jarvis(), jarvis(elements=["Li", "D"]), jarvis(elements=["Li ", "T"]),
    jarvis(cartesian=True, coords=[[0, 0, 0], [2.035] * 3]),
]  # fmt: skip


@pytest.mark.parametrize("content", HYDROGEN)
def test_every_isotope_is_a_full_hydrogen(content):
    for lattice, pbc, numbers, frac_coords in (
        parse_dict(content, "x"),
        parse_structure(json.dumps(content), "ASE JSON", "x.json"),
    ):
        assert pbc.all() and numbers.tolist() == [3, 1] and np.allclose(frac_coords, [[0] * 3, [0.5] * 3])
        assert np.isclose(abs(np.linalg.det(lattice)), abs(np.linalg.det(MATRIX)), rtol=1e-3)


BAD = {
    "half": (structure(site(H=0.5)), "site 1 (H:0.5) is partially occupied"),
    "two elements": (structure(site(H=0.5, Na=0.5)), "site 1 (H:0.5, Na:0.5) is partially occupied"),
    "too full": (structure(site(H=0.75, D=0.75)), "partially occupied"),
    "nothing": (structure(site()), "site 1 () is partially occupied"),
    "a vacancy": (structure(site(Vac=1)), "site 1: 'Vac' is a vacancy"),
    "a dummy species": (structure(site(X=1)), "site 1: 'X' is a vacancy or a dummy atom"),
    "beyond the tables": (structure(site(Uue=1)), "site 1: 'Uue' is no known element"),
    "two coordinates": (structure(site((0, 0), H=1)), "a value of the wrong type or length"),
    "no coordinates": (structure({"species": [{"element": "H", "occu": 1}]}), "a structure's dict without 'abc'"),
    "no species": (structure({"abc": [0, 0, 0]}), "a structure's dict without 'species'"),
    "a number as pbc": (structure(lattice={"matrix": MATRIX, "pbc": [True, 5.64, True]}), "expected three of true or false"),
    "two flags": (structure(lattice={"matrix": MATRIX, "pbc": [True, True]}), "expected three of true or false"),
    "no matrix": (structure(site(H=1), lattice={"a": 3}), "a structure's dict without 'b'"),
    "a short matrix": (structure(site(H=1), lattice={"matrix": [[1, 0, 0]]}), "a value of the wrong type or length"),
    "words": (structure(site(H="all")), "a value of the wrong type or length"),
    "no list of sites": ({"@class": "Structure", "lattice": {"matrix": MATRIX}, "sites": None}, "of the wrong type or length"),
    "fewer elements": (jarvis(elements=["Li"]), "1 elements but coordinates of shape (2, 3)"),
    "fewer coordinates": (jarvis(coords=[[0, 0, 0]]), "2 elements but coordinates of shape (1, 3)"),
    "flat coordinates": (jarvis(coords=[[0, 0], [1, 1]]), "shape (2, 2); expected three an element"),
    "uneven coordinates": (jarvis(coords=[[0, 0, 0], [1, 1]]), "a value of the wrong type or length"),
    "a word for cartesian": (jarvis(cartesian="False"), "'cartesian' is 'False'; expected true or false"),
    "an unknown species": (jarvis(elements=["Li", "Qq"]), "atom 1: 'Qq' is no known element"),
    "no elements": ({k: v for k, v in jarvis().items() if k != "elements"}, "a structure's dict without 'elements'"),
    "a short lattice": (jarvis(lattice_mat=[1, 2, 3]), "a value of the wrong type or length"),
    "a flat lattice": (jarvis(lattice_mat=[[1, 0, 0], [2, 0, 0], [0, 0, 1]]), "span no volume"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_a_doubtful_dict_is_one_line_with_the_true_reason(case):
    content, message = BAD[case]
    with pytest.raises(InputError) as caught:
        parse_dict(content, "x")
    said = str(caught.value)
    assert said.startswith("x: ") and message in said and "\n" not in said and "truncated" not in said


ROW = {"numbers": [3, 1], "positions": [[0, 0, 0], [2, 2, 2]], "cell": [[4, 0, 0], [0, 4, 0], [0, 0, 4]], "pbc": [True] * 3}
TEXTS = {
    "a list": (json.dumps([structure(site(H=1))] * 3), "3 structures in one file"),
    "two rows": (json.dumps({"1": ROW, "2": ROW, "ids": [1, 2]}), "2 structures in one file"),
    "fractions": (json.dumps({"1": {**ROW, "numbers": [3.5, 1]}, "ids": [1]}), "numbers are of type float64, not integers"),
    "words": (json.dumps({"1": {**ROW, "numbers": ["Li", "D"]}, "ids": [1]}), "not integers"),
    "no positions": (json.dumps({"1": {"numbers": [3]}, "ids": [1]}), "ASE's JSON without positions and cell and pbc"),
    "cut": (json.dumps(structure(site(H=1)))[:-40], "not JSON; damaged or truncated? ("),
    "a comma": (json.dumps(structure(site(H=1))).replace('"sites":', '"sites"'), "not JSON (Expecting ':' delimiter: line 1"),
    "another": ("[1]", "JSON, but not of ASE's atoms or of a pymatgen structure"),
}  # fmt: skip


@pytest.mark.parametrize("case", TEXTS)
def test_a_doubtful_json_is_one_line_with_the_true_reason(case):
    text, message = TEXTS[case]
    with pytest.raises(InputError) as caught:
        parse_structure(text, "ASE JSON", "x.json")
    said = str(caught.value)
    assert said.startswith("x.json: ") and message in said and "\n" not in said
    assert ("damaged or truncated?" in said) == (case == "cut")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [1", "not YAML; damaged or truncated? (line "),
        ("a: b: c\nd: 1\n", "not YAML (line 1: mapping values"),
        ("a: 1", "not of a pymatgen"),
    ],
)
def test_a_doubtful_yaml_is_one_line_with_the_true_reason(text, message):
    with pytest.raises(InputError, match=r"x\.yaml: ") as caught:
        parse_structure(text, "pymatgen YAML", "x.yaml")
    assert message in str(caught.value) and "\n" not in str(caught.value)


@patch("datasets.readers.checks._too_close", new=lambda *_: None)  # atoms anywhere
@settings(max_examples=40)
@given(data=st.data())
def test_what_is_written_is_read(data):
    numbers = data.draw(st.lists(st.integers(1, 118), min_size=1, max_size=5))
    frac_coords = [[data.draw(st.floats(-1.5, 1.5)) for _ in range(3)] for _ in numbers]
    lattice = Lattice.from_parameters(
        *(data.draw(st.floats(2, 9)) for _ in range(3)), *(data.draw(st.floats(70, 110)) for _ in range(3))
    )
    symbols = [chemical_symbols[z] for z in numbers]
    written = Structure(lattice, symbols, frac_coords)
    as_jarvis = jarvis(
        lattice_mat=lattice.matrix.tolist(), elements=symbols, coords=written.cart_coords.tolist(), cartesian=True
    )
    for content in (written.as_dict(), as_jarvis):
        found = parse_structure(json.dumps(content), "ASE JSON", "x.json")
        assert found[2].tolist() == numbers and np.array_equal(found[0], lattice.matrix) and np.allclose(found[3], frac_coords)


def test_an_entry_is_its_structure():
    entry = {"@class": "ComputedStructureEntry", "energy": -1.0, "structure": structure(site(H=1))}
    assert parse_structure(json.dumps(entry), "ASE JSON", "x.json")[2].tolist() == [3, 1]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"@class": "ComputedEntry", "energy": -1.0}, "a ComputedEntry, which has no structure"),
        ({"@class": "Molecule", "sites": []}, "but of a Molecule"),
        ({"data": [{"attributes": {"species_at_sites": ["H"]}}]}, "an answer of OPTIMADE"),
        ({"jid": "JVASP-1", "atoms": jarvis()}, "that under 'atoms' is one, write it alone"),
        ([structure()], "that under '0' is one"),
    ],
)
def test_another_json_is_refused_for_what_it_is(content, message):
    with pytest.raises(InputError, match=r"x\.json: ") as caught:
        parse_structure(json.dumps(content), "ASE JSON", "x.json")
    assert message in str(caught.value)
