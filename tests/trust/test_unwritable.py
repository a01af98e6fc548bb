"""Files on read-only media or in a folder that cannot be written, with and without WAL."""

from __future__ import annotations

import re
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

import sqlclust
from sqlclust.cli import COMMANDS
from sqlclust.errors import DatabaseFileError
from tests.cli.terminal import Ran, run
from tests.schemas import old_project
from tests.trust import work
from tests.trust.unwritable import commands

pytestmark = pytest.mark.slow

NAME = "100 %41 ?a=b#c ü.db"
"""What has to be quoted in a URI; a name that is not quoted twice either."""

READING: dict[str, tuple[str, ...]] = {
    "list": ("list", "DB"),
    "show": ("show", "DB", "--json"),
    "compare": ("compare", "DB", "1", "2"),
    "page": ("page", "DB", "1", "-o", "-"),
    "plot": ("plot", "DB", "tree", "1", "-o", "-", "--format", "svg"),
    "sweep": ("sweep", "DB", "1", "--min-cluster-size", "4,5"),
    "predict": ("predict", "DB", "1"),
    "predict of a file": ("predict", "DB", "1", "VECTORS"),
    "sources": ("sources", "DB"),
    "source": ("source", "DB", "note"),
    "doctor": ("doctor", "DB"),
    "query": ("query", "DB", "SELECT * FROM clust_staleness(1)"),
    "query --readonly": (
        "query", "DB", "SELECT * FROM clust_hdbscan((SELECT clust_points(id, vector) FROM Embedding))", "--readonly", "--csv",
    ),
    "shell": ("shell", "DB"),
    "shell --readonly": ("shell", "DB", "--readonly"),
    "loadable-path": ("loadable-path",),
    "adopt, a dry run": ("adopt", "OLD", "--replace", "--dry-run", "--json"),
    "adopt into a new file": ("adopt", "OLD", "NEW", "--json"),
}  # fmt: skip
WRITING: dict[str, tuple[str, ...]] = {
    "demo": ("demo", "DB"),
    "init": ("init", "DB"),
    "load": ("load", "DB", "VECTORS", "--model", "more"),
    "fit": ("fit", "DB", "demo"),
    "source, to be kept": ("source", "DB", "note", "--table", "note"),
    "cut": ("cut", "DB", "1", "--min-cluster-size", "3"),
    "map": ("map", "DB", "1", "--method", "pca"),
    "delete": ("delete", "DB", "1", "--yes"),
    "predict --store": ("predict", "DB", "1", "--store"),
    "doctor --fix": ("doctor", "DB", "--fix"),
    "adopt in its place": ("adopt", "OLD", "--replace"),
}
TYPED = "SELECT count(*) FROM EmbeddingCluster;\n.results\n"
MODES = ("wal", "delete")


class Media:
    """Two folders, one of which cannot be written, and what every command did there."""

    def __init__(self, folder: Path, mode: str) -> None:
        self.mode, self.kept = mode, folder / "kept"
        self.kept.mkdir()
        self.db, self.old = self.kept / NAME, self.kept / "old.db"
        work.make(self.db, mode)
        vectors = folder / "vectors.jsonl"
        vectors.write_text('{"id": "new", "vector": [1, 0, 0, 0, 0, 0, 0, 0]}\n', encoding="utf-8")
        connection = sqlclust.connect(self.db)
        for size in (4, 5):
            sqlclust.fit(connection, "demo", min_cluster_size=size)
        connection.execute("INSERT INTO Embedding (id, embedding_model, vector) SELECT 'later', embedding_model, vector "
                           "FROM Embedding WHERE id = 1")  # fmt: skip
        connection.execute("CREATE TABLE note (id INTEGER PRIMARY KEY, embedding BLOB)")
        connection.execute("INSERT INTO note SELECT id, vector FROM Embedding WHERE typeof(id) = 'integer'")
        connection.close()
        old_project.make(self.old)
        connection = apsw.Connection(str(self.old))
        connection.pragma("journal_mode", mode)
        connection.close()
        self._places = {"DB": self.db, "OLD": self.old, "VECTORS": vectors, "NEW": folder / "new.db"}
        self._before = self._content()
        lines = [self._line(line) for line in (*READING.values(), *WRITING.values())]
        self.did = dict(zip((*READING, *WRITING), commands(self.kept, lines, TYPED), strict=True))
        self.changed = self._content() != self._before
        self._places["NEW"].unlink(missing_ok=True)

    def _line(self, line: tuple[str, ...]) -> list[object]:
        return [self._places.get(word, word) for word in line]

    def _content(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in self.kept.iterdir()}

    def elsewhere(self, name: str) -> Ran:
        """What a command does where everything can be written."""
        return run(*self._line(READING[name]), stdin=TYPED)


@pytest.fixture(scope="module", params=MODES)
def media(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Media]:
    folder = tmp_path_factory.mktemp("media")
    yield Media(folder, request.param)
    shutil.rmtree(folder)


def without_seconds(ran: Ran) -> Ran:
    return Ran(ran.code, re.sub(r"\d+\.\d s", "… s", ran.out), ran.err)


def test_every_command_is_here() -> None:
    assert {line[0] for line in (*READING.values(), *WRITING.values())} == set(COMMANDS)


NEEDS_MATPLOTLIB = pytest.param("plot", marks=pytest.mark.pictures("matplotlib"))


@pytest.mark.parametrize("name", [NEEDS_MATPLOTLIB if name == "plot" else name for name in READING])
def test_reading_is_as_anywhere(media: Media, name: str) -> None:
    did = media.did[name]
    assert (did.code, did.err) == (0, ""), did
    assert did.out
    assert without_seconds(did) == without_seconds(media.elsewhere(name))


@pytest.mark.parametrize("name", WRITING)
def test_writing_says_that_it_cannot(media: Media, name: str) -> None:
    did = media.did[name]
    path = media.old if name.startswith("adopt") else media.db
    if media.mode == "wal":
        assert did == Ran(
            1, "",
            f"Error: {path}: is in WAL mode in a folder that cannot be written, so that it can be read and not written. "
            "Copy it to a folder that can be, and use the copy; from Python, sqlclust.connect(path, readonly=True) opens it for "
            "reading\n",
        )  # fmt: skip
    elif name in ("init", "doctor --fix"):  # there is nothing to be done
        assert (did.code, did.err) == (0, "")
    elif name == "demo":
        assert "holds other data" in did.err
    else:
        assert did.code == 1
        assert "a writable file and folder" in did.err or "was not backed up" in did.err


def test_nothing_was_written(media: Media) -> None:
    assert not media.changed


# --- changes that are in -wal only -------------------------------------------------------------------------------


LEFT: dict[str, tuple[bool, bool, int | None]] = {
    "-wal and -shm": (True, True, 41),
    "-wal": (True, False, None),
    "-shm": (False, True, 40),
    "an empty -wal": (False, False, 40),
}
"""What lies beside the file: changes in -wal, -shm; and how many embeddings are read then, None for an error."""


@pytest.mark.parametrize("left", LEFT)
def test_what_a_program_left_beside_it(tmp_path: Path, left: str) -> None:
    changes, shared, expected = LEFT[left]
    kept = tmp_path / "kept"
    kept.mkdir()
    path, copy = tmp_path / "a.db", kept / "a.db"
    work.make(path, "wal")
    writer = sqlite3.connect(path)
    writer.execute("INSERT INTO Embedding (id, embedding_model, vector) VALUES ('new', 'demo', zeroblob(32))")
    writer.commit()
    wal = Path(f"{path}-wal").read_bytes()
    assert wal
    shutil.copy(path, copy)
    if changes or "-wal" in left:
        Path(f"{copy}-wal").write_bytes(wal if changes else b"")
    if shared:
        shutil.copy(f"{path}-shm", f"{copy}-shm")
    writer.close()
    sql = "SELECT count(*) AS n FROM Embedding WHERE embedding_model = 'demo'"
    [ran] = commands(kept, [("query", copy, sql, "--readonly", "--csv")])
    if expected is None:
        assert ran == Ran(
            1, "",
            f"Error: {copy}: {copy}-wal beside it holds {len(wal):,} bytes of changes that are not in the file itself yet, and "
            f"SQLite has to make {copy}-shm to read them, in a folder that cannot be written. Copy {copy} and {copy}-wal to a "
            "folder that can be, and open the copy\n",
        )  # fmt: skip
        ran = run("query", shutil.copy(copy, tmp_path / "b.db"), sql, "--csv")
        shutil.copy(f"{copy}-wal", tmp_path / "b.db-wal")
        expected = 41
        ran = run("query", tmp_path / "b.db", sql, "--csv")
    assert ran == Ran(0, f"n\n{expected}\n", "")


def test_an_unfinished_change_without_wal(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    path, copy = tmp_path / "a.db", kept / "a.db"
    work.make(path, "delete")
    writer = apsw.Connection(str(path))
    writer.execute("PRAGMA cache_size = 1; PRAGMA cache_spill = 1; BEGIN")
    writer.execute("UPDATE Embedding SET content = hex(zeroblob(3000))")
    writer.cache_flush()
    for ending in ("", "-journal"):
        shutil.copy(f"{path}{ending}", f"{copy}{ending}")
    writer.execute("ROLLBACK")
    writer.close()
    message = (
        f"{copy}: a program that wrote to it did not finish, and what {copy}-journal holds has to be put back before it can be "
        "read; that takes a file and a folder that can be written and a connection that is not read-only"
    )
    assert commands(kept, [("list", copy), ("query", copy, "SELECT 1")]) == [Ran(1, "", f"Error: {message}\n")] * 2
    with pytest.raises(DatabaseFileError) as caught:
        sqlclust.connect(copy, readonly=True)
    assert str(caught.value) == message
    assert run("list", copy).code == 0


# --- a folder that can be written ---------------------------------------------------------------------------------


def test_changes_of_others_are_seen_where_they_can_be_made(tmp_path: Path) -> None:
    """A file opened as one that nobody changes would not show them."""
    path = tmp_path / NAME
    work.make(path, "wal")
    path.chmod(0o444)
    reader = sqlclust.connect(path, readonly=True)
    count = "SELECT count(*) FROM Run"
    assert reader.execute(count).get == 0
    path.chmod(0o644)
    writer = sqlclust.connect(path)
    writer.execute("INSERT INTO Run (id) VALUES (1)")
    assert reader.execute(count).get == 1
    assert reader.filename == str(path)
    writer.close()
    reader.close()
