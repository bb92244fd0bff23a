"""What a result is and where it lives: records, stores, submissions, publishing. Needs no torch."""
