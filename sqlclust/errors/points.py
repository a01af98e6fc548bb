"""Ids and vectors that are to be clustered, as rows and as the handle that SQL passes on."""

from __future__ import annotations

from sqlclust.errors.base import Id, SqlclustError
from sqlclust.errors.wording import shown


class PointsError(SqlclustError):
    """Ids or vectors that cannot be clustered."""


class NullIdError(PointsError):
    """A row without an id."""

    def __init__(self, *, row: int) -> None:
        super().__init__(f"row {row}: the id is NULL, expected an INTEGER, REAL, TEXT or BLOB")
        self.row = row


class RepeatedIdError(PointsError):
    """The same id came more than once: usually a join that repeats rows."""

    def __init__(self, *, embedding_id: Id, occurrences: int, repeated_ids: int) -> None:
        super().__init__(
            f"embedding {shown(embedding_id)} came {occurrences} times, expected once "
            f"({repeated_ids:,} {'id is' if repeated_ids == 1 else 'ids are'} repeated); "
            "a join in the selection probably repeats rows. "
            'Select each id once, or pass \'{"duplicates": "first"}\' as the third argument of clust_points '
            "to keep each id's first row"
        )
        self.embedding_id, self.occurrences, self.repeated_ids = embedding_id, occurrences, repeated_ids


class HandleLostError(PointsError):
    """A table function got NULL instead of the handle that clust_points returns."""

    def __init__(self, function: str) -> None:
        super().__init__(
            f"{function}: the points are NULL. The handle of clust_points lives only inside its own expression and is "
            "lost when it is stored (a temporary table, a MATERIALIZED CTE, a grouped subquery); "
            f"call clust_points in the argument itself: {function}((SELECT clust_points(id, vector) FROM …)). "
            "SQLite also wipes it away where one of its JSON functions stands among clust_points' arguments; "
            "there write '' || json_array(…)"
        )
        self.function = function


_WHAT_IS_LEFT = (
    "; NULL is also what is left of a handle that is stored (a temporary table, a MATERIALIZED CTE, a grouped subquery): "
    "call clust_texts in the argument itself"
)


class TextsError(PointsError):
    """clust_terms got neither the id of a result nor a handle of clust_texts."""

    def __init__(self, function: str, *, found: str) -> None:
        super().__init__(
            f"{function}: result_or_texts is {found}, expected the INTEGER id of a ClusteringResult, or "
            f"(SELECT clust_texts(label, text) FROM …)" + (_WHAT_IS_LEFT if found == "NULL" else "")
        )
        self.function, self.found = function, found


class HandleTypeError(PointsError):
    """A table function got something that is no handle of clust_points."""

    def __init__(self, function: str, *, found: str) -> None:
        super().__init__(f"{function}: points is {found}, expected (SELECT clust_points(id, vector) FROM …)")
        self.function, self.found = function, found
