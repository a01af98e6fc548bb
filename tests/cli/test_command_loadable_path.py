from __future__ import annotations

import json
from pathlib import Path

import pytest

import sqlclust
from sqlclust.bindings.loadable import compiling
from tests.cli.terminal import fail, succeed


def test_the_path_alone() -> None:
    """As `.load $(sqlclust loadable-path)` needs it."""
    assert succeed("loadable-path") == f"{sqlclust.loadable_path()}\n"


def test_for_programs() -> None:
    path = sqlclust.loadable_path()
    assert json.loads(succeed("loadable-path", "--json")) == [{"path": path}]
    assert succeed("loadable-path", "--csv") == f"path\n{path}\n"


def test_without_a_compiler(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(compiling, "fits", lambda path: False)
    monkeypatch.setattr(compiling, "compilers", lambda: iter([("cc", None)]))
    expected = f"{compiling.FOLDER / compiling.NAME} cannot be compiled: cc: not found. Install a C compiler "
    assert fail("loadable-path").startswith(expected)
