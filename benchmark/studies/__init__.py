"""Studies: what changes when one thing about a model does, over many ordinary jobs."""
