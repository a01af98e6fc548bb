"""HDBSCAN on arrays. Arrays only: nothing in this folder knows SQL, files or APSW. One file per stage."""
