"""A host's table of vectors, clustered where it is; and its twin: the same vectors under the same ids in our own tables."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import apsw
from numpy.typing import NDArray

import sqlclust
from tests.small import add_embeddings, clustered

Row = tuple[Any, ...]
VECTORS: NDArray[Any] = clustered()


class Keys(NamedTuple):
    """How the host's table names its rows.

    Attributes:
        columns: of its key, as they are declared.
        key: of the n-th row, the values of the key.
    """

    columns: str
    key: Callable[[int], Row]

    @property
    def names(self) -> list[str]:
        return [column.split()[0] for column in self.columns.split(", ")]

    def item(self, n: int) -> Any:
        """What the row is called in results."""
        key = self.key(n)
        return key[0] if len(key) == 1 else json.dumps(key, separators=(",", ":"), ensure_ascii=False)

    def where(self) -> str:
        return " AND ".join(f"{name} = ?" for name in self.names)


KEYS: dict[str, Keys] = {
    "INTEGER": Keys("id INTEGER", lambda n: (n * 37 % 101 - 20,)),
    "TEXT": Keys("id TEXT", lambda n: (f"dé{n * 37 % 101}\"x'",)),
    "BLOB": Keys("id BLOB", lambda n: (bytes([n * 37 % 101, 0, 255]),)),
    "any type": Keys("id", lambda n: ((n, f"t{n}", bytes([n]), n + 0.5)[n % 4],)),
    "two columns": Keys("part TEXT, number INTEGER", lambda n: ("pé"[n % 2], n * 37 % 101)),
}


@contextmanager
def twins(keys: Keys) -> Iterator[tuple[apsw.Connection, apsw.Connection]]:
    """The host's database, with a table `docs` and nothing of ours; and ours, with a model `docs`. Nothing is fitted yet."""
    host, own = sqlclust.connect(":memory:"), sqlclust.connect(":memory:")
    host.execute(
        f"CREATE TABLE docs ({keys.columns}, embedding BLOB, body TEXT, PRIMARY KEY ({', '.join(keys.names)}))"
    )
    for n in reversed(range(len(VECTORS))):  # in another order than that of the ids
        insert(host, keys, n, VECTORS[n].tobytes())
    sqlclust.initialize(own)
    add_embeddings(own, VECTORS, model="docs", ids=[keys.item(n) for n in range(len(VECTORS))])
    try:
        yield host, own
    finally:
        host.close()
        own.close()


def insert(host: apsw.Connection, keys: Keys, n: int, vector: bytes | None) -> None:
    """A row of the host's."""
    places = ", ".join("?" * (len(keys.names) + 2))
    host.execute(f"INSERT INTO docs VALUES ({places})", (*keys.key(n), vector, f"text {n}"))


def fitted(con: apsw.Connection, options: str = '{"min_cluster_size": 5}') -> int:
    """Fit by SQL; the result's id."""
    found: int = con.execute("SELECT clust_fit('docs', ?)", (options,)).get
    return found


def rows(con: apsw.Connection, sql: str, bindings: Sequence[Any] = ()) -> list[Row]:
    return con.execute(sql, tuple(bindings)).fetchall()
