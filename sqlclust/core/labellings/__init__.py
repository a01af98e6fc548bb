"""Arrays only: two labellings of the same things, compared."""
