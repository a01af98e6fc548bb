"""A scene gathered from a database: the only part of the pictures that reads one."""
