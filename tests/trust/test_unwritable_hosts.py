"""Hosts on read-only media: fitted with --into, in both journal modes; without it the error names that."""

from __future__ import annotations

import json
from pathlib import Path

import apsw
import pytest

import sqlclust
from sqlclust.errors import DatabaseFileError
from tests.cli.terminal import Ran, fail, succeed
from tests.trust.foreign_host import make
from tests.trust.good_file import hashes
from tests.trust.unwritable import commands

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("journal", ["wal", "delete"])
def test_a_host_in_a_folder_that_cannot_be_written(tmp_path: Path, journal: str) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    host, results = make(kept / "notes.db", journal=journal), tmp_path / "results.db"
    before = hashes(kept)
    plain, into, cut, query, show, source = commands(
        kept,
        [
            ("fit", host, "note"),
            ("fit", host, "note", "--into", results),
            ("cut", results, 1, "--min-cluster-size", 4),
            ("query", results, "SELECT is_stale FROM clust_staleness(1)", "--csv"),
            ("show", results, 1, "--json"),
            ("source", host, "note", "--format", "float32"),
        ],
    )
    advice = f"To leave it as it is: sqlclust fit {host} note --into RESULTS.db"
    assert (plain.code, plain.out) == (1, "")
    assert plain.err.endswith(f"{advice}\n")
    assert plain.err.startswith(f"Error: {host}: ")
    assert [into.code, cut.code, show.code] == [0, 0, 0], (into, cut, show)
    assert query == Ran(0, "is_stale\n0\n", "")
    assert len(json.loads(show.out)) >= 3
    assert source.code == 1
    assert hashes(kept) == before
    succeed("fit", results, "note")


def test_a_connection_for_reading(tmp_path: Path) -> None:
    """Nothing is computed before it is said."""
    host = make(tmp_path / "notes.db")
    con = sqlclust.connect(host, readonly=True)
    phases: list[str] = []
    with pytest.raises(
        DatabaseFileError, match=r"this one is for reading only\. To leave it as it is: .* --into RESULTS\.db"
    ):
        sqlclust.fit(con, "note", progress=lambda phase, _: phases.append(phase))
    assert phases == []
    con.close()


def test_results_that_can_only_be_read(tmp_path: Path, binding: str) -> None:
    if binding == "loadable":
        pytest.skip("inside another program no other file is opened: see tests/bindings/loadable/test_other_files.py")
    host, results = make(tmp_path / "notes.db"), tmp_path / "results.db"
    succeed("fit", host, "note", "--into", results)
    con = sqlclust.connect(results, readonly=True)
    assert sqlclust.staleness(con, 1).is_stale is False
    before = hashes(tmp_path)
    for sql in ("SELECT clust_fit('note')", "SELECT clust_cut(1)"):
        with pytest.raises(DatabaseFileError, match="this one is for reading only"):
            con.execute(sql).fetchall()
    con.close()
    assert hashes(tmp_path) == before


def test_a_host_whose_writer_was_killed(tmp_path: Path) -> None:
    """A journal that has to be rolled back first: that is writing, and the host is only read."""
    host, results = make(tmp_path / "notes.db"), tmp_path / "results.db"
    succeed("fit", host, "note", "--into", results)
    writer = apsw.Connection(str(host))
    writer.execute("PRAGMA cache_size = 1; PRAGMA cache_spill = 1; BEGIN; UPDATE note SET body = hex(zeroblob(3000))")
    writer.cache_flush()
    copies = {name: (tmp_path / name).read_bytes() for name in ("notes.db", "notes.db-journal")}
    writer.execute("ROLLBACK")
    writer.close()
    for name, content in copies.items():
        (tmp_path / name).write_bytes(content)
    for words in (("cut", results, 1), ("fit", host, "note", "--into", results)):
        message = fail(*words)
        assert "a program that wrote to it did not finish" in message
    assert {name: (tmp_path / name).read_bytes() for name in copies} == copies
