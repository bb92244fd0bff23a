"""What graph networks share: batches, message passing, layers, atom features."""
