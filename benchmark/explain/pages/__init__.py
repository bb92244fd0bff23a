"""Pages of explanations, from records alone. Needs no torch."""
