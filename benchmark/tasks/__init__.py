"""What is asked: tasks, folds, scores, leakage between parts of a fold. Needs no torch."""
