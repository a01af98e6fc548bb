"""How large files and functions may become, so that a room stays one subject and a function one thing."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.package_files import FILES, PACKAGE, module_of, tree_of

TESTS = PACKAGE.parent / "tests"
MOST_LINES = 350
REASON = re.compile(r"\(long because [^)]+\)")
"""In the first line of a file: why it is longer all the same."""
MOST_PARAMETERS, MOST_CODE = 6, 60
OPTIONS_OF_THE_COMMAND_LINE = "sqlclust.cli.commands."
"""A command has a parameter for each of its options: Click gives them so."""
EXCEPTED: dict[str, str] = {}
"""Functions with more parameters or more code, each with the reason; one that is no longer large is to be taken out."""


def too_long(path: Path) -> bool:
    """Whether a file has too many lines and its first one does not say why."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return len(lines) > MOST_LINES and not REASON.search(lines[0])


def test_no_file_is_long_without_a_reason() -> None:
    long = {str(path.relative_to(PACKAGE.parent)) for path in [*FILES, *TESTS.rglob("*.py")] if too_long(path)}
    assert long == set()


@pytest.mark.parametrize(
    ("first", "n", "expected"),
    [
        ('"""A table."""', MOST_LINES, False),
        ('"""A table."""', MOST_LINES + 1, True),
        ('"""A table (long because each row is a promise)."""', 500, False),
        ('"""A table (long because )."""', 500, True),
    ],
)
def test_a_long_file_is_found(tmp_path: Path, first: str, n: int, expected: bool) -> None:
    path = tmp_path / "x.py"
    path.write_text(f"{first}\n" + "x = 1\n" * (n - 1))
    assert too_long(path) is expected


def functions_of(tree: ast.Module) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """All functions, methods and those inside others, with dotted names."""

    def inside(node: ast.AST, name: str) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                yield f"{name}{child.name}", child
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                yield from inside(child, f"{name}{child.name}.")
            else:
                yield from inside(child, name)

    yield from inside(tree, "")


def code_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines from its first statement to its last, its docstring not counted."""
    body = function.body[1:] if ast.get_docstring(function, clean=False) is not None else function.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def positional(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Parameters that may be given by their place, self and cls not counted."""
    names = [argument.arg for argument in (*function.args.posonlyargs, *function.args.args)]
    return len([name for name in names if name not in ("self", "cls")])


def too_large(tree: ast.Module, module: str) -> Iterator[str]:
    for name, function in functions_of(tree):
        is_command = module.startswith(OPTIONS_OF_THE_COMMAND_LINE) and name == "command"
        if code_lines(function) > MOST_CODE or (positional(function) > MOST_PARAMETERS and not is_command):
            yield f"{module}.{name}"


def test_no_function_is_large_without_a_reason() -> None:
    large = {name for path in FILES for name in too_large(tree_of(path), module_of(path))}
    assert large == set(EXCEPTED)


def test_a_large_function_is_found() -> None:
    code = "    x = 1\n"
    source = (
        "def seven(a, b, c, d, e, f, g): pass\n"
        "def named(a, b, c, d, e, f, *, g): pass\n"
        f"def long():\n{code * (MOST_CODE + 1)}"
        f"def documented():\n    'What it does.'\n{code * MOST_CODE}"
        "class A:\n    def method(self, a, b, c, d, e, f):\n        def inner(a, b, c, d, e, f, g): pass\n"
    )
    assert [*too_large(ast.parse(source), "m")] == ["m.seven", "m.long", "m.A.method.inner"]
    assert [*too_large(ast.parse("def command(a, b, c, d, e, f, g): pass"), f"{OPTIONS_OF_THE_COMMAND_LINE}x")] == []
