from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import sqlclust
from sqlclust import loadable_path
from sqlclust.bindings.loadable import compiling, placing
from sqlclust.errors import ExtensionFolderError, ExtensionNotCompiledError, ExtensionUnsupportedError
from tests.bindings.loadable.conftest import Programs, note_of
from tests.package_files import PACKAGE


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


# --- in the package -------------------------------------------------------------------------------------------------------


def test_what_is_there_is_taken(programs: Programs, package: Path) -> None:
    (package / compiling.NAME).write_bytes(b"so: " + compiling.source_digest().encode())
    assert loadable_path() == str(package / "sqlclust")
    assert programs.calls == []


def test_the_first_use_compiles(programs: Programs, package: Path, cache: Path) -> None:
    programs.add("cc")
    assert loadable_path() == loadable_path() == str(package / "sqlclust")
    assert len(programs.calls) == 1
    assert names_in(package) == {"sqlclust.c", "some.h", compiling.NAME, "sqlclust.python"}
    assert not cache.exists()


def test_a_stale_one_is_compiled_anew(programs: Programs, package: Path) -> None:
    programs.add("cc")
    loadable_path()
    (package / "some.h").write_text("int z;\n")
    assert loadable_path() == str(package / "sqlclust")
    assert len(programs.calls) == 2
    assert compiling.fits(package / compiling.NAME)


@pytest.mark.parametrize("stale", [False, True])
def test_without_a_compiler(programs: Programs, package: Path, cache: Path, stale: bool) -> None:
    target = package / compiling.NAME
    if stale:
        target.write_text("of other sources")
    with pytest.raises(ExtensionNotCompiledError) as caught:
        loadable_path()
    assert str(caught.value) == (
        f"{target} cannot be compiled: python-cc -pthread: not found; cc: not found; gcc: not found; clang: not found; ziglang: "
        "not found. Install a C compiler (Debian and Ubuntu: apt install gcc libc6-dev; anywhere: pip install ziglang). "
        "Everything else works without it, sqlclust.connect included"
    )
    assert caught.value.path == str(target)
    assert caught.value.tried[-1] == "ziglang: not found"
    assert names_in(package) == {"sqlclust.c", "some.h", *([compiling.NAME] if stale else [])}
    assert not cache.exists()


def test_not_for_windows(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(ExtensionUnsupportedError, match=r"this is Windows; use sqlclust\.connect$"):
        loadable_path()


# --- in the cache ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def unwritable(programs: Programs, package: Path, cache: Path, read_only: Callable[[Path], None]) -> Path:
    """The folder of the extension, which has a compiler and cannot be written."""
    programs.add("cc")
    read_only(package)
    return package


def test_a_package_that_cannot_be_written(programs: Programs, unwritable: Path, cache: Path) -> None:
    path = loadable_path()
    assert loadable_path() == path
    folder = Path(path).parent
    assert folder.parent == cache / "sqlclust"
    assert folder.name.startswith(f"{sqlclust.__version__}-")
    assert [folder.stat().st_mode & 0o777, folder.parent.stat().st_mode & 0o777] == [0o700, 0o700]
    assert names_in(folder) == {compiling.NAME, "sqlclust.python"}
    assert len(programs.calls) == 1
    assert note_of(path) == [sys.executable, str(placing.PACKAGE)]
    assert names_in(unwritable) == {"sqlclust.c", "some.h"}


def test_other_sources_and_packages_have_other_folders(
    programs: Programs, unwritable: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [loadable_path()]
    (unwritable / "some.h").write_text("int z;\n")
    paths.append(loadable_path())
    monkeypatch.setattr(placing, "PACKAGE", Path("/another/sqlclust"))
    paths.append(loadable_path())
    assert len(set(paths)) == 3
    assert len(programs.calls) == 3
    assert note_of(paths[2])[1] == "/another/sqlclust"
    assert note_of(paths[1])[1] != "/another/sqlclust"


@pytest.mark.parametrize("told", [None, "", "relative"])
def test_the_cache_of_a_home(
    unwritable: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: str | None
) -> None:
    if told is None:
        monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    else:
        monkeypatch.setenv("XDG_CACHE_HOME", told)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert Path(loadable_path()).parents[1] == tmp_path / "home" / ".cache" / "sqlclust"


def refused(folder: Path, package: Path) -> str:
    """What `loadable_path` says is wrong with a folder of the cache."""
    with pytest.raises(ExtensionFolderError) as caught:
        loadable_path()
    assert str(caught.value) == (
        f"{folder}: {caught.value.reason}. sqlclust keeps its compiled extension there, because {package} cannot be written; "
        "set XDG_CACHE_HOME to another folder of yours"
    )
    assert (caught.value.path, caught.value.package) == (str(folder), str(package))
    return caught.value.reason


def test_a_cache_that_others_could_have_written(
    programs: Programs, unwritable: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is in it will be executed."""
    folder = Path(loadable_path()).parent
    for place in (folder.parent, folder):
        for mode in (0o770, 0o707, 0o702):
            place.chmod(mode)
            assert refused(place, unwritable) == f"can be written by others (mode {mode:o})"
        place.chmod(0o755)
        assert loadable_path() == str(folder / "sqlclust")
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    assert refused(folder.parent, unwritable) == f"belongs to another user (id {os.getuid()})"
    monkeypatch.undo()
    assert len(programs.calls) == 1


def test_a_cache_that_is_a_link_or_a_file(programs: Programs, unwritable: Path, cache: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    cache.mkdir()
    place = cache / "sqlclust"
    place.symlink_to(elsewhere)
    assert refused(place, unwritable) == "is not a folder"
    place.unlink()
    place.write_text("")
    assert refused(place, unwritable) == "is not a folder"
    place.unlink()
    cache.rmdir()
    cache.write_text("")
    assert refused(place, unwritable) in ("Not a directory", "File exists")
    assert names_in(elsewhere) == set()
    assert programs.calls == []


def test_neither_can_be_written(unwritable: Path, read_only: Callable[[Path], None]) -> None:
    folder = Path(loadable_path()).parent
    (folder / compiling.NAME).unlink()
    read_only(folder)
    assert refused(folder, unwritable) == "Permission denied"


# --- the note -------------------------------------------------------------------------------------------------------------


def test_the_note(programs: Programs, package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    programs.add("cc")
    path = loadable_path()
    note = package / "sqlclust.python"
    assert note.read_bytes() == os.fsencode(f"{sys.executable}\n{package.parents[1]}\n")
    before = note.stat()
    loadable_path()
    assert note.stat().st_mtime_ns == before.st_mtime_ns
    assert note.stat().st_ino == before.st_ino  # it was not written again
    monkeypatch.setattr(sys, "executable", "/other place/python3.99")
    loadable_path()
    assert note_of(path) == ["/other place/python3.99", str(package.parents[1])]
    assert names_in(package) == {"sqlclust.c", "some.h", compiling.NAME, note.name}


@pytest.mark.parametrize("program", ["", None, "/usr/bin/uwsgi", "/a\nb/python3"])
def test_a_program_that_is_no_python_is_not_noted(
    programs: Programs, package: Path, monkeypatch: pytest.MonkeyPatch, program: str | None
) -> None:
    """Python embedded in a program gives that, or nothing, as its own name."""
    programs.add("cc")
    path = loadable_path()
    before = note_of(path)
    monkeypatch.setattr(sys, "executable", program)
    assert loadable_path() == path
    assert note_of(path) == before


def test_a_note_that_cannot_be_written(programs: Programs, package: Path) -> None:
    programs.add("cc")
    (package / "sqlclust.python").mkdir()
    assert loadable_path() == str(package / "sqlclust")
    assert names_in(package) == {"sqlclust.c", "some.h", compiling.NAME, "sqlclust.python"}


# --- processes ------------------------------------------------------------------------------------------------------------

PRINT = "import sqlclust; print(sqlclust.loadable_path())"


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A package of its own, never compiled; its folder."""
    left_out = shutil.ignore_patterns("__pycache__", "*.so", "*.dylib", "sqlclust.python")
    folder = tmp_path / "site" / "sqlclust"
    shutil.copytree(PACKAGE, folder, ignore=left_out)
    return folder


@pytest.mark.slow
def test_processes_at_once(copied: Path, programs: Programs) -> None:
    """All of them compile: none goes on before all have begun. Each has a whole file, and nothing is left."""
    count, sleep, numbers = (shutil.which(name, path=os.defpath) for name in ("wc", "sleep", "seq"))
    begun = f'[ "$({count} -l < "{programs.folder}/log")" -ge 3 ]'
    programs.add("mine", first=f"for i in $({numbers} 3000); do {begun} && break; {sleep} 0.01; done")
    environment = {**os.environ, "PYTHONPATH": str(copied.parent), "CC": "mine"}
    command = [sys.executable, "-P", "-c", PRINT]
    started = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    done = [(process.communicate()[0], process.returncode) for process in started]
    folder = copied / "bindings" / "loadable"
    assert done == [(f"{folder / 'sqlclust'}\n", 0)] * 3
    assert len(programs.calls) == 3
    assert {name for name in names_in(folder) if name.startswith(".") or "sqlclust" in name} == {
        "sqlclust.c", compiling.NAME, "sqlclust.python",
    }  # fmt: skip
    assert compiling.source_digest().encode() in (folder / compiling.NAME).read_bytes()


WITHOUT_RIGHTS = """
import ctypes, os, sys
libc = ctypes.CDLL(None)
if hasattr(libc, 'prctl'):
    for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH: root may write everywhere
        libc.prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP
os.execv(sys.executable, [sys.executable, '-P', '-c', sys.argv[1], sys.argv[2]])
"""


@pytest.mark.slow
def test_a_read_only_installation(copied: Path, programs: Programs, tmp_path: Path) -> None:
    folder = copied / "bindings" / "loadable"
    programs.add("mine")
    environment = {**os.environ, "PYTHONPATH": str(copied.parent), "CC": "mine", "HOME": str(tmp_path / "home")}
    environment.pop("XDG_CACHE_HOME", None)
    code = f"import os, sys\nif not os.access(sys.argv[1], os.W_OK): {PRINT}"
    folder.chmod(0o555)
    try:
        done = subprocess.run(
            [sys.executable, "-c", WITHOUT_RIGHTS, code, str(folder)],
            env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
    finally:
        folder.chmod(0o755)
    assert (done.returncode, done.stderr) == (0, "")
    if not done.stdout:
        pytest.skip("the rights of root cannot be given up here")
    path = Path(done.stdout.strip())
    assert path.parents[1] == tmp_path / "home" / ".cache" / "sqlclust"
    assert compiling.source_digest().encode() in path.with_name(compiling.NAME).read_bytes()
    assert note_of(str(path)) == [sys.executable, str(copied)]


def test_a_user_without_a_home(unwritable: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is made in the working directory."""
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    assert refused(Path("~/.cache"), unwritable) == "this user has no home folder"
    assert not Path("~").exists()
