"""The same answer on other processors: OpenBLAS with AVX2 rounds a product by its shape and by the number of threads that share
it, with AVX-512 it does not; `OPENBLAS_CORETYPE` shows either on a processor that has both.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

TESTS = ["test_same_answer_engines.py", "test_same_answer_stored.py", "test_same_answer_ways.py"]
ARCHITECTURE = """
import numpy
from threadpoolctl import threadpool_info
print(next((info.get("architecture") for info in threadpool_info() if info["user_api"] == "blas"), None))
"""


def architecture(**environment: str) -> str:
    """What BLAS makes of this processor; `None` where it does not say."""
    return subprocess.run(
        [sys.executable, "-c", ARCHITECTURE],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()


@pytest.mark.parametrize("processor", ["Haswell", "SkylakeX"])
def test_on_another_processor(processor: str) -> None:
    """Only the approximate engine takes anything that BLAS has rounded; the exact one measures what products let through."""
    if architecture() == processor:
        pytest.skip("the suite itself runs as on this processor")
    if architecture(OPENBLAS_CORETYPE=processor) != processor:
        pytest.skip("this processor cannot be taken for one, or BLAS is no OpenBLAS")
    files = [str(Path(__file__).with_name(name)) for name in TESTS]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-k", "approximate", *files],
        env={**os.environ, "OPENBLAS_CORETYPE": processor},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
