"""What random queries are asked of: a database with a call of every table function, and tables of the same rows."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import apsw
import numpy as np
import pytest

import sqlclust
from sqlclust.bindings import registration
from sqlclust.surface.catalog import CATALOG
from sqlclust.surface.records import Context, Handle, TableFunction
from tests.small import MAP

POINTS = "(SELECT clust_points(id, vector) FROM Embedding)"
SIZE = "'{\"min_cluster_size\": 3}'"
CALLS = {
    "clust_hdbscan": f"({POINTS}, {SIZE})",
    "clust_duplicates": f"({POINTS})",
    "clust_neighbors": f"({POINTS}, '{{\"k\": 2}}')",
    "clust_labels": "(1)",
    "clust_sweep": '(1, \'{"min_cluster_size": [3, 4], "cluster_selection_epsilon": [0, 0.5]}\')',
    "clust_spanning_tree": "(1)",
    "clust_condensed_tree": f"(1, {SIZE})",
    "clust_layers": "(1, '{\"min_cluster_size\": 2}')",
    "clust_core_distances": "(1)",
    "clust_fit_neighbors": "(1)",
    "clust_map": "(1)",
    "clust_predict": f"(1, {POINTS})",
    "clust_nearest": '(1, \'{"rows": "all"}\')',
    "clust_staleness": "(1)",
    "clust_lineage": "(1, 2)",
    "clust_milestone": "(1)",
    "clust_terms": "((SELECT clust_texts(label, 'nan inf ' || id) FROM h_any), '{\"stop_words\": []}')",
    "clust_sources": "()",
    "clust_doctor": "()",
}
"""A call of every table function; all but clust_doctor have rows."""

WORDS = (
    "nan",
    "NaN",
    "-nan",
    "inf",
    "Infinity",
    "1e5",
    "0x10",
    "1_000",
    " 8",
    "7.0",
    "1",
    "2",
    "naan",
    "b",
    "B",
    "9007199254740993",
)
IDS: tuple[Any, ...] = (1, 3, 2.0, 0.30000000000000004, 9007199254740992, 100000, -7, b"1", b"b", *WORDS)
"""Ids that SQLite calls equal under one affinity and different under another."""
OTHERS: tuple[Any, ...] = (
    None,
    0.3,
    "0.3",
    "2.0",
    "3.0",
    8,
    16,
    1000,
    9007199254740993,
    "9007199254740992.0",
    b"nan",
    "",
    "  1 ",
)
HOSTS = ("h_any", "h_integer", "h_real", "h_text", "h_numeric", "h_nocase")
AFFINITIES = {"h_any": "", "h_integer": "INTEGER", "h_real": "REAL", "h_text": "TEXT", "h_numeric": "NUMERIC",
              "h_nocase": "TEXT COLLATE NOCASE"}  # fmt: skip


class Source(NamedTuple):
    """A table function, as it is called and as tables of the same rows.

    Attributes:
        call: in FROM.
        table: of all columns.
        visible: a table of the visible ones.
    """

    call: str
    table: str
    visible: str
    columns: Sequence[str]
    visible_columns: Sequence[str]


def database(*, remembering: bool = False, analyzed: bool = True) -> apsw.Connection:
    """Embeddings under ids of every kind, with two fits, and tables of a host: a column of every affinity, with an index.

    Args:
        remembering: table functions compute only once for the same arguments. Most of the time is theirs otherwise.
        analyzed: SQLite knows how small the host's tables are; otherwise it takes them for large, and has other plans.
    """
    con = apsw.Connection(":memory:")
    if remembering:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(registration, "CATALOG", [remembered(record) for record in CATALOG])
            sqlclust.register(con)
    sqlclust.register(con)
    sqlclust.initialize(con)
    rng = np.random.default_rng(4)
    vectors = (np.eye(3, 4)[np.arange(len(IDS)) % 3] + 0.1 * rng.normal(size=(len(IDS), 4))).astype("<f4")
    vectors[[5, 9]] = vectors[[2, 3]]
    con.execute("INSERT INTO Run (id) VALUES ('r')")
    for number, (identifier, vector) in enumerate(zip(IDS, vectors, strict=True)):
        step = number + 1 if number % 3 else None
        if step:
            con.execute("INSERT INTO Invocation (id, run_id, sequence_number) VALUES (?, 'r', ?)", (step, step))
        con.execute("INSERT INTO Embedding (id, invocation_id, embedding_model, vector) VALUES (?, ?, 'm', ?)",
                    (identifier, step, vector.tobytes()))  # fmt: skip
    sqlclust.fit(con, "m", min_cluster_size=3)
    sqlclust.fit(con, "m", min_cluster_size=4, min_samples=2)
    con.execute(MAP)
    pick = random.Random(1)
    for host, kind in AFFINITIES.items():
        con.execute(f"CREATE TABLE {host} (k INTEGER PRIMARY KEY, id {kind}, x {kind}, label INTEGER, n INTEGER)")
        rows = [(value, pick.choice(IDS + OTHERS), pick.randrange(-1, 3), pick.randrange(4)) for value in
                pick.sample(IDS + OTHERS, 12)]  # fmt: skip
        con.executemany(f"INSERT INTO {host} (id, x, label, n) VALUES (?, ?, ?, ?)", rows)
        con.execute(f"CREATE INDEX {host}_id ON {host} (id); CREATE INDEX {host}_label ON {host} (label, x)")
    con.execute("CREATE TABLE fit (id INTEGER PRIMARY KEY, options); INSERT INTO fit VALUES (1, '{}'), (2, '{}')")
    if analyzed:
        con.execute("ANALYZE")
    return con


def remembered(record: Any) -> Any:
    """A table function that keeps its rows."""
    if not isinstance(record, TableFunction):
        return record
    rows: dict[object, list[tuple[Any, ...]]] = {}

    def function(context: Context, **arguments: Any) -> list[tuple[Any, ...]]:
        key = tuple((name, value.contents if isinstance(value, Handle) else value) for name, value in arguments.items())
        if key not in rows:
            rows[key] = list(record.function(context, **arguments))
        return rows[key]

    return dataclasses.replace(record, function=function)


BY_CONDITION = ("clust_labels by condition",)
"""Functions whose arguments are conditions in WHERE."""


def sources(con: apsw.Connection) -> dict[str, Source]:
    """Makes the tables; each has the declared types of the function's columns, so the same affinities."""
    found = {}
    for record in CATALOG:
        if isinstance(record, TableFunction):
            call = record.name + CALLS[record.name]
            found[record.name] = source(con, record.name, [call], record.columns, record.hidden_columns)
    record = next(record for record in CATALOG if record.name == "clust_labels")
    assert isinstance(record, TableFunction)
    calls = [f"clust_labels({fit}, {options})" for fit in (1, 2) for options in ("'{}'", SIZE)]
    hidden = {**record.hidden_columns, "clustering_fit_id": "", "options": ""}
    [name] = BY_CONDITION
    found[name] = source(con, name, calls, record.columns, hidden)._replace(call="clust_labels")
    return found


def source(
    con: apsw.Connection, name: str, calls: list[str], visible: Mapping[str, str], hidden: Mapping[str, str]
) -> Source:
    """Tables of the rows of the calls."""
    made = []
    for kind, columns in (("all", {**visible, **hidden}), ("visible", visible)):
        table = f'"{kind} of {name}"'
        names = ", ".join(f'"{column}"' for column in columns)
        declared = ", ".join(f'"{column}" {kind}' for column, kind in columns.items())
        con.execute(f"CREATE TABLE {table} ({declared})")
        for call in calls:
            rows = con.execute(f"SELECT {names} FROM {call}").fetchall()
            con.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(columns))})", rows)
            stored = con.execute(f"SELECT * FROM {table}").fetchall()[-len(rows) :]
            assert [list(map(type, row)) for row in stored] == [list(map(type, row)) for row in rows], name
        made.append(table)
    return Source(calls[0], made[0], made[1], [*visible, *hidden], [*visible])
