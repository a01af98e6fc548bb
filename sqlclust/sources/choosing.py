"""What a person means by a name and some columns: a source that was found, or a table or view with columns as they are said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from sqlclust.errors import HostTableError, UnknownTableError, did_you_mean, shown
from sqlclust.schema import object_names
from sqlclust.sources.columns import is_called_a_vector, key_columns
from sqlclust.sources.finding import find_sources, not_vectors
from sqlclust.sources.found import Source, remarks
from sqlclust.sources.kinds.vec0 import columns_of
from sqlclust.sources.look import Look
from sqlclust.sources.real_tables import column_sql, key_remark, real_table
from sqlclust.sources.said import OF_COPIES, OF_FUNCTIONS, Said, Words, column_names, refuse_repeated
from sqlclust.sources.said_format import format_of
from sqlclust.sources.sampling import Sample
from sqlclust.sources.views import view_columns, view_sample
from sqlclust.sources.virtual_tables import virtual_tables
from sqlclust.sqlite import statements
from sqlclust.sqlite.database import Database
from sqlclust.sqlite.layout import Column, Layout, Table

VIEW = "view"
"""The kind of a source that is a view."""


# --- to be copied, or to stay where they are ---


def named_source(
    sources: Sequence[Source], layout: Layout, name: str, said: Said, words: Words, *, known: Sequence[Source] = ()
) -> Source:
    """The one that is meant of those that were found; else the table of the name, with its key.

    Args:
        known: others that the file has, for the message.

    Raises:
        UnknownTableError: there is none.
        HostTableError: several are meant, or it is no real table.
    """
    named = [source for source in sources if source.name == name and source.table_name is not None]
    of_table = [source for source in sources if (source.table_name or "").lower() == name.lower()]
    if said.vector is not None:
        wanted = said.vector.lower()
        has_it = [source for source in sources if (source.vector_column or "").lower() == wanted]
        of_table = [source for source in of_table if source in has_it]
        named = [source for source in named if source in has_it or source.only is not None]
    for found in (named, of_table):
        if len(found) == 1:
            return found[0]
    said_all = said.id is not None and said.vector is not None
    if len(of_table) > 1 and not said_all:
        what = "columns of vectors" if len({one.vector_column for one in of_table}) > 1 else "sources"
        is_the_name = said.table is None and words is not OF_COPIES
        take = "name one of them:" if is_the_name else f"{words.table} takes one of"
        reason = f"table {shown(name)} has several {what}; {take} {_names_of(of_table)}"
        raise HostTableError(reason, table=name)
    if name.lower() in layout.tables or name.lower() in layout.others:
        host = real_table(layout, name)
        meant = did_you_mean(name, [one.name for one in sources if one.vector_column is not None])
        if said.vector is None and meant:
            reason = f"{name}: no column of vectors was found; {words.vector} says which it is{meant}"
            raise HostTableError(reason, table=name)
        return Source(name=name, kind="table", table_name=host.name, id_columns=key_columns(host))
    there = [source for source in known or sources if source.vector_column is not None]
    meant = did_you_mean(name, [source.name for source in there])
    reason = f"there is no table {shown(name)}" + (f"; the file has {_names_of(there)}{meant}" if there else "")
    raise UnknownTableError(reason, table=name, known=[source.name for source in there])


def with_columns(database: Database, layout: Layout, source: Source, said: Said, words: Words) -> Source:
    """A source of a real table with the columns that were said; its format is None where the vectors are in another column.

    Raises:
        HostTableError: nothing says what names a row or where the vectors are, or that column holds something else.
    """
    host = real_table(layout, source.table_name or "")
    ids = source.id_columns if said.id is None else column_names(said.id, host.columns)
    vector, content = said.vector or source.vector_column, _content(source, said)
    if not ids:
        found = source.remark or "nothing names its rows"
        reason = f"{source.name}: {found}; {words.id} and {words.vector} say which columns to take"
        raise HostTableError(reason, table=host.name)
    if vector is None:
        if statements.first_row(database, f"SELECT 1 FROM {host.sql} LIMIT 1") is None:
            raise HostTableError(f"table {shown(host.name)} has no rows", table=host.name)
        found = source.remark or "no column of vectors was found"
        how = f"; {words.vector} says which it is" if source.kind == "table" else ""  # of other kinds it is known
        raise HostTableError(f"{source.name}: {found}{how}", table=host.name)
    if said.vector is not None and said.format is None:
        others = not_vectors(database, host, vector)
        if others is not None:
            reason = f"{source.name}: {others}; if they are numbers all the same, {words.format} says which"
            raise HostTableError(reason, table=host.name, column=vector)
    format = source.format if vector.lower() == (source.vector_column or "").lower() else None
    return replace(source, id_columns=ids, vector_column=vector, content_column=content, format=format)


def _content(source: Source, said: Said) -> str | None:
    """The column of the texts that was said, '' being none; or that of the source."""
    return source.content_column if said.content is None else said.content or None


def _names_of(sources: Sequence[Source]) -> str:
    return ", ".join(repr(source.name) for source in sources[:8]) + (", …" if len(sources) > 8 else "")


# --- to stay where they are ---


def chosen(
    database: Database, name: str, said: Said, *, before: Source | None = None, words: Words = OF_FUNCTIONS
) -> Source:
    """A source to be fitted where it is: its table, its columns as the database spells them, and the format of its vectors.

    Nothing of the file is run, but for a view that was named: of that some rows are read, with `trusted_schema` off.

    Args:
        name: of the source; of its table too, where nothing else is said.
        before: as it is registered: what is not said stays, unless another table is.

    Returns:
        With `name`, a format, and a dimension if one was told. `remark` says what to know of its id.

    Raises:
        HostTableError: no such table or column, several that may be meant, no vectors, no format that can be told, or what
            cannot be read without running what is in the file.
        SqliteError: the file cannot be read.

    Cost: that of `find_sources`.
    """
    look = Look(database)
    source = before
    if source is None or said.table not in (None, source.table_name):
        source = _found(database, look, said.table or name, said, words)
        if before is not None and before.rows == source.rows:
            source = before
    table_name = source.table_name or ""
    if source.stored == "vec0":
        source = _of_vec0(look, source, said, words)
    elif look.layout.others.get(table_name.lower()) == VIEW:
        source = _of_view(database, look, source, said, words)
    else:
        source = _of_table(database, look, source, said, words)
    return replace(source, name=name, registered=False)


def _found(database: Database, look: Look, wanted: str, said: Said, words: Words) -> Source:
    if look.is_ours and wanted.lower() in object_names(database):
        reason = f"{shown(wanted)} is a table of sqlclust; the embedding models in it are fitted by their own names"
        raise HostTableError(reason, table=wanted)
    if look.layout.others.get(wanted.lower()) == VIEW:
        return Source(name=wanted, kind=VIEW, table_name=look.layout.objects[wanted.lower()][1])
    sources = find_sources(database, models=False)
    known: list[Source] = []
    if look.is_ours and not any(source.name == wanted for source in sources) and not _is_there(look, wanted):
        # beside models of ours some are called by their columns too
        known = [source for source in find_sources(database) if source.kind != "sqlclust"]
        sources = [source for source in known if not source.registered]
    for source in sources:
        is_elsewhere = source.table_name is None or _is_virtual(look, source.table_name)
        if source.name == wanted and source.vector_column is None and is_elsewhere:
            reason = f"{source.name} ({source.kind}) cannot be clustered: {source.remark}"
            raise HostTableError(reason, table=source.table_name or wanted)
    if _is_virtual(look, wanted) and not any((one.table_name or "").lower() == wanted.lower() for one in sources):
        reason = f"{shown(wanted)} is a virtual table, and of those only vec0 can be read without its program"
        raise HostTableError(reason, table=wanted)
    return named_source(sources, look.layout, wanted, said, words, known=known)


def _is_there(look: Look, name: str) -> bool:
    return name.lower() in look.layout.tables or name.lower() in look.layout.others


def _is_virtual(look: Look, name: str) -> bool:
    return look.layout.others.get(name.lower()) == "virtual table"


def _of_table(database: Database, look: Look, source: Source, said: Said, words: Words) -> Source:
    layout = look.layout
    table = real_table(layout, source.table_name or "")
    taken = with_columns(database, layout, source, said, words)
    ids = tuple(_spelt(table, name) for name in taken.id_columns)
    vector = _spelt(table, taken.vector_column or "")
    content = None if taken.content_column is None else _spelt(table, taken.content_column)
    refuse_repeated(table.name, ids, vector, words)
    if vector.lower() not in table.columns:
        raise HostTableError(f"{shown(vector)} is the rowid, and no vectors", table=table.name, column=vector)
    part = None if source.only is None else (_spelt(table, source.only[0]), source.only[1])
    is_same = vector == source.vector_column
    format, dimension = said.format or taken.format, source.dimension if is_same else None
    remark = source.remark if is_same and ids == source.id_columns else key_remark(table, ids, part)
    if said.format is not None or format is None or not is_same:
        sampled = look.sample(table) if part is None else look.part(table, *part)
        verdict = look.judged(sampled, table.columns[vector.lower()], named=True)
        others = _vectors_of(look, sampled) if verdict is None else []
        cells = sampled.columns[vector.lower()]
        format, dimension = format_of(cells, verdict, said, words, table.name, vector, others=others)
        remark = remarks(verdict.remark if verdict else None, key_remark(table, ids, part))
    return replace(
        source,
        id_columns=ids,
        vector_column=vector,
        content_column=content,
        format=format,
        dimension=dimension,
        only=part,
        remark=remark,
    )


def _vectors_of(look: Look, sampled: Sample) -> list[str]:
    """The columns of a table that seem to have vectors."""
    columns = [column for name, column in sampled.table.columns.items() if name in sampled.columns]
    verdicts = [(column.name, look.judged(sampled, column)) for column in columns]
    return [name for name, verdict in verdicts if verdict is not None and verdict.readable]


def _spelt(table: Table, name: str) -> str:
    """A column as the table spells it. Raises HostTableError as `column_sql`."""
    sql = column_sql(table, name)
    column = table.columns.get(name.lower())
    return sql if column is None else column.name


# --- views ---


def _of_view(database: Database, look: Look, source: Source, said: Said, words: Words) -> Source:
    name = source.table_name or ""
    columns = view_columns(database, name)
    vector = said.vector or source.vector_column or _called_a_vector(columns)
    if said.id is None and not source.id_columns:
        reason = f"{shown(name)} is a view, which has no key: {words.id} says which columns name its rows"
        if words is OF_FUNCTIONS:
            reason += """, in SQL clust_source(…, '{"id": …}')"""
        raise HostTableError(reason, table=name)
    if vector is None:
        reason = f"no column of the view {shown(name)} is called a vector: {words.vector} says which it is"
        raise HostTableError(reason, table=name)
    said_ids = source.id_columns if said.id is None else column_names(said.id, columns)
    ids = tuple(_of_a_view(name, columns, one) for one in said_ids)
    vector = _of_a_view(name, columns, vector)
    content = _content(source, said)
    refuse_repeated(name, ids, vector, words)
    format, dimension = source.format, source.dimension
    remark = "a view: it is run when it is read, with trusted_schema off; a repeated id is an error of the fit"
    if said.format is not None or format is None or vector != source.vector_column:
        cells, verdict = view_sample(database, name, vector, look.layout.codec)
        format, dimension = format_of(cells, verdict, said, words, name, vector)
        remark = remarks(verdict.remark if verdict else None, remark)
    return replace(
        source,
        kind=VIEW,
        id_columns=ids,
        vector_column=vector,
        content_column=None if content is None else _of_a_view(name, columns, content),
        format=format,
        dimension=dimension,
        remark=remark,
    )


def _called_a_vector(columns: Mapping[str, str]) -> str | None:
    """The one column of a view that is called a vector; None if none is, or several."""
    named = [name for name in columns.values() if is_called_a_vector(Column(name, "", "BLOB", False, 0, False))]
    return named[0] if len(named) == 1 else None


def _of_a_view(name: str, columns: Mapping[str, str], column: str) -> str:
    found = columns.get(column.lower())
    if found is None:
        there = ", ".join(repr(other) for other in list(columns.values())[:12])
        reason = f"view {shown(name)} has no column {shown(column)}; its columns: {there}"
        raise HostTableError(reason, table=name, column=column)
    return found


# --- vec0 ---


def _of_vec0(look: Look, source: Source, said: Said, words: Words) -> Source:
    name = source.table_name or ""
    virtual = next((table for table in virtual_tables(look.layout) if table.name.lower() == name.lower()), None)
    if virtual is None or virtual.module != "vec0":
        raise HostTableError(f"there is no vec0 table {shown(name)}", table=name)
    columns = columns_of(virtual)
    wanted = (said.vector or source.vector_column or "").lower()
    vector = next((one for one in columns.vectors if one.name.lower() == wanted), None)
    if vector is None:
        there = ", ".join(repr(one.name) for one in columns.vectors)
        reason = (
            f"the vec0 table {shown(name)} has no vectors {shown(said.vector or source.vector_column)}; it has {there}"
        )
        raise HostTableError(reason, table=name, column=said.vector)
    key = columns.key or "rowid"
    if said.id is not None and [one.lower() for one in column_names(said.id, ())] != [key.lower()]:
        reason = f"the rows of the vec0 table {shown(name)} are named by {shown(key)}; leave {words.id} out"
        raise HostTableError(reason, table=name)
    if said.format not in (None, vector.format):
        reason = (
            f"{words.format} is {said.format!r}, expected {vector.format!r}, as the vec0 table {shown(name)} declares"
        )
        raise HostTableError(reason, table=name, column=vector.name)
    texts = {one.lower(): one for one in (*columns.metadata, *columns.auxiliary, *columns.partitions)}
    content = _content(source, said)
    if said.content:
        content = texts.get(said.content.lower())
        if content is None:
            there = ", ".join(map(repr, texts.values())) or "none"
            reason = f"the vec0 table {shown(name)} has no column {shown(said.content)} beside vectors and key; it has {there}"
            raise HostTableError(reason, table=name, column=said.content)
    return replace(
        source,
        table_name=virtual.name,
        id_columns=(key,),
        vector_column=vector.name,
        content_column=content,
        format=vector.format,
        dimension=vector.dimension or None,
    )
