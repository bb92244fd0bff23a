"""Work on large tensors piece by piece, so that what is computed in between stays in the processor's cache."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor

PIECE = 1 << 18
"""Numbers worked on in one go on the CPU: 1 MB in single precision."""


def pieces(x: Tensor, width: int = 0) -> Iterator[slice]:
    """Slices of the rows of x, which are `width` numbers wide; a device other than the CPU takes all at once."""
    step = max(PIECE // (width or x.shape[1]), 1) if x.device.type == "cpu" else max(len(x), 1)
    return (slice(start, start + step) for start in range(0, len(x), step))
