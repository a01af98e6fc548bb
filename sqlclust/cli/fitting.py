"""Before a fit: what is fitted, and how long a long one may take."""

from __future__ import annotations

from contextlib import suppress
from functools import cached_property

import click

from sqlclust import schema
from sqlclust.cli.beginning import first_command, first_source
from sqlclust.cli.output import printable
from sqlclust.core.engines import ENGINES, engine_of
from sqlclust.errors import HostTableError, SchemaMissingError, SqlclustError
from sqlclust.options import FitOptions
from sqlclust.sources import Source, find_sources
from sqlclust.sources.registered_rows import registered, registered_names
from sqlclust.sqlite import statements
from sqlclust.sqlite.database import Database
from sqlclust.sqlite.transactions import translated_errors
from sqlclust.store.embeddings.selection import models
from sqlclust.store.sources.file_rows import opened_folder
from sqlclust.vectors.blobs import ITEM_BYTES


def all_to_fit(database: Database, db: str) -> list[str]:
    """The models and registered sources of a database: one at least. A source whose row is damaged is an error of its own fit.

    Raises:
        SchemaMissingError, SqlclustError: there is nothing to fit.
    """
    with translated_errors(database, doing="looking for embeddings"):
        has_tables = schema.version(database) is not None
        ready = [name for name, _ in models(database)] if has_tables else []
        ready += [name for name in registered_names(database) if name not in ready]
        if not ready:
            source = first_source(find_sources(database))
            if source is None and not has_tables:
                raise SchemaMissingError(database.filename)
            how = "load some" if source is None else "cluster those of another program where they are"
            raise SqlclustError(f"no embeddings in {db} yet; {how}: {first_command(db, source)}")
    return ready


_LONG = 60.0
"""Seconds beyond which a fit is announced with how long it may take."""


class Sizes:
    """Rows and dimensions of models and sources, for an estimate: the file is looked at once, however many are fitted."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, name: str) -> tuple[int, int] | None:
        """Those of a model or a registered source; None where they are not known.

        Raises:
            SourceDamagedError
        """
        kept = registered(self._database, name)
        if kept is None:
            sql = "SELECT length(vector) FROM Embedding WHERE embedding_model = ? LIMIT 1"
            length = statements.value(self._database, sql, (name,))
            n = self._counts.get(name)
            return None if length is None or n is None else (n, length // ITEM_BYTES)
        if kept.source.stored == "files":
            with suppress(HostTableError):  # the fit says it
                folder = opened_folder(kept.source)
                return folder.n, folder.dimension
            return None
        if kept.database is not None or name not in self._sources:
            return None
        return size_of_source(self._sources[name])

    @cached_property
    def _counts(self) -> dict[str, int]:
        return dict(models(self._database))

    @cached_property
    def _sources(self) -> dict[str, Source]:
        return {source.name: source for source in find_sources(self._database)}


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
