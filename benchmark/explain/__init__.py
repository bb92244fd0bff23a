"""XGNN: which small graphs of typed nodes a network takes for one class, as records and tested statements."""
