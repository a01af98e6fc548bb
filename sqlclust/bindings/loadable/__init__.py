"""The catalogue in any program that has SQLite: a loadable extension. See README.md."""
