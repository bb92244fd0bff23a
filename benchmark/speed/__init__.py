"""Measured speeds and memory: files of pytest-benchmark, their comparison and page. Needs no torch."""
