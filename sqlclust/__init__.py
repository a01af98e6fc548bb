"""Density clustering of embeddings inside SQLite."""

__version__ = "0.1.0"
