"""Moving in from the old project."""
