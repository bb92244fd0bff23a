"""Boards from records alone. Needs no torch."""
