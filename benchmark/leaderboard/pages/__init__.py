"""Markdown pages of a board."""
