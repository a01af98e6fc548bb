"""How commands open a file: whatever fails on the way, nothing stays open."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest

from sqlclust.cli.database import database_for_statements, open_database, read_database
from sqlclust.errors import DatabaseFileError


def open_files() -> set[str]:
    return {connection.filename for connection in apsw.connections()}


@pytest.mark.parametrize("error", [RuntimeError("enough"), KeyboardInterrupt()], ids=["an error", "Ctrl-C"])
def test_the_first_look_at_the_tables_fails(
    fitted: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    def fail(_: object) -> None:
        raise error

    monkeypatch.setattr("sqlclust.schema.version", fail)
    with pytest.raises(type(error)) as caught, read_database(str(fitted)):
        pass
    assert caught.value is error  # and its frames are alive, with what they hold
    assert str(fitted) not in open_files()


def test_a_file_that_has_to_be_recovered_is_opened_for_writing_and_once(
    fitted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: object) -> None:
        raise DatabaseFileError(str(fitted), reason="there is a hot journal")

    with monkeypatch.context() as patch:
        patch.setattr("sqlclust.schema.version", fail)
        patch.setattr("sqlclust.schema.check", lambda _: None)
        with read_database(str(fitted)) as database:
            assert not database.is_readonly
            assert [one.filename for one in apsw.connections()].count(str(fitted)) == 1
    assert str(fitted) not in open_files()


@pytest.mark.parametrize("opened", [open_database, read_database])
def test_what_is_inside_fails(fitted: Path, opened: type) -> None:
    with pytest.raises(RuntimeError, match="enough") as caught, opened(str(fitted)):
        raise RuntimeError("enough")
    assert caught.value
    assert str(fitted) not in open_files()


def test_statements_of_a_person(fitted: Path) -> None:
    for readonly in (True, False):
        with database_for_statements(str(fitted), readonly=readonly) as database:
            assert database.is_readonly is readonly
    assert str(fitted) not in open_files()
