"""Before a long fit: how long it may take."""

from __future__ import annotations

import click

from sqlclust import schema
from sqlclust.cli.output import printable
from sqlclust.core.engines import ENGINES, engine_of
from sqlclust.options import FitOptions
from sqlclust.sources import Source, find_sources
from sqlclust.sources.registered_rows import registered
from sqlclust.sqlite import statements
from sqlclust.sqlite.database import Database
from sqlclust.store.embeddings.selection import models
from sqlclust.vectors.blobs import ITEM_BYTES

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
