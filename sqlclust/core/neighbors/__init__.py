"""Arrays only: the nearest neighbours of vectors, exactly and approximately."""
