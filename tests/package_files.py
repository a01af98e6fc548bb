"""The files of the package as the tests of its architecture read them."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path

import sqlclust

PACKAGE = Path(sqlclust.__file__).resolve().parent

FILES = sorted(PACKAGE.rglob("*.py"))


def module_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


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


def each_of(paths: Sequence[Path]) -> Callable[[Callable[[Path], None]], Callable[[], None]]:
    """One test for many files, because a test for each takes seconds. A note on the error, whatever it is, names the file."""

    def decorate(test: Callable[[Path], None]) -> Callable[[], None]:
        def all_of_them() -> None:
            assert paths, "there are no such files"
            for path in paths:
                try:
                    test(path)
                except Exception as error:
                    error.add_note(f"of {path}")
                    raise

        all_of_them.__name__, all_of_them.__doc__ = test.__name__, test.__doc__
        return all_of_them

    return decorate
