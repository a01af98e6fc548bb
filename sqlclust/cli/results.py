"""How results and clusters are shown to people, and the columns programs get."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from shlex import quote
from typing import Any

from sqlclust.cli.cluster_names import name_of
from sqlclust.cli.options import short_name
from sqlclust.cli.output import one_line, printable, table
from sqlclust.core.engines import engine_of
from sqlclust.options import HdbscanOptions
from sqlclust.sqlite.layout import quoted
from sqlclust.store.results.listing import parameters_of

RESULT_COLUMNS = (
    "id", "embedding_model", "algorithm", "n_rows", "n_clusters", "n_noise", "noise_share", "duration", "engine", "recall",
    "tree_confirmed", "completed_at", "parameters",
)  # fmt: skip
"""Columns of a result in --json, --nl and --csv."""

LISTED_COLUMNS = (*RESULT_COLUMNS, "n_new", "n_missing")
"""Columns of a result that is listed."""

CLUSTER_COLUMNS = ("label", "size", "share", "persistence", "medoid_embedding_id", "medoid_text", "terms")
"""Columns of a cluster in --json, --nl and --csv."""

OF_SOURCE = (*CLUSTER_COLUMNS[:-2], "medoid_item_id", *CLUSTER_COLUMNS[-2:])
"""Those of a result of a source."""

_DEFAULT_DEPENDS_ON_ROWS = frozenset(field.name for field in fields(HdbscanOptions) if field.metadata["auto"])
_HAVE_A_COLUMN = frozenset(RESULT_COLUMNS) & {field.name for field in fields(HdbscanOptions)}
_TEXT_CHARACTERS = 60
_TERMS_CHARACTERS, _LEAST_OF_TERMS = 48, 30
_CHANGES = {"n_new": "new", "n_missing": "gone"}
"""Columns of a result, and what people call them."""


def with_parameters(results: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Results with their parameters as an object instead of text.

    Raises:
        ResultDamagedError: they are none.
    """
    return [{**result, "parameters": parameters_of(result)} for result in results]


def result_table(results: Sequence[Mapping[str, Any]]) -> str:
    """Results as a table for people; with columns of what is new and gone, if anything is, or if it is not known."""
    shows_changes = any(result.get(name, 0) != 0 for result in results for name in _CHANGES)
    changes = _CHANGES if shows_changes else {}
    headers = (
        "id", "model", "rows", *changes.values(), "clusters", "noise", "engine", "seconds", "completed (UTC)", "parameters",
    )  # fmt: skip
    rows = [
        (
            result["id"],
            result["embedding_model"],
            result["n_rows"],
            *("?" if result[name] is None else result[name] for name in changes),
            result["n_clusters"],
            percent(result["noise_share"]),
            _engine(result, recall=""),
            result["duration"],
            result["completed_at"][:16].replace("T", " "),
            unusual_parameters(result["parameters"]),
        )
        for result in with_parameters(results)
    ]
    return table(headers, rows, spare=("seconds", "engine", "completed (UTC)"))


def summary(result: Mapping[str, Any]) -> str:
    """A result on one line."""
    clusters = "1 cluster" if result["n_clusters"] == 1 else f"{result['n_clusters']:,} clusters"
    how = ", ".join(filter(None, (_engine(result, recall=", recall"), seconds(result["duration"]))))
    return (
        f"{printable(result['embedding_model'])}: result {result['id']}, {result['n_rows']:,} rows in {clusters}, "
        f"{percent(result['noise_share'])} noise" + (f" ({how})" if how else "")
    )


def _engine(result: Mapping[str, Any], *, recall: str) -> str | None:
    """The engine of a result's fit, None where it has none; with what was measured where it is not exact.

    Args:
        recall: what to write before the recall.
    """
    engine: str | None = result["engine"]
    if engine is None or engine_of(engine).exact:
        return engine
    return f"{engine}{recall} {_share(result['recall'])}, tree {_share(result['tree_confirmed'])}"


def _share(measured: object) -> str:
    return f"{measured:.3f}" if isinstance(measured, float) else "unknown"


def cluster_table(clusters: Sequence[Mapping[str, Any]]) -> str:
    """Clusters as a table for people; with their terms, if any has some."""
    have_terms = any(cluster["terms"] for cluster in clusters)
    terms = ("terms",) if have_terms else ()
    headers = ("label", "size", "share", "persistence", *terms, "medoid", "medoid's text")
    rows = [
        (
            cluster["label"],
            cluster["size"],
            percent(cluster["share"]),
            cluster["persistence"] if cluster["persistence"] is None else round(cluster["persistence"], 3),
            *((one_line(name_of(cluster["terms"]), _TERMS_CHARACTERS),) if have_terms else ()),
            medoid_of(cluster),
            one_line(cluster["medoid_text"] or "", _TEXT_CHARACTERS),
        )
        for cluster in clusters
    ]
    spare = ("persistence", "share") if have_terms else ()
    return table(headers, rows, spare=spare, least={"terms": _LEAST_OF_TERMS})


def medoid_of(cluster: Mapping[str, Any]) -> Any:
    """What people call a cluster's medoid: its id, or its key in the table of its source."""
    return cluster.get("medoid_item_id", cluster["medoid_embedding_id"])


def unusual_parameters(parameters: Mapping[str, Any]) -> str:
    """Those that are not the default, and those whose default depends on the rows; not what another column says."""
    defaults = HdbscanOptions().as_dict()
    unusual = {
        name: value
        for name, value in parameters.items()
        if name not in _HAVE_A_COLUMN and (name in _DEFAULT_DEPENDS_ON_ROWS or value != defaults.get(name))
    }
    return ", ".join(f"{short_name(name)} {value}" for name, value in unusual.items())


def percent(share: float | None) -> str | None:
    """A share as people read it."""
    return None if share is None else f"{share * 100:.1f} %"


def seconds(duration: float | None) -> str:
    """A duration as people read it."""
    if duration is None:
        return ""
    if duration < 60:
        return f"{duration:.1f} s"
    minutes, rest = divmod(round(duration), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"


def in_quotes(sql: str) -> str:
    """SQL as a shell takes it: between double quotes, which read best, if it has nothing that they change."""
    return quote(sql) if any(character in sql for character in '"$`\\!') else f'"{sql}"'


def next_steps(db: str, result_id: int, *, view: str | None = None) -> str:
    """How to look further at a result; `view`: that of its source."""
    sql = f"SELECT * FROM ClusterAssignment WHERE clustering_result_id = {result_id}"
    if view is not None and view.isprintable():
        sql = f"SELECT * FROM {quoted(view)} WHERE label >= 0"
    lines: Sequence[str] = (
        "Look further:",
        f"  sqlclust show {quote(db)} {result_id}",
        f"  sqlclust page {quote(db)} {result_id}",
        f"  sqlclust query {quote(db)} {in_quotes(sql)}",
    )
    return "\n".join(lines)
