"""Whether a column holds vectors, and in which format, told from a sample of its values.

A column that is called a vector is believed, unless its values speak against it. Any other has to show it: BLOBs of one length
whose bytes are numbers of usual sizes, or JSON arrays of one length. Keys, hashes and pictures are BLOBs too; read as numbers
they are of all sizes from 1e-38 to 1e38.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sqlclust.errors import VectorJSONError, counted_rows
from sqlclust.sources.sampling import Cells
from sqlclust.vectors.blobs import json_numbers
from sqlclust.vectors.formats import FORMATS, FormatName, resemblance

_MOST = 0.8
"""The share of values that have to be of one type and length, in a column that is called a vector."""
_USUAL_SIZES: dict[FormatName, tuple[float, float]] = {
    "float32": (1e-9, 1e6),
    "float64": (1e-12, 1e9),
    "float16": (2e-4, 64.0),
    "bfloat16": (1e-9, 1e6),
}
"""Numbers of vectors are mostly of these sizes, or zero."""
_LEAST_BYTES = 64
"""In a column that is not called a vector, to say that their sizes are usual is no accident."""
_OTHER_CONTENTS = (
    (b"\x93NUMPY", "NumPy files (.npy)"), (b"\x1f\x8b", "compressed by gzip"), (b"x\x9c", "compressed by zlib"),
    (b"(\xb5/\xfd", "compressed by zstandard"), (b"\x80\x03", "Python pickles, which are programs and are never read"),
    (b"\x80\x04", "Python pickles, which are programs and are never read"),
    (b"\x80\x05", "Python pickles, which are programs and are never read"),
)  # fmt: skip


@dataclass(frozen=True)
class Verdict:
    """What a column of vectors holds.

    Attributes:
        format: None if it cannot be told.
        dimension: None if it cannot be told, or if there are several.
        remark: what it was concluded from.
        readable: whether they can be clustered as they are.
    """

    format: FormatName | None
    dimension: int | None
    remark: str
    readable: bool = True


def judged(
    cells: Cells,
    values: Sequence[tuple[str, bytes]],
    *,
    named: bool,
    dimension: int | None = None,
    codec: str = "utf-8",
    usual: FormatName | None = None,
) -> Verdict | None:
    """What a column holds; None if it seems to hold no vectors.

    Args:
        cells: types and lengths in the sample.
        values: (type, bytes) of some of them.
        named: whether it is known, or called, to hold vectors.
        dimension: if something says it.
        codec: of TEXT, as Python calls it.
        usual: the format of BLOBs that do not tell it.
    """
    n = len(cells.types)
    there = n - cells.n_null
    kinds = Counter(kind for kind in cells.types if kind != "null")
    if not kinds:
        return None
    kind, most = kinds.most_common(1)[0]
    if kind not in ("blob", "text") or most < (_MOST if named else 1) * there:
        return None
    nulls = f", NULL in {cells.n_null}" if cells.n_null else ""
    if kind == "text":
        found = _of_texts([value for type_, value in values if type_ == kind], named, codec)
    else:
        lengths = [length for type_, length in zip(cells.types, cells.lengths, strict=True) if type_ == kind]
        found = _of_blobs(lengths, [value for type_, value in values if type_ == kind], named, dimension, usual)
    if found is None:
        return None
    others = f", {there - most} of another type" if there > most else ""
    return Verdict(
        found.format, found.dimension, f"from {counted_rows(n)}{nulls}{others}: {found.remark}", found.readable
    )


# --- JSON ------------------------------------------------------------------------------------------------------------


def _of_texts(texts: Sequence[bytes], named: bool, codec: str) -> Verdict | None:
    if not texts:
        return None
    dimensions: Counter[int] = Counter()
    looks = False
    for text in texts:
        try:
            decoded = text.decode(codec)
        except UnicodeDecodeError:
            continue
        if not decoded.lstrip().startswith("["):
            continue
        try:
            numbers = json_numbers(decoded)
        except VectorJSONError:
            continue
        dimensions[len(numbers)] += 1
        looks |= len(numbers) >= 8 or bool((numbers != np.rint(numbers)).any())
    if not dimensions:
        return None
    usual, most = dimensions.most_common(1)[0]
    if named:
        if sum(dimensions.values()) < _MOST * len(texts):
            return None
        if most < _MOST * len(texts):
            return Verdict("json", None, f"JSON arrays of {_several(dimensions)} numbers")
        return Verdict("json", usual, f"JSON arrays of {usual} numbers{_but(len(texts) - most)}")
    if most < len(texts) or len(texts) < 2 or usual < 2 or not looks:
        return None  # a list of ids is a JSON array too
    return Verdict("json", usual, f"JSON arrays of {usual} numbers")


# --- BLOBs -----------------------------------------------------------------------------------------------------------


def _of_blobs(
    lengths: Sequence[int], blobs: Sequence[bytes], named: bool, dimension: int | None, default: FormatName | None
) -> Verdict | None:
    counted = Counter(length for length in lengths if length)
    if not counted:
        return None
    usual, most = counted.most_common(1)[0]
    if not named and (most < len(lengths) or most < 2):
        return None
    looked_at = [np.frombuffer(blob, dtype=np.uint8) for blob in blobs if len(blob) == usual]
    if named:
        other = next((what for magic, what in _OTHER_CONTENTS if _all_start(blobs, magic)), None)
        if other is None and blobs and all(_is_jsonb_array(blob) for blob in blobs):
            other = "JSONB, SQLite's own; json(COLUMN) makes JSON text of it"
        if other is not None:
            return Verdict(None, None, f"not in this file as plain numbers: the BLOBs are {other}", readable=False)
    if not looked_at:
        if not named:
            return None
        return Verdict(
            None, None, f"BLOBs of {usual:,} bytes, not looked at: they, or what stands before them, are large"
        )
    matrix = np.stack(looked_at)
    format, evidence = _format_of(matrix, dimension if named else None, default)
    if not named and (format not in _USUAL_SIZES or matrix.size < _LEAST_BYTES or not matrix.any()):
        return None
    if most < _MOST * len(lengths):  # vectors of several models, it may be
        return Verdict(format, None, f"BLOBs of {_several(counted)} bytes{evidence}")
    if format is None:
        return Verdict(None, None, f"BLOBs of {usual} bytes{_but(len(lengths) - most)}{evidence}")
    found = FORMATS[format].dimension(usual)
    return Verdict(format, found, f"BLOBs of {usual} bytes{_but(len(lengths) - most)}{evidence}")


def _is_jsonb_array(blob: bytes) -> bool:
    """Whether it is as long as the header of an array in JSONB says. https://sqlite.org/jsonb.html#the_header"""
    if len(blob) < 2 or blob[0] & 15 != 11:
        return False
    n_size = {12: 1, 13: 2, 14: 4, 15: 8}.get(blob[0] >> 4, 0)
    size = int.from_bytes(blob[1 : 1 + n_size], "big") if n_size else blob[0] >> 4
    return len(blob) == 1 + n_size + size


def _all_start(blobs: Sequence[bytes], magic: bytes) -> bool:
    return len(blobs) > 1 and all(blob.startswith(magic) for blob in blobs)


def _format_of(
    matrix: NDArray[np.uint8], dimension: int | None, default: FormatName | None
) -> tuple[FormatName | None, str]:
    """The format of bytes, and why if it is not float32.

    Args:
        matrix: uint8 (n, bytes).
        dimension: if something says it; then only formats that give it are possible.
        default: if it is not told, and possible.
    """
    width = matrix.shape[1]
    possible = [
        record.name
        for record in FORMATS.values()
        if not record.is_text and width % record.unit == 0 and dimension in (None, record.dimension(width))
    ] or [record.name for record in FORMATS.values() if not record.is_text and width % record.unit == 0]
    resembled = resemblance(matrix) if "float32" in possible or dimension is None else None
    if resembled is not None:
        fitting = [name for name in resembled.formats if name in possible]
        if fitting:
            also = f" or {fitting[1]}" if len(fitting) > 1 else ""
            return fitting[0], f" that look like {fitting[0]}{also}: {resembled.evidence}"
    if default in possible:
        return default, ""
    # float16 has usual sizes easily: of several rows that may be float32 the look above would have said it
    tried = ("float32", "float64") if "float32" in possible and len(matrix) >= 4 else tuple(_USUAL_SIZES)
    usual = next((name for name in tried if name in possible and _has_usual_sizes(matrix, name)), None)
    if usual is not None:
        return usual, "" if usual == "float32" else f" that look like {usual}"
    if len(possible) == 1:
        return possible[0], f": {possible[0]} by its dimension"
    if "float32" in possible and resembled is None and not matrix.any():
        return "float32", ", all of them zero"
    either = f"{possible[0]} or {possible[1]}" if len(possible) == 2 else "which format they are of"
    return None, f": they do not tell {'whether they are ' * (len(possible) == 2)}{either}"


def _has_usual_sizes(matrix: NDArray[np.uint8], format: FormatName) -> bool:
    """Whether bytes are numbers of usual sizes in a format, and not all zero."""
    least, greatest = _USUAL_SIZES[format]
    numbers: NDArray[Any] = FORMATS[format].numbers(matrix)
    with np.errstate(all="ignore"):
        sizes = np.abs(numbers.astype(np.float64))
        fit = (sizes == 0) | ((sizes >= least) & (sizes <= greatest))
    return bool(fit.mean() >= 0.95 and (sizes > 0).any())


def _several(counts: Counter[int]) -> str:
    """Up to three that are counted, in their order."""
    first = sorted(sorted(counts, key=lambda each: -counts[each])[:3])
    return ", ".join(map(str, first)) + (" and other" if len(counts) > 3 else "")


def _but(n: int) -> str:
    return f", {n} of another length" if n else ""
