"""Whether what was just written is there as it was written.

A file may have triggers and ON CONFLICT clauses of its own. They can drop rows (RAISE(IGNORE)) or change them, and SQLite calls
that success. So before COMMIT the rows are counted. Where there are triggers that are not ours, they are read again and compared.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import zip_longest
from typing import NamedTuple, NoReturn

from sqlclust import schema
from sqlclust.errors import AlteredError
from sqlclust.sqlite import statements
from sqlclust.sqlite.database import Database, Row

_TRIGGERS = """
SELECT 'main', name, tbl_name, sql FROM main.sqlite_schema WHERE type = 'trigger'
UNION ALL SELECT 'temp', name, tbl_name, sql FROM temp.sqlite_schema WHERE type = 'trigger'
"""
_COUNT = "SELECT count(*) FROM main.{table} WHERE clustering_result_id = ?"
_RESULT = "SELECT embedding_model, parameters, clustering_fit_id, started_at FROM main.ClusteringResult WHERE id = ?"
_CLUSTERS = """
SELECT clustering_result_id, label, medoid_embedding_id, size, persistence
FROM main.Cluster WHERE clustering_result_id = ? ORDER BY label
"""
_ASSIGNMENTS = """
SELECT clustering_result_id, embedding_id, label, probability, outlier_score
FROM main.EmbeddingCluster WHERE clustering_result_id = ? ORDER BY embedding_id
"""


def foreign_triggers(database: Database, tables: Iterable[str]) -> list[str]:
    """Names of the triggers on tables, but for those of schema.sql; those of the connection (TEMP) included."""
    watched = {table.lower() for table in tables}
    found = [row for row in statements.all_rows(database, _TRIGGERS) if str(row[2]).lower() in watched]
    return sorted(
        str(name) for where, name, _, sql in found if where == "temp" or not schema.makes_trigger(database, name, sql)
    )


class ExpectedResult(NamedTuple):
    """A result as it was written.

    Attributes:
        row: embedding_model, parameters, clustering_fit_id, started_at.
        clusters: rows of Cluster, by label.
        n_clusters: how many.
        assignments: rows of EmbeddingCluster, in SQLite's order of ids.
        n: how many.
    """

    row: Row
    clusters: Iterable[Row]
    n_clusters: int
    assignments: Iterable[Row]
    n: int


def check_result(database: Database, result_id: int, expected: ExpectedResult) -> None:
    """Make sure that a result is there as it was written; inside its transaction.

    Raises:
        AlteredError

    Cost: counting; where there are foreign triggers, reading everything again.
    """
    triggers = foreign_triggers(database, ("ClusteringFit", "ClusteringResult", "Cluster", "EmbeddingCluster"))
    if statements.first_row(database, _RESULT, (result_id,)) != expected.row:
        raise AlteredError("ClusteringResult", found="another row", expected="the new result's", triggers=triggers)
    for table, count in (("Cluster", expected.n_clusters), ("EmbeddingCluster", expected.n)):
        found = statements.value(database, _COUNT.format(table=table), (result_id,))
        if found != count:
            raise AlteredError(table, found=_in_words(found), expected=f"{count:,}", triggers=triggers)
    if not triggers:
        return
    rows_of = (("Cluster", _CLUSTERS, expected.clusters), ("EmbeddingCluster", _ASSIGNMENTS, expected.assignments))
    for table, sql, rows in rows_of:
        with statements.each_row(database, sql, (result_id,)) as found_rows:
            for there, stored in zip_longest(found_rows, map(_as_stored, rows)):
                if there != stored:
                    raise AlteredError(table, found=f"the row {there}", expected=f"{stored}", triggers=triggers)


_NEW = "SELECT count(*) FROM main.EmbeddingPrediction WHERE clustering_result_id = ? AND predicted_at = ?"


def check_predictions(database: Database, result_id: int, *, moment: str, n: int) -> None:
    """Make sure that n predictions of this moment are there; inside their transaction. Raises AlteredError."""
    found: int = statements.value(database, _NEW, (result_id, moment))
    if found < n:
        triggers = foreign_triggers(database, ("EmbeddingPrediction",))
        raise AlteredError("EmbeddingPrediction", found=f"{found:,} new rows", expected=f"{n:,}", triggers=triggers)


_LEFT: dict[str, str] = {
    "EmbeddingPrediction": "clustering_result_id",
    "EmbeddingCluster": "clustering_result_id",
    "Cluster": "clustering_result_id",
    "ClusteringResult": "id",
}


def check_deleted(database: Database, result_id: int, tables: Iterable[str] = tuple(_LEFT)) -> None:
    """Make sure that nothing is left of a result; inside the transaction that deletes it. Raises AlteredError."""
    for table in tables:
        column = _LEFT[table]
        left = statements.value(database, f"SELECT count(*) FROM main.{table} WHERE {column} = ?", (result_id,))
        if left:
            triggers = foreign_triggers(database, (table,))
            raise AlteredError(table, found=_in_words(left, "deleted"), expected="0", triggers=triggers)


def _as_stored(row: Row) -> Row:
    """SQLite stores NaN as NULL."""
    return tuple(None if value != value else value for value in row)


def refuse_vanished(database: Database, table: str) -> NoReturn:
    """Raise AlteredError: one row was written to a table, and it is not there."""
    raise AlteredError(table, found="not the new row", expected="it", triggers=foreign_triggers(database, (table,)))


def _in_words(count: int, which: str = "new") -> str:
    return f"1 row of the {which} result" if count == 1 else f"{count:,} rows of the {which} result"
