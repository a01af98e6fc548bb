"""The plugin of sqlite-utils: clust_ functions in all its commands and in `sqlite_utils.Database`; and a command of ours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pluggy import HookimplMarker

from sqlclust.plugins.connections import load_if_possible
from sqlclust.plugins.harmless import harmless
from sqlclust.plugins.lazy_commands import add_lazy_command

if TYPE_CHECKING:
    import sqlite3

    import click

hookimpl = HookimplMarker("sqlite_utils")
"""As `sqlite_utils.hookimpl`, without importing that."""


@hookimpl
def prepare_connection(conn: sqlite3.Connection) -> None:
    """sqlite-utils has opened a connection. https://sqlite-utils.datasette.io/en/stable/plugins.html#prepare-connection-conn"""
    load_if_possible(conn)


@hookimpl
def register_commands(cli: click.Group) -> None:
    """sqlite-utils asks for commands. https://sqlite-utils.datasette.io/en/stable/plugins.html#register-commands-cli"""
    with harmless("no command sqlite-utils clust"):
        add_lazy_command(
            cli, "clust", "sqlclust.plugins.commands.sqlite_utils", summary="Cluster vectors and show the clusters."
        )
