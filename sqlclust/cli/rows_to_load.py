"""The rows of a file on their way into the database."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import click

from sqlclust.cli.progress import ProgressLine
from sqlclust.cli.readers.files import InputFile, Record, Skipped
from sqlclust.cli.readers.ids import with_text_id
from sqlclust.cli.skipped import report_skipped
from sqlclust.errors import InputFileError

_REPORT_ROWS = 1_000


class RowsToLoad:
    """A file's rows on their way into the database.

    Args:
        types_there: gives the types of the ids and of the runs in the database; asked once there are tables.
        id_prefix: comes before all ids.

    Attributes:
        skipped: those that cannot be used.
        has_content: whether they can have contents.
    """

    def __init__(
        self,
        file: str,
        input_file: InputFile,
        types_there: Callable[[], tuple[str | None, str | None]],
        *,
        id_prefix: str,
    ) -> None:
        self._file, self._input, self._types_there, self._id_prefix = file, input_file, types_there, id_prefix
        self.skipped: list[Skipped] = []
        self.has_content = input_file.has_content

    def usable(self, progress: ProgressLine) -> Iterator[Record]:
        """The rows that can be used; the others are remembered."""
        number, usable = 0, 0
        as_there = self._as_there(*self._types_there())
        for number, row in enumerate(self._input.rows, start=1):
            row = as_there(row, number)
            if self._id_prefix and isinstance(row, Record):
                row = _with_prefix(row, self._id_prefix, number)
            problem = row if isinstance(row, Skipped) else _wrong_place(row, number)
            if problem is not None:
                self.skipped.append(problem)
            elif isinstance(row, Record):
                usable += 1
                yield row
            if number % _REPORT_ROWS == 0:
                if self._input.count:
                    progress("load", number / self._input.count)
                else:
                    progress.count("load", number)
        if not usable:
            progress.clear()
            report_skipped(self._file, self.skipped)
            raise InputFileError(self._file, reason=f"none of its {number:,} rows can be used")

    def _as_there(self, ids: str | None, runs: str | None) -> Callable[[Record | Skipped, int], Record | Skipped]:
        """What makes text again of integers that were told from text, where the ids in the database are TEXT.

        A small part of a column of hashes may have digits only.
        """
        told = self._input.id_types
        ids_as_text = ids == "text" and told.get("id") == "integer"
        runs_as_text = runs == "text" and told.get("run_id") == "integer"
        if told.get("id") == "text" and ids == "integer":
            so_far = "its ids become TEXT, and those of the model so far are INTEGER"
            click.echo(f"{self._file}: {so_far}; --id-type says what all of the file become", err=True)
        if not ids_as_text and not runs_as_text:
            return lambda row, number: row

        def as_text(row: Record | Skipped, number: int) -> Record | Skipped:
            if isinstance(row, Record) and ids_as_text:
                row = with_text_id(row, number)
            if isinstance(row, Record) and runs_as_text and row.run_id is not None:
                row = row._replace(run_id=str(row.run_id))
            return row

        return as_text


def _with_prefix(row: Record, prefix: str, number: int) -> Record | Skipped:
    """A row whose id has something before it, and so is TEXT."""
    if row.id is None or isinstance(row.id, bytes):
        found = "no id" if row.id is None else "the id is a BLOB"
        return Skipped(number, f"{found}, and it was to have {prefix!r} before it")
    return row._replace(id=f"{prefix}{row.id}")


def _wrong_place(row: Record, number: int) -> Skipped | None:
    """What is wrong with a row's place in a run."""
    if (row.run_id is None) != (row.sequence_number is None):
        given, missing = ("sequence number", "run") if row.run_id is None else ("run", "sequence number")
        return Skipped(number, f"a {given} without a {missing}")
    if row.sequence_number is not None and row.sequence_number < 0:
        return Skipped(number, f"the sequence number is {row.sequence_number}, expected 0 or more")
    return None
