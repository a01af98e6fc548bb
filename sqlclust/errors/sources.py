"""Sources that are kept: tables of other programs whose vectors stay where they are."""

from __future__ import annotations

from collections.abc import Sequence
from shlex import quote

from sqlclust.errors.base import SqlclustError
from sqlclust.errors.points import RepeatedIdError
from sqlclust.errors.wording import shown


class SourceError(SqlclustError):
    """A source that cannot be registered, changed, read or deleted; nothing was written."""


class SourceNameError(SourceError):
    """A name that no source can have."""

    def __init__(self, name: object, *, reason: str, other: str | None = None) -> None:
        """Other: a registered source, from whose name this one does not differ enough."""
        super().__init__(f"no source can be called {shown(name)}: {reason}")
        self.name, self.reason, self.other = name, reason, other


class UnknownSourceError(SourceError):
    """A source that is not registered."""

    def __init__(self, name: object, *, known: Sequence[str]) -> None:
        names = ", ".join(shown(other) for other in known[:8]) + (", …" if len(known) > 8 else "")
        super().__init__(f"no source {shown(name)}; {f'registered: {names}' if known else 'none is registered'}")
        self.name, self.known = name, tuple(known)


class SourceDamagedError(SourceError):
    """A row of EmbeddingSource that cannot be what sqlclust wrote there."""

    def __init__(self, name: str, *, column: str, found: str, expected: str) -> None:
        super().__init__(
            f"source {shown(name)} is damaged: EmbeddingSource.{column} is {found}, expected {expected}; mend the row, or delete "
            "the source and register it again"
        )
        self.name, self.column, self.found, self.expected = name, column, found, expected


class SourceInUseError(SourceError):
    """A source that results are made of, and that would be another one, or gone."""

    def __init__(self, name: str, *, clustering_result_ids: Sequence[int], doing: str, advice: str) -> None:
        """Doing: what was to be done, 'deleted'; advice: how to go on."""
        several = ", ".join(map(str, clustering_result_ids[:8])) + (", …" if len(clustering_result_ids) > 8 else "")
        n = len(clustering_result_ids)
        made = f"clustering result {several} is" if n == 1 else f"{n:,} clustering results ({several}) are"
        super().__init__(f"source {shown(name)} cannot be {doing}, {made} made of it; {advice}")
        self.name, self.clustering_result_ids, self.advice = name, tuple(clustering_result_ids), advice


class SourceConditionError(SourceError):
    """A source with a condition was to be fitted by a function in SQL, which runs no SQL that stands in the file."""

    def __init__(self, name: str, *, condition: str) -> None:
        super().__init__(
            f"source {shown(name)} has a condition, {shown(condition)}: it is SQL that stands in the file, and no function runs "
            f"it. Fit from the command line (sqlclust fit DB {quote(name)}) or from Python (sqlclust.fit)"
        )
        self.name, self.condition = name, condition


class SourceElsewhereError(SourceError):
    """A source whose table is in another file, and that file cannot be read."""

    def __init__(self, name: str, *, path: str, reason: str, database: str = "", advice: str | None = None) -> None:
        """Database: the file that the source is kept in; advice: how to go on, if not by putting the other file back or saying
        where it is.
        """
        if advice is None:
            said = f"sqlclust source {quote(database or 'DB')} {quote(name)} --database FILE"
            advice = f"Put it back there, or say where it is: {said}"
        super().__init__(
            f"source {shown(name)} is in another file, {shown(path)} seen from the folder of this one, and that cannot be read: "
            f"{reason}. {advice}"
        )
        self.name, self.path, self.reason, self.advice = name, path, reason, advice


class NoFilesHereError(SourceError):
    """Another file is needed, and the connection is in another program, which opens its files itself."""

    def __init__(self) -> None:
        super().__init__(
            "inside another program no files are opened; use sqlclust's own command or Python API (sqlclust.connect) instead"
        )


class RepeatedKeyError(SourceError, RepeatedIdError):
    """Columns that are to name the rows of a source, and do not: two rows have the same values."""

    def __init__(self, name: str, *, table: str, id_columns: Sequence[str], repeated: RepeatedIdError) -> None:
        several = len(id_columns) > 1
        Exception.__init__(
            self,
            f"column{'s' * several} {', '.join(id_columns)} {'do' if several else 'does'} not name the rows of {shown(table)}: "
            f"{shown(repeated.embedding_id)} is in {repeated.occurrences:,} of them. Name a unique column or several "
            "together: --id A,B on the command line, id elsewhere",
        )
        self.name, self.table, self.id_columns = name, table, tuple(id_columns)
        self.embedding_id, self.occurrences, self.repeated_ids = (
            repeated.embedding_id, repeated.occurrences, repeated.repeated_ids,
        )  # fmt: skip


class SourceChangedError(SourceError):
    """A source that was changed or deleted while a result was made of it."""

    def __init__(self, name: str, *, change: str) -> None:
        super().__init__(f"source {shown(name)} {change} while it was clustered; nothing was written. Fit again")
        self.name, self.change = name, change
