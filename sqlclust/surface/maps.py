"""Maps of stored fits."""

from __future__ import annotations

from collections.abc import Iterator

from sqlclust.options import MapOptions, parse_json
from sqlclust.sqlite.database import Row
from sqlclust.store.maps import stored_map
from sqlclust.surface.fits import fit_id_of
from sqlclust.surface.records import Context, TableFunction


def clust_map(context: Context, clustering_fit_id: object, options: object = "{}") -> Iterator[Row]:
    """Where each embedding is on the map of a stored fit. It only reads."""
    parsed = parse_json(MapOptions, options)
    found = stored_map(context.database, fit_id_of("clust_map", clustering_fit_id), parsed.method)
    for row_id, (x, y) in zip(found.ids, found.xy.tolist(), strict=True):
        yield row_id, x, y, found.method


MAPS = (
    TableFunction(
        name="clust_map",
        args=("clustering_fit_id", "options"),
        optional=1,
        function=clust_map,
        columns={"id": "", "x": "REAL", "y": "REAL"},
        hidden_columns={"method": "TEXT"},
        summary="Where each embedding of a stored fit is on the map that sqlclust map has made of it; nothing is computed. "
        "Identical vectors are in one place. The hidden column method says what made the map: t-SNE, or PCA.",
        example="SELECT count(*) FROM clust_map(1) -- 40",
    ),
)
