"""Embeddings from arrays: .npy, .npz, and the files of ids and texts beside them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sqlclust.cli.readers.ids import IdType, check_has_id, ids_of_one_type, no_ids_error, type_of_column
from sqlclust.cli.readers.input_file import InputFile, Record, Skipped, Unusable
from sqlclust.cli.readers.opening import BOM, Given, first_line, input_errors
from sqlclust.cli.readers.values import not_finite, value_in_words, value_of
from sqlclust.cli.readers.vectors import LooksLike, check_resemblance
from sqlclust.errors import InputFileError
from sqlclust.vectors.formats import FORMATS, FormatName, narrowed
from sqlclust.vectors.narrowing import Narrowing

MAGIC = {"npy": b"\x93NUMPY", "npz": b"PK"}

_IDS, _TEXTS = "iuU", "U"
"""NumPy's letters for what arrays of ids (integers or strings) and of texts (strings) are of."""
_BLOCK_ROWS = 4096
_SAMPLE = 128


def read_array(
    given: Given,
    ids: Path | None,
    texts: Path | None,
    format: str,
    *,
    id_type: IdType | None,
    vector_format: FormatName | None,
) -> InputFile:
    """The embeddings in an array; see `files.read`."""
    arrays = _arrays_in(given, format)
    with input_errors(given, "an array of ids or texts"):
        vectors = _checked_for_format(_matrix(arrays, raw=vector_format is not None), vector_format)
        row_ids = _plain_list(arrays["ids"], _IDS) if "ids" in arrays else None
        name = "texts" if "texts" in arrays else "content"
        row_texts = _plain_list(arrays[name], _TEXTS) if name in arrays else None
    row_texts = row_texts if texts is None else texts_beside(texts)
    row_ids, told = ids_beside(ids, row_ids, id_type, given)
    if row_ids is None and id_type == "text":
        raise no_ids_error(given)
    for values, what, file in ((row_ids, "ids", ids or given), (row_texts, "texts", texts or given)):
        if values is not None and len(values) != len(vectors):
            counts = f"{len(values):,} {what} for the {len(vectors):,} vectors in {given}"
            raise InputFileError(str(file), reason=f"found {counts}, expected as many")
    narrowing = Narrowing()
    rows = _embeddings_in(vectors, row_ids, row_texts, vector_format, narrowing, id_type or told)
    return InputFile(rows, len(vectors), format, {"id": told} if told else {}, narrowing)


def ids_beside(
    ids: Path | None, own: Sequence[object] | None, id_type: IdType | None, given: Given
) -> tuple[Sequence[object] | None, IdType | None]:
    """The ids in a file of their own, or else the file's own; and the type they were told to have, if nobody said it."""
    found = own if ids is None else _list_in_file(ids, _IDS)
    if found is None:
        return None, None
    told = None  # of lines of text somebody has to tell whether they are integers
    if id_type is None and ids is not None and ids.suffix.lower() == ".txt":
        told = type_of_column(found)
    with input_errors(ids or given, "a list of ids"):
        return ids_of_one_type(found, id_type or told), told


def texts_beside(texts: Path) -> Sequence[object]:
    """The texts in a file of their own."""
    return _list_in_file(texts, _TEXTS)


def _arrays_in(given: Given, format: str) -> Mapping[str, NDArray[Any]]:
    """The arrays of an .npz file by name, or that of an .npy file, which is mapped and not yet read."""
    with input_errors(given, f"a readable .{format} file"), given.uncompressed() as path:
        if not first_line(Given(str(given), path)).startswith(MAGIC[format]):
            raise ValueError("it does not begin as one")  # NumPy would call it a pickle and advise to load it
        if format == "npy":
            return {"array": np.load(path, mmap_mode="r", allow_pickle=False)}
        # a file of ours, because NumPy leaves its own open if it is a damaged archive
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        return {name: array for name, array in arrays.items() if isinstance(array, np.ndarray)}


def _matrix(arrays: Mapping[str, NDArray[Any]], *, raw: bool) -> NDArray[Any]:
    """The vectors among arrays, numbers of shape (n > 0, dimension > 0); `raw`: or bytes (V, as bfloat16 is saved)."""
    matrices = [name for name, array in arrays.items() if array.ndim == 2]
    known = [name for name in ("vectors", "embeddings", "arr_0") if name in matrices]
    if not known and len(matrices) != 1:
        there = ", ".join(f"{name} {array.shape}" for name, array in arrays.items()) or "none"
        raise Unusable(f"expected one 2-d array, or one named vectors, embeddings or arr_0; found {there}")
    vectors = arrays[(known or matrices)[0]]
    if vectors.dtype.kind not in ("fiuV" if raw else "fiu") or vectors.dtype.fields or vectors.size == 0:
        expected = "expected floats or integers, at least one row and one column"
        bytes_only = vectors.dtype.kind == "V" and not vectors.dtype.fields and not raw
        advice = (
            "; if these are the bytes of numbers, --vector-format says what they are, such as bfloat16"
            if bytes_only
            else ""
        )
        raise Unusable(f"found an array of {vectors.dtype}, shape {vectors.shape}, {expected}{advice}")
    return vectors


def _checked_for_format(vectors: NDArray[Any], format: FormatName | None) -> NDArray[Any]:
    """The array, if it can be read in this format, or as what it is if none is said.

    Raises:
        Unusable: it is of float32 and looks like another format, and none is said; or it is not of the format that is.
    """
    if format is None:
        middle = len(vectors) // 2
        for rows in (vectors[:_SAMPLE], vectors[middle : middle + _SAMPLE]) if vectors.dtype == np.float32 else ():
            try:
                check_resemblance(narrowed(rows).view(np.uint8), "an array of float32 that looks")
            except LooksLike as error:
                raise Unusable(str(error)) from None
        return vectors
    if FORMATS[format].is_text:
        raise Unusable(f"vector format {format} is for JSON, CSV and TSV, and this is an array")
    width = vectors.shape[1] * vectors.dtype.itemsize
    if width % FORMATS[format].unit:
        raise Unusable(f"its rows have {width} bytes, expected a multiple of {FORMATS[format].unit} ({format})")
    return vectors


def _list_in_file(path: Path, kinds: str) -> Sequence[object]:
    """The ids (`kinds` is `_IDS`) or texts (`_TEXTS`) in a file of their own."""
    ending = path.suffix.lower()
    array = _arrays_in(Given(str(path), path), "npy")["array"] if ending == ".npy" else None
    with input_errors(path, "a list of ids" if kinds == _IDS else "a list of texts"):
        if array is not None:
            return _plain_list(array, kinds)
        first_line(Given(str(path), path))
        if ending not in (".txt", ".json"):
            raise Unusable("expected a file that ends in .npy, .txt or .json")
        text = path.read_bytes().removeprefix(BOM).decode()
        if ending == ".json":
            values = json.loads(text)
            if not isinstance(values, list):
                raise Unusable(f"found {value_in_words(values)}, expected a JSON list")
            return values
        # not str.splitlines(), which would also cut at form feeds and U+2028 within a text
        lines = [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")]
        return [line or None for line in lines] if kinds == _IDS else lines


def _plain_list(array: NDArray[Any], kinds: str) -> Sequence[object]:
    """An array of ids or texts as plain Python values."""
    if array.ndim != 1 or array.dtype.kind not in kinds:
        expected = "a 1-d array of " + ("integers or strings" if kinds == _IDS else "strings")
        raise Unusable(f"found an array of {array.dtype}, shape {array.shape}, expected {expected}")
    values: list[object] = array.tolist()
    return values


def _numbers_in(vectors: NDArray[Any], format: FormatName | None) -> NDArray[Any]:
    """Rows of an array as numbers: its own, or those whose bytes it holds."""
    little = vectors.dtype.newbyteorder("<")
    own = None if format is None else FORMATS[format].dtype
    if format is None or (own is not None and little == own):
        return vectors
    rows = np.ascontiguousarray(vectors, dtype=little).view(np.uint8).reshape(len(vectors), -1)
    return FORMATS[format].numbers(rows)


def _embeddings_in(
    vectors: NDArray[Any],
    ids: Sequence[object] | None,
    texts: Sequence[object] | None,
    format: FormatName | None,
    narrowing: Narrowing,
    id_type: IdType | None,
) -> Iterator[Record | Skipped]:
    """The rows of an array as embeddings, a block at a time, so that a mapped file need not fit into memory."""
    for start in range(0, len(vectors), _BLOCK_ROWS):
        given = _numbers_in(vectors[start : start + _BLOCK_ROWS], format)
        block = narrowed(given)
        usable = np.all(np.isfinite(block), axis=1)
        narrowing.add(given[usable], block[usable])
        for offset, finite in enumerate(usable):
            row = start + offset
            try:
                if not finite:
                    raise not_finite(given[offset], block[offset])
                embedding_id = None if ids is None else value_of(ids[row], "id", int, float, str)
                check_has_id(embedding_id, id_type, "id")
                content = None if texts is None else value_of(texts[row], "content", str)
            except Unusable as problem:
                yield Skipped(row + 1, str(problem))
            else:
                yield Record(embedding_id, block[offset].tobytes(), content, None, None)
