"""A stored fit in shards that is used again: of the same vectors, asked for with the same settings.

A fit of other vectors is not brought up to date, as one in memory is: that looks at all vectors again and again, in memory.
Whoever has room for them does without workers, and updates.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

import numpy as np

import sqlclust.core.pipeline as core
from sqlclust.core.geometry.metrics import Float32Array
from sqlclust.core.runtime.control import Control, Progress
from sqlclust.core.tree.boruvka import SpanningTree
from sqlclust.distributed.digests import corpus_hash
from sqlclust.distributed.medoids import Ranges, streamed_medoids
from sqlclust.distributed.plan import Plan
from sqlclust.distributed.scanning import stored_hashes
from sqlclust.distributed.stored_rows import RowHashes, StoredRows
from sqlclust.sqlite import interrupt
from sqlclust.sqlite.database import Database
from sqlclust.store.embeddings.points import Fingerprint
from sqlclust.store.fits import loading
from sqlclust.store.fits.stored_fit import StoredFit
from sqlclust.store.making import Corpus

NOT_UPDATED = "fits in shards are not brought up to date, which takes all vectors in memory"


class Reused(NamedTuple):
    """A stored fit of the same vectors, and the hashes of these."""

    stored: StoredFit
    hashes: RowHashes


class Sought(NamedTuple):
    """What is looked for.

    Attributes:
        rows: the vectors.
        corpus: their ids, and the options.
        plan: that a new fit would have.
        any_division: whether nobody said how much memory workers have, on which the number of shards depends.
        folder: where the digest may put vectors aside.
    """

    rows: StoredRows
    corpus: Corpus
    plan: Plan
    any_division: bool
    folder: str


def stored_fit(database: Database, sought: Sought, progress: Progress | None) -> tuple[Reused | None, str | None]:
    """The stored fit that a new one would be, if there is one; and what is done with stored fits, for people.

    Vectors are read only where a fit of as many rows has the same settings and was divided alike.

    Raises:
        SpoolFullError, SpoolFileError; as `VectorSource.read`; FitDamagedError, StatementInterrupted

    Cost: one read of the vectors, if there is such a fit; see `digests`.
    """
    corpus = sought.corpus
    alike = loading.alike(database, corpus.identity(Fingerprint("", np.empty(0, dtype=np.uint32))))
    if not alike:
        return None, None
    reason = f"a new fit, not made from fit {alike[0].id}: {NOT_UPDATED}"
    as_large = [each for each in alike if each.n == len(corpus.points)]
    if not as_large:
        return None, reason
    plan, other = sought.plan, as_large[0]
    divided = [each for each in as_large if each.overlap == plan.overlap]
    if not sought.any_division:
        divided = [each for each in divided if each.shards_asked == plan.shards]
    if not divided:
        asked = f"{other.shards_asked} shards and an overlap of {other.overlap} were asked for there"
        return None, f"a new fit, and not fit {other.id}: {asked}, and {plan.shards} and {plan.overlap} are now"
    (whole, hashes), _ = interrupt.run(database, partial(_hashed, sought), progress)
    same = next((each for each in divided if each.corpus_hash == whole), None)
    if same is None:
        return None, reason
    return Reused(
        loading.load(database, same.id), hashes
    ), f"stored fit {same.id} was reused: same embeddings and settings"


def _hashed(sought: Sought, control: Control) -> tuple[str, RowHashes]:
    rows, plan = sought.rows, sought.plan
    hashes = RowHashes(np.empty(plan.n, dtype=np.uint32), np.empty(plan.n, dtype=np.uint64))

    def vectors() -> Iterator[tuple[int, Float32Array]]:
        for start, stop in plan.ranges:
            part = rows.source.read(start, stop)
            hashes.checks[start:stop], hashes.hashes[start:stop] = stored_hashes(part)
            yield start, part

    with control.phase("hash"):
        return corpus_hash(rows.points, vectors(), plan.dimension, sought.folder, control), hashes


def clustered(sought: Sought, reused: Reused, control: Control) -> core.Clustering:
    """Clusters of the stored fit: what the new one would give."""
    plan, points, source = sought.plan, sought.corpus.points, sought.rows.source

    def ranges() -> Iterator[tuple[int, Float32Array]]:
        for start, stop in plan.ranges:
            control.at(start / plan.n)
            yield start, plan.compared(source.read(start, stop), start, source)

    return cut_streamed(reused.stored.tree_of(points), sought.corpus, ranges, plan.dimension, control)


def cut_streamed(
    tree: SpanningTree, corpus: Corpus, ranges: Ranges, dimension: int, control: Control
) -> core.Clustering:
    """Clusters cut from a tree, with medoids of vectors that are read twice, range by range, as they are compared."""
    parameters = core.CutParameters(**corpus.options.selecting(len(corpus.points)))
    with control.phase("clusters"):
        labelled = core.select_clusters(tree, parameters, control)
    with control.phase("medoids"):
        middle = streamed_medoids(ranges, labelled.labels, corpus.points.rank(), dimension)
    return core.clustering_of(labelled, middle)
