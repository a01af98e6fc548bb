"""sqlclust predict"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from sqlclust.cli.database import database_argument, open_database, read_database
from sqlclust.cli.dimensions import dimension_columns, vector_columns_option
from sqlclust.cli.output import output_options, table, write_dicts
from sqlclust.cli.progress import ProgressLine
from sqlclust.cli.readers.files import FILE_FORMATS, Columns, InputFile, Record, Skipped, opened, read
from sqlclust.cli.readers.ids import ID_TYPES, IdType, with_text_id
from sqlclust.cli.skipped import report_skipped
from sqlclust.core.clusters.labels import NOISE
from sqlclust.core.clusters.prediction import Prediction
from sqlclust.errors import InputFileError, PointsError, SqlclustError
from sqlclust.sources.registered_rows import is_registered
from sqlclust.store import prediction as store
from sqlclust.store.embeddings.collecting import PointsBuilder
from sqlclust.store.embeddings.points import Points
from sqlclust.store.results.listing import resolve_result
from sqlclust.vectors.formats import FORMAT_NAMES, FormatName

_EPILOG = """\b
Examples:
  sqlclust predict notes.db
  sqlclust predict notes.db 3 --store
  sqlclust predict notes.db 3 new.npy --ids new-ids.txt --csv > labels.csv
"""
_DEFAULT_LIMIT = 20
_COLUMNS = ("id", "label", "probability", "neighbor_id", "distance")
_FILE = click.Path(readable=False, path_type=Path)


@click.command("predict", epilog=_EPILOG)
@database_argument
@click.argument("result", metavar="[ID|latest]", default="latest")
@click.argument("file", metavar="[FILE]", required=False, type=_FILE)
@click.option("--store", "stored", is_flag=True, help="Write them to the table EmbeddingPrediction, beside the result.")
@click.option("--ids", type=_FILE, help="Ids for the rows of an array: .txt (one a line), .json (a list) or .npy.")
@click.option("--id-column", default="id", help="Column or key of the ids in FILE.")
@click.option(
    "--id-type", type=click.Choice(ID_TYPES), show_default="as for sqlclust load", help="What all ids of FILE become."
)
@click.option("--vector-column", default="vector", help="Column or key of the vectors in FILE.")
@vector_columns_option
@click.option(
    "--vector-format",
    type=click.Choice(FORMAT_NAMES),
    show_default="JSON arrays, and an array's own numbers",
    help="Format of the vectors in FILE: of BLOBs, in base64 or not, or of the bytes of an array.",
)
@click.option(
    "--format", "format", type=click.Choice(FILE_FORMATS), show_default="by its ending or content", help="What FILE is."
)
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    show_default="20 in the table, all in the other formats",
    help="Embeddings to show.",
)
@output_options
def command(
    db: str,
    result: str,
    file: Path | None,
    stored: bool,
    ids: Path | None,
    id_column: str,
    id_type: IdType | None,
    vector_column: str,
    vector_columns: str | None,
    vector_format: FormatName | None,
    format: str | None,
    limit: int | None,
    output: str | None,
) -> None:
    """Find clusters for embeddings that are not in a result.

    The embeddings of the result's model that came after it, or those in FILE (as for "sqlclust load"; rows without an id are
    numbered). They get a label by all the parameters of the result; its clusters do not change. The result is the latest
    by default, and needs its stored fit.
    """
    if stored and file:
        raise click.UsageError("--store is for embeddings that are in the database; load FILE first")
    if ids and not file:
        raise click.UsageError("--ids goes with FILE")
    columns = Columns(
        id=id_column,
        vector=vector_column,
        dimensions=dimension_columns(vector_columns, id_column, vector_column, vector_format),
    )
    named: str | None = None
    with (open_database if stored else read_database)(db) as database, ProgressLine() as progress:
        recovered = store.recover(database, resolve_result(database, result), progress)
        if file:
            with opened(file) as given:
                input_file = read(
                    given, ids=ids, columns=columns, format=format, id_type=id_type, vector_format=vector_format
                )
                members_are_text = all(isinstance(member, str) for member in recovered.points.ids)
                as_text = members_are_text and input_file.id_types.get("id") == "integer"
                named = str(given)
                points = _points_of(named, input_file, as_text=as_text)
        else:
            points = store.others(database, recovered)
        with _named(named):
            found = store.predict(database, recovered, points, progress)
        is_source = is_registered(database, recovered.stored.record.embedding_model)
        if stored and len(points):
            store.store(database, recovered, points, found)
    rows = _predicted_rows(recovered, points, found)
    if output:
        write_dicts(output, rows[:limit], _COLUMNS)
        return
    _show(rows, recovered, limit or _DEFAULT_LIMIT, is_source=is_source)
    if stored and rows:
        click.echo(f"\nWritten to EmbeddingPrediction, clustering_result_id {recovered.id}")


@contextmanager
def _named(file: str | None) -> Iterator[None]:
    """What is wrong with points is said with the file that they are from."""
    try:
        yield
    except PointsError as error:
        raise SqlclustError(f"{file}: {error}" if file else str(error)) from error


def _predicted_rows(recovered: store.Recovered, points: Points, found: Prediction) -> list[dict[str, Any]]:
    """A row for each point, in the order of ids."""
    neighbors = [recovered.points.ids[row] for row in found.neighbors.tolist()]
    columns = (points.ids, found.labels.tolist(), found.probabilities.tolist(), neighbors, found.distances.tolist())
    rows = [dict(zip(_COLUMNS, row, strict=True)) for row in zip(*columns, strict=True)]
    return [rows[row] for row in points.order.tolist()]


def _points_of(file: str, input_file: InputFile, *, as_text: bool) -> Points:
    """The points in a file; `as_text`: its ids were told to be integers, and those of the result are TEXT."""
    builder = PointsBuilder(format="float32")
    skipped: list[Skipped] = []
    number = 0
    with _named(file):
        for number, row in enumerate(input_file.rows, start=1):
            if as_text and isinstance(row, Record):
                row = with_text_id(row, number)
            if isinstance(row, Skipped):
                skipped.append(row)
            else:
                builder.add(number if row.id is None else row.id, row.vector)
        points = builder.finish()
    report_skipped(file, skipped)
    if not len(points):
        raise InputFileError(file, reason=f"none of its {number:,} rows can be used")
    input_file.narrowing.warn()
    return points


def _show(rows: Sequence[dict[str, Any]], recovered: store.Recovered, limit: int, *, is_source: bool) -> None:
    model = recovered.stored.record.embedding_model
    if not rows:
        whole = "row of source" if is_source else "embedding of model"
        click.echo(f"every {whole} {model!r} is in result {recovered.id}")
        return
    labels = Counter(row["label"] for row in rows)
    noise = labels.pop(NOISE, 0)
    embeddings = "1 embedding" if len(rows) == 1 else f"{len(rows):,} embeddings"
    clusters = "1 cluster" if len(labels) == 1 else f"{len(labels):,} clusters"
    click.echo(f"{embeddings} by result {recovered.id}: {len(rows) - noise:,} in {clusters}, {noise:,} noise\n")
    cells = [
        (*list(row.values())[:2], round(row["probability"], 3), row["neighbor_id"], row["distance"])
        for row in rows[:limit]
    ]
    click.echo(table(("id", "label", "probability", "nearest member", "distance"), cells))
    if len(rows) > limit:
        click.echo(f"… and {len(rows) - limit:,} more: --limit {len(rows)} shows all")
