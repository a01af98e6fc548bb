"""The architecture as a test: imports go one way, and what is heavy is imported late."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import sqlclust

PACKAGE = Path(sqlclust.__file__).resolve().parent
LAYERS = ["errors", "core", "narrowing", "vectors", "recognition", "formats", "options", "sqlite", "schema", "store"]
LAYERS += ["surface", "virtual_table", "connection", "cli"]
FACADE = {"sqlclust"}  # __init__ lends names of any layer, inside functions
FILES = sorted(PACKAGE.rglob("*.py"))
NOT_ALLOWED_ANYWHERE = {"sqlite3", "pandas", "sqlalchemy"}
NOT_ALLOWED_IN_CORE = {"apsw", "sqlite_utils", "click"}


def module_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def layer_of(module: str) -> str | None:
    """The layer of a module of ours; None for the façade and `python -m sqlclust`."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 and parts[1] != "__main__" else None


def imports_of(path: Path) -> Iterator[str]:
    """Every module imported anywhere in the file, in functions and under TYPE_CHECKING too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            module = node.module or ""
            for alias in node.names:  # `from sqlclust import schema` imports a module, `… import __version__` a name
                inside = PACKAGE.parent.joinpath(*module.split("."), alias.name)
                yield f"{module}.{alias.name}" if inside.with_suffix(".py").exists() or inside.is_dir() else module


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_one_way(path: Path) -> None:
    layer = layer_of(module_of(path))
    if layer is None:
        return
    assert layer in LAYERS
    ours = [module for module in imports_of(path) if module.split(".")[0] == "sqlclust" and module not in FACADE]
    later = [module for module in ours if LAYERS.index(layer_of(module) or "cli") > LAYERS.index(layer)]
    assert later == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_second_sqlite(path: Path) -> None:
    """One file opened through two SQLite libraries in one process loses committed rows (facts.md)."""
    text = path.read_text(encoding="utf-8")
    assert {module.split(".")[0] for module in imports_of(path)} & NOT_ALLOWED_ANYWHERE == set()
    names = {node.attr for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Attribute)}
    names |= {node.id for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)}
    assert "Database" not in names  # sqlite_utils.Database opens files with the standard library's sqlite3


@pytest.mark.parametrize("path", sorted((PACKAGE / "core").glob("*.py")), ids=lambda path: path.name)
def test_core_knows_no_sql(path: Path) -> None:
    assert {module.split(".")[0] for module in imports_of(path)} & NOT_ALLOWED_IN_CORE == set()
    assert path.read_text(encoding="utf-8").partition("\n")[0].lower().replace("-", " ").count("arrays only") == 1


def test_only_the_connection_binds() -> None:
    for path in (PACKAGE / "surface").glob("*.py"):
        names = {
            node.attr
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.Attribute)
        }
        assert not names & {"create_scalar_function", "create_aggregate_function", "create_module", "pyobject"}, path


STATEMENTS = PACKAGE / "sqlite" / "statements.py"
OF_THE_USER = {PACKAGE / "cli" / "query.py"}
"""Runs what the user has written."""
RUNS = {"execute", "executemany", "fetchone", "fetchall", "cursor", "pragma", "query_info"}
CONNECTIONS = {"connection", "con", "own", "old", "new", "trial", "host"}


def runs_of(text: str) -> Iterator[str]:
    """What in a file runs statements on a connection, whose rows and cursors may be a host's: `NAME, line N`."""
    tree = ast.parse(text)
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            by_room = isinstance(node.value, ast.Name) and node.value.id == "statements"
            if (node.attr in RUNS and not by_room) or (node.attr == "get" and id(node) not in called):
                yield f"{node.attr}, line {node.lineno}"
        if isinstance(node, ast.With):
            for item in node.items:
                value = item.context_expr
                name = (
                    value.attr if isinstance(value, ast.Attribute) else value.id if isinstance(value, ast.Name) else ""
                )
                if name.strip("_") in CONNECTIONS:
                    yield f"with {name}, line {node.lineno}"


@pytest.mark.parametrize(
    "path", sorted({*FILES} - {STATEMENTS} - OF_THE_USER), ids=lambda path: str(path.relative_to(PACKAGE))
)
def test_statements_run_in_one_room(path: Path) -> None:
    assert list(runs_of(path.read_text(encoding="utf-8"))) == []
    assert "apsw.ext" not in imports_of(path)  # its functions make the host's cursors


def test_statements_outside_the_room_are_found() -> None:
    for text in (
        "self._connection.execute(sql)",
        "rows.get",
        "own.pragma('x', 1)",
        "with self._new: pass",
        "with con, x: pass",
    ):
        assert len(list(runs_of(text))) == 1, text
    for text in ("{}.get(1)", "statements.pragma(own, 'x')", "with statements.savepoint(own): pass"):
        assert list(runs_of(text)) == [], text


def test_the_public_names() -> None:
    assert sqlclust.__all__ == [
        "SqlclustError",
        "__version__",
        "adopt",
        "connect",
        "doctor",
        "fit",
        "hdbscan",
        "initialize",
        "register",
        "staleness",
    ]
    assert all(hasattr(sqlclust, name) for name in sqlclust.__all__)
    public = {name for name in vars(sqlclust) if not name.startswith("_")}
    modules = {path.stem for path in PACKAGE.glob("*.py")} | {path.name for path in PACKAGE.iterdir() if path.is_dir()}
    assert public - modules - {"annotations", "TYPE_CHECKING", "Any"} == set(sqlclust.__all__) - {"__version__"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_every_module_can_be_imported_first(path: Path) -> None:
    if path.stem != "__main__":
        importlib.import_module(module_of(path))


def imported_by(code: str) -> set[str]:
    script = f"import sys\n{code}\nprint(*{{name.split('.')[0] for name in sys.modules}})"
    return set(
        subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    )


def test_import_is_light() -> None:
    assert (
        imported_by("import sqlclust") & {"numpy", "apsw", "hdbscan", "scipy", "sklearn", "sqlite3", "click"} == set()
    )


def test_connecting_imports_neither_hdbscan_nor_sqlite3() -> None:
    loaded = imported_by("import sqlclust; con = sqlclust.connect(':memory:'); sqlclust.initialize(con)")
    assert loaded & {"hdbscan", "sklearn", "sqlite3", "sqlite_utils", "click"} == set()
