"""HDBSCAN on arrays. NumPy only: nothing in this folder knows SQL, files or APSW. One file per stage."""
