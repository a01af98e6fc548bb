"""sqlclust query"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping

import apsw
import apsw.ext
import click

from sqlclust.cli.database import database_argument, database_for_statements
from sqlclust.cli.output import output_options, table, write_rows
from sqlclust.errors import SqlclustError
from sqlclust.sqlite.undecodable import not_unicode

_INTEGER = re.compile(r"0|-?[1-9][0-9]{0,17}")
_DECIMAL = re.compile(r"-?[0-9]+\.[0-9]+")
_EPILOG = """\b
Examples:
  sqlclust query notes.db "SELECT clust_fit('my-model', '{\\"min_cluster_size\\": 10}')"
  sqlclust query notes.db "SELECT * FROM ClusterSummary WHERE size >= :size" -p size 100 --csv
  echo "SELECT * FROM ClusteringSummary" | sqlclust query notes.db - --json
"""


@click.command("query", epilog=_EPILOG)
@database_argument
@click.argument("sql")
@click.option(
    "--param", "-p", "parameters", type=(str, str), multiple=True, metavar="NAME VALUE",
    help="A value for :NAME in the statement: 12 is an INTEGER, 0.5 a REAL, anything else TEXT.",
)  # fmt: skip
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
    with database_for_statements(db, readonly=readonly) as connection:
        values = {name.lstrip(":@$"): _value(text) for name, text in parameters}
        columns = _check(connection, sql, values, readonly=readonly)
        try:
            _run(connection, sql, values, columns, output)
        except UnicodeDecodeError as error:
            raise not_unicode(connection, error) from None


def _run(
    connection: apsw.Connection,
    sql: str,
    values: Mapping[str, int | float | str],
    columns: list[str],
    output: str | None,
) -> None:
    changes_before = connection.total_changes()
    cursor = connection.execute(sql, values)
    if columns and output:
        write_rows(output, columns, cursor)
    elif columns:
        click.echo(table(columns, cursor))
    else:
        cursor.fetchall()
        changed = connection.total_changes() - changes_before
        if output:
            write_rows(output, ["rows_affected"], [[changed]])
        else:
            click.echo("1 row changed" if changed == 1 else f"{changed:,} rows changed")


def _check(connection: apsw.Connection, sql: str, values: Mapping[str, object], *, readonly: bool) -> list[str]:
    """The names of the statement's columns, once it is known to be one statement whose values are all there."""
    if "\0" in sql:  # where SQLite stops reading
        raise click.UsageError("the SQL has a NUL character")
    try:
        details = apsw.ext.query_info(connection, sql, explain=readonly)
    except UnicodeEncodeError:
        raise click.UsageError("the SQL is not UTF-8") from None
    if not details.has_vdbe:
        raise click.UsageError("there is no SQL statement")
    if readonly and any(step.opcode == "Vacuum" for step in details.explain or ()):
        raise SqlclustError("VACUUM INTO writes a file, and --readonly was given")
    if details.query_remaining and _is_statement(connection, details.query_remaining):
        raise click.UsageError("more than one SQL statement; sqlclust shell runs several")
    for name in details.bindings_names:
        if name is None:
            raise click.UsageError("a placeholder has no name; write :name, and give its value with -p name value")
        if name not in values:
            raise click.UsageError(f"no value for :{name}; give it with -p {name} VALUE")
    return [name for name, _ in details.description]


def _is_statement(connection: apsw.Connection, sql: str) -> bool:
    try:
        return apsw.ext.query_info(connection, sql).has_vdbe
    except apsw.SQLError:  # it may need what the first statement makes
        return True


def _value(text: str) -> int | float | str:
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _DECIMAL.fullmatch(text) else text
