"""Results to be gathered: of embeddings, and of a source; with texts."""

from __future__ import annotations

from typing import Any

import apsw
import numpy as np

import sqlclust
from sqlclust.bindings.apsw.database import database_of
from sqlclust.pictures.gathering.gathering import Parts, gather
from sqlclust.pictures.scene import Scene
from sqlclust.store.fits.stored_map import FitMap, store_map
from sqlclust.store.maps import read_map
from tests.small import add_embeddings, clustered

FRUIT = ("red apple", "ripe banana", "sour cherry")
WITHOUT_MAP = Parts(map=False)


def text_of(place: int) -> str:
    """The text of a row of `clustered`; the last four are noise."""
    return f"the {FRUIT[place % 3] if place < 36 else 'kitchen'} number {place}"


def own(con: apsw.Connection) -> None:
    """Embeddings 1 to 40 of the model demo, with texts."""
    add_embeddings(con, clustered())
    con.executemany("UPDATE Embedding SET content = ? WHERE id = ?", [(text_of(n), n + 1) for n in range(40)])


def docs(con: apsw.Connection, key: str = "INTEGER PRIMARY KEY") -> None:
    """A host's table docs of the same rows."""
    con.execute(f"CREATE TABLE docs (id {key}, embedding BLOB, body)")
    rows = [(n + 1, vector.tobytes(), text_of(n)) for n, vector in enumerate(clustered())]
    con.executemany("INSERT INTO docs VALUES (?, ?, ?)", rows)
    sqlclust.source(con, "docs", id="id", vector="embedding", content="body")


def fitted(con: apsw.Connection, model: str = "demo", **options: Any) -> int:
    """A result, whose fit has a map: the rows in a circle."""
    result: int = sqlclust.fit(con, model, **{"min_cluster_size": 5, **options})
    row: Any = con.execute(
        "SELECT f.id, f.n, f.row_ids IS NOT NULL FROM ClusteringFit f JOIN ClusteringResult r ON f.id = r.clustering_fit_id "
        "WHERE r.id = ?",
        (result,),
    ).fetchone()
    fit_id, n, stored = row
    if stored and read_map(database_of(con), fit_id) is None:
        put_map(con, fit_id, n)
    return result


def put_map(con: apsw.Connection, fit_id: int, n: int) -> None:
    """A map that nothing has made."""
    angle = np.arange(n) / n * 2 * np.pi
    xy = np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32)
    described = {name: {"made": "by hand"} for name in ("parameters", "versions", "timings")}
    store_map(database_of(con), fit_id, FitMap(range(n), xy, "t-SNE"), described)


def scene_of(con: apsw.Connection, result: int = 1, **parts: bool) -> Scene:
    """The scene, with all parts that are not said otherwise."""
    return gather(database_of(con), result, Parts(**parts))
