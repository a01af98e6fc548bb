"""Ids: columns that change them, ids that were changed, rows whose id is not unique, and rows that point nowhere."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlclust.diagnosis.examination import Examination, counted
from sqlclust.diagnosis.families import Family, Role, has_items
from sqlclust.errors import StatementError
from sqlclust.sqlite import statements
from sqlclust.sqlite.layout import Column, Table, quoted

_ADOPT = "sqlclust adopt moves the rows to tables that keep every id as it comes; after that, drop the old ones"
_DECLARE = "make the table again with this column declared TEXT (or ANY, in a STRICT table), and copy the rows"
_LOST = "the ids as they were are lost in this column; load these rows again from where they came"
_ADOPT_REST = (
    "the ids as they were are lost in this column; sqlclust adopt takes over what is still whole and lists the rest, "
    "which must be clustered or loaded again"
)
_LARGE = 1e15
"""A REAL of this size or more, in a column that also has text, was text once. A REAL has no more than 15 or 16 digits, so that
nobody uses larger ones as ids."""

_KINDS = """
SELECT count(*), count({c}), total(typeof({c}) = 'text'), total(typeof({c}) = 'integer'), total(typeof({c}) = 'real'),
       total(typeof({c}) = 'real' AND abs({c}) >= {large})
FROM {table}
"""
_EXAMPLE = """
SELECT min({c}) FILTER (WHERE typeof({c}) = 'real' AND abs({c}) >= {least}) AS real,
       min({c}) FILTER (WHERE typeof({c}) = 'integer') AS integer,
       min({c}) FILTER (WHERE typeof({c}) = 'text') AS text
FROM {table}
"""


def check_ids(exam: Examination, tables: Iterable[Table]) -> None:
    """Columns of ids that convert text to numbers, and ids that were converted. One pass over each column."""
    for table in tables:
        for column in _id_columns(table):
            with exam.guarded(table):
                _check_column(exam, table, column)


def _id_columns(table: Table) -> list[Column]:
    keys = {name for key in table.foreign_keys for name in key.columns}
    return [
        column
        for name, column in table.columns.items()
        # keys of other programs' rows are what they are
        if not (name == "item_id" and table.strict and has_items(table))
        and (name == "id" or name.endswith("_id") or name in keys or (column.pk and "UUID" in column.declared.upper()))
        and not table.is_rowid(column)
        and not column.generated
        # in a STRICT table such a column refuses text that is no number; only ANY may have received damaged ids
        and (column.affinity == "BLOB" if table.strict else True)
        and column.affinity != "TEXT"
    ]


def _check_column(exam: Examination, table: Table, column: Column) -> None:
    c = quoted(column.name)
    sql = _KINDS.format(c=c, table=table.sql, large=_LARGE)
    _, present, texts, integers, reals, large = map(int, exam.row(sql))
    if column.affinity == "BLOB":  # keeps what comes; damaged ids may have come
        damaged = large if texts else 0
    else:
        # without text only what no program writes as an id counts; columns of integers are what they seem to be
        damaged = integers + reals if texts else large if column.affinity == "NUMERIC" else 0
        is_trap = column.affinity == "NUMERIC" and not present and _meant_for_text(exam, table, column)
        if texts or damaged or is_trap:
            exam.add(
                "numeric-id-column", "error", table, column.name, n=texts, example=_examples(exam, table, c, 0)[2],
                remedy=_ADOPT if _is_adopted(exam, table) else _DECLARE,
                detail=f"declared {column.declared}, which has {column.affinity} affinity: text that looks like a number, such "
                "as 0688868048517e121234567890123456, is stored as one",
            )  # fmt: skip
    if damaged:
        real, integer, _ = _examples(exam, table, c, _LARGE if column.affinity == "BLOB" else 0)
        exam.damaged.add((table.name.lower(), column.name.lower()))
        exam.add(
            "damaged-ids", "error", table, column.name, n=damaged, example=integer if real is None else real,
            remedy=_ADOPT_REST if _is_adopted(exam, table) else _LOST,
            detail=f"{counted(damaged, 'id is a number', 'ids are numbers')}"
            + (f" among {counted(texts, 'text', 'texts')}" if texts else "")
            + ": they were text that looks like a number, and different ones may have become the same",
        )  # fmt: skip


def _examples(exam: Examination, table: Table, c: str, least: float) -> tuple[Any, ...]:
    """A real of that size, an integer and a text of a column."""
    return exam.row(_EXAMPLE.format(c=c, table=table.sql, least=least))


def _is_adopted(exam: Examination, table: Table) -> bool:
    """Whether sqlclust adopt takes care of a table: of the old project, or beside its tables."""
    ours = any(family.ours and table in family.tables.values() for family in exam.families)
    return not ours and any(not family.ours for family in exam.families)


def _meant_for_text(exam: Examination, table: Table, column: Column) -> bool:
    """Whether an empty column is going to hold ids that are text."""
    known = any(table in family.tables.values() for family in exam.families)
    return known or "UUID" in column.declared.upper()


# --- unique ids ------------------------------------------------------------------------------------------------------

_NULLS = "SELECT count(*) FROM {table} WHERE id IS NULL"
_REPEATED = """
SELECT count(*) AS n, min(id) AS example, times
FROM (SELECT id, count(*) AS times FROM {table} WHERE id IS NOT NULL GROUP BY id HAVING count(*) > 1)
"""


def check_keys(exam: Examination, family: Family) -> None:
    """Ids that are NULL or there twice."""
    for table in family.tables.values():
        if "id" not in table.columns or table.is_rowid(table.columns["id"]):
            continue
        with exam.guarded(table):
            nulls: int = exam.row(_NULLS.format(table=table.sql))[0]
            if nulls:
                exam.add(
                    "null-ids", "error", table, "id", n=nulls, detail=f"{counted(nulls, 'row has', 'rows have')} no id",
                    remedy="give each row an id of its own",
                )  # fmt: skip
            if table.is_unique("id"):
                continue
            exam.add(
                "missing-unique", "error", table, "id", n=1, detail="nothing keeps ids unique",
                remedy=f"CREATE UNIQUE INDEX … ON {quoted(table.name)} (id), once no id is there twice",
            )  # fmt: skip
            n, example, times = exam.row(_REPEATED.format(table=table.sql))
            if n:
                exam.add(
                    "repeated-ids", "error", table, "id", n=n, example=example,
                    detail=f"{counted(n, 'id is', 'ids are')} there more than once; the example {times} times",
                    remedy="delete the rows that are copies, and give the others ids of their own",
                )  # fmt: skip


# --- rows that point nowhere -----------------------------------------------------------------------------------------

RELATIONS: tuple[tuple[Role, str, Role], ...] = (
    ("invocation", "run_id", "run"),
    ("embedding", "invocation_id", "invocation"),
    ("result", "clustering_fit_id", "fit"),
    ("cluster", "clustering_result_id", "result"),
    ("cluster", "medoid_embedding_id", "embedding"),
    ("assignment", "clustering_result_id", "result"),
    ("assignment", "embedding_id", "embedding"),
    ("assignment", "medoid_embedding_id", "embedding"),
    ("prediction", "clustering_result_id", "result"),
    ("prediction", "embedding_id", "embedding"),
    ("neighbors", "clustering_fit_id", "fit"),
    ("map", "clustering_fit_id", "fit"),
    ("fit", "updated_from", "fit"),
)
"""(child, its column, parent): what a family's tables mean by each other, with a foreign key declared or without."""

ORPHANS = "{c} IS NOT NULL AND +{c} NOT IN (SELECT id FROM {parent} WHERE id IS NOT NULL)"
"""Compares as a foreign key does. `+` takes away the child's affinity, so that the parent's counts and its index can be used."""

_ORPHANS = "SELECT count(*) AS n, min({example}) AS example, {c} AS fact FROM {child} WHERE " + ORPHANS

_GONE: dict[Role, str] = {
    "run": "load the runs again, or delete the rows",
    "invocation": "load the invocations again, or set the column to NULL: an embedding needs no invocation",
    "embedding": "load these embeddings again under the same ids; otherwise delete the result and fit again",
    "fit": "set the column to NULL: the result is whole without its fit, but cannot be cut again",
    "result": "sqlclust doctor --fix deletes them: their result is gone, and nothing shows them",
}


def check_relations(exam: Examination, family: Family) -> None:
    """Rows of a family that point at a row that is not there."""
    for child_role, column, parent_role in RELATIONS:
        found = family.get(child_role, parent_role)
        if found is None or column not in found[0].columns:
            continue
        child, parent = found
        with exam.guarded(child):
            name = child.columns[column].name
            sql = _ORPHANS.format(c=quoted(name), example=child.example, child=child.sql, parent=parent.sql)
            n, example, fact = exam.row(sql)
            if not n:
                continue
            if (child.name.lower(), name.lower()) in exam.damaged:
                remedy = _ADOPT_REST if _is_adopted(exam, child) else _LOST
            elif child_role == "prediction" and parent_role == "embedding":
                remedy = "sqlclust doctor --fix deletes them: they can be predicted again"
            elif child_role in ("neighbors", "map"):
                remedy = "sqlclust doctor --fix deletes them: their fit is gone, and nothing reads them"
            elif child_role == "fit":
                remedy = "set the column to NULL: the fit is whole without the one that it was made from"
            else:
                remedy = _GONE[parent_role]
            exam.add(
                "orphans", "error", child, name, n=n, example=example, remedy=remedy,
                detail=f"{counted(n, 'row points', 'rows point')} at no row of {parent.name}; the example at {fact!r}",
            )  # fmt: skip


def check_foreign_keys(exam: Examination, tables: Iterable[Table]) -> None:
    """Declared foreign keys that `check_relations` does not know. One row for each key that is violated."""
    known = {
        (child.name.lower(), child.columns[column].name.lower(), parent.name.lower())
        for family in exam.families
        for child_role, column, parent_role in RELATIONS
        for child, parent in [family.get(child_role, parent_role) or (None, None)]
        if child is not None and parent is not None and column in child.columns
    }
    ours = {
        family[role].name for family in exam.families if family.ours for role in ("cluster", "assignment", "prediction")
        if role in family.tables
    }  # fmt: skip
    for table in tables:
        keys = [
            key
            for key in table.foreign_keys
            if (table.name.lower(), key.columns[0], key.parent.lower()) not in known or len(key.columns) > 1
        ]
        if not keys or table.name in ours:  # the keys of several columns in ours are checked with the clusters
            continue
        with exam.guarded(table):
            _check_declared(exam, table)


def _check_declared(exam: Examination, table: Table) -> None:
    violations: dict[int, tuple[int, int | None, str]] = {}
    try:
        with statements.each_row(exam.database, f"PRAGMA main.foreign_key_check({quoted(table.name)})") as rows:
            for _, rowid, parent, key in rows:
                n, first, _ = violations.get(key, (0, rowid, parent))
                violations[key] = (n + 1, first, parent)
    except StatementError as error:
        exam.add(
            "foreign-key-mismatch", "error", table, None, n=1, detail=f"a foreign key cannot be checked: {error}",
            remedy="its parent needs a PRIMARY KEY or UNIQUE index on exactly the columns it names",
        )  # fmt: skip
        return
    names = {
        row[0]: row[3]
        for row in statements.all_rows(exam.database, f"PRAGMA main.foreign_key_list({quoted(table.name)})")
        if row[1] == 0
    }
    for key, (n, rowid, parent) in violations.items():
        column = str(names.get(key, ""))
        if any(f.finding == "orphans" and (f.table, f.column) == (table.name, column) for f in exam.findings):
            continue
        example = None
        if rowid is not None and table.rowid is not None:
            sql = f"SELECT {table.example} AS example FROM {table.sql} WHERE {table.rowid} = ?"
            [example] = exam.row(sql, (rowid,))
        exam.add(
            "orphans", "error", table, column, n=n, example=example,
            detail=f"{counted(n, 'row points', 'rows point')} at no row of {parent}",
            remedy=f"bring the rows of {parent} back, or delete these",
        )  # fmt: skip
