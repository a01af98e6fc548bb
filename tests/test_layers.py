"""The architecture as a test: imports go one way, and what is heavy is imported late."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import pytest

import sqlclust
from sqlclust.core.borrowed import BORROWED

PACKAGE = Path(sqlclust.__file__).resolve().parent
LAYERS = ["errors", "core", "vectors", "options", "sqlite", "schema", "store", "diagnosis", "adoption", "surface"]
LAYERS += ["bindings", "cli"]
ROOMS = {
    "errors": [
        "base", "wording", "options", "points", "vectors", "fits", "results", "publishing", "files", "schemas", "locks",
        "loading", "running", "sqlite",
    ],
    "core": [
        "borrowed", "engines", "runtime", "geometry", "neighbors", "tree", "engine_stages", "clusters", "labellings", "pipeline",
        "cost"
    ],
    "core.runtime": ["available_memory", "control", "threads"],
    "core.geometry": [
        "metrics", "groups", "float32_range", "float32_screen", "principal_axes", "duplicates", "block_distances",
        "mutual_reachability",
    ],
    "core.neighbors": [
        "k_nearest", "core_distances", "inverted_lists", "brute_force", "list_limits", "list_pairs", "packed_pairs",
        "approximate", "pruning", "exact", "row_neighbors", "nearest_member",
    ],
    "core.tree": [
        "edges", "components", "listed_edges", "block_edges", "boruvka", "contraction", "component_search", "list_search",
        "axis_search", "approximate_tree", "single_linkage", "condensed_tree", "confirmation",
    ],
    "core.clusters": [
        "labels", "cut_parameters", "cluster_tree", "hdbscan_selection", "selection", "medoids", "clustering", "validity",
        "plscan", "clustered_rows", "prediction", "exemplars", "parting", "soft_membership",
    ],
    "vectors": ["narrowing", "blobs", "recognition", "formats"],
    "sqlite": [
        "database", "lookup", "statements", "values", "undecodable", "memory_errors", "transactions", "backup",
        "opening", "interrupt"
    ],
    "bindings": ["virtual_table", "registration", "apsw"],
    "bindings.apsw": ["errors", "authorizer", "database", "registration", "connection", "shell"],
    "options": ["record", "clustering", "functions", "parsing"],
    "schema": [
        "versions", "new_file", "ledger", "table_text", "texts", "upgrading", "initializing", "checking",
    ],
    "store": ["memory", "read_back", "embeddings", "fits", "results", "cut", "fit", "prediction"],
    "cli": ["docstrings", "output", "logs", "progress", "options", "database", "results", "corpus", "readers", "commands"],
    "cli.readers": ["input_file", "values", "opening", "ids", "arrays", "columns", "vectors", "records", "files"],
}  # fmt: skip
"""The order inside a folder: a room, or a file, imports none that comes later in its line."""
FACADE = {"sqlclust"}  # __init__ lends names of any layer, inside functions
FILES = sorted(PACKAGE.rglob("*.py"))
NOT_ALLOWED_ANYWHERE = {"sqlite3", "pandas", "sqlalchemy"}
NOT_ALLOWED_IN_CORE = {"apsw", "sqlite_utils", "click"}


def module_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def inside(module: str, folder: str) -> str | None:
    """What of a folder (`core`, `store.fits`; "" is the package) a module is or is in; None for what is elsewhere."""
    parts, above = module.split("."), ["sqlclust", *filter(None, folder.split("."))]
    return parts[len(above)] if parts[: len(above)] == above and len(parts) > len(above) else None


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imports_of(path: Path) -> Iterator[str]:
    """Every module imported anywhere in the file, in functions and under TYPE_CHECKING too."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            module = node.module or ""
            for alias in node.names:  # `from sqlclust import schema` imports a module, `… import __version__` a name
                inside = PACKAGE.parent.joinpath(*module.split("."), alias.name)
                yield f"{module}.{alias.name}" if inside.with_suffix(".py").exists() or inside.is_dir() else module


def wrong_ways(order: list[str], folder: str, module: str, imported: Iterable[str]) -> list[str]:
    """What a module imports although it comes later in the order of their folder."""
    here = inside(module, folder)
    if here is None or here == "__main__":
        return []
    ours = [(other, inside(other, folder)) for other in imported if other not in FACADE]
    return [other for other, there in ours if there and there != here and order.index(there) > order.index(here)]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_one_way(path: Path) -> None:
    module, imported = module_of(path), [*imports_of(path)]
    for folder, order in {"": LAYERS, **ROOMS}.items():
        assert wrong_ways(order, folder, module, imported) == [], folder


def test_a_wrong_way_is_found() -> None:
    order = ["low", "high"]
    assert wrong_ways(order, "core", "sqlclust.core.low.a", ["sqlclust.core.high.b", "numpy"]) == [
        "sqlclust.core.high.b"
    ]
    assert wrong_ways(order, "core", "sqlclust.core.high.b", ["sqlclust.core.low.a", "sqlclust.core.high"]) == []
    assert wrong_ways(order, "core", "sqlclust.store.a", ["sqlclust.core.high.b"]) == []
    assert wrong_ways(order, "", "sqlclust.low", ["sqlclust.high.b", "sqlclust"]) == ["sqlclust.high.b"]


@pytest.mark.parametrize("folder", ["", *ROOMS])
def test_every_file_has_its_place(folder: str) -> None:
    found = {inside(module_of(path), folder) for path in FILES} - {None, "__main__"}
    assert found == set({"": LAYERS, **ROOMS}[folder])


def test_no_two_files_import_each_other() -> None:
    """Also within a room: what needs each other is one subject and one file, or wants a third that both import."""
    graph = {module_of(path): set(imports_of(path)) - FACADE for path in FILES}
    for module in graph:
        seen: set[str] = set()
        ahead = [*graph[module]]
        while ahead:
            other = ahead.pop()
            if other not in seen:
                seen.add(other)
                ahead += graph.get(other, ())
        assert module not in seen


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_second_sqlite(path: Path) -> None:
    """One file opened through two SQLite libraries in one process loses committed rows (facts.md)."""
    assert {module.split(".")[0] for module in imports_of(path)} & NOT_ALLOWED_ANYWHERE == set()
    for node in ast.walk(tree_of(path)):  # sqlite_utils.Database opens files with the standard library's sqlite3
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "sqlite_utils":
            assert "Database" not in {alias.name for alias in node.names}
        assert not (isinstance(node, ast.Attribute) and ast.unparse(node) == "sqlite_utils.Database")


BINDINGS = PACKAGE / "bindings"
FACADE_FILE = PACKAGE / "__init__.py"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_only_bindings_know_a_library(path: Path) -> None:
    """Everything else works on `sqlite.database.Database`. The façade names APSW in the types of its arguments only."""
    if BINDINGS / "apsw" in path.parents:
        return
    imported = [module for module in imports_of(path) if module.split(".")[0] == "apsw"]
    if path == FACADE_FILE:
        assert imported == ["apsw"]
        assert "apsw" not in imported_when_running(tree_of(path))
    else:
        assert imported == []


def imported_when_running(tree: ast.Module) -> set[str]:
    """What a module imports outside of `if TYPE_CHECKING`."""
    checking = [
        node for node in ast.walk(tree) if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    ]
    left_out = {id(inner) for node in checking for inner in ast.walk(node)}
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Import) and id(node) not in left_out]
    return {alias.name for node in found for alias in node.names}


@pytest.mark.parametrize(
    "path", sorted((PACKAGE / "core").rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE))
)
def test_core_knows_no_sql(path: Path) -> None:
    assert {module.split(".")[0] for module in imports_of(path)} & NOT_ALLOWED_IN_CORE == set()


def test_only_the_connection_binds() -> None:
    for path in (PACKAGE / "surface").rglob("*.py"):
        names = {node.attr for node in ast.walk(tree_of(path)) if isinstance(node, ast.Attribute)}
        assert not names & {"create_scalar_function", "create_aggregate_function", "create_module", "pyobject"}, path


RUNS = {"execute", "executemany", "fetchone", "fetchall", "cursor", "pragma", "query_info"}
CONNECTIONS = {"connection", "con", "database", "own", "old", "new", "trial", "host"}


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
    "path",
    [path for path in FILES if BINDINGS / "apsw" not in path.parents],
    ids=lambda path: str(path.relative_to(PACKAGE)),
)
def test_statements_run_in_one_room(path: Path) -> None:
    assert list(runs_of(path.read_text(encoding="utf-8"))) == []


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


# --- other packages -------------------------------------------------------------------------------------------------------


def distribution_of(module: str) -> str:
    """How pip calls what a module is in; only where that is not the module's own name."""
    return {"sklearn": "scikit-learn", "sqlite_utils": "sqlite-utils"}.get(module, module)


def imported_packages(paths: Iterable[Path]) -> set[str]:
    """What is imported of neither ours nor Python's own, as pip calls it."""
    names = {module.split(".")[0] for path in paths for module in imports_of(path)}
    return {distribution_of(name) for name in names - sys.stdlib_module_names - {"sqlclust", "tests"}}


def declared(dependencies: Iterable[str]) -> set[str]:
    return {re.split(r"[\[<>=!~ ]", dependency, maxsplit=1)[0] for dependency in dependencies}


def test_what_is_imported_is_declared() -> None:
    """What another package happens to bring along may be gone with its next version."""
    project = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed, extra = declared(project["dependencies"]), project["optional-dependencies"]
    assert imported_packages(FILES) | {borrowed.package for borrowed in BORROWED} == needed
    tests = PACKAGE.parent / "tests"
    benchmarks = set((tests / "benchmarks").rglob("*.py"))
    of_tests = imported_packages(path for path in tests.rglob("*.py") if path not in benchmarks)
    assert of_tests <= needed | declared(extra["test"])
    assert imported_packages(benchmarks) <= {
        *(needed | declared(extra["test"])), *(name.replace("-", "_") for name in declared(extra["benchmark"])),
    }  # fmt: skip


def private_names(path: Path) -> set[str]:
    """Names with a leading underscore that are imported from other packages, or taken from their modules."""
    found: set[str] = set()
    aliases: set[str] = set()
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if "._" in alias.name}
            aliases |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] not in ("sqlclust", "__future__"):
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name for name in names if "._" in name}
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.startswith("__"):
            base = ast.unparse(node.value)
            if base.split(".")[0] in aliases:
                found.add(f"{base}.{node.attr}")
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_nothing_private_of_other_packages(path: Path) -> None:
    """Nobody promises that it stays; `core/borrowed.py` has what there is, tries it, and says which version changed it."""
    if path != PACKAGE / "core" / "borrowed.py":
        assert private_names(path) == set()


def test_a_private_name_is_found(tmp_path: Path) -> None:
    path = tmp_path / "x.py"
    path.write_text(
        "import os, hdbscan._prim\nfrom sklearn.a._b import c\nfrom scipy import _d\nos._exit(hdbscan.e.f)\n"
    )
    assert private_names(path) == {"hdbscan._prim", "sklearn.a._b.c", "scipy._d", "os._exit"}


# --- importing -------------------------------------------------------------------------------------------------------------

IMPORT_EACH_FIRST = """
import sys, traceback
def forget():
    for name in [*sys.modules]:
        if name.split('.')[0] == 'sqlclust':
            del sys.modules[name]
failed = False
for name in sys.argv[1:]:
    forget()
    try:
        __import__(name)
    except BaseException:
        failed = True
        print(name, traceback.format_exc())
sys.exit(failed)
"""


def import_each_first(modules: Iterable[str], folder: Path) -> str:
    """Import each module where none of ours is imported yet; what went wrong."""
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_EACH_FIRST, *modules], capture_output=True, text=True, check=False, cwd=folder
    )
    assert (done.returncode == 0) == (done.stdout == ""), done
    return done.stdout + done.stderr


@pytest.mark.slow
def test_every_module_can_be_imported_first() -> None:
    """No cycle of imports, whichever module is the first."""
    modules = [module_of(path) for path in FILES if path.stem != "__main__"]
    assert import_each_first(modules, PACKAGE.parent) == ""


def test_a_cycle_of_imports_is_found(tmp_path: Path) -> None:
    folder = tmp_path / "sqlclust"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "a.py").write_text("a = 1\nfrom sqlclust.b import b\n")
    (folder / "b.py").write_text("from sqlclust.a import a\nb = 1\n")
    assert import_each_first(["sqlclust", "sqlclust.a"], tmp_path) == ""
    assert "cannot import name 'b' from partially initialized module" in import_each_first(["sqlclust.b"], tmp_path)


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


def test_a_label_can_be_compared_without_heavy_imports() -> None:
    assert imported_by("from sqlclust.core.clusters.labels import NOISE") & {"numpy", "scipy", "hdbscan"} == set()
