"""Which model to train on so many crystals in so much time, from the records: expected error, cost, and what is not known."""
