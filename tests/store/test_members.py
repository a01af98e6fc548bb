"""Cutting goes on from the members of a fit only if they are what they were."""

from __future__ import annotations

import apsw
import pytest

from sqlclust.bindings.apsw.database import database_of
from sqlclust.errors import Id, MembersChangedError
from sqlclust.options import HdbscanOptions
from sqlclust.store.cut import cut, labels
from sqlclust.store.fit import fit
from sqlclust.store.sweep import sweep
from tests.small import add_embeddings, clustered
from tests.store.left import result_rows


def without_result(con: apsw.Connection) -> None:
    """A fit with no result: its embeddings may go."""
    fit(database_of(con), "demo", HdbscanOptions(min_cluster_size=5))
    con.execute("DELETE FROM ClusteringResult")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            "DELETE FROM Embedding WHERE id IN (7, 9)",
            "embedding 7 is gone since clustering fit 1 was made (2 rows differ)",
        ),
        ("UPDATE Embedding SET embedding_model = 'x' WHERE id = 9", "embedding 9 is gone since"),
        ("UPDATE Embedding SET id = 'nine' WHERE id = 9", "embedding 9 is gone since"),
        ("UPDATE Embedding SET vector = zeroblob(32) WHERE id IN (3, 40)", "embedding 3 has another vector since"),
        ("UPDATE Embedding SET vector = x'0000c07f' WHERE id = 1", "embedding 1 has another vector since"),
        (
            "UPDATE Embedding SET vector = zeroblob(4)",
            "embedding 1 has another vector since clustering fit 1 was made (40",
        ),
        ("DELETE FROM Embedding", "embedding 1 is gone since clustering fit 1 was made (40 rows differ)"),
    ],
)
def test_changed_members_are_named(demo: apsw.Connection, change: str, message: str) -> None:
    without_result(demo)
    demo.execute(change)
    for use in (cut, labels):
        with pytest.raises(MembersChangedError) as caught:
            use(database_of(demo), 1, {})
        assert str(caught.value).startswith(message)
    assert sweep(database_of(demo), 1, {"min_cluster_size": 5})[0]["n_clusters"] == 3  # needs no vectors


@pytest.mark.parametrize("others", [0, 500])
def test_embeddings_beside_the_fit_do_not_matter(demo: apsw.Connection, others: int) -> None:
    fit(database_of(demo), "demo", HdbscanOptions(min_cluster_size=5))
    add_embeddings(demo, clustered(others or 2, noise=0), ids=range(1000, 1000 + (others or 2)))
    assert result_rows(demo, cut(database_of(demo), 1, {"min_cluster_size": 5})) == result_rows(demo, 1)


@pytest.mark.parametrize(
    "ids",
    [
        [f"id {i}" for i in range(40)],
        [bytes([i, 0]) for i in range(40)],
        [i + 0.25 for i in range(40)],
        [-(2**63) + i for i in range(40)],
        [(i, i + 0.5, f"é{i}", f"{i}".encode())[i % 4] for i in range(40)],
    ],
    ids=["text", "blob", "real", "large", "mixed"],
)
def test_ids_of_every_type(con: apsw.Connection, ids: list[Id]) -> None:
    add_embeddings(con, clustered()[::-1], ids=ids)
    fit(database_of(con), "demo", HdbscanOptions(min_cluster_size=5))
    rows = result_rows(con, cut(database_of(con), 1, {}))
    assert rows == result_rows(con, 1)
    assert {(type(i), i) for i, *_ in rows} == {(type(i), i) for i in ids}
