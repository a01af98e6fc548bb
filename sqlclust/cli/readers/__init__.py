"""Embeddings read from files. No SQL."""
