"""Versions of what computes and stores."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.metadata import version as installed_version

from sqlclust import __version__
from sqlclust.sqlite.database import Database


@cache
def _versions() -> dict[str, str]:
    return {
        "sqlclust": __version__,
        "hdbscan": installed_version("hdbscan"),
        "numpy": installed_version("numpy"),
    }


def versions(database: Database, *, products: str = "float32") -> dict[str, str]:
    """Versions of what computes and stores, as they are stored with every fit; of ONNX Runtime where products were of int8."""
    of_products = {"onnxruntime": import_module("onnxruntime").__version__} if products == "int8" else {}
    return {**_versions(), **of_products, **database.versions}
