"""What a host forbids by an authorizer, or hides."""

from __future__ import annotations

from typing import Any

import apsw
import pytest

import sqlclust
from sqlclust.bindings.apsw.database import database_of
from sqlclust.errors import NotAuthorizedError
from sqlclust.sqlite import statements
from sqlclust.store.results.listing import delete_result
from tests.hosted import CALLS
from tests.hosts import HostConnection

pytestmark = pytest.mark.slow


# --- what a host forbids --------------------------------------------------------------------------------------------

FORBIDDEN = {
    "reading vectors": (apsw.SQLITE_READ, "Embedding", "vector"),
    "reading any table": (apsw.SQLITE_READ, None, None),
    "inserting results": (apsw.SQLITE_INSERT, "ClusteringResult", None),
    "transactions": (apsw.SQLITE_TRANSACTION, None, None),
    "PRAGMA": (apsw.SQLITE_PRAGMA, None, None),
    "any SELECT": (apsw.SQLITE_SELECT, None, None),
    "functions": (apsw.SQLITE_FUNCTION, None, None),
}


@pytest.mark.parametrize("what", FORBIDDEN)
def test_an_authorizer_forbids(host: HostConnection, what: str) -> None:
    code, first, second = FORBIDDEN[what]

    def authorizer(operation: int, one: str | None, two: str | None, *_: Any) -> int:
        forbidden = operation == code and first in (None, one) and second in (None, two)
        return apsw.SQLITE_DENY if forbidden else apsw.SQLITE_OK

    host.authorizer = authorizer
    with pytest.raises(NotAuthorizedError, match="'s authorizer forbids a statement of sqlclust") as caught:
        sqlclust.fit(host, "demo", min_cluster_size=4)
    assert caught.value.path == host.filename
    # the host's own statement may be what is forbidden
    with pytest.raises((NotAuthorizedError, apsw.AuthError, apsw.SQLError)):
        host.execute("SELECT clust_fit('demo')").get  # noqa: B018
    assert host.authorizer is authorizer
    host.authorizer = None
    assert not host.in_transaction
    assert host.execute("SELECT count(*) FROM ClusteringResult").get == 1


@pytest.mark.parametrize("name", ["doctor", "initialize", "fit", "lineage"])
def test_an_authorizer_forbids_functions(host: HostConnection, name: str) -> None:
    """SQLite says so in an error as of wrong SQL."""
    host.authorizer = lambda operation, *_: apsw.SQLITE_DENY if operation == apsw.SQLITE_FUNCTION else apsw.SQLITE_OK
    with pytest.raises(NotAuthorizedError, match=r"forbids a statement of sqlclust .not authorized to use function: "):
        CALLS[name](host)


def test_an_authorizer_that_makes_no_sense(host: HostConnection) -> None:
    host.authorizer = lambda operation, *_: 77 if operation == apsw.SQLITE_READ else apsw.SQLITE_OK
    with pytest.raises(NotAuthorizedError, match="authorizer malfunction"):
        sqlclust.fit(host, "demo")


HIDDEN: dict[str, tuple[str, int, str | None, str | None]] = {
    "labels": ("lineage", apsw.SQLITE_READ, "EmbeddingCluster", "label"),
    "embeddings": ("fit", apsw.SQLITE_READ, "Embedding", None),
    "vectors": ("fit", apsw.SQLITE_READ, "Embedding", "vector"),
    "ids": ("staleness", apsw.SQLITE_READ, "Embedding", "id"),
    "the schema": ("initialize", apsw.SQLITE_READ, "sqlite_master", None),
    "the schema, from the doctor": ("doctor", apsw.SQLITE_READ, "sqlite_master", None),
    "functions": ("fit", apsw.SQLITE_FUNCTION, None, None),
    "what is inserted": ("fit", apsw.SQLITE_INSERT, None, None),
    "one table's rows": ("cut", apsw.SQLITE_INSERT, "Cluster", None),
    "what is updated": ("fit", apsw.SQLITE_UPDATE, None, None),
    "what is loaded": ("load", apsw.SQLITE_INSERT, "Embedding", None),
    "transactions": ("fit", apsw.SQLITE_TRANSACTION, None, None),
    "any SELECT": ("list and show", apsw.SQLITE_SELECT, None, None),
}

_ROWS = """
SELECT count(*), sum(label) FROM EmbeddingCluster UNION ALL SELECT count(*), max(id) FROM ClusteringResult
UNION ALL SELECT count(*), sum(size) FROM Cluster UNION ALL SELECT count(*), count(content) FROM Embedding
"""


@pytest.mark.parametrize("what", HIDDEN)
def test_an_authorizer_hides(host: HostConnection, what: str) -> None:
    """SQLITE_IGNORE gives NULLs, or leaves out what is to be done; nothing is computed from that, or blamed on the file."""
    name, code, first, second = HIDDEN[what]

    def authorizer(operation: int, one: str | None, two: str | None, *_: Any) -> int:
        hidden = operation == code and first in (None, one) and second in (None, two)
        return apsw.SQLITE_IGNORE if hidden else apsw.SQLITE_OK

    before = host.execute(_ROWS).fetchall()
    host.authorizer = authorizer
    with pytest.raises(
        NotAuthorizedError, match="authorizer hides from a statement of sqlclust what it needs"
    ) as caught:
        CALLS[name](host)
    operation = apsw.mapping_authorizer_function[code]
    assert caught.value.hidden.startswith(" ".join(filter(None, (str(operation), first))))
    assert host.authorizer is authorizer
    host.authorizer = None
    assert not host.in_transaction
    assert host.execute(_ROWS).fetchall() == before


def test_an_authorizer_keeps_hiding_from_its_host(host: HostConnection) -> None:
    """Also between the rows of a function of ours. And a DELETE that is ignored deletes, as SQLite has it."""
    allowed = host.execute("SELECT label FROM Cluster").fetchall()

    def authorizer(operation: int, one: str | None, two: str | None, *_: Any) -> int:
        hidden = (operation, one) == (apsw.SQLITE_READ, "Run") or operation == apsw.SQLITE_DELETE
        return apsw.SQLITE_IGNORE if hidden else apsw.SQLITE_OK

    host.execute("INSERT INTO Run (id) VALUES ('r')")
    host.authorizer = authorizer
    seen = [host.execute("SELECT id FROM Run").get for _ in host.execute("SELECT * FROM clust_labels(1)")]
    assert seen == [None] * 40
    with statements.each_row(database_of(host), "SELECT label FROM main.Cluster") as rows:
        assert [host.execute("SELECT id FROM Run").get for _ in rows] == [None] * len(allowed)
    delete_result(database_of(host), 1)
    assert host.execute("SELECT count(*) FROM ClusteringResult").get == 0
