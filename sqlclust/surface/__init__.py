"""What SQL sees: plain callables with names and argument lists. Only `sqlclust/connection.py` knows how they are bound."""
