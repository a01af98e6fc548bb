"""The failure this project comes from: `UNIQUE constraint failed` for one embedding model only, never when downsampled.

Its id columns were declared UUID. That has NUMERIC affinity in SQLite, and of uuid7 ids as 32 hexadecimal digits a few look
like numbers with an exponent: '0688868048517e121234567890123456' is stored as the REAL infinity, and two of them collide.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import apsw
import numpy as np
import pytest

import sqlclust
from tests.small import clustered

pytestmark = pytest.mark.slow

NUMERIC_LOOKING = ["0688868048517e121234567890123456", "0688868048519e771234567890654321"]
N = 40

OLD_SCHEMA = """
CREATE TABLE run (id CHAR(32) NOT NULL PRIMARY KEY, initial_prompt VARCHAR NOT NULL);
CREATE TABLE invocation (id CHAR(32) NOT NULL PRIMARY KEY, run_id CHAR(32) NOT NULL REFERENCES run (id),
                         sequence_number INTEGER NOT NULL, type VARCHAR(5) NOT NULL, output_text VARCHAR);
CREATE TABLE embedding (id CHAR(32) NOT NULL PRIMARY KEY, invocation_id CHAR(32) NOT NULL REFERENCES invocation (id),
                        embedding_model VARCHAR NOT NULL, vector BLOB);
CREATE TABLE clusteringresult (id UUID NOT NULL PRIMARY KEY, embedding_model VARCHAR NOT NULL, parameters JSON);
CREATE TABLE embeddingcluster (id INTEGER PRIMARY KEY, embedding_id UUID NOT NULL, clustering_result_id UUID NOT NULL,
                               cluster_label INTEGER NOT NULL, UNIQUE (embedding_id, clustering_result_id));
"""


def uuid7s(n: int) -> list[str]:
    """n ids as the old project wrote them; two look numeric, far apart."""
    ids = [f"06888680{i:04x}7abc8def{i * 7919:016x}" for i in range(n)]
    ids[3], ids[31] = NUMERIC_LOOKING
    return ids


@pytest.fixture
def old(tmp_path: Path) -> Iterator[apsw.Connection]:
    con = apsw.Connection(str(tmp_path / "old.db"))
    con.execute(OLD_SCHEMA + "BEGIN")
    ids = uuid7s(N)
    con.execute("INSERT INTO run VALUES ('06888680000070000000000000000000', 'a prompt')")
    for position, (i, vector) in enumerate(zip(ids, clustered(N), strict=True)):
        con.execute("INSERT INTO invocation VALUES (?, '06888680000070000000000000000000', ?, 'text', ?)",
                    (f"i{i}", position, f"text {position}"))  # fmt: skip
        con.execute("INSERT INTO embedding VALUES (?, ?, 'STSBRoberta', ?)", (i, f"i{i}", vector.tobytes()))
    con.execute("COMMIT")
    sqlclust.register(con)
    yield con
    con.close()


CLUSTERS = "clust_hdbscan((SELECT clust_points(id, vector) FROM {table}), '{{\"min_cluster_size\": 5}}')"


def labels_by_array() -> dict[str, int]:
    order = np.argsort(uuid7s(N))  # labels do not depend on the order of rows, their names might
    clustering = sqlclust.hdbscan(clustered(N)[order], min_cluster_size=5)
    return dict(zip(np.array(uuid7s(N))[order].tolist(), clustering.labels.tolist(), strict=True))


def test_the_old_schema_fails(old: apsw.Connection) -> None:
    assert len({*uuid7s(N)}) == N
    write = "INSERT INTO embeddingcluster (embedding_id, clustering_result_id, cluster_label) VALUES (?, 'r1', 0)"
    with pytest.raises(apsw.ConstraintError) as caught:
        old.executemany(write, [(i,) for i in uuid7s(N)])
    assert (
        str(caught.value)
        == "UNIQUE constraint failed: embeddingcluster.embedding_id, embeddingcluster.clustering_result_id"
    )
    stored = old.execute("SELECT embedding_id FROM embeddingcluster WHERE typeof(embedding_id) = 'real'").fetchall()
    assert stored == [(math.inf,)]
    # neither DISTINCT nor de-duplication cures it, and downsampling that passes one of the two over hides it
    old.execute("DELETE FROM embeddingcluster")
    with pytest.raises(apsw.ConstraintError, match="UNIQUE constraint failed"):
        old.execute("INSERT INTO embeddingcluster (embedding_id, clustering_result_id, cluster_label) "
                    "SELECT DISTINCT id, 'r1', 0 FROM embedding")  # fmt: skip
    for i in uuid7s(N)[::10]:
        old.execute(write, (i,))


def test_the_old_table_is_clustered_directly(old: apsw.Connection) -> None:
    rows = old.execute(f"SELECT id, typeof(id), label FROM {CLUSTERS.format(table='embedding')}").fetchall()
    assert {kind for _, kind, _ in rows} == {"text"}
    assert {i: label for i, _, label in rows} == labels_by_array()
    joined = old.execute(
        f"SELECT count(*) FROM {CLUSTERS.format(table='embedding')} c JOIN embedding e ON e.id = c.id"
    ).get
    assert joined == N


def test_the_old_file_is_attached_and_copied(old: apsw.Connection, tmp_path: Path) -> None:
    con = sqlclust.connect(str(tmp_path / "new.db"))
    sqlclust.initialize(con)
    con.execute("ATTACH ? AS old", (str(tmp_path / "old.db"),))
    con.execute("""
        BEGIN;
        INSERT INTO Run (id, initial_prompt) SELECT id, initial_prompt FROM old.run;
        INSERT INTO Invocation (id, run_id, sequence_number, type, output_text)
            SELECT id, run_id, sequence_number, type, output_text FROM old.invocation;
        INSERT INTO Embedding (id, invocation_id, embedding_model, vector)
            SELECT id, invocation_id, embedding_model, vector FROM old.embedding;
        COMMIT""")
    result = sqlclust.fit(con, "STSBRoberta", min_cluster_size=5)
    rows = con.execute(
        "SELECT embedding_id, typeof(embedding_id), label FROM EmbeddingCluster WHERE clustering_result_id = ?",
        (result,),
    ).fetchall()
    assert len(rows) == N
    assert {kind for _, kind, _ in rows} == {"text"}
    assert {i: label for i, _, label in rows} == labels_by_array()
    assert {*NUMERIC_LOOKING} <= {i for i, _, _ in rows}
    assert con.execute("SELECT count(*) FROM ClusterSummary WHERE medoid_text LIKE 'text %'").get == 3
    con.close()


def test_the_one_statement_form_reads_the_attached_file(old: apsw.Connection, tmp_path: Path) -> None:
    con = sqlclust.connect(str(tmp_path / "new.db"))
    sqlclust.initialize(con)
    con.execute("ATTACH ? AS old", (str(tmp_path / "old.db"),))
    con.execute(
        "INSERT INTO Embedding (id, embedding_model, vector) SELECT id, embedding_model, vector FROM old.embedding"
    )
    con.execute("INSERT INTO ClusteringResult (id, embedding_model, parameters) VALUES (1, 'STSBRoberta', '{}')")
    con.execute(f"""
        INSERT INTO ClusterAssignment
        SELECT 1, id, label, probability, outlier_score, medoid_id, cluster_size, persistence
        FROM {CLUSTERS.format(table="old.embedding")}""")
    rows = con.execute("SELECT embedding_id, label FROM EmbeddingCluster ORDER BY 1").fetchall()
    assert rows == sorted(labels_by_array().items())
    con.close()


def test_id_columns_declared_uuid_keep_every_id_in_our_schema(con: apsw.Connection) -> None:
    con.executemany(
        "INSERT INTO Embedding (id, embedding_model, vector) VALUES (?, 'm', x'0000803f')",
        [(i,) for i in NUMERIC_LOOKING],
    )
    assert con.execute("SELECT id, typeof(id) FROM Embedding ORDER BY id").fetchall() == [
        (i, "text") for i in NUMERIC_LOOKING
    ]
    con.execute("CREATE TABLE mistaken (id UUID)")  # what the column's declaration did
    con.executemany("INSERT INTO mistaken VALUES (?)", [(i,) for i in NUMERIC_LOOKING])
    assert con.execute("SELECT id FROM mistaken").fetchall() == [(math.inf,), (math.inf,)]
