"""Explainers beside XGNN: what full regressors look at in real crystals, and whether that agrees with XGNN."""
