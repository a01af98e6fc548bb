from __future__ import annotations

import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from sqlclust.bindings.loadable import compiling
from sqlclust.bindings.loadable.compiling import CompilerMissingError, compile_extension, fits, source_digest
from tests.bindings.loadable.conftest import WRITES, Programs
from tests.package_files import imports_of


def test_it_stands_alone() -> None:
    """The build hook loads it by its path."""
    assert {module.split(".")[0] for module in imports_of(Path(compiling.__file__))} <= sys.stdlib_module_names


# --- which compiler -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("there", "cc", "used"),
    [
        (["python-cc", "cc", "gcc", "clang"], None, ["python-cc", "-pthread"]),
        (["cc", "gcc", "clang"], None, ["cc"]),
        (["gcc", "clang"], None, ["gcc"]),
        (["clang"], None, ["clang"]),
        (["mine", "cc"], "mine", ["mine"]),
        (["ccache", "cc"], "ccache mine -m64", ["ccache", "mine", "-m64"]),
        (["cc"], "/nonexistent", ["cc"]),
        (["cc"], "mine '", ["cc"]),
        (["cc"], "", ["cc"]),
        (["cc"], "  ", ["cc"]),
    ],
)
def test_the_first_that_is_there(
    programs: Programs,
    package: Path,
    monkeypatch: pytest.MonkeyPatch,
    there: Sequence[str],
    cc: str | None,
    used: list[str],
) -> None:
    for name in there:
        programs.add(name)
    if cc is not None:
        monkeypatch.setenv("CC", cc)
    target = package / compiling.NAME
    compile_extension(target, flags=["-more"])
    [call] = programs.calls
    assert call[: len(used)] == used
    assert call[len(used) :][: len(compiling.FLAGS) + 1] == [*compiling.FLAGS, "-more"]
    assert [word for word in call if word.endswith(".c")] == [str(package / "sqlclust.c")]
    assert fits(target)


def test_one_that_fails_is_not_the_last(programs: Programs, package: Path) -> None:
    programs.add("cc", first="echo no >&2; exit 1")
    programs.add("gcc", first="exit 0")
    programs.add("clang")
    compile_extension(package / compiling.NAME)
    assert [call[0] for call in programs.calls] == ["cc", "gcc", "clang"]
    assert sorted(path.name for path in package.iterdir()) == ["some.h", "sqlclust.c", compiling.NAME]


def test_what_was_tried_is_said(programs: Programs, package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "/nonexistent -x")
    stdio = "sqlclust.c:5:10: fatal error: stdio.h: No such file or directory"
    programs.add("cc", first=f"printf '%s\\n' '{stdio}' ' |  ^~~' 'compilation terminated.' >&2; exit 1")
    programs.add("gcc", first="echo; echo on stdout; exit 1")
    programs.add("clang", first="exit 3")
    (programs.folder / "python-cc").write_text("")
    (programs.folder / "python-cc").chmod(0o755)
    target = package / compiling.NAME
    with pytest.raises(CompilerMissingError) as caught:
        compile_extension(target)
    assert caught.value.tried == (
        "CC=/nonexistent -x: not found",
        caught.value.tried[1],  # the system's words for an empty program
        f"cc: {stdio}",
        "gcc: on stdout",
        "clang: exit status 3, and no file",
        "ziglang: not found",
    )
    assert caught.value.tried[1].startswith("python-cc -pthread: ")
    assert str(caught.value) == "; ".join(caught.value.tried)
    assert sorted(path.name for path in package.iterdir()) == ["some.h", "sqlclust.c"]


def test_no_sources(programs: Programs, package: Path) -> None:
    programs.add("cc")
    (package / "sqlclust.c").unlink()
    with pytest.raises(CompilerMissingError, match=f"^no C source is in {package}$"):
        compile_extension(package / compiling.NAME)
    assert programs.calls == []


def test_a_folder_that_is_not_there(programs: Programs, package: Path) -> None:
    programs.add("cc")
    with pytest.raises(FileNotFoundError):
        compile_extension(package / "nowhere" / compiling.NAME)


# --- which sources --------------------------------------------------------------------------------------------------------


def test_a_file_fits_its_sources_only(programs: Programs, package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    programs.add("cc")
    target, source, header = package / compiling.NAME, package / "sqlclust.c", package / "some.h"
    assert not fits(target)
    compile_extension(target)
    assert fits(target)
    for path, content in ((source, "int z;\n"), (header, "int x;\n"), (package / "more.h", "")):
        before = path.read_text() if path.exists() else None
        path.write_text(content)
        assert not fits(target), path
        if before is None:
            path.unlink()
        else:
            path.write_text(before)
        assert fits(target), path
    source.rename(package / "other.c")
    assert not fits(target)
    (package / "other.c").rename(source)
    (package / "notes.txt").write_text("no source")
    assert fits(target)
    monkeypatch.setattr(compiling, "FLAGS", (*compiling.FLAGS, "-g"))
    assert not fits(target)


def test_text_does_not_move_from_file_to_file(package: Path) -> None:
    before = source_digest()
    (package / "sqlclust.c").write_text("int x;\nint y;\n")
    (package / "some.h").write_text("")
    assert source_digest() != before


def test_sources_that_were_left_out(package: Path) -> None:
    """Some distributions take them out of a package."""
    target = package / compiling.NAME
    target.write_bytes(b"compiled")
    assert not fits(target)
    for path in compiling.sources():
        path.unlink()
    assert fits(target)
    target.unlink()
    assert not fits(target)


def test_nobody_sees_half_a_file(programs: Programs, package: Path) -> None:
    target, wait = package / compiling.NAME, programs.folder / "wait"
    target.write_text("old")
    programs.add("cc", then=f'printf half > "$out"; while [ ! -e "{wait}" ]; do :; done; {WRITES}')
    thread = threading.Thread(target=compile_extension, args=(target,))
    thread.start()
    try:
        while not programs.calls or not [*package.glob(".sqlclust-*/*")]:
            assert thread.is_alive()
        assert target.read_text() == "old"
    finally:
        wait.touch()
        thread.join()
    assert fits(target)


# --- the real ones --------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("name", ["gcc", "clang", "ziglang"])
def test_no_compiler_warns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    words = dict(compiling.compilers()).get(name)
    if words is None:
        pytest.skip(f"there is no {name} here")
    monkeypatch.setattr(compiling, "compilers", lambda: iter([(name, words)]))
    target = tmp_path / compiling.NAME
    compile_extension(target, flags=["-Werror", "-Wpedantic"])
    assert fits(target)
