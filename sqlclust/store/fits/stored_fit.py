"""A stored fit as it is read: the columns of a row of ClusteringFit, checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sqlclust.core.engines import engine_of
from sqlclust.core.geometry.metrics import unit_length
from sqlclust.core.runtime.control import Control
from sqlclust.core.tree.boruvka import SpanningTree
from sqlclust.errors import FitDamagedError, FitNotStoredError, Id, Interrupted, shown
from sqlclust.options import MAX_INTEGER, HdbscanOptions, names, parse
from sqlclust.sqlite.values import stored_object
from sqlclust.store.fits.blobs import checked_core, decode_tree, of_length
from sqlclust.store.fits.record import FIT_OPTIONS, SELECTION_OPTIONS
from sqlclust.store.fits.row_ids import decode_ids

_SETTLED = (*FIT_OPTIONS, *SELECTION_OPTIONS)


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
            row_checks=np.frombuffer(of_length(blobs["row_checks"], 4 * n), dtype="<u4"),
            core_distances=checked_core(np.frombuffer(of_length(blobs["core_distances"], 4 * n), dtype="<f4")),
            tree=decode_tree(of_length(blobs["spanning_tree"], 16 * (n - 1)), n),
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
    if not {"where", *SELECTION_OPTIONS} <= {*selection} or not isinstance(selection["where"], str | None):
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
