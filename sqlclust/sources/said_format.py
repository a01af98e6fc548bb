"""The format of the vectors of a source that is chosen: as a person says it, or else as they look."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence

from sqlclust.errors import HostTableError, shown
from sqlclust.sources.judging import Verdict
from sqlclust.sources.said import Said, Words
from sqlclust.sources.sampling import Cells
from sqlclust.vectors.formats import FORMATS, FormatName

logger = logging.getLogger("sqlclust")

_MOST = 0.8
"""The share of values that have to be of one length for a dimension to be told."""


def format_of(
    cells: Cells,
    verdict: Verdict | None,
    said: Said,
    words: Words,
    table: str,
    column: str,
    *,
    others: Sequence[str] = (),
) -> tuple[FormatName, int | None]:
    """The format of vectors and their dimension, as they are said, or else as they look.

    Args:
        others: columns of the table that have vectors, for the message.

    Raises:
        HostTableError: they do not look like vectors, or not like one format, and nothing is said.
    """
    if said.format is not None:
        if verdict is not None and verdict.format not in (None, said.format):
            logger.warning(
                "the vectors in column %s of %s look like %s, and are read as %s because that is said",
                column, table, verdict.format, said.format,
            )  # fmt: skip
        return said.format, _dimension_as(said.format, cells, verdict, words, table, column)
    if verdict is not None and verdict.readable and verdict.format is not None:
        return verdict.format, verdict.dimension
    kinds = {*cells.types} - {"null"}
    if verdict is None and kinds and "blob" not in kinds:
        what = "texts that are no JSON arrays" if "text" in kinds else "numbers"
        there = f"; columns with vectors: {', '.join(map(shown, others))}" if others else ""
        reason = f"column {shown(column)} of {shown(table)} holds {what}, not vectors{there}"
        raise HostTableError(reason, table=table, column=column)
    found = verdict.remark if verdict else "no row of it has a value" if not kinds else _kinds(cells)
    reason = f"the format of column {shown(column)} of {shown(table)} cannot be told ({found}); {words.format} says it"
    raise HostTableError(reason, table=table, column=column)


def _dimension_as(
    format: FormatName, cells: Cells, verdict: Verdict | None, words: Words, table: str, column: str
) -> int | None:
    """The dimension of most values in a format that was said; None if it cannot be told."""
    record = FORMATS[format]
    kind = "text" if record.is_text else "blob"
    there = [type_ for type_ in cells.types if type_ != "null"]
    if there and kind not in there:
        reason = f"{words.format} is {format!r}, expected what column {shown(column)} of {shown(table)} holds: {_kinds(cells)}"
        raise HostTableError(reason, table=table, column=column)
    if record.is_text:
        return verdict.dimension if verdict is not None and verdict.format == format else None
    lengths = Counter(length for type_, length in zip(cells.types, cells.lengths, strict=True) if type_ == kind)
    if not lengths:
        return None
    length, most = lengths.most_common(1)[0]
    if length % record.unit:
        reason = (
            f"{words.format} is {format!r}, expected one whose vectors can have {length:,} bytes, as those in column "
            f"{shown(column)} of {shown(table)}"
        )
        raise HostTableError(reason, table=table, column=column)
    return record.dimension(length) or None if most >= _MOST * len(there) else None


def _kinds(cells: Cells) -> str:
    """The types of values, in words."""
    counted = Counter(kind.upper() for kind in cells.types if kind != "null")
    return ", ".join(f"{kind} in {n} of {len(cells.types)} rows" for kind, n in counted.most_common())
