"""A scene as three blocks of text for a page: what is small, the rows, and their texts. The same scene gives the same blocks.

Rows are put into the order of labels, noise first, and of rows within each. So labels are a few counts, ids rise within a
cluster, and a cluster's rows are one piece of every array. Numbers are cut into planes (all first bytes, all second ones, …),
because high bytes are nearly alike and are compressed to nothing.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sqlclust.errors import Id
from sqlclust.pictures.colours import DARK, LIGHT, Theme
from sqlclust.pictures.page.texts import BETWEEN, cut_texts, joined
from sqlclust.pictures.scene import Scene, SceneCluster, SceneRuns, SceneTree

GRID = 65535
"""Steps of a map in either direction."""
LEAST_STEPS = 16383
"""Steps of the map of a very large result: still sixteen to a pixel."""
LARGE = 500_000
"""Rows from which a result is very large."""
SAFE_INTEGER = 2**53 - 1
"""What JavaScript's numbers hold."""
_MOST_DIGITS = len(str(-SAFE_INTEGER))
"""With a sign. Python makes no number of some thousand digits."""
MOST_TRANSITIONS = 500
"""Kinds of transitions that the page has, the most frequent."""


@dataclass(frozen=True)
class Block:
    """Compressed bytes as text.

    Attributes:
        text: base64 of a zlib stream.
        size: bytes when it is unpacked.
    """

    text: str
    size: int


@dataclass(frozen=True)
class Encoded:
    """A scene for a page."""

    head: Block
    rows: Block
    texts: Block


def encode(scene: Scene) -> Encoded:
    """A scene in the order and in the numbers of the page.

    Cost: O(n log n) for sorting, and compressing: about 1 s for 100,000 rows with texts.
    """
    points = scene.points
    order = np.argsort(points.labels, kind="stable")
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    arrays = _arrays(scene, order, place)
    texts, cut = (None, None) if points.texts is None else cut_texts([points.texts[row] for row in order])
    ids = None if "ids" in arrays else [str(_shown(points.ids[row])) for row in order]
    rows, layout = _planes(arrays)
    head = {
        "title": scene.title,
        "result": _described(scene.result),
        "n": len(order),
        "slices": [[int(label), int(count)] for label, count in zip(*np.unique(points.labels, return_counts=True), strict=True)],
        "clusters": [_cluster(cluster, place) for cluster in scene.clusters],
        "themes": {"light": _theme(LIGHT), "dark": _theme(DARK)},
        "map": {"method": points.map_method, "missing": points.no_map},
        "arrays": layout,
        "texts": {"there": texts is not None, "ids": ids is not None, "cut": cut or points.cut_to},
        "sweep": None if scene.sweep is None else {
            "stored": scene.sweep.stored,
            "cuts": [[cut.min_cluster_size, cut.n_clusters, _short(cut.noise_share), _short(cut.largest_share)]
                     for cut in scene.sweep.cuts],
        },
        "tree": None if scene.tree is None else {"hidden": scene.tree.n_hidden},
        "runs": None if scene.runs is None else _runs(scene.runs),
        "missing": list(scene.missing),
    }  # fmt: skip
    parts = [joined(part) for part in (texts, ids) if part is not None]
    return Encoded(
        head=block(json.dumps(_plain(head), ensure_ascii=True, separators=(",", ":"), allow_nan=False).encode()),
        rows=block(rows),
        texts=block(BETWEEN.join(parts).encode()),
    )


def _described(result: Mapping[str, Any]) -> dict[str, Any]:
    """What the page says of a result, and no more: a condition on the rows, say, is nobody's business who gets the page."""
    parameters = result.get("parameters") or {}
    return {
        **{name: result.get(name) for name in ("engine", "completed_at")},
        "parameters": {name: parameters[name] for name in ("min_cluster_size", "min_samples") if name in parameters},
    }


def block(content: bytes) -> Block:
    """Compressed: zlib, since its header holds no time and no system."""
    return Block(text=base64.b64encode(zlib.compress(content, 9)).decode("ascii"), size=len(content))


def _arrays(scene: Scene, order: NDArray[np.int64], place: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
    """What there is as numbers, rows in the page's order."""
    points = scene.points
    noise = points.labels[order] < 0
    depth = np.where(noise, points.outlier_scores[order], points.probabilities[order])
    arrays: dict[str, NDArray[Any]] = {"depth": np.rint(np.clip(np.nan_to_num(depth), 0, 1) * 255).astype(np.uint8)}
    if points.xy is not None:
        x, y = quantised(points.xy[order]).T
        arrays |= {"x": x, "y": y}
    ids = whole_numbers(points.ids)
    if ids is not None:
        steps = np.diff(ids[order], prepend=0)
        narrow = np.int32 if len(steps) == 0 or np.abs(steps).max() < 2**31 else np.float64
        arrays["ids"] = steps.astype(narrow)
    if scene.tree is not None:
        arrays |= _tree(scene.tree)
    if scene.runs is not None:
        arrays |= {
            "runRows": place[scene.runs.rows].astype(np.int32),
            "runNumbers": scene.runs.sequence_numbers.astype(np.float64),
        }
    return arrays


def quantised(xy: NDArray[np.float32]) -> NDArray[np.uint16]:
    """(n, 2), in whole steps from the left and from the top, both directions in the same unit."""
    if not len(xy):
        return np.zeros((0, 2), np.uint16)
    wide = np.nan_to_num(xy.astype(np.float64), posinf=0.0, neginf=0.0)
    low, high = wide.min(axis=0), wide.max(axis=0)
    span = float((high - low).max()) or 1.0
    steps = GRID if len(xy) < LARGE else LEAST_STEPS
    grid = np.rint((wide - low) / span * steps) * (GRID // steps)
    grid[:, 1] = np.rint((high - low)[1] / span * steps) * (GRID // steps) - grid[:, 1]
    return np.asarray(grid, dtype=np.uint16)


def whole_numbers(ids: Sequence[Id]) -> NDArray[np.int64] | None:
    """Ids as numbers, where all are whole ones, also if they are written as texts; None for others."""
    numbers = np.empty(len(ids), np.int64)
    for at, each in enumerate(ids):
        if (
            isinstance(each, str)
            and len(each) <= _MOST_DIGITS
            and each.isascii()
            and each.removeprefix("-").isdigit()
            and str(number := int(each)) == each
        ):
            each = number
        if type(each) is not int or abs(each) > SAFE_INTEGER // 2:
            return None
        numbers[at] = each
    return numbers


def _theme(theme: Theme) -> dict[str, Any]:
    ground, noise, *palette = (
        [*bytes.fromhex(each.removeprefix("#"))] for each in (theme.background, theme.noise, *theme.clusters)
    )
    return {"ground": ground, "noise": noise, "palette": palette}


def _shown(each: Id) -> str:
    return f"x'{each.hex()}'" if isinstance(each, bytes) else str(each)


def _cluster(cluster: SceneCluster, place: NDArray[np.int64]) -> list[Any]:
    return [
        cluster.label,
        cluster.size,
        _short(cluster.share),
        None if cluster.persistence is None else _short(cluster.persistence),
        int(place[cluster.medoid]),
        list(cluster.terms),
        [int(place[row]) for row in cluster.exemplars],
        [[near.label, _short(near.distance)] for near in cluster.near],
        cluster.colour,
    ]


def _tree(tree: SceneTree) -> dict[str, NDArray[Any]]:
    return {
        "treeParent": tree.parent,
        "treeBirth": tree.birth.astype(np.float32),
        "treeDeath": tree.death.astype(np.float32),
        "treeSize": tree.size,
        "treeLabel": tree.label,
        "treeLeft": tree.left.astype(np.float32),
        "treeRight": tree.right.astype(np.float32),
        "treeStarts": tree.step_starts.astype(np.int32),
        "stepLambda": tree.step_lambda.astype(np.float32),
        "stepSize": tree.step_size,
    }


def _runs(runs: SceneRuns) -> dict[str, Any]:
    return {
        "ids": [_shown(each) for each in runs.run_ids],
        "starts": [int(each) for each in runs.starts],
        "hidden": runs.n_hidden,
        "transitions": [[int(part) for part in each] for each in runs.transitions[:MOST_TRANSITIONS]],
        "kinds": len(runs.transitions),
    }


def _planes(arrays: Mapping[str, NDArray[Any]]) -> tuple[bytes, list[tuple[str, str, int]]]:
    """Arrays one after the other, each in planes of bytes; and their names, types and lengths."""
    parts, layout = [], []
    for name, array in arrays.items():
        flat = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
        parts.append(flat.view(np.uint8).reshape(-1, flat.itemsize).T.tobytes() if len(flat) else b"")
        layout.append((name, array.dtype.str.lstrip("<>|="), len(flat)))
    return b"".join(parts), layout


def _short(value: float) -> float:
    """Five digits, which is more than anybody sees."""
    return float(f"{value:.5g}")


def _plain(value: Any) -> Any:
    """As JSON has it: no infinity, no bytes, no numbers of NumPy."""
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, float) and not np.isfinite(value):
        return str(value)
    return _shown(value) if isinstance(value, bytes) else value
