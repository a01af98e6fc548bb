"""sqlclust sources"""

from __future__ import annotations

from collections.abc import Sequence
from shlex import quote

import click

from sqlclust import schema
from sqlclust.cli.bringing_in import bringing_in, first_to_bring_in
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
    from. "sqlclust source" keeps one under a name, and "sqlclust load" copies one with --from-table.
    """
    with read_database(db, tables=False) as database:
        sources = find_sources(database)
        ours = schema.version(database) is not None
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
        click.echo(f"no vectors found; {bringing_in(db, None, ours=ours)} brings some in")
    next_step = _next_step(db, found, ours=ours)
    if next_step:
        click.echo(f"Next: {next_step}")


def _next_step(db: str, found: Sequence[Source], *, ours: bool) -> str | None:
    """What to do with what can be clustered: models of ours and registered sources are fitted, others are copied before."""
    ready = (source.name for source in found if source.kind == "sqlclust" or source.registered)
    model = next((name for name in ready if name.isprintable()), None)
    if model is not None:
        return f"sqlclust fit {quote(db)} {quote(model)}"
    other = first_to_bring_in(found)
    return None if other is None else bringing_in(db, other, ours=ours)


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
