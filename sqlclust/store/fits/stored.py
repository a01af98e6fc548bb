"""Stored fits: the expensive half of a clustering as BLOBs of ClusteringFit, from which it is cut again and again.

What comes back from a file is not trusted: lengths and ranges are checked before anything is computed with it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sqlclust import schema
from sqlclust.core.engines import engine_of
from sqlclust.core.geometry.metrics import IndexArray, unit_length
from sqlclust.core.pipeline import Fit
from sqlclust.core.runtime.control import Control
from sqlclust.core.tree.boruvka import SpanningTree
from sqlclust.errors import FitDamagedError, FitNotStoredError, Id, Interrupted, UnknownFitError, shown
from sqlclust.options import MAX_INTEGER, CutOptions, HdbscanOptions, names, of_part, parse
from sqlclust.sqlite import interrupt, statements
from sqlclust.sqlite.database import Database
from sqlclust.sqlite.transactions import translated_errors
from sqlclust.sqlite.values import stored_object
from sqlclust.store.embeddings.points import Fingerprint, Points, id_bytes, sort_key
from sqlclust.store.read_back import refuse_vanished

_INTEGERS, _MIXED = b"i", b"m"
_BLOCK = 8192
_MAX_FLOAT32 = float(np.finfo(np.float32).max)
_INT64 = range(-(2**63), 2**63)


MEASURED = "measured"
"""Key of an object in `timings` with what else a fit measured of itself: the tables of schema version 2 have no column for it."""
TREE_CONFIRMED = f"""
iif(f.engine = 'exact', 1.0, iif(json_valid(f.timings), f.timings ->> '$.{MEASURED}.tree_confirmed', NULL))
"""
"""SQL of the `tree_confirmed` of a ClusteringFit f; NULL where an earlier version made the fit."""


@dataclass(frozen=True)
class FitRecord:
    """What is stored about a fit besides its BLOBs; columns of ClusteringFit of the same names.

    `tree_confirmed` goes with `timings` (`MEASURED`), and only that of an approximate fit: it is 1.0 of an exact one.
    """

    embedding_model: str
    selection: str
    metric: str
    normalize: bool
    min_samples: int
    alpha: float
    engine: str
    recall: float | None
    seed: int
    n: int
    n_distinct: int
    dimension: int
    corpus_hash: str
    versions: dict[str, str]
    timings: dict[str, float]
    tree_confirmed: float | None = None

    def timings_as_json(self) -> str:
        """The column `timings`."""
        measured = {MEASURED: {"tree_confirmed": self.tree_confirmed}}
        return json.dumps({**self.timings, **(measured if self.tree_confirmed is not None else {})})


@dataclass(frozen=True, eq=False)
class FitBlobs:
    """A fit as it is stored; columns of ClusteringFit of the same names."""

    row_ids: bytes
    row_checks: bytes
    core_distances: bytes
    spanning_tree: bytes


@dataclass(frozen=True, eq=False)
class StoredFit:
    """A fit as it comes back, rows in the order of ids.

    Attributes:
        id: of the ClusteringFit.
        record: its other columns, `selection`, `versions` and `timings` parsed.
        ids: n ids in SQLite's order.
        row_checks: uint32 (n,), CRC-32 of each row's vector.
        core_distances: float32 (n,), in the metric.
        tree: of the n rows, numbered by place in `ids`.
    """

    id: int
    record: dict[str, Any]
    ids: list[Id]
    row_checks: NDArray[np.uint32]
    core_distances: NDArray[np.float32]
    tree: SpanningTree

    @property
    def settled(self) -> dict[str, Any]:
        """The options that cutting cannot change any more, with their values."""
        return _settled(self.record)

    @property
    def unit_length(self) -> bool:
        """Whether vectors are scaled to length one before they are compared."""
        return unit_length(self.record["metric"], normalize=bool(self.record["normalize"]))


def to_blobs(points: Points, fingerprint: Fingerprint, fitted: Fit, control: Control | None = None) -> FitBlobs:
    """The stored form of a fit: 24 bytes a row, and 8 for an INTEGER id or its length + 5 for another."""
    control = control or Control()
    rank = points.rank()
    tree = fitted.tree
    row_ids = encode_ids([points.ids[row] for row in points.order.tolist()], control)
    control.check()
    return FitBlobs(
        row_ids=row_ids,
        row_checks=fingerprint.row_checks.astype("<u4").tobytes(),
        core_distances=np.minimum(fitted.core[points.order], _MAX_FLOAT32).astype("<f4").tobytes(),
        spanning_tree=b"".join(
            (rank[tree.left].astype("<i4").tobytes(), rank[tree.right].astype("<i4").tobytes(), tree.weight.tobytes())
        ),
    )


def encode_ids(ids: Sequence[Id], control: Control | None = None) -> bytes:
    """Ids as one BLOB: `i` and int64 each, or `m` and for each its type (i, r, t, b), its length as uint32 and its bytes."""
    if all(isinstance(value, int) for value in ids):
        return _INTEGERS + np.array(ids, dtype="<i8").tobytes()
    parts = [_MIXED]
    for start in range(0, len(ids), _BLOCK):
        (control or Control()).check()
        parts.append(b"".join(map(id_bytes, ids[start : start + _BLOCK])))
    return b"".join(parts)


def decode_ids(blob: bytes, n: int, control: Control | None = None) -> list[Id]:
    """The n ids of a BLOB, which are in SQLite's order, each once.

    Raises:
        ValueError, OverflowError: it is no such BLOB.
    """
    kind, body = blob[:1], memoryview(blob)[1:]
    if kind == _INTEGERS:
        if len(body) != 8 * n:
            raise ValueError("row_ids has another length")
        integers = np.frombuffer(body, dtype="<i8")
        if (integers[1:] <= integers[:-1]).any():
            raise ValueError("row_ids are not in order")
        values: list[Id] = integers.tolist()
        return values
    if kind != _MIXED:
        raise ValueError("row_ids has an unknown form")
    control = control or Control()
    ids: list[Id] = []
    position = 0
    while position < len(body):
        if len(ids) % _BLOCK == 0:
            control.check()
        head = body[position : position + 5]
        if len(head) < 5:
            raise ValueError("row_ids ends inside an id")
        end = position + 5 + int.from_bytes(head[1:], "little")
        content = bytes(body[position + 5 : end])
        if end > len(body) or len(ids) == n:
            raise ValueError("row_ids has another length")
        ids.append(_decode_id(bytes(head[:1]), content))
        position = end
    if len(ids) != n:
        raise ValueError("row_ids has another length")
    for start in range(0, n, _BLOCK):
        control.check()
        if not all(a < b for a, b in pairwise(map(sort_key, ids[start : start + _BLOCK + 1]))):
            raise ValueError("row_ids are not in order")
    return ids


def _decode_id(kind: bytes, content: bytes) -> Id:
    if kind == b"t":
        return content.decode("utf-8", "surrogatepass")
    if kind == b"b":
        return content
    if kind == b"i" and len(content) <= 20 and int(content) in _INT64:
        return int(content)
    if kind == b"r" and len(content) <= 40:
        return float.fromhex(content.decode("ascii"))
    raise ValueError("row_ids has an id of unknown type")


_COLUMNS = tuple(
    field.name for kind in (FitRecord, FitBlobs) for field in fields(kind) if field.name != "tree_confirmed"
)
_INSERT = f"""
INSERT INTO main.ClusteringFit ({", ".join(_COLUMNS)})
VALUES ({", ".join(f":{name}" for name in _COLUMNS)})
RETURNING id
"""
_FINISH = "UPDATE main.ClusteringFit SET timings = ? WHERE id = ?"


def insert(database: Database, record: FitRecord, blobs: FitBlobs | None) -> int:
    """Write a fit, inside the caller's transaction; returns its id."""
    stored = vars(blobs) if blobs else dict.fromkeys(FitBlobs.__dataclass_fields__)
    values = {**vars(record), "versions": json.dumps(record.versions), "timings": record.timings_as_json(), **stored}
    fit_id: int | None = statements.value(database, _INSERT, values)
    if fit_id is None:
        refuse_vanished(database, "ClusteringFit")
    return fit_id


def finish(database: Database, clustering_fit_id: int, record: FitRecord, *, publish: float) -> None:
    """Write the phases' final durations, inside the caller's transaction; `publish` is the last one's, in seconds."""
    timings = {name: round(seconds, 4) for name, seconds in {**record.timings, "publish": publish}.items()}
    statements.run(database, _FINISH, (replace(record, timings=timings).timings_as_json(), clustering_fit_id))


_LOAD = "SELECT * FROM main.ClusteringFit WHERE id = ?"
_KNOWN = "SELECT id FROM main.ClusteringFit ORDER BY id"
_LATEST = "SELECT max(id) FROM main.ClusteringFit WHERE spanning_tree IS NOT NULL"


def fit_options(options: type[CutOptions]) -> tuple[str, ...]:
    """The options that two fits of the same rows must agree in to be the same.

    Raises:
        TypeError: one of them has no column of ClusteringFit, so that a fit could not be told from another's.
    """
    found = of_part(options, "fit")
    for name in found:
        if name not in _COLUMNS:
            raise TypeError(f"option {name!r} is part of a fit, and FitRecord and ClusteringFit have no column for it")
    return found


FIT_OPTIONS = fit_options(HdbscanOptions)
_SETTLED = (*FIT_OPTIONS, *of_part(HdbscanOptions, "selection"))
IDENTITY = ("embedding_model", "corpus_hash", *FIT_OPTIONS)
"""Columns of ClusteringFit that are equal if and only if two fits are the same."""

_FIND = f"""
SELECT max(id) FROM main.ClusteringFit
WHERE {" AND ".join(f"{name} = :{name}" for name in IDENTITY)} AND spanning_tree IS NOT NULL
"""


def find(database: Database, key: dict[str, Any]) -> int | None:
    """The id of the newest stored fit of the same corpus and settings, None if there is none.

    Args:
        key: a value for each of IDENTITY.
    """
    with translated_errors(database, doing="looking for a stored fit"):
        found: int | None = statements.value(database, _FIND, key)
    return found


def resolve_fit(database: Database, which: int | str) -> int:
    """The id of a fit given by id, or 'latest', the latest one that is stored.

    Raises:
        UnknownFitError: there is no such fit; lists those there are.
    """
    with translated_errors(database, doing="looking for a fit"):
        known = [int(row[0]) for row in statements.all_rows(database, _KNOWN)]
        latest: int | None = statements.value(database, _LATEST)
    if which == "latest" and latest is not None:
        return latest
    fit_id = int(which) if isinstance(which, str) and re.fullmatch(r"-?[0-9]{1,19}", which) else which
    if type(fit_id) is not int or fit_id not in known:
        raise UnknownFitError(fit_id, known=known)
    return fit_id


def load(database: Database, clustering_fit_id: object) -> StoredFit:
    """A stored fit, checked.

    Raises:
        UnknownFitError: there is no such fit.
        FitNotStoredError: it was made with --no-store-fit.
        FitDamagedError: its BLOBs are not what a fit writes.
        StatementInterrupted

    Cost: O(n).
    """
    with translated_errors(database, doing="reading a fit"):
        schema.check(database)
        found = statements.dict_rows(database, _LOAD, (clustering_fit_id,))
        if not found:
            known = [int(row[0]) for row in statements.all_rows(database, _KNOWN)]
            raise UnknownFitError(clustering_fit_id, known=known)
    fit, _ = interrupt.run(database, lambda control: decode(found[0], control))
    return fit


def decode(row: dict[str, Any], control: Control | None = None) -> StoredFit:
    """A stored fit of the columns of ClusteringFit, each checked; `row` is used up.

    Raises:
        FitNotStoredError, FitDamagedError

    Cost: O(n).
    """
    blobs = {name: row.pop(name) for name in ("row_ids", "row_checks", "core_distances", "spanning_tree")}
    if blobs["spanning_tree"] is None:
        raise FitNotStoredError(row["id"])
    try:
        n = _checked_numbers(row)
        for name in ("selection", "versions", "timings"):
            row[name] = stored_object(row[name])
        _check_settings(row)
        return StoredFit(
            id=row["id"],
            record=row,
            ids=decode_ids(blobs["row_ids"], n, control),
            row_checks=np.frombuffer(_of_length(blobs["row_checks"], 4 * n), dtype="<u4"),
            core_distances=_checked_core(np.frombuffer(_of_length(blobs["core_distances"], 4 * n), dtype="<f4")),
            tree=_decode_tree(_of_length(blobs["spanning_tree"], 16 * (n - 1)), n),
        )
    except Interrupted:
        raise
    except (ValueError, TypeError, OverflowError) as error:
        raise FitDamagedError(row["id"], reason=str(error)) from None


def _checked_numbers(row: dict[str, Any]) -> int:
    """The n of a fit, if its counts go with each other."""
    n, n_distinct, dimension = row["n"], row["n_distinct"], row["dimension"]
    if not all(type(number) is int for number in (n, n_distinct, dimension)):
        raise ValueError("n, n_distinct or dimension is no INTEGER")
    if not 1 <= n_distinct <= n <= MAX_INTEGER or not 1 <= dimension <= MAX_INTEGER:
        raise ValueError(f"n {n}, n_distinct {n_distinct} and dimension {dimension} do not go together")
    recall = row["recall"]
    if recall is not None and not (isinstance(recall, float) and 0 <= recall <= 1):
        raise ValueError(f"its recall is {shown(recall)}")
    return int(n)


def _check_settings(row: dict[str, Any]) -> None:
    """What a fit was made with has to be what a fit can be made with: cutting and predicting go on from it."""
    selection = row["selection"]
    if not {"where", "downsample"} <= {*selection} or not isinstance(selection["where"], str | None):
        raise ValueError("its selection is of another program")
    if row["normalize"] not in (0, 1):
        raise ValueError(f"its normalize is {shown(row['normalize'])}")
    engine_of(row["engine"])  # "auto", which is an option, is no engine that ran
    parse(HdbscanOptions, _settled(row))
    if row["min_samples"] is None or (row["n"] > 1 and row["min_samples"] >= row["n"]):
        raise ValueError(f"its min_samples {row['min_samples']} are not fewer than its {row['n']} rows")


def _settled(record: dict[str, Any]) -> dict[str, Any]:
    values = {**record, **record["selection"], "normalize": bool(record["normalize"])}
    return {name: values[name] for name in names(HdbscanOptions) if name in _SETTLED}


def _of_length(blob: object, expected: int) -> bytes:
    if not isinstance(blob, bytes) or len(blob) != expected:
        raise ValueError("a BLOB has another length")
    return blob


def _checked_core(core: NDArray[np.float32]) -> NDArray[np.float32]:
    if not (core >= 0).all() or not np.isfinite(core).all():
        raise ValueError("core_distances are not distances")
    return core


def _decode_tree(blob: bytes, n: int) -> SpanningTree:
    """A spanning tree, if it is one: ends in range, ascending finite weights, and connecting every row."""
    ends = np.frombuffer(blob, dtype="<i4", count=2 * (n - 1)).astype(np.intp)
    weight = np.frombuffer(blob, dtype="<f8", offset=8 * (n - 1)).astype(np.float64)
    left, right = ends[: n - 1], ends[n - 1 :]
    if len(ends) and (ends.min() < 0 or ends.max() >= n):
        raise ValueError("spanning_tree leads to rows that are not there")
    if not np.isfinite(weight).all() or (weight < 0).any() or (np.diff(weight) < 0).any():
        raise ValueError("spanning_tree has weights that are no ascending distances")
    if not _connects(left, right, n):
        raise ValueError("spanning_tree is no tree")
    return SpanningTree(left, right, weight)


def _connects(left: IndexArray, right: IndexArray, n: int) -> bool:
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    graph = coo_array((np.ones(len(left), dtype=np.int32), (left, right)), shape=(n, n))
    parts: int = connected_components(graph, directed=False, return_labels=False)
    return parts == 1
