"""Model families: one a file, each with a list `MODELS`."""
