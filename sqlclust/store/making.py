"""What a fit makes of embeddings: clusters of a stored fit of the same, of one that is brought up to date, or of a new one."""

from __future__ import annotations

import json
from functools import partial
from typing import Any, NamedTuple

import sqlclust.core.pipeline as core
from sqlclust.core.engines import engine_of
from sqlclust.core.runtime.control import Control, Progress
from sqlclust.options import FitOptions, HdbscanOptions, Update
from sqlclust.sqlite import interrupt
from sqlclust.sqlite.database import Database
from sqlclust.store import updating
from sqlclust.store.clustering import cluster, cut
from sqlclust.store.cut import cutting
from sqlclust.store.embeddings.origin import Origin
from sqlclust.store.embeddings.points import Fingerprint, Points
from sqlclust.store.embeddings.selection import Selection
from sqlclust.store.fits import loading
from sqlclust.store.fits.blobs import FitBlobs, to_blobs
from sqlclust.store.fits.neighbors import NewNeighbors, neighbors_of
from sqlclust.store.fits.record import FIT_OPTIONS, FitRecord
from sqlclust.store.fits.storing import NewFit
from sqlclust.store.updating import NotUpdated, Now, Updated
from sqlclust.store.versions import versions


class Keeping(NamedTuple):
    """What is kept of a new fit."""

    fit: bool
    neighbors: bool


class Made(NamedTuple):
    """Clusters, and the fit that they are cut from: the id of a stored one, or a new one.

    Attributes:
        seconds: it took.
        said: what was done with stored fits, for people; `{fit}` stands for the fit's id. None: there were none.
    """

    clustering: core.Clustering
    fit: NewFit | int
    seconds: float
    said: str | None


class Corpus(NamedTuple):
    """The embeddings that are clustered, and the options, resolved for them."""

    selection: Selection
    origin: Origin
    points: Points
    options: HdbscanOptions

    def fingerprint(self, control: Control) -> Fingerprint:
        """What tells whether a stored fit is of these embeddings.

        Raises:
            ZeroVectorError: a vector has no direction, and the options need one.
        """
        with control.phase("hash"):
            if self.options.needs_directions:
                self.points.check_directions(control)
            return self.points.fingerprint(control)

    def identity(self, fingerprint: Fingerprint) -> dict[str, Any]:
        """What makes two fits the same: the columns of `fits.record.IDENTITY`."""
        return {
            "embedding_model": self.selection.embedding_model,
            "corpus_hash": fingerprint.corpus_hash,
            **{name: getattr(self.options, name) for name in FIT_OPTIONS},
        }

    def recorded_selection(self) -> dict[str, Any]:
        """As it is stored with a fit."""
        return {**self.selection.recorded(), **self.origin.recorded}

    @property
    def update(self) -> Update:
        """Whether a stored fit is used."""
        return self.options.update if isinstance(self.options, FitOptions) else "auto"

    def now(self, fingerprint: Fingerprint) -> Now:
        """What a stored fit is brought up to."""
        return Now(
            self.points,
            fingerprint.row_checks,
            self.options,
            {
                **{name: getattr(self.options, name) for name in FIT_OPTIONS},
                "embedding_model": self.selection.embedding_model,
                "dimension": self.points.vectors.shape[1],
                "selection": json.dumps(self.recorded_selection()),
            },
            only=self.update == "only",
        )

    def figures(self, fitted: core.Fit) -> dict[str, Any]:
        """What is stored of a new fit besides its identity: the selection, counts, and what the engine measured."""
        is_exact = engine_of(fitted.engine).exact
        return {
            "selection": self.recorded_selection(),
            "recall": fitted.recall,
            "n": len(self.points),
            "n_distinct": len(fitted.points.counts),
            "dimension": self.points.vectors.shape[1],
            "tree_confirmed": None if is_exact else fitted.tree_confirmed,
        }


def make(
    database: Database,
    corpus: Corpus,
    keeping: Keeping,
    reading: dict[str, float],
    progress: Progress | None,
) -> Made:
    """Clusters of a corpus, in the quickest way that its option `update` allows.

    Args:
        reading: seconds that reading took, by phase.

    Raises:
        ZeroVectorError: a vector has no direction, and the options need one.
        UpdateError: it would have to be a new fit, and `update` is 'only'.
        FitDamagedError: the stored fit that it would be.
        OutOfMemoryError, DatabaseFileError; StatementInterrupted
    """
    fingerprint, hashing = interrupt.run(database, corpus.fingerprint, progress)
    stored_id = None
    if corpus.update != "never":
        stored_id = loading.find(database, corpus.identity(fingerprint))
    if stored_id is not None:
        again = cutting(corpus.points, loading.load(database, stored_id), corpus.options)
        clustering, seconds = interrupt.run(database, again, progress)
        said = f"stored fit {stored_id} was reused: same embeddings and settings"
        return Made(clustering, stored_id, sum(seconds.values()), said)
    return _new(database, corpus, fingerprint, keeping, {**reading, **hashing}, progress)


def _new(
    database: Database,
    corpus: Corpus,
    fingerprint: Fingerprint,
    keeping: Keeping,
    before: dict[str, float],
    progress: Progress | None,
) -> Made:
    """A fit that is not stored yet."""
    was = None
    if corpus.update != "never":
        was = updating.update(database, corpus.now(fingerprint), progress)
    if isinstance(was, Updated):
        before = {**before, "hash": before["hash"] + was.seconds["hash"]}
        before.update({phase: seconds for phase, seconds in was.seconds.items() if phase != "hash"})
        work = partial(_cut, corpus, was.fitted)
    else:
        work = partial(_clustered, corpus, keeping)
    (fitted, clustering), seconds = interrupt.run(database, work, progress)
    record = FitRecord(
        **corpus.identity(fingerprint),
        **corpus.figures(fitted),
        versions=versions(database),
        timings={**before, **seconds},
        updated_from=was.of if isinstance(was, Updated) else None,
        changes=was.changes._asdict() if isinstance(was, Updated) else None,
    )
    fit = NewFit(record)
    if keeping.fit:
        kept, _ = interrupt.run(database, partial(_to_keep, corpus, keeping, fingerprint, fitted, was), progress)
        fit = NewFit(record, *kept)
    return Made(clustering, fit, sum(seconds.values()), _said(was, record.min_samples))


def _cut(corpus: Corpus, fitted: core.Fit, control: Control) -> tuple[core.Fit, core.Clustering]:
    return fitted, cut(fitted, corpus.options, corpus.points.rank(), control)


def _clustered(corpus: Corpus, keeping: Keeping, control: Control) -> tuple[core.Fit, core.Clustering]:
    points = corpus.points
    return cluster(points.vectors, corpus.options, control, rank=points.rank(), keep_lists=keeping.neighbors)


def _said(was: Updated | NotUpdated | None, min_samples: int) -> str | None:
    if was is None:
        return None
    if isinstance(was, NotUpdated):
        return f"a new fit, not made from fit {was.of}: {was.reason}"
    new, gone, changed = was.changes
    if not any(was.changes):
        other = "seed" if was.min_samples == min_samples else "min_samples"
        return f"fit {{fit}} from fit {was.of}: the same embeddings, another {other}"
    history = "" if engine_of(was.fitted.engine).exact else " (approximate: labels depend on that fit too)"
    return f"fit {{fit}} from fit {was.of}: {new:,} new, {gone:,} gone, {changed:,} changed{history}"


def _to_keep(
    corpus: Corpus,
    keeping: Keeping,
    fingerprint: Fingerprint,
    fitted: core.Fit,
    was: Updated | NotUpdated | None,
    control: Control,
) -> tuple[FitBlobs, NewNeighbors | None]:
    neighbors = None
    if keeping.neighbors:
        known = was.hashes if was else None
        neighbors = neighbors_of(corpus.points, fitted, control, row_hashes=known.hashes if known else None)
    return to_blobs(corpus.points, fingerprint, fitted, control), neighbors
