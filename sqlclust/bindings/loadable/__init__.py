"""The binding to the SQLite of any host, as a loadable extension."""
