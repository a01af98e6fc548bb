"""Every error this package raises on purpose, in one tree under `SqlclustError`.

A message carries the argument, what was found, what was expected and which row; the same facts are attributes.
Leaf module: it imports nothing of ours, so that every layer may raise from it. APSW hands these exception objects
through SQL unchanged, so `except SqlclustError` works around any statement.
"""

from __future__ import annotations

from collections.abc import Sequence

Id = int | float | str | bytes
"""What SQLite can hold in an `ANY` id column, NULL excepted."""


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count:,} rows"


def dimensions(count: int) -> str:
    """A dimension in words: 1 dimension, 768 dimensions."""
    return "1 dimension" if count == 1 else f"{count} dimensions"


def _differ(count: int) -> str:
    return f"{_rows(count)} {'differs' if count == 1 else 'differ'}"


_LISTED = 20


def _ids_here(known: Sequence[int], otherwise: str) -> str:
    """Which ids there are, the latest if they are many."""
    if not known:
        return otherwise
    left_out = f"{len(known) - _LISTED:,} others and " if len(known) > _LISTED else ""
    return f"ids here: {left_out}{', '.join(map(str, known[-_LISTED:]))}"


def shown(value: object) -> str:
    """A value as messages show it: its repr, if that is short enough to read and can be made at all."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # an int of thousands of digits, a list of thousands of lists
        return f"a value of type {type(value).__name__}, too long to show"
    return text if len(text) <= 100 else f"{text[:80]}… ({len(text):,} characters)"


class SqlclustError(ValueError):
    """Base of all errors of this package."""


# --- options ---------------------------------------------------------------------------------------------------


class OptionError(SqlclustError):
    """An unknown option, or a value that an option does not allow."""

    def __init__(self, option: str, *, found: object, expected: str) -> None:
        super().__init__(f"option {option!r}: found {shown(found)}, expected {expected}")
        self.option, self.found, self.expected = option, found, expected


class UnknownOptionError(OptionError):
    """An option key that this function does not have."""

    def __init__(self, option: str, *, allowed: Sequence[str], advice: str = "") -> None:
        more = f". {advice}" if advice else ""
        super(OptionError, self).__init__(f"unknown option {shown(option)}; allowed are {', '.join(allowed)}{more}")
        self.option, self.found, self.expected = option, option, ", ".join(allowed)
        self.allowed = tuple(allowed)


class OptionsJSONError(SqlclustError):
    """The options argument is not one JSON object."""

    def __init__(self, *, found: str) -> None:
        super().__init__(f"options: found {found}, expected one JSON object such as '{{\"min_cluster_size\": 14}}'")
        self.found = found


class UnknownMetricError(SqlclustError):
    """A name that is no metric's where options are checked already: in a file of another version, in a call from Python."""

    def __init__(self, metric: object, *, known: Sequence[str]) -> None:
        super().__init__(f"unknown metric {shown(metric)}, expected {' or '.join(map(repr, known))}")
        self.metric, self.known = metric, tuple(known)


class UnknownEngineError(SqlclustError):
    """A name that is no engine's; see UnknownMetricError."""

    def __init__(self, engine: object, *, known: Sequence[str]) -> None:
        super().__init__(f"unknown engine {shown(engine)}, expected {' or '.join(map(repr, known))}")
        self.engine, self.known = engine, tuple(known)


# --- ids and vectors -------------------------------------------------------------------------------------------


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


class VectorTypeError(PointsError):
    """A vector of another SQL type than its format has."""

    def __init__(
        self,
        subject: str,
        *,
        found: str,
        embedding_id: Id | None = None,
        expected: str = "a BLOB of little-endian float32 (clust_vector makes one from JSON)",
    ) -> None:
        super().__init__(f"{subject} is {found}, expected {expected}")
        self.found, self.embedding_id, self.expected = found, embedding_id, expected


class VectorLengthError(PointsError):
    """A BLOB whose length is not a positive multiple of a number's: of float32 four bytes."""

    def __init__(
        self,
        subject: str,
        *,
        found: int,
        embedding_id: Id | None = None,
        unit: int = 4,
        numbers: str = "float32",
        advice: str = "",
    ) -> None:
        length = "1 byte" if found == 1 else f"{found} bytes"
        super().__init__(f"{subject} has {length}, expected a positive multiple of {unit} ({numbers}){advice}")
        self.found, self.embedding_id, self.unit = found, embedding_id, unit


class VectorFormatError(PointsError):
    """Vectors that are read as float32 because nobody says otherwise, and are numbers of another format."""

    def __init__(
        self, subject: str, *, looks_like: Sequence[str], evidence: str, advice: str, embedding_id: Id | None = None
    ) -> None:
        likely = " or ".join(looks_like)
        super().__init__(f"{subject} and others look like {likely} and not like float32: {evidence}. {advice}")
        self.looks_like, self.evidence, self.embedding_id = tuple(looks_like), evidence, embedding_id


class DimensionMismatchError(PointsError):
    """A vector's dimension differs from the others'."""

    def __init__(self, subject: str, *, found: int, expected: int, embedding_id: Id | None = None) -> None:
        super().__init__(f"{subject} has {dimensions(found)}, expected {expected}")
        self.found, self.expected, self.embedding_id = found, expected, embedding_id


class NotFiniteError(PointsError):
    """A vector with NaN or infinity in it."""

    def __init__(self, subject: str, *, position: int, found: float, embedding_id: Id | None = None) -> None:
        super().__init__(f"{subject} has {found} at position {position}, expected finite numbers")
        self.position, self.found, self.embedding_id = position, found, embedding_id


class ZeroVectorError(PointsError):
    """A zero vector where a direction is needed (normalising, or the cosine metric)."""

    def __init__(self, subject: str, *, embedding_id: Id | None = None) -> None:
        super().__init__(
            f"{subject} is a zero vector, which has no direction: expected a vector that can be normalised "
            "(leave it out, or use metric euclidean with normalize false)"
        )
        self.embedding_id = embedding_id


class VectorJSONError(PointsError):
    """Text that is not a JSON array of numbers."""

    def __init__(self, *, found: str, subject: str = "clust_vector") -> None:
        super().__init__(f"{subject}: found {found}, expected a JSON array of numbers such as '[0.1, 0.2]'")
        self.found, self.subject = found, subject


class MatrixError(PointsError):
    """An array that is no matrix of numbers."""

    def __init__(self, *, found: str) -> None:
        super().__init__(f"vectors: found {found}, expected a two-dimensional array of numbers, one row per vector")
        self.found = found


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


class HandleTypeError(PointsError):
    """A table function got something that is no handle of clust_points."""

    def __init__(self, function: str, *, found: str) -> None:
        super().__init__(f"{function}: points is {found}, expected (SELECT clust_points(id, vector) FROM …)")
        self.function, self.found = function, found


class ArgumentError(SqlclustError):
    """An argument of a function of ours that is neither options nor a vector."""

    def __init__(self, function: str, argument: str, *, found: str, expected: str) -> None:
        super().__init__(f"{function}: {argument} is {found}, expected {expected}")
        self.function, self.argument, self.found, self.expected = function, argument, found, expected


class OutOfMemoryError(SqlclustError):
    """Not enough memory for the work asked for."""

    def __init__(
        self, what: str, *, advice: str = "Use the approximate engine, select fewer rows, or downsample"
    ) -> None:
        super().__init__(f"not enough memory: {what}; nothing was written. {advice}")


# --- selecting and publishing ----------------------------------------------------------------------------------


class TooFewRowsError(SqlclustError):
    """A selection with fewer than two rows: nothing to cluster."""

    def __init__(self, embedding_model: str, *, found: int, filtered: bool) -> None:
        kept = " after the filter and downsampling" if filtered else ""
        super().__init__(
            f"embedding model {shown(embedding_model)} has {_rows(found)}{kept}, expected at least 2 to cluster"
        )
        self.embedding_model, self.found = embedding_model, found


class UnknownModelError(SqlclustError):
    """An embedding model of which there are no embeddings."""

    def __init__(self, embedding_model: str, *, known: Sequence[str]) -> None:
        there = ", ".join(map(shown, known[:_LISTED])) if known else "none: the Embedding table is empty"
        if len(known) > _LISTED:
            there += f" and {len(known) - _LISTED:,} others"
        super().__init__(f"no embeddings of model {shown(embedding_model)}; models in this database: {there}")
        self.embedding_model, self.known = embedding_model, tuple(known)


class UnknownResultError(SqlclustError):
    """A ClusteringResult that is not there."""

    def __init__(self, clustering_result_id: object, *, known: Sequence[int]) -> None:
        there = _ids_here(known, "there are no results yet")
        super().__init__(f"no clustering result {shown(clustering_result_id)}; {there}")
        self.clustering_result_id, self.known = clustering_result_id, tuple(known)


class UnknownFitError(SqlclustError):
    """A ClusteringFit that is not there."""

    def __init__(self, clustering_fit_id: object, *, known: Sequence[int]) -> None:
        there = _ids_here(known, "there are no fits yet")
        super().__init__(f"no clustering fit {shown(clustering_fit_id)}; {there}")
        self.clustering_fit_id, self.known = clustering_fit_id, tuple(known)


class FitNotStoredError(SqlclustError):
    """A fit of which only the description was kept."""

    def __init__(self, clustering_fit_id: int) -> None:
        super().__init__(
            f"clustering fit {clustering_fit_id} was made without storing its tree (store_fit false, --no-store-fit); "
            "fit again to cut it"
        )
        self.clustering_fit_id = clustering_fit_id


class FitDamagedError(SqlclustError):
    """A stored fit that is not what a fit writes."""

    def __init__(self, clustering_fit_id: int, *, reason: str) -> None:
        super().__init__(f"clustering fit {clustering_fit_id} is damaged: {reason}. Delete it and fit again")
        self.clustering_fit_id, self.reason = clustering_fit_id, reason


class ResultDamagedError(SqlclustError):
    """A stored result whose description cannot be read."""

    def __init__(self, clustering_result_id: int, *, reason: str) -> None:
        super().__init__(f"clustering result {clustering_result_id} is damaged: {reason}. Delete it and fit again")
        self.clustering_result_id, self.reason = clustering_result_id, reason


class FitOptionError(OptionError):
    """An option that a stored fit has settled."""

    def __init__(self, option: str, *, found: object, fitted: object, clustering_fit_id: int) -> None:
        super(OptionError, self).__init__(
            f"option {option!r}: found {shown(found)}, but clustering fit {clustering_fit_id} was made with {shown(fitted)}, "
            "and that cannot be changed by cutting; a new fit is needed"
        )
        self.option, self.found, self.expected = option, found, repr(fitted)


class MembersChangedError(SqlclustError):
    """Embeddings of a stored fit that are gone or have another vector now."""

    def __init__(self, *, embedding_id: Id, change: str, changed: int, clustering_fit_id: int) -> None:
        super().__init__(
            f"embedding {shown(embedding_id)} {change} since clustering fit {clustering_fit_id} was made "
            f"({_differ(changed)}); fit again"
        )
        self.embedding_id, self.change, self.changed = embedding_id, change, changed
        self.clustering_fit_id = clustering_fit_id


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
            f"embedding {shown(embedding_id)} {change} while the fit ran ({_rows(changed)} changed); nothing was written. "
            "Fit again"
        )
        self.embedding_id, self.change, self.changed = embedding_id, change, changed


class AlteredError(SqlclustError):
    """What was just written is not there as it was written: a trigger or a constraint of the file changed it."""

    def __init__(self, table: str, *, found: str, expected: str, triggers: Sequence[str]) -> None:
        cause = f"its trigger {', '.join(map(shown, triggers))}" if triggers else "an ON CONFLICT clause of the table"
        super().__init__(
            f"{table} has {found}, expected {expected}: this database changes what is written to it, probably by {cause}; "
            "nothing was written"
        )
        self.table, self.found, self.expected, self.triggers = table, found, expected, tuple(triggers)


class FilterError(SqlclustError):
    """A `where` filter that SQLite does not accept."""

    def __init__(self, where: object, *, reason: str) -> None:
        super().__init__(f"where {shown(where)}: {reason}; expected one SQL condition on columns of Embedding")
        self.where, self.reason = where, reason


# --- the database file -----------------------------------------------------------------------------------------


class DatabaseError(SqlclustError):
    """The file or its schema is not what is needed."""


class SchemaMissingError(DatabaseError):
    """A database without our tables."""

    def __init__(self, path: str) -> None:
        super().__init__(f"{path or 'this database'} has no sqlclust tables; run: sqlclust init {path or 'FILE.db'}")
        self.path = path


class SQLiteVersionError(DatabaseError):
    """An SQLite that is older than the schema."""

    def __init__(self, *, found: str, expected: str) -> None:
        super().__init__(f"this is SQLite {found}, and sqlclust's tables need {expected} or newer; nothing was changed")
        self.found, self.expected = found, expected


class SchemaConflictError(DatabaseError):
    """Tables or views of our names that are not ours."""

    def __init__(self, path: str, *, names: Sequence[str], version: int | None = None) -> None:
        """Names with their kinds; version is that of our own tables beside them, if they are there and need an upgrade."""
        advice = (
            "Make a new file with sqlclust init, ATTACH this one to it and copy the rows"
            if version is None
            else f"The file goes on working as schema version {version}. To upgrade it, give what has the name another one "
            f"and run: sqlclust init {path or 'FILE.db'}"
        )
        super().__init__(
            f"{path or 'this database'} already has {', '.join(names)} of another program, and sqlclust needs those "
            f"names; nothing was changed. {advice}"
        )
        self.path, self.names, self.version = path, tuple(names), version


class SchemaDamagedError(DatabaseError):
    """A database of ours in which a table is missing or is not what it was."""

    def __init__(self, path: str, *, reason: str) -> None:
        super().__init__(
            f"{path or 'this database'} has the ledger of sqlclust's schema, but {reason}; restore it from a backup, or make "
            "a new file with sqlclust init and copy the rows"
        )
        self.path, self.reason = path, reason


class SchemaVersionError(DatabaseError):
    """A database written by a newer version of this package."""

    def __init__(self, path: str, *, found: int, expected: int) -> None:
        super().__init__(
            f"{path or 'this database'} has schema version {found}, and this sqlclust knows {expected} at most; "
            "upgrade sqlclust"
        )
        self.path, self.found, self.expected = path, found, expected


class DatabaseFileError(DatabaseError):
    """A path that cannot be opened as a database."""

    def __init__(self, path: str, *, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path, self.reason = path, reason


class NotAuthorizedError(DatabaseError):
    """The connection's authorizer forbids something that is needed, or hides it."""

    def __init__(self, path: str, *, reason: str, hidden: str = "") -> None:
        """`hidden` is what it answers SQLITE_IGNORE to, an operation and what it is of."""
        does = (
            f"hides from a statement of sqlclust what it needs (SQLITE_IGNORE for {hidden})"
            if hidden
            else f"forbids a statement of sqlclust ({reason})"
        )
        super().__init__(f"{path or 'this database'}: the connection's authorizer {does}")
        self.path, self.reason, self.hidden = path, reason, hidden


class WriteProtectedError(DatabaseFileError):
    """A database that can be opened for reading only."""


class NotUnicodeError(DatabaseError):
    """TEXT in the database whose bytes are not UTF-8, so that no program can read it as text."""

    def __init__(self, where: str, *, value: bytes, position: int, reason: str) -> None:
        start = value[:40].hex()
        text = f"x'{start}'" if len(value) <= 40 else f"x'{start}…' ({len(value):,} bytes)"
        super().__init__(
            f"{where} {text} is TEXT that is not UTF-8 (byte 0x{value[position]:02x} at position {position}: {reason}); "
            "store it as UTF-8, or as a BLOB"
        )
        self.where, self.value, self.position = where, value, position


class RepairError(DatabaseError):
    """A database that sqlclust doctor --fix does not repair."""

    def __init__(self, path: str, *, reason: str) -> None:
        super().__init__(f"{path} was not repaired: {reason}; nothing was changed")
        self.path, self.reason = path, reason


class AdoptError(DatabaseError):
    """A database of the old project that sqlclust adopt does not take over."""

    def __init__(self, path: str, *, reason: str) -> None:
        super().__init__(f"{path or 'this database'} was not adopted: {reason}; nothing was changed")
        self.path, self.reason = path, reason


class BackupError(DatabaseError):
    """A backup that cannot be made; so what it was for was not done either."""

    def __init__(self, path: str, *, backup: str, reason: str) -> None:
        super().__init__(f"{path} was not backed up to {backup}: {reason}; nothing was changed")
        self.path, self.backup, self.reason = path, backup, reason


class LockedError(DatabaseError):
    """Another connection holds a lock, usually the write lock."""

    def __init__(self, *, waited: float, doing: str) -> None:
        super().__init__(
            f"another connection is using the database and did not finish within {waited:.0f} s: {doing} "
            "was given up and nothing was written. Try again when the other is done"
        )
        self.waited, self.doing = waited, doing


class CommitUnknownError(DatabaseError):
    """A transaction of which nobody knows whether it was committed: COMMIT failed, and looking it up failed too."""

    def __init__(self, path: str, *, doing: str, reason: str) -> None:
        super().__init__(
            f"{path or 'this database'}: the end of {doing} failed ({reason}), and it cannot be told whether before or after "
            "it was done. It is there whole or not at all: look before you try again"
        )
        self.path, self.doing, self.reason = path, doing, reason


# --- loading ---------------------------------------------------------------------------------------------------


class LoadError(SqlclustError):
    """A new embedding that does not fit those there are; nothing of its load was written."""


class ExistingEmbeddingError(LoadError):
    """A new embedding whose id, or whose step of a run, is taken."""

    def __init__(self, *, embedding_id: Id, taken: str) -> None:
        super().__init__(f"embedding {shown(embedding_id)} {taken}")
        self.embedding_id, self.taken = embedding_id, taken


class ForeignModelError(LoadError):
    """A new embedding whose id belongs to an embedding of another model."""

    def __init__(self, *, embedding_id: Id, found: str, expected: str) -> None:
        super().__init__(
            f"embedding {shown(embedding_id)} belongs to model {shown(found)}, expected {shown(expected)}: an id is used once "
            f"over all models, so give these ids a prefix, such as '{expected}:'"
        )
        self.embedding_id, self.found, self.expected = embedding_id, found, expected


class ClusteredEmbeddingError(LoadError):
    """A vector that would be replaced although a result is made of it."""

    def __init__(self, *, embedding_id: Id, clustering_result_ids: Sequence[int]) -> None:
        results = ", ".join(map(str, clustering_result_ids))
        super().__init__(
            f"the vector of embedding {shown(embedding_id)} cannot be replaced, clustering result {results} is made of it; "
            "delete the result first, or load the vector under a new id"
        )
        self.embedding_id, self.clustering_result_ids = embedding_id, tuple(clustering_result_ids)


# --- reading files ---------------------------------------------------------------------------------------------


class InputFileError(SqlclustError):
    """A file of vectors, ids or texts that cannot be read."""

    def __init__(self, path: str, *, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path, self.reason = path, reason


# --- other packages --------------------------------------------------------------------------------------------


class BorrowedFunctionError(SqlclustError):
    """A function of another package that is not public, and that this version of the package has changed."""

    def __init__(self, *, package: str, version: str, function: str, found: str, expected: str) -> None:
        super().__init__(
            f"{package} {version} has changed {function}, which sqlclust calls: {found}; expected a function that takes "
            f"{expected}. Install a version of {package} that sqlclust knows, or a newer sqlclust"
        )
        self.package, self.version, self.function = package, version, function
        self.found, self.expected = found, expected


# --- stopping --------------------------------------------------------------------------------------------------


class Interrupted(SqlclustError):
    """The work was stopped on request (Ctrl-C, `Connection.interrupt()`, a callback); nothing was written."""

    def __init__(self) -> None:
        super().__init__("interrupted; nothing was written")
