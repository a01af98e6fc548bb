"""The plugin of Datasette: clust_ functions in its SQL, on every database; and pages of our tables that read well."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from pluggy import HookimplMarker

from sqlclust.plugins.connections import load_if_possible
from sqlclust.plugins.harmless import harmless

if TYPE_CHECKING:
    import sqlite3

hookimpl = HookimplMarker("datasette")
"""As `datasette.hookimpl`, without importing that."""

Application = Callable[[Any, Any, Any], Awaitable[None]]
"""An ASGI application: scope, receive, send."""


@hookimpl
def prepare_connection(conn: sqlite3.Connection) -> None:
    """Datasette has opened a connection.

    https://docs.datasette.io/en/stable/plugin_hooks.html#prepare-connection-conn-database-datasette
    """
    load_if_possible(conn)


@hookimpl
def asgi_wrapper(datasette: Any) -> Callable[[Application], Application]:
    """Before each page, look at databases whose schema has changed: the hooks below, which cannot wait, then know of them.

    https://docs.datasette.io/en/stable/plugin_hooks.html#asgi-wrapper-datasette
    """

    def wrap(application: Application) -> Application:
        async def wrapped(scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] == "http":
                with harmless("our tables are not looked for"):
                    from sqlclust.plugins.pages.known import look_again
                    from sqlclust.plugins.pages.saying import tell

                    for database in await look_again(datasette):
                        await tell(datasette, database)
            await application(scope, receive, send)

        return wrapped

    return wrap


@hookimpl
def get_metadata(datasette: Any) -> dict[str, Any]:
    """What our tables and columns are, up to Datasette 0.65; later ones do not ask.

    https://docs.datasette.io/en/0.65.1/plugin_hooks.html#get-metadata-datasette-key-database-table
    """
    with harmless("nothing is said of our tables"):
        from sqlclust.plugins.pages.saying import metadata_of

        return metadata_of(datasette)
    return {}


@hookimpl
def render_cell(row: Any, value: Any, column: str, table: str | None, database: str, datasette: Any) -> Any:
    """Links from an embedding, or a source's row, to its cluster, and on from there.

    https://docs.datasette.io/en/stable/plugin_hooks.html#render-cell-row-value-column-table-database-datasette
    """
    with harmless("no link of a cell"):
        from sqlclust.plugins.pages.links import cell

        return cell(datasette, database, table, column, value, row)


@hookimpl
def table_actions(datasette: Any, database: str, table: str) -> list[dict[str, str]]:
    """The menu of a host's table leads to its rows with their clusters.

    https://docs.datasette.io/en/stable/plugin_hooks.html#table-actions-datasette-actor-database-table-request
    """
    with harmless("no link in a table's menu"):
        from sqlclust.plugins.pages.links import actions

        return actions(datasette, database, table)
    return []
