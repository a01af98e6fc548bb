"""As `work`, of a fit in place: into a file that has a table of another program, and nothing of ours."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import apsw

from tests.trust import foreign_host

FORM = "in place"
_FIT = """SELECT clust_fit('note', '{"min_cluster_size": 5}')"""


class Expected(NamedTuple):
    """What is in the file whatever happens: a hash of what is not ours, and the number of its rows."""

    foreign: str
    n: int


def make(path: Path, journal: str, *, n: int = 40) -> Expected:
    """Make the host."""
    foreign_host.make(path, journal=journal, n=n)
    return Expected(foreign_host.foreign_rows(path), n)


def write(con: apsw.Connection, form: str) -> int | None:
    """Write a result."""
    assert form == FORM
    result_id: int = con.execute(_FIT).get
    return result_id


def judge(path: Path, expected: Expected) -> int:
    """As `work.judge`: the host is as it was, and each result is whole, or nothing of ours is there."""
    con = apsw.Connection(str(path))
    con.pragma("synchronous", "OFF")
    try:
        assert con.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert con.execute("PRAGMA foreign_key_check").fetchall() == []
        assert foreign_host.foreign_rows_of(con) == expected.foreign
        if foreign_host.has_nothing_of_ours(con):
            return 0
        n = expected.n
        results = con.execute("SELECT id FROM ClusteringResult").fetchall()
        assert results  # our tables come with the first result
        for (result_id,) in results:
            rows = con.execute("SELECT count(*), count(DISTINCT label) FROM ClusterAssignment WHERE clustering_result_id = ?",
                               (result_id,)).fetchall()  # fmt: skip
            assert rows == [(n, 4)]
        assert con.execute("SELECT name FROM EmbeddingSource").fetchall() == [("note",)]
        assert con.execute("SELECT count(*), count(item_id), count(content) FROM Embedding").fetchall() == [(n, n, 3)]
        assert con.execute("SELECT count(*) FROM ClusteringFit WHERE spanning_tree IS NOT NULL").get == 1
        assert con.execute("SELECT count(*), count(label) FROM note_clusters").fetchall() == [(n, n)]
        return len(results)
    finally:
        con.close()
