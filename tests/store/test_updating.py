"""A fit that is made from a stored one is the fit that would be made anew, to the last bit: whatever came, went and changed."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import apsw
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import sqlclust
from sqlclust.bindings.apsw.database import database_of
from sqlclust.errors import UpdateError
from sqlclust.store.fits import loading
from sqlclust.store.results.listing import delete_result
from tests.benchmarks.data import embeddings
from tests.small import Id
from tests.store.left import result_rows

Pool = NDArray[np.float32]
POOL = 120
"""Vectors that the rows of a history have; several rows may have the same one."""

_FIT = """
SELECT f.n, f.n_distinct, f.min_samples, f.corpus_hash, f.row_ids, f.row_checks, f.core_distances, f.spanning_tree
FROM ClusteringFit f JOIN ClusteringResult r ON r.clustering_fit_id = f.id WHERE r.id = ?
"""
_FROM = """
SELECT f.updated_from, f.timings FROM ClusteringFit f JOIN ClusteringResult r ON r.clustering_fit_id = f.id WHERE r.id = ?
"""


def made_from(con: apsw.Connection, result: int) -> tuple[int | None, list[int] | None]:
    """The fit that a result's fit was made from, and what is stored of its rows: new, gone, changed."""
    found: Any = con.execute(_FROM, (result,)).fetchall()
    [(of, timings)] = found
    changes = json.loads(timings).get("measured", {}).get("changes")
    return of, None if changes is None else [changes[name] for name in ("new", "gone", "changed")]


def assert_as_anew(con: apsw.Connection, result: int, model: str = "demo", **options: Any) -> None:
    """The result, and what is stored of its fit, are what a new fit gives; that one is deleted again."""
    anew = sqlclust.fit(con, model, **{**options, "update": "never"})
    assert result_rows(con, result) == result_rows(con, anew)
    assert con.execute(_FIT, (result,)).fetchall() == con.execute(_FIT, (anew,)).fetchall()
    delete_result(database_of(con), anew)


def grid(random: np.random.Generator) -> Pool:
    return random.integers(1, 5, (POOL, 3)).astype(np.float32)


def directions(random: np.random.Generator) -> Pool:
    """Vectors of the same direction are one where they are scaled to length one, and have hashes of their own."""
    return (random.integers(1, 4, (POOL, 3)) * random.integers(1, 4, (POOL, 1))).astype(np.float32)


def near_duplicates(random: np.random.Generator) -> Pool:
    centres = random.standard_normal((6, 5))
    jitter = 1 + 1e-7 * random.standard_normal((POOL, 5))
    return (centres[random.integers(6, size=POOL)] * jitter).astype(np.float32)


def like_embeddings(random: np.random.Generator) -> Pool:
    return embeddings(POOL, 16, seed=int(random.integers(1000)), identical=0.15)


DATA = (grid, directions, near_duplicates, like_embeddings)
OPTIONS = st.fixed_dictionaries(
    {
        "min_samples": st.integers(1, 6),
        "min_cluster_size": st.integers(2, 6),
        "metric": st.sampled_from(["euclidean", "cosine"]),
        "normalize": st.booleans(),
        "alpha": st.sampled_from([1.0, 0.7]),
    }
)
STEP = st.tuples(
    st.sampled_from(["add", "add one", "remove", "replace", "mix", "rename", "all go", "none"]), st.integers(-2, 2)
)


class Corpus:
    """Embeddings of a model in a database, drawn from a pool of vectors. Ids that have gone may come back."""

    def __init__(self, con: apsw.Connection, pool: Pool, random: np.random.Generator) -> None:
        self.con, self._pool, self._random = con, pool, random

    def ids(self) -> list[Id]:
        return [row[0] for row in self.con.execute("SELECT id FROM Embedding ORDER BY id")]

    def add(self, n: int) -> None:
        """Rows under ids that are free."""
        free = np.setdiff1d(np.arange(1, 400), self.ids())
        rows = [(int(i), self._vector()) for i in self._random.choice(free, n, replace=False)]
        self.con.executemany("INSERT INTO Embedding (id, embedding_model, vector) VALUES (?, 'demo', ?)", rows)

    def remove(self, n: int) -> None:
        """Rows that results have are theirs until they are deleted."""
        for (result,) in self.con.execute(
            "SELECT id FROM ClusteringResult WHERE id < (SELECT max(id) FROM ClusteringResult)"
        ):
            delete_result(database_of(self.con), result)
        ids = self._random.choice(self.ids(), n, replace=False).tolist()
        self.con.execute("PRAGMA foreign_keys = OFF")
        self.con.executemany("DELETE FROM Embedding WHERE id = ?", [(i,) for i in ids])

    def replace(self, n: int) -> None:
        ids = self._random.choice(self.ids(), n, replace=False).tolist()
        self.con.executemany("UPDATE Embedding SET vector = ? WHERE id = ?", [(self._vector(), i) for i in ids])

    def rename(self, n: int) -> None:
        """The same vectors under other ids."""
        free = np.setdiff1d(np.arange(1, 400), self.ids()).tolist()
        ids = self._random.choice(self.ids(), n, replace=False).tolist()
        self.con.execute("PRAGMA foreign_keys = OFF")
        self.con.executemany("UPDATE Embedding SET id = ? WHERE id = ?", list(zip(free, ids, strict=False)))

    def _vector(self) -> bytes:
        return bytes(self._pool[self._random.integers(POOL)].tobytes())

    def change(self, step: str) -> None:
        """Something of what happens to embeddings."""
        n = len(self.ids())
        if step in ("remove", "mix"):
            self.remove(n // 6)
        if step == "all go":
            self.remove(n)
        if step == "replace":
            self.replace(n // 6)
        if step == "rename":
            self.rename(n // 6)
        self.add({"add": 15, "add one": 1, "mix": 12, "all go": 40}.get(step, 0) + (20 if n < 25 else 0))


def fitted(con: apsw.Connection, options: dict[str, Any]) -> tuple[int, str | None]:
    """A result of a fit that is made from a stored one, or why it is not."""
    try:
        return sqlclust.fit(con, "demo", **options, update="only"), None
    except UpdateError as error:
        return sqlclust.fit(con, "demo", **options), error.reason


@pytest.mark.slow
@settings(max_examples=6, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(DATA), OPTIONS, st.lists(STEP, min_size=20, max_size=20))
def test_histories(
    seed: int, make: Callable[[np.random.Generator], Pool], options: dict[str, Any], history: list[tuple[str, int]]
) -> None:
    random = np.random.default_rng(seed)
    con = sqlclust.connect(":memory:")
    sqlclust.initialize(con)
    corpus = Corpus(con, make(random), random)
    corpus.add(50)
    updated, last = 0, sqlclust.fit(con, "demo", **options)
    for step, more in history:
        corpus.change(step)
        options["min_samples"] = max(1, min(9, options["min_samples"] + more))
        before = last
        last, refused = fitted(con, options)
        if refused is None:
            updated += made_from(con, last)[0] is not None
        else:
            assert "remain" in refused
            assert step in ("all go", "remove", "mix", "replace")
        assert last > before
        assert_as_anew(con, last, **options)
        loading.load_neighbors(
            database_of(con), loading.load(database_of(con), loading.resolve_fit(database_of(con), "latest"))
        )
    assert updated > 0
    con.close()
