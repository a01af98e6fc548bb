"""Vectors as bytes and texts: the formats they come in, and the float32 they become."""
