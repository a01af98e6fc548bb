"""Reading vec0 tables for a fit, from their shadow tables, beside what the extension itself gives."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest

from sqlclust.bindings.apsw.database import database_of
from sqlclust.errors import FilterError, HostTableError
from sqlclust.store.sources.reading import HostReader
from tests.bindings.loadable.both import host_database
from tests.extension import why_not
from tests.sources.looking import found, host, made, unsynced, vectors
from tests.store.sources.reading_of import pairs, reader_of


def holes() -> apsw.Connection:
    """Rows were deleted and others came; made by tests/sources/hosts/make.py."""
    con = made()
    con.execute(Path(__file__).with_name("vec0_holes.sql").read_text(encoding="utf-8"))
    return con


def test_vec0_with_holes() -> None:
    """Beside what the extension itself gave when the file was made: partitions, metadata, deleted rows, several columns."""
    con = holes()
    for source in found(con):
        said = con.execute("SELECT id, vector_hex, text FROM said WHERE source = ?", (source.table_name,)).fetchall()
        said = said or con.execute("SELECT id, vector_hex, text FROM said WHERE source = ?", (source.name,)).fetchall()
        reader = reader_of(con, source)
        rows = pairs(reader)
        assert {id: vector.hex().upper() for id, vector in rows} == {id: vector for id, vector, _ in said}
        assert len(rows) == len(said) == reader.count()
        assert reader.ids() == [id for id, _ in rows]
        assert reader.texts([id for id, _ in rows]) == {id: text for id, _, text in said}
        some = {id for id, _ in rows[::4]}
        assert pairs(reader, some) == rows[::4]
        assert reader.texts(["no such", -1]) == {"no such": None, -1: None}


def test_vec0_of_every_sort() -> None:
    """As the program wrote them, see tests/sources/hosts/make.py."""
    con = host("vec0")
    by_name = {source.name: source for source in found(con)}
    written = vectors(12)
    assert pairs(reader_of(con, by_name["plain"])) == [(i + 1, written[i]) for i in range(12)]
    assert sorted(pairs(reader_of(con, by_name["full.embedding"]))) == sorted((f"n{i}", written[i]) for i in range(12))
    assert {v for _, v in pairs(reader_of(con, by_name["full.small"]))} == {bytes(range(8))}
    assert pairs(reader_of(con, by_name["bits"])) == [(i, bytes([i, 7])) for i in range(12)]
    assert pairs(reader_of(con, by_name['a "b'])) == []
    assert reader_of(con, by_name["full.small"]).texts(["n2"]) == {"n2": "text text "}


@pytest.mark.parametrize("has_extension", [False, True], ids=["apsw", "extension"])
@pytest.mark.parametrize("name", ["plain", "full.embedding"])
def test_all_chunks_are_of_one_moment(tmp_path: Path, name: str, has_extension: bool) -> None:
    """Also in the extension, which reads rows ahead."""
    if has_extension and why_not():
        pytest.skip(why_not())
    host("vec0", tmp_path / "a.db").close()
    con, other = unsynced(tmp_path / "a.db"), unsynced(tmp_path / "a.db")
    con.pragma("journal_mode", "wal")
    [source] = [source for source in found(con) if source.name == name]
    reader = HostReader(host_database(con) if has_extension else database_of(con), source)
    expected = pairs(reader)
    batches = reader.batches()
    ids, values = next(batches)
    assert len(ids) < len(expected) == 12
    other.execute(f"UPDATE {source.table_name}_vector_chunks00 SET vectors = zeroblob(length(vectors))")
    for more in batches:
        ids, values = ids + more[0], values + more[1]
    assert [*zip(ids, values, strict=True)] == expected
    assert con.txn_state() == apsw.SQLITE_TXN_NONE
    con.close()
    other.close()


def test_vec0_has_no_conditions() -> None:
    [plain] = [source for source in found(host("vec0")) if source.name == "plain"]
    with pytest.raises(
        FilterError, match=r"'1': a vec0 table cannot be filtered.* Copy it \(sqlclust load .* --from-table plain"
    ):
        reader_of(host("vec0"), plain, "1")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (
            "UPDATE many_vector_chunks00 SET vectors = substr(vectors, 1, 32) WHERE rowid = 1",
            "its vectors are not there",
        ),
        ("UPDATE plain_vector_chunks00 SET vectors = substr(vectors, 1, 20)", "its vectors are not there"),
        ("DELETE FROM plain_vector_chunks00 WHERE rowid = 2", "its vectors are not there"),
        ("UPDATE plain_chunks SET size = 9", "does not say which of its 9 places"),
        ("UPDATE plain_chunks SET size = -1", "its size is -1"),
        ("UPDATE plain_chunks SET validity = 5", "does not say which of its 8 places"),
        ("UPDATE plain_chunks SET rowids = x''", "has no rowids for its 8 places"),
        ("DELETE FROM full_rowids WHERE id = 'n3'", "row 4 of it is not there"),
    ],
)
def test_a_damaged_chunk(change: str, reason: str) -> None:
    name = change.replace("_", " ").split()[1 if change.startswith("UPDATE") else 2]
    con = holes() if name == "many" else host("vec0")
    source = next(source for source in found(con) if source.table_name == name)
    con.execute(change)
    with pytest.raises(HostTableError, match=f"chunk . of the vec0 table '{name}' is damaged: .*{reason}"):
        pairs(reader_of(con, source))
