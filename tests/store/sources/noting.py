"""A table of notes, as another program might have it, and results of a source without fitting it."""

from __future__ import annotations

import apsw

from sqlclust.bindings.apsw.database import database_of
from sqlclust.sources.registered_rows import Registered, registered
from tests.small import blob

ROWS = [(f"s{i}", f"the text of note {i}", blob(i, i % 3, 0.25, -1), "de" if i % 2 else "en") for i in range(12)]


def noted(con: apsw.Connection) -> apsw.Connection:
    con.execute("CREATE TABLE note (slug TEXT PRIMARY KEY, body TEXT, embedding BLOB, lang TEXT)")
    con.executemany("INSERT INTO note VALUES (?, ?, ?, ?)", ROWS)
    return con


def of(con: apsw.Connection, name: str) -> Registered | None:
    return registered(database_of(con), name)


def a_result(con: apsw.Connection, source: str) -> int:
    """A result that has one row of a source, which is noise."""
    con.execute("INSERT INTO ClusteringResult (embedding_model, parameters) VALUES (?, '{}')", (source,))
    result_id = con.last_insert_rowid()
    con.execute(
        "INSERT INTO Embedding (id, embedding_model, embedding_source, item_id) VALUES (json_array(?1, 's1'), ?1, ?1, 's1') "
        "ON CONFLICT DO NOTHING",
        (source,),
    )
    con.execute("INSERT INTO EmbeddingCluster VALUES (?, json_array(?, 's1'), -1, 0, NULL)", (result_id, source))
    return result_id
