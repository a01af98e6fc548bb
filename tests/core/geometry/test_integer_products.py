"""Products of 8-bit integers: exact, refused where a processor saturates, and not needed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sqlclust.core.geometry import integer_products
from sqlclust.core.geometry.integer_products import MOST_COLUMNS, ZERO, IntegerProduct, integer_product


def available() -> IntegerProduct:
    pytest.importorskip("onnxruntime", reason="products of integers need the extra int8: pip install 'sqlclust[int8]'")
    product = integer_product()
    if product is None:
        pytest.skip("ONNX Runtime's products of 8-bit integers are wrong on this processor")
    return product


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 70), st.integers(1, 700), st.integers(1, 70), st.integers(0, 2**32 - 1), st.booleans())
def test_products_are_exact(rows: int, columns: int, others: int, seed: int, extreme: bool) -> None:
    product, random = available(), np.random.default_rng(seed)
    left = random.integers(0, 256, (rows, columns), dtype=np.uint8)
    right = random.integers(-127, 128, (columns, others), dtype=np.int8)
    if extreme:
        left, right = np.where(left > 127, 255, 0).astype(np.uint8), np.where(right > 0, 127, -127).astype(np.int8)
    expected = (left.astype(np.int64) - 128) @ right.astype(np.int64)
    found = product(left, right)
    assert found.dtype == np.int32
    np.testing.assert_array_equal(found, expected)


def test_sums_of_the_most_columns_fit() -> None:
    left = np.array([[255], [1], [0], [255]], dtype=np.uint8).repeat(MOST_COLUMNS, axis=1)
    left[3, ::2] = 1
    right = np.array([[127, -127]], dtype=np.int8).repeat(MOST_COLUMNS, axis=0)
    expected = (left.astype(np.int64) - ZERO) @ right.astype(np.int64)
    np.testing.assert_array_equal(available()(left, right), expected)


class Saturating:
    """What a processor without VNNI gives: sums of two products cut off at 16 bits."""

    def run(self, _names: None, given: dict[str, Any]) -> list[Any]:
        left, right = given["left"].astype(np.int64), given["right"].astype(np.int64)
        if left.shape[1] % 2:
            left, right = np.pad(left, ((0, 0), (0, 1))), np.pad(right, ((0, 1), (0, 0)))
        pairs = left.reshape(len(left), -1, 2, 1) * right.reshape(1, -1, 2, right.shape[1])
        sums = np.clip(pairs.sum(axis=2), -(2**15), 2**15 - 1).sum(axis=1)
        return [(sums - 128 * right.sum(axis=0)).astype(np.int32)]


def test_a_processor_that_saturates_is_refused() -> None:
    saturating = IntegerProduct(Saturating())
    # numbers of seven bits fit: it is the large ones that tell
    small = np.full((2, 8), 63, dtype=np.uint8), np.full((8, 2), 127, dtype=np.int8)
    np.testing.assert_array_equal(saturating(*small), (63 - 128) * 127 * 8)
    assert not integer_products._is_right(saturating)


@pytest.mark.slow
@pytest.mark.parametrize(
    "broken",
    ["None", "type('broken', (), {'__getattr__': lambda self, name: 1 / 0})()"],
    ids=["not installed", "broken"],
)
def test_without_it_there_is_none(broken: str) -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            f"import sys; sys.modules['onnxruntime'] = {broken}\n"
            "from sqlclust.core.geometry.integer_products import integer_product\n"
            "print(integer_product())",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("None\n", "")


@pytest.mark.slow
def test_small_fits_do_not_import_it() -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys, numpy as np\n"
            "from sqlclust.core.engine_stages import STAGES\n"
            "from sqlclust.core.runtime.control import Control\n"
            "vectors = np.random.default_rng(0).standard_normal((500, 16)).astype(np.float32)\n"
            "for stages in STAGES.values():\n"
            "    stages(vectors, 5, 0, Control())\n"
            "print('onnxruntime' in sys.modules)",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("False\n", "")


@pytest.mark.slow
def test_nothing_is_reported(tmp_path: Path) -> None:
    """ONNX Runtime from 1.30 or so on leaves a number for a machine in its home, and sends it with what it was used for."""
    available()
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import os; before = dict(os.environ)\n"
            "from sqlclust.core.geometry.integer_products import integer_product\n"
            "assert integer_product() is not None and os.environ == before",
        ],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)
    assert list(tmp_path.iterdir()) == []


def test_costs_are_measured_once() -> None:
    product = available()
    first = product.costs(64)
    assert min(first) > 0.0
    assert product.costs(64) == first
