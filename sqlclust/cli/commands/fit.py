"""sqlclust fit"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import click

from sqlclust.cli.bringing_in import bringing_in, first_to_bring_in
from sqlclust.cli.database import database_argument, open_database, read_database
from sqlclust.cli.logs import PhaseLog, log_file_option, logger, logging_to
from sqlclust.cli.options import options_of
from sqlclust.cli.output import output_options, printable, write_dicts
from sqlclust.cli.progress import ProgressLine
from sqlclust.cli.results import RESULT_COLUMNS, next_steps, summary, with_parameters
from sqlclust.core.engines import ENGINES, engine_of
from sqlclust.errors import (
    FilterError,
    Interrupted,
    OptionError,
    SchemaMissingError,
    SqlclustError,
    TooFewRowsError,
    UnknownModelError,
)
from sqlclust.options import FitOptions, parse
from sqlclust.sources import find_sources
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
    with logging_to(log_file), _database_to_fit(db, model) as database:
        there = [name for name, _ in models(database)]
        if not there:
            command = bringing_in(db, first_to_bring_in(find_sources(database), model), ours=True)
            raise SqlclustError(f"no embeddings in {db} yet; load some: {command}")
        logger.info("fit %s: %s", db, parsed)
        wanted = _wanted(database, db, model, there)
        fits = _Fits(
            database, parsed, where=where, store_fit=store_fit, alone=len(wanted) == 1, quiet=output is not None
        )
        for name in wanted:
            fits.add(name)
    _report(db, fits, output)
    if fits.failed or not fits.results:
        raise SqlclustError(
            f"{fits.failed:,} of {len(wanted):,} models failed" if fits.failed else "no model has two rows to cluster"
        )


@contextmanager
def _database_to_fit(db: str, model: str | None) -> Iterator[Database]:
    """As `open_database`. Of a database without our tables that has vectors it is said how they are brought in."""
    try:
        with open_database(db) as database:
            yield database
    except SchemaMissingError:
        with read_database(db, tables=False) as theirs:
            source = first_to_bring_in(find_sources(theirs), model)
        if source is None:
            raise
        command = bringing_in(db, source, ours=False)
        raise SqlclustError(
            f"{db} has no sqlclust tables; to copy its vectors into another database: {command}"
        ) from None


def _wanted(database: Database, db: str, model: str | None, there: list[str]) -> list[str]:
    """The models to fit.

    Raises:
        UnknownModelError: the one that was named is not there.
        SqlclustError: it is a source that has not been copied.
    """
    if model in (None, "all"):
        return there
    if model not in there:
        source = first_to_bring_in(find_sources(database), model)
        if source is not None and source.name == model:
            command = bringing_in(db, source, ours=True)
            raise SqlclustError(f"{model!r} is not a model yet, but vectors of another program; copy them: {command}")
        raise UnknownModelError(model, known=there)
    return [model]


def _report(db: str, fits: _Fits, output: str | None) -> None:
    """The results for programs, or how people go on."""
    if output:
        write_dicts(output, with_parameters(fits.results), RESULT_COLUMNS)
    elif fits.results:
        click.echo()
        click.echo(next_steps(db, fits.results[-1]["id"]))


class _Fits:
    """Fits of models, one after the other. If one of several fails, the others go on.

    Attributes:
        results: of those that are done.
        failed: how many failed; those with too few rows do not count.
    """

    def __init__(
        self, database: Database, options: FitOptions, *, where: str | None, store_fit: bool, alone: bool, quiet: bool
    ) -> None:
        self._database, self._options, self._where, self._store_fit = database, options, where, store_fit
        self._alone, self._quiet = alone, quiet
        self.results: list[dict[str, Any]] = []
        self.failed = 0

    def add(self, model: str) -> None:
        """Fit one more model and say what came of it.

        Raises:
            SqlclustError: it is the only one, or the filter is wrong, which it would be for the next model too.
            SystemExit, KeyboardInterrupt: stopped.
        """
        try:
            result, fit_id = self._fit(model)
        except FilterError:
            raise
        except (KeyboardInterrupt, Interrupted):
            _interrupted(model, self.results)
        except SqlclustError as error:
            if self._alone:
                raise
            self._go_on_after(error, model)
        else:
            self._done(result, fit_id)

    def _fit(self, model: str) -> tuple[dict[str, Any], int | None]:
        """The result, and the stored fit that was used again for it."""
        logger.info("%s: started", model)
        _announce(self._database, model, self._options, where=self._where)
        log = PhaseLog()
        with ProgressLine("" if self._alone else model) as progress:

            def report(phase: str, fraction: float) -> None:
                log(phase, fraction)
                progress(phase, fraction)

            result_id = fit(
                self._database, model, self._options, where=self._where, progress=report, store_fit=self._store_fit
            )
        log.finish()
        return summarize_result(self._database, result_id), reused_fit(self._database, result_id)

    def _go_on_after(self, error: SqlclustError, model: str) -> None:
        if isinstance(error, TooFewRowsError):
            logger.info("skipped: %s", error)
            click.echo(printable(f"skipped: {error}"), err=True)
            return
        self.failed += 1
        logger.error("%s: %s", model, error, exc_info=error)
        click.echo(printable(f"Error: {model}: {error}"), err=True)

    def _done(self, result: dict[str, Any], fit_id: int | None) -> None:
        self.results.append(result)
        if not self._quiet:
            click.echo(summary(result))
            if fit_id is not None:
                click.echo(f"  stored fit {fit_id} was reused: same embeddings and settings")


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
    other = next(name for name in ENGINES if engine_of(name).exact != engine_of(engine).exact)
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
