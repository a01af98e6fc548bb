"""A page for a browser: one HTML file with all of a result, which asks for nothing and obeys no text that is in it."""
