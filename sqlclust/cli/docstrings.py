"""Docstrings, of which help texts are made. `python -OO` compiles without them; then they are read from the source."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def docstring(function: Callable[..., Any]) -> str | None:
    """A function's docstring as it is written; None if it has none, or if there is no source to read it from."""
    if function.__doc__ is not None:
        return function.__doc__
    import ast  # not needed where docstrings are there, and help is to be quick
    import inspect
    import textwrap

    try:
        [definition] = ast.parse(textwrap.dedent(inspect.getsource(function))).body
    except (OSError, TypeError, ValueError, SyntaxError):
        return None
    return ast.get_docstring(definition, clean=False) if isinstance(definition, ast.FunctionDef) else None


def restore_docstrings(*classes: type) -> None:
    """Give the methods of classes the docstrings that they have in the source."""
    for each in classes:
        for method in vars(each).values():
            if callable(method) and getattr(method, "__doc__", "") is None:
                method.__doc__ = docstring(method)
