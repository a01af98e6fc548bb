"""A stored fit in shards is used again where a new one would be the same."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any

import apsw
import pytest

from sqlclust.errors import MembersReplacedError, SpoolFullError
from tests.distributed.published import ASSIGNED, CLUSTERS, VECTORS, before, fit, rows


class Nobody(Executor):
    """Does no task."""

    def submit(self, work: Callable[..., Any], /, *given: Any, **_: Any) -> Future[Any]:
        raise AssertionError(f"{given} is to be done")


class NoRoom(Executor):
    """Does what comes before the searches."""

    def submit(self, work: Callable[..., Any], /, *given: Any, **_: Any) -> Future[Any]:
        [assignment], future = given, Future[Any]()
        if assignment.task.name.startswith("search"):
            future.set_exception(SpoolFullError("spool", needed=1, reason="No space left on device"))
        else:
            future.set_result(work(assignment))
        return future


def fit_of(con: apsw.Connection, result: int) -> int:
    [[found]] = rows(con, "SELECT clustering_fit_id FROM ClusteringResult WHERE id = ?", result)
    return int(found)


@pytest.mark.parametrize("options", [{"metric": "cosine", "min_samples": 3}, {"normalize": False, "min_samples": 7}])
def test_the_same_fit_again(con: apsw.Connection, tmp_path: Path, options: dict[str, Any]) -> None:
    """No worker does anything, and other clusters may be cut: as a new fit would give them."""
    first = fit(con, shards=3, **options)
    told: list[str] = []
    again = fit(con, shards=3, executor=Nobody(), told=told, **options)
    assert told == ["stored fit 1 was reused: same embeddings and settings"]
    for sql in (ASSIGNED, CLUSTERS):
        assert rows(con, sql, again) == rows(con, sql, first)
    other = fit(con, shards=3, executor=Nobody(), min_cluster_size=9, **options)
    assert (fit_of(con, first), fit_of(con, again), fit_of(con, other)) == (1, 1, 1)
    anew = fit(con, shards=3, min_cluster_size=9, update="never", **options)
    assert fit_of(con, anew) == 2
    for sql in (ASSIGNED, CLUSTERS):
        assert rows(con, sql, other) == rows(con, sql, anew)
    said = "SELECT parameters FROM ClusteringResult WHERE id = ?"
    assert rows(con, said, other) == [(rows(con, said, anew)[0][0].replace('"never"', '"auto"'),)]
    assert not (tmp_path / "spool").exists()


NOT_UPDATED = (
    "a new fit, not made from fit 1: fits in shards are not brought up to date, which takes all vectors in memory"
)


ANOTHER = "a new fit, and not fit {}: 3 shards and an overlap of 3 were asked for there, and {} are now"
OTHERS: list[tuple[dict[str, Any], list[str]]] = [
    ({"seed": 1}, []),
    ({"min_samples": 3}, []),
    ({"metric": "cosine"}, []),
    ({"overlap": 2}, [ANOTHER.format(1, "3 and 2")]),
    ({"shards": 2}, [ANOTHER.format(5, "2 and 3").replace("overlap of 3", "overlap of 2")]),
    ({"update": "never"}, []),
]


def test_what_makes_it_another(con: apsw.Connection) -> None:
    fit(con, shards=3, min_samples=5)
    for number, (other, expected) in enumerate(OTHERS, start=2):
        told: list[str] = []
        result = fit(con, told=told, **{"shards": 3, "min_samples": 5, **other})
        assert (fit_of(con, result), told) == (number, expected), other
    assert fit_of(con, fit(con, shards=3, min_samples=5, overlap=2, executor=Nobody())) == 5  # none the newest


VECTOR = "SELECT vector FROM Embedding WHERE id = 'note 3'"
CHANGES = {
    "changed": f"UPDATE Embedding SET vector = ({VECTOR}) WHERE id = 'note 5'",
    "new": f"INSERT INTO Embedding (id, embedding_model, vector) VALUES ('new', 'demo', ({VECTOR}))",
}


@pytest.mark.parametrize("change", CHANGES)
def test_other_vectors_are_fitted_anew(con: apsw.Connection, change: str) -> None:
    """Not brought up to date; which is said."""
    fit(con, shards=3)
    con.execute(CHANGES[change])
    told: list[str] = []
    assert fit_of(con, fit(con, shards=3, told=told)) == 2
    assert told == [NOT_UPDATED]


def test_vectors_are_not_read_for_nothing(con: apsw.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only where a fit of as many rows has the same settings and was divided alike."""

    def read(*_: object) -> None:
        raise AssertionError("vectors are read")

    fit(con, shards=3)
    monkeypatch.setattr("sqlclust.distributed.reusing._hashed", read)
    with pytest.raises(AssertionError, match="vectors are read"):
        fit(con, shards=3)
    others: list[dict[str, Any]] = [{"seed": 1}, {"overlap": 2}, {"shards": 2}]
    for number, other in enumerate(others, start=2):
        assert fit(con, **{"shards": 3, **other}) == number
    con.execute("DELETE FROM EmbeddingCluster WHERE embedding_id = 'note 5'")
    con.execute("DELETE FROM Embedding WHERE id = 'note 5'")
    assert fit(con, shards=3) == 5


def test_memory_that_nobody_said(con: apsw.Connection) -> None:
    """It is what was free, and decides how many shards there are: any number will do."""
    fit(con, shards=3)
    assert fit_of(con, fit(con, shards=2, memory_is_said=False, executor=Nobody())) == 1


def test_a_half_done_fit_in_the_same_folder_stays(con: apsw.Connection, tmp_path: Path) -> None:
    fit(con, shards=3)

    with pytest.raises(SpoolFullError):
        fit(con, shards=3, seed=1, executor=NoRoom())
    half = sorted((tmp_path / "spool").rglob("routed-*"))
    assert half
    assert fit_of(con, fit(con, shards=3, executor=Nobody())) == 1
    assert sorted((tmp_path / "spool").rglob("routed-*")) == half
    assert fit_of(con, fit(con, shards=3, seed=1)) == 2
    assert not (tmp_path / "spool").exists()


def test_vectors_that_change_meanwhile(con: apsw.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After they were read for the digest: nothing is published."""
    fit(con, shards=3)
    other = apsw.Connection(str(tmp_path / "notes.db"))

    def change() -> None:
        other.execute("UPDATE Embedding SET vector = ? WHERE id = 'note 5'", (VECTORS[3].tobytes(),))

    before(monkeypatch, "with_stable_labels", change)
    with pytest.raises(MembersReplacedError):
        fit(con, shards=3)
    other.close()
    assert rows(con, "SELECT count(*) FROM ClusteringResult") == [(1,)]
