"""What makes a healthy file sick, and the exact rows that the doctor then gives."""

from __future__ import annotations

from typing import Any, NamedTuple

Row = tuple[Any, ...]


class Case(NamedTuple):
    """What is done to a healthy database, and what the doctor says.

    Attributes:
        sql: executed without constraints and triggers.
        found: (severity, finding, table, column, id, n, detail) of each finding.
        fixed: (finding, table, column, n, did) of each repair.
        left: the findings that are left after it; None: all, nothing was repaired.
    """

    sql: str
    found: list[Row]
    fixed: list[Row] | None = None
    left: list[str] | None = None


def mixed(*ids: object) -> str:
    """SQL that enters embeddings of a model of their own."""
    values = ", ".join(f"(x'{id.hex()}')" if isinstance(id, bytes) else f"({id!r})" for id in ids)
    vector = "(SELECT vector FROM Embedding WHERE id = 1)"
    return (
        f"INSERT INTO Embedding (id, embedding_model, vector) SELECT column1, 'mixed', {vector} FROM (VALUES {values})"
    )


def alike(n: int, example: int, length: int, other: str) -> Row:
    detail = (
        f"{n} ids are INTEGER among TEXT of the same {length} digits, such as {other!r}: text of a file that has digits only, "
        "taken for numbers; as such they are equal to no text"
    )
    return "error", "mixed-id-types", "Embedding", "id", example, n, detail


def numerals(n: int, example: int, other: str) -> Row:
    detail = (
        f"{f'{n} ids are' if n > 1 else '1 id is'} INTEGER among TEXT that is a number too, such as {other!r}: text of a file of "
        "which each cell had a type of its own; as such they are equal to no text"
    )
    return "error", "mixed-id-types", "Embedding", "id", example, n, detail
