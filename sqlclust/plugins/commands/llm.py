"""llm clust"""

from __future__ import annotations

from itertools import groupby
from typing import Any

import click

from sqlclust import schema
from sqlclust.cli.cluster_names import add_terms
from sqlclust.cli.commands import fit
from sqlclust.cli.database import read_database
from sqlclust.cli.ending import GuestCommand
from sqlclust.cli.options import options_of
from sqlclust.cli.output import printable, table, write_rows
from sqlclust.cli.results import cluster_table, next_steps, percent, summary
from sqlclust.errors import SqlclustError, UnknownModelError
from sqlclust.options import FitOptions
from sqlclust.sources import find_sources
from sqlclust.sqlite import statements
from sqlclust.sqlite.database import Database
from sqlclust.sqlite.transactions import translated_errors
from sqlclust.store.results.listing import list_results, show_result

_EPILOG = """\b
Examples:
  llm clust
  llm clust docs
  llm clust docs -d notes.db --min-cluster-size 10 --json
"""
_DEFAULT_LIMIT = 20
_KIND = "llm"
_PREFIX = "llm:"
"""Before a collection's name, that of the source."""
_COLUMNS = ("collection", "items", "result", "clusters", "noise", "completed (UTC)")


def _database(ctx: click.Context, param: click.Parameter, value: str | None) -> str:
    """The file that llm's own commands use."""
    if value is not None:
        return value
    import llm

    return str(llm.user_dir() / "embeddings.db")


@click.command("clust", cls=GuestCommand, epilog=_EPILOG)
@click.argument("collection", required=False)
@click.option(
    "-d",
    "--database",
    "db",
    type=click.Path(readable=False),
    envvar="LLM_EMBEDDINGS_DB",
    callback=_database,
    show_default="embeddings.db in llm's folder",
    help="The database that has the collection.",
)
@click.option("--json", "as_json", is_flag=True, help="Write a JSON array of clusters with their items.")
@click.option("--noise", is_flag=True, help="With --json, the items of no cluster come last, with the id -1.")
@click.option("--limit", type=click.IntRange(min=1), default=_DEFAULT_LIMIT, help="Clusters to show in the table.")
@options_of(FitOptions)
def command(collection: str | None, db: str, as_json: bool, noise: bool, limit: int, **options: Any) -> None:
    """Cluster the embeddings of a collection with HDBSCAN, and show the clusters.

    Without COLLECTION, lists the collections and the latest result of each. The number of clusters is found; items that are in
    none are noise. The collection's own tables are only read. The result is kept in tables beside them, and in the view
    "llm:COLLECTION_clusters", which has the collection's rows with their clusters.

    --json writes [{"id": "0", "items": [{"id": …, "content": …}, …], "terms": […]}, …]: what llm-cluster writes, and the
    cluster's first terms. The largest cluster comes first, and of its items the most certain. Without texts, content is null
    and terms are empty (llm embed-multi --store stores them).
    """
    if collection is None:
        _list(db, as_json=as_json)
        return
    try:
        fits = fit.fit_named(db, _PREFIX + collection, quiet=True, **options)
    except UnknownModelError as error:
        there = [name.removeprefix(_PREFIX) for name in {*error.known, *error.sources} if name.startswith(_PREFIX)]
        known = f"collections in it: {', '.join(sorted(there))}" if there else "it has no collections"
        raise SqlclustError(f"no collection {collection!r} in {db}; {known}") from None
    fits.check()
    result_id = fits.results[-1]["id"]
    with read_database(db) as database:
        found = show_result(database, result_id)
        add_terms(database, found)
        if as_json:
            _write(database, collection, found, noise=noise)
            return
    _show(db, found, limit, view=fits.last_view)
    if fits.added:
        click.echo("\n" + printable(fits.added))


def _list(db: str, *, as_json: bool) -> None:
    """The collections, each with its latest result."""
    with read_database(db, tables=False) as database:
        collections = [source for source in find_sources(database, models=False) if source.kind == _KIND]
        results = list_results(database) if schema.version(database) is not None else []
    latest = {result["embedding_model"]: result for result in results}
    rows: list[list[Any]] = []
    for source in collections:
        result = latest.get(source.name, {})
        values = [result.get(name) for name in ("id", "n_clusters", "noise_share", "completed_at")]
        rows.append([source.name.removeprefix(_PREFIX), source.n_rows, *values])
    if as_json:
        write_rows("json", ("collection", "n_items", "result", "n_clusters", "noise_share", "completed_at"), rows)
    elif rows:
        cells = [[*row[:4], percent(row[4]), (row[5] or "")[:16].replace("T", " ")] for row in rows]
        click.echo(table(_COLUMNS, cells))
    else:
        click.echo(printable(f"no collections in {db}; llm embed-multi makes one"))


def _show(db: str, found: dict[str, Any], limit: int, *, view: str | None) -> None:
    """A result for people."""
    click.echo(summary(found))
    clusters = found["clusters"]
    if not clusters:
        click.echo("\nEvery item is noise. Smaller --min-cluster-size or --min-samples find more clusters.")
        return
    click.echo()
    click.echo(cluster_table(clusters[:limit]))
    if limit < len(clusters):
        click.echo(f"… and {len(clusters) - limit:,} smaller clusters: --limit {len(clusters)} shows all")
    click.echo()
    click.echo(next_steps(db, found["id"], view=view))


_ITEMS = """
SELECT ec.label, e.item_id, h.content
FROM main.EmbeddingCluster ec
JOIN main.Embedding e ON e.id = ec.embedding_id
LEFT JOIN main.embeddings h
       ON h.collection_id = (SELECT id FROM main.collections WHERE name = :collection) AND h.id = e.item_id
WHERE ec.clustering_result_id = :result AND (ec.label >= 0 OR :noise)
ORDER BY ec.label, ec.probability DESC, e.item_id
"""


def _write(database: Database, collection: str, found: dict[str, Any], *, noise: bool) -> None:
    """The clusters with their items, in the order of the table; noise last."""
    order = {cluster["label"]: place for place, cluster in enumerate(found["clusters"])}
    bindings = {"collection": collection, "result": found["id"], "noise": noise}
    with translated_errors(database, doing="reading a result"):
        rows = statements.all_rows(database, _ITEMS, bindings)
    clusters = {label: [*items] for label, items in groupby(rows, key=lambda row: row[0])}
    labels = sorted(clusters, key=lambda label: order.get(label, len(order)))
    terms = {cluster["label"]: cluster["terms"] for cluster in found["clusters"]}
    rows_of = ((str(label), _items(clusters[label]), terms.get(label, [])) for label in labels)
    write_rows("json", ("id", "items", "terms"), rows_of)


def _items(rows: list[Any]) -> list[dict[str, Any]]:
    return [{"id": str(item_id), "content": content} for _, item_id, content in rows]
