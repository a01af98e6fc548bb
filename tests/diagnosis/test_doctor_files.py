"""The doctor on files that are not (only) ours: the old project's, other programs', hostile and damaged ones."""

from __future__ import annotations

import hashlib
import math
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import numpy as np
import pytest

import sqlclust
from sqlclust.diagnosis import Diagnosis
from sqlclust.errors import DatabaseFileError, SqlclustError
from sqlclust.sqlite.layout import affinity_of
from tests.diagnosis.sick import broken, healthy
from tests.schemas import version_1
from tests.schemas.old_project import SHAPES, Shape, make

pytestmark = pytest.mark.slow

NO_SCHEMA = ("note", "no-schema", None, None, None, 1)


def brief(diagnosis: Diagnosis) -> list[tuple[Any, ...]]:
    return [(f.severity, f.finding, f.table, f.column, f.id, f.n) for f in diagnosis.findings]


def look(path: Path, *, quick: bool = False) -> list[tuple[Any, ...]]:
    """What the doctor finds; it writes nothing."""
    before = hashlib.sha256(path.read_bytes()).digest()
    con = sqlclust.connect(str(path), readonly=True)
    try:
        return brief(sqlclust.doctor(con, quick=quick))
    finally:
        con.close()
        assert hashlib.sha256(path.read_bytes()).digest() == before


def execute(path: Path, sql: str, *bindings: Any) -> None:
    con = apsw.Connection(str(path))
    con.pragma("foreign_keys", False)
    con.execute(sql, bindings or None).fetchall()
    con.close()


# --- the old project ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ids", ["CHAR(32)", "TEXT"])
@pytest.mark.parametrize("shape", ["labels", "medoids", "plural"])
def test_ids_of_text_are_well(tmp_path: Path, shape: Shape, ids: str) -> None:
    found = look(make(tmp_path / "old.db", shape, ids, damaging=True).path)
    unique = ("error", "missing-unique", "embeddingcluster", "embedding_id, clustering_result_id", None, 1)
    assert found == ([unique, NO_SCHEMA] if shape == "labels" else [NO_SCHEMA])


@pytest.mark.parametrize("shape", SHAPES)
def test_columns_declared_uuid(tmp_path: Path, shape: Shape) -> None:
    found = look(make(tmp_path / "old.db", shape, "UUID").path)
    columns = {(table, column) for _, finding, table, column, _, _ in found if finding == "numeric-id-column"}
    plural = shape == "plural"
    expected = {
        ("experiments" if plural else "experimentconfig", "id"),
        *((("runs" if plural else "run"), column) for column in ("id", "experiment_id")),
        *((("invocations" if plural else "invocation"), column) for column in ("id", "run_id", "input_invocation_id")),
        *((("embeddings" if plural else "embedding"), column) for column in ("id", "invocation_id")),
        ("clustering_results" if plural else "clusteringresult", "id"),
        *(("embedding_clusters" if plural else "embeddingcluster", column)
          for column in ("id", "embedding_id", "clustering_result_id")),
    }  # fmt: skip
    if shape == "clusters":
        expected |= {("cluster", column) for column in ("id", "clustering_result_id", "medoid_embedding_id")}
        expected |= {("embeddingcluster", "cluster_id")}
    elif shape != "labels":
        expected |= {("embedding_clusters" if plural else "embeddingcluster", "medoid_embedding_id")}
    if not plural:
        expected |= {("persistencediagram", "id"), ("persistencediagram", "run_id")}  # empty, and waiting
    assert columns == expected
    assert not [row for row in found if row[1] == "damaged-ids"]


def test_damaged_ids(tmp_path: Path) -> None:
    found = look(make(tmp_path / "old.db", "medoids", "UUID", damaging=True).path)
    real = float("6888680485171234567890123456789")
    assert [row for row in found if row[1] == "damaged-ids"] == [
        ("error", "damaged-ids", "invocation", "id", math.inf, 1),
        ("error", "damaged-ids", "invocation", "input_invocation_id", math.inf, 1),
        ("error", "damaged-ids", "embedding", "id", real, 3),
        ("error", "damaged-ids", "embedding", "invocation_id", math.inf, 2),
        ("error", "damaged-ids", "embeddingcluster", "embedding_id", real, 6),
    ]


def test_ids_that_were_damaged_on_the_way(tmp_path: Path) -> None:
    """As it was: text ids of embeddings, assignments declared UUID. The assignments point nowhere now."""
    old = make(tmp_path / "old.db", "clusters", "CHAR(32)", damaging=True)
    found = look(old.path)
    real = float("6888680485171234567890123456789")
    assert ("error", "damaged-ids", "embeddingcluster", "embedding_id", real, 6) in found
    con = sqlclust.connect(str(old.path))
    [orphans] = [f for f in sqlclust.doctor(con).findings if f.finding == "orphans"]
    assert (orphans.table, orphans.column, orphans.n) == ("embeddingcluster", "embedding_id", 6)
    assert "lost" in orphans.remedy
    assert sqlclust.doctor(con, fix=True).repairs == []  # not certain: a result's rows are not thrown away for it
    con.close()


def test_duplicates_and_orphans_of_the_old_project(tmp_path: Path) -> None:
    old = make(tmp_path / "old.db", "labels", "CHAR(32)")
    execute(old.path, """
        INSERT INTO embeddingcluster SELECT 'copy' || rowid, embedding_id, clustering_result_id, cluster_id
            FROM embeddingcluster WHERE rowid <= 5;
        INSERT INTO embeddingcluster SELECT 'other' || rowid, embedding_id, clustering_result_id, cluster_id + 1
            FROM embeddingcluster WHERE rowid = 7""")  # fmt: skip
    execute(old.path, "DELETE FROM clusteringresult WHERE id = ?", old.results[2])
    con = sqlclust.connect(str(old.path))
    diagnosis = sqlclust.doctor(con)
    first = con.execute("SELECT min(embedding_id) FROM embeddingcluster WHERE rowid IN (1, 2, 3, 4, 5, 7)").get
    assert [row for row in brief(diagnosis) if row[1] == "duplicate-assignments"] == [
        ("error", "duplicate-assignments", "embeddingcluster", "embedding_id", first, 6)
    ]
    [orphans] = [f for f in diagnosis.findings if f.finding == "orphans"]
    assert (orphans.column, orphans.n) == ("clustering_result_id", 40)
    fixed = sqlclust.doctor(con, fix=True)
    assert [(repair.finding, repair.n) for repair in fixed.repairs] == [("orphans", 40), ("duplicate-assignments", 5)]
    [left] = [f for f in fixed.findings if f.finding == "duplicate-assignments"]
    assert left.n == 1  # its two rows differ
    assert "the rows differ" in left.remedy
    assert con.execute("SELECT count(*) FROM embeddingcluster").get == 81
    con.close()


def test_rows_with_damaged_ids_are_not_called_copies(tmp_path: Path) -> None:
    """Two embeddings of one cluster are both `inf`: equal in every column, and not the same."""
    old = make(tmp_path / "old.db", "labels", "UUID", damaging=True)
    execute(old.path, """
        INSERT INTO embeddingcluster SELECT 'more', embedding_id, clustering_result_id, cluster_id
        FROM embeddingcluster WHERE typeof(embedding_id) = 'real' LIMIT 1""")  # fmt: skip
    con = sqlclust.connect(str(old.path))
    diagnosis = sqlclust.doctor(con, fix=True)
    assert diagnosis.repairs == []
    assert diagnosis.backup is None
    [left] = [f for f in diagnosis.findings if f.finding == "duplicate-assignments"]
    assert left.remedy.startswith("not repaired: ids are damaged")
    con.close()


def test_medoids_and_clusters_of_the_old_project(tmp_path: Path) -> None:
    old = make(tmp_path / "clusters.db", "clusters", "TEXT")
    execute(old.path, """
        UPDATE cluster SET size = size + 1 WHERE rowid = 2;
        UPDATE cluster SET medoid_embedding_id = (SELECT embedding_id FROM embeddingcluster ec
            WHERE ec.clustering_result_id = cluster.clustering_result_id AND ec.cluster_id <> cluster.id) WHERE rowid = 3;
        DELETE FROM cluster WHERE rowid = 4""")  # fmt: skip
    found = [row[1:4] for row in look(old.path)]
    assert ("wrong-size", "cluster", "size") in found
    assert ("medoid-outside-cluster", "cluster", "medoid_embedding_id") in found
    assert ("label-without-cluster", "embeddingcluster", "cluster_id") in found
    later = make(tmp_path / "medoids.db", "medoids", "TEXT")
    execute(later.path, """
        UPDATE embeddingcluster SET medoid_embedding_id = NULL
        WHERE embedding_id = (SELECT max(medoid_embedding_id) FROM embeddingcluster)""")  # fmt: skip
    assert ("medoid-outside-cluster", "embeddingcluster", "medoid_embedding_id") in [
        row[1:4] for row in look(later.path)
    ]


def test_vectors_of_the_old_project(tmp_path: Path) -> None:
    old = make(tmp_path / "old.db", "plural", "TEXT")
    first, second = old.embeddings["STSBRoberta"][:2]
    execute(old.path, "UPDATE embeddings SET vector = x'00' WHERE id = ?", first)
    execute(old.path, "UPDATE embeddings SET vector = x'0000c07f' WHERE id = ?", second)
    assert look(old.path) == [
        ("error", "vector-length", "embeddings", "vector", first, 1),
        ("error", "not-finite", "embeddings", "vector", second, 1),
        ("error", "mixed-dimensions", "embeddings", "vector", second, 1),
        NO_SCHEMA,
    ]


@pytest.mark.parametrize("shape", SHAPES)
def test_what_was_adopted_is_well(tmp_path: Path, shape: Shape) -> None:
    old = make(tmp_path / "old.db", shape, "UUID", damaging=True)
    con = sqlclust.connect(str(tmp_path / "new.db"))
    sqlclust.adopt(con, str(old.path))
    assert sqlclust.doctor(con).healthy
    con.close()


def test_our_first_schema(tmp_path: Path) -> None:
    version_1.make(tmp_path / "first.db")
    con = sqlclust.connect(str(tmp_path / "first.db"))
    stale = ("note", "stale-result", "ClusteringResult", "id", 1, 2)
    assert brief(sqlclust.doctor(con)) == [("note", "older-schema", "SqlclustMigration", "version", 1, 1), stale]
    sqlclust.initialize(con)
    assert brief(sqlclust.doctor(con)) == [stale]
    con.close()


# --- other programs ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("declared", "affinity"),
    [("UUID", "NUMERIC"), ("CHAR(32)", "TEXT"), ("VARCHAR", "TEXT"), ("", "BLOB"), ("BLOB", "BLOB"), ("INT", "INTEGER"),
     ("POINT", "INTEGER"), ("FLOATING POINT", "INTEGER"), ("CHARINT", "INTEGER"), ("DOUBLE", "REAL"), ("DATETIME", "NUMERIC"),
     ("ANY", "NUMERIC"), ("JSON", "NUMERIC"), ("uuid", "NUMERIC"), ("STRING", "NUMERIC")],
)  # fmt: skip
def test_affinity_is_what_sqlite_does(declared: str, affinity: str) -> None:
    con = apsw.Connection(":memory:")
    con.execute(f"CREATE TABLE t (c {declared})")
    con.execute("INSERT INTO t VALUES ('12'), ('1.5')")
    kinds = [kind for (kind,) in con.execute("SELECT typeof(c) FROM t ORDER BY rowid")]
    does = {"TEXT": ["text", "text"], "BLOB": ["text", "text"], "REAL": ["real", "real"]}.get(
        affinity, ["integer", "real"]
    )
    assert (affinity_of(declared), kinds) == (affinity, does)
    assert affinity_of("ANY", strict=True) == "BLOB"


def test_another_program_is_not_judged_by_our_rules(tmp_path: Path) -> None:
    """Collections of other dimensions, BLOBs of other numbers, whole numbers as ids in a NUMERIC column, JSON."""
    path = tmp_path / "other.db"
    execute(path, """
        CREATE TABLE collections (id INTEGER PRIMARY KEY, name TEXT, model TEXT);
        CREATE TABLE embeddings (collection_id INTEGER REFERENCES collections (id), id TEXT, embedding BLOB, updated INTEGER,
                                 PRIMARY KEY (collection_id, id));
        CREATE TABLE docs (id DECIMAL PRIMARY KEY, embedding BLOB, created DATE);
        CREATE TABLE chunks (id UUID PRIMARY KEY, embedding TEXT);
        INSERT INTO collections VALUES (1, 'a', 'm'), (2, 'b', 'n');
        INSERT INTO embeddings VALUES (1, 'x', x'0000803f', 1), (2, 'x', x'0000803f0000803f', 2);
        INSERT INTO docs VALUES (1, x'0102030405', '2020-01-01'), (2, x'010203040506', '2020-01-01');
        INSERT INTO chunks VALUES ('a', '[1, 2]')""")  # fmt: skip
    assert look(path) == [NO_SCHEMA, ("note", "vector-length", "docs", "embedding", 1, 2)]


def test_any_table_of_vectors_and_what_is_tied_to_it(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    execute(path, """
        CREATE TABLE item (id UUID PRIMARY KEY, vector BLOB);
        CREATE TABLE tag (id INTEGER PRIMARY KEY, item UUID REFERENCES item (id));
        CREATE TABLE elsewhere (id UUID PRIMARY KEY);
        INSERT INTO item VALUES ('a', x'0000803f'), ('0688868048517e121234567890123456', x'0000803f');
        INSERT INTO tag (item) VALUES ('a'), ('b');
        INSERT INTO elsewhere VALUES ('a'), ('1e999')""")  # fmt: skip
    assert look(path) == [
        ("error", "numeric-id-column", "item", "id", "a", 1),
        ("error", "damaged-ids", "item", "id", math.inf, 1),
        ("error", "numeric-id-column", "tag", "item", "a", 2),
        ("error", "orphans", "tag", "item", 2, 1),
        NO_SCHEMA,
    ]


def test_no_database_at_all(tmp_path: Path) -> None:
    empty = tmp_path / "empty.db"
    empty.touch()
    assert look(empty) == [NO_SCHEMA]
    garbage = tmp_path / "garbage.db"
    garbage.write_bytes(b"not a database" * 100)
    with pytest.raises(DatabaseFileError, match="not an SQLite database"):
        look(garbage)


# --- hostile files -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def well(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return healthy(tmp_path_factory.mktemp("files") / "well.db")


HOSTILE: dict[str, tuple[str, list[tuple[Any, ...]]]] = {
    "tables that shadow pragma functions": (
        "CREATE TABLE pragma_table_xinfo (a); CREATE VIEW pragma_foreign_key_check AS SELECT 1;"
        "CREATE TABLE pragma_index_list (b); CREATE VIEW json_each AS SELECT 1; CREATE TABLE clust_doctor (c)",
        [],
    ),
    "a view that recurses for ever": (
        "DROP TABLE Run; CREATE VIEW Run AS WITH RECURSIVE r(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM r) SELECT id FROM r;"
        "DROP TABLE Invocation; UPDATE Embedding SET invocation_id = NULL",
        [("error", "view-for-table", "Run", None, None, 1), ("error", "missing-table", "Invocation", None, None, 1)],
    ),
    "a view of views that calls our functions": (
        "DROP VIEW ClusteringSummary; CREATE VIEW ClusteringSummary AS SELECT * FROM clust_doctor()",
        [("error", "other-object", "ClusteringSummary", None, "ClusteringSummary", 1)],
    ),
    "a table whose CHECK and index call what is not there": (
        "PRAGMA writable_schema = ON;"
        "CREATE TABLE trap (id INTEGER PRIMARY KEY, vector BLOB); INSERT INTO trap VALUES (1, x'00');"
        "UPDATE sqlite_schema SET sql = 'CREATE TABLE trap (id INTEGER PRIMARY KEY, vector BLOB CHECK (evil(vector)))' "
        "WHERE name = 'trap'; PRAGMA writable_schema = RESET",
        [("note", "vector-length", "trap", "vector", 1, 1), ("note", "unreadable", "trap", None, None, 1)],
    ),
    "a generated vector that calls what is not there": (
        "PRAGMA writable_schema = ON;"
        "CREATE TABLE trap (id INTEGER PRIMARY KEY, vector BLOB AS (x'00')); INSERT INTO trap VALUES (1);"
        "UPDATE sqlite_schema SET sql = 'CREATE TABLE trap (id INTEGER PRIMARY KEY, vector BLOB AS (evil(id)))' "
        "WHERE name = 'trap'; PRAGMA writable_schema = RESET",
        [],  # it is not read
    ),
    "a virtual table in place of a table": (
        "DROP TABLE EmbeddingPrediction; CREATE VIRTUAL TABLE EmbeddingPrediction USING fts5 (embedding_id, label)",
        [
            ("error", "view-for-table", "EmbeddingPrediction", None, None, 1),
            ("error", "missing-trigger", "EmbeddingPrediction", None, "EmbeddingPrediction_insert", 1),
            ("error", "missing-trigger", "EmbeddingPrediction", None, "EmbeddingPrediction_update", 1),
            ("note", "missing-index", "EmbeddingPrediction", None, "EmbeddingPrediction_cluster", 1),
        ],
    ),
    "names that want out of their quotes": (
        """CREATE TABLE "x"" ; DROP TABLE Run; --" ("id" UUID REFERENCES "x"" ; DROP TABLE Run; --", vector BLOB);"""
        """INSERT INTO "x"" ; DROP TABLE Run; --" VALUES ('a', x'00')""",
        [
            ("error", "numeric-id-column", 'x" ; DROP TABLE Run; --', "id", "a", 1),
            ("error", "foreign-key-mismatch", 'x" ; DROP TABLE Run; --', None, None, 1),
            ("note", "vector-length", 'x" ; DROP TABLE Run; --', "vector", "a", 1),
        ],
    ),
    "text that is not UTF-8": (
        "INSERT INTO Embedding (id, embedding_model, vector) VALUES (CAST(x'61ff' AS TEXT), CAST(x'6dff' AS TEXT), x'0000c07f')",
        [("error", "not-finite", "Embedding", "vector", b"a\xff", 1)],
    ),
    "an orphan that is not UTF-8": (
        "INSERT INTO EmbeddingCluster (clustering_result_id, embedding_id, label, probability) "
        "VALUES (1, CAST(x'ff' AS TEXT), -1, 0)",
        [("error", "orphans", "EmbeddingCluster", "embedding_id", b"\xff", 1)],
    ),
}  # fmt: skip


@pytest.mark.parametrize("trusted", [False, True], ids=["untrusted", "trusted"])
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile(well: Path, tmp_path: Path, name: str, trusted: bool) -> None:
    sql, expected = HOSTILE[name]
    path = broken(well, tmp_path / "hostile.db", sql)
    con = sqlclust.connect(str(path))
    con.pragma("trusted_schema", trusted)
    assert brief(sqlclust.doctor(con)) == expected
    assert con.execute("SELECT count(*) FROM main.ClusteringResult").get == 2
    con.close()


def test_the_temporary_schema_does_not_shadow_the_file(well: Path) -> None:
    con = sqlclust.connect(str(well), readonly=True)
    con.execute("CREATE TEMP TABLE Embedding (id UUID, vector BLOB); INSERT INTO Embedding VALUES ('a', x'00')")
    con.execute("CREATE TEMP VIEW ClusteringResult AS SELECT 1 AS id")
    assert sqlclust.doctor(con).findings == []
    con.close()


# --- damaged files -----------------------------------------------------------------------------------------------------


def damaged(content: bytes, seed: int) -> bytes:
    rng = random.Random(seed)
    changed = bytearray(content)
    for _ in range(rng.choice([1, 3, 20])):
        page = rng.randrange(1, len(changed) // 4096)
        start = page * 4096 + rng.choice([rng.randrange(16), rng.randrange(4000)])
        size = rng.choice([1, 2, 8, 90])
        changed[start : start + size] = rng.choice([bytes(size), rng.randbytes(size), b"\xff" * size])
    return bytes(changed[: rng.randrange(len(changed))] if rng.random() < 0.1 else changed)


def test_random_damage_gives_findings_or_one_of_our_errors(well: Path, tmp_path: Path) -> None:
    path = tmp_path / "damaged.db"
    told = {"finding": 0, "error": 0}
    for seed in range(60):
        path.write_bytes(damaged(well.read_bytes(), seed))
        con = None
        try:
            con = sqlclust.connect(str(path))
            diagnosis = sqlclust.doctor(con, fix=True)
        except SqlclustError:
            told["error"] += 1
        else:
            told["finding"] += not diagnosis.healthy
            if any(f.finding == "damaged-file" for f in diagnosis.findings):
                assert diagnosis.repairs == []  # nothing is certain in it
        finally:
            if con is not None:
                con.close()
    assert told["finding"] > 10
    assert [*tmp_path.iterdir()] == [path]


def test_a_damaged_page(well: Path, tmp_path: Path) -> None:
    path = broken(well, tmp_path / "damaged.db", "UPDATE Cluster SET size = 77 WHERE clustering_result_id = 2")
    con = apsw.Connection(str(path))
    page = con.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'Embedding_embedding_model'").get
    con.close()
    content = bytearray(path.read_bytes())
    content[(page - 1) * 4096 : (page - 1) * 4096 + 8] = b"\x0a\x00\x00\x00\x00\x10\x00\x00"  # a leaf without entries
    path.write_bytes(bytes(content))
    con = sqlclust.connect(str(path))
    found = sqlclust.doctor(con).findings
    [damage] = [f for f in found if f.finding == "damaged-file"]
    assert (damage.severity, damage.detail) == (
        "error",
        "44 messages of PRAGMA integrity_check; the first: wrong # of entries in index Embedding_embedding_model",
    )
    for quick in (False, True):
        left = sqlclust.doctor(con, fix=True, quick=quick)
        assert (left.repairs, left.backup) == ([], None)
        [size] = [f for f in left.findings if f.finding == "wrong-size"]
        assert size.remedy.startswith("not repaired: the file is damaged")
    con.close()


@pytest.fixture
def many(tmp_path: Path) -> Iterator[apsw.Connection]:
    """20,000 vectors, and two models whose names are not text."""
    con = sqlclust.connect(str(tmp_path / "many.db"))
    sqlclust.initialize(con)
    rng = np.random.default_rng(3)
    with con:
        con.executemany(
            "INSERT INTO Embedding (id, embedding_model, vector) VALUES (?, ?, ?)",
            ((row, "ab"[row % 2], rng.normal(size=16).astype("<f4").tobytes()) for row in range(20_000)),
        )
    yield con
    con.close()


def test_the_pass_over_vectors_counts_right(many: apsw.Connection) -> None:
    many.execute("UPDATE Embedding SET vector = zeroblob(64) WHERE id % 100 = 7")
    many.execute("UPDATE Embedding SET vector = x'00000000000000000000803f' WHERE id % 1000 = 10")
    many.execute("UPDATE Embedding SET vector = x'0000807f' WHERE id IN (19999, 5000)")
    assert brief(sqlclust.doctor(many)) == [
        ("error", "not-finite", "Embedding", "vector", 5000, 2),
        ("error", "mixed-dimensions", "Embedding", "vector", 5000, 21),
        ("error", "mixed-dimensions", "Embedding", "vector", 19999, 1),
        ("note", "zero-vector", "Embedding", "vector", 7, 200),
    ]
    fractions: dict[str, list[float]] = {}
    sqlclust.doctor(many, progress=lambda phase, fraction: fractions.setdefault(phase, []).append(fraction))
    assert list(fractions) == ["tables", "ids", "results", "vectors", "models", "fits", "integrity"]
    assert all(each == sorted(each) and (each[0], each[-1]) == (0.0, 1.0) for each in fractions.values())
    assert len(set(fractions["vectors"])) > 10
