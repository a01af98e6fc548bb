"""Python's ways into a database, for tests that go through all of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import apsw

import sqlclust
from sqlclust.bindings.apsw.database import database_of
from sqlclust.errors import Id
from sqlclust.sources import find_sources
from sqlclust.store import prediction
from sqlclust.store.cut import cut
from sqlclust.store.embeddings.loading import load_embeddings
from sqlclust.store.results.comparison import compare, lineage
from sqlclust.store.results.listing import delete_result, list_results, show_result
from tests.small import add_embeddings, blob, clustered


class New(NamedTuple):
    id: Id | None
    vector: bytes
    content: str | None = None
    run_id: Id | None = "r"
    sequence_number: int | None = 1


def predicted(con: apsw.Connection) -> object:
    add_embeddings(con, clustered()[:1], ids=[41])
    recovered = prediction.recover(database_of(con), 1)
    points = prediction.others(database_of(con), recovered)
    prediction.store(database_of(con), recovered, points, prediction.predict(database_of(con), recovered, points))
    return con.execute("SELECT embedding_id, label FROM EmbeddingPrediction").fetchall()


CALLS: dict[str, Callable[[apsw.Connection], object]] = {
    "initialize": sqlclust.initialize,
    "fit": lambda con: sqlclust.fit(con, "demo", min_cluster_size=4, where="id > :least", parameters={"least": 2}),
    "fit again": lambda con: sqlclust.fit(con, "demo", min_cluster_size=5, downsample=2),
    "fit of nothing": lambda con: sqlclust.fit(con, "nothing"),
    "fit by a wrong condition": lambda con: sqlclust.fit(con, "demo", where="id > 2)"),
    "fit where a value is missing": lambda con: sqlclust.fit(con, "demo", where="id > :least"),
    "cut": lambda con: cut(database_of(con), 1, {"min_cluster_size": 6}),
    "cut of nothing": lambda con: cut(database_of(con), 7, {}),
    "staleness": lambda con: sqlclust.staleness(con, 1),
    "doctor": lambda con: [finding.finding for finding in sqlclust.doctor(con).findings],
    "sources": lambda con: [source.row() for source in find_sources(database_of(con))],
    "doctor --fix": lambda con: sqlclust.doctor(con, fix=True).repairs,
    "load": lambda con: load_embeddings(database_of(con), "demo", [New("new", blob(*range(8)))]),
    "load a repeated one": lambda con: load_embeddings(
        database_of(con), "demo", [New(None, blob(*range(8))), New(3, blob(*range(8)))]
    ),
    "predict": predicted,
    "lineage": lambda con: lineage(database_of(con), 1, 1),
    "compare": lambda con: repr(compare(database_of(con), 1, 1)),
    "list and show": lambda con: (
        [row["n_rows"] for row in list_results(database_of(con))],
        show_result(database_of(con), 1)["n_clusters"],
    ),
    "delete": lambda con: delete_result(database_of(con), 1),
}
"""Python's ways in; SQL's are in the pairs."""
