"""sqlclust list"""

from __future__ import annotations

from shlex import quote

import click

from sqlclust.cli.database import database_argument, read_database
from sqlclust.cli.output import output_options, printable, write_dicts
from sqlclust.cli.results import LISTED_COLUMNS, result_table, with_parameters
from sqlclust.errors import UnknownModelError
from sqlclust.sources.registered_rows import registered_names
from sqlclust.sqlite.transactions import translated_errors
from sqlclust.store.embeddings.selection import models
from sqlclust.store.results.freshness import UNKNOWN, freshness
from sqlclust.store.results.listing import list_results

_EPILOG = """\b
Examples:
  sqlclust list notes.db
  sqlclust list notes.db my-model --json
"""


@click.command("list", epilog=_EPILOG)
@database_argument
@click.argument("model", required=False)
@output_options
def command(db: str, model: str | None, output: str | None) -> None:
    """List the results.

    All of them or those of one embedding MODEL, oldest first, with what they were made of; models and sources
    without a result are named below. The parameters in the table are those that are not the default; --json has all of them.

    Where the embeddings are not any more those that a result was made of, there are two columns more: "new" is how many its
    selection has now that the result does not have, "gone" how many of its rows are not there any more. "?" is not known:
    conditions (--where) and views are not run for a list, and a source may be where it cannot be read. Only ids are compared, so
    it is quick, and vectors that were replaced are not seen: sqlclust query DB "SELECT * FROM clust_staleness(ID)" reads them.
    """
    with read_database(db) as database:
        now = freshness(database, model)
        results = [{**result, **now.get(result["id"], UNKNOWN)._asdict()} for result in list_results(database, model)]
        with translated_errors(database, doing="reading the sources"):
            sources = {*registered_names(database)}
        counts = {name: count for name, count in models(database) if name not in sources}
    known = sorted({*counts, *sources, *(result["embedding_model"] for result in results)})
    if model is not None and model not in known:
        raise UnknownModelError(model, known=known)
    if output:
        write_dicts(output, with_parameters(results), LISTED_COLUMNS)
        return
    if results:
        click.echo(result_table(results))
    fitted = {result["embedding_model"] for result in results}
    for name in sorted({*counts, *sources} - fitted):
        if model in (None, name):
            count = counts.get(name)
            there = "a source" if count is None else "1 embedding" if count == 1 else f"{count:,} embeddings"
            click.echo(printable(f"{name}: {there}, no result yet: sqlclust fit {quote(db)} {quote(name)}"))
    if not known:
        click.echo(f"no embeddings yet: sqlclust load {quote(db)} FILE --model NAME")
