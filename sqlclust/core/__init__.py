"""HDBSCAN on arrays: nothing in this folder knows SQL, files or APSW. README.md says what is where."""
