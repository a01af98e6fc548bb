"""A plugin gives a program's connections the clust_ functions; whatever is in the way, the program goes on without them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlclust.plugins.harmless import harmless

if TYPE_CHECKING:
    import sqlite3


def load_if_possible(connection: sqlite3.Connection) -> None:
    """Give a connection of Python's sqlite3 the functions.

    Where they cannot be had (a Python that loads no extensions, no C compiler, …), the connection stays as it is, and the reason
    is a debug message. With SQLCLUST_REQUIRE_LOADABLE=1 it is an error.
    """
    with harmless("no clust_ functions on this connection"):
        import sqlclust

        sqlclust.load(connection)
