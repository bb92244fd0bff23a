"""Public sources to the data directory."""
