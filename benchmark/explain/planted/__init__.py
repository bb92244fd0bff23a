"""Ground truth: synthetic sets whose classes are decided by a planted motif, and whether XGNN finds it."""
