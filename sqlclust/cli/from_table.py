"""Rows of a table of an SQLite file, to be copied into `Embedding`."""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlclust.cli.database import read_database
from sqlclust.cli.readers.files import Columns, Given, InputFile, Record, Skipped
from sqlclust.cli.readers.ids import IdType
from sqlclust.cli.readers.input_file import Unusable
from sqlclust.cli.readers.records import RecordReader, embeddings_in
from sqlclust.cli.readers.values import value_in_words
from sqlclust.errors import DatabaseFileError, LoadError, shown
from sqlclust.schema import object_names, version
from sqlclust.sources import Source, find_sources
from sqlclust.sources.choosing import named_source, with_columns
from sqlclust.sources.said import OF_COPIES, Said
from sqlclust.sqlite.database import Database
from sqlclust.sqlite.layout import read_layout
from sqlclust.sqlite.transactions import translated_errors
from sqlclust.store.embeddings.selection import models
from sqlclust.store.sources.host_rows import HostRow, TooLong, host_rows, key_as_id
from sqlclust.vectors.formats import FORMATS, STORED_FORMAT, FormatName
from sqlclust.vectors.narrowing import Narrowing


@dataclass(frozen=True)
class TableToLoad:
    """What is to be copied, as a person says it.

    Attributes:
        file: None: the database itself.
        name: of a table, or of a source as `sqlclust sources` lists it.
        id_column, vector_column, content_column: None: as they are found. Several ids are separated by commas.
        vector_format: None: as it is found.
        id_type: None: ids keep their types.
    """

    file: Path | None
    name: str
    id_column: str | None
    vector_column: str | None
    content_column: str | None
    vector_format: FormatName | None
    id_type: IdType | None

    def shown(self, db: str) -> str:
        """For messages."""
        return f"{self.file or db}, {self.name}"


@contextmanager
def table_opened(table: TableToLoad, db: str, database: Database) -> Iterator[InputFile]:
    """The rows of what is copied.

    Args:
        database: `db`, opened. It is read itself where the table is in the same file: a second connection that reads would make
            SQLite keep all that is written in memory.

    Raises:
        LoadError: there is no such table, or several things to copy.
        DatabaseFileError: another file cannot be read.
    """
    if table.file is None or _is_same(table.file, db):
        source = source_of(database, table, here=True)
        with _input(database, table, source, db) as found:
            yield found
        return
    if not table.file.exists():
        raise DatabaseFileError(str(table.file), reason="there is no such file")  # and nothing to be made, as of DB
    with read_database(str(table.file), tables=False) as other:
        source = source_of(other, table, here=False)
        with _input(other, table, source, db) as found:
            yield found


def _is_same(file: Path, db: str) -> bool:
    try:
        return file.samefile(db)
    except OSError:  # one of them is not there
        return False


# --- which columns ---


def source_of(database: Database, table: TableToLoad, *, here: bool) -> Source:
    """The source that is meant: found by its name, or a table with columns as they are said.

    Args:
        here: whether the copy goes into this same database. Then models of ours are not meant: one may have the very name of
            the table that it is a copy of.

    Raises:
        LoadError: there is none, or it cannot be copied, or several are meant.
    """
    with translated_errors(database, doing="looking for the table"):
        layout = read_layout(database)
        sources = find_sources(database, models=not here)
        if here:
            _refuse_ours(database, table.name, {source.name for source in sources} | {*layout.tables, *layout.others})
    said = Said(
        id=table.id_column, vector=table.vector_column, content=table.content_column, format=table.vector_format
    )
    source = named_source(sources, layout, table.name, said, OF_COPIES)
    if source.stored == "vec0":
        if source.vector_column is None:
            raise LoadError(f"{table.name}: {source.remark}")
        if table.id_column is not None or table.content_column is not None:
            raise LoadError(
                "a vec0 table has its own ids, and its texts are not copied: leave out --id-column and --content-column"
            )
        return source
    with translated_errors(database, doing="looking at the column"):
        return with_columns(database, layout, source, said, OF_COPIES)


def _refuse_ours(database: Database, name: str, others: Collection[str]) -> None:
    """Raise LoadError for a table of ours, or a model, if nothing else has its name."""
    if version(database) is None:
        return
    if name.lower() in object_names(database):
        raise LoadError(f"{shown(name)} is a table of sqlclust in this very file; an id is used once over all models")
    if name not in others and name.lower() not in others and name in (model for model, _ in models(database)):
        raise LoadError(f"{shown(name)} is a model in this very file; an id is used once over all models")


# --- its rows ---


@contextmanager
def _input(database: Database, table: TableToLoad, source: Source, db: str) -> Iterator[InputFile]:
    given, narrowing = Given(table.shown(db), table.file or Path(db)), Narrowing()
    format = table.vector_format or source.format
    reader = RecordReader(Columns(), {"id": table.id_type, "run_id": None}, format, cells=False)
    last: list[object] = [None]
    # its statement ends before its connection does, whatever happens to those who read from it
    with closing(_translated(database, host_rows(database, source))) as rows:
        found = embeddings_in(_as_fields(rows, format, last), reader, given, narrowing)
        named = (_with_id(row, last) for row in found)
        found_format = table.vector_format is None and format not in (None, STORED_FORMAT.name)
        has_texts, copies_texts = source.content_column is not None, source.stored != "vec0"
        remarks = (
            f"vectors read as {format}" if found_format else "",
            "" if copies_texts or not has_texts else f"texts ({source.content_column}) not copied",
        )
        yield InputFile(
            named,
            source.n_rows,
            "table",
            {},
            narrowing,
            has_content=has_texts and copies_texts,
            remark=", ".join(filter(None, remarks)),
        )


def _translated(database: Database, rows: Iterator[HostRow]) -> Generator[HostRow]:
    with translated_errors(database, doing="reading the table"):
        yield from rows


def _as_fields(rows: Iterator[HostRow], format: FormatName | None, last: list[object]) -> Iterator[object]:
    """Rows as a reader of records takes them; `last` gets the key of each."""
    for row in rows:
        last[0] = row.key[0] if len(row.key) == 1 else list(row.key)
        try:
            yield {"id": key_as_id(row.key), "vector": _vector(row.vector, format), "content": _text(row.content)}
        except ValueError as error:
            yield Unusable(str(error))


def _vector(value: object, format: FormatName | None) -> object:
    if isinstance(value, TooLong):
        return Unusable(f"the vector has {value.bytes:,} bytes, which is more than is read")
    if value is None or value == b"":
        return Unusable(f"the vector is {'NULL' if value is None else 'an empty BLOB'}")
    expected = (
        "a BLOB or a JSON array" if format is None else "TEXT" if FORMATS[format].is_text else f"a BLOB ({format})"
    )
    if isinstance(value, int | float):
        return Unusable(f"the vector is {value}, expected {expected}")
    if isinstance(value, str) and format is not None and not FORMATS[format].is_text:
        return Unusable(f"the vector is TEXT, expected {expected}")
    if isinstance(value, bytes) and format is not None and FORMATS[format].is_text:
        return Unusable("the vector is a BLOB, expected TEXT, a JSON array of numbers")
    return value


def _text(value: object) -> str | None:
    """What was embedded: text, or a number as text."""
    return None if value is None else str(value)


def _with_id(row: Record | Skipped, last: list[object]) -> Record | Skipped:
    if isinstance(row, Record):
        return row
    return row._replace(
        reason=f"id {value_in_words(last[0]) if not isinstance(last[0], list) else last[0]}: {row.reason}"
    )
