"""Looking at a file with the doctor, in short."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import apsw

import sqlclust
from sqlclust.diagnosis import Diagnosis

NO_SCHEMA = ("note", "no-schema", None, None, None, 1)


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def brief(diagnosis: Diagnosis) -> list[tuple[Any, ...]]:
    return [(f.severity, f.finding, f.table, f.column, f.id, f.n) for f in diagnosis.findings]


def look(path: Path, *, quick: bool = False) -> list[tuple[Any, ...]]:
    """What the doctor finds; it writes nothing."""
    before = digest(path)
    con = sqlclust.connect(str(path), readonly=True)
    try:
        return brief(sqlclust.doctor(con, quick=quick))
    finally:
        con.close()
        assert digest(path) == before


def execute(path: Path, sql: str, *bindings: Any) -> None:
    con = apsw.Connection(str(path))
    con.pragma("foreign_keys", False)
    con.execute(sql, bindings or None).fetchall()
    con.close()
