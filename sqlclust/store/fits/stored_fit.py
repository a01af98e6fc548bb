"""A stored fit as it is read: the columns of a row of ClusteringFit, checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sqlclust.core.engines import is_exact
from sqlclust.core.runtime.control import Control
from sqlclust.core.tree.boruvka import SpanningTree
from sqlclust.errors import FitDamagedError, FitNotStoredError, Id, Interrupted, shown
from sqlclust.options import MAX_INTEGER, HdbscanOptions, parse
from sqlclust.sqlite.values import stored_object
from sqlclust.store.embeddings.points import Points
from sqlclust.store.fits.blobs import checked_core, decode_tree, of_length
from sqlclust.store.fits.record import COLUMNS, SELECTION_OPTIONS, FitRecord
from sqlclust.store.fits.row_ids import decode_ids


@dataclass(frozen=True, eq=False)
class StoredFit:
    """A fit as it comes back, rows in the order of ids.

    Attributes:
        id: of the ClusteringFit.
        record: what it says of itself.
        ids: n ids in SQLite's order.
        row_checks: uint32 (n,), CRC-32 of each row's vector.
        core_distances: float32 (n,), in the metric.
        tree: of the n rows, numbered by place in `ids`.
    """

    id: int
    record: FitRecord
    ids: list[Id]
    row_checks: NDArray[np.uint32]
    core_distances: NDArray[np.float32]
    tree: SpanningTree

    def tree_of(self, points: Points) -> SpanningTree:
        """The tree of the same rows, numbered as they stand in `points`."""
        order = points.order
        return self.tree._replace(left=order[self.tree.left], right=order[self.tree.right])


def decode(row: Mapping[str, Any], control: Control | None = None) -> StoredFit:
    """A stored fit of the columns of ClusteringFit, each checked.

    Raises:
        FitNotStoredError, FitDamagedError

    Cost: O(n).
    """
    if row["spanning_tree"] is None:
        raise FitNotStoredError(row["id"])
    try:
        record = _checked_record(row)
        n = record.n
        return StoredFit(
            id=row["id"],
            record=record,
            ids=decode_ids(row["row_ids"], n, control),
            row_checks=np.frombuffer(of_length(row["row_checks"], 4 * n), dtype="<u4"),
            core_distances=checked_core(np.frombuffer(of_length(row["core_distances"], 4 * n), dtype="<f4")),
            tree=decode_tree(of_length(row["spanning_tree"], 16 * (n - 1)), n),
        )
    except Interrupted:
        raise
    except (ValueError, TypeError, OverflowError) as error:
        raise FitDamagedError(row["id"], reason=str(error)) from None


def _checked_record(row: Mapping[str, Any]) -> FitRecord:
    """The columns that are no BLOBs, if they go with each other. Raises ValueError, TypeError, OverflowError."""
    row = {"updated_from": None, **row}  # a column of version 3
    _check_numbers(row)
    parsed = {name: stored_object(row[name]) for name in ("selection", "versions", "timings")}
    record = FitRecord(**{**{name: row[name] for name in COLUMNS}, **parsed})
    _check_settings(record)
    return replace(record, normalize=bool(record.normalize)).with_stored_timings(record.timings)


def _check_numbers(row: Mapping[str, Any]) -> None:
    """Its counts have to go with each other, its recall has to be a share, and it can only be made from an earlier fit."""
    n, n_distinct, dimension = row["n"], row["n_distinct"], row["dimension"]
    if not all(type(number) is int for number in (n, n_distinct, dimension)):
        raise ValueError("n, n_distinct or dimension is no INTEGER")
    if not 1 <= n_distinct <= n <= MAX_INTEGER or not 1 <= dimension <= MAX_INTEGER:
        raise ValueError(f"n {n}, n_distinct {n_distinct} and dimension {dimension} do not go together")
    recall = row["recall"]
    if recall is not None and not (isinstance(recall, float) and 0 <= recall <= 1):
        raise ValueError(f"its recall is {shown(recall)}")
    earlier = row["updated_from"]
    if earlier is not None and not (type(earlier) is int and earlier < row["id"]):
        raise ValueError(f"its updated_from is {shown(earlier)}, which is no earlier fit")


def _check_settings(record: FitRecord) -> None:
    """What a fit was made with has to be what a fit can be made with: cutting and predicting go on from it."""
    selection, n = record.selection, record.n
    if not {"where", *SELECTION_OPTIONS} <= {*selection} or not isinstance(selection["where"], str | None):
        raise ValueError("its selection is of another program")
    if record.normalize not in (0, 1):
        raise ValueError(f"its normalize is {shown(record.normalize)}")
    is_exact(record.engine)  # "auto", which is an option, is no engine that ran
    parse(HdbscanOptions, {**record.settled, "normalize": bool(record.normalize)})
    if record.min_samples is None or (n > 1 and record.min_samples >= n):
        raise ValueError(f"its min_samples {record.min_samples} are not fewer than its {n} rows")
