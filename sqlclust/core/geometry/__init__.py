"""Vectors and their distances, and what rounding does to them."""
