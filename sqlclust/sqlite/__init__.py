"""What is SQLite's and knows nothing of clustering: running statements, and which values SQLite may call equal."""
