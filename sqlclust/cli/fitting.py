"""Before a fit: what is fitted, and how long a long one may take."""

from __future__ import annotations

from collections.abc import Sequence

import click

from sqlclust import schema
from sqlclust.cli.beginning import first_command, first_source
from sqlclust.cli.output import printable
from sqlclust.core.engines import ENGINES, engine_of
from sqlclust.errors import SchemaMissingError, SqlclustError, UnknownModelError
from sqlclust.options import FitOptions
from sqlclust.sources import Source, find_sources
from sqlclust.sources.registered_rows import all_registered, registered
from sqlclust.sqlite import statements
from sqlclust.sqlite.database import Database
from sqlclust.sqlite.layout import read_layout
from sqlclust.sqlite.transactions import translated_errors
from sqlclust.store.embeddings.selection import models
from sqlclust.vectors.blobs import ITEM_BYTES


def models_to_fit(database: Database, db: str, model: str | None) -> list[str]:
    """The models and sources to fit.

    Raises:
        UnknownModelError: the one that was named is not there.
        SqlclustError: there is nothing to fit.
    """
    with translated_errors(database, doing="looking for embeddings"):
        has_tables = schema.version(database) is not None
        ready = [name for name, _ in models(database)] if has_tables else []
        ready += [kept.name for kept in all_registered(database) if kept.name not in ready]
        if model in (None, "all"):
            if not ready:
                source = first_source(find_sources(database))
                if source is None and not has_tables:
                    raise SchemaMissingError(database.filename)
                how = "load some" if source is None else "cluster those of another program where they are"
                raise SqlclustError(f"no embeddings in {db} yet; {how}: {first_command(db, source)}")
            return ready
        if model not in ready:
            sources = [source for source in find_sources(database, models=False) if source.vector_column is not None]
            if not _is_of(database, model, sources):
                if not sources and not has_tables:
                    raise SchemaMissingError(database.filename)
                raise UnknownModelError(
                    model, known=ready, sources=[name for source in sources if (name := source.name) not in ready]
                )
    return [model]


def _is_of(database: Database, name: str, sources: Sequence[Source]) -> bool:
    """Whether a source has the name, or a table or view: what is wrong with that is said when it is fitted."""
    layout = read_layout(database)
    return any(source.name == name for source in sources) or name.lower() in {*layout.tables, *layout.others}


def is_new(database: Database, name: str) -> bool:
    """Whether a source of this name would be registered: it is no model, and none is registered."""
    if name == "all" or registered(database, name) is not None:
        return False
    return schema.version(database) is None or name not in dict(models(database))


_LONG = 60.0
"""Seconds beyond which a fit is announced with how long it may take."""


def size_of_model(database: Database, model: str) -> tuple[int, int] | None:
    """Rows and dimension of a model or a source; None where that is not known."""
    has_tables = schema.version(database) is not None
    kept = registered(database, model)
    if has_tables and kept is None and model in (there := dict(models(database))):
        sql = "SELECT length(vector) FROM Embedding WHERE embedding_model = ? LIMIT 1"
        return there[model], statements.value(database, sql, (model,)) // ITEM_BYTES
    source = next((source for source in find_sources(database) if source.name == model), None)
    return None if source is None else size_of_source(source)


def size_of_source(source: Source) -> tuple[int, int] | None:
    """Rows and dimension of a source that was found; None where they are not known."""
    return (source.n_rows, source.dimension) if source.n_rows and source.dimension else None


def announce(model: str, size: tuple[int, int], options: FitOptions, *, where: str | None) -> None:
    """Say how long a long fit may take and how to get the other engine. A filter may make it shorter."""
    from sqlclust.core.cost import fit_seconds, multiplications_per_second

    n, dimension = size[0] // options.downsample, size[1]
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
