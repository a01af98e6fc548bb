"""Vectors in every format, as Python writes them, and such as look like another format than float32."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from typing import Any

import numpy as np

from sqlclust.vectors.formats import FORMATS

BINARY = [name for name, record in FORMATS.items() if not record.is_text]

# how Python writes them: independent of NumPy
WRITTEN: dict[str, tuple[list[float], Any]] = {
    "float32": ([1.5, -2.0, 0.0], struct.pack("<3f", 1.5, -2.0, 0.0)),
    "float64": ([1.5, -2.0, 0.25], struct.pack("<3d", 1.5, -2.0, 0.25)),
    "float16": ([1.5, -2.0, 2.0**-24], struct.pack("<3e", 1.5, -2.0, 2.0**-24)),
    "bfloat16": ([1.5, -2.0, 2.0**100], b"".join(struct.pack("<f", x)[2:] for x in (1.5, -2.0, 2.0**100))),
    "int8": ([1, -128, 127], struct.pack("3b", 1, -128, 127)),
    "uint8": ([1, 255, 0], bytes([1, 255, 0])),
    "bit": ([1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 1], bytes([0b00000001, 0b10000110])),
    "json": ([1.5, -2, 0.25], "[1.5, -2, 0.25]"),
}


def options(format: str) -> str:
    return json.dumps({"format": format})


def coded(vectors: np.ndarray[Any, Any], format: str) -> list[Any]:
    """Vectors of multiples of 1/64 below 2, in a format that holds them; bit: whether they are positive."""
    made: dict[str, Callable[[], list[Any]]] = {
        "bfloat16": lambda: [(row.astype("<f4").view("<u4") >> 16).astype("<u2").tobytes() for row in vectors],
        "bit": lambda: [np.packbits(row > 0, bitorder="little").tobytes() for row in vectors],
        "json": lambda: [json.dumps(row.tolist()) for row in vectors],
    }
    types = {"float32": "<f4", "float64": "<f8", "float16": "<f2", "int8": "i1", "uint8": "u1"}
    return made[format]() if format in made else [row.astype(types[format]).tobytes() for row in vectors]


MADE: dict[str, Callable[[np.ndarray[Any, Any]], np.ndarray[Any, Any]]] = {
    "float64": lambda x: x.astype("<f8"),
    "float16": lambda x: x.astype("<f2"),
    "bfloat16": lambda x: (x.astype("<f4").view("<u4") >> 16).astype("<u2"),
    "int8": lambda x: np.round(x / np.abs(x).max() * 127).astype("i1"),
}


def others(format: str) -> list[bytes]:
    return [row.tobytes() for row in MADE[format](np.random.default_rng(0).normal(size=(300, 128)))]
