"""How well it is predicted: tasks, folds, records, the harness and the boards rendered from records."""
