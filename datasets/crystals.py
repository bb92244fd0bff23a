"""Crystals: one columnar table of structures and targets; pymatgen and ASE only at its edges."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from datasets.counting import count_crystals
from datasets.errors import InputError
from datasets.table_bounds import open_parquet

if TYPE_CHECKING:
    from ase import Atoms
    from pymatgen.core import Structure

STRUCTURE_COLUMNS = ("material_id", "lattice", "pbc", "atomic_numbers", "frac_coords")


@dataclass(frozen=True, eq=False)
class Crystals:
    """n crystals with N atoms in all, as columns.

    Attributes:
        ids: (n,) unique strings.
        lattice: (n, 3, 3) float64, rows a, b, c in Å.
        pbc: (n, 3) bool, periodic along a, b, c.
        offsets: (n + 1,) int64; the atoms of crystal i are `offsets[i]:offsets[i + 1]`.
        atomic_numbers: (N,) int64.
        frac_coords: (N, 3) float64, in units of the lattice vectors.
        targets: n rows indexed by id, one float64 column a target, NaN where there is no value.
        element_features: (Z, F) float32 features of the elements that came with the set, by atomic number; a zero row is
            an element without features. None where the set brings none.

    Raises:
        InputError: two crystals share an id, a crystal has no atoms, or columns disagree in length.
    """

    ids: np.ndarray
    lattice: np.ndarray
    pbc: np.ndarray
    offsets: np.ndarray
    atomic_numbers: np.ndarray
    frac_coords: np.ndarray
    targets: pd.DataFrame
    element_features: np.ndarray | None = None

    def __post_init__(self) -> None:
        n, atoms = len(self.ids), len(self.atomic_numbers)
        shapes = (self.lattice.shape, self.pbc.shape, self.offsets.shape, self.frac_coords.shape, len(self.targets))
        if shapes != ((n, 3, 3), (n, 3), (n + 1,), (atoms, 3), n) or (n and self.offsets[-1] != atoms):
            raise InputError(f"columns of {n} crystals and {atoms} atoms disagree in length: {shapes}")
        duplicated = pd.Index(self.ids).duplicated()
        if duplicated.any():
            raise InputError(f"id '{self.ids[duplicated.argmax()]}' appears more than once; ids must be unique")
        if (np.diff(self.offsets) <= 0).any():
            raise InputError(f"crystal '{self.ids[np.diff(self.offsets).argmin()]}' has no atoms")
        # The negation also catches a lattice that is not finite.
        flat = ~(np.abs(np.linalg.det(self.lattice)) > 1e-6)
        if flat.any():
            raise InputError(f"crystal '{self.ids[flat.argmax()]}' has a lattice without volume")
        finite = np.isfinite(self.frac_coords).all(axis=1)
        if not finite.all():
            raise InputError(f"crystal '{self.ids[self.row_of(finite.argmin())]}' has a coordinate that is not a finite number")

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def n_atoms(self) -> np.ndarray:
        """(n,) atoms in each crystal."""
        return np.diff(self.offsets)

    @property
    def elements(self) -> np.ndarray:
        """Atomic numbers that occur, sorted."""
        return np.unique(self.atomic_numbers)

    def atoms_of(self, row: int) -> slice:
        """The slice of the atom columns that holds crystal `row`."""
        return slice(int(self.offsets[row]), int(self.offsets[row + 1]))

    def row_of(self, atom: int | np.integer) -> int:
        """The crystal that an atom, counted over the whole table, belongs to."""
        return int(np.searchsorted(self.offsets, atom, side="right")) - 1

    def cart_coords(self, row: int) -> np.ndarray:
        """(atoms, 3) Cartesian coordinates of crystal `row` in Å."""
        return self.frac_coords[self.atoms_of(row)] @ self.lattice[row]

    def take(self, rows: Sequence[int] | np.ndarray) -> Crystals:
        """The crystals at `rows` (integers or a boolean mask), in that order."""
        chosen = np.arange(len(self))[np.asarray(rows) if len(rows) else np.empty(0, dtype=np.int64)]
        counts = self.n_atoms[chosen]
        offsets = np.concatenate([[0], np.cumsum(counts)])
        atoms = np.repeat(self.offsets[chosen] - offsets[:-1], counts) + np.arange(offsets[-1])
        return Crystals(
            self.ids[chosen], self.lattice[chosen], self.pbc[chosen], offsets,
            self.atomic_numbers[atoms], self.frac_coords[atoms], self.targets.iloc[chosen],
            self.element_features,
        )  # fmt: skip

    @cached_property
    def structure_hash(self) -> str:
        """sha256 of lattices, periodicity, atomic numbers and coordinates: what graphs depend on."""
        digest = hashlib.sha256()
        for column, dtype in (
            (self.lattice, "<f8"), (self.pbc, "u1"), (self.offsets, "<i8"),
            (self.atomic_numbers, "<i8"), (self.frac_coords, "<f8"),
        ):  # fmt: skip
            digest.update(np.ascontiguousarray(column, dtype=dtype).data)
        return digest.hexdigest()

    @cached_property
    def content_hash(self) -> str:
        """sha256 of the structures, the ids, every target and the element features: the identity of the set in a record."""
        digest = hashlib.sha256(self.structure_hash.encode())
        digest.update("\n".join(self.ids).encode())
        for name in sorted(self.targets.columns):
            digest.update(f"\n{name}\n".encode())
            values = self.targets[name].to_numpy("<f8")
            digest.update(np.where(np.isnan(values), np.nan, values).tobytes())  # NaNs have more than one bit pattern
        if self.element_features is not None:
            digest.update(f"\nelement_features {self.element_features.shape}\n".encode())
            digest.update(np.ascontiguousarray(self.element_features, "<f4").data)
        return digest.hexdigest()

    # -- the edges of the program -----------------------------------------------------------------

    @classmethod
    def from_cells(cls, ids: Sequence[str], cells: Sequence[Cell], targets: pd.DataFrame | None = None) -> Crystals:
        """From one (lattice, pbc, atomic numbers, fractional coordinates) tuple a crystal; `targets` in row order."""
        index = pd.Index(np.asarray(ids, dtype=object), name="material_id")
        if targets is None:
            targets = pd.DataFrame(index=index)
        counts = [len(cell[2]) for cell in cells]
        return cls(
            ids=np.asarray(ids, dtype=object),
            lattice=np.array([cell[0] for cell in cells], dtype=float).reshape(-1, 3, 3),
            pbc=np.array([cell[1] for cell in cells], dtype=bool).reshape(-1, 3),
            offsets=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
            atomic_numbers=np.concatenate([*(cell[2] for cell in cells), []]).astype(np.int64),
            frac_coords=np.concatenate([*(cell[3] for cell in cells), np.empty((0, 3))]).astype(float),
            targets=targets.set_axis(index).astype(float),
        )

    @classmethod
    def from_structures(
        cls, ids: Sequence[str], structures: Sequence[Structure], targets: pd.DataFrame | None = None
    ) -> Crystals:
        """From pymatgen structures. Raises InputError on a partially occupied site."""
        cells = [cell_of_structure(s, name) for name, s in zip(ids, structures, strict=True)]
        return cls.from_cells(ids, cells, targets)

    @classmethod
    def from_atoms(cls, ids: Sequence[str], atoms: Sequence[Atoms], targets: pd.DataFrame | None = None) -> Crystals:
        """From ASE atoms; missing cell vectors of a non-periodic direction are completed."""
        return cls.from_cells(ids, [cell_of_atoms(a, name) for name, a in zip(ids, atoms, strict=True)], targets)

    def to_structure(self, row: int) -> Structure:
        """Crystal `row` as a pymatgen Structure."""
        from pymatgen.core import Element, Lattice, Structure

        count_crystals(1)
        a, b, c = (bool(p) for p in self.pbc[row])
        species = [Element.from_Z(int(z)) for z in self.atomic_numbers[self.atoms_of(row)]]
        return Structure(Lattice(self.lattice[row], pbc=(a, b, c)), species, self.frac_coords[self.atoms_of(row)])

    def to_atoms(self, row: int) -> Atoms:
        """Crystal `row` as ASE Atoms."""
        from ase import Atoms

        count_crystals(1)
        numbers = self.atomic_numbers[self.atoms_of(row)]
        return Atoms(numbers, positions=self.cart_coords(row), cell=self.lattice[row], pbc=self.pbc[row])

    def to_parquet(self, path: str | Path) -> None:
        """Write the table, atomically: one row a crystal, structures as flat lists, then the targets."""
        lists = pa.ListArray.from_arrays
        rows = np.arange(len(self) + 1, dtype=np.int32)
        offsets = self.offsets.astype(np.int32)
        columns = [
            pa.array(self.ids, pa.string()),
            lists(rows * 9, self.lattice.ravel()),
            lists(rows * 3, self.pbc.ravel()),
            lists(offsets, self.atomic_numbers),
            lists(offsets * 3, self.frac_coords.ravel()),
            *(pa.array(self.targets[name].to_numpy(), from_pandas=True) for name in self.targets),
        ]
        table = pa.table(columns, names=[*STRUCTURE_COLUMNS, *self.targets.columns])
        partial = Path(f"{path}.{os.getpid()}.partial")
        try:
            pq.write_table(table, partial)
            os.replace(partial, path)
        finally:
            partial.unlink(missing_ok=True)

    @classmethod
    def from_parquet(cls, path: str | Path, targets: Sequence[str] | None = None) -> Crystals:
        """Read a table written by `to_parquet`, or one without `pbc` (then periodic in all directions).

        Rows without a structure are left out. `targets` names the columns to keep (default: every numeric one).

        Raises:
            InputError: the file is not Parquet, is damaged, or lacks a column.
        """
        with open_parquet(Path(path)) as file:
            there = file.schema_arrow.names
            for name in (*STRUCTURE_COLUMNS, *(targets or ())):
                if name not in there and name != "pbc":
                    raise InputError(f"{path}: no column '{name}'; expected {', '.join(STRUCTURE_COLUMNS)} and the targets")
            wanted = None if targets is None else [name for name in (*STRUCTURE_COLUMNS, *targets) if name in there]
            try:
                table = file.read(wanted)
            except (pa.ArrowException, OSError, ValueError, MemoryError) as error:
                reason = str(error).partition("\n")[0]
                raise InputError(f"{path}: not a readable Parquet file ({reason})") from error
        try:
            return cls._from_table(table.filter(pa.compute.is_valid(table["lattice"])).combine_chunks(), targets)
        except (AttributeError, TypeError, ValueError, OverflowError, KeyError, IndexError, pa.ArrowException) as error:
            reason = str(error).partition("\n")[0]
            raise InputError(f"{path}: a column has not the expected type or lengths ({reason})") from error

    @classmethod
    def _from_table(cls, table: pa.Table, targets: Sequence[str] | None) -> Crystals:
        ids = table["material_id"].cast(pa.string()).to_numpy().astype(object)
        if table["material_id"].null_count:
            raise ValueError("material_id is missing in a row")
        offsets, numbers = _flat(table["atomic_numbers"])
        coordinate_offsets, frac_coords = _flat(table["frac_coords"])
        if not np.array_equal(3 * offsets.astype(np.int64), coordinate_offsets):
            raise ValueError("frac_coords does not hold three numbers an atom")
        periodic = _flat(table["pbc"])[1] if "pbc" in table.column_names else np.ones(3 * len(ids), dtype=bool)
        if targets is None:
            numeric = (f.name for f in table.schema if pa.types.is_floating(f.type) or pa.types.is_integer(f.type))
            targets = [name for name in numeric if name not in STRUCTURE_COLUMNS]
        return cls(
            ids=ids,
            lattice=_flat(table["lattice"])[1].astype(float).reshape(-1, 3, 3),
            pbc=periodic.reshape(-1, 3),
            offsets=offsets.astype(np.int64),
            atomic_numbers=numbers.astype(np.int64),
            frac_coords=frac_coords.astype(float).reshape(-1, 3),
            targets=table.select(targets).to_pandas().astype(float).set_axis(pd.Index(ids, name="material_id")),
        )


def parquet_columns(path: Path) -> list[str]:
    """The names of the columns of a table. Raises InputError where it is no readable Parquet file."""
    with open_parquet(path) as file:
        return list(file.schema_arrow.names)


Cell = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def cell_of_structure(structure: Structure, name: str) -> Cell:
    """(lattice, pbc, atomic numbers, fractional coordinates) of a pymatgen structure called `name` in errors."""
    elements = [element_of_site([(s.Z, occupancy) for s, occupancy in site.species.items()]) for site in structure]
    if None in elements:
        species = structure[elements.index(None)].species_string
        raise InputError(f"{name}: site {species} is partially occupied; structures must be ordered")
    numbers = np.array(elements)
    if not np.isin(numbers, np.arange(1, 119)).all():  # pymatgen gives a placeholder species a hash for a number
        raise InputError(f"{name}: an atom is of no known element; the species are {structure.formula}")
    return structure.lattice.matrix, np.array(structure.lattice.pbc), numbers, structure.frac_coords


def element_of_site(species: Sequence[tuple[int, float]]) -> int | None:
    """The atomic number on a site of (atomic number, occupancy) pairs that is full with one element; None for any other.

    A site that is deuterium in part and hydrogen for the rest is a full hydrogen.
    """
    full = abs(sum(occupancy for _, occupancy in species) - 1) <= 1e-8  # pymatgen's own tolerance
    return species[0][0] if full and len({number for number, _ in species}) == 1 else None


def cell_of_atoms(atoms: Atoms, name: str) -> Cell:
    """(lattice, pbc, atomic numbers, fractional coordinates) of ASE atoms called `name` in errors."""
    missing = ~atoms.cell.any(axis=1)
    if (missing & atoms.pbc).any():
        raise InputError(f"{name}: periodic along a direction without a cell vector")
    if (atoms.numbers <= 0).any():
        raise InputError(f"{name}: atom {int((atoms.numbers <= 0).argmax())} is of no known element")
    cell = atoms.cell.complete()
    if not abs(cell.volume) > 0:
        raise InputError(f"{name}: the lattice vectors span no volume")
    return np.array(cell), atoms.pbc.copy(), atoms.numbers, cell.scaled_positions(atoms.positions)


def _flat(column: pa.ChunkedArray) -> tuple[np.ndarray, np.ndarray]:
    """Offsets and flattened values of a list column, without touching Python objects."""
    array = column.combine_chunks()
    array = array.chunk(0) if isinstance(array, pa.ChunkedArray) else array
    offsets = array.offsets.to_numpy()
    return offsets - offsets[0], array.flatten().to_numpy(zero_copy_only=False)
