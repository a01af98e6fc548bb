"""sqlclust delete"""

from __future__ import annotations

from typing import Any

import click

from sqlclust.cli.database import database_argument, open_database
from sqlclust.cli.options import Result
from sqlclust.cli.output import output_options, write_dicts
from sqlclust.cli.results import summary
from sqlclust.sources.registered_rows import is_registered
from sqlclust.sqlite import statements
from sqlclust.sqlite.database import Database
from sqlclust.sqlite.transactions import translated_errors
from sqlclust.store.results.listing import delete_result, resolve_result, results_of, summarize_result

_EPILOG = """\b
Examples:
  sqlclust delete notes.db 3
  sqlclust delete notes.db 3 latest~1 --yes
  sqlclust delete notes.db --keep 7 --yes
"""

_MODELS = "SELECT DISTINCT embedding_model FROM main.ClusteringResult"


@click.command("delete", epilog=_EPILOG)
@database_argument
@click.argument("which", metavar="[ID|latest~N]...", nargs=-1, type=Result())
@click.option(
    "--keep",
    type=click.IntRange(1),
    metavar="N",
    help="Delete all results of each model but its N latest ones, in place of IDs.",
)
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@output_options
def command(db: str, which: tuple[int | str, ...], keep: int | None, yes: bool, output: str | None) -> None:
    """Delete results; embeddings stay.

    Each goes in one transaction, with its clusters and assignments; a fit goes with its last result. The table of a source
    stays as it is; what was kept of its rows for this result alone goes too. The file does not become smaller, what comes next
    is written in the room; VACUUM gives it back.
    """
    if bool(which) == (keep is not None):
        raise click.UsageError("say which: the ID of a result, or several, or --keep N")
    with open_database(db) as database:
        ids = _ids(database, which) if keep is None else _all_but_the_latest(database, keep)
        results = [summarize_result(database, result_id) for result_id in ids]
        if results and not yes:
            for result in results:
                click.echo(summary(result), err=True)
            click.confirm(
                "Delete it?" if len(results) == 1 else f"Delete these {len(results):,}?", abort=True, err=True
            )
        deleted = [_deleted(database, result, quiet=output is not None) for result in results]
    if output:
        write_dicts(output, deleted, ("id", "embedding_model", "rows"))
    elif not deleted:
        click.echo(f"nothing to delete: no model has more than {keep:,} results")


def _ids(database: Database, which: tuple[int | str, ...]) -> list[int]:
    """The results that are meant, each once. Raises UnknownResultError."""
    with translated_errors(database, doing="looking for results"):
        return [*dict.fromkeys(resolve_result(database, one) for one in which)]


def _all_but_the_latest(database: Database, keep: int) -> list[int]:
    """The results of each model but its latest ones, oldest first."""
    with translated_errors(database, doing="looking for results"):
        models = [model for (model,) in statements.all_rows(database, _MODELS)]
        return sorted(result_id for model in models for result_id in results_of(database, str(model))[:-keep])


def _deleted(database: Database, result: dict[str, Any], *, quiet: bool) -> dict[str, Any]:
    """Delete one, say so, and what programs get of it."""
    rows = delete_result(database, result["id"])
    if not quiet:
        is_of_source = is_registered(database, result["embedding_model"])
        stay = "the rows of its table stay" if is_of_source else "embeddings stay"
        click.echo(f"deleted result {result['id']}: {result['n_clusters']:,} clusters, {rows:,} labels; {stay}")
    return {"id": result["id"], "embedding_model": result["embedding_model"], "rows": rows}
