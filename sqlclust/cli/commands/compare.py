"""sqlclust compare"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

from sqlclust.cli.cluster_names import add_terms, name_of
from sqlclust.cli.database import database_argument, read_database
from sqlclust.cli.output import one_line, output_options, table, write_dicts, write_rows
from sqlclust.cli.results import medoid_of, percent, summary
from sqlclust.core.labellings.lineage import Descent
from sqlclust.sources.registered_rows import is_registered
from sqlclust.store.results.comparison import Comparison, compare
from sqlclust.store.results.listing import resolve_result, show_result

_EPILOG = """\b
Examples:
  sqlclust compare notes.db 3 latest
  sqlclust compare notes.db latest~1 latest --overlap
  sqlclust compare notes.db 3 4 --summary --json
"""
_DEFAULT_LIMIT = 20
_TEXT_CHARACTERS = 36
_SPARE = ("size A", "size B", "of A", "of B")
"""Columns that are left out for names, on a narrow terminal."""
_OVERLAP_COLUMNS = ("label_a", "label_b", "size")
_EVENTS = {"match": "matches", "split": "splits", "merge": "merges", "birth": "births", "death": "deaths"}


@click.command("compare", epilog=_EPILOG)
@database_argument
@click.argument("a", metavar="A")
@click.argument("b", metavar="B")
@click.option(
    "--overlap", is_flag=True, help="Also the rows in common of each pair of labels; instead, in other formats."
)
@click.option("--summary", "only_summary", is_flag=True, help="Only what is known of the two as a whole.")
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    show_default="20 in a table, all in the other formats",
    help="Clusters to show, those that changed most first.",
)
@output_options
def command(db: str, a: str, b: str, overlap: bool, only_summary: bool, limit: int | None, output: str | None) -> None:
    """Compare two results.

    A and B are ids, or "latest", "latest~1" for the one before, and so on. Of the embeddings that are in both: how far the
    labels agree (ARI and AMI, noise being a label of its own), and what became of each cluster of A in B. Clusters are
    matched so that the overlaps of the pairs add up to the most; a pair needs half of one of its clusters in common. What is
    left of B is a split if half of it comes from one cluster of A, else a birth; of A a merge if half of it went to one
    cluster of B, else a death.

    Clusters are called by their first terms (see sqlclust show), or by their medoids where there are no texts.

    --json, --nl and --csv give what became of each cluster; with --overlap the overlap, with --summary one row on the two.
    """
    if overlap and only_summary:
        raise click.UsageError("--overlap and --summary do not go together")
    with read_database(db) as database:
        found = compare(database, resolve_result(database, a), resolve_result(database, b))
        results = [show_result(database, result_id) for result_id in (found.a, found.b)]
        if not only_summary and not (output and overlap):
            for result in results:
                add_terms(database, result)
        names = {result["embedding_model"] for result in results}
        are_of_sources = len(names) > 1 and any(is_registered(database, name) for name in names)
    if output and only_summary:
        write_dicts(output, [_whole(found)])
    elif output and overlap:
        write_rows(output, _OVERLAP_COLUMNS, zip(*(column.tolist() for column in found.overlap), strict=True))
    elif output:
        columns = (*Descent._fields, "terms_a", "terms_b")
        terms_a, terms_b = ({c["label"]: c["terms"] for c in result["clusters"]} for result in results)
        rows = ((*row, terms_a.get(row.label_a, []), terms_b.get(row.label_b, [])) for row in found.lineage[:limit])
        write_rows(output, columns, rows)
    else:
        _show(found, results, overlap=overlap, clusters=not only_summary, limit=limit or _DEFAULT_LIMIT)
        if not found.n_common and are_of_sources:
            click.echo(
                "Results of different sources have none in common, also if they are of one table: join them by item_id."
            )


def _whole(found: Comparison) -> dict[str, Any]:
    return {
        "clustering_result_id_a": found.a,
        "clustering_result_id_b": found.b,
        "n_a": found.n_a,
        "n_b": found.n_b,
        "n_common": found.n_common,
        "ari": found.ari,
        "ami": found.ami,
        "noise_a": found.noise_a,
        "noise_b": found.noise_b,
        "noise_both": found.noise_both,
        "noise_agreement": found.noise_agreement,
        **{f"n_{event}": count for event, count in found.events().items()},
    }


def _show(
    found: Comparison, results: Sequence[Mapping[str, Any]], *, overlap: bool, clusters: bool, limit: int
) -> None:
    for name, result in zip("AB", results, strict=True):
        click.echo(f"{name}: {summary(result)}")
    click.echo()
    if not found.n_common:
        click.echo("No embedding is in both, so there is nothing to compare.")
        return
    shares = f"{percent(found.n_common / found.n_a)} of A, {percent(found.n_common / found.n_b)} of B"
    click.echo(f"rows in common  {found.n_common:,} ({shares})")
    click.echo(f"agreement       ARI {found.ari:.3f}, AMI {found.ami:.3f}")
    only_a, only_b = found.noise_a - found.noise_both, found.noise_b - found.noise_both
    click.echo(f"noise           {found.noise_both:,} in both, {only_a:,} in A only, {only_b:,} in B only")
    events = (f"{count:,} {event if count == 1 else _EVENTS[event]}" for event, count in found.events().items())
    click.echo(f"clusters        {', '.join(events)}")
    if clusters and found.lineage:
        _show_lineage(found, results, limit)
    if overlap:
        _show_overlap(found, limit)


def _show_lineage(found: Comparison, results: Sequence[Mapping[str, Any]], limit: int) -> None:
    names_a, names_b = ({c["label"]: _name(c) for c in result["clusters"]} for result in results)
    are_terms = [any(c["terms"] for c in result["clusters"]) for result in results]
    rows = sorted(found.lineage, key=lambda row: row.jaccard or 0)  # births and deaths first; sorting keeps the order
    headers = [
        "event",
        "A",
        "B",
        "size A",
        "size B",
        "in common",
        "of A",
        "of B",
        "Jaccard",
        *(f"{which}'s {'terms' if has else 'medoid'}" for which, has in zip("AB", are_terms, strict=True)),
    ]
    cells = [
        [
            row.event,
            row.label_a,
            row.label_b,
            row.size_a,
            row.size_b,
            row.overlap,
            percent(row.share_of_a),
            percent(row.share_of_b),
            None if row.jaccard is None else round(row.jaccard, 3),
            names_a.get(row.label_a),
            names_b.get(row.label_b),
        ]
        for row in rows[:limit]
    ]
    click.echo()
    click.echo(table(headers, cells, spare=_SPARE if any(are_terms) else ()))
    if len(rows) > limit:
        click.echo(f"… and {len(rows) - limit:,} that changed less: --limit {len(rows)} shows all")


def _name(cluster: Mapping[str, Any]) -> Any:
    """What a cluster is called: its terms, or else its medoid."""
    name = name_of(cluster["terms"]) or cluster["medoid_text"] or medoid_of(cluster)
    return one_line(name, _TEXT_CHARACTERS) if isinstance(name, str) else name


def _show_overlap(found: Comparison, limit: int) -> None:
    rows = list(zip(*(column.tolist() for column in found.overlap), strict=True))
    largest = sorted(rows, key=lambda row: -row[2])
    click.echo()
    click.echo(table(["A", "B", "in common"], largest[:limit]))
    if len(rows) > limit:
        click.echo(f"… and {len(rows) - limit:,} smaller overlaps: --limit {len(rows)} shows all")
