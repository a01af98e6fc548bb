"""sqlclust fit"""

from __future__ import annotations

from shlex import quote
from typing import Any, NoReturn

import click

from sqlclust.cli.database import database_argument, open_database
from sqlclust.cli.logs import PhaseLog, log_file_option, logger, logging_to
from sqlclust.cli.options import options_of
from sqlclust.cli.output import output_options, printable, write_dicts
from sqlclust.cli.progress import ProgressLine
from sqlclust.cli.results import RESULT_COLUMNS, next_steps, summary, with_parameters
from sqlclust.errors import FilterError, Interrupted, OptionError, SqlclustError, TooFewRowsError, UnknownModelError
from sqlclust.options import FitOptions, parse
from sqlclust.sqlite import statements
from sqlclust.sqlite.database import Database
from sqlclust.store.embeddings.selection import models
from sqlclust.store.fit import fit
from sqlclust.store.results.listing import reused_fit, summarize_result
from sqlclust.vectors.blobs import ITEM_BYTES

_EPILOG = """\b
Examples:
  sqlclust fit notes.db
  sqlclust fit notes.db my-model --min-cluster-size 14 --epsilon 0.4
  sqlclust fit notes.db all --downsample 100 --log-file fit.log
  sqlclust fit notes.db my-model --where "content LIKE '%error%'"
"""


@click.command("fit", epilog=_EPILOG)
@database_argument
@click.argument("model", metavar="[MODEL|all]", required=False)
@options_of(FitOptions)
@click.option("--where", metavar="SQL", help="Only embeddings for which this condition on columns of Embedding holds.")
@click.option(
    "--store-fit/--no-store-fit",
    default=True,
    help="Keep the spanning tree, so that a fit of the same embeddings is quick; some 30 bytes a row.",
)
@log_file_option
@output_options
def command(
    db: str,
    model: str | None,
    where: str | None,
    store_fit: bool,
    log_file: str | None,
    output: str | None,
    **options: Any,
) -> None:
    """Cluster the embeddings of a model.

    All models, one after the other, if MODEL is "all" or not given; one with fewer than two rows is skipped, and if one
    fails the others' results stay. Nothing is locked while it computes, and each result is written in one short
    transaction: whole or not at all. Results that are there stay.
    """
    try:
        parsed = parse(FitOptions, options)
    except OptionError as error:
        raise click.UsageError(str(error)) from None
    results: list[dict[str, Any]] = []
    failed = 0
    with logging_to(log_file), open_database(db) as database:
        counts = dict(models(database))
        if not counts:
            raise SqlclustError(f"no embeddings in {db} yet; load some: sqlclust load {quote(db)} FILE --model NAME")
        wanted = [model] if model not in (None, "all") else list(counts)
        logger.info("fit %s: %s", db, parsed)
        for name in map(str, wanted):
            if name not in counts:
                raise UnknownModelError(name, known=list(counts))
            try:
                result, fit_id = _fit(database, name, parsed, where=where, store_fit=store_fit, titled=len(wanted) > 1)
            except TooFewRowsError as error:
                if len(wanted) == 1:
                    raise
                logger.info("skipped: %s", error)
                click.echo(printable(f"skipped: {error}"), err=True)
            except FilterError:
                raise  # as wrong for the next model
            except (KeyboardInterrupt, Interrupted):
                _interrupted(name, results)
            except SqlclustError as error:
                if len(wanted) == 1:
                    raise
                failed += 1
                logger.exception("%s: %s", name, error) if log_file else None
                click.echo(printable(f"Error: {name}: {error}"), err=True)
            else:
                results.append(result)
                if not output:
                    click.echo(summary(result))
                    if fit_id is not None:
                        click.echo(f"  stored fit {fit_id} was reused: same embeddings and settings")
    if output:
        write_dicts(output, with_parameters(results), RESULT_COLUMNS)
    elif results:
        click.echo()
        click.echo(next_steps(db, results[-1]["id"]))
    if failed or not results:
        raise SqlclustError(
            f"{failed:,} of {len(wanted):,} models failed" if failed else "no model has two rows to cluster"
        )


def _fit(
    database: Database,
    model: str,
    options: FitOptions,
    *,
    where: str | None,
    store_fit: bool,
    titled: bool,
) -> tuple[dict[str, Any], int | None]:
    """The result, and the stored fit that was used again for it."""
    log = PhaseLog()
    logger.info("%s: started", model)
    _announce(database, model, options, where=where)
    with ProgressLine(model if titled else "") as progress:

        def report(phase: str, fraction: float) -> None:
            log(phase, fraction)
            progress(phase, fraction)

        result_id = fit(database, model, options, where=where, progress=report, store_fit=store_fit)
    log.finish()
    return summarize_result(database, result_id), reused_fit(database, result_id)


_LONG = 60.0
"""Seconds beyond which a fit is announced with how long it may take."""


def _announce(database: Database, model: str, options: FitOptions, *, where: str | None) -> None:
    """Say how long a long fit may take and how to get the other engine. A filter may make it shorter."""
    from sqlclust.core.cost import fit_seconds, multiplications_per_second

    n = dict(models(database))[model] // options.downsample
    length = statements.value(
        database, "SELECT length(vector) FROM Embedding WHERE embedding_model = ? LIMIT 1", (model,)
    )
    dimension = length // ITEM_BYTES
    engine = options.resolved(n, dimension).engine
    speed = multiplications_per_second()
    seconds = fit_seconds(n, dimension, engine, multiplications_per_second=speed)
    if seconds < _LONG:
        return
    other = "exact" if engine == "approximate" else "approximate"
    otherwise = fit_seconds(n, dimension, other, multiplications_per_second=speed)
    most = "at most " if where is not None else ""
    click.echo(
        f"{printable(model)}: {most}{n:,} rows of {dimension} dimensions, about {duration(seconds)} with the {engine} engine"
        f" (--engine {other}: about {duration(otherwise)})",
        err=True,
    )


def duration(seconds: float) -> str:
    """A rough duration for people: 40 s, 12 min, 3.5 h."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _interrupted(model: str, results: list[dict[str, Any]]) -> NoReturn:
    """The results before it are there; the group says it where there are none."""
    if not results:
        raise KeyboardInterrupt
    done = ", ".join(str(result["id"]) for result in results)
    click.echo(f"Interrupted; nothing of {model} was written (results before it: {done})", err=True)
    raise SystemExit(130)
