"""Sources: whether what is registered can still be read, and as it is registered. Of their tables a sample is looked at.

No view is run, although fits run one that a person named as a source; and no condition that is kept with a source.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from shlex import quote

from sqlclust.diagnosis.examination import RESTORE, Examination
from sqlclust.errors import (
    DatabaseFileError,
    HostTableError,
    NoFilesHereError,
    SourceElsewhereError,
    ViewNameError,
    counted_rows,
    shown,
)
from sqlclust.sources import Source, sampling
from sqlclust.sources.judging import Verdict
from sqlclust.sources.look import Look
from sqlclust.sources.registered_rows import Damaged, Registered, registered_or_damaged
from sqlclust.sources.sampling import Cells, Sample
from sqlclust.sqlite import statements
from sqlclust.sqlite.database import Database
from sqlclust.sqlite.layout import Table, quoted
from sqlclust.store.sources import clusters_view
from sqlclust.store.sources.elsewhere import host_of
from sqlclust.store.sources.reading import HostReader
from sqlclust.store.sources.vec0_rows import vec0_table
from sqlclust.vectors.formats import FORMATS, FormatName

SOURCES = "EmbeddingSource"


def check_sources(exam: Examination) -> None:
    """Every registered source: its row, its file, its table, its columns, and the format of some of its vectors.

    Cost: about three pages for each row of the samples, a hundred of each source; nothing that grows with the tables.
    """
    with exam.guarded(SOURCES):
        for each in registered_or_damaged(exam.database):
            exam.check_interrupt()
            if isinstance(each, Damaged):
                add(
                    exam, "damaged-source", each.error.column, each.name,
                    f"{str(each.error).partition('; ')[0]}: no fit, cut or prediction takes it",
                    "write it as it was, if that is known; otherwise delete its results and its row, and register it again",
                )  # fmt: skip
                continue
            with exam.guarded(each.source.table_name), readable_host(exam, each) as host:
                if host is not None:
                    _check(exam, each, host)


def registered_formats(exam: Examination) -> dict[tuple[str, str], FormatName]:
    """(table, column), in lower case → the format of its vectors, of the sources in this file; where they are of one."""
    found: dict[tuple[str, str], set[FormatName]] = {}
    with exam.guarded(SOURCES):
        for each in registered_or_damaged(exam.database):
            if isinstance(each, Registered) and each.database is None and each.source.format is not None:
                place = ((each.source.table_name or "").lower(), (each.source.vector_column or "").lower())
                found.setdefault(place, set()).add(each.source.format)
    return {place: formats.pop() for place, formats in found.items() if len(formats) == 1}


def add(exam: Examination, finding: str, column: str | None, name: str, detail: str, remedy: str) -> None:
    """Note an error of a source."""
    exam.add(finding, "error", SOURCES, column, n=1, example=name, detail=detail, remedy=remedy)


def _or_delete(name: str) -> str:
    return f"or delete it with its results, which can be read until then: sqlclust source DB {quote(name)} --delete --results"


_NAMED_BY = {"table_name": "--table", "id_columns": "--id", "vector_column": "--vector", "content_column": "--content"}


def _if_renamed(name: str, column: str) -> str:
    """How a source follows what was renamed, with its results; nothing for the column of a part, which no option names."""
    option = _NAMED_BY.get(column)
    return "" if option is None else f"or, if it has another name now: sqlclust source DB {quote(name)} {option} …; "


@contextmanager
def readable_host(exam: Examination, kept: Registered) -> Iterator[Database | None]:
    """The database that a source is in; None if its file cannot be read: that is a finding, and so is what fails inside."""
    try:
        with host_of(exam.database, kept) as host:
            yield host
    except SourceElsewhereError as error:
        detail = str(error).removesuffix(f". {error.advice}")
        if isinstance(error.__context__, NoFilesHereError):
            exam.add(
                "source-elsewhere", "note", SOURCES, "database", n=1, example=kept.name, detail=detail,
                remedy="sqlclust doctor, or sqlclust.doctor in Python, looks at other files too",
            )  # fmt: skip
        else:
            add(exam, "source-gone", "database", kept.name, detail, f"{error.advice}; {_or_delete(kept.name)}")
        yield None
    except DatabaseFileError as error:
        if kept.database is None:
            exam.add(
                "damaged-file", "error", kept.source.table_name, None, n=1, remedy=RESTORE,
                detail=f"reading {kept.source.table_name} failed: {error}",
            )  # fmt: skip
        else:
            add(exam, "source-gone", "database", kept.name, f"the file of source {shown(kept.name)} cannot be read: {error}",
                 f"put the file back; {_or_delete(kept.name)}")  # fmt: skip


def _check(exam: Examination, kept: Registered, host: Database) -> None:
    look, source = Look(host), kept.source
    name = (source.table_name or "").lower()
    try:
        HostReader(host, source)
        vec0 = vec0_table(look.layout, source)[1] if source.stored == "vec0" else None
    except HostTableError as error:
        is_there = name in look.layout.tables or name in look.layout.others
        of_source = _column_that_says(kept, error)
        add(
            exam, "source-altered" if is_there else "source-gone", of_source, kept.name,
            f"source {shown(kept.name)}{_in_its_file(kept)} cannot be read: {error}",
            f"bring {'it' if is_there else 'the table'} back; {_if_renamed(kept.name, of_source)}{_or_delete(kept.name)}"
            f"{'' if is_there else _of_view(exam, kept)}",
        )  # fmt: skip
        return
    _check_view(exam, kept)
    table = look.layout.named(name)
    if vec0 is not None:
        seen: str | None = f"the vec0 table has {vec0.dimension} numbers of {vec0.format} in each"
        same = vec0.format == source.format and source.dimension in (None, vec0.dimension)
        wrong = None if same else seen
    elif table is None:
        return  # a view
    else:
        sampled = _sample_of(look, table, source)
        if sampled is None:
            return
        column = table.columns[(source.vector_column or "").lower()]
        verdict = look.judged(sampled, column, named=True, usual=source.format)
        wrong = _unlike(kept, sampled.columns[column.name.lower()], verdict)
    if wrong is not None:
        registered = source.format if source.dimension is None else f"{source.format} of dimension {source.dimension}"
        said = ", as was said" if kept.format_is_said else ""
        add(
            exam, "source-format", "format", kept.name,
            f"source {shown(kept.name)}{_in_its_file(kept)} is registered as {registered}{said}; {wrong}",
            f"if these are its vectors now, say so and fit again: sqlclust source DB {quote(kept.name)} --format …; its results "
            "are of those that were there",
        )  # fmt: skip


def _sample_of(look: Look, table: Table, source: Source) -> Sample | None:
    """Some rows of a source. Of a part that no index finds: those among some of the table's. None: it has no rowids."""
    if source.only is None:
        return look.sample(table)
    sampled = look.part(table, *source.only)
    if sampled.rowids is None:
        return None
    column, value = source.only
    sql = (
        f"SELECT {table.rowid} FROM {table.sql} NOT INDEXED WHERE {table.rowid} = ? "
        f"AND {quoted(table.columns[column.lower()].name)} = ? COLLATE BINARY"
    )
    with statements.each_row_of_many(look.database, sql, [(rowid, value) for rowid in sampled.rowids]) as rows:
        return sampling.sample(look.database, table, [int(rowid) for (rowid,) in rows])


def _of_view(exam: Examination, kept: Registered) -> str:
    """What to do with a view whose table is gone."""
    view = clusters_view.view_name(kept.name)
    if kept.database is not None or exam.layout.others.get(view.lower()) != "view":
        return ""
    return f"; until then DROP VIEW {quoted(view)}, or SQLite refuses every ALTER TABLE … RENAME and DROP COLUMN of this file"


_HAS_RESULT = "SELECT 1 FROM main.ClusteringResult WHERE embedding_model = ? LIMIT 1"


def _check_view(exam: Examination, kept: Registered) -> None:
    """Whether a source with results has its view, as a fit would make it now."""
    if statements.first_row(exam.database, _HAS_RESULT, (kept.name,)) is None:
        return
    view = clusters_view.view_name(kept.name)
    try:
        is_current = clusters_view.is_current(exam.database, kept.source, elsewhere=kept.database is not None)
    except ViewNameError as error:
        add(
            exam, "source-view", None, kept.name, f"source {shown(kept.name)} cannot have its view {shown(view)}: {error.reason}",
            "rename what has the name, or register the source under another one; it cannot be fitted until then",
        )  # fmt: skip
        return
    if not is_current:
        what = "is not there" if is_current is None else "is not as a fit would make it now"
        exam.add(
            "source-view", "note", SOURCES, None, n=1, example=kept.name,
            detail=f"the view {shown(view)} of source {shown(kept.name)} {what}",
            remedy="the next fit or cut of the source makes it; nothing else needs it",
        )  # fmt: skip


def _in_its_file(kept: Registered) -> str:
    return "" if kept.database is None else f" in {shown(kept.database)}"


def _column_that_says(kept: Registered, error: HostTableError) -> str:
    """The column of EmbeddingSource in which that stands which is not there."""
    source, missing = kept.source, (error.column or "").lower()
    if not missing:
        return "table_name"
    if missing == (source.vector_column or "").lower():
        return "vector_column"
    if missing in {name.lower() for name in source.id_columns}:
        return "id_columns"
    return "content_column" if missing == (source.content_column or "").lower() else "part_column"


def _unlike(kept: Registered, cells: Cells, verdict: Verdict | None) -> str | None:
    """What the vectors of a sample are instead of those registered; None if they are that, or if there are none."""
    source, format = kept.source, FORMATS[kept.source.format or "float32"]
    there = [(kind, length) for kind, length in zip(cells.types, cells.lengths, strict=True) if length]
    if not there:
        return None
    seen = verdict.remark if verdict is not None else f"from {counted_rows(len(cells.types))}: no vectors"
    lengths = [length for kind, length in there if kind == ("text" if format.is_text else "blob")]
    if len(lengths) * 2 < len(there):
        return seen
    if not kept.format_is_said and (verdict is None or not verdict.readable or verdict.format != format.name):
        return seen
    if source.dimension is None:
        return None
    if format.is_text:
        return None if verdict is None or verdict.dimension == source.dimension else seen
    # what was said to be the format is not what the verdict is about
    [(length, most)] = Counter(lengths).most_common(1)
    if length % format.unit == 0 and format.dimension(length) == source.dimension:
        return None
    return f"{most} of {len(there)} values in a sample have {length:,} bytes"
