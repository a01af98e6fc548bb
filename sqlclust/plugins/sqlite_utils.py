"""The plugin of sqlite-utils: clust_ functions in all its commands and in `sqlite_utils.Database`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pluggy import HookimplMarker

from sqlclust.plugins.connections import load_if_possible

if TYPE_CHECKING:
    import sqlite3

hookimpl = HookimplMarker("sqlite_utils")
"""As `sqlite_utils.hookimpl`, without importing that."""


@hookimpl
def prepare_connection(conn: sqlite3.Connection) -> None:
    """sqlite-utils has opened a connection. https://sqlite-utils.datasette.io/en/stable/plugins.html#prepare-connection-conn"""
    load_if_possible(conn)
