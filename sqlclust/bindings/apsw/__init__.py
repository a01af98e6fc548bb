"""The binding to APSW."""
