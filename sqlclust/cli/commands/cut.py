"""sqlclust cut"""

from __future__ import annotations

from typing import Any

import click

from sqlclust.cli.database import database_argument, open_database
from sqlclust.cli.like import Like, resolve_like, say_what_is_like
from sqlclust.cli.options import options_of
from sqlclust.cli.output import output_options, write_dicts
from sqlclust.cli.progress import ProgressLine
from sqlclust.cli.results import RESULT_COLUMNS, next_steps, summary, with_parameters
from sqlclust.errors import OptionError
from sqlclust.options import LabelsOptions, parse
from sqlclust.sources.registered_rows import is_registered
from sqlclust.store.cut import cut
from sqlclust.store.fits.loading import fit_of_result, model_of_fit, resolve_fit
from sqlclust.store.results.listing import reused_fit, summarize_result
from sqlclust.store.sources.clusters_view import view_name

_EPILOG = """\b
Examples:
  sqlclust cut notes.db 1 --min-cluster-size 30
  sqlclust cut notes.db latest --method leaf --epsilon 0.4
  sqlclust cut notes.db 1 --min-samples 5
  sqlclust cut notes.db latest --min-cluster-size 30 --like latest
"""


@click.command("cut", epilog=_EPILOG)
@database_argument
@click.argument("fit", metavar="[FIT|latest]", default="latest")
@options_of(LabelsOptions)
@output_options
def command(db: str, fit: str, like: Like, output: str | None, **options: Any) -> None:
    """Make other clusters of a stored fit.

    FIT is the id of a ClusteringFit; the latest one by default. The result is a new one, and the one that a fresh fit with
    these options would give, row for row; but neighbours are not looked for again. A smaller --min-samples than the fit's makes
    a fit of its own from the neighbours that are kept with an exact one; predictions and cuts go on from that. A larger one,
    another --metric and the like need a new fit: "sqlclust fit", where --min-samples follows --min-cluster-size unless it is
    given; here it is the fit's.
    """
    try:
        parse(LabelsOptions, {**options, "like": None if isinstance(like, str) else like})
    except OptionError as error:
        raise click.UsageError(str(error)) from None
    with open_database(db) as database, ProgressLine() as progress:
        fit_id = resolve_fit(database, fit)
        model = model_of_fit(database, fit_id)
        options["like"] = resolve_like(database, like, model)
        result_id = cut(database, fit_id, options, progress)
        result = summarize_result(database, result_id)
        own_fit, reused = fit_of_result(database, result_id), reused_fit(database, result_id)
        view = view_name(model) if is_registered(database, model) else None
        if not output:
            click.echo(summary(result))
            if own_fit != fit_id:
                how = "made from the neighbours of" if reused is None else "stored already, of the same embeddings as"
                click.echo(f"  fit {own_fit}, with min_samples {options['min_samples']}: {how} fit {fit_id}")
            say_what_is_like(like, database, result)
    if output:
        write_dicts(output, with_parameters([result]), RESULT_COLUMNS)
        return
    click.echo()
    click.echo(next_steps(db, result_id, view=view))
