"""What to know about a data set before trusting a score on it: cards and health pages. Needs no torch."""
