"""Any other table with a column of vectors, whoever made it: sqlite-utils, a program of one's own."""

from __future__ import annotations

from collections.abc import Iterator

from sqlclust.sources.found import Source, name_of, or_why_not
from sqlclust.sources.judging import Verdict
from sqlclust.sources.kind import Kind
from sqlclust.sources.look import Look
from sqlclust.sqlite.layout import Column, Table


def _find(look: Look) -> Iterator[Source]:
    for table in look.free_tables():
        look.database.check_interrupt()
        yield from or_why_not(_of_table(look, table), kind="table", name=table.name, table_name=table.name)
    for name, why in look.layout.unreadable.items():
        yield Source(name=name, kind="table", table_name=None, remark=f"not looked at: {why}")


def _of_table(look: Look, table: Table) -> Iterator[Source]:
    sampled = look.sample(table)
    found: list[tuple[Column, Verdict]] = []
    for name in sampled.columns:
        column = table.columns[name]
        verdict = None if column.pk else look.judged(sampled, column)
        if verdict is not None:
            found.append((column, verdict))
    content = look.content(sampled, [column.name for column, _ in found])
    for column, verdict in found:
        name = name_of(table.name, column.name, len(found))
        yield look.source("table", sampled, column, verdict, name=name, content=content)


TABLE = Kind("table", "any other table with a column of equal-length BLOBs or JSON arrays", _find)
