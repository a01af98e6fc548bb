"""Tables of vectors: ours, and those of any other program; and the tables that are tied to them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlclust.diagnosis.families import Family
from sqlclust.sources.columns import model_column, vector_column
from sqlclust.sqlite.layout import Column, Layout, Table


@dataclass(frozen=True)
class VectorTable:
    """A table of vectors.

    Attributes:
        table: the table itself.
        id: its column of ids.
        vector: its column of vectors.
        model: its column that says which vectors belong together, None if there is none.
        known: whether it is of a family: vectors of float32. A table of another program may hold other numbers.
        ours: whether it is the `Embedding` of our schema.
    """

    table: Table
    id: Column
    vector: Column
    model: Column | None
    known: bool
    ours: bool


def vector_tables(layout: Layout, families: Iterable[Family], *, as_text: bool = False) -> list[VectorTable]:
    """Tables with an id and a vector: those of the families, and any other whose column has a usual name of vectors and is of
    BLOBs; with `as_text` also of TEXT.
    """
    found = []
    known = {}
    affinities = ("BLOB", "TEXT") if as_text else ("BLOB",)
    for family in families:
        if "embedding" in family.tables:
            known[family["embedding"].name] = family.ours
    for table in layout.tables.values():
        vector = vector_column(table, affinities, known=table.name in known)
        if vector is None or "id" not in table.columns or table.columns["id"].generated:
            continue
        is_known = table.name in known
        found.append(
            VectorTable(table, table.columns["id"], vector, model_column(table), is_known, known.get(table.name, False))
        )
    return found


def related_tables(layout: Layout, families: Iterable[Family], vectors: Iterable[VectorTable]) -> list[Table]:
    """The tables whose ids matter: of the families, with vectors, and all that foreign keys tie to those."""
    reached = {table.name.lower() for family in families for table in family.tables.values()}
    reached |= {vector.table.name.lower() for vector in vectors}
    ties = [(table.name.lower(), key.parent.lower()) for table in layout.tables.values() for key in table.foreign_keys]
    before = -1
    while len(reached) > before:
        before = len(reached)
        for child, parent in ties:
            if child in reached or parent in reached:
                reached |= {child, parent}
    return [table for name, table in layout.tables.items() if name in reached]
