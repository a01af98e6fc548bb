"""Any other table with a column of vectors, whoever made it: sqlite-utils, a program of one's own."""

from __future__ import annotations

from collections.abc import Iterator

from sqlclust.errors import CorruptError, MismatchError, StatementError, TooBigError
from sqlclust.sources.found import Source
from sqlclust.sources.judging import Verdict
from sqlclust.sources.kind import Kind
from sqlclust.sources.look import Look
from sqlclust.sqlite.layout import Column, Table


def _find(look: Look) -> Iterator[Source]:
    for table in look.free_tables():
        look.database.check_interrupt()
        try:
            yield from _of_table(look, table)
        except (CorruptError, StatementError, TooBigError, MismatchError, UnicodeDecodeError) as error:
            yield Source(name=table.name, kind="table", table_name=table.name, remark=f"not looked at: {error}")
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
        name = table.name if len(found) == 1 else f"{table.name}.{column.name}"
        yield look.source("table", sampled, column, verdict, name=name, content=content)


TABLE = Kind("table", "any other table with a column of equal-length BLOBs or JSON arrays", _find)
