"""What the doctor says of sources, for tests."""

from __future__ import annotations

from tests.diagnosis.case import Row

DOCS = '["docs","t0"]'


def error(finding: str, column: str, detail: str, name: str = "docs") -> Row:
    return "error", finding, "EmbeddingSource", column, name, 1, detail


def edited(column: str, found: str, expected: str) -> list[Row]:
    damage = f"source 'docs' is damaged: EmbeddingSource.{column} is {found}, expected {expected}"
    return [error("damaged-source", column, f"{damage}: no fit, cut or prediction takes it")]


def view(name: str, what: str) -> Row:
    detail = f"the view {name + '_clusters'!r} of source {name!r} {what}"
    return "note", "source-view", "EmbeddingSource", None, name, 1, detail


def gone(n: int, example: str, item: str, table: str = "docs") -> Row:
    are = "is" if n == 1 else "are"
    detail = (
        f"{n} row{'s' * (n > 1)} of {table!r} that results have {are} not there any more, or without a vector; the example is "
        f"{item}"
    )
    return "note", "items-gone", "Embedding", "item_id", example, n, detail


def unused(n: int, example: str = DOCS) -> Row:
    rows = "1 row of a source is" if n == 1 else f"{n} rows of sources are"
    detail = f"{rows} in no result any more: triggers were off when the last one went"
    return "note", "unused-items", "Embedding", "item_id", example, n, detail


def cannot(reason: str, name: str = "docs") -> str:
    return f"source {name!r} cannot be read: {reason}"


def unlike(found: str, name: str = "docs", registered: str = "float32 of dimension 8") -> Row:
    return error("source-format", "format", f"source {name!r} is registered as {registered}; {found}", name)


def elsewhere(path: str, reason: str) -> Row:
    where = f"source 'docs' is in another file, {path!r} seen from the folder of this one, and that cannot be read: {reason}"
    return error("source-gone", "database", where)


def altered(column: str, reason: str, name: str = "docs") -> list[Row]:
    return [error("source-altered", column, cannot(reason, name), name)]
