"""Sources: embeddings that stay in the tables of other programs, and what is kept of them here."""
