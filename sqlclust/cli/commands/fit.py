"""sqlclust fit"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import click

from sqlclust import schema
from sqlclust.cli.database import (
    create_database,
    database_argument,
    no_file_for_nothing,
    open_database,
    read_database,
    upgrade,
)
from sqlclust.cli.fits import Fits, Selecting
from sqlclust.cli.fitting import all_to_fit
from sqlclust.cli.like import Like
from sqlclust.cli.logs import log_file_option, logger, logging_to
from sqlclust.cli.options import options_of
from sqlclust.cli.output import output_options, printable, write_dicts
from sqlclust.cli.parameters import parameter_values, parameters_option
from sqlclust.cli.results import RESULT_COLUMNS, next_steps, with_parameters
from sqlclust.cli.workers import WorkersSaid, opened_workers, workers_options, workers_said
from sqlclust.errors import (
    OptionError,
    WriteProtectedError,
)
from sqlclust.options import FitOptions, SourceOptions, parse
from sqlclust.options import names as option_names
from sqlclust.sources.registered_rows import is_registered
from sqlclust.sources.said import OF_COMMANDS, Said
from sqlclust.sqlite.database import Database
from sqlclust.sqlite.transactions import translated_errors
from sqlclust.store.embeddings.selection import models
from sqlclust.store.making import Keeping
from sqlclust.store.origins import found_by_name, source_to_fit
from sqlclust.store.sources.folder_source import folder_source
from sqlclust.store.sources.registered import into_another

_EPILOG = """\b
Examples:
  sqlclust fit notes.db
  sqlclust fit notes.db my-model --min-cluster-size 14 --epsilon 0.4
  sqlclust fit notes.db all --downsample 100 --log-file fit.log
  sqlclust fit notes.db my-model --like latest
  sqlclust fit notes.db my-model --where "content LIKE '%error%'"
  sqlclust fit llm.db llm:docs
  sqlclust fit large.db my-model --workers 4 --spool /scratch/large --memory 8GB
  sqlclust fit large.db my-vectors --folder vectors/ --workers 4 --spool /scratch/large
  sqlclust fit notes.db notes --table note --id slug --vector embedding --content body
  sqlclust fit /mnt/readonly/notes.db note --into clusters.db
"""

_OF_SOURCE = "source_"
"""Before the names of the options that say what a source is; `format` is one of a fit, too."""


@click.command("fit", epilog=_EPILOG)
@database_argument
@click.argument("model", metavar="[MODEL|SOURCE|all]", required=False)
@options_of(FitOptions)
@click.option(
    "--where",
    metavar="SQL",
    help="Only rows for which this condition holds, on columns of Embedding or of the source's table; with --table and the like "
    "it is kept with the source.",
)
@parameters_option("the condition")
@options_of(SourceOptions, prefix=_OF_SOURCE)
@click.option(
    "--folder",
    metavar="DIR",
    help="The vectors are in the .npy or Parquet files of this folder, by name; a row's id is its place among all rows, from 0. "
    "Of Parquet --id, --vector and --content name columns. A DB that is not there is made.",
)
@click.option(
    "--into", metavar="FILE", help="Write everything to another database, which is made if need be; DB is only read."
)
@click.option(
    "--store-fit/--no-store-fit",
    default=True,
    help="Keep the spanning tree, so that a fit of the same embeddings is quick; some 30 bytes a row.",
)
@click.option(
    "--neighbors/--no-neighbors",
    "store_neighbors",
    default=True,
    help="Keep with it who is near whom; 12 bytes a neighbour, of which there are min_samples + 5. --no-store-fit keeps none.",
)
@workers_options
@log_file_option
@output_options
def command(db: str, model: str | None, into: str | None, output: str | None, **told: Any) -> None:
    """Cluster the embeddings of a model, or of a table of another program where it is.

    All models and registered sources, one after the other, if none is named or "all"; one with fewer than two rows is skipped,
    and if one fails the others' results stay. Nothing is locked while it computes, and each result is written in one short
    transaction: whole or not at all. Results that are there stay.

    A SOURCE is a name that "sqlclust sources" lists, or a new one with --table and the like. Its vectors are read where they
    are, and its table is never written. Its name is kept with the first result; sqlclust's tables are added to the file if it
    has none, and a view "SOURCE_clusters" of the table's rows with their clusters.
    """
    fits = fit_named(db, model, into=into, quiet=output is not None, **told)
    _report(into or db, fits, output)
    fits.check()


def fit_named(
    db: str,
    model: str | None,
    *,
    where: str | None = None,
    parameters: tuple[tuple[str, str], ...] = (),
    folder: str | None = None,
    into: str | None = None,
    store_fit: bool = True,
    store_neighbors: bool = True,
    log_file: str | None = None,
    like: Like = None,
    quiet: bool,
    **options: Any,
) -> Fits:
    """What the command does, by the names of its parameters, but for the report.

    Raises:
        SqlclustError: of the only fit, or of what is before the first.
        click.UsageError
    """
    workers = workers_said(**{name: options.pop(name) for name in WorkersSaid._fields if name in options})
    said = Said(**{name: options.pop(f"{_OF_SOURCE}{name}", None) for name in option_names(SourceOptions)})
    try:
        parsed = parse(FitOptions, {**options, "like": None if isinstance(like, str) else like})
    except OptionError as error:
        raise click.UsageError(str(error)) from None
    names_source = said != Said() or into is not None or folder is not None
    if folder is not None and (into is not None or where is not None):
        raise click.UsageError(f"--folder goes without {'--into' if into is not None else '--where'}")
    if names_source and model in (None, "all"):
        raise click.UsageError(
            "--table and the like, --folder and --into go with the name of one source: sqlclust fit DB NAME …"
        )
    if workers is not None and model in (None, "all"):
        raise click.UsageError("--workers fit one model or source: sqlclust fit DB MODEL --workers …")
    if parameters and where is None and said == Said():
        raise click.UsageError("--param is a value for a placeholder of --where, and there is none")
    selecting = Selecting(where, parameter_values(parameters))
    made = folder is not None and not Path(db).exists()
    opened = _made(db) if made else _opened(db, into, model)
    with logging_to(log_file), opened_workers(workers) as distribution, opened as database:
        before = schema.version(database)
        source = None
        if model is None or model == "all":
            wanted = all_to_fit(database, db)
        else:
            wanted = [model]
            if folder is not None:
                with translated_errors(database, doing="looking for vectors"):
                    source = folder_source(database, model, folder, said, words=OF_COMMANDS)
            elif names_source:
                source = source_to_fit(
                    database,
                    model,
                    said,
                    host=None if into is None else db,
                    condition=where if said != Said() else None,
                    parameters=selecting.parameters if said != Said() else None,
                    words=OF_COMMANDS,
                )
            elif not is_registered(database, model):  # what is wrong with it is said in words of the command
                with translated_errors(database, doing="looking for embeddings"):
                    source = found_by_name(database, model, words=OF_COMMANDS)
            if said != Said():
                selecting = Selecting(None, {})  # the source's own
        logger.info("fit %s: %s", db, parsed)
        keeping = Keeping(store_fit, store_neighbors)
        how: dict[str, Any] = {"alone": len(wanted) == 1, "quiet": quiet, "distribution": distribution}
        fits = Fits(database, parsed, like, selecting, source, keeping=keeping, **how)
        for name in wanted:
            fits.add(name)
        if fits.results:
            fits.added = f"{db} was made" if made else _what_was_added(db, into, before, schema.version(database))
    return fits


@contextmanager
def _made(db: str) -> Iterator[Database]:
    """A new database, for vectors that are in none; without a result it goes again."""
    with no_file_for_nothing(db), create_database(db) as database:
        yield database


@contextmanager
def _opened(db: str, into: str | None, model: str | None) -> Iterator[Database]:
    """The database that results are written to; our tables in it, if there are any, are brought up to date."""
    if into is None:
        with ExitStack() as stack:
            try:
                database = stack.enter_context(open_database(db, tables=False))
            except WriteProtectedError as error:
                raise _advising_another_file(error, model) from None
            if schema.version(database) is not None:
                upgrade(database)
            yield database
        return
    if Path(into).exists() and Path(db).exists() and Path(into).samefile(db):
        raise click.UsageError("--into is DB itself; without --into everything is written there")
    with no_file_for_nothing(into), create_database(into) as database:
        if schema.version(database) is not None:
            upgrade(database)
        yield database


def _advising_another_file(error: WriteProtectedError, model: str | None) -> WriteProtectedError:
    """The same error, or one that names --into where a source is to be fitted."""
    with read_database(error.path, tables=False) as database:
        ours = [name for name, _ in models(database)] if schema.version(database) is not None else []
    if model in (None, "all", *ours):
        return error
    return WriteProtectedError(error.path, reason=f"{error.reason}. {into_another(error.path, str(model))}")


def _what_was_added(db: str, into: str | None, before: int | None, after: int | None) -> str | None:
    """Of a file that had no tables of ours, or older ones: a line for people."""
    if into is not None:
        return f"everything is in {into}; {db} was only read"
    if before is None and after is not None:
        return f"sqlclust's tables were added to {db}; its other tables were only read"
    if before != after:
        return f"sqlclust's tables in {db} were upgraded from version {before} to {after}"
    return None


def _report(db: str, fits: Fits, output: str | None) -> None:
    """The results for programs, or how people go on."""
    if output:
        write_dicts(output, with_parameters(fits.results), RESULT_COLUMNS)
    elif fits.results:
        click.echo(f"  {printable(fits.added)}\n" if fits.added else "")
        click.echo(next_steps(db, fits.results[-1]["id"], view=fits.last_view))
