"""Views that a person named as a source. Their columns are asked without running them; a sample of their rows runs them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlclust.errors import HostTableError, StatementError, TooBigError, shown
from sqlclust.sources.judging import Verdict, judged
from sqlclust.sources.sampling import LARGEST_VALUE, MOST_ROWS, Cells
from sqlclust.sqlite import statements
from sqlclust.sqlite.database import Database
from sqlclust.sqlite.layout import quoted, read_view
from sqlclust.sqlite.values import octets


def view_columns(database: Database, name: str) -> dict[str, str]:
    """The columns of a view: name in lower case → name. Nothing of it is run.

    Raises:
        HostTableError: it is of tables, columns or functions that are not there.
    """
    with _said(name):
        return {column: found.name for column, found in read_view(database, name).columns.items()}


def view_sample(database: Database, name: str, column: str, codec: str) -> tuple[Cells, Verdict | None]:
    """Types and lengths of a column in the first rows of a view, and what it seems to hold. Runs the view.

    Raises:
        HostTableError: SQLite cannot read it, or calls it unsafe.
    """
    length, value = octets(database, quoted(column)), quoted(column)
    sql = (
        f"SELECT typeof({value}), coalesce({length}, 0), "
        f"CASE WHEN {length} <= {LARGEST_VALUE} THEN CAST({value} AS BLOB) END FROM main.{quoted(name)} LIMIT {MOST_ROWS}"
    )
    with statements.distrusting_schema(database), _said(name):
        rows = statements.all_rows(database, sql)
    cells = Cells([str(kind) for kind, _, _ in rows], [int(size) for _, size, _ in rows])
    values = [(str(kind), bytes(value)) for kind, _, value in rows if kind in ("text", "blob") and value is not None]
    return cells, judged(cells, values, named=True, codec=codec)


@contextmanager
def _said(name: str) -> Iterator[None]:
    try:
        yield
    except (StatementError, TooBigError, UnicodeDecodeError) as error:
        raise HostTableError(f"the view {shown(name)} cannot be read: {error}", table=name) from None
