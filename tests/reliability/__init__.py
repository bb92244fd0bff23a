"""What hostile files, hard faults and random damage do to the commands: `python -m tests.reliability` writes the page."""
