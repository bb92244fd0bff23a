"""How it is predicted: one model family a file, all behind one small contract. Imports datasets, never benchmark."""
