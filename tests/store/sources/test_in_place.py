"""Fits in place: a host's table gives what a copy of its vectors gives."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from typing import Any

import apsw
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sqlclust
from sqlclust.errors import (
    DimensionMismatchError,
    RepeatedIdError,
    TooFewRowsError,
    VectorFormatError,
)
from tests.store.sources.in_place import OPTIONS, VECTORS, copied, host_table, rows_of
from tests.trust.foreign_host import foreign_rows_of

# --- the same as a copy ---

KEYS: dict[str, tuple[str, Callable[[int], list[Any]]]] = {
    "INTEGER": ("id INTEGER PRIMARY KEY", lambda n: [3 * i - 20 for i in range(n)]),
    "TEXT": ("id TEXT PRIMARY KEY", lambda n: [f'é "{i}"' for i in range(n)]),
    "BLOB": ("id BLOB PRIMARY KEY", lambda n: [bytes([i, 255 - i]) for i in range(n)]),
    "REAL": ("id REAL PRIMARY KEY", lambda n: [i + 0.25 for i in range(n)]),
    "any": ("id PRIMARY KEY", lambda n: [(i, str(i), bytes([i]), i + 0.5)[i % 4] for i in range(n)]),
}


@pytest.mark.parametrize("kind", KEYS)
def test_the_same_as_a_copy(con: apsw.Connection, kind: str) -> None:
    key, made = KEYS[kind]
    ids = made(len(VECTORS))
    host_table(con, ids, [vector.tobytes() for vector in VECTORS], key=key)
    before = foreign_rows_of(con)
    own = copied(ids, VECTORS)
    result, own_result = sqlclust.fit(con, "docs", **OPTIONS), sqlclust.fit(own, "docs", **OPTIONS)
    assert rows_of(con, result) == rows_of(own, own_result)
    assert foreign_rows_of(con) == before
    for sql in ("SELECT corpus_hash FROM ClusteringFit", "SELECT row_ids FROM ClusteringFit"):
        assert con.execute(sql).fetchall() == own.execute(sql).fetchall()
    assert con.execute("PRAGMA foreign_key_check").fetchall() == []
    assert con.execute("SELECT count(*), count(vector), count(DISTINCT item_id) FROM Embedding").fetchall() == [
        (len(ids), 0, len(ids))
    ]
    view = con.execute("SELECT id, label, probability, outlier_score, medoid_item_id FROM docs_clusters ORDER BY id")
    assert view.fetchall() == rows_of(con, result)


@settings(max_examples=15)
@given(st.data())
def test_the_same_as_a_copy_whatever_is_chosen(data: st.DataObject) -> None:
    n = data.draw(st.integers(12, 40))
    step, least = data.draw(st.integers(1, 3)), data.draw(st.integers(0, 5))
    ids = data.draw(st.lists(st.integers(-99, 99) | st.text("ab'\"é", max_size=4), min_size=n, max_size=n, unique=True))
    con = sqlclust.connect(":memory:")
    host_table(con, ids, [vector.tobytes() for vector in VECTORS[:n]])
    own = copied(ids, VECTORS[:n])
    where, parameters = "rowid > :least", {"least": least}
    options: dict[str, Any] = {"min_cluster_size": 2, "min_samples": 2, "downsample": step}
    result = sqlclust.fit(con, "docs", where=where, parameters=parameters, **options)
    own_result = sqlclust.fit(own, "docs", where=where, parameters=parameters, **options)
    assert rows_of(con, result) == rows_of(own, own_result)


FORMATS: dict[str, Callable[[Any], Any]] = {
    "float64": lambda vector: vector.astype("<f8").tobytes(),
    "float16": lambda vector: vector.astype("<f2").tobytes(),
    "json": lambda vector: json.dumps(vector.tolist()),
}


@pytest.mark.parametrize("format", FORMATS)
def test_other_formats(con: apsw.Connection, format: str) -> None:
    vectors = VECTORS.astype(np.float16).astype(np.float32)
    host_table(con, range(40), [FORMATS[format](vector) for vector in vectors])
    sqlclust.source(con, "docs", format=format)
    result = sqlclust.fit(con, "docs", **OPTIONS)
    own = copied(range(40), vectors)
    assert rows_of(con, result) == rows_of(own, sqlclust.fit(own, "docs", **OPTIONS))
    assert sqlclust.staleness(con, result).is_stale is False
    # and the members are found again
    fit = con.execute("SELECT id FROM ClusteringFit").get
    assert con.execute("SELECT clust_cut(?, '{\"min_cluster_size\": 4}')", (fit,)).get == result + 1


def test_the_fits_own_format_reads_no_source_as_another(con: apsw.Connection) -> None:
    """It says that vectors are float32 which look like another; those of a source that are another stay that."""
    host_table(con, range(40), [vector.astype("<f8").tobytes() for vector in VECTORS])
    plain, said = sqlclust.fit(con, "docs", **OPTIONS), sqlclust.fit(con, "docs", format="float32", **OPTIONS)
    assert con.execute("SELECT format, dimension FROM EmbeddingSource").get == ("float64", 8)
    assert rows_of(con, said) == rows_of(con, plain)


def test_it_goes_on_where_the_stored_fit_is_of_the_same_rows(con: apsw.Connection) -> None:
    host_table(con, range(40), [vector.tobytes() for vector in VECTORS])
    first, second = sqlclust.fit(con, "docs", **OPTIONS), sqlclust.fit(con, "docs", **OPTIONS)
    assert rows_of(con, first) == rows_of(con, second)
    assert con.execute("SELECT count(*) FROM ClusteringFit").get == 1
    assert con.execute("SELECT count(*) FROM Embedding").get == 40


# --- rows that have no vector, or a bad one ---


def test_rows_without_a_vector_are_left_out(con: apsw.Connection) -> None:
    host_table(con, range(43), [*(vector.tobytes() for vector in VECTORS), None, b"", None])
    result = sqlclust.fit(con, "docs", **OPTIONS)
    assert len(rows_of(con, result)) == 40
    assert con.execute("SELECT id, label FROM docs_clusters WHERE id >= 40").fetchall() == [
        (40, None), (41, None), (42, None)
    ]  # fmt: skip


BAD: dict[str, tuple[list[Any], type[Exception], str]] = {
    "dimension": ([b"\0\0\x80?" * 7], DimensionMismatchError, "embedding 40 "),
    "format": ([], VectorFormatError, "sqlclust source DB docs --format float64"),
    "none": ([], TooFewRowsError, "expected at least 2"),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_vectors(con: apsw.Connection, kind: str) -> None:
    more, error, words = BAD[kind]
    vectors: list[Any] = [*(vector.tobytes() for vector in VECTORS), *more]
    if kind == "none":
        vectors = [None] * 39 + vectors[-1:]
    host_table(con, range(len(vectors)), vectors)
    if kind == "format":
        sqlclust.source(con, "docs", vector="vec")
        con.executemany(
            "UPDATE docs SET vec = ? WHERE id = ?", [(v.astype("<f8").tobytes(), i) for i, v in enumerate(VECTORS)]
        )
    with pytest.raises(error, match=words):
        sqlclust.fit(con, "docs", **OPTIONS)


def test_what_to_say_of_another_format_can_be_pasted_whatever_the_name(con: apsw.Connection) -> None:
    host_table(con, range(40), [vector.tobytes() for vector in VECTORS])
    sqlclust.source(con, "it's {0}", table="docs", vector="vec")
    con.executemany(
        "UPDATE docs SET vec = ? WHERE id = ?", [(v.astype("<f8").tobytes(), i) for i, v in enumerate(VECTORS)]
    )
    with pytest.raises(VectorFormatError) as caught:
        sqlclust.fit(con, "it's {0}", **OPTIONS)
    words = str(caught.value).partition("Say so of the source: ")[2].partition(", or")[0]
    assert shlex.split(words) == ["sqlclust", "source", "DB", "it's {0}", "--format", "float64"]


def test_a_key_that_repeats(con: apsw.Connection) -> None:
    host_table(con, range(40), [vector.tobytes() for vector in VECTORS])
    con.execute("ALTER TABLE docs ADD COLUMN part INTEGER DEFAULT 1")
    sqlclust.source(con, "parts", table="docs", id="part", vector="vec")
    with pytest.raises(
        RepeatedIdError, match=r"column part does not name the rows of 'docs': 1 is in 40 of them. Name"
    ):
        sqlclust.fit(con, "parts", **OPTIONS)
