"""Files, folders and tables as crystals."""
