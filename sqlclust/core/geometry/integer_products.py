"""Products of 8-bit integers, by ONNX Runtime where it is installed (the extra `int8`).

Processors with VNNI or AMX multiply 8-bit integers about four times as fast as float32, and the sums have no rounding. NumPy has
no such product; ONNX Runtime has, as an operator: MatMulInteger. The model that it runs is that one operator, some hundred bytes,
which are written here as protobuf writes them.

Some processors without VNNI add pairs of products in 16 bits, where 255 · 127 · 2 does not fit, and cut off without a word. So a
product of the largest numbers is compared with NumPy's at first, and where it is wrong there is no such product.

ONNX Runtime tells its makers, over the network, that it was used, and writes a file to know a machine again, unless a variable of
the environment says not to before it begins. For us it says so.

Sources: https://onnx.ai/onnx/operators/onnx__MatMulInteger.html; the numbers of fields are those of onnx.proto3.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from sqlclust.core.runtime.threads import single_threaded_blas

Uint8Array = NDArray[np.uint8]
Int8Array = NDArray[np.int8]
Int32Array = NDArray[np.int32]

Products = Literal["float32", "int8"]
"""What the products of a fit were of."""

ZERO = 128
"""What stands for 0 on the left side, which has no sign."""
LARGEST = 127
"""The largest number of either side; the smallest is −127."""
MOST_COLUMNS = 1 << 16
"""Columns of which every sum of products fits into 32 bits."""
_MEASURED_ROWS, _MEASURED_TIMES = 512, 4


class IntegerProduct:
    """Exact products of 8-bit integers, each call in the thread that calls. Any number of threads may.

    Args:
        session: an `onnxruntime.InferenceSession` of `_model()`.
    """

    def __init__(self, session: Any) -> None:
        self._run = session.run
        self._costs: dict[int, tuple[float, float]] = {}
        self._measuring = threading.Lock()

    def __call__(self, left: Uint8Array, right: Int8Array) -> Int32Array:
        """(left − 128) · right: int32 (r, c).

        Args:
            left: uint8 (r, p), contiguous.
            right: int8 (p, c), contiguous.
        """
        product: Int32Array = self._run(None, {"left": left, "right": right})[0]
        return product

    def costs(self, columns: int) -> tuple[float, float]:
        """Nanoseconds of a core for one pair of such products of vectors with so many columns, with comparing the product to a
        number: of integers, and of float32. Measured at the first call, which takes some milliseconds.
        """
        with self._measuring:
            if columns not in self._costs:
                self._costs[columns] = self._measured(columns)
            return self._costs[columns]

    def _measured(self, columns: int) -> tuple[float, float]:
        random = np.random.Generator(np.random.PCG64(0))
        rows = _MEASURED_ROWS
        left = random.integers(1, 256, (rows, columns), dtype=np.uint8)
        right = random.integers(-LARGEST, LARGEST + 1, (columns, rows), dtype=np.int8)
        wide_left, wide_right = left.astype(np.float32), np.ascontiguousarray(right.T.astype(np.float32))
        above, out = np.empty((rows, rows), dtype=bool), np.empty((rows, rows), dtype=np.float32)
        best = [np.inf, np.inf]
        with single_threaded_blas():
            for _ in range(_MEASURED_TIMES):
                started = time.perf_counter()
                np.greater_equal(self(left, right), 1 << 30, out=above)
                between = time.perf_counter()
                np.greater_equal(np.matmul(wide_left, wide_right.T, out=out), np.float32(1e30), out=above)
                ended = time.perf_counter()
                best = [min(best[0], between - started), min(best[1], ended - between)]
        return 1e9 * best[0] / rows**2, 1e9 * best[1] / rows**2


_TELEMETRY = "ORT_DISABLE_TELEMETRY"
_found: list[IntegerProduct | None] = []
_looking = threading.Lock()


def integer_product() -> IntegerProduct | None:
    """Products of 8-bit integers; None where ONNX Runtime is not installed, cannot be used, or computes something else.

    The first call imports it, which takes a third of a second.
    """
    with _looking:
        if not _found:
            _found.append(_looked_for())
        return _found[0]


def _looked_for() -> IntegerProduct | None:
    try:
        with _no_telemetry():
            import onnxruntime

            settings = onnxruntime.SessionOptions()
            settings.intra_op_num_threads = settings.inter_op_num_threads = 1  # ours are the threads
            settings.log_severity_level = 3  # errors
            session = onnxruntime.InferenceSession(_model(), settings, providers=["CPUExecutionProvider"])
        product = IntegerProduct(session)
        return product if _is_right(product) else None
    except Exception:  # not installed, or broken in any way: nobody asked for it, and float32 does as well
        return None


@contextmanager
def _no_telemetry() -> Iterator[None]:
    """While ONNX Runtime begins: it reports nothing, from then on. Somebody's own choice stays, and so does the environment."""
    if _TELEMETRY in os.environ:
        yield
        return
    os.environ[_TELEMETRY] = "1"
    try:
        yield
    finally:
        os.environ.pop(_TELEMETRY, None)


def _is_right(product: IntegerProduct) -> bool:
    """Whether products of the largest numbers, of all signs, are NumPy's. Of shapes that leave a remainder in every direction."""
    random = np.random.Generator(np.random.PCG64(1))
    for rows, columns, others in ((1, 4, 1), (37, 515, 67), (64, 256, 64)):
        left = np.where(random.random((rows, columns)) < 0.5, 1, 255).astype(np.uint8)
        right = np.where(random.random((columns, others)) < 0.5, -LARGEST, LARGEST).astype(np.int8)
        left[::3], right[:, ::2] = 255, LARGEST
        left[1::3], right[:, 1::4] = 1, -LARGEST
        expected = (left.astype(np.int64) - ZERO) @ right.astype(np.int64)
        if not np.array_equal(product(left, right), expected):
            return False
    return True


# --- the model ---------------------------------------------------------------------------------------------------------------

_UINT8, _INT8, _INT32 = 2, 3, 6
"""Types of a tensor's elements, as TensorProto.DataType has them."""


def _model() -> bytes:
    """A ModelProto: product = MatMulInteger(left, right, 128, 0)."""
    node = b"".join(_field(1, name) for name in ("left", "right", "zero left", "zero right"))
    node += _field(2, "product") + _field(4, "MatMulInteger")
    graph = _field(1, node) + _field(2, "product")
    graph += _field(5, _number("zero left", _UINT8, ZERO)) + _field(5, _number("zero right", _INT8, 0))
    graph += _field(11, _matrix("left", _UINT8, "r", "p")) + _field(11, _matrix("right", _INT8, "p", "c"))
    graph += _field(12, _matrix("product", _INT32, "r", "c"))
    operators = _field(1, "") + _field(2, 10)  # the default domain; the version that MatMulInteger came with
    version = _field(1, 5)  # of the format of the file: the one that came with that version of the operators
    return version + _field(7, graph) + _field(8, operators)


def _number(name: str, kind: int, value: int) -> bytes:
    """A TensorProto without dimensions."""
    return _field(2, kind) + _field(8, name) + _field(9, bytes([value]))


def _matrix(name: str, kind: int, *dimensions: str) -> bytes:
    """A ValueInfoProto of a matrix whose dimensions have names."""
    shape = b"".join(_field(1, _field(2, dimension)) for dimension in dimensions)
    return _field(1, name) + _field(2, _field(1, _field(1, kind) + _field(2, shape)))


def _field(number: int, value: int | str | bytes) -> bytes:
    """A field of a protobuf message: a number, or bytes with their length before them."""
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    content = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    """Seven bits a byte, the lowest first; all but the last have the highest bit set."""
    result = bytearray()
    while number > 127:
        result.append(number & 127 | 128)
        number >>= 7
    return bytes([*result, number])
