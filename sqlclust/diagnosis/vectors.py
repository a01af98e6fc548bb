"""Vectors: one pass over each table that has them, in the order they are stored, in memory that does not grow."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sqlclust.diagnosis.examination import Examination, counted
from sqlclust.diagnosis.findings import Severity
from sqlclust.diagnosis.vector_tables import VectorTable
from sqlclust.errors import Id, SqliteError, VectorJSONError
from sqlclust.sqlite import statements
from sqlclust.sqlite.layout import quoted
from sqlclust.sqlite.values import octets
from sqlclust.store.sources.host_rows import TooLong
from sqlclust.store.sources.table_rows import MAX_BYTES
from sqlclust.vectors.blobs import json_numbers, sqlite_type
from sqlclust.vectors.formats import FORMATS, FormatName, Resemblance, narrowed, resemblance

_BATCH_BYTES = 1 << 20
_BATCH_ROWS = 1024
_MOST_GROUPS = 10_000
"""Models times dimensions that are counted: memory stays what it is for a file that gives each row a model of its own."""

_LOOKS, _SAMPLE = 3, 128
"""Batches of each model, and rows of a batch, from which the format is told."""

_LOAD_AGAIN = "load these embeddings again, or delete them"


class _Seen:
    """How many rows have something, and the key of the first."""

    def __init__(self) -> None:
        self.n = 0
        self.first: Any = None
        self.fact: Any = None

    def add(self, key: Any, fact: Any = None, n: int = 1) -> None:
        if not self.n:
            self.first, self.fact = key, fact
        self.n += n


class _Pass:
    """What one pass has seen.

    Args:
        format: of the vectors; None: float32, unless they look like another.
        codec: of TEXT that comes as its bytes.
    """

    def __init__(self, format: FormatName | None, codec: str) -> None:
        self._codec = codec
        self.said, self.format = format, FORMATS[format or "float32"]
        self.resembling: dict[tuple[Any, int], Resemblance] = {}
        self._looks: dict[tuple[Any, int], int] = {}
        self.missing, self.other_type, self.empty, self.odd, self.too_long = _Seen(), _Seen(), _Seen(), _Seen(), _Seen()
        self.not_finite, self.zero = _Seen(), _Seen()
        self.groups: dict[tuple[Any, int], _Seen] = {}
        self.uncounted = False

    def take(self, keys: list[Any], models: list[Any], vectors: list[Any]) -> None:
        """Look at some rows."""
        by_length: dict[int, list[int]] = {}
        for row, vector in enumerate(vectors):
            key = keys[row]
            if vector is None:
                self.missing.add(key)
            elif isinstance(vector, TooLong):
                self.too_long.add(key, vector.bytes)
            elif not isinstance(vector, bytes):
                self.other_type.add(key, "a BLOB" if self.format.is_text and vector == "" else sqlite_type(vector))
            elif self.format.is_text:
                self._take_text(key, models[row], vector)
            elif not vector:
                self.empty.add(key)
            elif len(vector) % self.format.unit:
                self.odd.add(key, len(vector))
            else:
                by_length.setdefault(len(vector), []).append(row)
                self._count(models[row], self.format.dimension(len(vector)), key)
        for length, rows in by_length.items():
            stored = b"".join(vectors[row] for row in rows)
            matrix = np.frombuffer(stored, dtype=np.uint8).reshape(len(rows), length)
            if self.said is None:
                self._look([models[row] for row in rows], matrix)
            dimension = self.format.dimension(length)
            read = [at for at, row in enumerate(rows) if (models[row], dimension) not in self.resembling]
            if read:  # what they would be as float32 says nothing of the others
                self._take_numbers([keys[rows[at]] for at in read], self.format.numbers(matrix[read]))

    def _take_text(self, key: Any, model: Any, text: bytes) -> None:
        try:
            numbers = json_numbers(text.decode(self._codec), "the vector")
        except (VectorJSONError, UnicodeDecodeError):
            self.other_type.add(key, "no JSON array of numbers")
            return
        self._count(model, len(numbers), key)
        self._take_numbers([key], numbers[None])

    def _take_numbers(self, keys: list[Any], given: NDArray[Any]) -> None:
        matrix = narrowed(given)
        if not np.isfinite(matrix).all():
            bad = np.flatnonzero(~np.isfinite(matrix).all(axis=1)).tolist()
            first = ~np.isfinite(matrix[bad[0]])
            self.not_finite.add(keys[bad[0]], str(given[bad[0]][first][0]), len(bad))
        with np.errstate(invalid="ignore"):  # of signalling NaN
            zero = np.flatnonzero(~matrix.any(axis=1)).tolist()
        if zero:
            self.zero.add(keys[zero[0]], None, len(zero))

    def _look(self, models: list[Any], matrix: NDArray[np.uint8]) -> None:
        """Whether a model's vectors look like another format; told from some of its first."""
        for model in dict.fromkeys(models):
            group = model, self.format.dimension(matrix.shape[1])
            looks = self._looks.get(group, 0)
            if group not in self.groups or group in self.resembling or looks >= _LOOKS:
                continue
            self._looks[group] = looks + 1
            rows = [row for row, other in enumerate(models) if other == model]
            found = resemblance(matrix[rows[:_SAMPLE]])
            if found is not None:
                self.resembling[group] = found

    def _count(self, model: Any, dimension: int, key: Any) -> None:
        seen = self.groups.get((model, dimension))
        if seen is None:
            if len(self.groups) >= _MOST_GROUPS:
                self.uncounted = True
                return
            seen = self.groups[model, dimension] = _Seen()
        seen.add(key)


def check_vectors(exam: Examination, vectors: VectorTable, registered: FormatName | None = None) -> None:
    """Every vector of a table.

    Args:
        registered: the format of the source that they are; None: of none.

    Cost: reads the table once; memory for a megabyte of vectors, or for the largest one, which is of at most `MAX_BYTES` in
    other programs' tables.
    """
    with exam.guarded(vectors.table):
        seen = _Pass(None if vectors.known else registered or exam.format, exam.layout.codec)
        with closing(_batches(exam, vectors, as_text=seen.format.is_text)) as batches:
            for keys, models, blobs in batches:
                seen.take(keys, models, blobs)
        if registered is not None:
            seen.missing = _Seen()  # fits pass over them
        _report(exam, vectors, seen)


def _batches(
    exam: Examination, vectors: VectorTable, *, as_text: bool
) -> Generator[tuple[list[Any], list[Any], list[Any]], None, None]:
    """Keys, models and vectors. The key is the rowid where there is one, so that no id needs to be read, or to be text.

    TEXT comes as '', because it is wrong whatever it says. With `as_text` it comes as its bytes, and a BLOB comes as ''. What no
    fit would read of another program's table is not read here either: it comes as `TooLong`.
    """
    table = vectors.table
    own = quoted(vectors.id.name)
    key = table.rowid or f"CASE typeof({own}) WHEN 'text' THEN CAST({own} AS BLOB) ELSE {own} END"
    # a model may be damaged text too
    model = f"CAST({quoted(vectors.model.name)} AS BLOB)" if vectors.model else "NULL"
    v = quoted(vectors.vector.name)
    vector = f"CASE typeof({v}) WHEN 'text' THEN '' ELSE {v} END"
    length = f"CASE typeof({v}) WHEN 'blob' THEN length({v}) END"
    if as_text:
        vector = f"CASE typeof({v}) WHEN 'text' THEN CAST({v} AS BLOB) WHEN 'blob' THEN '' ELSE {v} END"
        length = f"CASE typeof({v}) WHEN 'text' THEN {octets(exam.database, v)} END"
    if vectors.known:
        length = "NULL"
    else:
        vector = f"CASE WHEN {length} > {MAX_BYTES} THEN NULL ELSE {vector} END"
    rows = _estimated_rows(exam, vectors)
    keys, models, blobs, size, done = [], [], [], 0, 0
    with statements.each_row(exam.database, f"SELECT {key}, {model}, {vector}, {length} FROM {table.sql}") as found:
        for one_key, one_model, read, length_of in found:
            blob = TooLong(length_of) if read is None and length_of is not None else read
            keys.append(one_key)
            models.append(one_model)
            blobs.append(blob)
            size += len(blob) if isinstance(blob, bytes) else 8
            if size >= _BATCH_BYTES or len(keys) >= _BATCH_ROWS:
                yield keys, models, blobs
                done += len(keys)
                exam.at(done / rows)
                exam.check_interrupt()
                keys, models, blobs, size = [], [], [], 0
    yield keys, models, blobs


def _estimated_rows(exam: Examination, vectors: VectorTable) -> int:
    """For progress, without a pass: rowids mostly count up from 1."""
    if vectors.table.rowid is None:
        return int(exam.row(f"SELECT count(*) AS n FROM {vectors.table.sql}")[0]) or 1
    return max(1, int(exam.row(f"SELECT max({vectors.table.rowid}) AS n FROM {vectors.table.sql}")[0] or 1))


def _report(exam: Examination, vectors: VectorTable, seen: _Pass) -> None:
    # another program's BLOBs may be something else, and be meant
    wrong: Severity = "error" if vectors.known else "note"
    expected = "JSON array" if seen.format.is_text else f"BLOB of {seen.format.name}"
    _report_formats(exam, vectors, seen, wrong)
    if seen.missing.n and vectors.ours:
        if not vectors.table.has("embedding_source"):  # rows of a source have none; of others a CHECK is violated
            seen.other_type.add(seen.missing.first, sqlite_type(None), seen.missing.n)
    elif seen.missing.n:
        _add(_Place(exam, vectors), "missing-vector", "note", seen.missing,
             f"{counted(seen.missing.n, 'row has', 'rows have')} no vector",
             "such rows cannot be clustered: leave them out (where vector IS NOT NULL)")  # fmt: skip
    if seen.other_type.n:
        _add(_Place(exam, vectors), "vector-type", wrong, seen.other_type,
             f"{counted(seen.other_type.n, 'vector is', 'vectors are')} no {expected}; the example is {seen.other_type.fact}",
             "clust_vector makes a vector of JSON text; " + _LOAD_AGAIN)  # fmt: skip
    if seen.empty.n:
        _add(_Place(exam, vectors), "vector-length", wrong, seen.empty,
             f"{counted(seen.empty.n, 'vector is', 'vectors are')} empty", _LOAD_AGAIN)  # fmt: skip
    if seen.odd.n:
        _add(_Place(exam, vectors), "vector-length", wrong, seen.odd,
             f"{counted(seen.odd.n, 'vector has', 'vectors have')} a length that is no multiple of "
             f"{counted(seen.format.unit, 'byte', 'bytes')} ({seen.format.name}); the "
             f"example has {counted(seen.odd.fact, 'byte', 'bytes')}", _LOAD_AGAIN)  # fmt: skip
    if seen.too_long.n:
        _add(_Place(exam, vectors), "vector-length", wrong, seen.too_long,
             f"{counted(seen.too_long.n, 'vector has', 'vectors have')} more than {MAX_BYTES:,} bytes; the example has "
             f"{seen.too_long.fact:,}", "no fit reads them: leave them out, or load them again")  # fmt: skip
    if seen.not_finite.n:
        _add(_Place(exam, vectors), "not-finite", wrong, seen.not_finite,
             f"{counted(seen.not_finite.n, 'vector has', 'vectors have')} NaN or infinity; the example has "
             f"{seen.not_finite.fact}", _LOAD_AGAIN)  # fmt: skip
    if seen.zero.n:
        _add(_Place(exam, vectors), "zero-vector", "note", seen.zero,
             f"{counted(seen.zero.n, 'vector is', 'vectors are')} zero and without a direction",
             "leave them out of a fit that normalises or uses cosine; with metric euclidean and normalize false they may "
             "stay")  # fmt: skip
    _report_dimensions(exam, vectors, seen)


def _report_formats(exam: Examination, vectors: VectorTable, seen: _Pass, wrong: Severity) -> None:
    for group, found in seen.resembling.items():
        likely = " or ".join(found.formats)
        name = f" of model {_text(exam, group[0])!r}" if vectors.model else ""
        remedy = (
            f'say so: clust_points(…, \'{{"format": "{found.formats[0]}"}}\'); sqlclust doctor --format {found.formats[0]} looks '
            "at them as such"
        )
        if vectors.known:
            remedy = (
                f"clust_vector(vector, '{found.formats[0]}') makes float32 of them, or load them again with --vector-format "
                f"{found.formats[0]}; if they are float32 all the same, say --vector-format float32 to sqlclust fit"
            )
        n = seen.groups[group].n
        _add(_Place(exam, vectors), "vector-format", wrong, seen.groups[group],
             f"{counted(n, 'vector', 'vectors')}{name} {'looks' if n == 1 else 'look'} like {likely} and not like float32: "
             f"{found.evidence}", remedy)  # fmt: skip


def _report_dimensions(exam: Examination, vectors: VectorTable, seen: _Pass) -> None:
    by_model: dict[Any, dict[int, _Seen]] = {}
    for (model, dimension), group in seen.groups.items():
        by_model.setdefault(model, {})[dimension] = group
    for model, dimensions in by_model.items():
        if len(dimensions) == 1:
            continue
        usual = max(dimensions, key=lambda dimension: (dimensions[dimension].n, dimension))
        others = {dimension: group for dimension, group in dimensions.items() if dimension != usual}
        n = sum(group.n for group in others.values())
        dimension = min(others)
        name = f"model {_text(exam, model)!r}" if vectors.model else "the table"
        mixed = _Seen()
        mixed.add(others[dimension].first, dimension, n)
        _add(_Place(exam, vectors), "mixed-dimensions", "error" if vectors.known else "note", mixed,
             f"{counted(n, 'vector', 'vectors')} of {name} {'has' if n == 1 else 'have'} another number of dimensions than the "
             f"others' {usual}; the example has {dimension}",
             "load these again with the model's own dimension, or give them a model name of their own")  # fmt: skip
    if seen.uncounted:
        exam.add(
            "mixed-dimensions", "note", vectors.table, vectors.vector.name, n=1,
            detail=f"more than {_MOST_GROUPS:,} models and dimensions: not all were compared",
            remedy="give the embeddings of one model one model name",
        )  # fmt: skip


class _Place(NamedTuple):
    """Where a finding is: a table of vectors, of what is being examined."""

    exam: Examination
    vectors: VectorTable


def _add(place: _Place, finding: str, severity: Severity, seen: _Seen, detail: str, remedy: str) -> None:
    exam, vectors = place
    exam.add(
        finding, severity, vectors.table, vectors.vector.name, n=seen.n, example=_id(exam, vectors, seen.first),
        detail=detail, remedy=remedy,
    )  # fmt: skip


def _id(exam: Examination, vectors: VectorTable, key: Any) -> Id | None:
    """The id of a row by its key."""
    if vectors.table.rowid is None:
        found: Id | None = _text(exam, key)
        return found
    sql = f"SELECT {quoted(vectors.id.name)} AS id FROM {vectors.table.sql} WHERE {vectors.table.rowid} = ?"
    try:
        found = exam.row(sql, (key,))[0]
    except SqliteError:
        raise
    except ValueError:  # a damaged file: what a scan gives is not found again
        found = None
    return found


def _text(exam: Examination, value: Any) -> Any:
    """Text that was read as a BLOB; still the BLOB if it is none."""
    try:
        return value.decode(exam.layout.codec) if isinstance(value, bytes) else value
    except UnicodeDecodeError:
        return value
