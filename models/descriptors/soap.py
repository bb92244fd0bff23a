"""The averaged SOAP descriptor of a crystal, by dscribe, periodic in the directions of `pbc`.

dscribe's power spectrum with the average taken before the sum over magnetic quantum numbers ("inner"):
p_{nn'l}^{Z1 Z2} ~ Σ_m ⟨c_{nlm}^{Z1}⟩* ⟨c_{n'lm}^{Z2}⟩, ⟨·⟩ over the atoms. Bartók, Kondor & Csányi, Phys. Rev. B 87, 184115
(2013).
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import math
from dataclasses import dataclass, field
from functools import lru_cache, partial
from itertools import combinations_with_replacement
from pathlib import Path
from typing import Any, Literal

import numpy as np
import scipy.sparse as sp

from datasets.cache import Arrays, cached
from datasets.compact_cells import compact
from datasets.crystals import Crystals
from datasets.errors import InputError, require_none
from datasets.parallel import on_every_core
from models.contract import Settings

ELEMENTS = range(1, 119)
"""dscribe leaves the columns of absent elements at exactly zero, so one layout serves every set of crystals."""

CHUNK = 250
"""Crystals described in one go."""

POOL_FROM = 4000
"""Crystals for which it pays to start processes, each of which takes seconds to import dscribe."""


@dataclass(frozen=True)
class SoapSettings(Settings):
    """The SOAP descriptor; the defaults are the thesis's.

    r_cut: Å within which an atom sees its neighbours.
    n_max: number of radial functions.
    l_max: highest degree of the spherical harmonics.
    pairs: "all" pairs of elements have their block of columns, or only those of an element with itself ("same"), as in
        MatDeepLearn; the blocks then grow with the number of elements, not with its square.
    """

    r_cut: float = 5.0
    n_max: int = 1
    l_max: int = 2
    pairs: Literal["all", "same"] = field(default="all", kw_only=True)

    def __post_init__(self) -> None:
        if not (1 < self.r_cut < math.inf and self.n_max >= 1 and 0 <= self.l_max <= 20):
            raise InputError(
                f"impossible descriptor: r_cut={self.r_cut}, n_max={self.n_max}, l_max={self.l_max}; "
                "r_cut must be above 1 Å, n_max at least 1, l_max from 0 to 20"
            )


@lru_cache(maxsize=256)
def descriptor(settings: SoapSettings, n_species: int = len(ELEMENTS)) -> Any:
    """The dscribe object over the elements 1 to `n_species`; by default over all."""
    from dscribe.descriptors import SOAP  # takes 2 s, so only where it is used

    r_cut, n_max, l_max = settings.r_cut, settings.n_max, settings.l_max
    compression = {"mode": "off" if settings.pairs == "all" else "crossover", "species_weighting": None}
    return SOAP(
        r_cut=r_cut, n_max=n_max, l_max=l_max, average="inner", periodic=True, species=ELEMENTS[:n_species],
        compression=compression,
    )  # fmt: skip


def describe(crystals: Crystals, settings: SoapSettings) -> sp.csr_array:
    """(n, every pair of elements) float32 descriptors; a crystal of k elements fills at most k (k + 1) / 2 blocks.

    To dscribe an element is a label, so those of a crystal become 1 to k, in order: it then computes these blocks alone,
    to the last bit what it finds in a row over all elements, most of which it would fill with zeros.
    """
    rows, columns = [np.empty(0, dtype=np.float32)], [np.empty(0, dtype=np.int32)]
    for row in range(len(crystals)):
        atoms = crystals.to_atoms(row)
        # dscribe misses neighbours of a periodic atom that stands far outside its cell.
        atoms.wrap()
        species, labels = np.unique(atoms.numbers, return_inverse=True)
        atoms.numbers = labels + 1
        vector = descriptor(settings, len(species)).create_single(atoms).astype(np.float32)
        if not np.isfinite(vector).all():
            raise InputError(f"crystal '{crystals.ids[row]}': its SOAP descriptor is not finite; remove the crystal")
        rows.append(vector)
        columns.append(columns_of(species, settings))
    starts = np.cumsum([len(vector) for vector in rows], dtype=np.int32)
    parts = (np.concatenate(rows), np.concatenate(columns), starts)
    matrix = sp.csr_array(parts, shape=(len(crystals), descriptor(settings).get_number_of_features()))
    matrix.eliminate_zeros()
    return matrix


def columns_of(species: np.ndarray, settings: SoapSettings) -> np.ndarray:
    """Where the blocks of the pairs of `species`, atomic numbers in rising order, lie in a row over all elements."""
    locate, elements = descriptor(settings).get_location, species.tolist()
    pairs = combinations_with_replacement(elements, 2) if settings.pairs == "all" else zip(elements, elements, strict=True)
    blocks = [locate(pair) for pair in pairs]
    return np.concatenate([np.arange(block.start, block.stop, dtype=np.int32) for block in blocks])


def _describe_all(crystals: Crystals, settings: SoapSettings) -> Arrays:
    made = compact(crystals, settings.r_cut)
    require_none(crystals.ids, made.refused, "remove")
    crystals = made.crystals
    chunks = [crystals.take(np.arange(i, min(i + CHUNK, len(crystals)))) for i in range(0, len(crystals), CHUNK)]
    work = partial(describe, settings=settings)
    found = on_every_core(work, chunks) if len(crystals) >= POOL_FROM else map(work, chunks)
    return as_arrays(sp.vstack([describe(crystals.take([]), settings), *found], "csr"))


def soap_table(crystals: Crystals, settings: SoapSettings) -> SoapTable:
    """Describe the crystals, or read the descriptors from the cache; cached by structures, settings and code."""
    key = {
        "structures": crystals.structure_hash,
        "parameters": [settings.r_cut, settings.n_max, settings.l_max, settings.pairs],
        "dscribe": importlib.metadata.version("dscribe"),
        "code": hashlib.sha256(Path(__file__).read_bytes()).hexdigest(),
    }
    entry = cached("soap", key, lambda: _describe_all(crystals, settings))
    n_columns = descriptor(settings).get_number_of_features()
    return SoapTable(crystals, as_matrix(entry.arrays, n_columns), entry.seconds)


def as_arrays(matrix: sp.csr_array) -> Arrays:
    """A sparse matrix as arrays by name, with 32-bit indices."""
    # scikit-learn refuses sparse matrices with 64-bit indices.
    indices, indptr = matrix.indices.astype(np.int32), matrix.indptr.astype(np.int32)
    return {"data": matrix.data, "indices": indices, "indptr": indptr}


def as_matrix(arrays: Arrays, n_columns: int) -> sp.csr_array:
    """What `as_arrays` took apart."""
    parts = (arrays["data"], arrays["indices"], arrays["indptr"])
    return sp.csr_array(parts, shape=(len(arrays["indptr"]) - 1, n_columns))


@dataclass(frozen=True, eq=False)
class SoapTable:
    """Crystals, what `describe` gives for them, and the wall-clock seconds that it took when it was computed."""

    crystals: Crystals
    matrix: sp.csr_array
    seconds: float
