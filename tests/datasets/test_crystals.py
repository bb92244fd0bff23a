"""Crystals survive every conversion, and their hash changes with everything that matters."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from ase import Atoms
from ase.build import bulk, fcc111, molecule
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pymatgen.core import Lattice, Structure

from datasets.crystals import Crystals, cell_of_structure
from datasets.errors import InputError

SALT = Structure.from_spacegroup("Fm-3m", Lattice.cubic(5.64), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])
SHEET = Structure(Lattice(np.diag([2.5, 3.5, 20.0]), pbc=(True, True, False)), ["C", "N"], [[0, 0, 0.5], [0.5, 0.5, 0.52]])


@pytest.fixture
def crystals() -> Crystals:
    targets = pd.DataFrame({"energy": [-1.0, np.nan, 0.5], "gap": [0.0, 1.0, 2.0]})
    return Crystals.from_structures(["salt", "sheet", "copy"], [SALT, SHEET, SALT], targets)


def same(one: Crystals, other: Crystals) -> bool:
    return one.content_hash == other.content_hash and one.targets.equals(other.targets)


def test_parquet_round_trip_is_exact(crystals, tmp_path):
    crystals.to_parquet(tmp_path / "t.parquet")
    assert same(Crystals.from_parquet(tmp_path / "t.parquet"), crystals)
    assert [p.name for p in tmp_path.iterdir()] == ["t.parquet"]


def test_parquet_without_pbc_is_periodic_and_leaves_out_rows_without_structure(tmp_path):
    table = {
        "material_id": ["a", "b"], "lattice": [list(np.eye(3).ravel()), None],
        "atomic_numbers": [[1], None], "frac_coords": [[0.0, 0.0, 0.0], None], "gap": [1.0, 2.0], "note": ["x", "y"],
    }  # fmt: skip
    pq.write_table(pa.table(table), tmp_path / "t.parquet")
    crystals = Crystals.from_parquet(tmp_path / "t.parquet")
    assert crystals.ids.tolist() == ["a"] and crystals.pbc.all() and list(crystals.targets) == ["gap"]


@st.composite
def crystal_sets(draw) -> Crystals:
    finite = st.floats(-1e6, 1e6)
    counts = draw(st.lists(st.integers(1, 4), min_size=0, max_size=5))
    n, atoms = len(counts), sum(counts)
    ids = draw(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=n, max_size=n, unique=True))
    values = draw(arrays(float, (n, 2), elements=finite | st.just(np.nan)))
    return Crystals(
        ids=np.array(ids, dtype=object),
        # Large diagonals keep the volume away from zero.
        lattice=draw(arrays(float, (n, 3, 3), elements=st.floats(-10, 10))) + 50 * np.eye(3),
        pbc=draw(arrays(bool, (n, 3))),
        offsets=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        atomic_numbers=draw(arrays(np.int64, atoms, elements=st.integers(1, 118))),
        frac_coords=draw(arrays(float, (atoms, 3), elements=finite)),
        targets=pd.DataFrame(values, columns=["energy", "gap"], index=pd.Index(ids, name="material_id", dtype=object)),
    )


@given(crystals=crystal_sets())
@settings(max_examples=40)
def test_parquet_round_trip_of_anything(crystals, tmp_path_factory):
    path = tmp_path_factory.mktemp("any") / "t.parquet"
    crystals.to_parquet(path)
    assert same(Crystals.from_parquet(path), crystals)


def test_a_lattice_without_volume_and_a_coordinate_that_is_no_number_name_the_crystal(crystals):
    fields = {name: getattr(crystals, name) for name in crystals.__dataclass_fields__}
    flat = crystals.lattice.copy()
    flat[1, 2] = flat[1, 1]
    with pytest.raises(InputError, match=f"'{crystals.ids[1]}' has a lattice without volume"):
        Crystals(**{**fields, "lattice": flat})
    coordinates = crystals.frac_coords.copy()
    coordinates[crystals.offsets[2]] = np.nan
    with pytest.raises(InputError, match=f"'{crystals.ids[2]}' has a coordinate"):
        Crystals(**{**fields, "frac_coords": coordinates})


def test_pymatgen_round_trip_keeps_periodicity(crystals):
    back = Crystals.from_structures(crystals.ids, [crystals.to_structure(i) for i in range(3)], crystals.targets)
    assert same(back, crystals)
    assert back.pbc[1].tolist() == [True, True, False]


CHAIN = Atoms("H", cell=[3, 0, 0], pbc=[1, 0, 0])


@pytest.mark.parametrize("atoms", [bulk("Cu"), fcc111("Pt", (1, 1, 3), vacuum=8.0), molecule("H2O"), CHAIN])
def test_ase_round_trip_keeps_positions_and_periodicity(atoms):
    crystals = Crystals.from_atoms(["x"], [atoms])
    back = crystals.to_atoms(0)
    assert np.allclose(back.positions, atoms.positions, atol=1e-12) and (back.pbc == atoms.pbc).all()
    assert (back.numbers == atoms.numbers).all() and np.allclose(crystals.cart_coords(0), atoms.positions, atol=1e-12)
    assert np.allclose(back.cell[atoms.cell.any(axis=1)], atoms.cell[atoms.cell.any(axis=1)])


@pytest.mark.parametrize("rows", [[2, 0], np.array([-1, 0]), [True, False, True], np.array([False, True, False]), []])
def test_take_gives_the_rows_in_the_order_asked(crystals, rows):
    taken, expected = crystals.take(rows), np.arange(3)[np.array(rows, dtype=bool if True in list(rows) else int)]
    assert taken.ids.tolist() == crystals.ids[expected].tolist() == taken.targets.index.tolist()
    for new, old in enumerate(expected):
        assert np.array_equal(taken.frac_coords[taken.atoms_of(new)], crystals.frac_coords[crystals.atoms_of(old)])
        assert np.array_equal(taken.atomic_numbers[taken.atoms_of(new)], crystals.atomic_numbers[crystals.atoms_of(old)])
        assert taken.targets.iloc[new].equals(crystals.targets.iloc[old])


def test_hash_changes_with_a_coordinate_an_id_a_target_and_the_periodicity(crystals):
    moved, renumbered, open_ = crystals.frac_coords.copy(), crystals.atomic_numbers.copy(), crystals.pbc.copy()
    moved[3, 1] += 1e-12
    renumbered[0] = 19
    open_[0, 2] = False
    structures = [
        replace(crystals, frac_coords=moved),
        replace(crystals, atomic_numbers=renumbered),
        replace(crystals, pbc=open_),
    ]
    labels = [
        replace(crystals, ids=np.array(["salt", "sheet", "other"], dtype=object)),
        replace(crystals, targets=crystals.targets.assign(energy=[-1.0, 0.0, 0.5])),
        replace(crystals, targets=crystals.targets.rename(columns={"gap": "band_gap"})),
    ]
    reordered = [crystals.take([2, 1, 0])]
    hashes = {c.content_hash for c in [crystals, *structures, *labels, *reordered]}
    assert len(hashes) == 8
    assert all(c.structure_hash != crystals.structure_hash for c in structures)
    assert all(c.structure_hash == crystals.structure_hash for c in labels)


def test_hash_does_not_depend_on_the_bits_of_a_missing_value_or_on_the_order_of_targets(crystals):
    negative = replace(crystals, targets=crystals.targets.assign(energy=[-1.0, -np.nan, 0.5]))
    assert negative.content_hash == crystals.content_hash
    assert replace(crystals, targets=crystals.targets[["gap", "energy"]]).content_hash == crystals.content_hash


def test_duplicated_ids_are_refused():
    with pytest.raises(InputError, match="id 'a' appears more than once"):
        Crystals.from_structures(["a", "a"], [SALT, SALT])


@pytest.mark.parametrize("column", ["ids", "lattice", "pbc", "offsets", "atomic_numbers", "frac_coords", "targets"])
def test_columns_of_another_length_are_refused(crystals, column):
    with pytest.raises(InputError, match="disagree in length"):
        replace(crystals, **{column: getattr(crystals, column)[:-1]})


def test_a_crystal_without_atoms_is_refused(crystals):
    with pytest.raises(InputError, match="'sheet' has no atoms"):
        replace(crystals, offsets=np.array([0, 8, 8, len(crystals.atomic_numbers)]))


def test_structures_that_are_no_crystals_are_refused():
    with pytest.raises(InputError, match=r"x: site .* is partially occupied"):
        Crystals.from_structures(["x"], [Structure(Lattice.cubic(4), [{"Fe": 0.5, "Ni": 0.5}], [[0, 0, 0]])])
    with pytest.raises(InputError, match="x: an atom is of no known element"):
        Crystals.from_structures(["x"], [Structure(Lattice.cubic(4), ["Xx"], [[0, 0, 0]])])
    with pytest.raises(InputError, match="x: atom 0 is of no known element"):
        Crystals.from_atoms(["x"], [Atoms("X", cell=[1, 1, 1], pbc=True)])
    with pytest.raises(InputError, match="x: periodic along a direction without a cell vector"):
        Crystals.from_atoms(["x"], [Atoms("H", pbc=True)])
    with pytest.raises(InputError, match="x: the lattice vectors span no volume"):
        Crystals.from_atoms(["x"], [Atoms("H", cell=[[1, 0, 0], [2, 0, 0], [0, 0, 1]])])


def test_damaged_and_foreign_tables_are_one_line_errors(crystals, tmp_path):
    path = tmp_path / "t.parquet"
    crystals.to_parquet(path)
    good = pq.read_table(path)
    with pytest.raises(InputError, match=r"t\.parquet: no column 'dipole'"):
        Crystals.from_parquet(path, targets=["dipole"])
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(InputError, match=r"t\.parquet: not a readable Parquet file"):
        Crystals.from_parquet(path)
    pq.write_table(good.drop_columns(["lattice"]), path)
    with pytest.raises(InputError, match=r"t\.parquet: no column 'lattice'"):
        Crystals.from_parquet(path)
    for column, values in {
        "lattice": [1.0] * 3,
        "frac_coords": [[0.0] * 3] * 3,
        "material_id": ["a", None, "b"],
    }.items():
        where = good.column_names.index(column)
        pq.write_table(good.set_column(where, column, pa.array(values)), path)
        with pytest.raises(InputError, match=r"t\.parquet: a column has not the expected type"):
            Crystals.from_parquet(path)


def test_a_site_that_is_full_with_isotopes_of_one_element_is_that_element():
    lattice = Lattice.cubic(4)
    sites = [{"Li": 1}, {"H": 0.3, "D": 0.7}, {"T": 1}, {"Fe2+": 0.5, "Fe3+": 0.5}]
    numbers = cell_of_structure(Structure(lattice, sites, [[i / 4, 0, 0] for i in range(4)]), "x")[2]
    assert numbers.tolist() == [3, 1, 1, 26]
    for partial in ({"H": 0.3, "D": 0.6}, {"Na": 0.5, "K": 0.5}, {"H": 0.5}):
        with pytest.raises(InputError, match=r"x: site .* is partially occupied"):
            cell_of_structure(Structure(lattice, [partial], [[0, 0, 0]]), "x")
