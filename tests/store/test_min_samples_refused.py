"""A min_samples that a stored fit cannot be cut with: every way says why, and nothing is written."""

from __future__ import annotations

from typing import Any

import apsw
import numpy as np
import pytest

import sqlclust
from sqlclust.bindings.apsw.database import database_of
from sqlclust.errors import FitDamagedError, MembersChangedError, MinSamplesError, OptionError
from sqlclust.options import HdbscanOptions
from sqlclust.store.fit import fit
from tests.store.left import counts
from tests.store.looked import LABELS, SWEEP, TREE, rows

WAYS = ("SELECT clust_cut(?, ?)", LABELS, SWEEP, TREE)


def refused(
    con: apsw.Connection, options: dict[str, Any], error: type[OptionError] = MinSamplesError
) -> MinSamplesError:
    """What every way says; nothing is written."""
    before, said = counts(con), []
    for sql in WAYS:
        with pytest.raises(error) as caught:
            rows(con, sql, 1, options)
        said.append(caught.value)
    assert counts(con) == before
    assert len({*map(str, said)}) == 1
    found = said[0]
    assert isinstance(found, MinSamplesError)
    return found


def test_a_larger_one(demo: apsw.Connection) -> None:
    sqlclust.fit(demo, "demo", min_cluster_size=5)
    error = refused(demo, {"min_samples": 6})
    assert str(error) == (
        "option 'min_samples': found 6, but clustering fit 1 was made with 5, and its neighbours tell of fewer only; a new fit "
        "is needed"
    )
    assert (error.option, error.found, error.fitted, error.clustering_fit_id) == ("min_samples", 6, 5, 1)
    for min_samples in (8, 7):
        sqlclust.fit(demo, "demo", min_cluster_size=5, min_samples=min_samples)
    # fit 1 is not cut with it, whatever else is there; but that is named
    assert str(refused(demo, {"min_samples": 6})) == (
        f"{error}; or take fit 3 of the same embeddings, which was made with 7"
    )
    assert "or take" not in str(refused(demo, {"min_samples": 9}))


@pytest.mark.parametrize("wanted", [3, 6])
def test_an_approximate_fit(demo: apsw.Connection, wanted: int) -> None:
    sqlclust.fit(demo, "demo", min_cluster_size=5, engine="approximate")
    assert str(refused(demo, {"min_samples": wanted})) == (
        f"option 'min_samples': found {wanted}, but clustering fit 1 was made with 5, and of an approximate fit it cannot be "
        "changed; a new fit is needed"
    )
    for sql in WAYS:
        assert rows(demo, sql, 1, {"min_samples": 5})


def test_a_fit_without_neighbors(demo: apsw.Connection) -> None:
    fit(database_of(demo), "demo", HdbscanOptions(min_cluster_size=5), store_neighbors=False)
    assert str(refused(demo, {"min_samples": 4})) == (
        "option 'min_samples': found 4, but clustering fit 1 was made with 5, and its neighbours, which tell of fewer, were not "
        "kept (store_neighbors false, --no-neighbors, or an earlier version); a new fit is needed; or delete this one and fit "
        "again, which keeps them"
    )
    assert rows(demo, LABELS, 1, {"min_samples": 5})
    fit(database_of(demo), "demo", HdbscanOptions(min_cluster_size=5, min_samples=4), store_neighbors=False)
    assert rows(demo, LABELS, 1, {"min_samples": 4}) == rows(demo, LABELS, 2, {})  # that one needs none


def test_a_large_alpha(demo: apsw.Connection) -> None:
    sqlclust.fit(demo, "demo", min_cluster_size=5, alpha=1.5)
    assert refused(demo, {"min_samples": 3}).reason == "alpha is 1.5, and an update needs one of at most 1"


def test_distances_that_are_others_here(demo: apsw.Connection) -> None:
    sqlclust.fit(demo, "demo", min_cluster_size=5)
    [(blob,)] = rows(demo, "SELECT squared_distances FROM ClusteringFitNeighbors")
    squared = np.frombuffer(blob, dtype="<f8") * (1 + 1e-15)
    demo.execute("UPDATE ClusteringFitNeighbors SET squared_distances = ?", (squared.tobytes(),))
    assert (
        refused(demo, {"min_samples": 3}).reason
        == "distances between its vectors are others when they are measured now"
    )


def test_vectors_that_come_out_otherwise_here(demo: apsw.Connection) -> None:
    """Numbers of the distinct vectors follow from their bits, which scaling them may round in another way elsewhere."""
    for fit_id, normalize in ((1, True), (2, False)):
        sqlclust.fit(demo, "demo", min_cluster_size=5, normalize=normalize)
        [(blob,)] = rows(demo, "SELECT row_vectors FROM ClusteringFitNeighbors WHERE clustering_fit_id = ?", fit_id)
        turned = np.frombuffer(blob, dtype="<i4")[::-1]
        demo.execute("UPDATE ClusteringFitNeighbors SET row_vectors = ?", (turned.tobytes(),))
    assert refused(demo, {"min_samples": 3}).reason == "another processor or NumPy scaled its vectors in another way"
    with pytest.raises(FitDamagedError, match="fit 2 is damaged: its neighbours are of other vectors than its rows"):
        rows(demo, LABELS, 2, {"min_samples": 3})


@pytest.mark.parametrize("sql", WAYS)
def test_rows_that_have_changed(demo: apsw.Connection, sql: str) -> None:
    sqlclust.fit(demo, "demo", min_cluster_size=5)
    demo.execute("UPDATE Embedding SET vector = clust_normalize(vector) WHERE id = 7")
    with pytest.raises(MembersChangedError, match="embedding 7 has another vector since clustering fit 1 was made"):
        rows(demo, sql, 1, {"min_samples": 3})
    assert counts(demo)[:2] == [1, 1]


def test_rows_that_seem_not_to_have_changed(demo: apsw.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """32 bits tell whether a row is as it was, and other vectors have the same; what is made of a fit looks at 64."""
    sqlclust.fit(demo, "demo", min_cluster_size=5)
    demo.execute("UPDATE Embedding SET vector = clust_normalize(vector) WHERE id = 7")
    checks = dict(
        zip(range(1, 41), np.frombuffer(rows(demo, "SELECT row_checks FROM ClusteringFit")[0][0], "<u4"), strict=True)
    )
    vectors = {bytes(vector): checks[id] for id, vector in rows(demo, "SELECT id, vector FROM Embedding")}
    monkeypatch.setattr("sqlclust.store.members.crc32", lambda vector: int(vectors[vector]))
    assert rows(demo, LABELS, 1, {})
    with pytest.raises(FitDamagedError, match="its neighbours are of other vectors than its rows"):
        rows(demo, LABELS, 1, {"min_samples": 3})


def test_a_number_that_is_none(demo: apsw.Connection) -> None:
    sqlclust.fit(demo, "demo", min_cluster_size=5)
    for value in (0, -1, 2.5, "3", True, [1]):
        for sql in WAYS:
            if sql == SWEEP and isinstance(value, list):
                continue
            with pytest.raises(
                OptionError, match=r"option 'min_samples': found .*, expected a whole number of at least 1"
            ):
                rows(demo, sql, 1, {"min_samples": value})
