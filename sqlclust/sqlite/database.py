"""The port: what this package uses of a connection to SQLite, whichever library made it.

Only `bindings/` has implementations, one file each. A connection may be somebody else's, with ways of its own: an
implementation runs statements so that the host's traces, conversions and cursors neither see nor change them, and what it
raises is of `errors.sqlite`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, Protocol

Bindings = Sequence[Any] | Mapping[str, Any] | None
Row = tuple[Any, ...]


class Statement(NamedTuple):
    """What SQLite says of a statement before it runs.

    Attributes:
        columns: names of its columns; none where it gives no rows.
        is_readonly: whether it writes nothing.
        rest: the text after it.
        parameters: names of its placeholders, without their first character; None for one that has no name.
        is_empty: whether there is no statement in the text at all.
        is_explain: whether it is an EXPLAIN.
    """

    columns: tuple[str, ...]
    is_readonly: bool
    rest: str
    parameters: tuple[str | None, ...]
    is_empty: bool
    is_explain: bool


class Rows(Protocol):
    """The rows of a running statement, one after the other."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of its columns, known as soon as there is a row."""

    @property
    def is_readonly(self) -> bool:
        """Whether the statement writes nothing."""

    def __iter__(self) -> Iterator[Row]: ...

    def __next__(self) -> Row: ...


class Database(Protocol):
    """A connection. Its main database is meant wherever one is."""

    # --- statements ---

    def run(self, sql: str, bindings: Bindings = None) -> None:
        """Run statements to their end; rows are passed over. Raises as `rows`."""

    def rows(self, sql: str, bindings: Bindings = None) -> AbstractContextManager[Rows]:
        """Run statements; the rows of all of them. What is left of them ends with the `with`.

        A host's authorizer is asked and obeyed; where it would have SQLite pass over something in silence
        (SQLITE_IGNORE), that is a refusal.

        Raises:
            NotAuthorizedError: an authorizer refused.
            BindingsError: too few values or too many, or values with names for a placeholder that has none.
            KeyError: a placeholder's name has no value.
            SqliteError: here, or while rows are read.
            TypeError, OverflowError, UnicodeEncodeError: a value that SQLite cannot hold.
            ValueError: the text has a NUL.
        """

    def compiled(self, sql: str) -> AbstractContextManager[Callable[[], None]]:
        """A statement without values and rows, compiled at once, to be run once or several times inside the `with`.

        It is for what has to be run when SQLite compiles nothing: because there is no memory, or within a statement of a
        caller's that was interrupted or had none. There it runs what is compiled, as far as its first step.
        """

    def compile_again(self) -> None:
        """Compile anew what `compiled` has, after something for which SQLite would do so at the next run: a changed schema."""

    def rows_of_many(self, sql: str, many: Iterable[Bindings]) -> AbstractContextManager[Iterator[Row]]:
        """Run a statement for each of many bindings, which are iterated meanwhile; the rows of all of them."""

    def described(self, sql: str) -> Statement:
        """What SQLite says of the first of some statements. Nothing is run."""

    def steps(self, sql: str) -> list[str]:
        """The names of SQLite's steps (opcodes) of the first of some statements, in their order. Nothing is run.

        Raises as `rows`; and UnicodeDecodeError for a constant that is not UTF-8.
        """

    # --- state ---

    @property
    def filename(self) -> str:
        """The file, or '' for a database without one."""

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open."""

    @property
    def is_reading(self) -> bool:
        """Whether a statement is reading or writing at this moment, in a transaction of its own or not."""

    @property
    def is_readonly(self) -> bool:
        """Whether the file or the connection is for reading only."""

    @property
    def changes(self) -> int:
        """Rows that the last INSERT, UPDATE or DELETE changed."""

    @property
    def total_changes(self) -> int:
        """Rows that all of them changed since the connection was opened."""

    @property
    def data_version(self) -> int:
        """A number that changes with every commit by anyone, this connection included; as of the last look at the file."""

    @property
    def versions(self) -> Mapping[str, str]:
        """Versions of SQLite (`sqlite`) and of the library, if it has one of its own."""

    # --- interrupts and waiting ---

    @property
    def is_interrupted(self) -> bool:
        """Whether it was interrupted since the last statement began."""

    def check_interrupt(self) -> None:
        """Raise StatementInterrupted if `is_interrupted`."""

    def interruption(self) -> Exception:
        """The error of an interrupt: StatementInterrupted."""

    def watched(self, look: Callable[[], bool], *, every: int) -> AbstractContextManager[None]:
        """Call `look` every so many of SQLite's steps; True interrupts. Others who do so are called as before.

        What `look` raises ends the statement. A binding whose host has only one such handler may leave the host's in place.
        """

    def set_busy_timeout(self, milliseconds: int) -> None:
        """How long SQLite waits for a lock; ends a busy handler."""

    def set_busy_handler(self, handler: Callable[[int], bool]) -> None:
        """What is asked, with the number of tries, whether to wait on; what it raises ends the statement."""

    # --- settings ---

    def set_triggers(self, on: bool) -> None:
        """Whether triggers run on this connection."""

    @property
    def is_defensive(self) -> bool:
        """As `set_defensive` left it, or the host."""

    def set_defensive(self, on: bool) -> None:
        """Whether statements are kept from writing what SQLite keeps for itself."""

    @property
    def trusts_schema(self) -> bool:
        """As `set_trusted_schema` left it, or the host."""

    def set_trusted_schema(self, on: bool) -> None:
        """Whether what is in the file (a view, a generated column) may call functions and modules that may do harm."""

    def create_collation(self, name: str, compare: Callable[[str, str], int]) -> None:
        """An order of texts."""

    # --- other connections of the same library ---

    def opened(self, path: str) -> Database:
        """Another database, for reading and writing: a file that is there, ':memory:', or '' for a temporary one."""

    def opened_to_read(self, path: str) -> Database:
        """A file, for reading only, with safe settings (`opening.make_safe`). It is found where it is, whatever its journal.

        Raises:
            DatabaseFileError: no such file, a directory, no permission, …
            NoFilesHereError: the connection is in another program.
        """

    def opened_again(self) -> Database:
        """A second connection to the file of this one, for reading and writing, in the same way (SQLite's VFS)."""

    def copy_to(self, target: Database, at: Callable[[float], object], *, pages: int) -> None:
        """Copy what is committed by SQLite's backup interface, so many pages at a time.

        Args:
            target: of the same library.
            at: called with the share that is done; what it raises ends the copying.
        """

    def close(self) -> None:
        """Close it, and whatever it still has open."""
