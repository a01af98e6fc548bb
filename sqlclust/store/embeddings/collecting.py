"""Collecting points: rows come one by one or in batches, are checked, and are copied once."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sqlclust.core.geometry.metrics import Float32Array
from sqlclust.errors import Id, NotFiniteError, NullIdError, RepeatedIdError, VectorFormatError, VectorTypeError
from sqlclust.store.embeddings.buffer import GrowingBytes
from sqlclust.store.embeddings.points import Points, points_of
from sqlclust.store.memory import check_room_for_more
from sqlclust.vectors.blobs import (
    ITEM_BYTES,
    STORED,
    all_finite,
    check_dimension,
    first_not_finite,
    subject_of,
)
from sqlclust.vectors.formats import FORMATS, STORED_FORMAT, FormatName, check_narrowed, narrowed, resemblance
from sqlclust.vectors.narrowing import Narrowing

logger = logging.getLogger("sqlclust")

_BATCH = 128
_LOOK_FROM, _LOOK_AGAIN = 1 << 24, 1.25
"""From so many bytes of vectors on it is asked whether there is memory for more, and again when they are so many times more."""
_ID_TYPES = {int, float, str, bytes}

SAID_IN_SQL = (
    'Say so in the third argument of clust_points: \'{{"format": "{}"}}\'; '
    '\'{{"format": "float32"}}\' if they are that all the same'
)
SAID_OF_EMBEDDINGS = (
    "Embedding.vector holds float32, and clust_vector(vector, '{}') makes that of them; sqlclust doctor says how many there "
    'are. If they are float32 all the same, say so to the fit: \'{{"format": "float32"}}\' or --vector-format float32'
)
SAID_OF_VALUES = "Here vectors are float32, and clust_vector(vector, '{}') makes that of them"
_OF_A_SOURCE = " (an id such as this one stands for a row of a source, whose vectors are in a table of its own)"
_OTHER_LENGTHS = '. Other formats are said in the third argument of clust_points, as in \'{"format": "float16"}\''
_LOOKS = frozenset((1, 16, 256))
"""Numbers of the batches in which other formats are looked for: the first, and some later ones."""


class PointsBuilder:
    """Collects rows and checks them, a batch at a time. The vectors are copied once, into one buffer.

    So an error may come some calls after the row that it names.

    Args:
        keep_first: of a repeated id keep the first row and log it, instead of refusing.
        expected: rows there will be, if that is known; more or fewer may come.
        format: of the vectors. None is float32; then vectors that look like another format are an error.
        advice: how another format is said, with {} for its name; part of that error.
        check_room: called with the number of rows so far and their dimension, each time they are a quarter more. It raises
            if there is no memory for more.
    """

    def __init__(
        self,
        *,
        keep_first: bool = False,
        expected: int = 0,
        format: FormatName | None = None,
        advice: str = SAID_IN_SQL,
        check_room: Callable[[int, int], None] = check_room_for_more,
    ) -> None:
        self._keep_first = keep_first
        self._check_room, self._next_look = check_room, 0.0
        self._expected = expected
        self._said, self._advice = format, advice
        self._format = STORED_FORMAT if format is None else FORMATS[format]
        self._ids: list[Id] = []
        self._waiting: list[Any] = []
        self._buffer = GrowingBytes()
        self._width = 0
        self._dimension = 0
        self._batches = 0
        self._finite = True
        self._narrowing = Narrowing()

    def __len__(self) -> int:
        return len(self._ids)

    def add(self, embedding_id: object, vector: object) -> None:
        """Add a row.

        Raises:
            NullIdError, VectorTypeError, VectorLengthError, DimensionMismatchError, VectorFormatError: about this row or one
            before; of other formats than float32 also NotFiniteError, VectorJSONError.
        """
        self._ids.append(embedding_id)  # type: ignore[arg-type]  # checked with its batch
        self._waiting.append(vector)
        if len(self._waiting) == _BATCH:
            self._check_and_copy()

    def extend(self, rows: Iterator[tuple[object, object]]) -> int:
        """Add a batch of an iterator's rows, and say how many there were: 0 when there are no more.

        Raises:
            as `add`.
        """
        batch = list(islice(rows, _BATCH))
        if batch:
            self.add_many(*zip(*batch, strict=True))
        return len(batch)

    def add_many(self, ids: Sequence[object], vectors: Sequence[object]) -> None:
        """Add a batch of rows.

        Raises:
            as `add`.
        """
        self._ids.extend(ids)  # type: ignore[arg-type]  # checked with their batch
        self._waiting.extend(vectors)
        self._check_and_copy()

    def _check_and_copy(self) -> None:
        waiting, ids = self._waiting, self._ids[len(self._ids) - len(self._waiting) :]
        if self._format.is_text:
            self._copy_texts(ids, waiting)
        else:
            if not (
                self._width
                and set(map(type, waiting)) == {bytes}
                and set(map(len, waiting)) == {self._width}
                and set(map(type, ids)) <= _ID_TYPES
            ):
                self._check_each(ids, waiting)
            self._look_at_memory()
            self._copy_blobs(ids, b"".join(waiting))
        waiting.clear()

    def _look_at_memory(self) -> None:
        rows, row_bytes = len(self._ids), self._dimension * ITEM_BYTES
        if rows * row_bytes >= max(self._next_look, _LOOK_FROM):
            self._check_room(rows, self._dimension)
            self._next_look = _LOOK_AGAIN * rows * row_bytes

    def _check_each(self, ids: list[Id], vectors: list[Any]) -> None:
        first = len(self._ids) - len(ids) + 1
        advice = _OTHER_LENGTHS if self._said is None and self._advice == SAID_IN_SQL else ""
        for row, (embedding_id, vector) in enumerate(zip(ids, vectors, strict=True), start=first):
            self._check_id(embedding_id, row)
            subject = subject_of(embedding_id)
            try:
                found = len(self._format.check(vector, subject, embedding_id=embedding_id, advice=advice))
            except VectorTypeError as error:
                if vector is not None or not str(embedding_id).startswith('["'):
                    raise
                raise VectorTypeError(
                    subject, found=error.found, embedding_id=embedding_id, expected=f"{error.expected}{_OF_A_SOURCE}"
                ) from None
            if not self._width:
                self._width, self._dimension = found, self._format.dimension(found)
                self._buffer = GrowingBytes(self._expected * self._dimension * ITEM_BYTES)
            check_dimension(self._format.dimension(found), self._dimension, subject, embedding_id=embedding_id)

    def _check_id(self, embedding_id: object, row: int) -> None:
        if embedding_id is None or not isinstance(embedding_id, int | float | str | bytes):
            raise NullIdError(row=row)

    def _copy_blobs(self, ids: list[Id], numbers: bytes) -> None:
        self._batches += 1
        if self._format is STORED_FORMAT:
            if self._said is None and self._batches in _LOOKS:
                self._look(ids, numbers)
            self._finite = self._finite and all_finite(
                np.frombuffer(numbers, dtype=STORED)
            )  # while they are in the cache
            self._buffer.append(numbers)
        else:
            rows = np.frombuffer(numbers, dtype=np.uint8).reshape(len(ids), self._width)
            self._narrow(ids, self._format.numbers(rows))

    def _copy_texts(self, ids: list[Id], texts: list[Any]) -> None:
        first = len(self._ids) - len(ids) + 1
        numbers = []
        for row, (embedding_id, text) in enumerate(zip(ids, texts, strict=True), start=first):
            self._check_id(embedding_id, row)
            subject = subject_of(embedding_id)
            numbers.append(self._format.numbers_of(text, subject))
            self._dimension = self._dimension or len(numbers[0])
            check_dimension(len(numbers[-1]), self._dimension, subject, embedding_id=embedding_id)
        self._look_at_memory()
        self._narrow(ids, np.stack(numbers))

    def _narrow(self, ids: list[Id], given: NDArray[Any]) -> None:
        stored = narrowed(given)
        check_narrowed(given, stored, lambda row: (subject_of(ids[row]), ids[row]))
        self._narrowing.add(given, stored)
        self._buffer.append(stored.tobytes())

    def _look(self, ids: list[Id], numbers: bytes) -> None:
        found = resemblance(np.frombuffer(numbers, dtype=np.uint8).reshape(len(ids), self._width))
        if found is not None:
            raise VectorFormatError(
                subject_of(ids[0]),
                looks_like=found.formats,
                evidence=found.evidence,
                advice=self._advice.format(found.formats[0]),
                embedding_id=ids[0],
            )

    def finish(self) -> Points:
        """The points. Different vectors that became equal are logged as a warning.

        Raises:
            as `add`;
            RepeatedIdError: an id came more than once.
            NotFiniteError: a vector has NaN or infinity in it.
        """
        if self._waiting:
            self._check_and_copy()
        ids = self._ids
        vectors = self._buffer.take().view(STORED).reshape(len(ids), self._dimension).astype(np.float32, copy=False)
        if len(set(ids)) < len(ids):
            ids, vectors = self._without_repeats(vectors)
        row = None if self._finite else first_not_finite(vectors)
        if row is not None:
            position = int(np.argmin(np.isfinite(vectors[row])))
            raise NotFiniteError(
                subject_of(ids[row]), position=position, found=float(vectors[row, position]), embedding_id=ids[row]
            )
        self._narrowing.warn()
        return points_of(ids, vectors)

    def _without_repeats(self, vectors: Float32Array) -> tuple[list[Id], Float32Array]:
        counts: dict[Id, int] = {}
        first: list[int] = []
        for row, embedding_id in enumerate(self._ids):
            if embedding_id not in counts:
                first.append(row)
            counts[embedding_id] = counts.get(embedding_id, 0) + 1
        repeated = [embedding_id for embedding_id, count in counts.items() if count > 1]
        if not self._keep_first:
            raise RepeatedIdError(embedding_id=repeated[0], occurrences=counts[repeated[0]], repeated_ids=len(repeated))
        logger.warning(
            "%d ids came more than once (%r first); kept the first row of each, left out %d rows",
            len(repeated), repeated[0], len(self._ids) - len(first),
        )  # fmt: skip
        return [self._ids[row] for row in first], vectors[first]
