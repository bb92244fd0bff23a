"""Element features: the 92 columns of the original CGCNN, kept as nine binned properties an element.

Xie & Grossman, Phys. Rev. Lett. 120, 145301 (2018), table S2. Each property is one-hot coded; an unknown one leaves its
block zero.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from datasets.crystals import Crystals
from datasets.errors import InputError, require_none

MOST_FEATURES = 10_000
"""Of an element, in a file of the user's."""

PROPERTIES = {
    "group": 19,
    "period": 7,
    "electronegativity": 10,
    "covalent radius": 10,
    "valence electrons": 12,
    "first ionisation energy": 10,
    "electron affinity": 10,
    "block": 4,
    "atomic volume": 10,
}
"""Property → number of classes, in the order of the columns."""

# One line an element, Z = 1 … 100: symbol, then the class of each property ("-" is unknown).
CLASSES = """
H   1  0  4  0  0  6  5  0  4
He 18  0  -  0  1  9  -  0  6
Li  1  1  1  4  0  1  5  0  3
Be  2  1  3  3  1  4  0  0  0
B  13  1  4  2  2  4  4  1  0
C  14  1  5  2  3  5  6  1  0
N  15  1  7  2  4  6  2  1  4
O  16  1  8  1  5  6  6  1  4
F  17  1  9  1  6  7  9  1  4
Ne 18  1  -  1  7  8  -  1  4
Na  1  2  1  5  0  1  5  0  5
Mg  2  2  2  5  1  3  -  0  4
Al 13  2  3  4  2  2  5  1  2
Si 14  2  3  4  3  3  6  1  3
P  15  2  4  3  4  5  5  1  4
S  16  2  5  3  5  5  7  1  4
Cl 17  2  7  3  6  6  9  1  5
Ar 18  2  -  3  7  7  -  1  6
K   1  3  0  7  0  0  5  0  8
Ca  2  3  1  6  1  2  4  0  6
Sc  3  3  2  5  2  2  4  2  4
Ti  4  3  2  4  3  3  4  2  3
V   5  3  3  4  4  3  5  2  2
Cr  6  3  3  4  5  3  5  2  1
Mn  7  3  3  4  6  3  -  2  1
Fe  8  3  3  4  7  3  4  2  1
Co  9  3  3  3  8  3  5  2  1
Ni 10  3  4  3  9  3  6  2  1
Cu 11  3  3  3 10  3  6  2  1
Zn 12  3  3  4 11  4  -  2  2
Ga 13  3  3  4  2  2  5  1  3
Ge 14  3  4  4  3  3  6  1  3
As 15  3  4  4  4  4  5  1  3
Se 16  3  5  4  5  4  7  1  4
Br 17  3  7  3  6  5  9  1  5
Kr 18  3  -  4  7  6  -  1  7
Rb  1  4  0  8  0  0  5  0  9
Sr  2  4  1  7  1  2  4  0  7
Y   3  4  2  6  2  2  4  2  5
Zr  4  4  2  5  3  2  5  2  4
Nb  5  4  3  5  4  3  5  2  3
Mo  6  4  4  5  5  3  5  2  2
Tc  7  4  4  4  6  3  5  2  2
Ru  8  4  4  4  7  3  6  2  2
Rh  9  4  5  4  8  3  6  2  2
Pd 10  4  4  4 11  4  5  2  2
Ag 11  4  4  4 10  3  6  2  2
Cd 12  4  3  4 11  4  -  2  3
In 13  4  3  5  2  2  4  1  4
Sn 14  4  4  5  3  3  6  1  4
Sb 15  4  4  5  4  4  6  1  5
Te 16  4  4  4  5  4  7  1  5
I  17  4  6  4  6  5  9  1  6
Xe 18  4  6  4  7  5  4  1  8
Cs  1  5  0  9  0  0  5  0  9
Ba  2  5  1  7  1  1  4  0  7
La  0  5  1  6  1  2  5  3  5
Ce  0  5  1  6  1  2  5  3  5
Pr  0  5  1  6  1  1  5  3  5
Nd  0  5  1  6  1  2  7  3  5
Pm  0  5  -  6  1  2  -  3  -
Sm  0  5  1  6  1  2  -  3  5
Eu  0  5  -  6  1  2  5  3  6
Gd  0  5  1  6  1  2  -  3  5
Tb  0  5  -  6  1  2  6  3  5
Dy  0  5  2  6  1  2  5  3  5
Ho  0  5  2  6  1  2  -  3  5
Er  0  5  2  6  1  2  -  3  5
Tm  0  5  2  6  1  2  6  3  4
Yb  0  5  -  6  1  2  4  3  6
Lu  3  5  1  6  2  1  4  2  4
Hf  4  5  2  5  3  3  4  2  3
Ta  5  5  2  5  4  3  4  2  3
W   6  5  3  4  5  3  5  2  2
Re  7  5  3  4  6  3  4  2  2
Os  8  5  4  4  7  4  6  2  2
Ir  9  5  4  4  8  4  6  2  2
Pt 10  5  4  4  9  4  7  2  2
Au 11  5  5  4 10  4  7  2  2
Hg 12  5  3  4 11  5  -  2  4
Tl 13  5  3  5  2  2  5  1  4
Pb 14  5  3  5  3  3  5  1  5
Bi 15  5  3  5  4  3  5  1  5
Po 16  5  4  5  5  4  7  1  5
At 17  5  4  5  6  4  8  1  -
Rn 18  5  -  5  7  5  -  1  -
Fr  1  6  0  8  0  0  5  0  -
Ra  2  6  1  7  1  1  4  0  8
Ac  0  6  1  7  1  1  5  3  5
Th  0  6  2  6  1  2  -  3  5
Pa  0  6  2  6  1  2  -  3  4
U   0  6  3  6  1  2  -  3  3
Np  0  6  2  6  1  2  -  3  5
Pu  0  6  2  6  1  2  -  3  -
Am  0  6  -  6  1  2  -  3  5
Cm  0  6  -  6  1  2  -  3  5
Bk  0  6  -  6  1  2  -  3  -
Cf  0  6  -  6  1  2  -  3  -
Es  0  6  -  6  1  2  -  3  -
Fm  0  6  -  6  1  2  -  3  -
"""


def cgcnn_features() -> np.ndarray:
    """(101, 92) float32 one-hot features by atomic number; row 0 stays zero."""
    table = np.zeros((101, sum(PROPERTIES.values())), dtype=np.float32)
    starts = np.cumsum([0, *PROPERTIES.values()])
    for z, line in enumerate(CLASSES.strip().splitlines(), start=1):
        for start, value in zip(starts, line.split()[1:], strict=False):
            if value != "-":
                table[z, start + int(value)] = 1.0
    return table


def read_element_features(path: Path) -> np.ndarray | None:
    """(Z, F) float32 features of a JSON of `{"atomic number": [F numbers]}`, the original CGCNN's `atom_init.json`.

    Returns:
        By atomic number, zero rows where the file has no element; None where the file says what `cgcnn_features` says.

    Raises:
        InputError: not such a file; the line names it and the element.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
        rows = {int(z): np.asarray(row, dtype=np.float32) for z, row in content.items()}
    except (OSError, ValueError, TypeError, AttributeError, RecursionError, OverflowError) as error:
        raise InputError(f"{path}: not a JSON of element features, {{atomic number: [numbers]}} ({error})") from None
    width = max((len(row) for row in rows.values() if row.ndim == 1), default=0)
    if width > MOST_FEATURES:
        raise InputError(f"{path}: {width:,} features of an element; at most {MOST_FEATURES:,} are read")
    table = np.zeros((119, width), dtype=np.float32)
    for z, row in rows.items():
        if not 1 <= z <= 118 or row.shape != (width,) or not np.isfinite(row).all():
            raise InputError(f"{path}: element '{z}' must be an atomic number with a list of {width} finite numbers")
        table[z] = row
    if not table.any():
        raise InputError(f"{path}: no element has features")
    known = table[: 1 + int(np.flatnonzero(table.any(axis=1)).max())]
    return None if np.array_equal(known, cgcnn_features()) else known


def magpie_features() -> np.ndarray:
    """(101, 22) float32 Magpie element properties from matminer, standardised over the elements; unknown values are 0.

    Ward et al., npj Comput. Mater. 2, 16028 (2016).
    """
    from matminer.featurizers.composition import ElementProperty
    from matminer.utils.data import MagpieData
    from pymatgen.core import Element

    magpie = MagpieData(impute_nan=False)
    names = ElementProperty.from_preset("magpie").features
    elements = [Element.from_Z(z) for z in range(1, 101)]
    table = np.array([[magpie.get_elemental_property(element, name) for name in names] for element in elements])
    scaled = (table - np.nanmean(table, axis=0)) / np.nanstd(table, axis=0)
    return np.concatenate([np.zeros((1, len(names))), np.nan_to_num(scaled)]).astype(np.float32)


def require_features(crystals: Crystals, table: np.ndarray) -> None:
    """Raise InputError naming the crystals with an element that `table` has no row for."""
    require_none(crystals.ids, without_features(crystals, table), "remove")


def without_features(crystals: Crystals, table: np.ndarray) -> dict[int, str]:
    """Row → which element `table` has no row for, of the crystals that hold one."""
    numbers = crystals.atomic_numbers
    known = (numbers > 0) & (numbers < len(table))
    known &= np.any(table, axis=1)[np.where(known, numbers, 0)]
    unknown = np.flatnonzero(~known)
    rows, first = np.unique(np.searchsorted(crystals.offsets, unknown, side="right") - 1, return_index=True)
    atoms = unknown[first]
    return {int(row): f"no features for the element with Z = {numbers[i]}" for row, i in zip(rows, atoms, strict=True)}
