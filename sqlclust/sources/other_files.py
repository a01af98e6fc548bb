"""Where another file with the table of a source is, as EmbeddingSource has it: seen from the folder of our own file."""

from __future__ import annotations

import os

from sqlclust.sqlite.database import Database


def host_path(database: Database, path: str) -> str:
    """A path as EmbeddingSource has it, seen from the folder of the database's file."""
    return os.path.normpath(os.path.join(_folder(database), path))


def path_seen_from(database: Database, path: str) -> str | None:
    """A path as EmbeddingSource has it: without symbolic links; absolute where there is no folder to see it from, or where
    the two are on different drives. None if it is the database's own file.
    """
    real = os.path.realpath(path)
    if not database.filename:
        return real
    try:
        if os.path.samefile(real, database.filename):
            return None
        return os.path.relpath(real, _folder(database))
    except (ValueError, OSError):
        return real


def _folder(database: Database) -> str:
    return os.path.dirname(os.path.realpath(database.filename)) if database.filename else os.getcwd()
