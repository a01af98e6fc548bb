"""A connection that is dropped, and not closed, goes; what is registered on it does not keep it."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest

import sqlclust
from sqlclust.errors import UnknownOptionError
from tests.small import add_embeddings, clustered

pytestmark = pytest.mark.slow


def failing(con: apsw.Connection) -> None:
    with pytest.raises(UnknownOptionError):
        con.execute("SELECT clust_fit('demo', '{\"nothing\": 1}')")


USES: dict[str, Callable[[apsw.Connection], object]] = {
    "nothing": lambda con: None,
    "a function": lambda con: con.execute("SELECT clust_version()").fetchall(),
    "a table function": lambda con: con.execute("SELECT * FROM clust_doctor()").fetchall(),
    "a fit": lambda con: con.execute("SELECT clust_fit('demo')").fetchall(),
    "a cut": lambda con: con.execute("SELECT * FROM clust_labels(1)").fetchall(),
    "from Python": lambda con: sqlclust.doctor(con),
    "an error": failing,
}


@pytest.mark.parametrize("use", USES)
def test_it_goes(demo_file: Path, use: str) -> None:
    first = sqlclust.connect(demo_file)
    sqlclust.fit(first, "demo")
    first.close()
    con = apsw.Connection(str(demo_file))
    sqlclust.register(con)
    USES[use](con)
    seen = weakref.ref(con)
    del con
    gc.collect()
    assert seen() is None


def test_one_that_is_kept_stays_usable() -> None:
    con = sqlclust.connect(":memory:")
    sqlclust.initialize(con)
    add_embeddings(con, clustered())
    gc.collect()
    assert con.execute("SELECT clust_fit('demo')").fetchall() == [(1,)]
    con.close()
