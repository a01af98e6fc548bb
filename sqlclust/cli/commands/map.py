"""sqlclust map"""

from __future__ import annotations

from shlex import quote

import click

from sqlclust.cli.database import database_argument, open_database
from sqlclust.cli.options import options_of
from sqlclust.cli.output import output_options, printable, write_rows
from sqlclust.cli.progress import ProgressLine
from sqlclust.cli.results import in_quotes
from sqlclust.errors import ResultWithoutFitError
from sqlclust.options import MapMethod, MapOptions
from sqlclust.sqlite.database import Database
from sqlclust.store.fits.loading import describe_fit, fit_of_result, resolve_fit
from sqlclust.store.maps import map_of
from sqlclust.store.results.listing import resolve_result

_EPILOG = """\b
Examples:
  sqlclust map notes.db
  sqlclust map notes.db 1 --method pca
  sqlclust map notes.db --csv > map.csv
"""
_COLUMNS = ("id", "x", "y", "method")


@click.command("map", epilog=_EPILOG)
@database_argument
@click.argument("fit", metavar="[FIT|latest]", default="latest")
@options_of(MapOptions)
@output_options
def command(db: str, fit: str, method: MapMethod, output: str | None) -> None:
    """Lay a fit's embeddings out in the plane, to look at them.

    FIT is the id of a ClusteringFit; that of the latest result by default. The map is made once and kept with the fit;
    clust_map reads it. It is made by t-SNE of the neighbours that are kept with the fit, which takes a minute for 100,000 rows
    and needs openTSNE (pip install 'sqlclust[pictures]'); without these by PCA, which takes seconds and shows less. A map by PCA
    is replaced once t-SNE can be had. --json, --nl and --csv give the map: id, x, y and method.
    """
    with open_database(db) as database, ProgressLine() as progress:
        fit_id = _fit_of(database, fit)
        described = describe_fit(database, fit_id)
        made = map_of(database, fit_id, method, progress=progress)
    found = made.map
    if output:
        write_rows(
            output,
            _COLUMNS,
            ((row_id, x, y, found.method) for row_id, (x, y) in zip(found.ids, found.xy.tolist(), strict=True)),
        )
        return
    was = "map made" if made.is_new else "the map is there already, made"
    click.echo(printable(f"fit {fit_id}: {described}: {was} by {found.method}"))
    if made.remark:
        click.echo(printable(f"  not by t-SNE: {made.remark}"))
    click.echo(f"Next: sqlclust query {quote(db)} {in_quotes(f'SELECT id, x, y FROM clust_map({fit_id})')}")


def _fit_of(database: Database, which: str) -> int:
    """The fit that is meant: by id, or that of the latest result.

    Raises:
        UnknownFitError, UnknownResultError
        ResultWithoutFitError: the latest result has none.
    """
    if which != "latest":
        return resolve_fit(database, which)
    result_id = resolve_result(database, which)
    fit_id = fit_of_result(database, result_id)
    if fit_id is None:
        raise ResultWithoutFitError(result_id)
    return fit_id
