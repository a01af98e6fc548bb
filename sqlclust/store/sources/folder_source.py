"""A source of files: the .npy or the Parquet files of a folder beside the database."""

from __future__ import annotations

import os
from contextlib import closing
from dataclasses import replace

from sqlclust.errors import HostTableError, shown
from sqlclust.sources import Source
from sqlclust.sources.other_files import path_seen_from
from sqlclust.sources.said import Said, Words, column_names
from sqlclust.sqlite.database import Database
from sqlclust.store.sources.file_rows import ROW, FileRows, opened_folder
from sqlclust.store.sources.keepable import check_name
from sqlclust.store.sources.registered import Registered
from sqlclust.vectors.folders import NpyFolder, states_in
from sqlclust.vectors.parquet import ENDINGS, ParquetFolder


def folder_source(
    database: Database, name: str, folder: str | os.PathLike[str], said: Said, *, words: Words
) -> Registered:
    """The vectors of a folder as a source, to be registered with the first result that is made of it.

    The files come one after the other by name, and a row's id is its place among all rows, from 0, unless a column of Parquet
    files has ids. Their columns of vectors and of texts are those that are said; vectors are else found by name or type.

    Args:
        database: where results go; it keeps the way to the folder.
        folder: has .npy files, or Parquet files, and nothing of the other kind.

    Raises:
        SourceNameError: no source can have the name.
        HostTableError: no such folder, no such files or columns, or something is said that files have not.
    """
    check_name(database, name)
    folder = os.fspath(folder)
    whole = os.path.realpath(folder)
    has_parquet = bool(states_in(whole, *ENDINGS))
    if has_parquet and states_in(whole, NpyFolder.ending):
        raise HostTableError(f"{folder} has .npy and Parquet files, expected one kind", table=folder)
    for value, option in ((said.table, words.table), (said.format, words.format)):
        if value is not None:
            raise HostTableError(f"{option} is {shown(value)}, and files of a folder have their own", table=folder)
    columns = (said.id, said.vector, said.content)
    if not has_parquet and any(columns):
        named = next(
            option for value, option in zip(columns, (words.id, words.vector, "content"), strict=True) if value
        )
        raise HostTableError(f"{named} names a column, and .npy files have none", table=folder)
    ids = (ROW,) if said.id is None else column_names(said.id, ())
    if len(ids) != 1:
        raise HostTableError(f"{words.id} names {len(ids)} columns, expected one of the Parquet files", table=folder)
    kind = "parquet" if has_parquet else "npy"
    source = Source(
        name=name,
        kind=kind,
        table_name="*.parquet" if has_parquet else "*.npy",
        id_columns=ids,
        vector_column=said.vector if has_parquet else "vector",
        content_column=said.content or None,
        format="float32",
        registered=True,
        remark="files of a folder",
        stored="files",
        folder=whole,
    )
    found = opened_folder(source)
    vector = found.vector if isinstance(found, ParquetFolder) else source.vector_column
    source = replace(source, vector_column=vector, dimension=found.dimension, n_rows=found.n)
    if source.content_column is not None:
        with closing(FileRows(source).texts(())) as texts:  # whether there is the column
            next(texts, None)
    return Registered(source=source, database=path_seen_from(database, whole), format_is_said=True)
