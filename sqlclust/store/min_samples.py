"""A stored fit with another min_samples.

Of an exact fit the neighbours kept with it tell what it is with a smaller min_samples: nothing is searched for, and the result is
that of a fresh fit, to the last bit (`core/update`). Where such a fit is stored already, it is that one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

import sqlclust.core.pipeline as core
from sqlclust.core.engines import is_exact
from sqlclust.core.geometry.duplicates import Distinct
from sqlclust.core.neighbors.k_nearest_lists import SPARE_NEIGHBORS
from sqlclust.core.runtime.control import Control, Progress
from sqlclust.core.tree.boruvka import SpanningTree
from sqlclust.core.update.updating import Refusal, updated
from sqlclust.errors import FitDamagedError, MinSamplesError
from sqlclust.sqlite import interrupt, statements
from sqlclust.sqlite.database import Database
from sqlclust.sqlite.transactions import translated_errors
from sqlclust.store.embeddings.points import Fingerprint, Points
from sqlclust.store.fits import loading as fits
from sqlclust.store.fits.blobs import to_blobs
from sqlclust.store.fits.earlier import old_fit
from sqlclust.store.fits.matching import Changes
from sqlclust.store.fits.neighbors import FitNeighbors
from sqlclust.store.fits.record import IDENTITY
from sqlclust.store.fits.stored_fit import StoredFit
from sqlclust.store.fits.storing import NewFit
from sqlclust.store.members import member_points
from sqlclust.store.memory import check_other_min_samples
from sqlclust.store.origins import origin_of

_WITH_ENOUGH = f"""
SELECT f.id, f.min_samples FROM main.ClusteringFit f
WHERE {" AND ".join(f"f.{name} = :{name}" for name in IDENTITY if name != "min_samples")}
  AND f.min_samples >= :min_samples AND f.spanning_tree IS NOT NULL
ORDER BY f.min_samples, f.id DESC LIMIT 1
"""


def check(database: Database, stored: StoredFit, min_samples: int) -> None:
    """Refuse a min_samples that a stored fit cannot be cut with, whatever is kept of it.

    Raises:
        MinSamplesError: it names another fit of the same rows and settings that can be, if there is one.
    """
    fitted = stored.record.min_samples
    if min_samples != fitted and not is_exact(stored.record.engine):
        raise _refused(stored, min_samples, "of an approximate fit it cannot be changed")
    if min_samples > fitted:
        with translated_errors(database, doing="looking for a stored fit"):
            other = statements.first_row(database, _WITH_ENOUGH, {**_identity(stored), "min_samples": min_samples})
        advice = (
            "" if other is None else f"or take fit {other[0]} of the same embeddings, which was made with {other[1]}"
        )
        raise _refused(stored, min_samples, "its neighbours tell of fewer only", advice)


def _identity(stored: StoredFit) -> dict[str, Any]:
    """What makes two fits the same."""
    return {name: getattr(stored.record, name) for name in IDENTITY}


def _refused(stored: StoredFit, min_samples: int, reason: str, advice: str = "") -> MinSamplesError:
    return MinSamplesError(
        found=min_samples,
        fitted=stored.record.min_samples,
        clustering_fit_id=stored.id,
        reason=reason,
        advice=advice,
    )


def stored_with(database: Database, stored: StoredFit, min_samples: int) -> StoredFit | None:
    """The stored fit of the same rows and settings with this min_samples: itself or another one; None if there is none.

    Raises:
        FitDamagedError: it is damaged.
    """
    if min_samples == stored.record.min_samples:
        return stored
    found = fits.find(database, {**_identity(stored), "min_samples": min_samples})
    return None if found is None else fits.load(database, found)


class WithNeighbors(NamedTuple):
    """An exact stored fit and its neighbours: what fits with a smaller min_samples are made from.

    Attributes:
        asked: the min_samples that was asked for, in messages.
    """

    stored: StoredFit
    neighbors: FitNeighbors
    asked: int

    def vectors(self, points: Points, control: Control) -> Distinct:
        """The distinct vectors of the fit's embeddings, if they are those that its neighbours are of.

        Raises:
            FitDamagedError: they are not.
            MinSamplesError: they are, and yet were others when they were scaled to length one.

        Cost: O(n·dimension).
        """
        with control.phase("duplicates"):
            record = self.stored.record
            vectors = core.collapsed(points.vectors, record.reachability, points.rank(), control)
            same_rows = np.array_equal(points.row_hashes(control), self.neighbors.row_hashes)
            same = np.array_equal(vectors.group_of_row()[points.order], self.neighbors.row_vectors)
        if not same_rows or not (same or record.needs_unit_length):
            raise FitDamagedError(self.stored.id, reason="its neighbours are of other vectors than its rows")
        if not same:
            raise _refused(self.stored, self.asked, "another processor or NumPy scaled its vectors in another way")
        return vectors

    def fitted(self, points: Points, vectors: Distinct, min_samples: int, control: Control) -> core.Fit:
        """The exact fit with a smaller min_samples, with neighbours, rows as in `points`.

        Args:
            vectors: of the points, as `vectors` gives them.

        Raises:
            MinSamplesError: it cannot be had in this way.
            FitDamagedError

        Cost: O(n·min_samples), and a distance for each edge of the tree that no list has.
        """
        parameters = self.stored.record.reachability._replace(min_samples=min_samples)
        if len(vectors.counts) == 1:  # without any neighbours: all there is to compute is nothing
            return core.fit(points.vectors, parameters, rank=points.rank(), keep_lists=True, control=control)
        old, place = old_fit(self.stored, self.neighbors), np.arange(len(vectors.counts))
        fitted = updated(old, vectors, place, parameters, control)
        if isinstance(fitted, Refusal):
            raise _refused(self.stored, min_samples, fitted.reason)
        return fitted

    def to_store(
        self,
        points: Points,
        fitted: core.Fit,
        min_samples: int,
        versions: dict[str, str],
        timings: dict[str, float],
        control: Control,
    ) -> NewFit:
        """A fit that `fitted` has made, as it is stored: its neighbours are as many as those of a fresh one."""
        if fitted.lists is None:
            raise TypeError("the fit was made without lists")
        record = replace(
            self.stored.record,
            min_samples=min_samples,
            versions=versions,
            timings=timings,
            updated_from=self.stored.id,
            changes=Changes(0, 0, 0)._asdict(),
        )
        blobs = to_blobs(points, Fingerprint(record.corpus_hash, self.stored.row_checks), fitted, control)
        return NewFit(record, blobs, replace(self.neighbors, lists=fitted.lists))


def with_neighbors(database: Database, stored: StoredFit, min_samples: int) -> WithNeighbors:
    """A stored fit with its neighbours, to make one with a smaller min_samples.

    Raises:
        MinSamplesError: none are kept with it.
        OutOfMemoryError: there is no room for what it takes; nothing was read.
        FitDamagedError
    """
    record = stored.record
    check_other_min_samples(record.n, record.dimension, min(record.min_samples + SPARE_NEIGHBORS, record.n - 1))
    neighbors = fits.load_neighbors(database, stored)
    if neighbors is None:
        raise _refused(
            stored,
            min_samples,
            "its neighbours, which tell of fewer, were not kept (store_neighbors false, --no-neighbors, or an earlier version)",
            "or delete this one and fit again, which keeps them",
        )
    return WithNeighbors(stored, neighbors, min_samples)


def trees_with(
    database: Database, stored: StoredFit, some: Iterable[int], progress: Progress | None
) -> dict[int, SpanningTree]:
    """The spanning trees of a stored fit with each min_samples, its rows numbered by place in `stored.ids`.

    Raises:
        MinSamplesError, FitDamagedError, MembersChangedError, OutOfMemoryError; StatementInterrupted

    Cost: none where it is the fit's own min_samples, or where such a fit is stored. Else one read of the fit's vectors, and for
    each as `WithNeighbors.fitted`; 24 bytes a row are held for each.
    """
    found = {min_samples: stored_with(database, stored, min_samples) for min_samples in some}
    trees = {min_samples: fit.tree for min_samples, fit in found.items() if fit is not None}
    missing = [min_samples for min_samples in found if min_samples not in trees]
    if not missing:
        return trees
    earlier = with_neighbors(database, stored, missing[0])
    with origin_of(database, stored.record.embedding_model) as origin:
        points = member_points(database, stored, origin, Control(progress))

    def work(control: Control) -> dict[int, SpanningTree]:
        vectors, rank = earlier.vectors(points, control), points.rank()
        made = {}
        for min_samples in missing:
            tree = earlier.fitted(points, vectors, min_samples, control).tree
            made[min_samples] = tree._replace(left=rank[tree.left], right=rank[tree.right])
        return made

    made, _ = interrupt.run(database, work, progress)
    return trees | made
