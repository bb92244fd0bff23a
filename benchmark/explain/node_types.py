"""Node types: the group or the period of an element, in place of the element itself."""

from __future__ import annotations

from functools import cache
from typing import Literal, get_args

import numpy as np

from datasets.errors import InputError

NodeTypeKind = Literal["group", "period"]

N_NODE_TYPES: dict[NodeTypeKind, int] = {"group": 18, "period": 7}

F_BLOCK = "lanthanoids and actinoids, lanthanum to lutetium and actinium to lawrencium, are of group 3 and periods 6 and 7"


def node_type_kind(text: str) -> NodeTypeKind:
    """The kind called `text`; InputError where there is none."""
    for kind in get_args(NodeTypeKind):
        if text == kind:
            return kind
    raise InputError(f"unknown node types '{text}'; choose {' or '.join(N_NODE_TYPES)}")


def node_types_of(atomic_numbers: np.ndarray, kind: NodeTypeKind) -> np.ndarray:
    """(N,) int64 node type of each atom, from 0: group 1 is 0. The f-block is of group 3 (`F_BLOCK`)."""
    return _table(kind)[atomic_numbers]


@cache
def _table(kind: NodeTypeKind) -> np.ndarray:
    """(119,) node type by atomic number; -1 for Z = 0."""
    from pymatgen.core import Element

    elements = [Element.from_Z(z) for z in range(1, 119)]
    return np.array([-1, *((element.group if kind == "group" else element.row) - 1 for element in elements)])
