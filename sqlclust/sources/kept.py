"""Registered sources among those that are found: each once, under its registered name, with what a look says of it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace

from sqlclust.errors import HostTableError, shown
from sqlclust.sources.found import UNREADABLE, Source, or_why_not, remarks
from sqlclust.sources.look import Look
from sqlclust.sources.other_files import host_path
from sqlclust.sources.real_tables import column_sql, real_table
from sqlclust.sources.registered_rows import Damaged, Registered


def with_registered(look: Look, found: Sequence[Source]) -> Iterator[Source]:
    """Models of our own, then what is registered, then what else was found."""
    others: dict[tuple[object, ...], list[Source]] = {}  # by the rows they are of: there may be a thousand
    for source in found:
        if source.kind == "sqlclust":
            yield source
        else:
            others.setdefault(source.rows, []).append(source)
    kept: set[int] = set()
    registered: list[Registered | Damaged] = []
    try:
        registered = look.registered
    except UNREADABLE as error:
        yield Source(name="EmbeddingSource", kind="sqlclust", table_name=None, remark=f"not looked at: {error}")
    for each in registered:
        if isinstance(each, Damaged):
            yield Source(name=each.name, kind="sqlclust", table_name=None, registered=True, remark=str(each.error))
            continue
        look.database.check_interrupt()
        of_its_rows = others.get(each.source.rows, [])
        same = [source for source in of_its_rows if each.database is None and _is_the_same(each.source, source)]
        kept |= {id(source) for source in same}
        looked_at = (_looked_at(look, each, next(iter(same), None)) for _ in range(1))
        yield from or_why_not(looked_at, kind=each.source.kind, name=each.name, table_name=each.source.table_name)
    yield from (source for source in found if source.kind != "sqlclust" and id(source) not in kept)


def _is_the_same(registered: Source, found: Source) -> bool:
    """Whether both, which are of the same rows, are the same vectors, or the shadow tables are gone in which they would be."""
    is_gone = found.stored == "vec0" and found.vector_column is None
    return is_gone or (registered.vector_column or "").lower() == (found.vector_column or "").lower()


def _looked_at(look: Look, kept: Registered, same: Source | None) -> Source:
    source = kept.source
    condition = None if kept.condition is None else f"only rows where {shown(kept.condition)[1:-1]}"
    if kept.database is not None and source.stored == "files":
        gone = None if os.path.isdir(source.folder or "") else f"its folder {kept.database} is not there"
        vector = None if gone else source.vector_column
        return replace(
            source, vector_column=vector, remark=remarks(gone or f"files of a folder, {kept.database}", condition)
        )
    if kept.database is not None and not os.path.isfile(host_path(look.database, kept.database)):
        return replace(source, vector_column=None, remark=remarks(f"its file {kept.database} is not there", condition))
    if kept.database is not None:
        return replace(source, remark=remarks(f"its table is in another file, {kept.database}", condition))
    wrong = _wrong(look, source, same)
    if wrong is not None:
        return replace(source, vector_column=None, remark=remarks(wrong, condition))
    if same is None or same.id_columns != source.id_columns:
        same = _of_table(look, source) or same
    if same is None:
        return replace(source, remark=remarks("a view: not looked at, since that runs it", condition))
    other = None
    if same.format is not None and same.format != source.format:
        other = f"registered as {source.format}, {'as was said' if kept.format_is_said else f'and looks like {same.format} now'}"
    return replace(
        source,
        n_rows=same.n_rows,
        dimension=source.dimension if same.dimension is None or other else same.dimension,
        remark=remarks(same.remark, other, condition),
    )


def _wrong(look: Look, source: Source, found: Source | None) -> str | None:
    """Why a source cannot be read any more; None if its table and columns are there."""
    name = source.table_name or ""
    other = look.layout.others.get(name.lower())
    if source.stored == "vec0" and found is not None:
        return None if found.vector_column is not None else found.remark
    if source.stored == "vec0" and other is not None:
        return f"its table is altered: it is no vec0 table with vectors {shown(source.vector_column)}"
    if other == "view":
        return None
    try:
        table = real_table(look.layout, name)
        part = () if source.only is None else (source.only[0],)
        content = () if source.content_column is None else (source.content_column,)
        for column in (*source.id_columns, source.vector_column or "", *content, *part):
            column_sql(table, column)
        if (source.vector_column or "").lower() not in table.columns:
            return f"its table is altered: {shown(source.vector_column)} is the rowid, and no vectors"
    except HostTableError as error:
        return (
            f"its table is {'gone' if other is None and name.lower() not in look.layout.tables else 'altered'}: {error}"
        )
    return "its table is altered: it is no vec0 table" if source.stored == "vec0" else None


def _of_table(look: Look, source: Source) -> Source | None:
    """What a look says of a column that no kind has found, or with another key; None of what is no real table."""
    table = look.layout.named(source.table_name or "")
    if table is None or source.vector_column is None:
        return None
    sampled = look.sample(table) if source.only is None else look.part(table, *source.only)
    vector = table.columns[source.vector_column.lower()]
    verdict = look.judged(sampled, vector, named=True)
    return look.source(
        source.kind,
        sampled,
        vector,
        verdict,
        name=source.name,
        content=source.content_column,
        only=source.only,
        keys=source.id_columns,
    )
