"""sqlclust show"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from sqlclust.cli.cluster_names import add_terms
from sqlclust.cli.database import database_argument, read_database
from sqlclust.cli.output import output_options, printable, write_dicts
from sqlclust.cli.results import CLUSTER_COLUMNS, OF_SOURCE, cluster_table, seconds, summary, unusual_parameters
from sqlclust.sources.registered_rows import is_registered
from sqlclust.store.results.listing import resolve_result, show_result

_EPILOG = """\b
Examples:
  sqlclust show notes.db
  sqlclust show notes.db 3 --limit 100
  sqlclust show notes.db latest --csv > clusters.csv
"""
_DEFAULT_LIMIT = 20


def _long(timings: dict[str, Any]) -> Iterator[tuple[str, float]]:
    """The phases that took a second or more."""
    yield from ((name, value) for name, value in timings.items() if isinstance(value, int | float) and value >= 1)


def _of_integers(timings: dict[str, Any]) -> bool:
    """Whether the fit had the products of the extra `int8`."""
    measured = timings.get("measured")
    return isinstance(measured, dict) and "products" in measured  # those of float32 are not said


@click.command("show", epilog=_EPILOG)
@database_argument
@click.argument("result", metavar="[ID|latest]", default="latest")
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    show_default="20 in the table, all in the other formats",
    help="Clusters to show.",
)
@output_options
def command(db: str, result: str, limit: int | None, output: str | None) -> None:
    """Show the clusters of a result.

    The latest result by default; its clusters from the largest down, each with its medoid: the member in the middle, and of
    a source its key. Where there are texts, each also has its first terms, as clust_terms finds them, but of 10,000 texts at
    the most: those of its most probable members. --json, --nl and --csv give the clusters; what is known about the result
    itself is in "sqlclust list --json".
    """
    with read_database(db) as database:
        found = show_result(database, resolve_result(database, result))
        add_terms(database, found)
        columns = OF_SOURCE if is_registered(database, found["embedding_model"]) else CLUSTER_COLUMNS
    clusters = found["clusters"]
    if output:
        write_dicts(output, clusters[:limit], columns)
        return
    click.echo(summary(found))
    completed = printable(found["completed_at"][:16].replace("T", " "))
    click.echo(f"{completed} UTC; {printable(unusual_parameters(found['parameters']))}")
    if found["fit"]:
        took = ", ".join(f"{phase} {seconds(value)}" for phase, value in _long(found["fit"]["timings"]))
        vectors = f"{found['fit']['n_distinct']:,} different vectors of {found['fit']['dimension']:,} dimensions"
        products = "by products of 8-bit integers" if _of_integers(found["fit"]["timings"]) else ""
        click.echo("; ".join(filter(None, (vectors, took, products))))
    if not clusters:
        click.echo("\nEvery row is noise. Smaller --min-cluster-size or --min-samples find more clusters.")
        return
    largest = clusters[: limit or _DEFAULT_LIMIT]
    click.echo()
    click.echo(cluster_table(largest))
    if len(largest) < len(clusters):
        click.echo(f"… and {len(clusters) - len(largest):,} smaller clusters: --limit {len(clusters)} shows all")
