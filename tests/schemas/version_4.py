"""A database as version 4 of the schema makes it, with the content of `version_3`, and a map.

It is not released, and may still change: its text is schema.sql's. On release that is copied to version_4.sql.
"""

from __future__ import annotations

from pathlib import Path

import apsw

from sqlclust.schema import schema_sql
from tests.schemas import version_3

SQL = schema_sql()
MAP = """
INSERT INTO ClusteringFitMap (clustering_fit_id, method, parameters, versions, timings, n, xy)
VALUES (9, 'PCA', '{}', '{}', '{}', 6, zeroblob(48))
"""
"""That of fit 9, whose rows are all in one place."""


def make(path: Path | str) -> None:
    """Write one; see `version_3.make`."""
    version_3.make(path, SQL)
    con = apsw.Connection(str(path))
    con.execute("PRAGMA foreign_keys = ON")
    con.execute(MAP)
    con.close()
