"""sqlclust page: the file, where it goes, what is said of it."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import sqlclust
from tests.cli.terminal import fail, run, succeed
from tests.pictures.page.decoded import decoded
from tests.small import add_embeddings, clustered

pytestmark = pytest.mark.slow  # the first page imports what makes maps

TEXT = "quokkas and wombats"


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("page") / "runs.db"
    connection = sqlclust.connect(str(path))
    sqlclust.initialize(connection)
    ids = [f"e{row:02}" for row in range(40)]
    with connection:
        connection.execute("INSERT INTO Run (id) VALUES ('a run')")
        connection.executemany(
            "INSERT INTO Invocation (id, run_id, sequence_number, output_text) VALUES (?, 'a run', ?, ?)",
            [(each, place, f"{TEXT} {place}") for place, each in enumerate(ids)],
        )
        add_embeddings(connection, clustered(), ids=ids, invocation_ids=ids)
    sqlclust.fit(connection, "demo", min_cluster_size=5)
    connection.close()
    return path.read_bytes()


@pytest.fixture
def db(tmp_path: Path, content: bytes, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A database of 40 embeddings with texts, steps of a run; and its folder is the current one."""
    path = tmp_path / "my notes.db"
    path.write_bytes(content)
    monkeypatch.chdir(tmp_path)
    return path


def test_a_page_of_the_latest_result(db: Path) -> None:
    said = succeed("page", db)
    path = db.parent / "my notes-1.html"
    found = decoded(path.read_text(encoding="utf-8"))
    assert said.startswith(f"{path.name}: {round(path.stat().st_size / 1000)} KB, a map by ")
    assert said.endswith(", 40 rows with texts, 3 clusters, the tree, a sweep, 1 run\n")
    assert found.texts is not None
    assert sorted(found.texts, key=str) == sorted((f"{TEXT} {place}" for place in range(40)), key=str)
    assert found.ids == [f"e{int(str(text).split()[-1]):02}" for text in found.texts]
    assert len(found.head["clusters"]) == 3
    assert found.head["runs"]["ids"] == ["a run"]
    assert {path.name for path in db.parent.iterdir()} == {"my notes.db", "my notes-1.html"}


def test_what_cannot_be_shown_is_said(db: Path) -> None:
    succeed("fit", db, "--min-cluster-size", 5, "--no-store-fit", "--min-samples", 3)
    ran = run("page", db, "-o", "a.html")
    assert ran.code == 0
    assert ran.out.endswith(" KB, 40 rows with texts, 3 clusters, 1 run\n")
    first, second = ran.err.splitlines()
    assert first.startswith("No map: clustering fit 2 was made without storing its tree")
    assert second.startswith("The tree and the sweep cannot be shown: ")
    found = decoded(Path("a.html").read_text(encoding="utf-8"))
    assert found.head["missing"] == [second]
    assert f"No map: {found.head['map']['missing']}." == first


def test_the_same_to_stdout(db: Path) -> None:
    succeed("page", db, "1", "-o", "a.html")
    assert succeed("page", db, "latest", "-o", "-") == Path("a.html").read_text(encoding="utf-8")


def test_without_texts(db: Path) -> None:
    succeed("page", db, "-o", "a.html", "--no-texts")
    text = Path("a.html").read_text(encoding="utf-8")
    found = decoded(text)
    assert found.texts is None
    assert [word for word in TEXT.split()[::2] if word in text + repr(found)] == []
    assert len(found.ids) == 40


def test_a_page_that_is_there_is_replaced(db: Path) -> None:
    path = Path("a.html")
    path.write_text("before")
    path.chmod(0o640)
    succeed("page", db, "-o", path)
    assert path.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert path.stat().st_mode & 0o777 == 0o640
    link = Path("link.html")
    link.symlink_to("b.html")
    succeed("page", db, "-o", link)
    assert link.is_symlink()
    assert Path("b.html").is_file()


def test_a_page_that_cannot_be_finished_leaves_what_was_there(db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("a.html").write_text("before")

    def full(self: Path, target: object) -> Path:
        raise OSError(28, "No space left on device", str(self))

    monkeypatch.setattr(Path, "replace", full)
    assert fail("page", db, "-o", "a.html") == "a.html: No space left on device"
    assert Path("a.html").read_text() == "before"
    assert {path.name for path in db.parent.iterdir()} == {"my notes.db", "a.html"}


def test_a_pipe_is_written_to(db: Path) -> None:
    """And not replaced by a file, nor read first, which would wait for somebody."""
    os.mkfifo("pipe")
    with ThreadPoolExecutor(1) as other:
        read = other.submit(Path("pipe").read_bytes)
        assert run("page", db, "-o", "pipe").code == 0
        assert read.result().startswith(b"<!doctype html>")
    assert Path("pipe").is_fifo()


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("no such folder/a.html", "there is no folder 'no such folder'"),
        (".", "'.' is a folder, expected the name of a file"),
        ("", "'' is a folder, expected the name of a file"),
        ("my notes.db", "'my notes.db' is a database, expected another file"),
        *[
            (f"my notes.db-{end}", f"'my notes.db-{end}' is a file of a database, expected another file")
            for end in ("wal", "shm", "journal")
        ],
    ],
)
def test_where_a_page_cannot_go(db: Path, content: bytes, target: str, said: str) -> None:
    ran = run("page", db, "-o", target)
    assert (ran.code, ran.out) == (2, "")
    assert f"Invalid value for '-o' / '--output': {said}" in ran.err
    assert db.read_bytes() == content


def test_a_link_to_where_there_is_no_folder(db: Path) -> None:
    Path("link.html").symlink_to("gone/a.html")
    assert f"there is no folder '{db.parent / 'gone'}'" in run("page", db, "-o", "link.html").err


@pytest.mark.parametrize("name", ["a" * 250, "中" * 83, "\U0001f41f" * 62])
def test_a_name_as_long_as_names_can_be(db: Path, name: str) -> None:
    succeed("page", db, "-o", f"{name}.html"[-len(name) :])
    assert len(os.listdir()) == 2


def test_a_name_that_is_too_long(db: Path) -> None:
    name = "中" * 90 + ".html"
    assert fail("page", db, "-o", name).endswith(f"{name}: File name too long")
    assert len(os.listdir()) == 1


@pytest.mark.parametrize("command", ["page", pytest.param("plot", marks=pytest.mark.pictures("matplotlib"))])
def test_stdout_by_another_name(db: Path, command: str) -> None:
    """/dev/stdout, and a file that stdout goes to: the picture alone is in it."""
    if not Path("/dev/stdout").exists():
        pytest.skip("there is no /dev/stdout")
    part = [] if command == "page" else ["tree"]
    form = [] if command == "page" else ["--format", "svg"]
    program = [sys.executable, "-m", "sqlclust", command, str(db), *part, *form]
    plain = subprocess.run([*program, "-o", "-"], capture_output=True, check=True).stdout
    assert subprocess.run([*program, "-o", "/dev/stdout"], capture_output=True, check=True).stdout == plain
    with Path("out.html").open("wb") as file:
        subprocess.run([*program, "-o", "out.html"], stdout=file, check=True)
    assert Path("out.html").read_bytes() == plain


def test_no_such_result(db: Path) -> None:
    assert fail("page", db, "7").startswith("no clustering result '7'; ids here: 1")
