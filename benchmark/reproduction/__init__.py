"""Published tables beside our own runs with the published protocol, sizes and budget."""
