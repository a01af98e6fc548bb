"""Datasette is told what our tables are: by a hook up to version 0.65, in its own database since 1.0.

What a person has written in metadata or configuration goes before.
"""

from __future__ import annotations

from typing import Any

from sqlclust.plugins.pages.known import known_of


def metadata_of(datasette: Any) -> dict[str, Any]:
    """What the hook get_metadata gives, made anew each time: Datasette merges other metadata into it."""
    databases = {}
    for name in datasette.databases:
        known = known_of(datasette, name)
        if known is not None:
            databases[name] = {
                "tables": {
                    table: {
                        "description": description.text,
                        "columns": dict(description.columns),
                        **({"label_column": description.label_column} if description.label_column else {}),
                    }
                    for table, description in known.described.items()
                }
            }
    return {"databases": databases}


async def tell(datasette: Any, database: str) -> None:
    """Write it down where Datasette has tables for it, which is since 1.0; what is there already stays."""
    known = known_of(datasette, database)
    if known is None or not hasattr(datasette, "set_resource_metadata"):
        return
    for table, description in known.described.items():
        if "description" not in await datasette.get_resource_metadata(database, table):
            await datasette.set_resource_metadata(database, table, "description", description.text)
        for column, text in description.columns.items():
            if "description" not in await datasette.get_column_metadata(database, table, column):
                await datasette.set_column_metadata(database, table, column, "description", text)
        if description.label_column is not None:
            _configuration(datasette, database, table).setdefault("label_column", description.label_column)


def _configuration(datasette: Any, database: str, table: str) -> dict[str, Any]:
    """That of a table, which is where 1.0 looks for its label column. In memory only."""
    if datasette.config is None:
        datasette.config = {}
    found: dict[str, Any] = datasette.config
    for key in ("databases", database, "tables", table):
        found = found.setdefault(key, {})
    return found
