"""sqlclust demo"""

from __future__ import annotations

import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager
from shlex import quote
from typing import Any, NamedTuple

import click

from sqlclust import schema
from sqlclust.cli.cluster_names import add_terms, name_of
from sqlclust.cli.database import create_database, is_empty
from sqlclust.cli.logs import PhaseLog, log_file_option, logging_to
from sqlclust.cli.output import one_line
from sqlclust.cli.results import seconds, summary
from sqlclust.errors import DatabaseFileError
from sqlclust.options import HdbscanOptions
from sqlclust.sqlite import statements
from sqlclust.sqlite.database import Database
from sqlclust.store.embeddings.loading import load_embeddings
from sqlclust.store.embeddings.selection import models
from sqlclust.store.fit import fit
from sqlclust.store.results.listing import show_result
from sqlclust.vectors.blobs import encode

MODEL = "docstrings"
FILE = "sqlclust-demo.db"

_CLUSTERS_SHOWN = 15
_MEMBERS_SHOWN = 3
_TEXT_CHARACTERS = 72
_ALSO_CHARACTERS = 100
_EPILOG = """\b
Examples:
  sqlclust demo
  sqlclust demo somewhere-else.db
"""


class _Row(NamedTuple):
    id: str
    vector: bytes
    content: str
    run_id: None = None
    sequence_number: None = None


@click.command("demo", epilog=_EPILOG)
@click.argument("db", type=click.Path(readable=False), default=FILE)
@log_file_option
def command(db: str, log_file: str | None) -> None:
    """Cluster the standard library's docstrings: all in one go, offline.

    Every Python brings thousands of documented modules, classes and functions. Their docstrings become vectors by the
    words they share (TF-IDF and truncated SVD), then rows in DB (sqlclust-demo.db in this folder by default), then
    clusters. Run again, it clusters again what it has loaded.
    """
    with logging_to(log_file), create_database(db) as database:
        if not _is_loaded(database, db):
            _load(database, db)
        with _step("Clustering them with HDBSCAN") as found:
            result_id = _fit(database)
            result = show_result(database, result_id)
            add_terms(database, result)
            found.append(f"{result['n_clusters']:,} clusters")
        click.echo(f"\n{summary(result)}. The largest, each by its terms and its middle:\n")
        click.echo("label   size  terms, medoid")
        for cluster in result["clusters"][:_CLUSTERS_SHOWN]:
            click.echo(_described(database, result_id, cluster))
    click.echo(_next(db, result_id, result["clusters"]))


def _is_loaded(database: Database, db: str) -> bool:
    """Whether the demo's embeddings are there; nobody else's file is touched."""
    if is_empty(database):
        return False
    other = DatabaseFileError(db, reason="holds other data; give the demo a file of its own: sqlclust demo OTHER.db")
    if schema.version(database) is None:
        raise other
    schema.check(database)
    found = models(database)
    if not found:
        return False
    if [name for name, _ in found] != [MODEL]:
        raise other
    click.echo(f"{db} has {found[0][1]:,} docstrings of an earlier run")
    return True


def _load(database: Database, db: str) -> None:
    from sqlclust.cli import corpus  # scikit-learn takes a second

    with _step(f"Reading the docstrings of Python {platform.python_version()}'s standard library") as found:
        docstrings = corpus.docstrings()
        found.append(f"{len(docstrings):,}")
    with _step("Making vectors of them (TF-IDF, truncated SVD)") as found:
        kept, vectors = corpus.embed([docstring.text for docstring in docstrings])
        found.append(f"{vectors.shape[0]:,} of {vectors.shape[1]} dimensions")
    with _step(f"Loading them into {db}"):
        used = (docstring for docstring, is_kept in zip(docstrings, kept.tolist(), strict=True) if is_kept)
        rows = (_Row(used.id, encode(vector), used.text) for used, vector in zip(used, vectors, strict=True))
        load_embeddings(database, MODEL, rows, create_tables=True)


@contextmanager
def _step(what: str) -> Iterator[list[str]]:
    """Say what is being done, then what came of it and how long it took."""
    started = time.monotonic()
    found: list[str] = []
    click.echo(f"{what} … ", nl=False)
    try:
        yield found
    except BaseException:
        click.echo()
        raise
    click.echo(", ".join([*found, seconds(time.monotonic() - started)]))


def _fit(database: Database) -> int:
    log = PhaseLog()
    result_id = fit(database, MODEL, HdbscanOptions(), progress=log)
    log.finish()
    return result_id


_MEMBERS = """
SELECT embedding_id FROM EmbeddingCluster
WHERE clustering_result_id = :result AND cluster_label = :label AND embedding_id <> :medoid
ORDER BY probability DESC, embedding_id
"""


def _described(database: Database, result_id: int, cluster: dict[str, Any]) -> str:
    medoid = cluster["medoid_embedding_id"]
    names = {medoid.rsplit(".", 1)[-1]: medoid}
    bindings = {"result": result_id, "label": cluster["label"], "medoid": medoid}
    for (member,) in statements.all_rows(database, _MEMBERS, bindings):
        names.setdefault(member.rsplit(".", 1)[-1], member)  # write is in many classes: once is enough
        if len(names) > _MEMBERS_SHOWN:
            break
    also = [name for name in names.values() if name != medoid]
    first_line = one_line(cluster["medoid_text"].partition("\n")[0], _TEXT_CHARACTERS)
    indent = " " * 14
    lines = [
        f"{cluster['label']:>5}{cluster['size']:>7}  {name_of(cluster['terms'])}",
        f"{indent}{medoid}: “{first_line}”",
    ]
    if also:
        lines.append(indent + one_line(f"also {', '.join(also)}", _ALSO_CHARACTERS))
    return "\n".join(lines)


def _next(db: str, result_id: int, clusters: list[dict[str, Any]]) -> str:
    """Three statements to try, about what was found, ready to be pasted."""
    medoid = clusters[0]["medoid_embedding_id"] if clusters else "json.dumps"
    package = medoid.partition(".")[0]
    statements = (
        "SELECT embedding_id, probability FROM ClusterAssignment "
        f"WHERE clustering_result_id = {result_id} AND medoid_embedding_id = '{medoid}' ORDER BY 2 DESC",
        "SELECT b.id, clust_distance(a.vector, b.vector) AS distance FROM Embedding a, Embedding b "
        f"WHERE a.id = '{medoid}' ORDER BY distance LIMIT 10",
        "SELECT label, cluster_size, medoid_id, id FROM "
        f"clust_hdbscan((SELECT clust_points(id, vector) FROM Embedding WHERE id LIKE '{package}.%')) "
        "WHERE label >= 0 ORDER BY cluster_size DESC, label, probability DESC",
    )
    said = (
        "who is in the largest cluster",
        "which docstrings are nearest to one, clustered or not",
        f"a clustering of {package} alone, in one statement and without storing it",
    )
    lines = ["", "Try next:", ""]
    lines += [
        "# a page with all of it: a map, search, every cluster, the tree",
        f"sqlclust page {quote(db)} {result_id}",
        "",
    ]
    for what, sql in zip(said, statements, strict=True):
        lines += [f"# {what}", f'sqlclust query {quote(db)} "{sql}"', ""]
    lines += ["# an SQL shell with everything in it", f"sqlclust shell {quote(db)}"]
    return "\n".join(lines)
