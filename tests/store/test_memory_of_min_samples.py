"""A smaller min_samples of a stored fit is refused where there is no room for it, before anything is read."""

from __future__ import annotations

import apsw
import numpy as np
import pytest

from sqlclust.bindings.apsw.database import database_of
from sqlclust.core.runtime.control import Control
from sqlclust.errors import OutOfMemoryError
from sqlclust.options import HdbscanOptions
from sqlclust.store import memory
from sqlclust.store.embeddings.buffer import GrowingBytes
from sqlclust.store.embeddings.points import points_of
from sqlclust.store.fit import fit
from sqlclust.store.fits import loading as fits
from sqlclust.store.min_samples import with_neighbors
from tests.small import add_embeddings, clustered
from tests.store.left import counts
from tests.store.looked import LABELS, SWEEP, TREE, rows
from tests.store.test_memory import GIB, MIB, estimate, free, taken

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("sql", ["SELECT clust_cut(?, ?)", LABELS, SWEEP, TREE])
def test_refused_before_a_vector_is_read(con: apsw.Connection, monkeypatch: pytest.MonkeyPatch, sql: str) -> None:
    add_embeddings(con, clustered(400, dimension=32))
    fit(database_of(con), "demo", HdbscanOptions(min_cluster_size=5))
    free(monkeypatch, MIB // 2)
    with monkeypatch.context() as patched:
        patched.delattr(GrowingBytes, "append")
        with pytest.raises(OutOfMemoryError) as caught:
            rows(con, sql, 1, {"min_samples": 3})
    assert str(caught.value) == (
        "not enough memory: a smaller min_samples of a stored fit needs about 1.1 MiB for 400 vectors of 32 dimensions with 10 "
        "neighbours each, and 0.5 MiB are free; nothing was written. Fit fewer rows"
    )
    assert counts(con)[:2] == [1, 1]
    free(monkeypatch, GIB)
    assert rows(con, sql, 1, {"min_samples": 3})


@pytest.mark.parametrize("min_samples", [5, 40])
def test_it_stays_below_the_estimate(con: apsw.Connection, monkeypatch: pytest.MonkeyPatch, min_samples: int) -> None:
    n, dimension = 6_000, 8
    vectors = np.random.default_rng(0).normal(size=(n, dimension)).astype(np.float32)
    add_embeddings(con, vectors)
    database, control = database_of(con), Control()
    fit(database, "demo", HdbscanOptions(min_cluster_size=20, min_samples=min_samples))
    stored = fits.load(database, 1)
    members = points_of(stored.ids, vectors)

    def work() -> None:
        earlier = with_neighbors(database, stored, 1)
        fitted = earlier.fitted(members, earlier.vectors(members, control), 1, control)
        earlier.to_store(members, fitted, 1, {}, {}, control)

    needed = estimate(monkeypatch, lambda: memory.check_other_min_samples(n, dimension, min_samples + 5))
    monkeypatch.undo()
    assert 0.3 * needed < taken(work) < needed
