"""Which elements are of each group and period, for people who read a page."""

from __future__ import annotations

import re
from collections.abc import Iterable

from benchmark.explain.node_types import NodeTypeKind

ELEMENTS: dict[NodeTypeKind, tuple[str, ...]] = {
    "group": (
        "H and the alkali metals Li, Na, K, Rb, Cs, Fr", "alkaline earth metals Be, Mg, Ca, Sr, Ba, Ra",
        "Sc, Y, lanthanoids, actinoids", "Ti, Zr, Hf", "V, Nb, Ta", "Cr, Mo, W", "Mn, Tc, Re", "Fe, Ru, Os", "Co, Rh, Ir",
        "Ni, Pd, Pt", "Cu, Ag, Au", "Zn, Cd, Hg", "B, Al, Ga, In, Tl", "C, Si, Ge, Sn, Pb", "N, P, As, Sb, Bi",
        "chalcogens O, S, Se, Te, Po", "halogens F, Cl, Br, I, At", "noble gases He, Ne, Ar, Kr, Xe, Rn",
    ),
    "period": ("H, He", "Li to Ne", "Na to Ar", "K to Kr", "Rb to Xe", "Cs to Rn", "Fr, Ra and the actinoids"),
}  # fmt: skip
"""Of group n or period n, at place n - 1."""

MOTIF = re.compile(r"\b(?:bond|triangle|node type|group|period) ([0-9]+(?:–[0-9]+)*)")


def legend(kind: NodeTypeKind, motifs: Iterable[str]) -> str:
    """The elements of every group or period that motifs name, as a sentence; empty where they name none."""
    found = sorted({int(number) for motif in motifs for named in MOTIF.findall(motif) for number in named.split("–")})
    told = "; ".join(f"{number} ({ELEMENTS[kind][number - 1]})" for number in found)
    return f"The {kind}s named here: {told}." if told else ""


def all_elements(kind: NodeTypeKind) -> str:
    """The elements of every group or period."""
    return f"{kind.capitalize()}s: {'; '.join(f'{number} ({told})' for number, told in enumerate(ELEMENTS[kind], 1))}."
