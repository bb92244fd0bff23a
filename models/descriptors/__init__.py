"""What models without a graph share."""
