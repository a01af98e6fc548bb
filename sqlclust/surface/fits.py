"""Functions over stored fits (ClusteringFit): other cuts, sweeps, and the trees as rows."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from sqlclust.core.clusters.plscan import Layer, layers
from sqlclust.core.clusters.selection import FlatClusters
from sqlclust.core.neighbors.k_nearest_lists import SPARE_NEIGHBORS
from sqlclust.core.neighbors.row_neighbors import listed_neighbors
from sqlclust.core.runtime.control import Control
from sqlclust.core.tree.single_linkage import single_linkage
from sqlclust.errors import ArgumentError, NeighborsNotStoredError
from sqlclust.options import CutOptions, LabelsOptions, LayersOptions, parse_json, parse_object
from sqlclust.sqlite.database import Row
from sqlclust.store import cut as store_cut
from sqlclust.store.fit import check_top_level
from sqlclust.store.fits import loading as fits
from sqlclust.store.memory import check_cutting
from sqlclust.store.min_samples import trees_with
from sqlclust.store.origins import origin_of
from sqlclust.store.results.stable_labels import earlier_labels
from sqlclust.store.sweep import sweep
from sqlclust.surface.clustering import HDBSCAN_COLUMNS, HDBSCAN_HIDDEN_COLUMNS, hdbscan_rows
from sqlclust.surface.records import Context, ScalarFunction, TableFunction
from sqlclust.vectors.blobs import sqlite_type


def fit_id_of(function: str, value: object) -> int:
    """An argument that is to be the id of a fit. Raises ArgumentError."""
    if not isinstance(value, int):
        raise ArgumentError(
            function, "clustering_fit_id", found=sqlite_type(value), expected="an INTEGER, see ClusteringFit"
        )
    return value


def clust_cut(context: Context, clustering_fit_id: object, options: object = "{}") -> int:
    """Publish other clusters from a stored fit; returns the ClusteringResult id."""
    check_top_level(context.database, "clust_cut")
    return store_cut.cut(context.database, fit_id_of("clust_cut", clustering_fit_id), parse_object(options))


def clust_labels(context: Context, clustering_fit_id: object, options: object = "{}") -> Iterator[Row]:
    """Other clusters from a stored fit; a row for each of its embeddings."""
    fit_id = fit_id_of("clust_labels", clustering_fit_id)
    cut = store_cut.labels(context.database, fit_id, parse_object(options))
    return hdbscan_rows(cut.points, cut.clustering)


_SQL_TYPES = {int: "INTEGER", float: "REAL", bool: "INTEGER", str: "TEXT"}
_SWEPT_COLUMNS = {
    "min_samples": "INTEGER",
    **{option.name: _SQL_TYPES[option.metadata["kind"]] for option in dataclasses.fields(CutOptions)},
}
_FIGURE_COLUMNS = {
    "n_clusters": "INTEGER",
    "noise_share": "REAL",
    "largest_share": "REAL",
    "mean_persistence": "REAL",
    "relative_validity": "REAL",
    "ari_previous": "REAL",
}


def clust_sweep(context: Context, clustering_fit_id: object, options: object) -> Iterator[Row]:
    """What each combination of options would give."""
    fit_id = fit_id_of("clust_sweep", clustering_fit_id)
    for row in sweep(context.database, fit_id, parse_object(options)):
        yield tuple(row[name] for name in (*_SWEPT_COLUMNS, *_FIGURE_COLUMNS))


def clust_spanning_tree(context: Context, clustering_fit_id: object) -> Iterator[Row]:
    """The edges of the spanning tree, lightest first."""
    stored = fits.load(context.database, fit_id_of("clust_spanning_tree", clustering_fit_id))
    ids, tree = stored.ids, stored.tree
    for left, right, weight in zip(tree.left.tolist(), tree.right.tolist(), tree.weight.tolist(), strict=True):
        yield ids[left], ids[right], weight


def clust_condensed_tree(context: Context, clustering_fit_id: object, options: object = "{}") -> Iterator[Row]:
    """The condensed tree: what falls out of which cluster at which density, and which of them are the flat clusters."""
    stored = fits.load(context.database, fit_id_of("clust_condensed_tree", clustering_fit_id))
    min_samples, parsed = store_cut.check_options(context.database, parse_object(options), stored, LabelsOptions)
    n = len(stored.ids)
    if n == 1:
        return
    check_cutting(n)
    with origin_of(context.database, stored.record.embedding_model) as origin:
        earlier = earlier_labels(context.database, parsed, origin, stored.ids)
    [spanning_tree] = trees_with(context.database, stored, [min_samples], None).values()

    def work(control: Control) -> tuple[FlatClusters, list[int]]:
        flat = store_cut.flat_clusters_of(spanning_tree, parsed, control)
        if earlier is None:
            return flat, [*range(len(flat.cluster_of_label))]
        return flat, earlier.new_labels(flat.of_points()[0], control).tolist()

    flat, names = context.run(work)
    labels = dict(zip(flat.cluster_of_label.tolist(), names, strict=True))
    for parent, child, density, size in flat.tree.tolist():
        point = child < n
        yield (
            parent - n,
            None if point else child - n,
            stored.ids[child] if point else None,
            density if density != float("inf") else None,
            size,
            None if point else labels.get(child - n),
            labels.get(parent - n),
        )


def clust_layers(context: Context, clustering_fit_id: object, options: object = "{}") -> Iterator[Row]:
    """Several resolutions at once, the finest first; a row for each embedding in each."""
    parsed = parse_json(LayersOptions, options)
    stored = fits.load(context.database, fit_id_of("clust_layers", clustering_fit_id))
    if len(stored.ids) == 1:
        return
    check_cutting(len(stored.ids))

    def work(control: Control) -> list[Layer]:
        smallest = parsed.min_cluster_size or max(5, stored.record.min_samples)
        with control.phase("layers"):
            return layers(
                single_linkage(stored.tree, control),
                min_cluster_size=smallest,
                max_layers=parsed.max_layers,
                control=control,
            )

    for number, layer in enumerate(context.run(work)):
        columns = zip(stored.ids, layer.labels.tolist(), layer.probabilities.tolist(), strict=True)
        for embedding_id, label, probability in columns:
            yield number, layer.min_cluster_size, embedding_id, label, probability, layer.persistence


def clust_core_distances(context: Context, clustering_fit_id: object) -> Iterator[Row]:
    """How dense it is around each embedding."""
    stored = fits.load(context.database, fit_id_of("clust_core_distances", clustering_fit_id))
    yield from zip(stored.ids, stored.core_distances.tolist(), strict=True)


def clust_fit_neighbors(context: Context, clustering_fit_id: object) -> Iterator[Row]:
    """The nearest neighbours of each embedding, nearest first, as the fit found them."""
    stored = fits.load(context.database, fit_id_of("clust_fit_neighbors", clustering_fit_id))
    kept = fits.load_neighbors(context.database, stored)
    if kept is None:
        raise NeighborsNotStoredError(stored.id)
    ids, record = stored.ids, stored.record
    k = min(record.min_samples + SPARE_NEIGHBORS, record.n - 1)
    near = listed_neighbors(kept.lists, kept.row_vectors, k, metric=record.metric, exponent=kept.exponent)
    for row, neighbors, distances in near:
        pairs = zip(neighbors.tolist(), distances.tolist(), strict=True)
        for place, (neighbor, distance) in enumerate(pairs, start=1):
            yield ids[row], place, ids[neighbor], distance


FITS = (
    ScalarFunction(
        name="clust_cut",
        args=("clustering_fit_id", "options"),
        optional=1,
        function=clust_cut,
        uses_context=True,
        returns="INTEGER",
        summary="Publishes other clusters from a stored fit, without looking for neighbours again, and returns the new "
        "ClusteringResult id; the result is the one a fresh fit would give. With a smaller min_samples it has a fit of its own, "
        "made from the neighbours of the stored one. Top level only.",
        example="SELECT clust_cut(1, '{\"min_cluster_size\": 6}') -- 2",
    ),
    TableFunction(
        name="clust_labels",
        args=("clustering_fit_id", "options"),
        optional=1,
        function=clust_labels,
        columns=HDBSCAN_COLUMNS,
        hidden_columns=HDBSCAN_HIDDEN_COLUMNS,
        summary="As clust_hdbscan, from a stored fit. Writes nothing.",
        example="SELECT count(DISTINCT label) FROM clust_labels(1, '{\"min_cluster_size\": 6}') WHERE label >= 0 -- 3",
    ),
    TableFunction(
        name="clust_sweep",
        args=("clustering_fit_id", "options"),
        function=clust_sweep,
        columns={**_SWEPT_COLUMNS, **_FIGURE_COLUMNS},
        summary="A row for every combination of options, each a value or a list: what cutting a stored fit with them gives. "
        "ari_previous is the agreement with the row before: a fall is a cliff. For a smaller min_samples than the fit's the "
        "vectors are read, once, and a tree is made.",
        example="SELECT group_concat(n_clusters) FROM clust_sweep(1, '{\"min_cluster_size\": [5, 6, 30]}') -- 3,3,0",
    ),
    TableFunction(
        name="clust_spanning_tree",
        args=("clustering_fit_id",),
        function=clust_spanning_tree,
        columns={"left_id": "", "right_id": "", "weight": "REAL"},
        summary="The minimum spanning tree of mutual reachability of a stored fit, lightest edge first.",
        example="SELECT count(*) FROM clust_spanning_tree(1) -- 39",
    ),
    TableFunction(
        name="clust_condensed_tree",
        args=("clustering_fit_id", "options"),
        optional=1,
        function=clust_condensed_tree,
        columns={
            "parent": "INTEGER",
            "child": "INTEGER",
            "id": "",
            "lambda": "REAL",
            "size": "INTEGER",
            "label": "INTEGER",
        },
        hidden_columns={"parent_label": "INTEGER"},
        summary="The condensed tree of a stored fit that clust_labels with the same options cuts. Clusters are numbered from 0, "
        "the root; child is a cluster, or id an embedding, that leaves parent at density lambda (1/distance; NULL: infinite). "
        "label is the one that clust_labels gives, if child is selected, and NULL for all others. The hidden column parent_label "
        "is that of parent: with allow_single_cluster the root may be selected, which is nobody's child.",
        example="SELECT count(id) FROM clust_condensed_tree(1, '{\"min_cluster_size\": 5}') -- 40",
    ),
    TableFunction(
        name="clust_layers",
        args=("clustering_fit_id", "options"),
        optional=1,
        function=clust_layers,
        columns={
            "layer": "INTEGER",
            "min_cluster_size": "INTEGER",
            "id": "",
            "label": "INTEGER",
            "probability": "REAL",
        },
        hidden_columns={"persistence": "INTEGER"},
        summary="Several resolutions of a stored fit at once, layer 0 the finest: leaf clusters at those min_cluster_size at "
        "which the clusters last longest (PLSCAN's persistence over sizes). They are nested: a cluster lies in one of the next "
        "layer, or in its noise. The hidden column persistence is the layer's.",
        example="SELECT layer, min_cluster_size, count(DISTINCT label) FROM clust_layers(1) WHERE label >= 0 GROUP BY 1 -- 0|5|3",
    ),
    TableFunction(
        name="clust_core_distances",
        args=("clustering_fit_id",),
        function=clust_core_distances,
        columns={"id": "", "core_distance": "REAL"},
        summary="How dense it is around each embedding of a stored fit: the distance to its min_samples-th nearest neighbour.",
        example="SELECT count(*) FROM clust_core_distances(1) WHERE core_distance > 0 -- 40",
    ),
    TableFunction(
        name="clust_fit_neighbors",
        args=("clustering_fit_id",),
        function=clust_fit_neighbors,
        columns={"id": "", "rank": "INTEGER", "neighbor_id": "", "distance": "REAL"},
        summary="The min_samples + 5 nearest other embeddings of each embedding of a stored fit, nearest first (rank 1), as the "
        "fit found and kept them; nothing is measured. Of an exact fit they are those that clust_neighbors gives; only where "
        "several are as far as the last, others of them may be.",
        example="SELECT count(*) FROM clust_fit_neighbors(1) WHERE rank = 1 -- 40",
    ),
)
