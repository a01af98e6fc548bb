"""The schema of the file: whether it is ours, of which version, and as schema.sql has it."""

from __future__ import annotations

import re
from dataclasses import replace

from sqlclust import schema
from sqlclust.diagnosis.examination import Examination
from sqlclust.schema import versions
from sqlclust.sqlite.database import Database
from sqlclust.sqlite.layout import Column, Layout, Table, read_layout

LEDGER = "sqlclustmigration"


@schema.of_a_new_file
def expected_layout(new: Database) -> Layout:
    """The layout of a new database of ours."""
    return read_layout(new)


def is_as_its_version_made_it(exam: Examination, found: Table) -> bool:
    """`is_as_expected` of a table of ours in a file of this version or of one before, whose tables have less.

    What is declared of a column is not compared where a later version declares it otherwise.
    """
    history, version = versions.history(), exam.version or schema.VERSION
    expected = expected_layout(exam.database).tables[found.name.lower()]
    if not history.has(version, found.name):
        return False
    if not history.is_changed_after(version, found.name):
        return is_as_expected(found, expected)
    columns = {name: column for name, column in expected.columns.items() if history.has(version, found.name, name)}
    keys = tuple(key for key in expected.foreign_keys if {*key.columns} <= {*columns})
    there = {name: _undeclared(column) for name, column in found.columns.items()}
    had = {name: _undeclared(column) for name, column in columns.items()}
    return is_as_expected(replace(found, columns=there), replace(expected, columns=had, foreign_keys=keys))


def _undeclared(column: Column) -> Column:
    return replace(column, declared="", affinity="BLOB", not_null=False)


def is_as_expected(found: Table, expected: Table) -> bool:
    """Whether a table has the columns and the form of ours; indexes are looked at by themselves.

    A host may have added columns that need no value.
    """
    return (
        [found.columns.get(name) for name in expected.columns] == [*expected.columns.values()]
        and all(found.columns[name].generated or not found.columns[name].not_null for name in _more(found, expected))
        and {*found.foreign_keys} == {*expected.foreign_keys}
        and found.strict == expected.strict
        and found.without_rowid == expected.without_rowid
    )


def check_schema(exam: Examination, version: int | None) -> None:
    """What is there of our schema."""
    if version is None:
        _check_without(exam)
    elif version > schema.VERSION:
        exam.add(
            "newer-schema", "error", "SqlclustMigration", "version", n=1, example=version,
            detail=f"the file has schema version {version}, and this sqlclust knows {schema.VERSION} at most; its tables were "
            "not checked",
            remedy="upgrade sqlclust",
        )  # fmt: skip
    elif version < schema.VERSION:
        exam.add(
            "older-schema", "note", "SqlclustMigration", "version", n=1, example=version,
            detail=f"the file has schema version {version}, the current one is {schema.VERSION}",
            remedy="sqlclust init brings it up to date",
        )  # fmt: skip
    else:
        _check_objects(exam)
    for name, reason in exam.layout.unreadable.items():
        exam.add(
            "unreadable", "error", name, None, n=1, detail=f"SQLite cannot read what the table is: {reason}",
            remedy="restore a backup of the file, or DROP what its schema text asks for and is not there",
        )  # fmt: skip


def _check_without(exam: Examination) -> None:
    if LEDGER in exam.layout.objects:
        exam.add(
            "other-table", "error", "SqlclustMigration", None, n=1,
            detail="it says no version, so that it is not known whose the tables are",
            remedy="restore a backup of the file; a table of that name of another program has to be renamed",
        )  # fmt: skip
        return
    for name, kind in exam.layout.others.items():
        if name in expected_layout(exam.database).tables:
            _add_view(exam, exam.layout.objects[name][1], kind)
    old = [table for family in exam.families for table in family.tables.values()]
    remedy = (
        "sqlclust adopt makes them and takes over what is here"
        if old
        else "sqlclust init adds them beside what is there"
    )
    exam.add("no-schema", "note", None, None, n=1, detail="the file has no tables of sqlclust", remedy=remedy)


def _add_view(exam: Examination, name: str, kind: str) -> None:
    exam.add(
        "view-for-table", "error", name, None, n=1, detail=f"a {kind} has the name of a table; it was not read",
        remedy=f"DROP or rename the {kind}; its rows, if it has any of its own, belong in the table that schema.sql makes",
    )  # fmt: skip


def _check_objects(exam: Examination) -> None:
    """Tables, indexes, triggers and views of schema.sql, in a file of the current version."""
    expected = expected_layout(exam.database)
    restore = (
        "restore a backup of the file, or move its rows to a new one (sqlclust init NEW.db, ATTACH, INSERT … SELECT)"
    )
    for name, table in expected.tables.items():
        found = exam.layout.tables.get(name)
        if name in exam.layout.others:
            _add_view(exam, exam.layout.objects[name][1], exam.layout.others[name])
        elif found is None and name not in {each.lower() for each in exam.layout.unreadable}:
            exam.add("missing-table", "error", table.name, None, n=1, detail="the table is not there", remedy=restore)
        elif found is not None and _has_more(found, table):
            exam.add(
                "more-columns", "note", found, ", ".join(_differing(found, table)), n=1,
                detail="the table has columns that schema.sql does not make",
                remedy="nothing, if a program of yours added them; sqlclust neither reads nor writes them",
            )  # fmt: skip
        elif found is not None and not is_as_expected(found, table):
            exam.add(
                "other-table", "error", found, ", ".join(_differing(found, table)) or None, n=1, remedy=restore,
                detail="the table is not as schema.sql makes it: other columns or foreign keys, or not STRICT",
            )  # fmt: skip
        elif found is not None:
            for columns in table.unique:
                if not found.is_unique(*columns) and name != "cluster":  # that is said with the clusters
                    exam.add(
                        "missing-unique", "error", found, ", ".join(sorted(columns)), n=1, remedy=restore,
                        detail="the table is not as schema.sql makes it: nothing keeps these unique",
                    )  # fmt: skip
    for name, (kind, written, owner, sql) in expected.objects.items():
        if kind == "table":
            continue
        there = exam.layout.objects.get(name)
        if there is None:
            only_slower = kind == "index" and " UNIQUE " not in sql
            exam.add(
                f"missing-{kind}", "note" if only_slower else "error", owner, None, n=1, example=written,
                detail=f"the {kind} {written} is not there", remedy="sqlclust doctor --fix makes it",
            )  # fmt: skip
        elif (there[0], without_comments(there[3])) != (kind, without_comments(sql)):
            exam.add(
                "other-object", "error", there[2], None, n=1, example=there[1],
                detail=f"the {there[0]} {there[1]} is not the {kind} that schema.sql makes",
                remedy=f"DROP {there[0].upper()} {there[1]}, if no program needs it so, and then: sqlclust doctor --fix",
            )  # fmt: skip


def _more(found: Table, expected: Table) -> list[str]:
    return [name for name in found.columns if name not in expected.columns]


def _has_more(found: Table, expected: Table) -> bool:
    return bool(_more(found, expected)) and is_as_expected(found, expected)


def _differing(found: Table, expected: Table) -> list[str]:
    names = [*expected.columns, *_more(found, expected)]
    return [
        (expected.columns.get(name) or found.columns[name]).name
        for name in names
        if found.columns.get(name) != expected.columns.get(name)
    ]


def without_comments(sql: str) -> str:
    """SQL of ours on one line."""
    return " ".join(re.sub(r"--[^\n]*|/\*.*?\*/", " ", sql, flags=re.DOTALL).split())
