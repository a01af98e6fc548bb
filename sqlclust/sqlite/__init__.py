"""What is SQLite's and knows nothing of clustering: the port, statements, transactions, interrupts, backup."""
