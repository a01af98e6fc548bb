"""The nearest neighbours of vectors, exactly and approximately."""
