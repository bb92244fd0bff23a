"""What the found graphs have in common: motifs, the tests of their enrichment, and published findings tested likewise."""
