"""Sources and their rows without vectors, in plain SQL: what schema.sql refuses, keeps, takes along and says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import apsw
import pytest

from sqlclust.schema import schema_sql
from tests.schema.plain import FOREIGN_KEY, PREDICTION, assert_refused, shell

# Source 'docs' has items 1 to 6. Result 11: items 1, 2, 3 in cluster 0 with medoid 1, 4 is noise. Result 12: items 3, 4, 5 in
# cluster 0 with medoid 3; 6 is predicted there. Source 'other' has item 1, in result 13.
SOURCES = """
INSERT INTO EmbeddingSource (name, kind, table_name, id_columns, vector_column, format, dimension) VALUES
    ('docs', 'table', 'documents', '["id"]', 'vector', 'float32', 3),
    ('other', 'table', 'others', '["id"]', 'vector', 'float32', NULL);
BEGIN;
INSERT INTO Embedding (id, embedding_model, item_id, embedding_source, content) VALUES
    ('["docs",1]', 'docs', 1, 'docs', 'text of 1'), ('["docs",2]', 'docs', 2, 'docs', NULL),
    ('["docs",3]', 'docs', 3, 'docs', 'text of 3'), ('["docs",4]', 'docs', 4, 'docs', NULL),
    ('["docs",5]', 'docs', 5, 'docs', NULL), ('["docs",6]', 'docs', 6, 'docs', NULL),
    ('["other",1]', 'other', 1, 'other', NULL);
INSERT INTO ClusteringResult (id, embedding_model, parameters) VALUES (11, 'docs', '{}'), (12, 'docs', '{}'), (13, 'other', '{}');
INSERT INTO Cluster (clustering_result_id, label, medoid_embedding_id, size) VALUES
    (11, 0, '["docs",1]', 3), (12, 0, '["docs",3]', 3), (13, 0, '["other",1]', 1);
INSERT INTO EmbeddingCluster (clustering_result_id, embedding_id, label, probability) VALUES
    (11, '["docs",1]', 0, 1), (11, '["docs",2]', 0, 1), (11, '["docs",3]', 0, 1), (11, '["docs",4]', -1, 0),
    (12, '["docs",3]', 0, 1), (12, '["docs",4]', 0, 1), (12, '["docs",5]', 0, 1), (13, '["other",1]', 0, 1);
INSERT INTO EmbeddingPrediction (clustering_result_id, embedding_id, label, probability) VALUES (12, '["docs",6]', 0, 1);
COMMIT;
"""

THIN = "INSERT INTO Embedding (id, embedding_model, item_id, embedding_source) VALUES"
SOURCE = "INSERT INTO EmbeddingSource (name, kind, table_name, id_columns, vector_column, format) VALUES"


@pytest.fixture
def sourced(plain: apsw.Connection) -> apsw.Connection:
    plain.execute(SOURCES)
    return plain


# --- what is refused ---------------------------------------------------------------------------------------------

ONE_OF_BOTH = r"CHECK constraint failed: \(vector IS NULL\) <> \(embedding_source IS NULL\)"
ITEM_OF_SOURCE = r"CHECK constraint failed: \(item_id IS NULL\) = \(embedding_source IS NULL\)"
SAME_NAME = "CHECK constraint failed: embedding_source = embedding_model"
WRONG = {
    "a vector and a source": ("UPDATE Embedding SET vector = x'0000803f' WHERE item_id = 2", ONE_OF_BOTH),
    "neither": ("INSERT INTO Embedding (id, embedding_model) VALUES ('x', 'm')", ONE_OF_BOTH),
    "the source taken away": (
        "UPDATE Embedding SET embedding_source = NULL, item_id = NULL WHERE item_id = 2", ONE_OF_BOTH
    ),
    "an item without a source": ("UPDATE Embedding SET item_id = 7 WHERE id = 1", ITEM_OF_SOURCE),
    "a source without an item": (f"{THIN} ('x', 'docs', NULL, 'docs')", ITEM_OF_SOURCE),
    "an item that is NaN": (f"{THIN} ('x', 'docs', 9e999 - 9e999, 'docs')", ITEM_OF_SOURCE),
    "a model of another name": (f"{THIN} ('x', 'm', 7, 'docs')", SAME_NAME),
    "a model in other case": (f"{THIN} ('x', 'DOCS', 7, 'docs')", SAME_NAME),
    "a source that is not there": (f"{THIN} ('x', 'gone', 7, 'gone')", FOREIGN_KEY),
    "an item twice": (
        f"{THIN} ('x', 'docs', 2, 'docs')",
        r"UNIQUE constraint failed: (Embedding\.embedding_source, Embedding\.item_id|index 'Embedding_item')",
    ),
    "an item twice, as REAL": (f"{THIN} ('x', 'docs', 2.0, 'docs')", "UNIQUE constraint failed"),
    "an item changed to another's": ("UPDATE Embedding SET item_id = 3 WHERE item_id = 2", "UNIQUE constraint failed"),
    "an id twice": (f"{THIN} ('[\"docs\",2]', 'other', 2, 'other')", r"UNIQUE constraint failed: Embedding\.id"),
    "a source in use deleted": ("DELETE FROM EmbeddingSource WHERE name = 'docs'", FOREIGN_KEY),
    "a source in use renamed": ("UPDATE EmbeddingSource SET name = 'notes' WHERE name = 'docs'", FOREIGN_KEY),
    "a member deleted": ("DELETE FROM Embedding WHERE id = '[\"docs\",2]'", FOREIGN_KEY),
    "a member renamed": ("UPDATE Embedding SET id = 'x' WHERE id = '[\"docs\",2]'", FOREIGN_KEY),
    "a medoid of another cluster": (
        "UPDATE Cluster SET medoid_embedding_id = '[\"docs\",5]' WHERE clustering_result_id = 11", FOREIGN_KEY
    ),
    "a medoid that is noise": (
        "UPDATE Cluster SET medoid_embedding_id = '[\"docs\",4]' WHERE clustering_result_id = 11", FOREIGN_KEY
    ),
    "an item as an embedding's id": (
        "INSERT INTO EmbeddingCluster (clustering_result_id, embedding_id, label, probability) VALUES (11, 6, -1, 0)",
        FOREIGN_KEY,
    ),
    "a member assigned twice": (
        "INSERT INTO EmbeddingCluster (clustering_result_id, embedding_id, label, probability) "
        "VALUES (11, '[\"docs\",4]', 0, 1)",
        "UNIQUE constraint failed: EmbeddingCluster",
    ),
    "a member predicted": (f"{PREDICTION} (11, '[\"docs\",4]', 0, 1)", "this embedding is a member of the result"),
    "a source without a name": (f"{SOURCE} ('', 'table', 't', '[\"id\"]', 'v', 'float32')", "CHECK"),
    "a source's name twice": (f"{SOURCE} ('docs', 'table', 't', '[\"id\"]', 'v', 'float32')", "UNIQUE"),
    "a source whose name is a BLOB": (f"{SOURCE} (x'00', 'table', 't', '[\"id\"]', 'v', 'float32')", "cannot store BLOB"),
    "ids of no column": ("UPDATE EmbeddingSource SET id_columns = '[]'", "CHECK"),
    "ids that are no array": ("UPDATE EmbeddingSource SET id_columns = '\"id\"'", "CHECK"),
    "ids that are no JSON": ("UPDATE EmbeddingSource SET id_columns = 'id'", r"CHECK|malformed JSON"),
    "ids NULL": ("UPDATE EmbeddingSource SET id_columns = NULL", "NOT NULL"),
    "a file without a name": ("UPDATE EmbeddingSource SET database = ''", "CHECK"),
    "a dimension of 0": ("UPDATE EmbeddingSource SET dimension = 0", "CHECK"),
    "said neither yes nor no": ("UPDATE EmbeddingSource SET format_is_said = 2", "CHECK"),
    "parameters that are no object": ("UPDATE EmbeddingSource SET parameters = '[1]'", "CHECK"),
    "a fit that is not there": (
        "INSERT INTO ClusteringFit (embedding_model, selection, metric, normalize, min_samples, alpha, engine, n, n_distinct, "
        "dimension, corpus_hash, versions, timings, updated_from) "
        "VALUES ('docs', '{}', 'cosine', 1, 1, 1, 'exact', 1, 1, 1, '', '{}', '{}', 99)",
        FOREIGN_KEY,
    ),
    "an engine without a name": (
        "INSERT INTO ClusteringFit (embedding_model, selection, metric, normalize, min_samples, alpha, engine, n, n_distinct, "
        "dimension, corpus_hash, versions, timings) VALUES ('docs', '{}', 'cosine', 1, 1, 1, '', 1, 1, 1, '', '{}', '{}')",
        "CHECK constraint failed: engine",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_state_is_refused(sourced: apsw.Connection, name: str) -> None:
    assert_refused(sourced, *WRONG[name])


def test_built_ins_of_sqlite_3_38_only() -> None:
    """Programs that are that old read and guard the file, CHECKs included."""
    code = "\n".join(re.sub(r"'[^']*'", "''", line).partition("--")[0] for line in schema_sql().splitlines())
    used = {*re.findall(r"\b([a-z_]+)\(", code)}
    assert used <= {
        *(
            "coalesce",
            "count",
            "iif",
            "json_array_length",
            "json_type",
            "json_valid",
            "julianday",
            "lag",
            "lead",
            "length",
        ),
        *("max", "min", "nullif", "raise", "round", "row_number", "strftime", "sum"),
    }


# --- what is kept ------------------------------------------------------------------------------------------------

ITEMS: list[Any] = [
    *(7, -(2**63), 2**63 - 1, 0.5, -0.0, float("inf"), 1e300),
    *("", "7", "0688868048517e121234567890123456", "text with \0 in it", '["a","b"]', "Ünïcode", b"", b"\0\xff", b"7"),
]


def test_items_of_every_type_are_kept_as_they_came(sourced: apsw.Connection) -> None:
    sourced.executemany(f"{THIN} (?, 'docs', ?, 'docs')", [(f"id {n}", item) for n, item in enumerate(ITEMS)])
    rows = sourced.execute(
        "SELECT item_id, id FROM Embedding WHERE id LIKE 'id %' ORDER BY CAST(substr(id, 4) AS INTEGER)"
    )
    kept = [item for item, _ in rows]
    assert kept == ITEMS
    assert [type(item) for item in kept] == [type(item) for item in ITEMS]
    for n, item in enumerate(ITEMS):
        found = sourced.execute("SELECT id FROM Embedding WHERE embedding_source = 'docs' AND item_id = ?", (item,))
        assert found.fetchall() == [(f"id {n}",)]


def test_two_sources_may_have_the_same_item(sourced: apsw.Connection) -> None:
    assert sourced.execute("SELECT count(*) FROM Embedding WHERE item_id = 1").get == 2


def test_a_source_that_no_row_has_is_changed_and_deleted(sourced: apsw.Connection) -> None:
    sourced.execute(
        "DELETE FROM ClusteringResult WHERE id = 13; UPDATE EmbeddingSource SET name = 'new' WHERE name = 'other'"
    )
    sourced.execute("DELETE FROM EmbeddingSource WHERE name = 'new'")
    assert sourced.execute("SELECT name FROM EmbeddingSource").fetchall() == [("docs",)]


def test_a_fit_stays_when_the_one_it_was_made_from_goes(plain: apsw.Connection) -> None:
    plain.execute("""
        INSERT INTO ClusteringFit (id, embedding_model, selection, metric, normalize, min_samples, alpha, engine, n, n_distinct,
                                   dimension, corpus_hash, versions, timings, updated_from)
        VALUES (1, 'm', '{}', 'cosine', 1, 1, 1, 'exact', 1, 1, 1, '', '{}', '{}', NULL),
               (2, 'm', '{}', 'cosine', 1, 1, 1, 'one of later', 1, 1, 1, '', '{}', '{}', 1);
        DELETE FROM ClusteringFit WHERE id = 1
    """)
    assert plain.execute("SELECT id, updated_from FROM ClusteringFit").fetchall() == [(2, None)]


# --- what goes along ---------------------------------------------------------------------------------------------

ROWS = "SELECT id FROM Embedding WHERE embedding_source IS NOT NULL ORDER BY id"


def thin(*items: int, source: str = "docs") -> list[tuple[str]]:
    return [(f'["{source}",{item}]',) for item in items]


OTHER = thin(1, source="other")
DELETED = {
    "one of two": ("DELETE FROM ClusteringResult WHERE id = 11", thin(3, 4, 5, 6) + OTHER),
    "the other, with its prediction": ("DELETE FROM ClusteringResult WHERE id = 12", thin(1, 2, 3, 4) + OTHER),
    "one after the other": (
        "DELETE FROM ClusteringResult WHERE id = 11; DELETE FROM ClusteringResult WHERE id = 12", OTHER,
    ),
    "both at once": ("DELETE FROM ClusteringResult WHERE embedding_model = 'docs'", OTHER),
    "all": ("DELETE FROM ClusteringResult", []),
    "of another source": ("DELETE FROM ClusteringResult WHERE id = 13", thin(1, 2, 3, 4, 5, 6)),
    "of a model": ("DELETE FROM ClusteringResult WHERE id = 1", thin(1, 2, 3, 4, 5, 6) + OTHER),
    "one of two, a row of which is predicted in the other": (
        f"{PREDICTION} (12, '[\"docs\",2]', -1, 0); DELETE FROM ClusteringResult WHERE id = 11", thin(2, 3, 4, 5, 6) + OTHER,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", DELETED)
def test_deleting_a_result_takes_the_rows_that_nobody_else_has(sourced: apsw.Connection, case: str) -> None:
    sql, left = DELETED[case]
    own = sourced.execute("SELECT id FROM Embedding WHERE embedding_source IS NULL").fetchall()
    sourced.execute(f"BEGIN; {sql}; COMMIT")
    assert sourced.execute(ROWS).fetchall() == left
    assert sourced.execute("SELECT id FROM Embedding WHERE embedding_source IS NULL").fetchall() == own
    assert sourced.execute("SELECT count(*) FROM EmbeddingSource").get == 2
    assert sourced.execute("PRAGMA foreign_key_check").fetchall() == []


def test_without_foreign_keys_no_row_is_lost(sourced: apsw.Connection) -> None:
    """SQLite's default: what the result had stays behind, and with it the rows."""
    sourced.pragma("foreign_keys", False)
    sourced.execute("DELETE FROM ClusteringResult WHERE id = 11")
    assert sourced.execute(ROWS).fetchall() == thin(1, 2, 3, 4, 5, 6) + OTHER


def test_deleting_a_result_in_the_stock_shell(tmp_path: Path) -> None:
    path = tmp_path / "shell.db"
    on = "PRAGMA foreign_keys = ON;"
    made = shell(path, schema_sql() + on + SOURCES + "DELETE FROM ClusteringResult WHERE id = 11;")
    assert (made.returncode, made.stderr) == (0, "")
    assert shell(path, ROWS + ";").stdout.splitlines() == [row[0] for row in thin(3, 4, 5, 6) + OTHER]
    refused = shell(path, on + "DELETE FROM EmbeddingSource WHERE name = 'docs';")
    assert (refused.returncode != 0, FOREIGN_KEY in refused.stderr) == (True, True)


# --- what views say ----------------------------------------------------------------------------------------------

SAID: dict[str, tuple[str, list[list[Any]]]] = {
    "ClusterSummary": (
        "SELECT clustering_result_id, label, size, medoid_embedding_id, medoid_text, medoid_item_id FROM ClusterSummary",
        [
            [1, 0, 3, 2, None, None], [1, 1, 1, 4, None, None], [11, 0, 3, '["docs",1]', "text of 1", 1],
            [12, 0, 3, '["docs",3]', "text of 3", 3], [13, 0, 1, '["other",1]', None, 1],
        ],
    ),
    "EmbeddingModelSummary": (
        "SELECT * FROM EmbeddingModelSummary", [["docs", 6, 3, 0, 2, 12], ["m", 5, 1, 0, 1, 1], ["other", 1, None, 0, 1, 13]],
    ),
    "ClusteringFreshness": (
        "SELECT clustering_result_id, embedding_model, n_embeddings, n_rows, n_unassigned, n_new FROM ClusteringFreshness",
        [
            [1, "m", 5, 5, 0, 0], [11, "docs", None, 4, None, None], [12, "docs", None, 3, None, None],
            [13, "other", None, 1, None, None],
        ],
    ),
    "ClusteringSummary": (
        "SELECT clustering_result_id, n_rows, n_clusters, n_noise FROM ClusteringSummary",
        [[1, 5, 2, 1], [11, 4, 1, 1], [12, 3, 1, 0], [13, 1, 1, 0]],
    ),
    "ClusterOverlap": (
        "SELECT label_a, label_b, size FROM ClusterOverlap WHERE clustering_result_id_a = 11 AND clustering_result_id_b = 12",
        [[-1, 0, 1], [0, 0, 1]],
    ),
}  # fmt: skip


@pytest.mark.parametrize("view", SAID)
def test_what_views_say_of_sources(sourced: apsw.Connection, view: str) -> None:
    sql, rows = SAID[view]
    assert [list(row) for row in sourced.execute(f"{sql} ORDER BY 1, 2")] == rows


# --- what is found by index --------------------------------------------------------------------------------------


def plan(con: apsw.Connection, sql: str) -> str:
    return "; ".join(row[3] for row in con.execute(f"EXPLAIN QUERY PLAN {sql}"))


AFFINITIES = ("INTEGER", "INTEGER PRIMARY KEY", "INT", "TEXT", "CHAR(32)", "UUID", "NUMERIC", "REAL", "BLOB", "ANY", "")


@pytest.mark.parametrize("declared", AFFINITIES)
@pytest.mark.parametrize("analyzed", [False, True])
def test_a_sources_row_is_found_by_index(sourced: apsw.Connection, declared: str, analyzed: bool) -> None:
    sourced.execute(f"CREATE TABLE h (id {declared}, body TEXT); INSERT INTO h (id) VALUES (1), (2), (9)")
    if analyzed:
        sourced.execute("ANALYZE")
    sql = "SELECT h.id, e.id FROM h LEFT JOIN Embedding e ON e.embedding_source = 'docs' AND e.item_id = +h.id"
    found = plan(sourced, sql)
    assert "SEARCH e USING INDEX Embedding_item (embedding_source=? AND item_id=?)" in found, found
    if declared not in ("TEXT", "CHAR(32)"):  # there 1 is '1', which is no item
        assert [id for _, id in sourced.execute(f"{sql} ORDER BY 1")] == ['["docs",1]', '["docs",2]', None]


def test_a_file_without_sources_has_nothing_in_their_index(plain: apsw.Connection) -> None:
    assert plain.execute("SELECT partial FROM pragma_index_list('Embedding') WHERE name = 'Embedding_item'").get == 1
    assert plain.execute("SELECT count(*) FROM Embedding WHERE embedding_source IS NOT NULL").get == 0


def test_deleting_looks_rows_up_by_index(sourced: apsw.Connection) -> None:
    """What a foreign key or trigger looks up, read from the program: SQLite's plans do not say it."""
    roots = {
        page: str(name) for page, name in sourced.execute("SELECT rootpage, name FROM sqlite_schema WHERE rootpage > 0")
    }

    def opened(sql: str) -> list[str]:
        return [roots.get(row[3], "") for row in sourced.execute(f"EXPLAIN {sql}") if row[1].startswith("Open")]

    assert "Embedding_item" in opened("DELETE FROM EmbeddingSource WHERE name = 'docs'")
    assert "Embedding" not in opened("DELETE FROM EmbeddingSource WHERE name = 'docs'")
    assert "ClusteringFit_updated_from" in opened("DELETE FROM ClusteringFit WHERE id = 1")
    body = re.search(r"BEGIN\n(.*?);\nEND", str(
        sourced.execute("SELECT sql FROM sqlite_schema WHERE name = 'ClusteringResult_delete'").get), re.DOTALL)  # fmt: skip
    assert body is not None
    found = plan(sourced, body[1].replace("OLD.embedding_model", "'docs'"))
    assert "SEARCH Embedding USING INDEX Embedding_item (embedding_source=?)" in found
    assert "SCAN" not in found
