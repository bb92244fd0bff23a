"""Reads the crystal of a CIF with pymatgen's parser, which must not guess: a doubtful file is refused by name."""

from __future__ import annotations

import warnings
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from datasets.crystals import Cell, cell_of_structure
from datasets.errors import InputError
from datasets.readers.ase_images import require_one
from datasets.readers.checks import too_close
from datasets.readers.cif_blocks import Block, cell_metric, has_sites, require_sites, respelled
from datasets.readers.cif_formula import declared_formula, formula_contradiction
from datasets.readers.cif_groups import Operations
from datasets.readers.cif_magnetic import require_plain_magnetism
from datasets.readers.cif_sites import (
    FULL,
    atoms_of,
    occupancies_of,
    put_on_special_positions,
    require_multiplicities,
    shared_place,
    tidy_sites,
)
from datasets.readers.cif_symmetry import operations_of
from datasets.readers.cif_text import prepared
from datasets.readers.symbols import number_of

if TYPE_CHECKING:
    from pymatgen.core import Structure
    from pymatgen.core.operations import MagSymmOp, SymmOp
    from pymatgen.io.cif import CifParser

HARMLESS = (
    "coordinates rounded to ideal values",  # a third written with four digits or more
    "parsed as",  # a symbol in capitals, whose element is known before
    "sum to > 1",  # by less than 0.005; pymatgen raises an error above that
    "Keys changed to match new magCIF specification",  # names of tags
    "No Pauling electronegativity",  # orders atoms only
    "No structure parsed for section",  # a block without atoms; an error of the block with atoms is raised below
    "Issues encountered while parsing CIF",  # repeats the others
)
"""What pymatgen warns of that changes no crystal; every other warning is an error."""

ABOUT_CODE = (DeprecationWarning, FutureWarning)
"""Warnings of how libraries are called."""


def read_cif(text: str, name: str) -> Cell:
    """The crystal of a CIF text.

    Raises:
        InputError: it has no or several structures, a site, its symmetry or its cell is doubtful, or the atoms contradict the
            declared formula. Anything else where pymatgen cannot parse the text.
    """
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            text, has_blocks = prepared(text)
            parser = _parser_class().from_str(text, occupancy_tolerance=1 + FULL, check_cif=False)
            blocks = [block for block in parser.as_dict().values() if has_sites(block)]
            if not blocks and not has_blocks:
                raise InputError("not a readable CIF file: no data block, which begins with a line such as data_name")
            if not blocks:
                raise ValueError("no data block with atoms")
            require_one(len(blocks), name)
            structure = _structure(parser, blocks[0])
        except InputError as error:
            prefix = "" if str(error).startswith(f"{name}: ") else f"{name}: "
            raise InputError(f"{prefix}{error}") from error
    for message in (*parser.warnings, *(str(w.message) for w in warned if not issubclass(w.category, ABOUT_CODE))):
        if not any(harmless in message for harmless in HARMLESS):
            raise InputError(f"{name}: the parser had to guess: {' '.join(message.split())[:200]}")
    cell = cell_of_structure(structure, name)
    contradiction = formula_contradiction(blocks[0], cell[2])
    if contradiction:
        raise InputError(f"{name}: {contradiction}")
    return cell


def _structure(parser: Any, block: Block) -> Structure:
    """The structure of the block with atoms, whose rows must all be in it."""
    try:
        (structure,) = parser.parse_structures(primitive=False, on_error="ignore")
    except ValueError as error:
        reason = " ".join([*parser.warnings[-1:], str(error)])
        both = shared_place(block, parser.operations) if "exceeded tolerance" in reason and parser.operations else None
        if both:
            raise InputError(
                f"sites {both} are on one place, by the coordinates or by symmetry; list each atom once"
            ) from error
        raise ValueError(reason) from error
    except NotImplementedError as error:
        raise InputError(f"{error}"[:200]) from error
    expected = parser.n_atoms
    if expected is not None and abs(expected - sum(site.species.num_atoms for site in structure)) > FULL * len(structure):
        raise InputError(f"the listed sites are {expected:g} atoms by symmetry, but {len(structure)} places were made of them")
    return structure


@lru_cache(maxsize=1)
def _parser_class() -> type[CifParser]:
    """pymatgen's parser with its guesses replaced: tags, symbols, occupancies, symmetry, special positions."""
    from pymatgen.io.cif import CifBlock, CifParser

    class Parser(CifParser):
        metric: np.ndarray
        operations: Operations | None = None
        n_atoms: float | None = None  # None where the symmetry is magnetic

        def _sanitize_data(self, data: CifBlock) -> CifBlock:
            data.data = respelled(data.data)
            if has_sites(data.data):
                columns = [tag for loop in data.loops for tag in respelled(dict.fromkeys(loop))]
                if len(set(columns)) < len(columns):
                    raise InputError("two loops have the same columns; which one holds cannot be told")
                require_sites(data.data)
                self.metric = cell_metric(data.data)
                tidy_sites(data.data, declared_formula(data.data))
            return super()._sanitize_data(data)

        def get_symops(self, data: CifBlock) -> list[SymmOp]:
            block = data.data
            if not has_sites(block):
                return []
            metric = self.metric
            found = self.operations = operations_of(block, metric, lambda operations: _attempt(block, operations, metric))
            n_images = put_on_special_positions(block, found, metric)
            require_multiplicities(block, n_images, len(found))
            self.n_atoms = float(occupancies_of(block) @ n_images)
            return found.as_pymatgen

        def get_magsymops(self, data: CifBlock) -> list[MagSymmOp]:
            if not has_sites(data.data):
                return []
            require_plain_magnetism(data.data)
            return super().get_magsymops(data)

    return Parser


def _attempt(block: Block, operations: Operations, metric: np.ndarray) -> tuple[int, str | None]:
    """How many atoms operations make of the sites, and why these cannot be the crystal."""
    from ase.geometry import cellpar_to_cell

    trial: dict[str, Any] = {tag: list(value) if isinstance(value, list) else value for tag, value in block.items()}
    try:
        put_on_special_positions(trial, operations, metric)
    except InputError as error:
        return 0, str(error)
    sites, frac_coords = atoms_of(trial, operations, metric)
    numbers = np.array([number_of(symbol) for symbol in trial["_atom_site_type_symbol"]])[sites]
    lengths = np.sqrt(np.diag(metric))
    cosines = metric / np.outer(lengths, lengths)
    angles = np.rad2deg(np.arccos([cosines[1, 2], cosines[0, 2], cosines[0, 1]]))
    lattice = np.array(cellpar_to_cell([*lengths, *angles]))
    near = too_close((lattice, np.ones(3, dtype=bool), numbers, frac_coords))
    return len(numbers), near or formula_contradiction(trial, numbers)
