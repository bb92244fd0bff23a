"""Built-in data sets: one a file, each with a list `DATASETS`."""
