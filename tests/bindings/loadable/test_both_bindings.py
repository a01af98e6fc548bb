"""What `--binding=loadable` does to a test."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

import sqlclust
from sqlclust.errors import ArgumentError, DatabaseFileError, ExtensionNotCompiledError, UnknownFitError
from sqlclust.sqlite import interrupt
from tests import extension
from tests.bindings.loadable.both import host_databases
from tests.extension import everything_loaded, original, originals, why_not

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not())


@pytest.fixture
def con() -> Iterator[apsw.Connection]:
    with everything_loaded():
        made = sqlclust.connect(":memory:")
        sqlclust.initialize(made)
        yield made
        made.close()


def test_connections_have_the_extension() -> None:
    with host_databases() as made, everything_loaded():
        sqlclust.connect(":memory:").close()
        plain = apsw.Connection(":memory:")
        sqlclust.register(plain)
        plain.close()
    assert len(made) == 2


def test_an_error_is_the_original_one(con: apsw.Connection) -> None:
    with pytest.raises(UnknownFitError, match="there are no fits yet") as caught:
        con.execute("SELECT clust_cut(7)")
    assert caught.value.clustering_fit_id == 7
    with pytest.raises(UnknownFitError), originals():
        con.execute("SELECT clust_cut(7)")
    with pytest.raises(apsw.SQLError, match="there are no fits yet"):  # which is what APSW raises
        con.execute("SELECT clust_cut(7)")


def test_another_error_is_not(con: apsw.Connection) -> None:
    with pytest.raises(apsw.SQLError) as caught:
        con.execute("SELECT clust_cut(7)")
    text = str(caught.value)
    for expected, statement in ((UnknownFitError, "SELECT * FROM nope"), (ArgumentError, "SELECT clust_cut(7)")):
        with pytest.raises((apsw.Error, UnknownFitError)) as kept, pytest.raises(expected):
            con.execute(statement)
        assert not isinstance(kept.value, expected)
    with pytest.raises(apsw.SQLError) as alike, pytest.raises(UnknownFitError):
        raise apsw.SQLError(text)  # told before, but not to this statement
    assert original(alike.value) is alike.value


def test_an_error_while_it_loads(tmp_path: Path) -> None:
    path = tmp_path / "text.db"
    path.write_text("this is no database, and longer than a header of a hundred bytes\n" * 9)
    with everything_loaded(), pytest.raises(DatabaseFileError, match="not an SQLite database"):
        sqlclust.connect(path)


def test_ctrl_c_is_heard_of_again(con: apsw.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    def press(*_: object) -> None:
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(interrupt, "preload", press)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            con.execute(
                "SELECT * FROM clust_doctor(); SELECT * FROM clust_hdbscan((SELECT clust_points(1, x'00000000')))"
            )


@pytest.mark.parametrize("required", ["", "0", "1"])
def test_without_a_compiler(monkeypatch: pytest.MonkeyPatch, required: str) -> None:
    """What needs the extension is skipped, or that is an error."""

    def missing() -> str:
        raise ExtensionNotCompiledError("sqlclust.so", tried=["cc: not found"])

    monkeypatch.setattr(extension, "extension_path", missing)
    monkeypatch.setenv(extension.REQUIRED, required)
    if required == "1":
        with pytest.raises(pytest.UsageError, match=r"is set, but sqlclust\.so cannot be compiled: cc: not found"):
            why_not.__wrapped__()
    else:
        assert why_not.__wrapped__().startswith("sqlclust.so cannot be compiled: cc: not found. Install")
