"""Embeddings of a database: loading, selecting and checking them."""
