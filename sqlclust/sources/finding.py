"""Finding the sources of a database."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from sqlclust.sources.found import Source, or_why_not
from sqlclust.sources.kept import with_registered
from sqlclust.sources.kind import Kind
from sqlclust.sources.kinds.own import SQLCLUST
from sqlclust.sources.look import Look
from sqlclust.sources.registry import KINDS
from sqlclust.sqlite.database import Database
from sqlclust.sqlite.layout import Table


def find_sources(database: Database, *, models: bool = True) -> list[Source]:
    """What has vectors in a database, and what is known to have them elsewhere.

    Only looks: no view, no trigger, no generated column, no virtual table and no function of the file is run.

    Args:
        models: whether models in our own table, and the names of registered sources, are among them. They are named first:
            without them each source has the name that it has in a file without our tables.

    Cost: some fifty rows of each table, of which large values are not read; and counting rows where at most some megabytes
    say it. Well under a second for a hundred tables, however large.

    Raises:
        SqliteError: the schema of the file cannot be read.
        NotAuthorizedError: the connection's authorizer forbids a look.
        StatementInterrupted
    """
    look = Look(database)
    found = _all(look, [kind for kind in KINDS if models or kind is not SQLCLUST])
    return list(_with_names(with_registered(look, list(found)) if models else found))


def not_vectors(database: Database, table: Table, column: str) -> str | None:
    """What a column holds instead of numbers, such as pickles, if a look at some rows tells that; None if it does not.

    Raises and costs as `find_sources` does for one table.
    """
    look = Look(database)
    sampled = look.sample(table)
    if column.lower() not in sampled.columns:
        return None
    verdict = look.judged(sampled, table.columns[column.lower()], named=True)
    return None if verdict is None or verdict.readable else verdict.remark


def _all(look: Look, kinds: Iterable[Kind]) -> Iterator[Source]:
    for kind in kinds:
        look.database.check_interrupt()
        yield from or_why_not(kind.find(look), kind=kind.name, name=kind.name)


def _with_names(sources: Iterable[Source]) -> Iterator[Source]:
    """Each name once: who comes later is called by its column too, and then numbered."""
    taken: set[str] = set()
    for source in sources:
        names = [source.name]
        if source.vector_column is not None and source.name == source.table_name:
            names.append(f"{source.name}.{source.vector_column}")
        name = next((name for name in names if name not in taken), None)
        number = 2
        while name is None or name in taken:
            name, number = f"{names[-1]} ({number})", number + 1
        taken.add(name)
        yield replace(source, name=name)
