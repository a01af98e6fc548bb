"""What clusters are called: their first terms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlclust.cli.progress import ProgressLine
from sqlclust.sqlite.database import Database
from sqlclust.store.results.terms import names_of_clusters


def add_terms(database: Database, found: dict[str, Any]) -> None:
    """Give each cluster of a result, as `store.results.listing.show_result` has it, its `terms`; [] where it has no texts."""
    clusters: Sequence[dict[str, Any]] = found["clusters"]
    names: dict[int, list[str]] = {}
    if clusters:
        with ProgressLine("terms") as progress:
            names = names_of_clusters(database, found["id"], progress)
    for cluster in clusters:
        cluster["terms"] = names.get(cluster["label"], [])


def name_of(terms: Sequence[str]) -> str:
    """Terms as people read them."""
    return ", ".join(terms)
