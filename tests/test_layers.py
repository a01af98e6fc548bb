"""The architecture as a test: imports go one way, and only some rooms know what others must not."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from tests.package_files import FILES, PACKAGE, each_of, imports_of, module_of, tree_of

LAYERS = [
    "errors",
    "core",
    "terms",
    "vectors",
    "options",
    "sqlite",
    "schema",
    "sources",
    "store",
    "diagnosis",
    "adoption",
    "pictures",
]
LAYERS += ["surface", "bindings", "distributed", "cli", "plugins"]
ROOMS = {
    "errors": [
        "base", "wording", "options", "points", "vectors", "fits", "maps", "results", "publishing", "files", "schemas", "locks",
        "loading", "sources", "extension", "running", "distributed", "sqlite", "pictures",
    ],
    "core": [
        "borrowed", "engines", "runtime", "geometry", "neighbors", "tree", "engine_stages", "clusters", "labellings", "layout",
        "pipeline", "update", "cost"
    ],
    "core.runtime": ["available_memory", "control", "threads"],
    "core.geometry": [
        "metrics", "groups", "float32_range", "float32_screen", "principal_axes", "duplicates", "block_distances",
        "mutual_reachability",
    ],
    "core.neighbors": [
        "k_nearest", "k_nearest_lists", "core_distances", "inverted_lists", "brute_force", "list_limits", "list_pairs",
        "packed_pairs", "approximate", "pruning", "exact", "row_neighbors", "nearest_member",
    ],
    "core.tree": [
        "edges", "minimum_forest", "components", "listed_edges", "block_edges", "boruvka", "contraction", "component_search",
        "list_search", "axis_search", "approximate_tree", "single_linkage", "condensed_tree", "confirmation",
    ],
    "core.clusters": [
        "labels", "cut_parameters", "cluster_tree", "hdbscan_selection", "selection", "medoids", "clustering", "validity",
        "plscan", "clustered_rows", "prediction", "exemplars", "parting", "soft_membership",
    ],
    "core.layout": ["methods", "plane", "tsne"],
    "core.update": [
        "state", "candidates", "consistency", "comparing", "searching", "approximate_searches", "rising", "falling",
        "updating",
    ],
    "pictures": ["scene", "colours", "private", "gathering", "page", "plots"],
    "pictures.gathering": [
        "exemplars", "near", "icicle", "texts", "runs", "swept", "fitted", "placed", "clusters", "gathering",
    ],
    "pictures.page": ["texts", "encoding", "html"],
    "pictures.plots": ["drawing", "style", "letters", "placing", "canvas", "map", "tree", "sweep", "runs", "plot"],
    "terms": ["words", "texts", "counting", "scoring", "choosing"],
    "vectors": ["narrowing", "blobs", "recognition", "formats", "folders", "parquet"],
    "sqlite": [
        "database", "rolling_back", "lookup", "statements", "values", "layout", "undecodable", "memory_errors",
        "transactions", "backup", "opening", "foreign_keys", "own_connection", "interrupt"
    ],
    "surface": [
        "records", "version", "vectors", "points", "clustering", "labellings", "fits", "maps", "results", "terms", "sources",
        "diagnosis", "catalog",
    ],
    "bindings": ["virtual_table", "registration", "apsw", "loadable"],
    "bindings.apsw": ["errors", "authorizer", "cursors", "compiled", "files", "database", "registration", "connection", "shell"],
    "bindings.loadable": [
        "compiling", "build_hook", "placing", "loading", "errors", "routines", "rows", "database", "registration", "attach",
    ],
    "options": ["record", "clustering", "functions", "parsing"],
    "schema": [
        "versions", "new_file", "ledger", "table_text", "texts", "upgrading", "initializing", "checking",
    ],
    "sources": [
        "found", "columns", "virtual_tables", "real_tables", "indexes", "sampling", "counting", "judging", "other_files",
        "registered_rows", "look", "kept", "kind", "kinds", "registry", "finding", "said", "said_format", "views", "choosing",
    ],
    "sources.kinds": [
        "own", "llm", "chroma", "simplevecdb", "qdrant", "txtai", "langgraph", "langchain", "datasette", "openai_to_sqlite",
        "sqlite_vector", "vec0", "sqlite_vss", "table", "files_beside",
    ],
    "store": [
        "versions", "memory", "read_back", "embeddings", "sources", "origins", "fits", "results", "members", "min_samples", "cut",
        "sweep", "clustering", "updating", "making", "fit", "registering", "prediction", "maps",
    ],
    "store.embeddings": [
        "buffer", "one_direction", "ids", "points", "collecting", "condition", "selection", "origin", "own_vectors", "snapshot",
        "loading", "syncing",
    ],
    "store.sources": [
        "by_number", "table_rows", "vec0_rows", "file_rows", "host_rows", "items", "elsewhere", "keepable", "registered",
        "reading", "clusters_view", "thin_rows", "source_vectors", "numbered_rows", "folder_source",
    ],
    "store.fits": [
        "record", "row_ids", "blobs", "neighbors", "stored_fit", "earlier", "matching", "storing", "loading", "stored_map",
    ],
    "store.results": [
        "listing", "rows", "publishing", "comparison", "stable_labels", "staleness", "freshness", "trajectories", "terms",
    ],
    "diagnosis": [
        "findings", "families", "vector_tables", "examination", "schema_state", "ids", "mixed_ids", "clusters", "file_state",
        "maps", "vectors", "sources", "items", "checks", "repair_plan", "certain_repairs", "repair",
    ],
    "adoption": ["source", "copy", "embeddings", "results", "copying", "adoption"],
    "distributed": [
        "folder", "spool", "vectors", "listed_numbers", "row_readers", "database_rows", "folder_rows", "opening", "cost",
        "time_left", "plan", "tasks", "scanning", "numbering", "division", "routing", "searching", "merging", "forests", "asking",
        "ways_out", "recall", "confirming", "workers", "running", "fit", "lists", "medoids", "stored_rows", "digests", "reusing",
        "publishing", "calling",
    ],
    "cli": [
        "docstrings", "output", "parameters", "logs", "ending", "progress", "cluster_names", "options", "like", "database",
        "results", "corpus", "picture_file", "readers", "dimensions", "skipped", "rows_to_load", "from_table", "writing",
        "beginning", "fitting", "workers", "fits", "commands",
    ],
    "cli.readers": [
        "input_file", "values", "opening", "ids", "vectors", "arrays", "dimensions", "columns", "responses", "parquet", "records",
        "files",
    ],
    "plugins": [
        "harmless", "connections", "commands", "lazy_commands", "pages", "sqlite_utils", "llm", "datasette",
    ],
    "plugins.commands": ["llm", "sqlite_utils"],
    "plugins.pages": ["descriptions", "known", "saying", "links"],
}  # fmt: skip
"""The order inside a folder: a room, or a file, imports none that comes later in its line."""
NAMES_SQLITE3 = {"sqlclust", "sqlclust.bindings.loadable.loading"}
NAMES_SQLITE3 |= {f"sqlclust.plugins.{name}" for name in ("connections", "sqlite_utils", "datasette", "pages.known")}
"""These name the class of its connections in types, and import nothing of it."""
FACADE = {"sqlclust"}  # __init__ lends names of any layer, inside functions
NOT_ALLOWED_ANYWHERE = {"sqlite3", "pandas", "sqlalchemy"}
NOT_ALLOWED_IN_CORE = {"apsw", "sqlite_utils", "click"}


def inside(module: str, folder: str) -> str | None:
    """What of a folder (`core`, `store.fits`; "" is the package) a module is or is in; None for what is elsewhere."""
    parts, above = module.split("."), ["sqlclust", *filter(None, folder.split("."))]
    return parts[len(above)] if parts[: len(above)] == above and len(parts) > len(above) else None


def wrong_ways(order: list[str], folder: str, module: str, imported: Iterable[str]) -> list[str]:
    """What a module imports although it comes later in the order of their folder."""
    here = inside(module, folder)
    if here is None or here == "__main__":
        return []
    ours = [(other, inside(other, folder)) for other in imported if other not in FACADE]
    return [other for other, there in ours if there and there != here and order.index(there) > order.index(here)]


@pytest.mark.parametrize("error", [AssertionError, SyntaxError, KeyError])
def test_a_file_that_fails_is_named(error: type[Exception]) -> None:
    good, bad, *_ = FILES

    @each_of(FILES)
    def fails(path: Path) -> None:
        if path != good:
            raise error

    with pytest.raises(error) as caught:
        fails()
    assert caught.value.__notes__ == [f"of {bad}"]
    with pytest.raises(AssertionError, match="no such files"):
        each_of([])(lambda _: None)()


@each_of(FILES)
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


@each_of(FILES)
def test_no_second_sqlite(path: Path) -> None:
    """One file opened through two SQLite libraries in one process loses committed rows (facts.md)."""
    names = module_of(path) in NAMES_SQLITE3
    imported = imported_when_running(tree_of(path)) if names else imports_of(path)
    assert {module.split(".")[0] for module in imported} & NOT_ALLOWED_ANYWHERE == set()
    for node in ast.walk(tree_of(path)):  # sqlite_utils.Database opens files with the standard library's sqlite3
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "sqlite_utils":
            assert "Database" not in {alias.name for alias in node.names}
        assert not (isinstance(node, ast.Attribute) and node.attr == "Database")  # under whichever name it was imported


BINDINGS = PACKAGE / "bindings"
FACADE_FILE = PACKAGE / "__init__.py"


@each_of(FILES)
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
    found = [node for node in ast.walk(tree) if id(node) not in left_out]
    return {alias.name for node in found if isinstance(node, ast.Import) for alias in node.names} | {
        node.module or "" for node in found if isinstance(node, ast.ImportFrom)
    }


@each_of(sorted((PACKAGE / "core").rglob("*.py")))
def test_core_knows_no_sql(path: Path) -> None:
    assert {module.split(".")[0] for module in imports_of(path)} & NOT_ALLOWED_IN_CORE == set()


def test_readers_know_files_only() -> None:
    """And no SQL."""
    known = ("sqlclust.errors", "sqlclust.vectors", "sqlclust.cli.readers")
    for path in (PACKAGE / "cli" / "readers").glob("*.py"):
        ours = [module for module in imports_of(path) if module.startswith("sqlclust")]
        assert [module for module in ours if not module.startswith(known)] == [], path


def test_no_command_imports_another() -> None:
    for path in (PACKAGE / "cli" / "commands").glob("*.py"):
        assert [module for module in imports_of(path) if inside(module, "cli.commands")] == [], path


LIGHT = {
    "__future__",
    "typing",
    "collections",
    "contextlib",
    "os",
    "logging",
    "importlib",
    "pluggy",
    "sqlite3",
    "click",
}
"""sqlite3 and click are named in types; the programs that ask for commands have click."""


def test_plugins_use_only_the_facade() -> None:
    """And nothing of it, nor of the other program, when they are imported."""
    for path in (PACKAGE / "plugins").glob("*.py"):
        ours = [module for module in imports_of(path) if module.startswith("sqlclust")]
        assert [module for module in ours if module not in FACADE and inside(module, "plugins") is None] == [], path
        others = {module.split(".")[0] for module in imports_of(path)} - {"sqlclust"}
        assert others <= LIGHT, path


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


ON_DATASETTES = PACKAGE / "plugins" / "pages" / "known.py"
"""Looks at Datasette's own connections, in its own threads."""


@each_of([path for path in FILES if BINDINGS / "apsw" not in path.parents and path != ON_DATASETTES])
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
