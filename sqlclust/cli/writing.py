"""Writing the rows that are loaded, as they are new or as a copy that is kept up to date; and what is said of what stayed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Protocol

import click

from sqlclust.cli.readers.files import Record
from sqlclust.cli.rows_to_load import RowsToLoad
from sqlclust.sqlite.database import Database
from sqlclust.store.embeddings.loading import Existing, Loaded, load_embeddings
from sqlclust.store.embeddings.syncing import sync_embeddings


class Write(Protocol):
    """Writes all rows in one transaction."""

    def __call__(
        self, database: Database, model: str, rows: Iterable[Record], /, *, create_tables: bool, patience: float
    ) -> Loaded:
        """What was done."""


Writing = Callable[[RowsToLoad], Write]
"""How these rows are written; they themselves are iterated later."""


def as_new(existing: Existing) -> Writing:
    """Each row is a new embedding, or meets one that is there."""
    return lambda rows: partial(load_embeddings, existing=existing)


def in_step(*, delete: bool) -> Writing:
    """The embeddings of the model become what the rows are. Of a table that could not be read whole nothing counts as gone."""
    return lambda rows: partial(
        sync_embeddings, has_content=rows.has_content, delete_gone=lambda: delete and not rows.skipped
    )


def say_what_stayed(named: str, told: Mapping[str, object], *, delete: bool) -> None:
    """Say on stderr which embeddings are not as their table has them."""
    for name, one, many, why in (
        (
            "kept_changed",
            "has another vector by now and stays as it was: a result uses it; sqlclust delete takes a result away, and the next "
            "--sync replaces it",
            "have another vector by now and stay as they were: results use them; sqlclust delete takes a result away, and the "
            "next --sync replaces them",
            "",
        ),
        (
            "kept_gone",
            "is not in the table any more and stays: a result uses it",
            "are not in the table any more and stay: results use them",
            "",
        ),
        (
            "gone",
            "is not in the table any more and stays; ",
            "are not in the table any more and stay; ",
            "nothing is deleted while rows are skipped"
            if delete
            else "--sync --delete deletes those that no result uses",
        ),
    ):
        count = told[name]
        if count:
            embeddings = (
                f"1 embedding of the model {one}" if count == 1 else f"{count:,} embeddings of the model {many}"
            )
            click.echo(f"{named}: {embeddings}{why}", err=True)
