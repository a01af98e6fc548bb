"""sqlclust delete"""

from __future__ import annotations

import click

from sqlclust.cli.database import database_argument, open_database
from sqlclust.cli.output import output_options, write_dicts
from sqlclust.cli.results import summary
from sqlclust.sources.registered_rows import is_registered
from sqlclust.store.results.listing import delete_result, summarize_result

_EPILOG = """\b
Examples:
  sqlclust delete notes.db 3
  sqlclust delete notes.db 3 --yes
"""


@click.command("delete", epilog=_EPILOG)
@database_argument
@click.argument("result_id", metavar="ID", type=int)
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@output_options
def command(db: str, result_id: int, yes: bool, output: str | None) -> None:
    """Delete a result; embeddings stay.

    Its clusters and assignments go in one transaction. The table of a source stays as it is; what was kept of its rows for
    this result alone goes too. The file does not become smaller: VACUUM does that.
    """
    with open_database(db) as database:
        result = summarize_result(database, result_id)
        is_of_source = is_registered(database, result["embedding_model"])
        if not yes:
            click.echo(summary(result), err=True)
            click.confirm("Delete it?", abort=True, err=True)
        rows = delete_result(database, result_id)
    if output:
        write_dicts(output, [{"id": result_id, "embedding_model": result["embedding_model"], "rows": rows}])
    else:
        stay = "the rows of its table stay" if is_of_source else "embeddings stay"
        click.echo(f"deleted result {result_id}: {result['n_clusters']:,} clusters, {rows:,} labels; {stay}")
