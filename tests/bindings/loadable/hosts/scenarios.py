"""What every host has to do: the same list for all of them, held against `sqlclust.connect` on a copy of the same file."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import pytest

import sqlclust
from sqlclust.errors import SqlclustError
from tests.bindings.loadable.hosts.sessions import HostError, ProgramSession, Rows, Session

POINTS = "(SELECT clust_points(id, vector) FROM Embedding)"
READS = [
    "SELECT clust_version()",
    f"SELECT id, label, probability, outlier_score, medoid_id, persistence FROM clust_hdbscan({POINTS}, "
    "'{\"min_cluster_size\": 5}') ORDER BY 1",
    f"SELECT id, neighbor_id, distance FROM clust_neighbors({POINTS}, '{{\"k\": 3}}') ORDER BY 1, 2 LIMIT 60",
    f"SELECT c.label, count(*), max(c.probability) FROM clust_hdbscan({POINTS}) c JOIN Embedding e ON e.id = c.id GROUP BY 1",
    "SELECT count(*) FROM clust_hdbscan((SELECT clust_points(id, vector) FROM Embedding WHERE id <= 20))",
    "SELECT label, rank, term, score, count, n_rows FROM clust_terms((SELECT clust_texts(id % 3, 'été ' || (id % 3) || 'x 漢字') "
    "FROM Embedding), '{\"stop_words\": []}')",
    "SELECT clust_distance(a.vector, b.vector), clust_dimension(a.vector) FROM Embedding a, Embedding b "
    "WHERE a.id = 1 AND b.id <= 5",
]
FIT = "SELECT clust_fit('demo', '{\"min_cluster_size\": 5}')"
CUT = "SELECT clust_cut(1, '{\"min_cluster_size\": 4}')"
STORED = [
    "SELECT id, label, probability, outlier_score FROM clust_labels(1) ORDER BY 1",
    "SELECT clustering_result_id, embedding_id, label, probability, outlier_score FROM EmbeddingCluster ORDER BY 1, 2 LIMIT 100",
    "SELECT clustering_result_id, n_rows, n_clusters, n_noise, noise_share FROM ClusteringSummary ORDER BY 1",
    "SELECT clustering_result_id, label, size, share, persistence, medoid_embedding_id FROM ClusterSummary ORDER BY 1, 2",
    "SELECT id, engine, hex(corpus_hash) FROM ClusteringFit",
]
ERRORS = [
    "SELECT clust_fit('nothing')",
    "SELECT clust_fit('demo', '{\"min_cluster_sizes\": 5}')",
    "SELECT * FROM clust_hdbscan(NULL)",
    "SELECT clust_vector('[1, ')",
    "SELECT * FROM clust_terms(NULL)",
    f"SELECT * FROM clust_terms({POINTS})",
    "SELECT clust_cut(77)",
    f"SELECT * FROM clust_hdbscan({POINTS}, '{{\"min_cluster_size\": 1}}')",
]


def expected(path: Path, text: str) -> Rows:
    with closing(sqlclust.connect(path)) as con:
        return [list(row) for row in con.execute(text)]


def same_rows(session: Session) -> None:
    """Table functions over a handle, aggregates and functions, to the last bit."""
    for text in READS:
        rows = session.sql(text)
        assert rows == expected(session.path, text), text
        assert rows, text


def fit_cut_labels_views(session: Session) -> None:
    """What is published is what `sqlclust.connect` publishes."""
    copy = session.path.with_name("copy.db")
    copy.write_bytes(session.path.read_bytes())
    for number, text in enumerate((FIT, CUT), start=1):
        assert session.write(text) == expected(copy, text) == [[number]]
    for text in STORED:
        rows = session.sql(text)
        assert rows == expected(copy, text), text
        assert rows, text


def errors_of_ours(session: Session) -> None:
    """The same text, and the host goes on."""
    for text in ERRORS:
        with closing(sqlclust.connect(session.path)) as con, pytest.raises((SqlclustError, apsw.Error)) as ours:
            con.execute(text).fetchall()
        with pytest.raises(HostError) as theirs:
            session.sql(text)
        assert str(theirs.value) == str(ours.value), text
    assert session.sql("SELECT 1") == [[1]]


WRITER = """
import apsw, sys
con = apsw.Connection(sys.argv[1])
con.set_busy_timeout(60_000)
print(flush=True)
for n in range(int(sys.argv[2])):
    con.execute("INSERT INTO Run (id) VALUES (?)", (f"other {n}",))
    assert con.execute("SELECT count(*) FROM Embedding").get == 40
"""
WRITTEN = 40


def in_use_meanwhile(session: Session) -> None:
    """Another process commits and reads all the time: nothing of either is lost."""
    command = [sys.executable, "-c", WRITER, str(session.path), str(WRITTEN)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, encoding="utf-8") as other:
        assert other.stdout is not None
        other.stdout.readline()
        for text in (FIT, CUT, CUT):
            session.write(text)
        session.write("INSERT INTO Run (id) VALUES ('mine') RETURNING id")
    assert other.returncode == 0
    assert session.sql("SELECT count(*) FROM Run") == [[WRITTEN + 1]]
    assert session.sql("SELECT count(*), min(n_rows) FROM ClusteringSummary") == [[3, 40]]
    check_file(session.path, results=3)


HOLDER = """
import apsw, sys
con = apsw.Connection(sys.argv[1])
con.execute("BEGIN IMMEDIATE; INSERT INTO Run (id) VALUES ('held')")
print(flush=True)
sys.stdin.readline()
con.execute("COMMIT")
"""


def behind_a_writer(session: Session) -> None:
    """Whoever holds the write lock keeps a fit from publishing, and from nothing else."""
    command = [sys.executable, "-c", HOLDER, str(session.path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8") as other:
        assert other.stdout is not None
        other.stdout.readline()
        assert session.sql(READS[1]) == expected(session.path, READS[1])
        assert session.sql("SELECT count(*) FROM Run") == [[0]]
        other.communicate("\n")
    assert session.write(FIT) == [[1]]
    assert session.sql("SELECT id FROM Run") == [["held"]]
    check_file(session.path, results=1)


def check_file(path: Path, *, results: int) -> None:
    for text, rows in (
        ("PRAGMA integrity_check", [["ok"]]),
        ("PRAGMA foreign_key_check", []),
        ("SELECT count(*) FROM ClusteringResult", [[results]]),
    ):
        assert expected(path, text) == rows


def ours_meanwhile(session: Session) -> None:
    """The other way round: a process of ours publishes, and the host reads and writes before and after."""
    assert session.write("INSERT INTO Run (id) VALUES (1) RETURNING id") == [[1]]
    with closing(sqlclust.connect(session.path)) as con:
        assert sqlclust.fit(con, "demo", min_cluster_size=5) == 1
        assert con.execute("SELECT count(*) FROM Run").get == 1
        assert session.sql(STORED[0]) == expected(session.path, STORED[0])
        assert session.write("INSERT INTO Run (id) VALUES (2) RETURNING id") == [[2]]
        assert session.write(CUT) == [[2]]
        assert con.execute("SELECT count(*) FROM Run").get == 2
        assert con.execute("SELECT max(id) FROM ClusteringResult").get == 2
    check_file(session.path, results=2)


SCENARIOS: dict[str, Callable[[Session], Any]] = {
    function.__name__: function
    for function in (same_rows, fit_cut_labels_views, errors_of_ours, in_use_meanwhile, behind_a_writer, ours_meanwhile)
}
"""By name, what a host does with a session whose first connection has the extension, on a file of 40 embeddings."""


# --- of hosts with connections of their own ---------------------------------------------------------------------------------


def two_connections(session: Session, library: str) -> None:
    """Each loads for itself; what one publishes the other sees."""
    session.open("two")
    with pytest.raises(HostError, match="no such function: clust_version"):
        session.sql("SELECT clust_version()", on="two")
    session.load(library, on="two")
    assert session.sql(FIT, on="two") == [[1]]
    assert session.sql(CUT, on="one") == [[2]]
    for on in ("one", "two"):
        assert session.sql("SELECT count(*) FROM ClusteringResult", on=on) == [[2]]


def loaded_twice(session: Session, library: str) -> None:
    """The second time changes nothing."""
    session.load(library)
    assert session.sql(READS[1]) == expected(session.path, READS[1])


def open_at_exit(session: ProgramSession) -> None:
    """A host that ends with statements open ends as ever."""
    session.step(f"SELECT * FROM clust_neighbors({POINTS})")
    session.step(f"SELECT * FROM clust_hdbscan({POINTS})")
    assert session.end() == 0
    assert session.said == ""


SEVERAL: dict[str, Callable[[Session, str], Any]] = {
    function.__name__: function for function in (two_connections, loaded_twice)
}
