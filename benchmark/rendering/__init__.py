"""Records in, text out: nothing here trains, and nothing here needs torch."""
