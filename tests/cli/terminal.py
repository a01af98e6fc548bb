"""Running the command line as a person or a script does: in this process, in another, or on a terminal."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import apsw
from click.testing import CliRunner

from sqlclust.cli import main

_COLOUR = re.compile(r"\x1b\[[0-9;]*m|\x1b\[\?[0-9]+[hl]")


class Ran(NamedTuple):
    """What a command did."""

    code: int
    out: str
    err: str


def run(*args: object, stdin: str | None = None) -> Ran:
    """In this process; an exception that the command line does not turn into a message is raised."""
    result = CliRunner().invoke(
        main, [str(arg) for arg in args], input=stdin, prog_name="sqlclust", env={"COLUMNS": "100"}
    )
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Ran(result.exit_code, result.stdout, result.stderr)


def succeed(*args: object, stdin: str | None = None) -> str:
    """As `run`; stdout of a command that ends well and says nothing on stderr."""
    ran = run(*args, stdin=stdin)
    assert (ran.code, ran.err) == (0, ""), ran
    return ran.out


def fail(*args: object, stdin: str | None = None) -> str:
    """As `run`; the message of a command that ends with one of our errors, on one line of stderr."""
    ran = run(*args, stdin=stdin)
    assert ran.code == 1, ran
    assert ran.out == ""
    assert ran.err.startswith("Error: ")
    assert ran.err.count("\n") == 1
    return ran.err.removeprefix("Error: ").removesuffix("\n")


def misuse(*args: object) -> str:
    """As `run`; the last line of a command that was called wrongly."""
    ran = run(*args)
    assert (ran.code, ran.out) == (2, ""), ran
    assert ran.err.startswith("Usage: sqlclust ")
    return ran.err.splitlines()[-1].removeprefix("Error: ")


def python(*args: object, stdin: str | None = None, cwd: Path | None = None) -> Ran:
    """`python` with these arguments, in a process of its own."""
    command = [sys.executable, *map(str, args)]
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, cwd=cwd, timeout=60, check=False)
    return Ran(done.returncode, done.stdout, done.stderr)


def on_terminal(
    *args: object, control_c_after: float | None = None, columns: int = 100, typed: Sequence[str] = ()
) -> Ran:
    """In a process of its own on a terminal; `err` is empty because a terminal shows both streams as one.

    Args:
        control_c_after: press Ctrl-C once it was quiet for so many seconds, and something was typed.
        typed: lines, each typed after the prompt appears.
    """
    child, terminal = pty.fork()
    if child == 0:
        os.environ.update(TERM="dumb", COLUMNS=str(columns), HOME="/nonexistent")
        os.execv(sys.executable, [sys.executable, "-m", "sqlclust", *map(str, args)])
    shown, waiting, started = "", list(typed), time.monotonic()
    quiet_since = None if typed else started
    while time.monotonic() < started + 60:
        if select.select([terminal], [], [], 0.1)[0]:
            try:
                read = os.read(terminal, 65536)
            except OSError:  # Linux says so when the other end is closed
                break
            if not read:
                break
            shown = _COLOUR.sub("", shown + read.decode(errors="replace"))
            quiet_since = quiet_since and time.monotonic()
        if control_c_after is not None and quiet_since and time.monotonic() > quiet_since + control_c_after:
            control_c_after = None
            os.write(terminal, b"\x03")
        if waiting and shown.endswith("sqlclust> "):
            shown += "\n"
            os.write(terminal, waiting.pop(0).encode() + b"\n")
            quiet_since = time.monotonic()
    else:
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    os.close(terminal)
    return Ran(os.waitstatus_to_exitcode(status), shown.replace("\r\n", "\n"), "")


def rows(path: Path, sql: str) -> list[tuple[object, ...]]:
    """What is in a database."""
    connection = apsw.Connection(str(path))
    try:
        return list(connection.execute(sql))
    finally:
        connection.close()
