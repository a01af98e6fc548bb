"""The option --vector-columns, of the commands that read files."""

from __future__ import annotations

import click

from sqlclust.cli.output import Command
from sqlclust.cli.readers.files import DimensionColumns
from sqlclust.vectors.formats import FormatName


def vector_columns_option(command: Command) -> Command:
    """Adds it."""
    return click.option(
        "--vector-columns",
        metavar="PATTERN",
        help="Columns or keys of which each is a dimension: 'dim_*', where * is its number from 0 or 1, or names with commas.",
    )(command)


def dimension_columns(
    said: str | None, id_column: str, vector_column: str, vector_format: FormatName | None
) -> DimensionColumns | None:
    """What it says.

    Raises:
        click.UsageError: other options say how a vector in one column is read, or one of the columns is that of the ids.
    """
    if said is None:
        return None
    if vector_column != "vector" or vector_format is not None:
        raise click.UsageError("--vector-columns goes without --vector-column and --vector-format")
    if not said:
        raise click.BadParameter("it is empty", param_hint="--vector-columns")
    columns = DimensionColumns(said)
    if columns.may_be(id_column):
        raise click.UsageError(f"--vector-columns {said!r} has the column of the ids, {id_column!r} (see --id-column)")
    return columns
