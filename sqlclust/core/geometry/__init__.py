"""Arrays only: distances between vectors, and what rounding does to them."""
