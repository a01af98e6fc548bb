"""SQL of ours that depends on the version of SQLite means the same in all."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import apsw
import pytest

from sqlclust.sqlite.values import octets


@pytest.mark.parametrize("version", ["3.37.0", "3.42.0", "3.43.0", "3.54.1"])
@pytest.mark.parametrize("value", [None, 0, -12, 2**62, 1.5, "", "abc", "ä€𝄞", "a\0b", b"", b"\0\x80a", b"x" * 100_000])
def test_octets(version: str, value: Any) -> None:
    database: Any = SimpleNamespace(versions={"sqlite": version})
    con = apsw.Connection(":memory:")
    con.execute("CREATE TABLE t ([a column])")
    con.execute("INSERT INTO t VALUES (?)", (value,))
    wanted = value if value is None else len(value if isinstance(value, bytes) else str(value).encode())
    assert con.execute(f"SELECT {octets(database, '[a column]')} FROM t").get == wanted
    con.close()
