"""sqlclust sweep"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

from sqlclust.cli.database import database_argument, read_database
from sqlclust.cli.options import lists_of, short_name
from sqlclust.cli.output import output_options, printable, table, write_dicts
from sqlclust.cli.progress import ProgressLine
from sqlclust.cli.results import percent
from sqlclust.errors import OptionError
from sqlclust.options import StoredFitOptions
from sqlclust.store.fits.loading import describe_fit, resolve_fit
from sqlclust.store.sweep import sweep

_EPILOG = """\b
Examples:
  sqlclust sweep notes.db latest --min-cluster-size 5,10,20,40,80
  sqlclust sweep notes.db 1 --min-cluster-size 10,20 --epsilon 0,0.1,0.2 --method eom,leaf
  sqlclust sweep notes.db 1 --min-samples 3,5,10,15
  sqlclust sweep notes.db 1 --epsilon 0,0.1,0.2,0.3 --csv > sweep.csv
"""
_CLIFF = 0.5


@click.command("sweep", epilog=_EPILOG)
@database_argument
@click.argument("fit", metavar="[FIT|latest]", default="latest")
@lists_of(StoredFitOptions)
@output_options
def command(db: str, fit: str, output: str | None, **options: Any) -> None:
    """Try many parameters on a stored fit.

    A row for every combination of the values given, the last option changing fastest; nothing is written and no neighbour is
    looked for again. FIT is the id of a ClusteringFit; the latest one by default. "like above" is how far the labels
    agree with the row above (adjusted Rand index): where it falls, a small change of a parameter changes much. Validity
    compares rows of one sweep only.

    Vectors are read only for a --min-samples that is smaller than the fit's: once, and a tree is made for each.
    """
    given = {name: values for name, values in options.items() if values is not None}
    with read_database(db) as database, ProgressLine() as progress:
        fit_id = resolve_fit(database, fit)
        described = describe_fit(database, fit_id)
        try:
            rows = sweep(database, fit_id, given, progress)
        except OptionError as error:
            raise click.UsageError(str(error)) from None
    if output:
        write_dicts(output, rows)
        return
    if fit != "latest":  # results are counted on their own: is it the one that was meant?
        click.echo(printable(f"fit {fit_id}: {described}"))
        click.echo()
    click.echo(_table(list(given) or ["min_cluster_size"], rows))
    if any(map(_is_cliff, rows)):
        click.echo(f"\n<<< unlike the row above: their labels agree by less than {_CLIFF}")


def _is_cliff(row: Mapping[str, Any]) -> bool:
    return row["ari_previous"] is not None and row["ari_previous"] < _CLIFF


def _table(varied: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> str:
    headers = [short_name(name) for name in varied]
    return table(
        [*headers, "clusters", "noise", "largest", "persistence", "validity", "like above", ""],
        [
            [
                *(str(row[name]).lower() if isinstance(row[name], bool) else row[name] for name in varied),
                row["n_clusters"],
                percent(row["noise_share"]),
                percent(row["largest_share"]),
                _rounded(row["mean_persistence"]),
                _rounded(row["relative_validity"]),
                _rounded(row["ari_previous"]),
                "<<<" if _is_cliff(row) else "",
            ]
            for row in rows
        ],
    )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
