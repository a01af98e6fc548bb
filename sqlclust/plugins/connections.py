"""A plugin gives a program's connections the clust_ functions; whatever is in the way, the program goes on without them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3


def load_if_possible(connection: sqlite3.Connection) -> None:
    """Give a connection of Python's sqlite3 the functions.

    Where they cannot be had (a Python that loads no extensions, no C compiler, …), the connection stays as it is, and the reason
    is a debug message of the logger `sqlclust.plugins`. With SQLCLUST_REQUIRE_LOADABLE=1 it is an error.
    """
    try:
        import sqlclust

        sqlclust.load(connection)
    except (
        Exception
    ) as error:  # also of an installation that is broken: a command that needs nothing of ours shall not notice
        if os.environ.get("SQLCLUST_REQUIRE_LOADABLE", "") not in ("", "0"):
            raise
        import logging

        logging.getLogger("sqlclust.plugins").debug("no clust_ functions on this connection: %s", error)
