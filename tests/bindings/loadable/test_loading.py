from __future__ import annotations

import os
import site
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import apsw
import pytest

import sqlclust
from sqlclust.bindings.loadable import loading
from sqlclust.errors import (
    ArgumentError,
    ExtensionNotCompiledError,
    ExtensionNotLoadedError,
    ExtensionUnsupportedError,
)
from tests.bindings.loadable.conftest import Programs, note_of
from tests.package_files import PACKAGE


class Recording(sqlite3.Connection):
    """A connection that can load extensions, also where this Python's cannot: it says what it was asked to do."""

    asked: list[tuple[str, Any]]
    refuses: str | None = None

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.asked = []

    def enable_load_extension(self, enable: bool, /) -> None:
        self.asked.append(("enable", enable))

    def load_extension(self, name: str, /, *, entrypoint: str | None = None) -> None:
        self.asked.append(("load", name))
        if self.refuses is not None:
            raise sqlite3.OperationalError(self.refuses)


@pytest.fixture
def recording(monkeypatch: pytest.MonkeyPatch) -> Recording:
    monkeypatch.setattr(loading, "compiled_path", lambda: Path("/somewhere/sqlclust.so"))
    connection = Recording(":memory:")
    connection.close()
    return connection


def test_loading_is_enabled_for_that_moment(recording: Recording) -> None:
    sqlclust.load(recording)
    assert recording.asked == [("enable", True), ("load", "/somewhere/sqlclust"), ("enable", False)]


def test_what_sqlite_says(recording: Recording) -> None:
    recording.refuses = "error during initialization: sqlclust needs SQLite 3.37 or newer"
    with pytest.raises(ExtensionNotLoadedError) as caught:
        sqlclust.load(recording)
    assert str(caught.value) == f"the connection did not load sqlclust: {recording.refuses}"
    assert (caught.value.reason, caught.value.path) == (recording.refuses, "/somewhere/sqlclust")
    assert isinstance(caught.value.__cause__, sqlite3.OperationalError)
    assert recording.asked[-1] == ("enable", False)


def test_without_a_compiled_file(programs: Programs, package: Path) -> None:
    connection = Recording(":memory:")
    connection.close()
    with pytest.raises(ExtensionNotCompiledError):
        sqlclust.load(connection)
    assert connection.asked == []


def test_a_python_that_loads_no_extensions(monkeypatch: pytest.MonkeyPatch) -> None:
    class Without(sqlite3.Connection):
        def __getattribute__(self, name: str) -> Any:
            if name == "enable_load_extension":
                raise AttributeError(name)
            return super().__getattribute__(name)

    connection = Without(":memory:")
    with pytest.raises(ExtensionUnsupportedError) as caught:
        sqlclust.load(connection)
    connection.close()
    assert str(caught.value) == (
        f"the sqlite3 of this Python ({sys.executable}) can load no extension; it was built without "
        "--enable-loadable-sqlite-extensions; use sqlclust.connect, which needs none, or another Python"
    )


@pytest.mark.parametrize(
    ("make", "found", "advice"),
    [
        (lambda: apsw.Connection(":memory:"), "apsw.Connection", "; for one of APSW's there is sqlclust.register"),
        (lambda: None, "builtins.NoneType", ""),
        (lambda: "notes.db", "builtins.str", ""),
        (lambda: sqlite3.Cursor, "builtins.type", ""),
    ],
)
def test_another_librarys_connection(make: Any, found: str, advice: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        sqlclust.load(make())
    assert str(caught.value) == f"sqlclust.load: connection is a {found}, expected an sqlite3.Connection{advice}"
    assert (caught.value.function, caught.value.argument) == ("sqlclust.load", "connection")


def test_where_sqlite3_is_not_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing can be one of its connections."""
    monkeypatch.delitem(sys.modules, "sqlite3")
    with pytest.raises(ArgumentError):
        sqlclust.load(apsw.Connection(":memory:"))  # type: ignore[arg-type]
    assert "sqlite3" not in sys.modules


# --- a Python that can ----------------------------------------------------------------------------------------------------


class Answer(NamedTuple):
    code: int
    out: str
    err: str


CAN = "import sqlite3, sys; print(hasattr(sqlite3.Connection, 'enable_load_extension'), *sys.version_info[:2])"


@pytest.fixture(scope="module")
def able() -> str:
    """A Python whose sqlite3 loads extensions, and that can use the packages of this one."""
    for python in (sys.executable, "/usr/bin/python3", f"/usr/bin/python3.{sys.version_info[1]}"):
        if os.path.exists(python):
            done = subprocess.run([python, "-c", CAN], capture_output=True, text=True, check=False)
            if done.stdout.split() == ["True", *map(str, sys.version_info[:2])]:
                return python
    pytest.skip(f"no Python {sys.version_info[0]}.{sys.version_info[1]} here has an sqlite3 that loads extensions")


def answered(python: str, code: str) -> Answer:
    path = os.pathsep.join([str(PACKAGE.parent), *site.getsitepackages()])
    done = subprocess.run(
        [python, "-P", "-c", f"import sqlite3, sqlclust\ncon = sqlite3.connect(':memory:')\n{code}"],
        capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": path},
    )  # fmt: skip
    return Answer(done.returncode, done.stdout, done.stderr)


@pytest.mark.slow
def test_a_real_connection(able: str, tmp_path: Path) -> None:
    """Loaded twice, while a statement with rows left is open; afterwards it can load nothing else. Nothing is noted: this Python
    may have found sqlclust by PYTHONPATH only.
    """
    path = sqlclust.loadable_path()
    code = (
        "sqlclust.load(con)\n"
        "rows = con.execute('SELECT clust_version() UNION ALL SELECT 2')\n"
        "print(rows.fetchone()[0])\n"
        "before = con.total_changes, con.in_transaction\n"
        "sqlclust.load(con)\n"
        "print(rows.fetchone()[0], before == (con.total_changes, con.in_transaction))\n"
        "try: con.load_extension('/nowhere')\n"
        "except sqlite3.OperationalError as error: print(error)\n"
        "con.close()\n"
        "try: sqlclust.load(con)\n"
        "except sqlclust.SqlclustError as error: print(error)\n"
    )
    expected = (
        f"{sqlclust.__version__}\n2 True\nnot authorized\n"
        "the connection did not load sqlclust: Cannot operate on a closed database.\n"
    )
    assert answered(able, code) == (0, expected, "")
    assert note_of(path) == [sys.executable, str(PACKAGE)]
