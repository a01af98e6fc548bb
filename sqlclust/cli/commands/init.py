"""sqlclust init"""

from __future__ import annotations

from pathlib import Path

import click

from sqlclust import schema
from sqlclust.cli.beginning import first_command, first_source
from sqlclust.cli.database import create_database, database_argument
from sqlclust.cli.output import output_options, write_dicts
from sqlclust.sources import find_sources
from sqlclust.sqlite.transactions import translated_errors

_EPILOG = """\b
Examples:
  sqlclust init notes.db
  sqlclust init the-database-of-my-app.db
"""


@click.command("init", epilog=_EPILOG)
@database_argument
@output_options
def command(db: str, output: str | None) -> None:
    """Make a database, or add the tables to one.

    Tables of an older version are upgraded, in one transaction and without being copied; commands that write do so too.
    Other tables stay as they are, and so do user_version and application_id. If tables of other programs have names that
    sqlclust needs, nothing is changed. The same tables come from schema.sql in any sqlite3 shell.
    """
    there = Path(db).exists()
    with create_database(db) as database, translated_errors(database, doing="making the tables"):
        found = schema.version(database)
        changed = schema.initialize(database)
        other = first_source(find_sources(database)) if there and changed and not output else None
    if output:
        write_dicts(output, [{"database": db, "created": not there, "changed": changed, "version": schema.VERSION}])
    elif not changed:
        click.echo(f"{db} has the tables already; nothing was changed")
    elif found is not None:
        click.echo(f"{db} upgraded from schema version {found} to {schema.VERSION}")
    else:
        done = "has the sqlclust tables now" if there else "created"
        click.echo(f"{db} {done}. Next: {first_command(db, other)}")
