"""Other packages: those that are imported are declared, and nothing private of theirs is used."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path

from sqlclust.core.borrowed import BORROWED
from tests.package_files import FILES, PACKAGE, each_of, imports_of, tree_of


def distribution_of(module: str) -> str:
    """How pip calls what a module is in; only where that is not the module's own name."""
    others = {"sklearn": "scikit-learn", "sqlite_utils": "sqlite-utils", "PIL": "pillow", "fontTools": "fonttools"}
    return others.get(module, module)


def imported_packages(paths: Iterable[Path]) -> set[str]:
    """What is imported of neither ours nor Python's own, as pip calls it."""
    names = {module.split(".")[0] for path in paths for module in imports_of(path)}
    return {distribution_of(name) for name in names - sys.stdlib_module_names - {"sqlclust", "tests"}}


def declared(dependencies: Iterable[str]) -> set[str]:
    return {re.split(r"[\[<>=!~ ]", dependency, maxsplit=1)[0] for dependency in dependencies}


BUILD_HOOK = PACKAGE / "bindings" / "loadable" / "build_hook.py"
"""Runs while a wheel is built, when the packages that we need are not there."""


def test_the_build_hook_imports_what_building_needs() -> None:
    system = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text(encoding="utf-8"))["build-system"]
    assert imported_packages([BUILD_HOOK]) == declared(system["requires"])
    assert not [module for module in imports_of(BUILD_HOOK) if module.startswith("sqlclust")]


IN_THEIR_PROGRAMS = {
    PACKAGE / "plugins" / "pages" / "links.py": {"datasette", "markupsafe"},  # which Datasette needs
    PACKAGE / "plugins" / "commands" / "llm.py": {"llm"},
}
"""What these import, inside functions, is there: only the program that it is of calls them."""


def test_what_is_imported_is_declared() -> None:
    """What another package happens to bring along may be gone with its next version."""
    project = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed, extra = declared(project["dependencies"]), project["optional-dependencies"]
    only_where_asked_for = {
        PACKAGE / "cli" / "readers" / "parquet.py": declared(extra["parquet"]),
        PACKAGE / "vectors" / "parquet.py": declared(extra["parquet"]),
        PACKAGE / "distributed" / "workers.py": declared(extra["dask"]),
        PACKAGE / "core" / "layout" / "tsne.py": declared(extra["pictures"]) & {"openTSNE"},
    }
    plots = set((PACKAGE / "pictures" / "plots").rglob("*.py"))
    assert imported_packages(plots) - needed == declared(extra["pictures"]) - {"openTSNE"}
    others = [path for path in FILES if path not in {*only_where_asked_for, *IN_THEIR_PROGRAMS, *plots, BUILD_HOOK}]
    assert imported_packages(others) | {borrowed.package for borrowed in BORROWED} == needed
    for path, packages in (only_where_asked_for | IN_THEIR_PROGRAMS).items():
        assert imported_packages([path]) - needed == packages
    tests = PACKAGE.parent / "tests"
    benchmarks = set((tests / "benchmarks").rglob("*.py"))
    elsewhere = {  # another Python runs them
        tests / "bindings" / "loadable" / "hosts" / "datasette_program.py", tests / "plugins" / "datasette_pages.py",
    }  # fmt: skip
    of_tests = imported_packages(path for path in tests.rglob("*.py") if path not in benchmarks | elsewhere)
    passed_over = declared(extra["pictures"]) | declared(extra["browser"])  # where they are not there
    assert of_tests <= needed | declared(extra["test"]) | passed_over
    assert imported_packages(benchmarks) <= {
        *(needed | declared(extra["test"]) | passed_over), *(name.replace("-", "_") for name in declared(extra["benchmark"])),
    }  # fmt: skip


def test_tools_that_are_tried_are_declared() -> None:
    """Those of tests/interop are imported where they are there, by `tool("NAME")`; nothing of ours imports them."""
    project = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    interop = declared(project["optional-dependencies"]["interop"])
    texts = [path.read_text(encoding="utf-8") for path in (PACKAGE.parent / "tests" / "interop").glob("*.py")]
    named = {name for text in texts for name in re.findall(r"""(?:tool|find_spec)\("(\w+)""", text)}
    tried = {distribution_of(name) for name in named}
    assert {name.replace("-", "_") for name in interop} == {*tried} - declared(project["dependencies"])
    others = [path for path in FILES if path not in IN_THEIR_PROGRAMS]
    assert imported_packages(others).isdisjoint(tried - declared(project["dependencies"]))


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


@each_of(FILES)
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
