"""Stored results."""

from __future__ import annotations

from collections.abc import Sequence

from sqlclust.errors.base import SqlclustError
from sqlclust.errors.wording import known_ids, shown


class UnknownResultError(SqlclustError):
    """A ClusteringResult that is not there."""

    def __init__(self, clustering_result_id: object, *, known: Sequence[int]) -> None:
        there = known_ids(known, "there are no results yet")
        super().__init__(f"no clustering result {shown(clustering_result_id)}; {there}")
        self.clustering_result_id, self.known = clustering_result_id, tuple(known)


class ResultDamagedError(SqlclustError):
    """A stored result whose description cannot be read."""

    def __init__(self, clustering_result_id: int, *, reason: str) -> None:
        super().__init__(f"clustering result {clustering_result_id} is damaged: {reason}. Delete it and fit again")
        self.clustering_result_id, self.reason = clustering_result_id, reason


class ResultOfAnotherModelError(SqlclustError):
    """A result that is to lend its labels to one of another model."""

    def __init__(self, clustering_result_id: int, *, found: str, expected: str) -> None:
        super().__init__(
            f"clustering result {clustering_result_id} is of {shown(found)}, expected one of {shown(expected)}, whose clusters "
            "can be like its own"
        )
        self.clustering_result_id, self.found, self.expected = clustering_result_id, found, expected


class NoLabelsLeftError(SqlclustError):
    """A result whose new clusters would need labels beyond the largest that there is."""

    def __init__(self, clustering_result_id: int, *, next_label: int, n_new: int, largest: int) -> None:
        clusters = "1 new cluster needs" if n_new == 1 else f"{n_new:,} new clusters need"
        super().__init__(
            f"{clusters} a label from {next_label} on, since clustering result {clustering_result_id} and those before it have "
            f"used the others, and {largest} is the largest; number them anew, without the option 'like'"
        )
        self.clustering_result_id, self.next_label = clustering_result_id, next_label
        self.n_new, self.largest = n_new, largest


class ResultWithoutFitError(SqlclustError):
    """A result from whose fit something is to be computed, and that has none."""

    def __init__(self, clustering_result_id: int) -> None:
        super().__init__(
            f"clustering result {clustering_result_id} has no stored fit (it was written by INSERT … SELECT, or the fit was "
            "deleted); make one with clust_fit or sqlclust fit"
        )
        self.clustering_result_id = clustering_result_id


class ResultChangedError(SqlclustError):
    """A result whose rows are not what its fit and its parameters give."""

    def __init__(self, clustering_result_id: int, *, reason: str) -> None:
        super().__init__(
            f"clustering result {clustering_result_id} is not what its fit and its parameters give: {reason}; cut the fit "
            "again (clust_cut) and use that result"
        )
        self.clustering_result_id, self.reason = clustering_result_id, reason
