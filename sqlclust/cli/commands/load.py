"""sqlclust load"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from shlex import quote

import click
from click.core import ParameterSource

from sqlclust.cli.database import create_database, database_argument, is_empty, no_file_for_nothing, upgrade
from sqlclust.cli.dimensions import dimension_columns, vector_columns_option
from sqlclust.cli.from_table import TableToLoad, table_opened
from sqlclust.cli.output import output_options, write_dicts
from sqlclust.cli.progress import ProgressLine
from sqlclust.cli.readers.files import FILE_FORMATS, STANDARD_INPUT, Columns, InputFile, opened, read
from sqlclust.cli.readers.ids import ID_TYPES, IdType
from sqlclust.cli.results import seconds
from sqlclust.cli.rows_to_load import RowsToLoad
from sqlclust.cli.skipped import report_skipped
from sqlclust.cli.writing import Writing, as_new, in_step, say_what_stayed
from sqlclust.errors import (
    ExistingEmbeddingError,
    ForeignModelError,
    Interrupted,
    LoadError,
    PointsError,
    SqlclustError,
)
from sqlclust.sqlite.database import Database
from sqlclust.sqlite.transactions import PATIENCE
from sqlclust.store.embeddings.loading import Existing, Loaded, id_types
from sqlclust.store.embeddings.syncing import Synced
from sqlclust.vectors.formats import FORMAT_NAMES, FormatName

_EPILOG = """\b
Examples:
  sqlclust load notes.db vectors.npy --ids ids.txt --texts texts.txt --model my-model
  sqlclust load notes.db notes.jsonl --model my-model --content-column text
  sqlclust load notes.db runs.csv --model my-model --run-column run --sequence-column step
  sqlclust load notes.db features.csv.gz --model my-model --vector-columns 'dim_*'
  sqlclust load notes.db llm.db --from-table llm:docs --model docs --sync
  curl https://example.org/notes.jsonl | sqlclust load notes.db - --model my-model

\b
Files:
  .npy, .npz     one array (rows, dimensions) of numbers; an .npz may hold ids and texts beside the vectors
  .json, .jsonl  objects such as {"id": "a", "vector": [0.1, 0.2], "content": "text"}
  .csv, .tsv     a header; a vector is a JSON array in its cell
  .parquet       a vector is a list, a BLOB or a JSON array (pip install 'sqlclust[parquet]')
  .gz            any of these, compressed
  -              any of these on standard input, kept in a temporary file meanwhile


In .json and .jsonl also what sqlite-utils writes ({"$base64": true, "encoded": …}; float32 unless --vector-format
says otherwise), responses of OpenAI's embeddings API, and its batch output.
"""


_FILE = click.Path(readable=False, path_type=Path)  # what is wrong with a file is said by the reader


@click.command("load", epilog=_EPILOG)
@database_argument
@click.argument("files", metavar="[FILE]...", nargs=-1, type=_FILE)
@click.option("--model", "-m", required=True, help="Name of the embedding model that made the vectors.")
@click.option(
    "--ids", type=_FILE, help="Ids for the rows of an array or a response: .txt (one a line), .json (a list) or .npy."
)
@click.option("--texts", type=_FILE, help="Texts for the rows of an array or a response, in the same kinds of file.")
@click.option("--id-column", default="id", help="Column or key of the ids.")
@click.option(
    "--id-type", type=click.Choice(ID_TYPES), show_default="see above", help="What all ids of the files become."
)
@click.option(
    "--id-prefix", default="", help="Goes before each id, such as 'notes:'; an id is used once over all models."
)
@click.option("--vector-column", default="vector", help="Column or key of the vectors; 'embedding' is found as well.")
@vector_columns_option
@click.option(
    "--vector-format",
    type=click.Choice(FORMAT_NAMES),
    show_default="JSON arrays, and an array's own numbers",
    help="Format of the vectors in the files: of BLOBs, in base64 or not, or of the bytes of an array.",
)
@click.option("--content-column", default="content", help="Column or key of the texts.")
@click.option("--run-column", default="run_id", help="Column or key of the run that a row belongs to.")
@click.option("--run-id-type", type=click.Choice(ID_TYPES), show_default="see above", help="The same for runs.")
@click.option("--sequence-column", default="sequence_number", help="Column or key of a row's place in its run.")
@click.option(
    "--format",
    "format",
    type=click.Choice(FILE_FORMATS),
    help="What the files are.  [default: by their ending or content]",
)
@click.option(
    "--ignore", "existing", flag_value="ignore", default=None, help="Skip rows whose id is in the database already."
)
@click.option(
    "--replace", "existing", flag_value="replace", default=None,
    help="Put the new vector and text in the place of those there, unless a result is made of them.",
)  # fmt: skip
@click.option(
    "--from-table",
    metavar="TABLE",
    help='Copy the vectors of a table of an SQLite FILE, or of DB; or of a source that "sqlclust sources" lists.',
)
@click.option("--sync", is_flag=True, help="With --from-table: bring an earlier copy up to date.")
@click.option(
    "--delete", is_flag=True, help="With --sync: delete embeddings whose row is gone, unless a result uses them."
)
@output_options
def command(
    db: str,
    files: tuple[Path, ...],
    model: str,
    ids: Path | None,
    texts: Path | None,
    id_column: str,
    id_type: IdType | None,
    id_prefix: str,
    vector_column: str,
    vector_columns: str | None,
    vector_format: FormatName | None,
    content_column: str,
    run_column: str,
    run_id_type: IdType | None,
    sequence_column: str,
    format: str | None,
    existing: Existing | None,
    from_table: str | None,
    sync: bool,
    delete: bool,
    output: str | None,
) -> None:
    """Load embeddings from files, or copy them from a table.

    Makes the database if it is not there. Each file is loaded whole or not at all, in one transaction: the database is
    locked for other writers while the file is read.

    Rows that cannot be used (NaN, no numbers, another dimension than the rows before) are skipped and listed on stderr.
    An id that is in the database already is an error unless --ignore or --replace is given. Rows without an id are
    numbered after the largest integer id, but skipped where the ids of their column are TEXT. A row with a run and a
    sequence number is also entered as a step of that run.

    The ids of a column of CSV, TSV or .txt are of one type: INTEGER if every one is an integer written as SQLite writes it (no
    leading zero, no exponent) and those in the database are not TEXT; else TEXT. To tell, the column is read once before.
    Ids of JSON and of arrays have their types. --id-type says otherwise.

    --from-table copies a table of FILE, which is opened for reading only, or of DB itself; nothing of the file is run. The
    columns and the format of the vectors are found as "sqlclust sources" shows them, unless --id-column (several with commas
    become JSON text), --vector-column, --content-column and --vector-format say them. Ids keep their types. With --sync only
    what is new or changed is written; the model has to be a copy of that table alone. Embeddings that a result uses stay as
    they were; that is said on stderr. Texts of a column that --content-column names follow the table in any case.
    """
    if not model:
        raise click.BadParameter("the name is empty", param_hint="--model")
    writing = in_step(delete=delete) if sync else as_new(existing or "error")
    loaded: list[dict[str, object]] = []
    if from_table is not None:
        met: Existing | None = "ignore" if sync else existing  # what to do with those there is known
        _refuse_what_is_for_files(files, sync=sync, delete=delete, existing=existing)
        table = TableToLoad(
            next(iter(files), None),
            from_table,
            id_column if _said("id_column") else None,
            vector_column if _said("vector_column") else None,
            content_column if _said("content_column") else None,
            vector_format,
            id_type,
        )
        copied = _load_table(db, table, model, writing, met, id_prefix=id_prefix, quiet=output is not None)
        if sync:
            say_what_stayed(table.shown(db), copied, delete=delete)
        loaded.append(copied)
    else:
        _check_files(files, ids or texts, sync=sync, delete=delete)
        dimensions = dimension_columns(vector_columns, id_column, vector_column, vector_format)
        embeddings_in = partial(
            read,
            ids=ids,
            texts=texts,
            columns=Columns(id_column, vector_column, content_column, run_column, sequence_column, dimensions),
            format=format,
            id_type=id_type,
            run_id_type=run_id_type,
            vector_format=vector_format,
        )
        for file in files:
            with _told_what_was_loaded(str(file), loaded, existing), opened(file) as given:
                opening = partial(_already_open, embeddings_in(given))
                loaded.append(
                    _load(db, str(given), opening, model, writing, id_prefix=id_prefix, quiet=output is not None)
                )
    if output:
        write_dicts(output, loaded)
    else:
        click.echo(f"Next: sqlclust fit {quote(db)} {quote(model)}")


_FOR_FILES = ("ids", "texts", "vector_columns", "run_column", "run_id_type", "sequence_column", "format")


def _refuse_what_is_for_files(files: tuple[Path, ...], *, sync: bool, delete: bool, existing: Existing | None) -> None:
    """Raise UsageError for what does not go with --from-table."""
    for option in filter(_said, _FOR_FILES):
        raise click.UsageError(f"--{option.replace('_', '-')} is for files, and goes without --from-table")
    if len(files) > 1:
        raise click.UsageError("--from-table goes with one FILE, an SQLite database, or with none: DB itself")
    if STANDARD_INPUT in files:
        raise click.UsageError("--from-table goes with an SQLite database in a file, not with standard input")
    if sync and existing:
        raise click.UsageError(f"--sync goes without --{existing}")
    if delete and not sync:
        raise click.UsageError("--delete goes with --sync")


def _said(option: str) -> bool:
    """Whether an option was given on the command line; its default may be the same."""
    return click.get_current_context().get_parameter_source(option) == ParameterSource.COMMANDLINE


def _check_files(files: tuple[Path, ...], lists: Path | None, *, sync: bool, delete: bool) -> None:
    if sync or delete:
        raise click.UsageError("--sync and --delete go with --from-table")
    if not files:
        raise click.UsageError("Missing argument 'FILE...'.")
    if files.count(STANDARD_INPUT) > 1:
        raise click.UsageError("- can be given once: it is standard input")
    if lists and len(files) > 1:
        raise click.UsageError("--ids and --texts go with one FILE")


@contextmanager
def _told_what_was_loaded(file: str, loaded: list[dict[str, object]], existing: Existing | None) -> Iterator[None]:
    """Whatever ends the loading of a file is said with the files before it, which stay loaded."""
    try:
        yield
    except (KeyboardInterrupt, Interrupted):
        if not loaded:
            raise
        click.echo(f"Interrupted; nothing of {file} was written{_loaded_before(loaded)}", err=True)
        raise SystemExit(130) from None
    except SqlclustError as error:
        raise SqlclustError(_explained(error, file, existing) + _loaded_before(loaded)) from error


def _already_open(input_file: InputFile, database: Database) -> AbstractContextManager[InputFile]:
    """A file needs no database to be read."""
    return nullcontext(input_file)


def _load_table(
    db: str,
    table: TableToLoad,
    model: str,
    writing: Writing,
    existing: Existing | None,
    *,
    id_prefix: str,
    quiet: bool,
) -> dict[str, object]:
    """Copy one table and say so; what programs are told of it."""
    named = table.shown(db)
    with _told_what_was_loaded(named, [], existing):
        told = _load(db, named, partial(table_opened, table, db), model, writing, id_prefix=id_prefix, quiet=quiet)
    return {"file": str(table.file or db), "table": table.name, **{name: told[name] for name in told if name != "file"}}


def _load(
    db: str,
    named: str,
    opening: Callable[[Database], AbstractContextManager[InputFile]],
    model: str,
    writing: Writing,
    *,
    id_prefix: str,
    quiet: bool,
) -> dict[str, object]:
    """Load one file and say so; what programs are told of it."""
    started = time.monotonic()
    with no_file_for_nothing(db), create_database(db) as database, ProgressLine(Path(named).name) as progress:
        create_tables = is_empty(database)
        if not create_tables:
            upgrade(database)
        with opening(database) as input_file:
            rows = RowsToLoad(named, input_file, lambda: id_types(database, model), id_prefix=id_prefix)
            write = writing(rows)
            result = write(database, model, rows.usable(progress), create_tables=create_tables, patience=PATIENCE)
    report_skipped(named, rows.skipped)
    input_file.narrowing.warn()
    if not quiet:
        if create_tables:
            click.echo(f"{db} created")
        said = _in_words(result, model, skipped=len(rows.skipped), remark=input_file.remark)
        click.echo(f"{named}: {said} ({seconds(time.monotonic() - started)})")
    return {"file": named, "embedding_model": model, **vars(result), "skipped": len(rows.skipped)}


def _in_words(result: Loaded, model: str, *, skipped: int, remark: str) -> str:
    embeddings = "1 embedding" if result.added == 1 else f"{result.added:,} embeddings"
    predictions = "1 prediction" if result.predictions == 1 else f"{result.predictions:,} predictions"
    numbers = [
        f"{embeddings} of model {model!r} loaded",
        f"{result.replaced:,} replaced" if result.replaced else "",
        f"{predictions} of them deleted" if result.predictions else "",
        f"{result.ignored:,} already there" if result.ignored else "",
        f"{result.unchanged:,} unchanged, {result.deleted:,} deleted" if isinstance(result, Synced) else "",
        f"{skipped:,} skipped" if skipped else "",
        f"{result.invocations:,} steps of {result.runs:,} new runs" if result.invocations else "",
        remark,
    ]
    return ", ".join(filter(None, numbers))


def _explained(error: SqlclustError, file: str, existing: Existing | None) -> str:
    if not isinstance(error, LoadError | PointsError):
        return str(error)
    advice = ""
    if isinstance(error, ExistingEmbeddingError) and existing is None:
        advice = ". --ignore keeps embeddings that are there, --replace puts the new ones in their place"
    if isinstance(error, ForeignModelError):
        advice = f". --id-prefix {quote(error.expected + ':')} does that"
    return f"{file}: {error}; nothing of the file was written{advice}"


def _loaded_before(loaded: list[dict[str, object]]) -> str:
    return f" (loaded before: {', '.join(str(result['file']) for result in loaded)})" if loaded else ""
