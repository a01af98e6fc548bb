"""What it takes to gather a scene of a result, stage by stage.

    python -m tests.benchmarks.pictures                     # 100,000 rows with texts
    python -m tests.benchmarks.pictures --rows 141600 --min-cluster-size 5

A database is made, with texts of 13 words, and fitted (`--dimension` 32: gathering reads of vectors those of medoids alone). Its
map is not made but put there: rows by the first two numbers of their vectors. Seconds of the
processor, the best of several. `--keep FILE` makes the database there, or takes the one that is there.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

import sqlclust
from sqlclust.bindings.apsw.database import database_of
from sqlclust.core.runtime.control import Control
from sqlclust.pictures.colours import coloured, contacts_on_map
from sqlclust.pictures.gathering.clusters import Members
from sqlclust.pictures.gathering.exemplars import depth_in_tree, exemplars
from sqlclust.pictures.gathering.fitted import fitted
from sqlclust.pictures.gathering.gathering import gather
from sqlclust.pictures.gathering.icicle import icicle
from sqlclust.pictures.gathering.swept import scene_sweep
from sqlclust.pictures.gathering.texts import texts_of_rows
from sqlclust.sqlite.database import Database
from sqlclust.store.cut import options_of_result
from sqlclust.store.fits.stored_map import FitMap, store_map
from sqlclust.store.results.listing import show_result
from sqlclust.store.results.rows import result_rows, stored_clusters
from sqlclust.store.results.terms import names_of_clusters
from tests.benchmarks.data import embeddings
from tests.benchmarks.terms import best, spaced

_INSERT = "INSERT INTO Embedding (id, embedding_model, vector, content) VALUES (?, 'm', ?, ?)"


def make(path: Path, given: argparse.Namespace) -> None:
    """A database of result 1, with a map."""
    con = sqlclust.connect(str(path))
    sqlclust.initialize(con)
    vectors = embeddings(given.rows, given.dimension, clustered=0.5)
    texts = (text for _, text in spaced(given.rows, 13))
    with con:
        con.executemany(
            _INSERT,
            ((row, vector.tobytes(), text) for row, (vector, text) in enumerate(zip(vectors, texts, strict=True))),
        )
    sqlclust.fit(con, "m", min_cluster_size=given.min_cluster_size)
    xy = np.ascontiguousarray(vectors[:, :2])
    described = {name: {"made": "by hand"} for name in ("parameters", "versions", "timings")}
    store_map(database_of(con), 1, FitMap(range(given.rows), xy, "t-SNE"), described)
    con.close()


def stages(database: Database) -> Iterator[tuple[str, Callable[[], object]]]:
    """Each stage of gathering by itself, and the whole."""
    control = Control()
    result = show_result(database, 1)
    rows, clusters, options = (
        result_rows(database, 1),
        stored_clusters(database, 1),
        options_of_result(1, result["parameters"]),
    )
    fit = fitted(database, 1, 1, options, rows, None)
    assert fit.flat is not None
    flat, members = fit.flat, Members(1, rows, clusters)
    scene = gather(database, 1)
    assert scene.tree is not None
    assert scene.points.xy is not None
    xy = scene.points.xy
    n_nodes = len(scene.tree.parent) + scene.tree.n_hidden
    yield "what the result says of itself", lambda: show_result(database, 1)
    yield f"{len(rows.ids):,} rows", lambda: result_rows(database, 1)
    yield "fit, condensed tree", lambda: fitted(database, 1, 1, options, rows, None)
    yield f"icicle of {n_nodes:,} nodes", lambda: icicle(flat, fit.labels, control)
    yield "texts", lambda: texts_of_rows(database, 1, "m", rows.ids, control)
    yield f"terms of {len(clusters):,} clusters", lambda: names_of_clusters(database, 1)
    yield "exemplars", lambda: exemplars(members.of_rows, len(clusters), depth_in_tree(flat), xy)
    yield "colours", lambda: coloured(members.sizes, contacts_on_map(xy, members.of_rows))
    assert scene.sweep is not None
    yield f"sweep of {len(scene.sweep.cuts)} values", lambda: scene_sweep(database, 1, len(rows.ids), options)
    yield "all", lambda: gather(database, 1)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--dimension", type=int, default=32)
    parser.add_argument("--min-cluster-size", type=int, default=15)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--keep", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = given.keep or Path(folder) / "pictures.db"
        if not path.exists():
            make(path, given)
        con = sqlclust.connect(str(path))
        for name, run in stages(database_of(con)):
            print(f"{name:34}{best(run, given.repeat):8.2f}", flush=True)
        con.close()


if __name__ == "__main__":
    main()
