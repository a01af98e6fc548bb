"""Stored fits: which there are, what they were made of, and what can be made of them."""

from __future__ import annotations

from collections.abc import Sequence

from sqlclust.errors.base import Id, SqlclustError
from sqlclust.errors.options import OptionError
from sqlclust.errors.wording import MOST_LISTED, counted_rows, did_you_mean, known_ids, rows_differ, shown


class TooFewRowsError(SqlclustError):
    """A selection with fewer than two rows: nothing to cluster."""

    def __init__(self, embedding_model: str, *, found: int, filtered: bool) -> None:
        kept = " after the filter and downsampling" if filtered else ""
        super().__init__(
            f"embedding model {shown(embedding_model)} has {counted_rows(found)}{kept}, expected at least 2 to cluster"
        )
        self.embedding_model, self.found = embedding_model, found


class UnknownModelError(SqlclustError):
    """An embedding model of which there are no embeddings."""

    def __init__(self, embedding_model: str, *, known: Sequence[str], sources: Sequence[str] = ()) -> None:
        """Known: the models that are there; sources: what other programs keep vectors in."""
        there = _listed(known) if known else "none" if sources else "none: the Embedding table is empty"
        others = f"; sources in it: {_listed(sources)}" if sources else ""
        meant = did_you_mean(embedding_model, [*known, *sources])
        super().__init__(
            f"no embeddings of model {shown(embedding_model)}; models in this database: {there}{others}{meant}"
        )
        self.embedding_model, self.known, self.sources = embedding_model, tuple(known), tuple(sources)


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_LISTED:,} others" if len(names) > MOST_LISTED else ""
    return ", ".join(map(shown, names[:MOST_LISTED])) + more


class UnknownFitError(SqlclustError):
    """A ClusteringFit that is not there. Results are counted on their own: `fit_of_result` is that of a result with this id."""

    def __init__(self, clustering_fit_id: object, *, known: Sequence[int], fit_of_result: int | None = None) -> None:
        there = known_ids(known, "there are no fits yet")
        meant = "" if fit_of_result is None else f". {clustering_fit_id} is a result, of fit {fit_of_result}"
        super().__init__(f"no clustering fit {shown(clustering_fit_id)}; {there}{meant}")
        self.clustering_fit_id, self.known = clustering_fit_id, tuple(known)


class FitNotStoredError(SqlclustError):
    """A fit of which only the description was kept."""

    def __init__(self, clustering_fit_id: int, *, wanted: str = "to cut it") -> None:
        """Wanted: what for, the end of a sentence."""
        super().__init__(
            f"clustering fit {clustering_fit_id} was made without storing its tree (store_fit false, --no-store-fit); "
            f"fit again {wanted}"
        )
        self.clustering_fit_id = clustering_fit_id


class NeighborsNotStoredError(SqlclustError):
    """A fit that was stored without its neighbours."""

    def __init__(self, clustering_fit_id: int) -> None:
        super().__init__(
            f"clustering fit {clustering_fit_id} was stored without its neighbours (store_neighbors false, --no-neighbors, or by "
            "an earlier version); delete it and fit again, or use clust_neighbors"
        )
        self.clustering_fit_id = clustering_fit_id


class FitDamagedError(SqlclustError):
    """A stored fit that is not what a fit writes."""

    def __init__(self, clustering_fit_id: int, *, reason: str) -> None:
        super().__init__(f"clustering fit {clustering_fit_id} is damaged: {reason}. Delete it and fit again")
        self.clustering_fit_id, self.reason = clustering_fit_id, reason


class UpdateError(SqlclustError):
    """A fit that was to be made from a stored one, and cannot be. `clustering_fit_id` is that one, None if there is none."""

    def __init__(self, embedding_model: str, *, clustering_fit_id: int | None, reason: str | None) -> None:
        why = (
            "there is no stored fit of these settings and this selection"
            if clustering_fit_id is None
            else f"clustering fit {clustering_fit_id}: {reason}"
        )
        super().__init__(
            f"no stored fit of {shown(embedding_model)} can be brought up to date ({why}); fit without update 'only'"
        )
        self.embedding_model, self.clustering_fit_id, self.reason = embedding_model, clustering_fit_id, reason


class FitOptionError(OptionError):
    """An option that a stored fit has settled."""

    def __init__(self, option: str, *, found: object, fitted: object, clustering_fit_id: int) -> None:
        super(OptionError, self).__init__(
            f"option {option!r}: found {shown(found)}, but clustering fit {clustering_fit_id} was made with {shown(fitted)}, "
            "and that cannot be changed by cutting; a new fit is needed"
        )
        self.option, self.found, self.expected = option, found, repr(fitted)


class MinSamplesError(FitOptionError):
    """A min_samples that a stored fit cannot be cut with."""

    def __init__(self, *, found: int, fitted: int, clustering_fit_id: int, reason: str, advice: str = "") -> None:
        """Reason: the end of a sentence; advice: another way than a new fit with this min_samples."""
        more = f"; {advice}" if advice else ""
        super(OptionError, self).__init__(
            f"option 'min_samples': found {found}, but clustering fit {clustering_fit_id} was made with {fitted}, and {reason}; "
            f"a new fit is needed{more}"
        )
        self.option, self.expected = "min_samples", repr(fitted)
        self.found: int = found
        self.fitted, self.clustering_fit_id, self.reason = fitted, clustering_fit_id, reason


class MembersChangedError(SqlclustError):
    """Embeddings of a stored fit that are gone or have another vector now."""

    def __init__(self, *, embedding_id: Id, change: str, changed: int, clustering_fit_id: int) -> None:
        super().__init__(
            f"embedding {shown(embedding_id)} {change} since clustering fit {clustering_fit_id} was made "
            f"({rows_differ(changed)}); fit again"
        )
        self.embedding_id, self.change, self.changed = embedding_id, change, changed
        self.clustering_fit_id = clustering_fit_id
