"""Density clustering of embeddings inside SQLite.

    con = sqlclust.connect("embeddings.db")     # an apsw.Connection with everything registered
    sqlclust.register(con)                      # or: any apsw.Connection of yours
    sqlclust.load(con)                          # or: any sqlite3.Connection of yours
    result_id = sqlclust.fit(con, "STSBRoberta", min_cluster_size=14)
    clustering = sqlclust.hdbscan(X, min_cluster_size=14)   # arrays only, no database

Heavy imports wait until something is used, so that `import sqlclust` costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlclust.errors import SqlclustError

if TYPE_CHECKING:
    import os
    import sqlite3
    from collections.abc import Mapping, Sequence

    import apsw

    from sqlclust.adoption.adoption import Adoption
    from sqlclust.core.pipeline import Clustering
    from sqlclust.core.runtime.control import Progress
    from sqlclust.diagnosis import Diagnosis
    from sqlclust.sources.registered_rows import Registered
    from sqlclust.store.results.staleness import Staleness

__version__ = "0.1.0"

__all__ = [
    "SqlclustError",
    "__version__",
    "adopt",
    "connect",
    "delete_source",
    "doctor",
    "fit",
    "hdbscan",
    "initialize",
    "load",
    "loadable_path",
    "register",
    "source",
    "staleness",
]


def connect(path: str | os.PathLike[str], *, readonly: bool = False, create: bool = True) -> apsw.Connection:
    """Open a database with safe settings and everything registered; see `sqlclust.bindings.apsw.connection.connect`."""
    from sqlclust.bindings.apsw.connection import connect

    return connect(path, readonly=readonly, create=create).connection


def register(connection: apsw.Connection) -> None:
    """Give a connection of yours the clust_ functions; changes nothing else about it. Calling it again does nothing."""
    from sqlclust.bindings.apsw.database import database_of
    from sqlclust.bindings.apsw.registration import register

    register(database_of(connection))


def load(connection: sqlite3.Connection) -> None:
    """Give a connection of Python's sqlite3 the clust_ functions. Calling it again does nothing.

    It enables loading extensions for that moment, and disables it again. The connection is for one thread.

    Raises:
        ArgumentError: another library's connection.
        ExtensionUnsupportedError: this Python's sqlite3 was built without loading extensions; on Windows.
        ExtensionNotLoadedError: SQLite is older than 3.37, the connection is closed, …
        ExtensionNotCompiledError, ExtensionFolderError: as for `loadable_path`.
    """
    from sqlclust.bindings.loadable.loading import load

    load(connection)


def loadable_path() -> str:
    """The path of the loadable extension, without the ending, for `.load`, `load_extension()` or `--load-extension`.

    If there is no compiled file that fits, it is compiled now, in about a second: in the package's folder, or where that cannot
    be written in `$XDG_CACHE_HOME/sqlclust`, by default `~/.cache/sqlclust`. A note beside it names this Python, which hosts
    without Python then start.

    Raises:
        ExtensionUnsupportedError: on Windows.
        ExtensionNotCompiledError: there is no C compiler; it says what to install.
        ExtensionFolderError: no folder can be written, or one belongs to another user.
    """
    from sqlclust.bindings.loadable.placing import loadable_path

    return loadable_path()


def initialize(connection: apsw.Connection) -> bool:
    """Bring a database to our schema (see schema.sql); True if anything was changed.

    Raises:
        SchemaConflictError: it has tables or views of our names that are not ours.
        SchemaVersionError: a newer sqlclust wrote it.
        LockedError, DatabaseFileError: another writer holds it, it is read-only, …
    """
    from sqlclust.bindings.apsw.database import database_of
    from sqlclust.schema import initialize
    from sqlclust.sqlite.transactions import translated_errors

    database = database_of(connection)
    with translated_errors(database, doing="making the tables"):
        return initialize(database)


def fit(
    connection: apsw.Connection,
    embedding_model: str,
    *,
    where: str | None = None,
    parameters: Mapping[str, object] | None = None,
    progress: Progress | None = None,
    executor: Any = None,
    spool: str | os.PathLike[str] | None = None,
    **options: Any,
) -> int:
    """Cluster a model's embeddings and publish the result; returns its ClusteringResult id.

    No lock is held while it computes; publishing is one short transaction.

    Args:
        connection: in no transaction.
        embedding_model: or a source, one that is registered or found; its vectors are read where they are.
        where: an SQL condition on columns of Embedding, or of the source's table, with `parameters` for its named placeholders.
        progress: called with (phase, fraction) from this thread.
        executor, spool: fit in shards, by other processes, with `memory` and `overlap`: see `distributed.calling.fit_by`.
        options: `downsample`, `min_cluster_size`, `min_samples`, …: the fields of `sqlclust.options.FitOptions`.

    Raises:
        SqlclustError: bad options or vectors, no such model, fewer than two rows, a locked file, …; nothing was written.
        apsw.InterruptError, KeyboardInterrupt: stopped; nothing was written.
    """
    from sqlclust.bindings.apsw.database import database_of
    from sqlclust.options import FitOptions, parse

    database, said = database_of(connection), {"where": where, "parameters": parameters}
    if executor is not None or spool is not None:
        from sqlclust.distributed.calling import fit_by

        return fit_by(database, embedding_model, options, executor, {"spool": spool, **said}, progress)
    from sqlclust.store.fit import fit

    how: Any = {**said, "progress": progress, "runs_condition": True}
    return fit(database, embedding_model, parse(FitOptions, options), **how)


def source(
    connection: apsw.Connection,
    name: str,
    *,
    table: str | None = None,
    id: str | Sequence[str] | None = None,
    vector: str | None = None,
    content: str | None = None,
    format: str | None = None,
    where: str | None = None,
    parameters: Mapping[str, object] | None = None,
    database: str | os.PathLike[str] | None = None,
    folder: str | os.PathLike[str] | None = None,
) -> Registered:
    """Keep a table of another program as a source, or change a registered one; returns what is kept.

    The vectors stay where they are. What is not said stays, or is as `clust_sources()` finds it. Our tables are made if there
    are none; nothing else of the file is written.

    Args:
        connection: in no transaction.
        name: of the source; fits and results have it as their embedding model.
        table: the table, or a view, or a source as it is listed. None: the one of that name.
        id: the column that names a row, or several.
        vector, content: the columns of the vectors and of the texts that were embedded.
        format: of the vectors, whatever they look like: 'float32', 'float64', 'json', …
        where: an SQL condition on the host's columns: only rows for which it holds; '': all again. It is stored, and no SQL
            function runs it.
        parameters: of its named placeholders, stored with it: text, numbers or None.
        database: another file that has the table, and is only read; also where it has moved to. Both can be moved together.
        folder: has the vectors in .npy or Parquet files. Ids are places among the rows of all, by name, from 0, or a column's.

    Raises:
        SqlclustError: no such table or column, no format that can be told, a condition that SQLite does not accept, a name that
            an embedding model has, results of it and another table, a locked or read-only file, …; nothing was written.
        apsw.InterruptError, KeyboardInterrupt: stopped; nothing was written.
    """
    from sqlclust.bindings.apsw.database import database_of
    from sqlclust.options import SourceOptions, parse
    from sqlclust.sources.said import Said
    from sqlclust.store.registering import keep

    said = parse(SourceOptions, {"table": table, "id": id, "vector": vector, "content": content, "format": format})
    how: Any = {"condition": where, "parameters": parameters, "host": database, "folder": folder}
    return keep(database_of(connection), name, Said(**vars(said)), **how)


def delete_source(connection: apsw.Connection, name: str, *, results: bool = False) -> int:
    """Delete a source, in one transaction; its table stays as it is. Returns the number of results deleted with it.

    Args:
        connection: in no transaction.
        name: of the source.
        results: delete the results that are made of it, too. Without it a source with results is not deleted.

    Raises:
        SqlclustError: no such source, results are made of it, a locked or read-only file, …; nothing was written.
    """
    from sqlclust.bindings.apsw.database import database_of
    from sqlclust.store.registering import delete_source

    return delete_source(database_of(connection), name, results=results)


def staleness(
    connection: apsw.Connection,
    clustering_result_id: int,
    *,
    run_where: bool = False,
    parameters: Mapping[str, object] | None = None,
) -> Staleness:
    """Whether a result still is of the embeddings that its selection gives, and of the same vectors; writes nothing.

    Args:
        clustering_result_id: the result.
        run_where: run the `where` filter of its selection. It is SQL text stored in the file: only for a file you trust.
            Without it n_new is None if there is one.
        parameters: for the filter's named placeholders; they are not stored with it.

    Returns:
        n_rows, n_new, n_missing, n_changed, an id of each, is_stale, and a remark on what is not known.

    Raises:
        SqlclustError: no such result, a filter whose parameters are missing, a damaged fit, …
    """
    from sqlclust.bindings.apsw.database import database_of
    from sqlclust.store.results.staleness import staleness

    return staleness(database_of(connection), clustering_result_id, run_where=run_where, parameters=parameters)


def doctor(
    connection: apsw.Connection,
    *,
    fix: bool = False,
    quick: bool = False,
    format: str | None = None,
    progress: Progress | None = None,
) -> Diagnosis:
    """What is wrong in the main database of a connection: ours, the old project's, or another program's.

    Args:
        fix: repair what is certain, in one transaction, after a backup in a new file in the same folder. Never touches
            vectors or ids; other writers wait until it is done. The connection must be in no transaction.
        quick: pass over what reads the whole file: vectors, stored fits, the file's integrity, models of members.
        format: of the vectors in other programs' tables, as clust_points has it: 'float64', 'json', … By default float32, and
            a finding if they look like another.
        progress: called with (phase, fraction) from this thread.

    Returns:
        `findings`, each a row of clust_doctor(), errors first; `repairs`; `backup`, its file or None; and `healthy`, whether
        nothing is wrong.

    Raises:
        SqlclustError: an unknown format; with `fix`, no backup can be made, the file is read-only or locked, …; nothing was
            changed.
        apsw.InterruptError, KeyboardInterrupt: stopped; nothing was changed.
    """
    from sqlclust.bindings.apsw.database import database_of
    from sqlclust.diagnosis import diagnose
    from sqlclust.options import DoctorOptions, parse

    options = parse(DoctorOptions, {"format": format})
    return diagnose(database_of(connection), fix=fix, quick=quick, format=options.format, progress=progress)


def adopt(
    connection: apsw.Connection,
    source: str | os.PathLike[str] | None = None,
    *,
    replace: bool = False,
    backup: str | os.PathLike[str] | None = None,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> Adoption:
    """Move in from the project panic-tda: runs, invocations and embeddings with their ids, and results whose ids survived.

    Args:
        connection: of the database that gets our tables, which it must not have yet; in no transaction.
        source: the file with the old tables, which is only read. None: they are in the connection's own file; ours come
            beside them, where they have the later, plural names.
        replace: without `source`, drop the old tables once what is in them went over.
        backup: for `replace`, the backup's file, which must not be there; None for one beside the database.
        dry_run: write nothing; say what would go over.
        progress: called with (phase, fraction) from this thread.

    Returns:
        The numbers of rows, `results` (old id and new), `left` (what did not go over, how many, why, what to do),
        `columns_left`, `bytes_needed`, `backup`.

    Raises:
        SqlclustError: no such tables, ours are there already, no room on the disk, …; nothing was written.
        apsw.InterruptError, KeyboardInterrupt: stopped; nothing was written.
    """
    from sqlclust.adoption.adoption import adopt_from, adopt_in_place
    from sqlclust.bindings.apsw.connection import connect
    from sqlclust.bindings.apsw.database import database_of
    from sqlclust.errors import ArgumentError

    database = database_of(connection)

    if source is None:
        name = None if backup is None else str(backup)
        return adopt_in_place(database, replace=replace, backup=name, dry_run=dry_run, progress=progress)
    if replace or backup is not None:
        given = "replace" if replace else "backup"
        raise ArgumentError("adopt", given, found="given with a source", expected="to be given without")
    old = connect(str(source), readonly=True)
    try:
        return adopt_from(database, old, dry_run=dry_run, progress=progress)
    finally:
        old.close()


def hdbscan(vectors: Any, *, progress: Progress | None = None, **options: Any) -> Clustering:
    """Cluster an array; no database.

    Args:
        vectors: array-like (n, d) of numbers; clustered as float32.
        progress: called with (phase, fraction).
        options: as for `fit`. With `downsample` every n-th row is clustered, and the result is of those rows.

    Returns:
        labels, probabilities, outlier_scores (each (n,)), and per cluster medoids (rows), sizes and persistence.

    Raises:
        SqlclustError: bad options or vectors; it names the row.
    """
    from sqlclust.core.runtime.control import Control
    from sqlclust.options import HdbscanOptions, parse
    from sqlclust.store.clustering import cluster_array

    return cluster_array(vectors, parse(HdbscanOptions, options), Control(progress))
