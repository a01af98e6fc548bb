"""A backup is made before a change, and stays if there was one, or may have been."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest

import sqlclust
from sqlclust.bindings.apsw.database import database_of
from sqlclust.errors import CommitUnknownError, SqlclustError
from sqlclust.sqlite.backup import backup_of_change
from sqlclust.sqlite.database import Database

UNKNOWN = CommitUnknownError("a file", doing="mending", reason="it broke")


def changed(database: Database, error: BaseException | None, *, made: bool = True) -> None:
    with backup_of_change(database, doing="mending") as backup:
        if made:
            backup.make(None, why="test", at=lambda _: None)
            assert backup.path is not None
            assert backup.path.stat().st_size > 0
        if error is not None:
            raise error


def backups(path: Path) -> list[Path]:
    return [*path.parent.glob(f"{path.name}.before-test-*")]


def test_it_stays_after_a_change(demo_file: Path) -> None:
    con = sqlclust.connect(demo_file)
    changed(database_of(con), None)
    [backup] = backups(demo_file)
    copy = apsw.Connection(str(backup))
    assert copy.execute("SELECT count(*) FROM Embedding").get == 40
    for connection in (con, copy):
        connection.close()


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SqlclustError("mine")], ids=repr)
def test_it_goes_where_nothing_was_changed(demo_file: Path, error: BaseException) -> None:
    con = sqlclust.connect(demo_file)
    with pytest.raises(type(error)) as caught:
        changed(database_of(con), error)
    assert caught.value is error
    assert backups(demo_file) == []
    con.close()


def test_it_stays_and_is_named_where_nobody_knows(demo_file: Path) -> None:
    con = sqlclust.connect(demo_file)
    with pytest.raises(CommitUnknownError) as caught:
        changed(database_of(con), UNKNOWN)
    [backup] = backups(demo_file)
    assert str(caught.value) == str(
        CommitUnknownError(str(demo_file), doing=f"mending (backup: {backup})", reason="it broke")
    )
    con.close()


def test_one_that_was_not_made_is_not_named(demo_file: Path) -> None:
    con = sqlclust.connect(demo_file)
    with pytest.raises(CommitUnknownError) as caught:
        changed(database_of(con), UNKNOWN, made=False)
    assert caught.value is UNKNOWN
    con.close()
