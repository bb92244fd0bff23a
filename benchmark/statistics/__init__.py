"""Is the difference real? Needs no torch."""
