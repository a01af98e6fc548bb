"""What goes wrong inside a callback is an error of SQLite, and nothing else: never a crash, a hang or a leak."""

from __future__ import annotations

import ctypes
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from unittest import mock

import apsw
import pytest

from sqlclust.bindings import virtual_table
from sqlclust.bindings.loadable import attach, compiling, errors, placing
from tests.bindings.loadable import small_catalog
from tests.bindings.loadable.programs import answers, ran
from tests.bindings.loadable.small_catalog import CALLS, connection
from tests.extension import extension_path, why_not

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not())

SANITIZERS = ("-fsanitize=address,undefined", "-fno-omit-frame-pointer", "-fno-sanitize-recover=undefined", "-g", "-O1")


@pytest.fixture
def con() -> Iterator[apsw.Connection]:
    made = connection(extension_path())
    yield made
    small_catalog.raised.clear()
    made.close()


def compiled(folder: Path, *flags: str) -> Path:
    """The extension, compiled with more flags, and its note."""
    target = folder / compiling.NAME
    try:
        compiling.compile_extension(target, flags=flags)
    except compiling.CompilerMissingError as error:
        pytest.skip(f"no compiler takes {' '.join(flags)}: {error}")
    (folder / placing.NOTE).write_text(f"{sys.executable}\n{placing.PACKAGE}\n")
    return target


# --- exceptions -----------------------------------------------------------------------------------------------------------


class Unsayable(Exception):
    def __str__(self) -> str:
        raise ValueError("no")


EXCEPTIONS: dict[str, tuple[Callable[[], BaseException], type[BaseException], str]] = {
    "any": (lambda: ZeroDivisionError("by nothing"), apsw.SQLError, "ZeroDivisionError: by nothing"),
    "without a text": (lambda: KeyError(), apsw.SQLError, "KeyError: "),
    "a NUL": (lambda: ValueError("a\0b"), apsw.SQLError, "ValueError: a\\x00b"),
    "no UTF-8": (lambda: ValueError("a\udc80b"), apsw.SQLError, "ValueError: a\\udc80b"),
    "a text that raises": (Unsayable, apsw.SQLError, "Unsayable"),
    "a long text": (lambda: ValueError("x" * 1_000_000), apsw.SQLError, "ValueError: " + "x" * 1_000_000),
    "memory": (lambda: MemoryError(), apsw.NoMemError, "out of memory"),
    "exit": (lambda: SystemExit(3), apsw.SQLError, "SystemExit: 3"),
    "depth": (lambda: RecursionError("deep"), apsw.SQLError, "RecursionError: deep"),
    "a generator's": (lambda: GeneratorExit(), apsw.SQLError, "GeneratorExit: "),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("exception", EXCEPTIONS)
def test_an_exception_anywhere(con: apsw.Connection, exception: str, call: str) -> None:
    made, kind, text = EXCEPTIONS[exception]
    if call == "column":
        made, kind, text = ValueError, apsw.SQLError, "TypeError: SQLite has no type for <object object"
    wanted = con.execute(CALLS[call].replace(f"'{call}'", "'nowhere'")).fetchall()
    small_catalog.raised.append(made)
    with pytest.raises(kind) as caught:
        con.execute(CALLS[call]).fetchall()
    # of memory SQLite has a text of its own, which APSW leaves out where it says no more than the class
    assert str(caught.value).removeprefix("NoMemError: ").startswith(text)
    small_catalog.raised.clear()
    assert con.execute(CALLS[call].replace(f"'{call}'", "'nowhere'")).fetchall() == wanted


def test_ctrl_c(con: apsw.Connection) -> None:
    """To SQLite it is an interrupt; then Python hears of it."""
    for call in set(CALLS) - {"column"}:
        small_catalog.raised[:] = [KeyboardInterrupt]
        with pytest.raises(KeyboardInterrupt):  # noqa: PT012 - the second comes a moment later
            with suppress(apsw.InterruptError):
                con.execute(CALLS[call]).fetchall()
            time.sleep(5)


@pytest.mark.parametrize("during", ["the description of an error", "the end of a table function"])
def test_ctrl_c_during(during: str) -> None:
    """It is not lost, and is what the statement ends with where it can be."""

    def interrupted(*_: object) -> Any:
        if fires:
            fires.clear()
            raise KeyboardInterrupt
        return errors.described(ValueError("another"))

    fires: list[bool] = []
    described = during == "the description of an error"
    patch = mock.patch.object(attach, "described", interrupted) if described else nullcontext()
    with patch:
        con = connection(extension_path())
    small_catalog.raised[:] = [ValueError] if described else []
    closing = nullcontext() if described else mock.patch.object(virtual_table.VirtualTable, "closed", interrupted)
    with closing:
        fires.append(True)
        with pytest.raises(KeyboardInterrupt):  # noqa: PT012 - it comes a moment later
            with pytest.raises(apsw.InterruptError) if described else nullcontext():
                con.execute(CALLS["filter"]).fetchall()
            time.sleep(5)
    small_catalog.raised.clear()
    con.close()


def test_ctrl_c_in_a_program_that_asks_again(con: apsw.Connection) -> None:
    """It passes over SQLite's errors, and is inside a function whenever Python reminds it."""

    def wait() -> BaseException:
        for _ in range(50):
            time.sleep(0.01)
        return ValueError()

    small_catalog.raised[:] = [KeyboardInterrupt]
    asked = 0
    with pytest.raises(KeyboardInterrupt):  # noqa: PT012
        while asked < 5:
            asked += 1
            with suppress(apsw.Error):
                con.execute(CALLS["scalar"]).fetchall()
            small_catalog.raised[:] = [wait]
    assert asked <= 2


def test_values_that_sqlite_does_not_have(con: apsw.Connection) -> None:
    with pytest.raises(apsw.SQLError, match="OverflowError: "):
        con.execute("SELECT t_echo(1, 'huge')").fetchall()
    texts = ("", "ä€𝄞", "a" * 100_000)
    for value in (None, 0, -(2**63), 2**63 - 1, 1.5, float("inf"), b"", b"\0" * 100_000, *texts):
        assert con.execute("SELECT t_echo(?)", (value,)).fetchall() == [(value,)]
    assert con.execute("SELECT t_echo(zeroblob(3)), t_echo(CAST(x'610062' AS TEXT))").fetchall() == [
        (b"\0\0\0", "a\0b")
    ]
    with pytest.raises(apsw.SQLError, match="UnicodeDecodeError: "):
        con.execute("SELECT t_echo(CAST(x'80' AS TEXT))").fetchall()


def test_a_file_of_another_version(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where only one of the two was installed anew."""
    monkeypatch.setattr(attach, "INTERFACE", attach.INTERFACE + 1)
    said = rf"of another version \(interface {attach.INTERFACE - 1}, expected {attach.INTERFACE}\); install it again$"
    with pytest.raises(apsw.ExtensionLoadingError, match=said):
        connection(extension_path())


# --- memory ---------------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_no_memory_in_python() -> None:
    if find_spec("_testcapi") is None:
        pytest.skip("this Python has no _testcapi, which makes its allocations fail")
    said = ran(sys.executable, "-m", "tests.bindings.loadable.memory", extension_path())
    assert said.count("NoMemError") == len(CALLS)


@pytest.mark.slow
def test_no_memory_in_c(tmp_path: Path) -> None:
    """Each allocation of the extension's own fails once."""
    path = compiled(tmp_path, "-DSQLCLUST_FAULTS")
    fail_at = ctypes.c_int.in_dll(ctypes.CDLL(str(path)), "sqlclust_fail_at")
    failed = 0
    for at in range(1, 100):
        fail_at.value = at
        try:
            con = connection(str(path))
            for sql in CALLS.values():
                con.execute(sql).fetchall()
        except (apsw.NoMemError, apsw.ExtensionLoadingError, MemoryError):
            failed += 1
        else:
            break
        finally:
            is_left, fail_at.value = fail_at.value > 0, 0
        assert not is_left  # it was that allocation
    assert 10 < failed < 99
    assert connection(str(path)).execute(CALLS["next"]).fetchall()


@pytest.mark.slow
def test_nothing_leaks() -> None:
    """300 connections, each closed with a statement begun and one that failed; 30 handles of 4 MB."""
    if not Path("/proc/self/statm").exists():
        pytest.skip("this system does not say how much memory a process has")
    said = ran(sys.executable, "-m", "tests.bindings.loadable.workload", extension_path(), "leaks")
    blocks, of_connections, of_handles = map(int, said.split())
    assert blocks < 300  # not one for each connection
    assert of_connections < 4_000_000
    assert of_handles < 40_000_000


@pytest.mark.slow
def test_sanitizers_find_nothing(tmp_path: Path) -> None:
    """AddressSanitizer and UndefinedBehaviorSanitizer, over all of the catalogue; each stops at what it finds."""
    path = compiled(tmp_path, *SANITIZERS)
    compiler = shutil.which("gcc")
    names = [f"lib{name}.so" for name in ("asan", "ubsan")]
    libraries = [ran(compiler, f"-print-file-name={name}").strip() for name in names] if compiler else []
    if not libraries or not all(os.path.isabs(library) for library in libraries):
        pytest.skip("the libraries of GCC's sanitizers are not here")
    environment = {"LD_PRELOAD": " ".join(libraries), "ASAN_OPTIONS": "detect_leaks=0"}  # Python's own are many
    ran(sys.executable, "-m", "tests.bindings.loadable.workload", path, **environment)


# --- processes and threads ------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_fork(host: Path, fitted: Path) -> None:
    """Threads of Python are not in the copy: it says so. The process itself goes on."""
    said = ran(host, fitted, extension_path(), "forks").splitlines()
    forked = "error: sqlclust: this process was forked from one that runs Python; load it in a process of its own"
    assert said[:4] == [f"child: {forked}"] * 4
    assert said[4:6] == ["child: a step: 1", "child ended with 0"]
    assert [line.removeprefix("parent: ") for line in said[6:]] == answers(fitted)


@pytest.mark.slow
def test_threads_of_a_host(host: Path, fitted: Path) -> None:
    """Four, which all load it at once, each on a connection of its own."""
    said = ran(host, fitted, extension_path(), "threads").splitlines()
    assert sorted(said) == sorted(f"thread: {answer}" for answer in answers(fitted) * 20)


@pytest.mark.slow
def test_a_host_that_ends_in_the_middle(host: Path, fitted: Path) -> None:
    said = ran(host, fitted, extension_path(), "closes").splitlines()
    assert said == ["a step: 100", *(f"other: {answer}" for answer in answers(fitted))]


FORKS = """
import os, sys, warnings
warnings.simplefilter("ignore")  # of forking a process that has threads
from tests.bindings.loadable.workload import everything, loaded
everything(sys.argv[1])
con = loaded(sys.argv[1])
child = os.fork()
if child == 0:
    everything(sys.argv[1])
    os._exit(0)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), con.execute("SELECT clust_version()").get)
"""

ENDS = """
import sys, threading, time
from tests.bindings.loadable.workload import loaded
con = loaded(sys.argv[1])
vector = "(SELECT clust_vector(json_group_array(random() % 1000 + n.i * 0)) FROM json_each('[1,2,3,4,5,6,7,8,9,10,11,12]'))"
rows = "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 6000) SELECT i AS id, {} AS vector FROM n"
con.execute("CREATE TABLE t AS " + rows.format(vector))
sql = "SELECT count(*) FROM clust_hdbscan((SELECT clust_points(id, vector) FROM t))"
threading.Thread(target=lambda: con.execute(sql).fetchall(), daemon=True).start()
time.sleep(float(sys.argv[2]))
"""


@pytest.mark.slow
def test_a_fork_of_a_python_host() -> None:
    """Python sees to its own state, so the copy may open and load."""
    assert ran(sys.executable, "-c", FORKS, extension_path()).split() == ["0", "0.1.0"]


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [0.0, 0.5, 1.5])
def test_python_ends_while_a_thread_is_inside(seconds: float) -> None:
    ran(sys.executable, "-c", ENDS, extension_path(), seconds)
