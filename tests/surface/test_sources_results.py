"""The functions over the fits and results of a source: row for row what they give of a copy of the same vectors in Embedding."""

from __future__ import annotations

import json
from collections.abc import Iterator

import apsw
import pytest

import sqlclust
from sqlclust.bindings.apsw.database import database_of
from sqlclust.errors import HostTableError
from sqlclust.store.maps import map_of
from tests.small import add_embeddings
from tests.surface.in_place import KEYS, VECTORS, Keys, fitted, insert, rows, twins

FUNCTIONS: dict[str, str] = {
    "labels": "SELECT *, medoid_id FROM clust_labels(1)",
    "labels of another cut": "SELECT *, medoid_id FROM clust_labels(1, '{\"min_cluster_size\": 8}')",
    "sweep": "SELECT * FROM clust_sweep(1, '{\"min_cluster_size\": [4, 5, 8]}')",
    "spanning tree": "SELECT * FROM clust_spanning_tree(1)",
    "condensed tree": "SELECT * FROM clust_condensed_tree(1)",
    "layers": "SELECT * FROM clust_layers(1)",
    "core distances": "SELECT * FROM clust_core_distances(1)",
    "neighbors of a fit": "SELECT * FROM clust_fit_neighbors(1)",
    "nearest": 'SELECT *, exemplar_id, distance FROM clust_nearest(1, \'{"rows": "all"}\')',
    "staleness": "SELECT * FROM clust_staleness(1)",
    "lineage": "SELECT * FROM clust_lineage(1, 2)",
    "lineage back": "SELECT * FROM clust_lineage(2, 1)",
}


@pytest.fixture(scope="module", params=KEYS)
def both(request: pytest.FixtureRequest) -> Iterator[tuple[apsw.Connection, apsw.Connection]]:
    """The twins, each with two results of one fit."""
    with twins(KEYS[request.param]) as (host, own):
        for con in (host, own):
            assert fitted(con) == 1
            assert con.execute("SELECT clust_cut(1, '{\"min_cluster_size\": 13}')").get == 2
        yield host, own


@pytest.mark.parametrize("name", FUNCTIONS)
def test_rows_are_those_of_a_copy(both: tuple[apsw.Connection, apsw.Connection], name: str) -> None:
    host, own = both
    found = rows(host, FUNCTIONS[name])
    assert found == rows(own, FUNCTIONS[name])
    assert found


def test_maps_have_the_host_s_ids(both: tuple[apsw.Connection, apsw.Connection]) -> None:
    found = []
    for con in both:
        map_of(database_of(con), 1, "pca")
        found.append(rows(con, "SELECT *, method FROM clust_map(1)"))
    assert found[0] == found[1]
    assert found[0]


SMALLER = {
    "labels": "SELECT *, medoid_id FROM clust_labels(1, '{\"min_samples\": 3}')",
    "sweep": "SELECT * FROM clust_sweep(1, '{\"min_samples\": [5, 3, 1]}')",
    "condensed tree": "SELECT * FROM clust_condensed_tree(1, '{\"min_samples\": 3}')",
    "labels of the new fit": "SELECT *, medoid_id FROM clust_labels(2)",
    "core distances of the new fit": "SELECT * FROM clust_core_distances(2)",
    "neighbors of the new fit": "SELECT * FROM clust_fit_neighbors(2)",
    "nearest": 'SELECT *, exemplar_id, distance FROM clust_nearest(3, \'{"rows": "all"}\')',
    "staleness": "SELECT * FROM clust_staleness(3)",
}
"""With a smaller min_samples than the fit's, and of the result and the fit, 3 and 2, of clust_cut with 2."""


def test_a_smaller_min_samples(both: tuple[apsw.Connection, apsw.Connection]) -> None:
    for con in both:
        assert con.execute("SELECT clust_cut(1, '{\"min_samples\": 2}')").get == 3
    host, own = both
    for sql in SMALLER.values():
        found = rows(host, sql)
        assert found == rows(own, sql)
        assert found


def test_predictions_name_their_neighbors_as_the_host_does(both: tuple[apsw.Connection, apsw.Connection]) -> None:
    host, own = both
    sql = """SELECT id, label, probability, neighbor_id, distance
             FROM clust_predict(1, (SELECT clust_points(value ->> 0, clust_vector(value ->> 1)) FROM json_each(?)))"""
    moved = json.dumps([[n, json.dumps((VECTORS[n] + 0.01).tolist())] for n in range(0, 40, 2)])
    found = rows(host, sql, (moved,))
    assert found == rows(own, sql, (moved,))
    items = {item for (item,) in rows(host, "SELECT item_id FROM Embedding")}
    assert {row[3] for row in found} <= items
    assert {row[1] for row in found} >= {0, 1, 2}


# --- staleness, of hosts that go on -----------------------------------------------------------------------------------

NEAR = (VECTORS[1] * 1.01).tobytes()


def _new(host: apsw.Connection, own: apsw.Connection, keys: Keys) -> None:
    for n in (60, 61):
        insert(host, keys, n, NEAR)
        own.execute("INSERT INTO Embedding (id, embedding_model, vector) VALUES (?, 'docs', ?)", (keys.item(n), NEAR))


def _gone(host: apsw.Connection, own: apsw.Connection, keys: Keys) -> None:
    for n in (4, 39):
        host.execute(f"DELETE FROM docs WHERE {keys.where()}", keys.key(n))
        own.execute("DELETE FROM Embedding WHERE id = ?", (keys.item(n),))


def _without_vector(host: apsw.Connection, own: apsw.Connection, keys: Keys) -> None:
    host.execute(f"UPDATE docs SET embedding = NULL WHERE {keys.where()}", keys.key(5))
    host.execute(f"UPDATE docs SET embedding = x'' WHERE {keys.where()}", keys.key(6))
    insert(host, keys, 62, None)
    own.execute("DELETE FROM Embedding WHERE id IN (?, ?)", (keys.item(5), keys.item(6)))


def _other_vector(host: apsw.Connection, own: apsw.Connection, keys: Keys) -> None:
    for n in (7, 8, 9):
        host.execute(f"UPDATE docs SET embedding = ? WHERE {keys.where()}", (NEAR, *keys.key(n)))
        own.execute("UPDATE Embedding SET vector = ? WHERE id = ?", (NEAR, keys.item(n)))


def _other_text(host: apsw.Connection, own: apsw.Connection, keys: Keys) -> None:
    host.execute("UPDATE docs SET body = 'other'")


def _all(host: apsw.Connection, own: apsw.Connection, keys: Keys) -> None:
    for change in (_new, _gone, _without_vector, _other_vector):
        change(host, own, keys)


CHANGES = {
    "new rows": (_new, (2, 0, 0)),
    "rows gone": (_gone, (0, 2, 0)),
    "rows without a vector": (_without_vector, (0, 2, 0)),
    "other vectors": (_other_vector, (0, 0, 3)),
    "other texts": (_other_text, (0, 0, 0)),
    "all of it": (_all, (2, 4, 3)),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("kind", KEYS)
def test_staleness(kind: str, change: str) -> None:
    made, expected = CHANGES[change]
    keys = KEYS[kind]
    with twins(keys) as (host, own):
        assert fitted(host) == fitted(own) == 1
        own.pragma("foreign_keys", False)
        made(host, own, keys)
        found = rows(host, "SELECT * FROM clust_staleness(1)")
        assert found == rows(own, "SELECT * FROM clust_staleness(1)")
        assert found[0][2:5] == expected
        assert sqlclust.staleness(host, 1) == sqlclust.staleness(own, 1)


def test_a_row_under_another_key_is_one_gone_and_one_new() -> None:
    with twins(KEYS["TEXT"]) as (host, _):
        fitted(host)
        host.execute("UPDATE docs SET id = 'renamed' WHERE id = ?", KEYS["TEXT"].key(3))
        found = sqlclust.staleness(host, 1)
        assert (found.n_new, found.new_id, found.n_missing, found.missing_id, found.is_stale) == (
            1, "renamed", 1, KEYS["TEXT"].item(3), True,
        )  # fmt: skip


def test_a_key_of_another_type_is_another_row() -> None:
    """In a column without affinity 7 and '7' are two keys."""
    with twins(KEYS["any type"]) as (host, _):
        host.execute("INSERT INTO docs VALUES (7, ?, ''), ('7', ?, '')", (NEAR, NEAR))
        fitted(host)
        host.execute("DELETE FROM docs WHERE id = '7'")
        found = sqlclust.staleness(host, 1)
        assert (found.n_new, found.n_missing, found.missing_id) == (0, 1, "7")


# --- what else a result of a source gives -----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KEYS)
def test_downsampling_takes_every_nth_by_rank_of_the_key(kind: str) -> None:
    with twins(KEYS[kind]) as (host, own):
        options = '{"min_cluster_size": 4, "downsample": 2}'
        assert fitted(host, options) == fitted(own, options) == 1
        sql = "SELECT * FROM clust_labels(1)"
        assert rows(host, sql) == rows(own, sql)
        assert host.execute("SELECT count(*) FROM Embedding").get == 20
        assert rows(host, "SELECT * FROM clust_staleness(1)") == rows(own, "SELECT * FROM clust_staleness(1)")


@pytest.mark.parametrize("kind", KEYS)
def test_the_host_s_rows_are_as_they_were(kind: str) -> None:
    with twins(KEYS[kind]) as (host, _):
        before = rows(host, "SELECT * FROM docs"), rows(host, "SELECT sql FROM sqlite_schema WHERE name = 'docs'")
        fitted(host)
        host.execute("SELECT clust_cut(1, '{\"min_cluster_size\": 8}')")
        for sql in FUNCTIONS.values():
            rows(host, sql)
        assert before == (
            rows(host, "SELECT * FROM docs"), rows(host, "SELECT sql FROM sqlite_schema WHERE name = 'docs'"),
        )  # fmt: skip


def test_a_table_that_is_gone_is_said_by_what_reads_it_and_by_nothing_else() -> None:
    with twins(KEYS["TEXT"]) as (host, _):
        fitted(host)
        fitted(host)
        host.execute("DROP TABLE docs")
        gone = [name for name in FUNCTIONS if name.startswith(("labels", "nearest", "staleness"))]
        for name, sql in FUNCTIONS.items():
            if name in gone:
                with pytest.raises(HostTableError, match="there is no table 'docs'"):
                    rows(host, sql)
            else:
                assert rows(host, sql)
        with pytest.raises(HostTableError):
            host.execute("SELECT clust_cut(1)")


# --- parts of a table -------------------------------------------------------------------------------------------------

PART = """
INSERT INTO EmbeddingSource
    (name, kind, table_name, id_columns, vector_column, content_column, format, dimension, part_column, part_value)
VALUES ('docs', 'table', 'docs', '["number"]', 'embedding', 'body', 'float32', 8, 'part', 'p'),
       ('others', 'table', 'docs', '["number"]', 'embedding', 'body', 'float32', 8, 'part', 'é')
"""


def test_parts_of_a_table_know_nothing_of_each_other() -> None:
    """Collections of one table, as llm has them: the same keys in each."""
    keys = KEYS["two columns"]
    with twins(keys) as (host, own):
        host.execute("DELETE FROM docs")
        for n, vector in enumerate(VECTORS):
            for part, there in (("p", vector), ("é", -vector[::-1])):
                host.execute("INSERT INTO docs VALUES (?, ?, ?, ?)", (part, n, there.tobytes(), f"{part} {n}"))
        own.execute("DELETE FROM Embedding")
        add_embeddings(own, VECTORS, model="docs", ids=range(len(VECTORS)))
        sqlclust.initialize(host)
        host.execute(PART)
        for con in (host, own):
            assert fitted(con) == 1
            assert con.execute("SELECT clust_cut(1, '{\"min_cluster_size\": 13}')").get == 2
        assert host.execute("SELECT clust_fit('others', '{\"min_cluster_size\": 5}')").get == 3
        for sql in FUNCTIONS.values():
            assert rows(host, sql) == rows(own, sql)
        fresh = sqlclust.staleness(host, 1)
        host.execute("DELETE FROM docs WHERE part = 'é' AND number < 20")
        host.execute("UPDATE docs SET embedding = ? WHERE part = 'é'", (NEAR,))
        assert sqlclust.staleness(host, 1) == fresh == sqlclust.staleness(own, 1)
        assert sqlclust.staleness(host, 3)[2:6] == (40, 0, 20, 20)
        medoids = "SELECT medoid_item_id, medoid_text FROM ClusterSummary WHERE clustering_result_id = 1"
        assert {text for item, text in rows(host, medoids)} == {f"p {item}" for item, _ in rows(host, medoids)}
        assert rows(host, "SELECT DISTINCT part FROM docs_clusters") == [("p",)]
