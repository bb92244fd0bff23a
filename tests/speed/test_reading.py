"""A folder of CIF files, read on every core beside one process."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest

from datasets.crystals import Cell, cell_of_structure
from datasets.readers.structure_files import read_each, read_structure

FILES = 10_000


@pytest.fixture(scope="module")
def folder(materials, tmp_path_factory):
    """Crystals as pymatgen writes them, one in eight with its symmetry."""
    from pymatgen.io.cif import CifWriter

    path = tmp_path_factory.mktemp("cifs")
    rows = np.random.default_rng(1).choice(len(materials), FILES, replace=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for i, row in enumerate(rows):
            symprec = 0.01 if i % 8 == 7 else None
            CifWriter(materials.to_structure(row), symprec=symprec).write_file(path / f"{materials.ids[row]}.cif")
    return sorted(path.iterdir())


def read_cold(paths):
    """With no worker left over from before, as a command finds it."""
    from joblib.externals.loky import get_reusable_executor

    get_reusable_executor(max_workers=1).shutdown(wait=True)
    return read_each(paths)


@pytest.mark.benchmark(group="10,000 CIF files")
def test_reading(measure, folder):
    measure("ours", lambda: read_cold(folder), rounds=3, warmup=0, crystals=FILES, target=1.8)


@pytest.mark.benchmark(group="10,000 CIF files")
def test_reading_in_one_process(measure, folder):
    cells = measure("baseline", lambda: [read_structure(path) for path in folder], rounds=2, warmup=0, crystals=FILES)
    for ours, theirs in zip(read_each(folder), cells, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(ours, theirs, strict=True))


def read_unchecked(path: Path) -> Cell:
    """pymatgen's parser with its guesses, and nothing checked but the proportions of the formula."""
    from pymatgen.core import Composition
    from pymatgen.io.cif import CifParser

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        parser = CifParser.from_str(path.read_text(encoding="utf-8-sig", errors="replace"))
        (structure,) = parser.parse_structures(primitive=False)
    cell = cell_of_structure(structure, str(path))
    (block,) = parser.as_dict().values()
    sites = Composition({z: int((cell[2] == z).sum()) for z in np.unique(cell[2])})
    declared = Composition(block["_chemical_formula_sum"])
    assert declared.fractional_composition.almost_equals(sites.fractional_composition, rtol=1e-3)
    return cell


@pytest.mark.benchmark(group="10,000 CIF files, checks")
def test_reading_with_checks(measure, folder):
    """At most a tenth slower than without them."""
    measure("ours", lambda: [read_structure(path) for path in folder], rounds=2, warmup=0, crystals=FILES, target=1 / 1.1)


@pytest.mark.benchmark(group="10,000 CIF files, checks")
def test_reading_without_checks(measure, folder):
    cells = measure("baseline", lambda: [read_unchecked(path) for path in folder], rounds=2, warmup=0, crystals=FILES)
    for ours, theirs in zip(read_each(folder), cells, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(ours, theirs, strict=True))
