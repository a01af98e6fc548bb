"""Selecting the embeddings of a model: all, filtered, downsampled by rank within each run."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, fields
from functools import partial
from typing import Any

from sqlclust.core.runtime.control import Control
from sqlclust.errors import ArgumentError, Id, UnknownModelError, shown
from sqlclust.options import FitOptions, is_recorded, of_part
from sqlclust.sqlite import statements
from sqlclust.sqlite.database import Database
from sqlclust.sqlite.transactions import translated_errors
from sqlclust.store.embeddings.collecting import SAID_OF_EMBEDDINGS, PointsBuilder
from sqlclust.store.embeddings.condition import check_condition, check_text, filter_errors
from sqlclust.store.embeddings.points import Points
from sqlclust.store.memory import check_room_for_more
from sqlclust.vectors.blobs import ITEM_BYTES
from sqlclust.vectors.formats import FormatName

_REPORT = 8
"""Batches of rows between two looks at progress and interrupts."""

_OPTIONS = of_part(FitOptions, "selection")


@dataclass(frozen=True)
class Selection:
    """Which embeddings are clustered.

    Attributes:
        embedding_model: of this model.
        where: and for which this SQL condition on columns of Embedding holds; all by default.
        parameters: what the condition's named placeholders stand for, a mapping.
        downsample: of those every n-th, by rank within each run. The rank is by sequence_number. Embeddings of no run are
            ranked together, by id.
        format: of the vectors, if it was said; None: float32, and an error if they look like another.
    """

    embedding_model: str
    where: str | None = None
    parameters: Mapping[str, object] | None = None
    downsample: int = 1
    format: FormatName | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.embedding_model, str):
            found = f"{shown(self.embedding_model)}, a {type(self.embedding_model).__name__}"
            raise ArgumentError("fit", "embedding_model", found=found, expected="the name of an embedding model, a str")
        if self.parameters is not None and not isinstance(self.parameters, Mapping):
            found = f"a {type(self.parameters).__name__}"
            raise ArgumentError("fit", "parameters", found=found, expected="a mapping of names to values")
        if self.where is not None:
            check_text(self.where)

    def recorded(self) -> dict[str, Any]:
        """As it is stored with a fit."""
        options = [(option, getattr(self, option.name)) for option in fields(FitOptions) if option.name in _OPTIONS]
        recorded = {option.name: value for option, value in options if is_recorded(option, value)}
        return {"where": self.where, **recorded}

    @property
    def filtered(self) -> bool:
        """Whether it may leave out embeddings of the model."""
        return self.where is not None or self.downsample > 1


def recorded_where(where: str | None) -> dict[str, str]:
    """The condition as it stands in the parameters of a result: only where there is one."""
    return {} if where is None else {"where": where}


def models(database: Database) -> list[tuple[str, int]]:
    """Each embedding model with the number of its embeddings, by name."""
    with translated_errors(database, doing="reading the names of the models"):
        sql = "SELECT embedding_model, count(*) FROM main.Embedding GROUP BY 1 ORDER BY 1"
        return [(str(name), int(count)) for name, count in statements.all_rows(database, sql)]


CheckRows = Callable[[int, int, int], None]
"""Called with the number of rows, how many of them are in memory already, and their dimension. Raises if there is no room."""

_LENGTH = "SELECT length(vector) FROM main.Embedding WHERE embedding_model = ? LIMIT 1"


def select(
    database: Database,
    selection: Selection,
    control: Control,
    *,
    check: CheckRows | None = None,
) -> Points:
    """Read the selected embeddings, in one statement, so that they are of one moment.

    Args:
        check: refuses what there is no memory for, see `CheckRows`. It is called before a vector is read, with the rows there
            will be at least. With a `where` nobody knows that; then it is called while they are read.

    Raises:
        UnknownModelError: there are no embeddings of the model at all.
        FilterError: SQLite does not accept the `where` condition.
        PointsError: a vector cannot be clustered; it names the id.
        StatementInterrupted: somebody interrupted the database.

    Cost: O(rows of the model), one read of their vectors in the order they were stored; with downsampling the kept
    rows' vectors only.
    """
    total = _total(database, selection.embedding_model)
    # with a condition the rest of the model's vectors may be few
    expected = 0 if selection.where is not None else total // selection.downsample
    if check is None:
        check_room = check_room_for_more
    else:
        _check_before(database, selection.embedding_model, expected, check)
        check_room = partial(_check_read, check)
    builder = PointsBuilder(
        expected=expected, check_room=check_room, format=selection.format, advice=SAID_OF_EMBEDDINGS
    )
    batches = 0
    with selected_rows(database, selection) as rows:
        while builder.extend(rows):
            batches += 1
            if batches % _REPORT == 0:
                control.at(len(builder) * selection.downsample / total)
                database.check_interrupt()
    return builder.finish()


def _total(database: Database, embedding_model: str) -> int:
    """How many embeddings there are of a model. Raises UnknownModelError if there are none."""
    counts = dict(models(database))
    if not counts.get(embedding_model):
        raise UnknownModelError(embedding_model, known=[*counts])
    return counts[embedding_model]


def _check_before(database: Database, embedding_model: str, expected: int, check: CheckRows) -> None:
    """Ask whether there is memory for the rows that are expected, before one is read."""
    if expected:
        # the length of a BLOB stands beside it: the vector is not read
        length = statements.value(database, _LENGTH, (embedding_model,))
        if isinstance(length, int) and length >= ITEM_BYTES:
            check(expected, 0, length // ITEM_BYTES)
            database.check_interrupt()  # the next statement forgets an interrupt


def _check_read(check: CheckRows, rows: int, dimension: int) -> None:
    """Ask whether there is memory for rows, all of which are read."""
    check(rows, rows, dimension)


_ALL = "SELECT {} FROM main.Embedding WHERE embedding_model = :embedding_model"

# NULL run_ids are one partition: there sequence_number is NULL too, and the ids alone give the rank
_RANKED = """
SELECT {columns}
FROM (SELECT Embedding.id,
             row_number() OVER (PARTITION BY i.run_id ORDER BY i.sequence_number, {by_id}) - 1 AS rank
      FROM main.Embedding
      LEFT JOIN main.Invocation i ON i.id = Embedding.invocation_id
      WHERE Embedding.embedding_model = :embedding_model AND {condition}) kept
{join} WHERE kept.rank % :downsample = 0
"""

_JOIN = "JOIN main.Embedding e ON e.id = kept.id"

_COLLATION = "clust_utf_8"


def _by_id(database: Database) -> str:
    """What to sort ids by, so that the same rows are kept in a file of any encoding.

    SQLite sorts TEXT by the bytes of the file's encoding, so a file that is not UTF-8 needs a collation.
    """
    if statements.pragma(database, "encoding") == "UTF-8":
        return "Embedding.id"
    if not any(name == _COLLATION for _, name in statements.all_rows(database, "PRAGMA collation_list")):
        database.create_collation(_COLLATION, _as_utf_8)
    return f"Embedding.id COLLATE {_COLLATION}"


def _as_utf_8(left: str, right: str) -> int:
    a, b = left.encode("utf-8", "surrogatepass"), right.encode("utf-8", "surrogatepass")
    return (a > b) - (a < b)


def selected_rows(database: Database, selection: Selection) -> AbstractContextManager[Iterator[tuple[Any, ...]]]:
    """The selected embeddings' ids and vectors as they are, one by one; none if there are none of the model.

    Raises:
        FilterError: as `select`, here or when rows are read.
    """
    return closing(_selected_rows(database, selection, ("id", "vector")))


def selected_ids(database: Database, selection: Selection) -> list[Id]:
    """The selected embeddings' ids. Of their rows only the page is read that has what is in front of the vector.

    Raises:
        FilterError: as `select`.
        StatementInterrupted
    """
    with closing(_selected_rows(database, selection, ("id",))) as rows:
        return [row[0] for row in rows]


def selected_rowids(database: Database, selection: Selection) -> list[tuple[int, Id]]:
    """The selected embeddings' rowids and ids; reads as little, and Raises, as `selected_ids`."""
    with closing(_selected_rows(database, selection, ("rowid", "id"))) as rows:
        return [(rowid, id) for rowid, id in rows]


def _selected_rows(
    database: Database, selection: Selection, columns: tuple[str, ...]
) -> Generator[tuple[Any, ...], None, None]:
    bindings: dict[str, object] = {**(selection.parameters or {}), "embedding_model": selection.embedding_model}
    if selection.downsample > 1:
        bindings["downsample"] = selection.downsample
    condition = "1"
    if selection.where is not None:
        check_condition(database, selection.where, parameters=selection.parameters, bound=bindings)
        # a subquery of its own: the condition sees the columns of Embedding and no others
        condition = f"Embedding.id IN (SELECT id FROM main.Embedding WHERE ({selection.where}\n))"
    if selection.downsample > 1:
        named, join = (["kept.id"], "") if columns == ("id",) else ([f"e.{name}" for name in columns], _JOIN)
        sql = _RANKED.format(columns=", ".join(named), join=join, condition=condition, by_id=_by_id(database))
    else:
        sql = _ALL.format(", ".join(columns))
        if selection.where is not None:
            sql += f" AND ({selection.where}\n)"
    with (
        filter_errors(selection.where),
        translated_errors(database, doing="reading the embeddings"),
        statements.each_row(database, sql, bindings) as rows,
    ):
        yield from rows  # a condition may fail at any row
