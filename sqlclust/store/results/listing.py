"""Results: listing, showing and deleting them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from sqlclust import schema
from sqlclust.errors import AlteredError, ConstraintError, FitDamagedError, ResultDamagedError, UnknownResultError
from sqlclust.sources.registered_rows import is_registered
from sqlclust.sqlite import statements
from sqlclust.sqlite.database import Database
from sqlclust.sqlite.transactions import PATIENCE, translated_errors, write_transaction
from sqlclust.sqlite.values import stored_object
from sqlclust.store.fits.neighbors import TABLE as NEIGHBORS
from sqlclust.store.fits.record import TREE_CONFIRMED
from sqlclust.store.fits.stored_map import TABLE as MAP
from sqlclust.store.read_back import check_deleted, foreign_triggers

_SUMMARY = f"""
SELECT s.clustering_result_id AS id, s.embedding_model, s.algorithm, s.n_rows, s.n_clusters, s.n_noise, s.noise_share,
       s.duration, f.engine, f.recall, {TREE_CONFIRMED} AS tree_confirmed, s.completed_at, s.parameters
FROM main.ClusteringSummary s
LEFT JOIN main.ClusteringFit f ON f.id = s.clustering_fit_id
"""
_CLUSTERS = """
SELECT label, size, share, persistence, medoid_embedding_id{item}, medoid_text
FROM main.ClusterSummary WHERE clustering_result_id = ?
ORDER BY size DESC, label
"""
_FIT = """
SELECT id, embedding_model, selection, metric, normalize, min_samples, alpha, engine, recall, seed, n, n_distinct, dimension,
       corpus_hash, versions, timings, created_at, spanning_tree IS NOT NULL AS stored
FROM main.ClusteringFit
WHERE id = (SELECT clustering_fit_id FROM main.ClusteringResult WHERE id = ?)
"""


def list_results(database: Database, embedding_model: str | None = None) -> list[dict[str, Any]]:
    """Every result, oldest first: id, embedding_model, n_rows, n_clusters, noise_share, engine, parameters, …"""
    with translated_errors(database, doing="listing results"):
        sql = _SUMMARY + "WHERE :model IS NULL OR s.embedding_model = :model ORDER BY s.clustering_result_id"
        return statements.dict_rows(database, sql, {"model": embedding_model})


_NUMBER = re.compile(r"-?[0-9]{1,19}")
LATEST = re.compile(r"latest(?:~([0-9]{1,9}))?")
"""A result by how many came after it."""


_IDS = "SELECT id FROM main.ClusteringResult WHERE :model IS NULL OR embedding_model = :model ORDER BY id"


def results_of(database: Database, embedding_model: str | None = None) -> list[int]:
    """The ids of a model's results, or of all, oldest first."""
    return [int(row[0]) for row in statements.all_rows(database, _IDS, {"model": embedding_model})]


def resolve_result(database: Database, which: int | str, embedding_model: str | None = None) -> int:
    """The id of a result given by id, as 'latest', or as 'latest~1' for the one before, and so on.

    Args:
        embedding_model: only results of this one; None: all.

    Raises:
        UnknownResultError: there is no such result; lists those there are.
    """
    known = results_of(database, embedding_model)
    from_the_end = LATEST.fullmatch(which) if isinstance(which, str) else None
    if from_the_end and int(from_the_end[1] or 0) < len(known):
        return known[-1 - int(from_the_end[1] or 0)]
    result_id = int(which) if isinstance(which, str) and _NUMBER.fullmatch(which) else which
    if type(result_id) is not int or result_id not in known:
        raise UnknownResultError(which, known=known)
    return result_id


def summarize_result(database: Database, result_id: int) -> dict[str, Any]:
    """The row of `list_results` that is about one result.

    Raises:
        UnknownResultError
    """
    result_id = resolve_result(database, result_id)
    with translated_errors(database, doing="reading a result"):
        [result] = statements.dict_rows(database, _SUMMARY + "WHERE s.clustering_result_id = ?", (result_id,))
    return result


_REUSED = """
SELECT r.clustering_fit_id FROM main.ClusteringResult r
WHERE r.id = ?1 AND EXISTS (SELECT 1 FROM main.ClusteringResult earlier
                            WHERE earlier.clustering_fit_id = r.clustering_fit_id AND earlier.id < r.id)
"""


def reused_fit(database: Database, result_id: int) -> int | None:
    """The id of a result's fit, if an earlier result was made of it; None if it was made for this one."""
    with translated_errors(database, doing="reading a result"):
        found: int | None = statements.value(database, _REUSED, (result_id,))
    return found


def parameters_of(result: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of a result: of a row that has its `id` and its `parameters`.

    Raises:
        ResultDamagedError: they are no JSON object.
    """
    try:
        return stored_object(result["parameters"])
    except ValueError as error:
        raise ResultDamagedError(result["id"], reason=f"its parameters are no JSON object ({error})") from None


def show_result(database: Database, result_id: int) -> dict[str, Any]:
    """One result with its fit and its clusters, largest first.

    Returns:
        The columns of `list_results`, with parameters as a dict, and keys `fit` (columns of ClusteringFit, or None) and
        `clusters` (label, size, share, persistence, medoid_embedding_id, medoid_text; of a source's result also medoid_item_id,
        the medoid's key in its table).

    Raises:
        UnknownResultError
    """
    result = summarize_result(database, result_id)
    result_id = result["id"]
    with translated_errors(database, doing="reading a result"):
        fits = statements.dict_rows(database, _FIT, (result_id,))
        item = ", medoid_item_id" if is_registered(database, result["embedding_model"]) else ""
        clusters = statements.dict_rows(database, _CLUSTERS.format(item=item), (result_id,))
    for fit in fits:
        for name in ("selection", "versions", "timings"):
            try:
                fit[name] = stored_object(fit[name])
            except ValueError as error:
                raise FitDamagedError(fit["id"], reason=f"its {name} are no JSON object ({error})") from None
    return {
        **result,
        "parameters": parameters_of(result),
        "fit": fits[0] if fits else None,
        "clusters": clusters,
    }


_DELETE: tuple[str, ...] = (
    "DELETE FROM main.EmbeddingPrediction WHERE clustering_result_id = ?",
    "DELETE FROM main.EmbeddingCluster WHERE clustering_result_id = ?",
    "DELETE FROM main.Cluster WHERE clustering_result_id = ?",
    # a fit goes with its last result
    """DELETE FROM main.ClusteringFit
       WHERE id = (SELECT clustering_fit_id FROM main.ClusteringResult WHERE id = ?1)
         AND NOT EXISTS (SELECT 1 FROM main.ClusteringResult r WHERE r.clustering_fit_id = ClusteringFit.id AND r.id <> ?1)""",
    "DELETE FROM main.ClusteringResult WHERE id = ?",
)
_FIT_THAT_GOES = """
SELECT f.id FROM main.ClusteringFit f
WHERE f.id = (SELECT clustering_fit_id FROM main.ClusteringResult WHERE id = ?1)
  AND NOT EXISTS (SELECT 1 FROM main.ClusteringResult r WHERE r.clustering_fit_id = f.id AND r.id <> ?1)
"""
_FORGET = "UPDATE main.ClusteringFit SET updated_from = NULL WHERE updated_from = ?"

# as the trigger ClusteringResult_delete does, which a host's connection may have off
_UNUSED = """
FROM main.Embedding
WHERE embedding_source = ?
  AND NOT EXISTS (SELECT 1 FROM main.EmbeddingCluster ec WHERE ec.embedding_id = Embedding.id)
  AND NOT EXISTS (SELECT 1 FROM main.EmbeddingPrediction ep WHERE ep.embedding_id = Embedding.id)
"""

_DELETED_BEFORE = ("EmbeddingPrediction", "EmbeddingCluster")
"""Tables whose rows keep others from being deleted."""


def delete_result(database: Database, result_id: int, *, patience: float = PATIENCE) -> int:
    """Delete a result with its clusters and rows, in one transaction. Returns the rows deleted.

    Embeddings stay; but of a source's rows in Embedding those go that no other result has. The source's own table is not touched.

    Raises:
        UnknownResultError, LockedError
        AlteredError: a trigger of the file kept something of it; nothing was deleted.
    """
    with write_transaction(database, doing="deleting", patience=patience):
        return delete_rows(database, resolve_result(database, result_id))


def delete_rows(database: Database, result_id: int) -> int:
    """As `delete_result`, inside the caller's transaction."""
    model = statements.value(database, "SELECT embedding_model FROM main.ClusteringResult WHERE id = ?", (result_id,))
    rows: int = statements.value(
        database, "SELECT count(*) FROM main.EmbeddingCluster WHERE clustering_result_id = ?", (result_id,)
    )
    _delete_what_has_fit(database, result_id)
    for statement in _DELETE:  # ours, not left to ON DELETE CASCADE: a host's connection may have foreign keys off
        try:
            statements.run(database, statement, (result_id,))
        except ConstraintError:
            check_deleted(database, result_id, _DELETED_BEFORE)  # is it because something was kept before?
            raise
    check_deleted(database, result_id)
    if is_registered(database, model):
        _delete_unused_items(database, model)
    return rows


def _delete_what_has_fit(database: Database, result_id: int) -> None:
    """The neighbours and the map of the fit that goes with a result, if one does; and of fits made from it, that they were."""
    fit_id = statements.value(database, _FIT_THAT_GOES, (result_id,))
    if schema.has(database, "ClusteringFit", "updated_from"):
        statements.run(database, _FORGET, (fit_id,))
    for table, what in ((NEIGHBORS, "parts"), (MAP, "maps")):
        if not schema.has(database, table):
            continue
        statements.run(database, f"DELETE FROM main.{table} WHERE clustering_fit_id = ?", (fit_id,))
        left = statements.value(database, f"SELECT count(*) FROM main.{table} WHERE clustering_fit_id = ?", (fit_id,))
        if left:
            triggers = foreign_triggers(database, (table,))
            raise AlteredError(table, found=f"{left:,} of the deleted fit's {what}", expected="0", triggers=triggers)


def _delete_unused_items(database: Database, source: str) -> None:
    """Rows of a source that no result has any more."""
    statements.run(database, f"DELETE {_UNUSED}", (source,))
    triggers = foreign_triggers(database, ("Embedding",))
    left = statements.value(database, f"SELECT count(*) {_UNUSED}", (source,)) if triggers else 0
    if left:
        raise AlteredError(
            "Embedding", found=f"{left:,} rows of {source} that no result has", expected="0", triggers=triggers
        )
