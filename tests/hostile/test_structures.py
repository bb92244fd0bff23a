"""Every hostile structure file is refused in one line that names it, in little time and memory, and costs no other file."""

import importlib
import json

import pytest
from pymatgen.core import Lattice, Structure

from datasets.errors import InputError
from datasets.readers import budget, structure_files
from datasets.readers.structure_files import read_each, read_structure
from tests.hostile.readers import STRUCTURES, cif, magnetic


@pytest.fixture
def small(monkeypatch):
    """Budgets that are spent in a second; what readers import is there before."""
    for library in ("ase.io", "pymatgen.core", "ruamel.yaml"):
        importlib.import_module(library)
    monkeypatch.setattr(budget, "SECONDS", 0.5)
    monkeypatch.setattr(budget, "SECONDS_A_MB", 0.0)
    monkeypatch.setattr(budget, "MEMORY", 300_000_000)
    monkeypatch.setattr(budget, "TICK", 0.05)
    monkeypatch.setattr(structure_files, "MOST_BYTES", 3_000_000)


@pytest.mark.parametrize("kind", STRUCTURES)
def test_a_hostile_structure_file_is_refused_in_one_line(tmp_path, small, kind):
    path = STRUCTURES[kind](tmp_path)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(InputError) as caught:
        read_structure(path)
    line = str(caught.value)
    assert line.startswith(f"{path}: ") and "\n" not in line and len(line) < len(str(path)) + 350
    assert sorted(tmp_path.iterdir()) == before


def test_one_hostile_file_costs_the_others_nothing(tmp_path, small):
    bad = STRUCTURES["CIF of 40,000 sites"](tmp_path)
    good = tmp_path / "good.cif"
    good.write_text(cif("_symmetry_space_group_name_H-M 'P 1'\n"))
    found = read_each([good, bad, good])
    assert [isinstance(cell, InputError) for cell in found] == [False, True, False]


@pytest.mark.parametrize(
    ("transformation", "n_atoms"),
    [("a,b,c;0,0,0", 1), ("a, b, c; 0, 0, 0", 1), ("1/2a+1/2b,-1/2a+1/2b,c;0,0,1/4", 1), ("a/2+b/2,-a/2+b/2,c;0,0,-0.25", 1)],
)
def test_plain_fractions_of_a_magnetic_setting_are_read(tmp_path, transformation, n_atoms):
    path = tmp_path / "magnetic.mcif"
    path.write_text(magnetic(transformation).replace('"P 1"', '"P1"'))
    assert len(read_structure(path)[2]) == n_atoms


def test_an_array_of_ases_json_is_read_where_it_lists_what_it_declares(tmp_path):
    row = {
        "numbers": {"__ndarray__": [[2], "int64", [29, 29]]}, "pbc": {"__ndarray__": [[3], "bool", [True] * 3]},
        "positions": {"__ndarray__": [[2, 3], "float64", [0, 0, 0, 2, 0, 0]]}, "cell": [[4, 0, 0], [0, 4, 0], [0, 0, 4]],
        "data": {"phase": {"__ndarray__": [[2], "complex128", [0, 1, 1, 0]]}},
    }  # fmt: skip
    (tmp_path / "x.json").write_text(json.dumps({"1": row, "ids": [1], "nextid": 2}))
    assert read_structure(tmp_path / "x.json")[2].tolist() == [29, 29]


def test_a_packed_file_of_another_format_is_read(tmp_path):
    structure = Structure(Lattice.cubic(4), ["Cu"], [[0, 0, 0]])
    structure.to(str(tmp_path / "x.xsf"))
    (tmp_path / "x.xsf.gz").write_bytes(importlib.import_module("gzip").compress((tmp_path / "x.xsf").read_bytes()))
    assert read_structure(tmp_path / "x.xsf.gz")[2].tolist() == [29]
