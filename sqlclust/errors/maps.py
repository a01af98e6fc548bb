"""Maps of stored fits."""

from __future__ import annotations

from shlex import quote

from sqlclust.errors.base import SqlclustError


class MapError(SqlclustError):
    """Something about the map of a fit; `clustering_fit_id` is the fit's."""

    clustering_fit_id: object


class MapNotStoredError(MapError):
    """A fit that has no map, or none by the method that is asked for; `found` is that of the one it has."""

    def __init__(
        self, clustering_fit_id: object, *, path: str, method: str | None = None, found: str | None = None
    ) -> None:
        """Path of the database, '' if it has none; method as it is asked for, None: any."""
        there = "has no map" if found is None else f"has a map by {found}, and none by {method}"
        by = "" if method is None else f" --method {method}"
        super().__init__(
            f"clustering fit {clustering_fit_id} {there}; make one: sqlclust map {quote(path or 'DB')} {clustering_fit_id}{by}"
        )
        self.clustering_fit_id, self.method, self.found = clustering_fit_id, method, found


class MapDamagedError(MapError):
    """A stored map that is not what is written."""

    def __init__(self, clustering_fit_id: int, *, path: str, reason: str) -> None:
        """Path of the database, '' if it has none."""
        super().__init__(
            f"the map of clustering fit {clustering_fit_id} is damaged: {reason}. Make it again: sqlclust map "
            f"{quote(path or 'DB')} {clustering_fit_id}"
        )
        self.clustering_fit_id, self.reason = clustering_fit_id, reason


class MapMethodError(MapError):
    """A method by which a fit's map cannot be made."""

    def __init__(self, clustering_fit_id: int, *, method: str, reason: str) -> None:
        """Reason: the end of a sentence, with what to do."""
        super().__init__(f"no map of clustering fit {clustering_fit_id} by {method}: {reason}")
        self.clustering_fit_id, self.method, self.reason = clustering_fit_id, method, reason
