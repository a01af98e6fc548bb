from __future__ import annotations

import importlib.util
import sysconfig
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sqlclust.bindings.loadable import compiling, placing
from tests.bindings.loadable.both import Both, both
from tests.bindings.loadable.programs import compiled_host

SCRIPT = """#!/bin/sh
echo "$0 $*" >> "{log}"
{first}
while [ $# -gt 0 ]; do
    case "$1" in
        -o) shift; out=$1 ;;
        -DSQLCLUST_SOURCE=*) said=$1 ;;
    esac
    shift
done
{then}
"""
WRITES = 'printf %s "$said" > "$out"'
"""What a compiler does that works."""


class Programs:
    """A folder of programs, the only ones on PATH, with compilers that write what they are told to define."""

    def __init__(self, folder: Path) -> None:
        self.folder, self._log = folder, folder / "log"
        folder.mkdir()

    def add(self, name: str, *, first: str = ":", then: str = WRITES) -> Path:
        path = self.folder / name
        path.write_text(SCRIPT.format(log=self._log, first=first, then=then))
        path.chmod(0o755)
        return path

    @property
    def calls(self) -> list[list[str]]:
        """The words of each call, the first without its folder."""
        if not self._log.exists():
            return []
        calls = [line.split() for line in self._log.read_text().splitlines()]
        return [[Path(program).name, *words] for program, *words in calls]


def note_of(path: str) -> list[str]:
    """The lines of the note beside a compiled file."""
    return Path(path).with_name("sqlclust.python").read_text().splitlines()


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Programs:
    made = Programs(tmp_path / "programs")
    monkeypatch.setenv("PATH", str(made.folder))
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setattr(sysconfig, "get_config_var", lambda name: "python-cc -pthread")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    return made


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the extension in another package, with sources of one line."""
    folder = tmp_path / "site" / "sqlclust" / "bindings" / "loadable"
    folder.mkdir(parents=True)
    (folder / "sqlclust.c").write_text("int x;\n")
    (folder / "some.h").write_text("int y;\n")
    monkeypatch.setattr(compiling, "FOLDER", folder)
    monkeypatch.setattr(placing, "PACKAGE", folder.parents[1])
    return folder


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    return folder


@pytest.fixture
def read_only(package: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """Makes a folder one that cannot be written, also by root: nothing can be made in it."""
    closed: set[Path] = set()
    make = tempfile.mkdtemp

    def refusing(suffix: str | None = None, prefix: str | None = None, dir: Path | None = None) -> str:
        if dir in closed:
            raise PermissionError(13, "Permission denied", str(dir))
        return make(suffix, prefix, dir)

    monkeypatch.setattr(tempfile, "mkdtemp", refusing)
    return closed.add


@pytest.fixture(scope="session")
def host(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """tests/bindings/loadable/host.c, compiled: a program without Python."""
    return compiled_host(tmp_path_factory.mktemp("host"))


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Both]:
    """A file of each implementation of the port, with a table of three rows."""
    made = both(str(tmp_path / "{}.db"))
    made.rows("CREATE TABLE t (a, b); INSERT INTO t VALUES ('a', 1), ('b', 2), ('c', 3)")
    yield made
    for connection in made.connections:
        connection.close()


@pytest.fixture
def fitted(demo_file: Path) -> Path:
    import sqlclust

    con = sqlclust.connect(str(demo_file))
    sqlclust.fit(con, "demo", min_cluster_size=5)
    con.close()
    return demo_file
