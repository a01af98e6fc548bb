"""A connection with our schema and none of our functions."""

from __future__ import annotations

import apsw
import pytest

from sqlclust.schema import schema_sql
from tests.schema.plain import GOOD


@pytest.fixture
def plain() -> apsw.Connection:
    """Our schema and the rows above, in a connection without any function of ours."""
    connection = apsw.Connection(":memory:")
    connection.execute(schema_sql())
    connection.execute(GOOD)
    return connection
