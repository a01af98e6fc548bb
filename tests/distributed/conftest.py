"""What tests of faults compare with."""

from __future__ import annotations

import pytest

from sqlclust.distributed.fit import ShardedFit
from tests.distributed.small_jobs import by_threads


@pytest.fixture(scope="session")
def expected(tmp_path_factory: pytest.TempPathFactory) -> ShardedFit:
    """The fit of `small_jobs.start`, calmly."""
    return by_threads(tmp_path_factory.mktemp("expected"))
