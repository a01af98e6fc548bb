"""A fit brought up to date, exactly: see README.md beside this file."""
