"""datasette-embeddings: beside a table, `_embeddings_TABLE` with its primary key and a column for each model."""

from __future__ import annotations

from collections.abc import Iterator

from sqlclust.sources.found import Source, name_of
from sqlclust.sources.kind import Kind
from sqlclust.sources.look import Look

_PREFIX, _COLUMN = "_embeddings_", "emb_"


def _find(look: Look) -> Iterator[Source]:
    for table in look.free_tables():
        columns = [c.name for name, c in table.columns.items() if name.startswith(_COLUMN) and not c.generated]
        if not table.name.lower().startswith(_PREFIX) or not columns:
            continue
        look.take(table)
        host = table.name[len(_PREFIX) :]
        for column in columns:
            name = name_of(table.name, column, len(columns))
            remark = f"vectors of the rows of {host}, by its primary key"
            yield look.in_rows(
                "datasette-embeddings", look.sample(table), column, name=name, content=None, remark=remark
            )  # the text was a template


DATASETTE_EMBEDDINGS = Kind("datasette-embeddings", "a table `_embeddings_TABLE`, one column for each model", _find)
