"""sqlclust query"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence

import click

from sqlclust.cli.database import database_argument, database_for_statements
from sqlclust.cli.output import output_options, table, write_rows
from sqlclust.cli.parameters import parameter_values, parameters_option
from sqlclust.errors import SqlclustError, StatementError
from sqlclust.sqlite.database import Database
from sqlclust.sqlite.undecodable import not_unicode

_EPILOG = """\b
Examples:
  sqlclust query notes.db "SELECT clust_fit('my-model', '{\\"min_cluster_size\\": 10}')"
  sqlclust query notes.db "SELECT * FROM ClusterSummary WHERE size >= :size" -p size 100 --csv
  echo "SELECT * FROM ClusteringSummary" | sqlclust query notes.db - --json
"""


@click.command("query", epilog=_EPILOG)
@database_argument
@click.argument("sql")
@parameters_option("the statement")
@click.option("--readonly", is_flag=True, help="Open the file for reading only.")
@output_options
def command(db: str, sql: str, parameters: tuple[tuple[str, str], ...], readonly: bool, output: str | None) -> None:
    """Run one SQL statement, with the clust_ functions.

    On any SQLite file. SQL "-" reads the statement from stdin. It may write, with foreign keys enforced, unless
    --readonly is given; use that for files and statements you do not trust: then nothing is written, to no file. Views
    and triggers of the file can call nothing but harmless functions, and no statement can load an extension. For several
    statements there is "sqlclust shell".

    Long text is cut in the table; --json, --nl and --csv give all of it. A statement that has no rows says how many it
    changed.
    """
    if sql == "-":
        sql = sys.stdin.read()
    with database_for_statements(db, readonly=readonly) as database:
        values = parameter_values(parameters)
        try:
            columns = _check(database, sql, values, readonly=readonly)
            _run(database, sql, values, columns, output)
        except UnicodeDecodeError as error:
            raise not_unicode(database, error) from None


def _run(
    database: Database,
    sql: str,
    values: Mapping[str, int | float | str],
    columns: Sequence[str],
    output: str | None,
) -> None:
    changes_before = database.total_changes
    with database.rows(sql, values) as rows:
        if columns and output:
            write_rows(output, columns, rows)
            return
        if columns:
            click.echo(table(columns, rows))
            return
        for _ in rows:
            pass
    changed = database.total_changes - changes_before
    if output:
        write_rows(output, ["rows_affected"], [[changed]])
    else:
        click.echo("1 row changed" if changed == 1 else f"{changed:,} rows changed")


def _check(database: Database, sql: str, values: Mapping[str, object], *, readonly: bool) -> Sequence[str]:
    """The names of the statement's columns, once it is known to be one statement whose values are all there."""
    if "\0" in sql:  # where SQLite stops reading
        raise click.UsageError("the SQL has a NUL character")
    try:
        found = database.described(sql)
    except UnicodeEncodeError:
        raise click.UsageError("the SQL is not UTF-8") from None
    if found.is_empty:
        raise click.UsageError("there is no SQL statement")
    if readonly and not found.is_explain and "Vacuum" in database.steps(sql):  # to SQLite VACUUM INTO is read-only
        raise SqlclustError("VACUUM INTO writes a file, and --readonly was given")
    if found.rest and _is_statement(database, found.rest):
        raise click.UsageError("more than one SQL statement; sqlclust shell runs several")
    for name in found.parameters:
        if name is None:
            raise click.UsageError("a placeholder has no name; write :name, and give its value with -p name value")
        if name not in values:
            raise click.UsageError(f"no value for :{name}; give it with -p {name} VALUE")
    return found.columns


def _is_statement(database: Database, sql: str) -> bool:
    try:
        return not database.described(sql).is_empty
    except StatementError:  # it may need what the first statement makes
        return True
