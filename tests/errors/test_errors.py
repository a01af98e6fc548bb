"""The room of errors: every error of the package is here, says what it is, and can be imported from `sqlclust.errors`."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import pytest

import sqlclust
from sqlclust import errors

PACKAGE = Path(sqlclust.__file__).resolve().parent
ROOM = PACKAGE / "errors"
NOT_ERRORS = {"Id", "counted_rows", "did_you_mean", "dimensions", "shown"}
"""What `sqlclust.errors` lends beside them."""
SIGNALS = {"FailedRow", "LooksLike", "CompilerMissingError", "Refused", "Unusable", "WrongId"}
"""Exceptions between the files of one room, which it catches itself; a signal within one file begins with an underscore."""


class Defined(NamedTuple):
    """A class, and the file that it is in."""

    path: Path
    node: ast.ClassDef


def classes_of(paths: Iterable[Path]) -> list[Defined]:
    return [
        Defined(path, node)
        for path in paths
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef)
    ]


def exceptions_among(classes: list[Defined]) -> list[Defined]:
    """Those whose bases, or whose bases' bases, are exceptions: Python's own, or of another package by its name."""
    ours, names = {node.name for _, node in classes}, set[str]()

    def is_exception(base: ast.expr) -> bool:
        name = ast.unparse(base).split(".")[-1]
        known = getattr(builtins, name, None)
        if isinstance(known, type):
            return issubclass(known, BaseException)
        return name in names or (name not in ours and name.endswith(("Error", "Exception")))

    while new := {node.name for _, node in classes if any(map(is_exception, node.bases))} - names:
        names |= new
    return [found for found in classes if any(map(is_exception, found.node.bases))]


CLASSES = classes_of(PACKAGE.rglob("*.py"))
EXCEPTIONS = exceptions_among(CLASSES)
IN_THE_ROOM = {node.name: Defined(path, node) for path, node in CLASSES if ROOM in path.parents}


def test_every_error_lives_in_the_room() -> None:
    elsewhere = {node.name for path, node in EXCEPTIONS if ROOM not in path.parents}
    assert {name for name in elsewhere if not name.startswith("_")} == SIGNALS
    assert not any(name in vars(errors) for name in elsewhere)


def test_what_is_an_exception_is_found() -> None:
    module = ast.parse(
        "class A(ValueError): ...\nclass B(A): ...\nclass C(apsw.Error): ...\nclass D(click.ClickException): ...\n"
        "class E(B, tuple): ...\nclass F(tuple): ...\nclass G(KeyboardInterrupt): ...\nclass H: ..."
    )
    classes = [Defined(ROOM, node) for node in module.body if isinstance(node, ast.ClassDef)]
    assert [node.name for _, node in exceptions_among(classes)] == ["A", "B", "C", "D", "E", "G"]


@pytest.mark.parametrize("name", sorted(IN_THE_ROOM))
def test_every_error_says_what_it_is_and_can_be_imported(name: str) -> None:
    path, node = IN_THE_ROOM[name]
    docstring = ast.get_docstring(node)  # of the source: under python -OO the class has none
    assert docstring, path
    assert docstring.endswith("."), path
    assert (path, node) in EXCEPTIONS
    error = getattr(errors, name)
    assert issubclass(error, errors.SqlclustError)
    assert error.__module__ == "sqlclust.errors"  # in a traceback, and so in log files: where people import it from


def test_everything_is_lent_and_nothing_else() -> None:
    assert len(IN_THE_ROOM) == sum(ROOM in path.parents for path, _ in CLASSES)
    assert set(errors.__all__) == {*IN_THE_ROOM} | NOT_ERRORS
    assert len(errors.__all__) == len(set(errors.__all__))
    assert sqlclust.SqlclustError is errors.SqlclustError


def test_a_file_is_a_subject() -> None:
    for path in ROOM.glob("[!_]*.py"):  # __init__.py lists all of them
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 200, path
