"""Ids of mixed types that look alike: a column of text ids of which those that are digits only became INTEGER."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlclust.diagnosis.examination import Examination, counted
from sqlclust.diagnosis.families import Family
from sqlclust.diagnosis.vector_tables import VectorTable
from sqlclust.sqlite.layout import Column, Table, quoted

_LEAST_CHARACTERS = 4
"""Of shorter ids the integers may well be numbers of their own, beside letters."""

_REMEDY = (
    "bring the ids to one type, everywhere they are used: load the rows again into a new database, with --id-type text if "
    "the file is CSV, TSV or .txt"
)
_TYPES = "SELECT total(typeof({c}) = 'integer') > 0 AND total(typeof({c}) = 'text') > 0 FROM {table}"

# an INTEGER and a TEXT that read the same. '' || id has no affinity, so that nothing is converted when it is compared
_TWICE = """
SELECT count(*) AS n, min(a.{c}) AS example
FROM {table} a
WHERE typeof(a.{c}) = 'integer' AND EXISTS (
    SELECT 1 FROM {table} b WHERE b.{c} = '' || a.{c} AND typeof(b.{c}) = 'text' AND {same_model}
)
"""

# hexadecimal text of one length, at least half of it with digits, and integers of as many digits: once hashes, or padded numbers
_ALIKE = """
WITH ids AS (
    SELECT {model} AS model, {c} AS id, typeof({c}) AS type FROM {table} WHERE typeof({c}) IN ('integer', 'text')
), models AS (
    SELECT model, total(type = 'integer') AS n, min(id) FILTER (WHERE type = 'integer') AS example,
           min(id) FILTER (WHERE type = 'text') AS other, min(length(id)) AS length
    FROM ids
    GROUP BY model
    HAVING min(length(id)) = max(length(id)) AND min(length(id)) >= {least}
       AND total(type = 'integer') > 0 AND total(type = 'text') > 0
       AND total(type = 'integer' AND id < 0) = 0
       AND (total(type = 'text' AND id GLOB '*[^0-9a-f]*') = 0 OR total(type = 'text' AND id GLOB '*[^0-9A-F]*') = 0)
       AND total(type = 'text' AND id GLOB '*[0-9]*') * 2 >= total(type = 'text')
)
SELECT coalesce(sum(n), 0) AS n, min(example) AS example, min(other) AS other, min(length) AS length FROM models
"""

# TEXT that is a number, but not written as an INTEGER is: 007, 1e5. A program that makes numbers of those cells only whose text
# comes back leaves the others so. CAST … AS NUMERIC = text holds where all of the text is a number. One in a hundred hashes is
# like that too (12e45678), and a name now and then: so at least half of the text must be
_NUMERALS = """
WITH ids AS (
    SELECT {model} AS model, {c} AS id, typeof({c}) AS type,
           typeof({c}) = 'text' AND ({c} GLOB '[-+]*' OR {c} GLOB '0[0-9]*' OR {c} GLOB '[0-9]*[eE]*')
           AND CAST({c} AS NUMERIC) = {c} AS is_numeral
    FROM {table}
    WHERE typeof({c}) IN ('integer', 'text')
), models AS (
    SELECT model, total(type = 'integer') AS n, min(id) FILTER (WHERE type = 'integer') AS example,
           min(id) FILTER (WHERE is_numeral) AS other
    FROM ids
    GROUP BY model
    HAVING total(type = 'integer') > 0 AND total(is_numeral) > 0 AND total(is_numeral) * 2 >= total(type = 'text')
)
SELECT coalesce(sum(n), 0) AS n, min(example) AS example, min(other) AS other FROM models
"""


def check_mixed_ids(exam: Examination, families: Iterable[Family], vectors: Iterable[VectorTable]) -> None:
    """Columns `id` that keep each value's type, and have INTEGER and TEXT that look alike; of embeddings, within a model.

    Cost: one pass over an index of the ids; of a table that has both types one over the table.
    """
    tables: dict[str, tuple[Table, Column | None, bool]] = {
        family[role].name: (family[role], None, True)
        for family in families
        for role in ("run", "invocation")
        if role in family.tables
    }
    tables |= {found.table.name: (found.table, found.model, found.known) for found in vectors}
    for table, model, known in tables.values():
        column = table.columns["id"]
        if column.affinity == "BLOB" and not column.generated and not table.is_rowid(column):
            with exam.guarded(table):
                _check(exam, table, column, model, known=known)


def _check(exam: Examination, table: Table, column: Column, model: Column | None, *, known: bool) -> None:
    of_model = "NULL" if model is None else quoted(model.name)
    names: dict[str, Any] = {
        "c": quoted(column.name),
        "table": table.sql,
        "model": of_model,
        "same_model": "1" if model is None else f"b.{of_model} IS a.{of_model}",
        "least": _LEAST_CHARACTERS,
    }
    if not exam.row(_TYPES.format(**names))[0]:
        return
    n, example, other, length = exam.row(_ALIKE.format(**names))
    if n:
        exam.add(
            "mixed-id-types", "error" if known else "note", table, column.name, n=int(n), example=example, remedy=_REMEDY,
            detail=f"{counted(int(n), 'id is', 'ids are')} INTEGER among TEXT of the same {length} digits, such as "
            f"{_shown(exam, other)}: text of a file that has digits only, taken for numbers; as such they are equal to no text",
        )  # fmt: skip
        return
    n, example, other = exam.row(_NUMERALS.format(**names))
    if n:
        exam.add(
            "mixed-id-types", "error" if known else "note", table, column.name, n=int(n), example=example, remedy=_REMEDY,
            detail=f"{counted(int(n), 'id is', 'ids are')} INTEGER among TEXT that is a number too, such as "
            f"{_shown(exam, other)}: text of a file of which each cell had a type of its own; as such they are equal to no text",
        )  # fmt: skip
        return
    n, example = exam.row(_TWICE.format(**names))
    if n:
        exam.add(
            "mixed-id-types", "note", table, column.name, n=int(n), example=example, remedy=_REMEDY,
            detail=f"{counted(int(n), 'id is', 'ids are')} there as INTEGER and as TEXT: to SQLite two ids",
        )  # fmt: skip


def _shown(exam: Examination, text: Any) -> str:
    return repr(text.decode(exam.layout.codec, errors="replace") if isinstance(text, bytes) else text)
