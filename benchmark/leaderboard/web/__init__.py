"""The web page of a board."""
