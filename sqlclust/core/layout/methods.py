"""The methods that make a map, by name, without what they compute: a name can be checked before heavy imports."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Literal

MethodName = Literal["t-sne", "pca"]
"""As options have it."""
Method = Literal["t-SNE", "PCA"]
"""As it is stored and shown."""
METHODS: dict[MethodName, Method] = {"t-sne": "t-SNE", "pca": "PCA"}

TSNE_PACKAGE = "openTSNE"
LEAST_FOR_TSNE = 30
"""Different vectors. With fewer, each is among the nearest of nearly all others, and t-SNE has nothing to tell them apart by."""


def tsne_is_installed() -> bool:
    """Whether openTSNE is there; it is not imported."""
    return find_spec(TSNE_PACKAGE) is not None
