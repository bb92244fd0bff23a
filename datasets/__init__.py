"""What is predicted: crystals, their targets and their neighbours, as columns. Imports neither torch nor DGL."""
