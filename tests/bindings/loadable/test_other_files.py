"""Inside another program no file is opened: what is said of a source whose table is in one."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest

import sqlclust
from sqlclust.errors import NoFilesHereError, SourceElsewhereError
from sqlclust.store.origins import origin_of
from sqlclust.store.results.listing import resolve_result
from tests.bindings.loadable.both import host_database
from tests.trust.foreign_host import make


def test_a_source_in_another_file(tmp_path: Path) -> None:
    connection = sqlclust.connect(tmp_path / "results.db")
    sqlclust.source(connection, "note", database=make(tmp_path / "notes.db"))
    assert sqlclust.fit(connection, "note") == 1
    connection.close()
    connection = apsw.Connection(str(tmp_path / "results.db"))
    database = host_database(connection)
    with pytest.raises(SourceElsewhereError) as caught, origin_of(database, "note"):
        pass
    assert str(caught.value) == (
        "source 'note' is in another file, 'notes.db' seen from the folder of this one, and that cannot be read: inside another "
        "program no files are opened; use sqlclust's own command or Python API (sqlclust.connect) instead. Nothing was written"
    )
    with pytest.raises(NoFilesHereError):
        database.opened_to_read(str(tmp_path / "notes.db"))
    assert resolve_result(database, "latest") == 1  # what needs no vectors goes on
    connection.close()
