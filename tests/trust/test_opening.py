"""How files are opened, and that nothing stored is executed."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import apsw
import pytest

import sqlclust
from sqlclust.bindings.apsw.database import ApswDatabase
from tests.cli.terminal import run
from tests.package_files import FILES, each_of
from tests.trust.good_file import hashes
from tests.trust.hostile import by_a_trusting_host

pytestmark = pytest.mark.slow


# --- how files are opened -------------------------------------------------------------------------------------------

SAFE = {"foreign_keys": 1, "trusted_schema": 0, "cell_size_check": 1, "mmap_size": 0, "writable_schema": 0}


def is_safe(con: apsw.Connection) -> bool:
    """The settings of a connection of ours."""
    loading = con.config(apsw.SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, -1)
    defensive = con.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, -1)
    return (loading, defensive) == (0, 1) and all(con.pragma(name) == value for name, value in SAFE.items())


@pytest.mark.parametrize("readonly", [False, True])
def test_connections_of_ours_are_safe(path: Path, readonly: bool) -> None:
    con = sqlclust.connect(path, readonly=readonly)
    assert is_safe(con)
    con.pragma("writable_schema", True)  # without effect
    with pytest.raises(apsw.SQLError, match="may not be modified"):
        con.execute("UPDATE sqlite_schema SET sql = 'nonsense'")
    with pytest.raises(apsw.SQLError, match="not authorized"):
        con.execute("SELECT load_extension('x')")
    con.close()
    if not readonly:
        before = by_a_trusting_host(path)
        assert (before.pragma("trusted_schema"), before.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, -1)) == (1, 0)
        before.close()


def test_commands_open_files_so(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bool] = []

    def connect(*args: Any, **kwargs: Any) -> ApswDatabase:
        con = sqlclust.connect(*args, **kwargs)
        seen.append(is_safe(con))
        return ApswDatabase(con)

    monkeypatch.setattr("sqlclust.cli.database.connect", connect)
    for args in (("list",), ("show",), ("fit",), ("cut", "1"), ("sweep", "1"), ("predict",), ("compare", "1", "1"),
                 ("query", "SELECT 1"), ("shell",)):  # fmt: skip
        run(args[0], path, *args[1:])
    assert len(seen) == 9
    assert all(seen)
    pragmas = "".join(f"PRAGMA {name};\n" for name in SAFE)
    write = "CREATE TABLE t (x);\nPRAGMA writable_schema = 1;\nUPDATE sqlite_schema SET sql = 'x';\n"
    ran = run("shell", path, stdin=f".open {path.with_name('other.db')}\n{pragmas}{write}")
    assert ran.out.split() == [str(value) for value in SAFE.values()]
    assert "table sqlite_master may not be modified" in ran.err


def test_query_and_shell_say_what_is_allowed() -> None:
    said = " ".join(run("query", "--help").out.split())
    assert "use that for files and statements you do not trust: then nothing is written, to no file" in said
    assert "no statement can load an extension" in said
    said = " ".join(run("shell", "--help").out.split())
    assert "its views and triggers can call nothing but harmless functions" in said
    assert "do with other files and programs whatever they are told, under --readonly too" in said


READ_ONLY = {
    "INSERT": "INSERT INTO Run (id) VALUES (1)",
    "a function that writes": "SELECT clust_fit('demo')",
    "another function that writes": "SELECT clust_cut(1)",
    "CREATE": "CREATE TABLE t (x)",
    "PRAGMA": "PRAGMA user_version = 7",
    "journal": "PRAGMA journal_mode = wal",
    "VACUUM": "VACUUM",
    "VACUUM INTO": "VACUUM INTO '{folder}/copy.db'",
    "EXPLAINed comment": "/* */ VACUUM main INTO '{folder}/copy.db'",
    "ATTACH": "ATTACH '{folder}/new.db' AS new",
    "extension": "SELECT load_extension('x')",
    "BEGIN": "BEGIN IMMEDIATE",
}


@pytest.mark.parametrize("case", READ_ONLY)
def test_query_readonly_writes_nothing(path: Path, case: str) -> None:
    before = hashes(path.parent)
    ran = run("query", path, READ_ONLY[case].format(folder=path.parent), "--readonly")
    assert ran.code in (0, 1)
    assert ran.err.count("\n") <= 1
    assert hashes(path.parent) == before


# --- nothing stored is executed --------------------------------------------------------------------------------------

FORBIDDEN = {"pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib", "_pickle"}
CALLS = {"eval", "exec", "compile", "__import__"}


def runs_nothing_stored(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            assert not {alias.name.split(".")[0] for alias in node.names} & FORBIDDEN
        elif isinstance(node, ast.ImportFrom):
            assert (node.module or "").split(".")[0] not in FORBIDDEN
        elif isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            assert called not in CALLS or isinstance(node.func, ast.Attribute)
            allowed = {keyword.arg: keyword.value for keyword in node.keywords}.get("allow_pickle")
            if called == "load" and isinstance(node.func, ast.Attribute) and getattr(node.func.value, "id", "") == "np":
                assert isinstance(allowed, ast.Constant)
                assert allowed.value is False
            assert allowed is None or (isinstance(allowed, ast.Constant) and allowed.value is False)


@each_of(FILES)
def test_no_pickles(path: Path) -> None:
    """What is stored is numbers, ids and JSON; nothing that is read is run."""
    runs_nothing_stored(path)


def test_the_test_above_sees_them(tmp_path: Path) -> None:
    for text in ("import pickle", "from joblib import load", "np.load(x)", "np.load(x, allow_pickle=True)", "eval(x)"):
        file = tmp_path / "x.py"
        file.write_text(text)
        with pytest.raises(AssertionError):
            runs_nothing_stored(file)
