"""The averaged SOAP descriptor of a crystal, by dscribe, periodic in the directions of `pbc`.

dscribe's power spectrum with the average taken before the sum over magnetic quantum numbers ("inner"):
p_{nn'l}^{Z1 Z2} ~ Σ_m ⟨c_{nlm}^{Z1}⟩* ⟨c_{n'lm}^{Z2}⟩, ⟨·⟩ over the atoms. Bartók, Kondor & Csányi, Phys. Rev. B 87, 184115
(2013).
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import math
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import scipy.sparse as sp

from datasets.cache import Arrays, cached
from datasets.crystals import Crystals
from datasets.errors import InputError
from models.contract import Settings

ELEMENTS = range(1, 119)
"""dscribe leaves the columns of absent elements at exactly zero, so one layout serves every set of crystals."""

CHUNK = 1000
"""Crystals described in one go."""


@dataclass(frozen=True)
class SoapSettings(Settings):
    """The descriptor; the defaults are the thesis's."""

    r_cut: float = 5.0
    n_max: int = 1
    l_max: int = 2

    def __post_init__(self) -> None:
        if not (1 < self.r_cut < math.inf and self.n_max >= 1 and 0 <= self.l_max <= 20):
            raise InputError(
                f"impossible descriptor: r_cut={self.r_cut}, n_max={self.n_max}, l_max={self.l_max}; "
                "r_cut must be above 1 Å, n_max at least 1, l_max from 0 to 20"
            )


@lru_cache
def descriptor(settings: SoapSettings) -> Any:
    """The dscribe object over all elements."""
    from dscribe.descriptors import SOAP  # takes 2 s, so only where it is used

    r_cut, n_max, l_max = settings.r_cut, settings.n_max, settings.l_max
    return SOAP(r_cut=r_cut, n_max=n_max, l_max=l_max, average="inner", periodic=True, species=ELEMENTS)


def describe(crystals: Crystals, settings: SoapSettings) -> sp.csr_array:
    """(n, every pair of elements) float32 descriptors; a crystal of k elements fills only k (k + 1) / 2 blocks."""
    soap = descriptor(settings)
    rows = [sp.csr_array((0, soap.get_number_of_features()), dtype=np.float32)]
    for row in range(len(crystals)):
        atoms = crystals.to_atoms(row)
        # dscribe misses neighbours of a periodic atom that stands far outside its cell.
        atoms.wrap()
        vector = soap.create_single(atoms).astype(np.float32)
        if not np.isfinite(vector).all():
            raise InputError(f"crystal '{crystals.ids[row]}': its SOAP descriptor is not finite; remove the crystal")
        rows.append(sp.csr_array(vector[None]))
    return sp.vstack(rows, "csr")


def _describe_all(crystals: Crystals, settings: SoapSettings) -> Arrays:
    chunks = [crystals.take(np.arange(i, min(i + CHUNK, len(crystals)))) for i in range(0, len(crystals), CHUNK)]
    # A process takes seconds to import dscribe, so a pool is for many chunks.
    processes = min(joblib.cpu_count(), len(chunks) // 4) or 1
    found = joblib.Parallel(n_jobs=processes)(joblib.delayed(describe)(chunk, settings) for chunk in chunks)
    return as_arrays(sp.vstack([describe(crystals.take([]), settings), *found], "csr"))


def soap_table(crystals: Crystals, settings: SoapSettings) -> SoapTable:
    """Describe the crystals, or read the descriptors from the cache; cached by structures, settings and code."""
    key = {
        "structures": crystals.structure_hash,
        "parameters": [settings.r_cut, settings.n_max, settings.l_max],
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
