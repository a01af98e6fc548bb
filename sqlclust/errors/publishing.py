"""Writing a fit or a result: what prevented it."""

from __future__ import annotations

from collections.abc import Sequence

from sqlclust.errors.base import Id, SqlclustError
from sqlclust.errors.wording import counted_rows, shown


class TopLevelOnlyError(SqlclustError):
    """A function that writes was called inside a transaction or another statement."""

    def __init__(self, function: str) -> None:
        super().__init__(
            f"{function} publishes in a transaction of its own and was called inside another one (after BEGIN, or in a "
            f"statement that reads or writes a table); COMMIT first, then call it alone: SELECT {function}('model'). "
            "Inside a transaction use INSERT … SELECT … FROM clust_hdbscan(…)"
        )
        self.function = function


class MembersGoneError(SqlclustError):
    """Embeddings were deleted while they were being clustered."""

    def __init__(self, *, embedding_id: Id, missing: int) -> None:
        super().__init__(
            f"embedding {shown(embedding_id)} was deleted while the fit ran ({missing:,} of its rows are gone); "
            "nothing was written. Fit again"
        )
        self.embedding_id, self.missing = embedding_id, missing


class MembersReplacedError(SqlclustError):
    """Embeddings got another vector or model while they were being clustered."""

    def __init__(self, *, embedding_id: Id, change: str, changed: int) -> None:
        super().__init__(
            f"embedding {shown(embedding_id)} {change} while the fit ran ({counted_rows(changed)} changed); nothing was written. "
            "Fit again"
        )
        self.embedding_id, self.change, self.changed = embedding_id, change, changed


class ItemIdTakenError(SqlclustError):
    """A row of a source would get an id that an embedding of something else has."""

    def __init__(self, source: str, *, embedding_id: Id, embedding_model: str) -> None:
        super().__init__(
            f"a row of source {shown(source)} would be embedding {shown(embedding_id)}, which is one of {shown(embedding_model)} "
            "already; nothing was written. Give the source another name"
        )
        self.source, self.embedding_id, self.embedding_model = source, embedding_id, embedding_model


class AlteredError(SqlclustError):
    """What was just written is not there as it was written: a trigger or a constraint of the file changed it."""

    def __init__(self, table: str, *, found: str, expected: str, triggers: Sequence[str]) -> None:
        cause = f"its trigger {', '.join(map(shown, triggers))}" if triggers else "an ON CONFLICT clause of the table"
        super().__init__(
            f"{table} has {found}, expected {expected}: this database changes what is written to it, probably by {cause}; "
            "nothing was written"
        )
        self.table, self.found, self.expected, self.triggers = table, found, expected, tuple(triggers)
