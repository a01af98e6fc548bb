"""Two labellings of the same things, compared."""
