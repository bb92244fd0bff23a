"""Magnetic symmetry of a CIF: only operations and transformations that are plain sums of fractions reach pymatgen's parser."""

from __future__ import annotations

import re

from datasets.errors import InputError
from datasets.readers.cif_blocks import Block
from datasets.readers.cif_symmetry import require_few

OPERATIONS, CENTERINGS = "_space_group_symop_magn_operation.xyz", "_space_group_symop_magn_centering.xyz"
TRANSFORMATION = "_space_group_magn.transform_BNS_Pp_abc"

_FRACTION = r"\d{1,4}(?:\.\d{1,8})?(?:/\d{1,4})?"
_AXIS = rf"(?:{_FRACTION}\*?)?[abc](?:/\d{{1,4}})?"
_SUM = rf"[+-]?{_AXIS}(?:[+-]{_AXIS})*"
_SHIFT = rf"[+-]?{_FRACTION}"
_PLAIN = re.compile(rf"{_SUM},{_SUM},{_SUM};{_SHIFT},{_SHIFT},{_SHIFT}")
"""`1/2a+1/2b,-b,c;1/4,0,0`: pymatgen hands the first half to a symbolic parser, which would also raise to a power."""


def require_plain_magnetism(block: Block) -> None:
    """Raise InputError where the magnetic symmetry of a block with sites is too large or says more than fractions."""
    counts = [len(texts) if isinstance(texts := block.get(tag, ""), list) else 1 for tag in (OPERATIONS, CENTERINGS)]
    require_few(counts[0] * counts[1], block)
    said = block.get(TRANSFORMATION, "a,b,c;0,0,0")
    if not isinstance(said, str) or not _PLAIN.fullmatch(re.sub(r"\s", "", said)):
        raise InputError(f"{TRANSFORMATION} is '{str(said)[:60]}'; expected sums of fractions such as 1/2a+b,-b,c;0,0,1/4")
