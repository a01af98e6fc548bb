"""LangChain's SQLiteVec and SQLiteVSS: rows with their vectors in a table, and a copy of those in a virtual table."""

from __future__ import annotations

from collections.abc import Iterator

from sqlclust.sources.found import Source
from sqlclust.sources.kind import Kind
from sqlclust.sources.look import Look

COLUMNS = {"rowid", "text", "metadata", "text_embedding"}


def _find(look: Look) -> Iterator[Source]:
    for table in look.free_tables(*COLUMNS):
        if {*table.columns} == COLUMNS:
            look.take(table)
            yield look.in_rows(
                "langchain", look.sample(table), "text_embedding", content="text", remark="a vector store of LangChain"
            )


LANGCHAIN = Kind("langchain", "a vector store of LangChain (SQLiteVec, SQLiteVSS)", _find)
