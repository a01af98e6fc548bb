"""sqlclust sources"""

from __future__ import annotations

import click

from sqlclust.cli.beginning import first_command, first_source
from sqlclust.cli.database import database_argument, read_database
from sqlclust.cli.output import output_options, printable, table, write_dicts
from sqlclust.sources import COLUMNS, Source, find_sources

_EPILOG = """\b
Examples:
  sqlclust sources llm.db
  sqlclust sources notes.db --json
"""
_SHOWN = ("name", "kind", "table", "id", "vector", "content", "format", "dimension", "rows")


@click.command("sources", epilog=_EPILOG)
@database_argument
@output_options
def command(db: str, output: str | None) -> None:
    """Find the vectors that a database has.

    In any SQLite file: collections of llm, tables of sqlite-vec, LangChain, LangGraph, Datasette and others, and any table with
    a column of vectors; models of our own too. Looks at some fifty rows of each table and runs nothing of the file. Where the
    vectors are not in the file, or not as such, it says where they are. --json has a remark for each: what it was concluded
    from. "sqlclust fit" clusters one where it is, and "sqlclust load" copies one with --from-table.
    """
    with read_database(db, tables=False) as database:
        sources = find_sources(database)
    if output:
        write_dicts(output, [{**source.row(), "id_columns": list(source.id_columns)} for source in sources], COLUMNS)
        return
    found = [source for source in sources if source.vector_column is not None]
    if found:
        click.echo(table(_SHOWN, [_cells(source) for source in found]))
    for source in sources:
        if source.vector_column is None:
            click.echo(printable(f"{source.name} ({source.kind}): {source.remark}"))
    if not sources:
        click.echo(f"no vectors found; {first_command(db, None)} brings some in")
    ready = [
        source for source in found if (source.kind == "sqlclust" or source.registered) and source.name.isprintable()
    ]
    first = next(iter(ready), first_source(found))
    if first is not None:
        click.echo(f"Next: {first_command(db, first)}")


def _cells(source: Source) -> tuple[object, ...]:
    return (
        source.name,
        source.kind,
        source.table_name,
        ", ".join(source.id_columns),
        source.vector_column,
        source.content_column,
        source.format or "?",
        source.dimension,
        source.n_rows,
    )
