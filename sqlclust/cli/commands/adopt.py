"""sqlclust adopt"""

from __future__ import annotations

import time
from pathlib import Path
from shlex import quote
from typing import Any

import click

from sqlclust.adoption.adoption import Adoption, adopt_from, adopt_in_place
from sqlclust.cli.database import (
    create_database,
    database_argument,
    no_file_for_nothing,
    open_database,
    read_database,
)
from sqlclust.cli.output import cell_text, one_line, output_options, printable, write_dicts
from sqlclust.cli.progress import ProgressLine
from sqlclust.cli.results import seconds

_EPILOG = """\b
Examples:
  sqlclust adopt panic.db --dry-run
  sqlclust adopt panic.db embeddings.db
  sqlclust adopt panic.db --replace
"""
_COLUMNS = ("table", "n", "old_id", "id", "adopted", "reason", "remedy")
_CHARACTERS = 400


@click.command("adopt", epilog=_EPILOG)
@database_argument
@click.argument("new", required=False, type=click.Path(readable=False))
@click.option("--replace", is_flag=True, help="Put our tables in the place of the old ones in DB, after a backup.")
@click.option(
    "--backup", type=click.Path(), help="The backup of --replace; a new file beside DB if not given.", metavar="FILE"
)
@click.option("--dry-run", is_flag=True, help="Say what would go over, what would not, and the space it takes.")
@output_options
def command(db: str, new: str | None, replace: bool, backup: str | None, dry_run: bool, output: str | None) -> None:
    """Move in from the project panic-tda.

    DB has its tables (embedding, clusteringresult, … or embeddings, clustering_results, …). Runs, invocations and
    embeddings go over with their ids, and results with their medoids and parameters, if all their ids are still what they
    were; the rest is listed, with the reason. All of it in one transaction, or nothing.

    With NEW, a new file is made and DB is only read. Without, our tables come into DB: beside the old ones, if those have
    the later, plural names; with --replace in the place of the old ones, which are dropped. Their other columns and the rows
    that did not go over are then in the backup only.
    """
    if new is not None and replace:
        raise click.UsageError("--replace is for DB itself; NEW is a new file")
    if backup is not None and not replace:
        raise click.UsageError("--backup goes with --replace")
    started = time.monotonic()
    with ProgressLine("adopt") as progress:
        if new is not None:
            adoption = _into_new_file(db, new, dry_run, progress)
        else:
            with (read_database if dry_run else open_database)(db, tables=False) as database:
                adoption = adopt_in_place(database, replace=replace, backup=backup, dry_run=dry_run, progress=progress)
    if output:
        if adoption.backup:
            click.echo(f"backup: {adoption.backup}", err=True)
        write_dicts(output, _moved_and_left(adoption), _COLUMNS)
        return
    click.echo(printable(f"{db}{f' → {new}' if new else ''}{': a dry run' if dry_run else ''}"))
    for line in _lines(adoption):
        click.echo(f"  {line}")
    if dry_run:
        click.echo(f"needs about {adoption.bytes_needed / 1e6:,.1f} MB on disk; nothing was written")
    else:
        took = seconds(time.monotonic() - started)
        click.echo(f"done ({took}). Next: sqlclust list {quote(new or db)}; sqlclust doctor {quote(new or db)}")


def _into_new_file(db: str, new: str, dry_run: bool, progress: ProgressLine) -> Adoption:
    with read_database(db, tables=False) as old:
        if dry_run and not Path(new).exists():
            with create_database(":memory:") as nothing:
                return adopt_from(nothing, old, dry_run=True, progress=progress)
        with no_file_for_nothing(new), create_database(new) as database:
            return adopt_from(database, old, dry_run=dry_run, progress=progress)


def _moved_and_left(adoption: Adoption) -> list[dict[str, Any]]:
    """One row for each kind of rows, each result, and each reason why something did not go over."""
    nothing: dict[str, Any] = dict.fromkeys(_COLUMNS)
    counted = (("Run", adoption.runs), ("Invocation", adoption.invocations), ("Embedding", adoption.embeddings))
    rows = [{**nothing, "table": name, "n": n, "adopted": True} for name, n in counted]
    for result in adoption.results:
        its = {"table": "ClusteringResult", "n": result.n_rows, "old_id": result.old_id, "id": result.id}
        rows.append({**nothing, **its, "adopted": True})
    for left in adoption.left:
        its = {"table": left.table, "n": left.n, "old_id": left.example, "reason": left.reason, "remedy": left.remedy}
        rows.append({**nothing, **its, "adopted": False})
    return rows


def _lines(adoption: Adoption) -> list[str]:
    lines = [
        f"{adoption.runs:,} runs, {adoption.invocations:,} invocations, {adoption.embeddings:,} embeddings",
        *(
            f"result {cell_text(result.old_id)} → {result.id or '…'}: {one_line(result.embedding_model)}, "
            f"{result.n_rows:,} rows in {result.n_clusters:,} clusters"
            for result in adoption.results
        ),
    ]
    for left in adoption.left:
        example = "" if left.example is None else f", for example {cell_text(left.example)}"
        lines.append(f"left out: {one_line(left.table)}: {left.n:,}{example}")
        lines.append(f"          {one_line(left.reason, _CHARACTERS)}")
        lines.append(f"          to do: {one_line(left.remedy, _CHARACTERS)}")
    for name, columns in adoption.columns_left.items():
        lines.append(f"columns left out: {one_line(name)}: {one_line(', '.join(columns), _CHARACTERS)}")
    if adoption.backup:
        lines.append(f"backup: {printable(adoption.backup)}")
    return lines
