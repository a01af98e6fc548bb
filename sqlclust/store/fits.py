"""Stored fits: the expensive half of a clustering as BLOBs of ClusteringFit, from which it is cut again and again.

What comes back from a file is not trusted: lengths and ranges are checked before anything is computed with it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import apsw
import numpy as np
from numpy.typing import NDArray

from sqlclust import schema
from sqlclust.core.hdbscan import Fit
from sqlclust.core.metrics import IndexArray
from sqlclust.core.spanning_tree import SpanningTree
from sqlclust.errors import FitDamagedError, FitNotStoredError, Id, UnknownFitError, shown
from sqlclust.options import MAX_INTEGER, HdbscanOptions, parse
from sqlclust.store.locking import translated_errors
from sqlclust.store.points import Fingerprint, Points, id_bytes, sort_key
from sqlclust.store.rows import rows_as_dicts, stored_object
from sqlclust.store.written import refuse_vanished

_INTEGERS, _MIXED = b"i", b"m"
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


def to_blobs(points: Points, fingerprint: Fingerprint, fitted: Fit) -> FitBlobs:
    """The stored form of a fit: 24 bytes a row, and 8 for an INTEGER id or its length + 5 for another."""
    rank = points.rank()
    tree = fitted.tree
    return FitBlobs(
        row_ids=encode_ids([points.ids[row] for row in points.order.tolist()]),
        row_checks=fingerprint.row_checks.astype("<u4").tobytes(),
        core_distances=np.minimum(fitted.core[points.order], _MAX_FLOAT32).astype("<f4").tobytes(),
        spanning_tree=b"".join(
            (rank[tree.left].astype("<i4").tobytes(), rank[tree.right].astype("<i4").tobytes(), tree.weight.tobytes())
        ),
    )


def encode_ids(ids: Sequence[Id]) -> bytes:
    """Ids as one BLOB: `i` and int64 each, or `m` and for each its type (i, r, t, b), its length as uint32 and its bytes."""
    if all(isinstance(value, int) for value in ids):
        return _INTEGERS + np.array(ids, dtype="<i8").tobytes()
    return _MIXED + b"".join(map(id_bytes, ids))


def decode_ids(blob: bytes, n: int) -> list[Id]:
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
    ids: list[Id] = []
    position = 0
    while position < len(body):
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
    if not all(a < b for a, b in pairwise(map(sort_key, ids))):
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


_INSERT = """
INSERT INTO main.ClusteringFit (embedding_model, selection, metric, normalize, min_samples, alpha, engine, recall, seed,
                                n, n_distinct, dimension, corpus_hash, versions, timings,
                                row_ids, row_checks, core_distances, spanning_tree)
VALUES (:embedding_model, :selection, :metric, :normalize, :min_samples, :alpha, :engine, :recall, :seed,
        :n, :n_distinct, :dimension, :corpus_hash, :versions, :timings,
        :row_ids, :row_checks, :core_distances, :spanning_tree)
RETURNING id
"""
_FINISH = "UPDATE main.ClusteringFit SET timings = ? WHERE id = ?"


def insert(connection: apsw.Connection, record: FitRecord, blobs: FitBlobs | None) -> int:
    """Write a fit, inside the caller's transaction; returns its id."""
    stored = vars(blobs) if blobs else dict.fromkeys(FitBlobs.__dataclass_fields__)
    values = {**vars(record), "versions": json.dumps(record.versions), "timings": record.timings_as_json(), **stored}
    fit_id: int | None = connection.execute(_INSERT, values).get
    if fit_id is None:
        refuse_vanished(connection, "ClusteringFit")
    return fit_id


def finish(connection: apsw.Connection, clustering_fit_id: int, record: FitRecord, *, publish: float) -> None:
    """Write the phases' final durations, inside the caller's transaction; `publish` is the last one's, in seconds."""
    timings = {name: round(seconds, 4) for name, seconds in {**record.timings, "publish": publish}.items()}
    connection.execute(_FINISH, (replace(record, timings=timings).timings_as_json(), clustering_fit_id))


_LOAD = "SELECT * FROM main.ClusteringFit WHERE id = ?"
_KNOWN = "SELECT id FROM main.ClusteringFit ORDER BY id"
_LATEST = "SELECT max(id) FROM main.ClusteringFit WHERE spanning_tree IS NOT NULL"
_FIND = """
SELECT max(id) FROM main.ClusteringFit
WHERE embedding_model = :embedding_model AND corpus_hash = :corpus_hash AND metric = :metric AND normalize = :normalize
  AND min_samples = :min_samples AND alpha = :alpha AND engine = :engine AND seed = :seed AND spanning_tree IS NOT NULL
"""


def find(connection: apsw.Connection, key: dict[str, Any]) -> int | None:
    """The id of the newest stored fit of the same corpus and settings, None if there is none."""
    with translated_errors(connection, doing="looking for a stored fit"):
        found: int | None = connection.execute(_FIND, key).get
    return found


def resolve_fit(connection: apsw.Connection, which: int | str) -> int:
    """The id of a fit given by id, or 'latest', the latest one that is stored.

    Raises:
        UnknownFitError: there is no such fit; lists those there are.
    """
    with translated_errors(connection, doing="looking for a fit"):
        known = [int(row[0]) for row in connection.execute(_KNOWN)]
        latest: int | None = connection.execute(_LATEST).get
    if which == "latest" and latest is not None:
        return latest
    fit_id = int(which) if isinstance(which, str) and re.fullmatch(r"-?[0-9]{1,19}", which) else which
    if type(fit_id) is not int or fit_id not in known:
        raise UnknownFitError(fit_id, known=known)
    return fit_id


def load(connection: apsw.Connection, clustering_fit_id: object) -> StoredFit:
    """A stored fit, checked.

    Raises:
        UnknownFitError: there is no such fit.
        FitNotStoredError: it was made with --no-store-fit.
        FitDamagedError: its BLOBs are not what a fit writes.

    Cost: O(n).
    """
    with translated_errors(connection, doing="reading a fit"):
        schema.check(connection)
        found = rows_as_dicts(connection.execute(_LOAD, (clustering_fit_id,)))
        if not found:
            known = [int(row[0]) for row in connection.execute(_KNOWN)]
            raise UnknownFitError(clustering_fit_id, known=known)
    return decode(found[0])


def decode(row: dict[str, Any]) -> StoredFit:
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
            ids=decode_ids(blobs["row_ids"], n),
            row_checks=np.frombuffer(_of_length(blobs["row_checks"], 4 * n), dtype="<u4"),
            core_distances=_checked_core(np.frombuffer(_of_length(blobs["core_distances"], 4 * n), dtype="<f4")),
            tree=_decode_tree(_of_length(blobs["spanning_tree"], 16 * (n - 1)), n),
        )
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
    if row["normalize"] not in (0, 1) or row["engine"] not in ("exact", "approximate"):
        raise ValueError("its normalize or engine is of another program")
    settings = {name: row[name] for name in ("metric", "min_samples", "alpha", "seed")}
    parse(HdbscanOptions, {**settings, "downsample": selection["downsample"]})
    if row["min_samples"] is None or (row["n"] > 1 and row["min_samples"] >= row["n"]):
        raise ValueError(f"its min_samples {row['min_samples']} are not fewer than its {row['n']} rows")


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
