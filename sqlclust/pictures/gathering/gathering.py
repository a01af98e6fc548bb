"""A scene of a result: all that pictures show of it, read from a database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from sqlclust.core.geometry.metrics import Float32Array, Float64Array, IndexArray, metric_of, unit_length
from sqlclust.core.runtime.control import Control, Progress
from sqlclust.errors import (
    FitDamagedError,
    FitNotStoredError,
    HostTableError,
    Id,
    LockedError,
    NotUnicodeError,
    OutOfMemoryError,
    ResultChangedError,
    SourceError,
    SqlclustError,
    UnknownMetricError,
)
from sqlclust.pictures.gathering import near
from sqlclust.pictures.gathering.clusters import Members, scene_clusters
from sqlclust.pictures.gathering.exemplars import Depth, depth_in_tree, depth_of_members
from sqlclust.pictures.gathering.fitted import Fitted, fitted
from sqlclust.pictures.gathering.icicle import icicle
from sqlclust.pictures.gathering.placed import Placed, placed, stored
from sqlclust.pictures.gathering.runs import scene_runs
from sqlclust.pictures.gathering.swept import scene_sweep
from sqlclust.pictures.gathering.texts import texts_of_rows, view_of
from sqlclust.pictures.scene import Scene, ScenePoints, SceneRuns, SceneSweep, SceneTree
from sqlclust.sqlite import interrupt, statements
from sqlclust.sqlite.database import Database
from sqlclust.sqlite.memory_errors import clear_memory_errors
from sqlclust.store.cut import options_of_result
from sqlclust.store.results.listing import parameters_of, show_result, summarize_result
from sqlclust.store.results.rows import result_rows, stored_clusters
from sqlclust.store.results.terms import names_of_clusters
from sqlclust.store.results.trajectories import milestones

T = TypeVar("T")

_TERMS = 8
"""Terms of a cluster."""
_NOT_RUN = "{} is a view, which is SQL of the file and is not run for a picture"


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What of a scene is wanted. Points and clusters always are."""

    texts: bool = True
    tree: bool = True
    sweep: bool = True
    runs: bool = True
    map: bool = True


@clear_memory_errors("gathering a picture")
def gather(
    database: Database, clustering_result_id: int, parts: Parts | None = None, progress: Progress | None = None
) -> Scene:
    """All that pictures show of a result.

    It reads, and of the fit's map, if there is none yet, makes and stores one, where the file can be written. What cannot be had
    is left out, and `Scene.missing` says why. Nothing of the file is run: no view that is a source, no condition.

    Raises:
        UnknownResultError; StatementInterrupted
        ResultDamagedError: its rows, clusters or parameters do not go together.

    Cost: one read of the result's rows and of their texts, O(n log n) for the tree, a cut for each value of the sweep, and that
    of the map; see README of this folder.
    """
    return _Gathering(database, clustering_result_id, parts or Parts(), progress).scene()


class _Gathering:
    """A scene while it is gathered."""

    def __init__(self, database: Database, which: int, parts: Parts, progress: Progress | None) -> None:
        self._database, self._parts, self._progress = database, parts, progress
        self._missing: list[str] = []
        with statements.one_moment(database):
            self._result = self._described(which)
            self._id, self._model, self._fit = (self._result[name] for name in ("id", "embedding_model", "fit"))
            self._rows = result_rows(database, self._id)
            self._clusters = stored_clusters(database, self._id)
        self._members = Members(self._id, self._rows, self._clusters)
        self._view = view_of(database, self._model)
        if np.isnan(self._rows.outlier_scores).any():
            self._say(
                "outlier scores", "the result does not have one for each row; where there is none it is shown as 0"
            )

    def scene(self) -> Scene:
        """The whole."""
        fit = self._heeding(self._fitted())
        xy, method, no_map = self._heeding(self._map())
        names = self._heeding(names_of_clusters(self._database, self._id, self._progress, count=_TERMS))
        seen = self._heeding(self._stored_map()) if xy is None else xy
        texts, cut_to = self._heeding(self._texts())
        return Scene(
            result={name: value for name, value in self._result.items() if name != "clusters"},
            title=f"{self._model}, result {self._id}",
            clusters=scene_clusters(
                self._members, self._clusters, names, self._depth(fit), seen, self._heeding(self._near(fit))
            ),
            points=ScenePoints(
                ids=self._ids(),
                labels=self._rows.labels.astype(np.int32),
                probabilities=self._rows.probabilities,
                outlier_scores=np.nan_to_num(self._rows.outlier_scores),
                xy=xy,
                map_method=method,
                no_map=no_map,
                texts=texts,
                cut_to=cut_to,
            ),
            tree=self._heeding(self._tree(fit)),
            sweep=self._heeding(self._sweep(fit)),
            runs=self._heeding(self._runs()),
            missing=self._missing,
        )

    def _heeding(self, found: T) -> T:
        """What a stage found, if nobody interrupted at its end: the next statement would forget it."""
        self._database.check_interrupt()
        return found

    def _described(self, which: int) -> dict[str, Any]:
        """As `show_result`; without its fit, if what that says of itself cannot be read."""
        try:
            return show_result(self._database, which)
        except FitDamagedError as error:
            self._say("what the fit says of itself", error)
        result = summarize_result(self._database, which)
        return {**result, "parameters": parameters_of(result), "fit": None}

    def _say(self, what: str, why: object) -> None:
        self._missing.append(f"{what[0].upper()}{what[1:]} cannot be shown: {str(why).rstrip('.')}.")

    def _ids(self) -> Sequence[Id]:
        """As users see them; of a source as text."""
        ids = self._rows.ids
        if self._rows.embedding_ids is ids:
            return ids
        return [f"x'{row_id.hex().upper()}'" if isinstance(row_id, bytes) else str(row_id) for row_id in ids]

    def _fitted(self) -> Fitted | None:
        wanted = [name for name in ("tree", "sweep") if getattr(self._parts, name)]
        what = " and ".join(f"the {name}" for name in wanted)
        if self._fit is None:
            if wanted and not self._missing:
                self._say(what, "the result has no fit")
            return None
        try:
            options = options_of_result(self._id, self._result["parameters"])
            return fitted(self._database, self._id, self._fit["id"], options, self._rows, self._progress)
        except (FitNotStoredError, FitDamagedError, OutOfMemoryError, ResultChangedError) as error:
            if wanted:
                self._say(what, error)
            return None

    def _map(self) -> Placed:
        if not self._parts.map:
            return Placed(None, "", "it was not asked for")
        if self._fit is None:
            return Placed(None, "", "the result has no fit")
        view = None if self._view is None else self._view.name
        return placed(self._database, self._fit["id"], self._rows, view=view, progress=self._progress)

    def _stored_map(self) -> Float32Array | None:
        """For the colours: a cluster has the same in all pictures of a result, whichever of them has a map."""
        if self._parts.map or self._fit is None:
            return None
        return stored(self._database, self._fit["id"], self._rows)

    def _texts(self) -> tuple[list[str | None] | None, int | None]:
        """The rows' texts, and what longer ones were cut to."""
        if not self._parts.texts:
            return None, None
        if self._view is not None:
            if self._view.has_texts:
                self._say("texts", _NOT_RUN.format(self._view.name))
            return None, None
        control = Control(self._progress)
        try:
            return texts_of_rows(self._database, self._id, self._model, self._rows.ids, control)
        except (HostTableError, SourceError, NotUnicodeError, LockedError) as error:
            self._say("texts", error)
            return None, None

    def _depth(self, fit: Fitted | None) -> Depth:
        if fit is None or fit.flat is None:
            return depth_of_members(self._rows.probabilities, self._rows.outlier_scores)
        return depth_in_tree(fit.flat)

    def _near(self, fit: Fitted | None) -> tuple[IndexArray, Float64Array] | None:
        """The nearest clusters of each, and how far they are."""
        if len(self._clusters) < 2:
            return None
        why: object = "the result has no fit, which would say the metric"
        try:
            if self._view is not None:
                why = _NOT_RUN.format(self._view.name)
            elif (record := self._fit) is not None:
                ids = [self._rows.ids[row] for row in self._members.medoids.tolist()]
                checksums = None
                if fit is not None:
                    checks = fit.stored.row_checks[self._members.medoids].tolist()
                    checksums = dict(zip(ids, checks, strict=True))
                vectors = near.vectors_of(self._database, self._model, ids, record["dimension"], checksums)
                if vectors is not None:
                    metric = metric_of(record["metric"]).name
                    is_unit = unit_length(metric, normalize=bool(record["normalize"]))
                    if not is_unit or vectors.any(axis=1).all():
                        return interrupt.run(
                            self._database,
                            lambda control: near.nearest(vectors, metric, unit_length=is_unit, control=control),
                            self._progress,
                        )[0]
                why = "vectors of medoids are gone, or others than when they were fitted"
        except (HostTableError, SourceError, LockedError, UnknownMetricError) as error:
            why = error
        self._say("which clusters are near", why)
        return None

    def _tree(self, fit: Fitted | None) -> SceneTree | None:
        if not self._parts.tree or fit is None:
            return None
        if fit.flat is None:
            self._say("the tree", "a single row has none")
            return None
        flat = fit.flat
        return interrupt.run(self._database, lambda control: icicle(flat, fit.labels, control), self._progress)[0]

    def _sweep(self, fit: Fitted | None) -> SceneSweep | None:
        if not self._parts.sweep or fit is None or fit.flat is None:
            return None
        try:
            return scene_sweep(self._database, fit.stored.id, len(self._rows.ids), fit.options, self._progress)
        except SqlclustError as error:
            self._say("the sweep", error)
            return None

    def _runs(self) -> SceneRuns | None:
        if not self._parts.runs:
            return None
        place = {row_id: row for row, row_id in enumerate(self._rows.embedding_ids)}
        return scene_runs(milestones(self._database, self._id), place)
