"""XGNN: which small graphs of labelled atoms a network takes for one class, as records and tested statements."""
