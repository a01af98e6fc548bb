"""Others use the file while a fit is made from a stored one: what they change is noticed, and what they take away is no error."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import pytest

import sqlclust
from sqlclust.bindings.apsw.database import database_of
from sqlclust.errors import FitDamagedError, LockedError, MembersGoneError, MembersReplacedError, UpdateError
from sqlclust.store import updating
from sqlclust.store.fits import loading
from sqlclust.store.results.listing import delete_result
from tests.store.test_updating import assert_as_anew, made_from
from tests.store.test_updating_choice import OPTIONS, add, said
from tests.trust import work

pytestmark = pytest.mark.slow


@pytest.fixture(params=work.JOURNALS)
def path(demo_file: Path, request: pytest.FixtureRequest) -> Path:
    """A file with a fit, to which embeddings have been added."""
    con = sqlclust.connect(str(demo_file))
    con.pragma("journal_mode", request.param)
    con.pragma("synchronous", "OFF")
    sqlclust.fit(con, "demo", **OPTIONS)
    add(con)
    con.close()
    return demo_file


@pytest.fixture
def ours(path: Path) -> Iterator[apsw.Connection]:
    """With foreign keys enforced; of a file without WAL not enforced."""
    with closing(sqlclust.connect(str(path))) as con:
        con.pragma("foreign_keys", con.pragma("journal_mode") == "wal")
        con.pragma("synchronous", "OFF")
        yield con


# --- the old fit ---------------------------------------------------------------------------------------------------------

NO_TREE = "UPDATE ClusteringFit SET spanning_tree = NULL, row_ids = NULL, row_checks = NULL, core_distances = NULL"
CHANGES: dict[str, str] = {
    "it is deleted": "",
    "its neighbours are deleted": "DELETE FROM ClusteringFitNeighbors",
    "its tree is deleted": NO_TREE,
    "its neighbours are others": "UPDATE ClusteringFitNeighbors SET squared_distances = zeroblob(length(squared_distances))",
    "its neighbours are damaged": "UPDATE ClusteringFitNeighbors SET n = n + 1",
    "its metric is another": "UPDATE ClusteringFit SET metric = 'cosine'",
}
ANEW = "a new fit, not made from fit 1: "
SAID = {
    ("it is deleted", "found"): f"{ANEW}it was deleted meanwhile",
    ("it is deleted", "loaded"): f"{ANEW}it was deleted meanwhile",
    ("its neighbours are deleted", "found"): f"{ANEW}it was deleted meanwhile",
    ("its neighbours are deleted", "loaded"): f"{ANEW}it was deleted meanwhile",
    ("its tree is deleted", "found"): f"{ANEW}it was deleted meanwhile",
    ("its neighbours are others", "found"): f"{ANEW}clustering fit 1 is damaged: its neighbours are not in order",
    ("its neighbours are others", "loaded"): f"{ANEW}clustering fit 1 is damaged: its neighbours are not in order",
    ("its neighbours are damaged", "found"): f"{ANEW}clustering fit 1 is damaged: a BLOB has another length",
    ("its neighbours are damaged", "loaded"): f"{ANEW}clustering fit 1 is damaged: a BLOB has another length",
    ("its metric is another", "found"): f"{ANEW}its metric was changed meanwhile",
}
"""What is said; of what is not here that the fit was made from the old one, which was read in time."""
MOMENTS: dict[str, tuple[object, str]] = {
    "found": (updating, "candidates"),
    "loaded": (loading, "load"),
    "computed": (updating, "_brought_up_to_date"),
}
"""Whatever is called, and then the other connection changes something."""


def then(monkeypatch: pytest.MonkeyPatch, moment: str, act: Callable[[], object]) -> None:
    """Do something once, after a moment."""
    module, name = MOMENTS[moment]
    original, acts = vars(module)[name], iter([act])

    def and_then(*given: Any) -> Any:
        found = original(*given)
        for each in acts:
            each()
        return found

    monkeypatch.setattr(module, name, and_then)


def changing(path: Path, change: str) -> Callable[[], None]:
    """Another connection, which changes the old fit."""

    def act() -> None:
        with closing(sqlclust.connect(str(path))) as other:
            other.execute("PRAGMA ignore_check_constraints = ON")
            if CHANGES[change]:
                other.execute(CHANGES[change])
            else:
                delete_result(database_of(other), 1)

    return act


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("change", CHANGES)
def test_the_old_fit_changes_meanwhile(
    ours: apsw.Connection, path: Path, monkeypatch: pytest.MonkeyPatch, change: str, moment: str
) -> None:
    with monkeypatch.context() as patch:
        then(patch, moment, changing(path, change))
        told = str(said(ours))
    assert told.startswith(SAID.get((change, moment), "fit 2 from fit 1: 2 new, 0 gone, 0 changed"))
    result: int = ours.execute("SELECT max(id) FROM ClusteringResult").get
    is_made_from_it = told.startswith("fit 2 from fit 1") and change != "it is deleted"
    assert made_from(ours, result)[0] == (1 if is_made_from_it else None)
    assert ours.execute("PRAGMA foreign_key_check").fetchall() == []
    if change != "its metric is another":
        assert_as_anew(ours, result, **OPTIONS)


@pytest.mark.parametrize("change", CHANGES)
def test_nothing_is_written_if_only_an_update_will_do(
    ours: apsw.Connection, path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    then(monkeypatch, "found", changing(path, change))
    with pytest.raises((UpdateError, FitDamagedError), match="clustering fit 1"):
        said(ours, update="only")
    assert ours.execute("SELECT count(*) FROM ClusteringFit").get == (change != "it is deleted")
    assert not ours.in_transaction


# --- the embeddings ------------------------------------------------------------------------------------------------------

ROWS: dict[str, tuple[str, type[Exception] | None]] = {
    "another vector": (
        "UPDATE Embedding SET vector = (SELECT vector FROM Embedding WHERE id = 7) WHERE id = 41",
        MembersReplacedError,
    ),
    "an old one's vector": (
        "UPDATE Embedding SET vector = (SELECT vector FROM Embedding WHERE id = 7) WHERE id = 3",
        MembersReplacedError,
    ),
    "one goes": ("DELETE FROM Embedding WHERE id = 42", MembersGoneError),
    "one comes": (
        "INSERT INTO Embedding (id, embedding_model, vector) SELECT 99, 'demo', vector FROM Embedding WHERE id = 7",
        None,
    ),
    "another text": ("UPDATE Embedding SET content = 'new'", None),
}


@pytest.mark.parametrize("change", ROWS)
def test_embeddings_that_change_meanwhile(ours: apsw.Connection, path: Path, change: str) -> None:
    sql, error = ROWS[change]
    phases: list[str] = []

    def act(phase: str, fraction: float) -> None:
        if phase == "update" and not phases:
            phases.append(phase)
            with closing(apsw.Connection(str(path))) as other:
                other.execute(sql)

    if error is None:
        sqlclust.fit(ours, "demo", **OPTIONS, update="only", progress=act)
    else:
        with pytest.raises(error):
            sqlclust.fit(ours, "demo", **OPTIONS, update="only", progress=act)
    assert phases
    assert ours.execute("SELECT count(*) FROM ClusteringFit").get == 1 + (error is None)
    last = sqlclust.fit(ours, "demo", **OPTIONS, update="only")
    assert_as_anew(ours, last, **OPTIONS)


# --- other writers -------------------------------------------------------------------------------------------------------


def test_another_writer_ends_in_time(ours: apsw.Connection, path: Path) -> None:
    with closing(apsw.Connection(str(path))) as other:
        other.execute("BEGIN IMMEDIATE; INSERT INTO Run (id) VALUES (1)")
        timer = threading.Timer(0.3, other.execute, ("COMMIT",))
        timer.start()
        assert said(ours, update="only") == "fit 2 from fit 1: 2 new, 0 gone, 0 changed"
        timer.join()


def test_another_writer_never_ends(ours: apsw.Connection, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sqlclust.store.fit.PATIENCE", 0.2)
    with closing(apsw.Connection(str(path))) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(LockedError, match="nothing was written"):
            said(ours, update="only")
        other.execute("ROLLBACK")
    assert ours.execute("SELECT count(*) FROM ClusteringFit").get == 1
    assert said(ours, update="only") == "fit 2 from fit 1: 2 new, 0 gone, 0 changed"


@pytest.mark.parametrize("moment", MOMENTS)
def test_two_programs_update_the_same_fit(
    ours: apsw.Connection, path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """One does it from beginning to end while the other one is about to; both results are right."""
    results: list[int] = []

    def meanwhile() -> None:
        with closing(sqlclust.connect(str(path))) as other:
            results.append(sqlclust.fit(other, "demo", **OPTIONS, update="only"))

    then(monkeypatch, moment, meanwhile)
    results.append(sqlclust.fit(ours, "demo", **OPTIONS, update="only"))
    assert results == [2, 3]
    for each in results:
        assert made_from(ours, each) == (1, [2, 0, 0])
        assert_as_anew(ours, each, **OPTIONS)
