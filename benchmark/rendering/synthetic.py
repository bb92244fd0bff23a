"""Sets whose labels are those of a toy model, and the sentence about them. Needs no torch."""

from __future__ import annotations

from datasets.registry import built_in

SYNTHETIC = "Synthetic sets have the labels of a toy model (EMT): they demonstrate the suite and say nothing about materials."


def is_synthetic(dataset: str) -> bool:
    """Whether the labels of a data set, by its name, are those of a toy model."""
    known = built_in().get(dataset)
    return known is not None and known.card.synthetic
