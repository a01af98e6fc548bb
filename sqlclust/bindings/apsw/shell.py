"""APSW's shell, which has the sqlite3 shell's dot-commands, with everything registered on whatever it opens."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import apsw
import apsw.shell

from sqlclust.bindings.apsw.database import ApswDatabase
from sqlclust.bindings.apsw.registration import register
from sqlclust.sqlite.opening import make_safe

ApswShell = apsw.shell.Shell


@contextmanager
def prepared_connections(*, look: Callable[[], bool], every: int) -> Iterator[None]:
    """Whatever the shell opens (.open, .read, …) is as our own connections are.

    Args:
        look, every: as `Database.watched` has them; for as long as the connection lives.
    """

    def prepare(connection: apsw.Connection) -> None:
        connection.set_progress_handler(look, every)
        database = ApswDatabase(connection)
        make_safe(database)
        register(database)

    apsw.connection_hooks.append(prepare)
    try:
        yield
    finally:
        apsw.connection_hooks.remove(prepare)


class Shell(ApswShell):
    """The shell on one database. A `command_NAME` of a subclass is a dot-command, and its docstring the `.help`.

    Attributes:
        failed: whether a statement or command failed.
    """

    def __init__(self, database: ApswDatabase, *, prompt: str) -> None:
        self.failed = False
        super().__init__(stdin=sys.stdin, stdout=sys.stdout, stderr=sys.stderr, db=database.connection)
        self.prompt = f"{prompt}> "
        self.moreprompt = "...> ".rjust(len(self.prompt))

    @property
    def database(self) -> ApswDatabase:
        """Of the connection that is in use now."""
        return ApswDatabase(self.db)

    def handle_exception(self) -> None:
        """Remember that something failed; Ctrl-C ends what is not interactive."""
        error = sys.exc_info()[1]
        if isinstance(error, KeyboardInterrupt) and not self.interactive:
            raise error
        self.failed = self.failed or not isinstance(error, SystemExit)  # .exit
        super().handle_exception()  # type: ignore[no-untyped-call]

    def say(self, text: str) -> None:
        """Write a line."""
        self.write(self.stdout, text + "\n")  # type: ignore[no-untyped-call]
