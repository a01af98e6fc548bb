"""Bytes at random into every decoder of ours: what comes out is a value or SqlclustError, nothing else.

    python -m tests.trust.fuzz                   each target for ten seconds
    python -m tests.trust.fuzz fit 600 [SEED]    one target, for as many seconds

With atheris installed it is libFuzzer, led by coverage (`python -m tests.trust.fuzz fit -runs=1000000` and all its options);
without it a plain loop that changes good examples at random. An input that fails is printed as Python.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import random
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache
from typing import Any, NamedTuple

import numpy as np

import sqlclust
from sqlclust import options
from sqlclust.core.clusters.cut_parameters import CutParameters
from sqlclust.core.clusters.selection import flat_clusters
from sqlclust.core.neighbors.row_neighbors import listed_neighbors
from sqlclust.core.tree.condensed_tree import condense
from sqlclust.core.tree.single_linkage import single_linkage
from sqlclust.errors import SqlclustError
from sqlclust.store.fits import stored_fit as fits
from sqlclust.store.fits.neighbors import FitRows
from sqlclust.store.fits.neighbors import decode as decode_neighbors
from sqlclust.store.fits.stored_map import decode_map
from sqlclust.surface.catalog import OPTIONS
from sqlclust.vectors import blobs as vectors
from sqlclust.vectors.formats import FORMAT_NAMES, resemblance, to_stored
from tests.small import add_embeddings, blob, clustered

CLASSES: tuple[Any, ...] = tuple(dict.fromkeys(OPTIONS.values()))
PART_BLOBS = ("row_vectors", "row_hashes", "counts", "list_lengths", "neighbors", "squared_distances")
PART_NUMBERS = ("part", "exponent", "n", "n_distinct", "n_neighbors")
BLOBS = ("row_ids", "row_checks", "core_distances", "spanning_tree")
NUMBERS = ("n", "n_distinct", "dimension", "min_samples", "seed", "normalize")


class Target(NamedTuple):
    """Something that reads bytes of anyone's, and good bytes to begin with."""

    read: Callable[[bytes], object]
    good: Callable[[], Sequence[bytes]]


def text_of(data: bytes) -> str:
    """Text of any bytes: what is not UTF-8 becomes half characters, as JSON and Python can have them."""
    return data.decode("utf-8", "surrogateescape")


def read_vector(data: bytes) -> None:
    """A stored vector, and the same bytes as JSON; in other formats whatever the bytes give is finite, or refused."""
    for name in FORMAT_NAMES[1:-1]:
        with suppress(SqlclustError):
            assert np.isfinite(vectors.decode(to_stored(data, name, "v"), "v")).all()
    if width := len(data) // 8 // 4 * 4:  # as eight rows
        resemblance(np.frombuffer(data, dtype=np.uint8)[: 8 * width].reshape(8, width))
    vector = vectors.decode(data, "v")
    assert np.isfinite(vector).all()
    assert to_stored(vectors.to_json(vector), "json", "v") == data


def read_vector_json(data: bytes) -> None:
    """A JSON array; what it gives can be read again."""
    assert np.isfinite(vectors.decode(to_stored(text_of(data), "json", "v"), "v")).all()


def read_options(data: bytes) -> None:
    """The options of each function; what is accepted can be written and read again."""
    text, refused = text_of(data), []
    for kind in CLASSES:
        try:
            found: Any = options.parse_json(kind, text)
        except SqlclustError as error:
            refused.append(error)
            continue
        values = {name: getattr(found, name) for name in options.names(kind)}
        assert options.parse_json(kind, json.dumps(values)) == found
    if len(refused) == len(CLASSES):
        raise refused[0]


@cache
def stored_row(table: str = "ClusteringFit") -> dict[str, Any]:
    """The row of a stored fit of 40 embeddings, with ids of every type; or that of its neighbours."""
    con = sqlclust.connect(":memory:")
    sqlclust.initialize(con)
    ids = [f"a{i}" if i % 4 == 0 else b"b%d" % i if i % 4 == 1 else i + 0.5 if i % 4 == 2 else i for i in range(40)]
    add_embeddings(con, clustered(), ids=ids)
    sqlclust.fit(con, "demo", min_cluster_size=5)
    cursor = con.execute(f"SELECT * FROM {table}")
    names = [name for name, _ in cursor.get_description()]
    return dict(zip(names, cursor.fetchone() or (), strict=True))


def packed(row: dict[str, Any], names: Sequence[str] = NUMBERS, blob_names: Sequence[str] = BLOBS) -> bytes:
    """What a fuzzer changes of a fit: its numbers, then each BLOB with its length."""
    numbers = np.array([row[name] for name in names], dtype="<i8").tobytes()
    blobs = b"".join(len(row[name]).to_bytes(4, "little") + row[name] for name in blob_names)
    return numbers + blobs


def unpacked(
    data: bytes, row: dict[str, Any], names: Sequence[str] = NUMBERS, blob_names: Sequence[str] = BLOBS
) -> dict[str, Any]:
    """A row with what `packed` gave instead."""
    row, start = dict(row), 8 * len(names)
    numbers = np.frombuffer(data[:start].ljust(start, b"\0"), dtype="<i8").tolist()
    row.update(zip(names, numbers, strict=True))
    for name in blob_names:
        length = int.from_bytes(data[start : start + 4], "little")
        row[name] = data[start + 4 : start + 4 + length]
        start += 4 + length
    return row


def read_fit(data: bytes) -> None:
    """A stored fit; one that is accepted is cut."""
    found = fits.decode(unpacked(data, stored_row()))
    assert len(found.ids) == len(found.row_checks) == len(found.core_distances) == len(found.tree.weight) + 1
    if len(found.ids) > 1:
        cut = CutParameters(**options.CutOptions(min_cluster_size=5).selecting(len(found.ids)))
        flat_clusters(condense(single_linkage(found.tree), min_cluster_size=cut.min_cluster_size), cut)


def read_neighbors(data: bytes) -> None:
    """The neighbours kept with a fit; of those that are accepted each row gets some."""
    row = unpacked(data, stored_row("ClusteringFitNeighbors"), PART_NUMBERS, PART_BLOBS)
    found = decode_neighbors([row], FitRows(1, 40, 40))
    assert len(found.row_vectors) == len(found.row_hashes) == 40
    near = listed_neighbors(found.lists, found.row_vectors, 9, metric="cosine", exponent=found.exponent)
    for _, others, distances in near:
        assert len(others) == len({*others.tolist()}) == len(distances)
        assert (np.diff(distances) >= 0).all()


def good_neighbors() -> bytes:
    """Those of the stored fit."""
    return packed(stored_row("ClusteringFitNeighbors"), PART_NUMBERS, PART_BLOBS)


def read_map(data: bytes) -> None:
    """The map of a fit of 40 rows; one that is accepted can be drawn."""
    method = ("PCA", "t-SNE", "UMAP", None)[data[0] % 4] if data else ""
    _, xy = decode_map((method, int.from_bytes(data[1:9], "little"), data[9:]), 40, 1, "")
    assert xy.shape == (40, 2)
    assert np.isfinite(xy).all()


def good_map() -> bytes:
    """Numbers that are all there."""
    return b"\0" + (40).to_bytes(8, "little") + np.arange(80, dtype="<f4").tobytes()


def good_options() -> Sequence[bytes]:
    """Every option of every function, by default and otherwise."""
    texts = [
        '{"min_cluster_size": 14, "cluster_selection_epsilon": 0.4}',
        '{"metric": "cosine", "normalize": false}',
        "{}",
    ]
    for kind in CLASSES:
        texts.append(json.dumps({name: getattr(kind(), name) for name in options.names(kind)}))
    return [text.encode() for text in texts]


TARGETS = {
    "vector": Target(read_vector, lambda: [blob(1, -2.5, 1e-40, 3.4e38), bytes(12)]),
    "vector JSON": Target(read_vector_json, lambda: [b"[1, -2.5e3, 0.1]", b"[[1]]", b"[" * 50 + b"]" * 50]),
    "options": Target(read_options, good_options),
    "fit": Target(read_fit, lambda: [packed(stored_row())]),
    "neighbors": Target(read_neighbors, lambda: [good_neighbors()]),
    "map": Target(read_map, lambda: [good_map()]),
}


TOKENS = (b"\0", b"\xff" * 4, b"NaN", b"[", b'"', b"1e999", b"\xed\xa0\x80", b"\xff\xff\xff\x7f", b"-", b"null")


def changed(data: bytes, rng: random.Random) -> bytes:
    """A few bytes exchanged, taken out, put in, or repeated."""
    found = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 4, 16))):
        at = rng.randrange(len(found) + 1)
        match rng.randrange(5):
            case 0:
                found[at : at + 1] = bytes([rng.randrange(256)])
            case 1:
                del found[at : at + rng.choice((1, 2, 8, 64))]
            case 2:
                found[at:at] = rng.choice(TOKENS)
            case 3:
                found[at:at] = found[at : at + rng.choice((1, 4, 16))] * rng.choice((1, 2, 50))
            case 4:
                found[at : at + 8] = rng.choice((2**63 - 1, 2**31, 0, 1)).to_bytes(8, "little")
    return bytes(found)


def attempt(target: Target, data: bytes) -> bool:
    """Whether data is accepted; anything but SqlclustError comes out, with what it came of."""
    try:
        target.read(data)
    except SqlclustError:
        return False
    except BaseException:
        print(f"failed: {data!r}", file=sys.stderr)
        raise
    return True


def loop(target: Target, *, seconds: float, seed: int) -> tuple[int, int]:
    """Change good examples at random, some of them many times over; returns how many were tried and accepted."""
    rng = random.Random(seed)
    good = list(target.good())
    pool, tried, accepted = list(good), 0, 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        data = changed(rng.choice(pool), rng)
        tried += 1
        if attempt(target, data):
            accepted += 1
            if len(data) < 100_000:
                pool = [*good, *pool[len(good) :][-50:], data]  # what passes is a good example
    return tried, accepted


def main(args: Sequence[str]) -> None:
    """As the docstring of this file says."""
    chosen = [args[0]] if args and args[0] in TARGETS else list(TARGETS)
    rest = args[1:] if args and args[0] in TARGETS else args
    if importlib.util.find_spec("atheris") and len(chosen) == 1:
        atheris: Any = importlib.import_module("atheris")
        target = TARGETS[chosen[0]]
        atheris.instrument_all()
        atheris.Setup([sys.argv[0], *rest], lambda data: attempt(target, data))
        atheris.Fuzz()
        return
    seconds = float(rest[0]) if rest else 10.0
    seed = int(rest[1]) if len(rest) > 1 else 0
    for name in chosen:
        tried, accepted = loop(TARGETS[name], seconds=seconds, seed=seed)
        print(f"{name}: {tried:,} inputs, {accepted:,} accepted, {tried - accepted:,} refused by SqlclustError")


if __name__ == "__main__":
    main(sys.argv[1:])
