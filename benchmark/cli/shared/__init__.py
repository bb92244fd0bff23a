"""What several commands share: options, progress bars, the table of a plan, the search for command modules."""
