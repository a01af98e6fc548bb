"""Programs that have SQLite, as the scenarios use them: each a session with connections that load the extension."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
import termios
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Self

HERE = Path(__file__).parent
Rows = list[list[Any]]
STARTED = {"SQLCLUST_PYTHON": sys.executable}
"""Hosts without Python start this one, whichever called loadable_path() last."""


class HostError(Exception):
    """What a host says of a statement that failed, without its own words before it."""


def restored() -> None:
    """In a child: whoever ignores Ctrl-C hands that on, and these programs leave it as they find it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Session:
    """One process of a host, or of several; `path` is a database of its first connection."""

    said = ""
    """On stderr, once it has ended."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def load(self, library: str, *, on: str = "one") -> None:
        raise NotImplementedError

    def open(self, on: str) -> None:
        """A connection of the file."""
        raise NotImplementedError

    def turn_to(self, path: Path, library: str | None) -> None:
        """Another file, with the extension."""
        self.path = path
        self.open("one")
        if library is not None:
            self.load(library)

    def sql(self, text: str, *, on: str = "one") -> Rows:
        raise NotImplementedError

    def write(self, text: str) -> Rows:
        """A statement that writes."""
        return self.sql(text)

    def end(self) -> int:
        """The host's exit status."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()


class ProgramSession(Session):
    """A program of ours that answers lines of JSON."""

    def __init__(self, path: Path, command: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
        super().__init__(path)
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8",
            preexec_fn=restored, env={**os.environ, **(environment or {})},
        )  # fmt: skip

    def send(self, *words: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(words) + "\n")
        self.process.stdin.flush()

    def ask(self, *words: str) -> Any:
        self.send(*words)
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.process.communicate()[1]
        answer = json.loads(line)
        if "error" in answer:
            raise HostError(answer["error"])
        return answer["rows"]

    def open(self, on: str) -> None:
        self.ask("opened", on, str(self.path))

    def load(self, library: str, *, on: str = "one") -> None:
        self.ask("load", on, library)

    def sql(self, text: str, *, on: str = "one") -> Rows:
        found: Rows = self.ask("sql", on, text)
        return found

    def step(self, text: str) -> None:
        """To its first row; the statement stays open."""
        self.ask("step", "one", text)

    def end(self) -> int:
        if self.process.returncode is None:
            self.said = self.process.communicate()[1]
        assert self.process.returncode is not None
        return self.process.returncode


class PythonSession(ProgramSession):
    """Python's sqlite3."""

    def __init__(self, path: Path, python: str, *, options: Sequence[str] = ()) -> None:
        super().__init__(path, [python, *options, str(HERE / "python_program.py")])
        self.open("one")


class NodeSession(ProgramSession):
    """better-sqlite3 in node."""

    def __init__(self, path: Path, modules: str) -> None:
        super().__init__(path, ["node", str(HERE / "node_program.js")], {"NODE_PATH": modules, **STARTED})
        self.open("one")


class DatasetteSession(ProgramSession):
    """Datasette, by the client it has for tests. Its plugin or --load-extension gives all its connections the functions."""

    def __init__(
        self,
        paths: Sequence[Path],
        python: str,
        *,
        settings: Mapping[str, Any] | None = None,
        extensions: Sequence[str] = (),
    ) -> None:
        told = json.dumps([[str(path) for path in paths], settings or {}, extensions])
        super().__init__(paths[0], [python, str(HERE / "datasette_program.py"), told])

    def open(self, on: str) -> None:
        """It has all its files from the start."""

    def sql(self, text: str, *, on: str = "one") -> Rows:
        found: Rows = self.ask("sql", str(self.path), text)
        return found

    def write(self, text: str) -> Rows:
        found: Rows = self.ask("write", str(self.path), text)
        return found


class CommandSession(ProgramSession):
    """The command sqlite-utils: a connection for each statement."""

    def __init__(self, path: Path, python: str) -> None:
        super().__init__(path, [python, str(HERE / "sqlite_utils_program.py")])
        self.options: list[str] = []

    def open(self, on: str) -> None:
        """Nothing is open between two statements."""

    def load(self, library: str, *, on: str = "one") -> None:
        self.options = ["--load-extension", library]

    def sql(self, text: str, *, on: str = "one") -> Rows:
        found: Rows = self.ask(str(self.path), text, *self.options)
        return found


END = "@@ end @@"
_LITERAL = re.compile(r"'(?:[^']|'')*'|[^,']+")
_ERROR = re.compile(r"^(?:Parse error|Runtime error|Error|SQL error)(?: near line \d+)?: ", re.MULTILINE)


def value_of(literal: str) -> Any:
    if literal == "NULL":
        return None
    if literal.startswith("'"):
        return literal[1:-1].replace("''", "'")
    return int(literal) if re.fullmatch(r"-?\d+", literal) else float(literal)


class ShellSession(Session):
    """The sqlite3 shell. Its output goes to a terminal, so that it comes line by line."""

    def __init__(self, path: Path, *, cwd: Path | None = None, interactive: bool = False) -> None:
        super().__init__(path)
        ours, theirs = pty.openpty()
        settings = termios.tcgetattr(theirs)
        settings[1] &= ~termios.OPOST  # no \r
        settings[3] &= ~termios.ECHO
        termios.tcsetattr(theirs, termios.TCSANOW, settings)
        self.process = subprocess.Popen(
            ["sqlite3", "-batch", *(["-interactive"] if interactive else []), str(path)],
            stdin=subprocess.PIPE, stdout=theirs, stderr=theirs, encoding="utf-8", preexec_fn=restored, cwd=cwd,
            env={**os.environ, "HOME": os.devnull, **STARTED},
        )  # fmt: skip
        os.close(theirs)
        self._out: IO[str] = os.fdopen(ours, encoding="utf-8")
        self.names = ["one"]
        self.now = "one"
        self.ask(".mode quote")

    def send(self, text: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{text}\n.print {END}\n")
        self.process.stdin.flush()

    def answer(self) -> str:
        lines: list[str] = []
        while (line := self._out.readline()) != f"{END}\n":
            assert line, "".join(lines)
            if not line.startswith("sqlite> "):  # the line that was given, which an interactive shell repeats
                lines.append(line)
        return "".join(lines)

    def ask(self, text: str) -> str:
        self.send(text)
        said = self.answer()
        error = _ERROR.search(said)
        if error:
            raise HostError(said[error.end() :].rstrip())
        return said

    def open(self, on: str) -> None:
        if on not in self.names:
            self.names.append(on)
        self._turn(on)
        self.ask(f".open {self.path}\n.timeout 60000")

    def load(self, library: str, *, on: str = "one") -> None:
        self._turn(on)
        self.ask(f".load {library}")

    def _turn(self, on: str) -> None:
        if on != self.now:
            self.ask(f".connection {self.names.index(on)}")
            self.now = on

    def sql(self, text: str, *, on: str = "one") -> Rows:
        self._turn(on)
        said = self.ask(f"{' '.join(text.split())};")
        return [[value_of(literal) for literal in _LITERAL.findall(line)] for line in said.splitlines()]

    def end(self) -> int:
        if self.process.returncode is None:
            assert self.process.stdin is not None
            self.process.stdin.close()
            with suppress(OSError):  # the terminal is gone
                while line := self._out.readline():
                    self.said += line
            self._out.close()
            self.process.wait()
        return self.process.returncode
