"""Running the command line as a person or a script does: in this process, in another, or on a terminal."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import apsw
from click.testing import CliRunner

from sqlclust.cli import main
from tests.cli.program import BEGUN

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 300.0
"""Seconds after which a program hangs: nothing waits as long unless it does, on whatever machine."""

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
    done = subprocess.run(
        command, input=stdin, capture_output=True, encoding="utf-8", cwd=cwd, timeout=PATIENCE, check=False
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def interrupted(*args: object, stdin: str = "") -> Ran:
    """`sqlclust` with these arguments in a process of its own, which gets Ctrl-C (SIGINT) while a statement with begun()
    runs.
    """
    command = [sys.executable, "-m", "tests.cli.program", *map(str, args)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, encoding="utf-8", stdin=pipe, stdout=pipe, stderr=pipe) as process:
        limit = threading.Timer(PATIENCE, process.kill)
        limit.start()
        try:
            assert process.stdin is not None
            assert process.stderr is not None
            process.stdin.write(stdin)
            process.stdin.close()
            process.stdin = None  # so that communicate does not close it again
            first = process.stderr.readline()
            if first == f"{BEGUN}\n":
                time.sleep(0.1)  # begun() has returned, most probably; if not, the outcome is the same
                process.send_signal(signal.SIGINT)
            out, err = process.communicate()
        finally:
            limit.cancel()
    return Ran(process.returncode, out, first.removeprefix(f"{BEGUN}\n") + err)


def on_terminal(*args: object, control_c: bool = False, columns: int = 100, typed: Sequence[str] = ()) -> Ran:
    """In a process of its own on a terminal; `err` is empty because a terminal shows both streams as one.

    Args:
        control_c: press Ctrl-C once a statement with begun() runs.
        typed: lines, each typed after the prompt appears.
    """
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(ROOT)
        os.environ.update(TERM="dumb", COLUMNS=str(columns), HOME="/nonexistent")
        os.execv(sys.executable, [sys.executable, "-m", "tests.cli.program", *map(str, args)])
    shown, waiting, end = "", list(typed), time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if not select.select([terminal], [], [], 1.0)[0]:
            continue
        try:
            read = os.read(terminal, 65536)
        except OSError:  # Linux says so when the other end is closed
            break
        if not read:
            break
        shown = _COLOUR.sub("", shown + read.decode(errors="replace"))
        if control_c and f"{BEGUN}\r\n" in shown:
            control_c = False
            shown = shown.replace(f"{BEGUN}\r\n", "")
            time.sleep(0.1)  # as in `interrupted`
            os.write(terminal, b"\x03")
        if waiting and shown.endswith("sqlclust> "):
            shown += "\n"
            os.write(terminal, waiting.pop(0).encode() + b"\n")
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
