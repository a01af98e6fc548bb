"""How the catalogue is bound to a library for SQLite. Nothing else in this package knows one."""
