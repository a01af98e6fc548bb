"""Private functions of hdbscan and scikit-learn: which installed version changed one, and what is said then."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from importlib.metadata import version

import numpy as np
import pytest

import sqlclust
from sqlclust.core.borrowed import BORROWED, Borrowed, borrow
from sqlclust.errors import BorrowedFunctionError, SqlclustError
from sqlclust.sqlite import interrupt

every = pytest.mark.parametrize("borrowed", BORROWED, ids=lambda borrowed: borrowed.name)


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    borrow.cache_clear()
    yield
    borrow.cache_clear()


@every
def test_it_is_what_it_was(borrowed: Borrowed) -> None:
    try:
        borrow(borrowed.name)
    except BorrowedFunctionError as error:
        pytest.fail(str(error))


def changed(*arguments: object) -> object:
    """Answers, but not as it did."""
    first = arguments[0]
    assert isinstance(first, np.ndarray)
    return (np.zeros(4, dtype=np.intp), None, np.zeros(1)) if len(arguments) > 2 else first


def refuses(*, only_by_name: object = None) -> None:
    """Takes other arguments."""


@every
@pytest.mark.parametrize("change", ["gone", "other arguments", "another answer"])
def test_a_version_that_changed_it_is_named(borrowed: Borrowed, monkeypatch: pytest.MonkeyPatch, change: str) -> None:
    module = import_module(borrowed.module)
    if change == "gone":
        monkeypatch.delattr(module, borrowed.name)
    else:
        monkeypatch.setattr(module, borrowed.name, refuses if change == "other arguments" else changed)
    with pytest.raises(BorrowedFunctionError) as caught:
        sqlclust.hdbscan(np.eye(6).repeat(3, axis=0), cluster_selection_persistence=0.1, min_cluster_size=2)
    error = caught.value
    assert isinstance(error, SqlclustError)
    assert (error.package, error.version) == (borrowed.package, version(borrowed.package))
    assert error.function == f"{borrowed.module}.{borrowed.name}"
    found = {
        "gone": "it is not there",
        "other arguments": "TypeError: refuses() takes",
        "another answer": "another result",
    }
    assert error.found.startswith(found[change])
    assert str(error).startswith(
        f"{error.package} {error.version} has changed {error.function}, which sqlclust calls: "
    )
    assert borrowed.takes in str(error)


def test_a_package_that_moved_the_module(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "hdbscan._hdbscan_tree", None)
    with pytest.raises(
        BorrowedFunctionError, match=r"^hdbscan .* has changed hdbscan\._hdbscan_tree\.get_clusters, .*not there"
    ):
        borrow("get_clusters")


@pytest.mark.slow
def test_what_is_imported_beforehand_is_what_computing_needs() -> None:
    """So that a fit that has begun imports no library: that could not be stopped half-way."""
    code = (
        "import sys, numpy as np, sqlclust\n"
        "from sqlclust.sqlite import interrupt\n"
        "thread = interrupt.preload()\n"
        "thread.join()\n"
        "before = set(sys.modules)\n"
        "sqlclust.hdbscan(np.eye(6).repeat(3, axis=0), cluster_selection_persistence=0.1, min_cluster_size=2)\n"
        "con = sqlclust.connect(':memory:')\n"
        "print(*sorted({name for name in set(sys.modules) - before if not name.startswith('sqlclust')}\n"
        "      & {name for name in sys.modules if name.split('.')[0] in {'scipy', 'sklearn', 'hdbscan', 'threadpoolctl'}}))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "\n"
    assert {borrowed.module for borrowed in BORROWED} <= set(interrupt._LIBRARIES)
