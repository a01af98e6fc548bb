"""chroma: vectors are in `embeddings_queue`, a log, until chroma moves them into the files of its index, and purges the log.

A collection can be clustered as long as the log has all of it, each id once: then its rows are what was added, and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple

from sqlclust.sources import sampling
from sqlclust.sources.found import Source, remarks
from sqlclust.sources.indexes import index_beginning_with
from sqlclust.sources.kind import MOST, Kind
from sqlclust.sources.look import Look
from sqlclust.sqlite import statements
from sqlclust.sqlite.layout import Table, quoted

_LOOKED_AT = 10_000
"""Rows of the log that are looked at; chroma moves vectors out of it after 1,000 by default."""
_COUNTED = 100_000
"""Items of a collection that are counted."""
_ADDED = (0, 2)  # ADD and UPSERT; 1 is UPDATE, 3 is DELETE

_COLLECTIONS = f"SELECT id, CAST(name AS BLOB) FROM {{table}} NOT INDEXED LIMIT {MOST}"
_SEGMENTS = f"SELECT collection, scope, id FROM {{table}} NOT INDEXED LIMIT {10 * MOST}"
_LOG = f"""
SELECT seq_id, topic, operation, CAST(id AS BLOB) FROM {{queue}} NOT INDEXED LIMIT {_LOOKED_AT + 1}
"""


class _Logged(NamedTuple):
    """What the log has of a collection: its topic, rowids, and whether all of them add other ids."""

    topic: str
    rowids: list[int]
    only_adds: bool


def _find(look: Look) -> Iterator[Source]:
    collections = look.having("collections", "id", "name", "dimension")
    segments = look.having("segments", "id", "scope", "collection")
    embeddings = look.having("embeddings", "segment_id", "embedding_id", "seq_id")
    queue = look.having("embeddings_queue", "seq_id", "operation", "topic", "id", "vector")
    if collections is None or segments is None or embeddings is None or queue is None:
        return
    look.take(collections, segments, embeddings, queue)
    logged = _logged(look, queue)
    rows = statements.all_rows(look.database, _SEGMENTS.format(table=segments.sql))
    segment = {(collection, scope): id for collection, scope, id in rows}
    found = statements.all_rows(look.database, _COLLECTIONS.format(table=collections.sql))
    for collection, name in sorted(found, key=lambda row: look.text(row[1])):
        items = _items(look, embeddings, segment.get((collection, "METADATA")))
        of_it = None if logged is None else logged.get(str(collection), _Logged("", [], True))
        beside = f"{segment.get((collection, 'VECTOR'))}/data_level0.bin"
        yield _source(look, queue, f"chroma:{look.text(name)}", items, of_it, beside)


def _items(look: Look, embeddings: Table, segment: object) -> int | None:
    """How many there are in a collection; None if they are too many to be counted, or have no index."""
    index = index_beginning_with(look.database, embeddings, "segment_id")
    if index is None:
        return None
    sql = (
        f"SELECT count(*) FROM (SELECT 1 FROM {embeddings.sql} INDEXED BY {quoted(index.name)} "
        f"WHERE segment_id = ? COLLATE BINARY LIMIT {_COUNTED + 1})"
    )
    n = int(statements.value(look.database, sql, (segment,)))
    return n if n <= _COUNTED else None


def _logged(look: Look, queue: Table) -> dict[str, _Logged] | None:
    """By the id of a collection; None if the log is too long to be looked at."""
    rows = statements.all_rows(look.database, _LOG.format(queue=queue.sql))
    if len(rows) > _LOOKED_AT:
        return None
    by_topic: dict[str, list[tuple[Any, ...]]] = {}
    for rowid, topic, operation, item in rows:
        by_topic.setdefault(str(topic), []).append((rowid, operation, item))
    return {
        topic.rpartition("/")[2]: _Logged(
            topic,
            [rowid for rowid, _, _ in of_it],
            all(operation in _ADDED for _, operation, _ in of_it) and len({item for _, _, item in of_it}) == len(of_it),
        )
        for topic, of_it in by_topic.items()
    }


def _source(look: Look, queue: Table, name: str, items: int | None, logged: _Logged | None, beside: str) -> Source:
    if logged is not None and logged.only_adds and len(logged.rowids) == items and items:
        rowids = logged.rowids[:: max(1, len(logged.rowids) // sampling.MOST_ROWS)]
        sampled = sampling.sample(look.database, queue, rowids)
        only = (queue.columns["topic"].name, logged.topic)
        found = look.in_rows("chroma", sampled, "vector", name=name, content=None, only=only, n_rows=items)
        return replace(
            found,
            id_columns=(queue.columns["id"].name,),
            remark=remarks(
                f"all of them are still in embeddings_queue; chroma will move them to {beside}",
                found.remark,
                "the texts are in embedding_metadata",
            ),
        )
    if items == 0:
        remark = "no rows"
    elif logged is None:
        remark = f"not known to be all in this file: embeddings_queue has more than {_LOOKED_AT:,} rows; see {beside}"
    elif items is None:
        remark = f"not known to be all in this file: too many to be counted, or without an index; see {beside}"
    elif len(logged.rowids) < items:
        remark = (
            f"not all in this file: embeddings_queue has {len(logged.rowids)} of {items}, the others are in {beside}"
        )
    else:
        remark = f"not all in this file as they are now: embeddings_queue is a log with updates or deletions; {beside} has them"
    return Source(name=name, kind="chroma", table_name=queue.name, n_rows=items, remark=remark)


CHROMA = Kind(
    "chroma",
    "a collection, `chroma:NAME`; refused once its vectors are, or may be, in `data_level0.bin` beside it",
    _find,
)
