"""The plugin of Datasette: clust_ functions in its SQL, on every database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pluggy import HookimplMarker

from sqlclust.plugins.connections import load_if_possible

if TYPE_CHECKING:
    import sqlite3

hookimpl = HookimplMarker("datasette")
"""As `datasette.hookimpl`, without importing that."""


@hookimpl
def prepare_connection(conn: sqlite3.Connection) -> None:
    """Datasette has opened a connection.

    https://docs.datasette.io/en/stable/plugin_hooks.html#prepare-connection-conn-database-datasette
    """
    load_if_possible(conn)
