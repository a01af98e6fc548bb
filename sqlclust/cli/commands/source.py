"""sqlclust source"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from shlex import quote
from typing import Any

import click

from sqlclust import schema
from sqlclust.cli.database import database_argument, open_database, read_database
from sqlclust.cli.options import options_of
from sqlclust.cli.output import output_options, printable, write_dicts
from sqlclust.cli.parameters import parameter_values, parameters_option
from sqlclust.errors import SourceInUseError, UnknownSourceError
from sqlclust.options import SourceOptions
from sqlclust.sources import COLUMNS, Source, find_sources
from sqlclust.sources.registered_rows import Registered, is_registered, registered, registered_names
from sqlclust.sources.said import OF_COMMANDS, Said
from sqlclust.sqlite.database import Database
from sqlclust.sqlite.transactions import translated_errors
from sqlclust.store.registering import delete_source, keep
from sqlclust.store.sources.registered import results_of

_EPILOG = """\b
Examples:
  sqlclust source notes.db docs --table note --id slug --vector embedding --content body
  sqlclust source notes.db docs --where "lang = :lang" --param lang en
  sqlclust source clusters.db docs --database moved/notes.db
  sqlclust source notes.db docs
  sqlclust source notes.db docs --delete
"""
_COLUMNS = (*COLUMNS, "database", "format_is_said", "where", "parameters", "results")


@click.command("source", epilog=_EPILOG)
@database_argument
@click.argument("name")
@options_of(SourceOptions)
@click.option(
    "--where", metavar="SQL", help="Only rows for which this condition on the table's columns holds; '': all."
)
@parameters_option("the condition")
@click.option(
    "--database",
    metavar="FILE",
    show_default="DB",
    help="The file that the table is in, which is only read; also where it has moved to.",
)
@click.option("--delete", is_flag=True, help="Delete the source; its table stays as it is.")
@click.option("--results", is_flag=True, help="With --delete: the results that are made of it, too.")
@click.option("--yes", "-y", is_flag=True, help="With --delete: do not ask.")
@output_options
def command(
    db: str,
    name: str,
    where: str | None,
    parameters: tuple[tuple[str, str], ...],
    database: str | None,
    delete: bool,
    results: bool,
    yes: bool,
    output: str | None,
    **options: Any,
) -> None:
    """Keep a table of another program as a source, show, change or delete one.

    With options it is registered under NAME, or changed: what is not said stays, or is as "sqlclust sources" finds it. The
    vectors stay where they are. Our tables are made if there are none; nothing else of the file is written. What results are
    made of (table, id, vector) does not change while there are some. Without options it is shown.
    """
    said, values = Said(**options), parameter_values(parameters)
    is_said = said != Said() or where is not None or bool(values) or database is not None
    if delete and is_said:
        raise click.UsageError("--delete takes no columns, no condition and no file")
    if (results or yes) and not delete:
        raise click.UsageError(f"{'--results' if results else '--yes'} is for --delete")
    if delete:
        _delete(db, name, results=results, yes=yes, output=output)
    elif is_said:
        _keep(db, name, said, where, values, host=database, output=output)
    else:
        with read_database(db, tables=False) as opened:
            _show(_row(opened, name), output)


def _keep(
    db: str,
    name: str,
    said: Said,
    where: str | None,
    parameters: Mapping[str, object],
    *,
    host: str | None,
    output: str | None,
) -> None:
    with open_database(db, tables=False) as database:
        before = schema.version(database)
        keep(database, name, said, condition=where, parameters=parameters or None, host=host, words=OF_COMMANDS)
        after = schema.version(database)
        row = _row(database, name)
    if before is None:
        click.echo(printable(f"{db}: our tables were added"), err=True)
    elif before != after:
        click.echo(printable(f"{db}: our tables were upgraded from version {before} to {after}"), err=True)
    _show(row, output)
    if not output and name.isprintable():
        click.echo(printable(f"Next: sqlclust fit {quote(db)} {quote(name)}"))


# --- showing ---


def _row(database: Database, name: str) -> dict[str, Any]:
    """What is known of a source, found or registered.

    Raises:
        UnknownSourceError: it is neither.
        SourceDamagedError
    """
    with translated_errors(database, doing="reading the sources"):
        kept = registered(database, name)
        sources = find_sources(database)
        named = [source for source in sources if source.name == name]
        source = next((source for source in named if kept is not None or source.kind != "sqlclust"), None)
        if source is None:
            raise UnknownSourceError(name, known=registered_names(database))
        results = results_of(database, name) if kept is not None else []
    return _as_row(source, kept, results)


def _as_row(source: Source, kept: Registered | None, results: Sequence[int]) -> dict[str, Any]:
    return {
        **source.row(),
        "id_columns": list(source.id_columns),
        "database": kept.database if kept else None,
        "format_is_said": int(kept.format_is_said) if kept else 0,
        "where": kept.condition if kept else None,
        "parameters": dict(kept.parameters) if kept and kept.parameters else None,
        "results": list(results),
    }


def _show(row: Mapping[str, Any], output: str | None) -> None:
    if output:
        write_dicts(output, [dict(row)], _COLUMNS)
        return
    click.echo(
        printable(f"{row['name']}: {'registered' if row['registered'] else 'not registered; its first fit does that'}")
    )
    table = row["table_name"] if row["database"] is None else f"{row['table_name']} of {row['database']}"
    said = " (as was said)" if row["format_is_said"] else ""
    dimension = "" if row["dimension"] is None else f", dimension {row['dimension']}"
    lines = {
        "table": f"{table} ({row['kind']})",
        "id": ", ".join(row["id_columns"]),
        "vector": row["vector_column"] and f"{row['vector_column']}: {row['format'] or '?'}{said}{dimension}",
        "content": row["content_column"],
        "rows": None if row["n_rows"] is None else f"{row['n_rows']:,}{' in the table' if row['where'] else ''}",
        "where": row["where"],
        "parameters": row["parameters"]
        and ", ".join(f":{name} = {value!r}" for name, value in row["parameters"].items()),
        "results": ", ".join(map(str, row["results"])),
        "remark": row["remark"],
    }
    for title, value in lines.items():
        if value:
            click.echo(printable(f"  {title:<10}  {value}"))


# --- deleting ---


def _delete(db: str, name: str, *, results: bool, yes: bool, output: str | None) -> None:
    with open_database(db) as database:
        if not is_registered(database, name):
            raise UnknownSourceError(name, known=registered_names(database))
        made = results_of(database, name)
        if made and not results:
            raise SourceInUseError(
                name,
                clustering_result_ids=made,
                doing="deleted",
                advice="--results deletes those too, and without it they and the source stay",
            )
        if not yes:
            click.echo(printable(f"source {name}: {_made_of_it(made)}"), err=True)
            click.confirm("Delete it?", abort=True, err=True)
        deleted = delete_source(database, name, results=results)
    if output:
        write_dicts(output, [{"name": name, "results": deleted}])
    else:
        click.echo(printable(f"deleted source {name}, with {_counted(deleted)}; its table stays as it is"))


def _made_of_it(made: Sequence[int]) -> str:
    if not made:
        return "no result is made of it; its table stays as it is"
    return f"{_counted(len(made))} made of it ({', '.join(map(str, made))}), deleted with it; its table stays as it is"


def _counted(n: int) -> str:
    return "1 result" if n == 1 else f"{n:,} results"
