"""Database files that somebody made to do harm: what they contain is refused, or harmless; and it is not believed."""

from __future__ import annotations

import shutil
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from sqlclust.errors import DatabaseFileError, SqlclustError
from sqlclust.surface.catalog import CATALOG
from sqlclust.surface.records import ScalarFunction, TableFunction
from tests.trust.good_file import hashes
from tests.trust.hostile import Open, opened

pytestmark = pytest.mark.slow


# --- a schema that calls our functions --------------------------------------------------------------------------

PLACES = {
    "view": ("CREATE VIEW trap AS SELECT {call} AS x", "SELECT * FROM trap"),
    "view of a table": ("CREATE VIEW trap AS SELECT {call} AS x FROM Embedding LIMIT 1", "SELECT * FROM trap"),
    "trigger": (
        "CREATE TABLE trap (x); CREATE TRIGGER spring AFTER INSERT ON trap BEGIN SELECT {call}; END",
        "INSERT INTO trap VALUES (1)",
    ),
    "condition of a trigger": (
        "CREATE TABLE trap (x); CREATE TRIGGER spring BEFORE INSERT ON trap WHEN {call} IS 0 BEGIN SELECT 1; END",
        "INSERT INTO trap VALUES (1)",
    ),
    "trigger of a table of ours": (
        "CREATE TRIGGER spring BEFORE INSERT ON Run BEGIN SELECT {call}; END", "INSERT INTO Run (id) VALUES (1)",
    ),
    "default": ("CREATE TABLE trap (id, x DEFAULT ({call}))", "INSERT INTO trap (id) VALUES (1)"),
    "generated column": ("CREATE TABLE trap (id, x AS ({call})); INSERT INTO trap (id) VALUES (1)", "SELECT x FROM trap"),
    "stored column": ("CREATE TABLE trap (id, x AS ({call}) STORED)", "INSERT INTO trap (id) VALUES (1)"),
    "CHECK": ("CREATE TABLE trap (id, CHECK ({call} IS NOT 'never'))", "INSERT INTO trap (id) VALUES (1)"),
    "index on an expression": (
        "CREATE TABLE trap (id); CREATE INDEX spring ON trap ({call})", "INSERT INTO trap (id) VALUES (1)",
    ),
    "partial index": (
        "CREATE TABLE trap (id); CREATE INDEX spring ON trap (id) WHERE {call} IS NOT 'never'",
        "INSERT INTO trap (id) VALUES (1)",
    ),
}  # fmt: skip
SCALARS = [record for record in CATALOG if not isinstance(record, TableFunction)]
TABLES = [record for record in CATALOG if isinstance(record, TableFunction)]


def pretend(con: apsw.Connection) -> None:
    """What an attacker does to get such a schema into a file: functions of our names that SQLite lets anything call."""
    for record in SCALARS:
        for count in record.argument_counts:
            con.create_scalar_function(
                record.name, lambda *_: 1, count, deterministic=True, flags=apsw.SQLITE_INNOCUOUS
            )


def prepare(path: Path, sql: str) -> None:
    con = apsw.Connection(str(path))
    pretend(con)
    con.execute(sql)
    con.close()


ARGUMENTS = {"clust_fit": "'demo'", "clust_cut": "1"}


NO_AGGREGATES = PLACES.keys() - {"view", "view of a table", "trigger", "trigger of a table of ours"}
REFUSED = [
    pytest.param(record, place, id=f"{record.name}, {place}")
    for record in SCALARS
    for place in PLACES
    if not record.innocuous and (isinstance(record, ScalarFunction) or place not in NO_AGGREGATES)
]


@opened
@pytest.mark.parametrize(("record", "place"), REFUSED)
def test_functions_that_read_or_write_are_refused_in_a_schema(
    path: Path, record: ScalarFunction, place: str, open_database: Open
) -> None:
    least = record.argument_counts[0]
    call = f"{record.name}({ARGUMENTS.get(record.name) or ', '.join(['1'] * least)})"
    sql, use = PLACES[place]
    prepare(path, sql.format(call=call))
    before = hashes(path.parent)
    # SQLite refuses some when they are used, and some when it reads the schema: then nothing of the file is read
    refused = (apsw.SQLError, apsw.CorruptError, DatabaseFileError)
    with pytest.raises(refused, match=rf"unsafe use of {record.name}\(\)"), closing(open_database(path)) as con:
        con.execute(use).fetchall()
    assert hashes(path.parent) == before


@opened
@pytest.mark.parametrize("place", ["view", "trigger", "trigger of a table of ours"])
@pytest.mark.parametrize("record", TABLES, ids=lambda record: record.name)
def test_table_functions_are_refused_in_a_schema(
    path: Path, record: TableFunction, place: str, open_database: Open
) -> None:
    given = ", ".join({"points": "(SELECT clust_points(id, vector) FROM Embedding)", "options": "'{}'"}.get(arg, "1")
                      for arg in record.args)  # fmt: skip
    sql, use = PLACES[place]
    prepare(path, sql.format(call=f"(SELECT count(*) FROM {record.name}({given}))"))
    before = hashes(path.parent)
    con = open_database(path)
    with pytest.raises(apsw.SQLError, match=rf'unsafe use of (virtual table "{record.name}"|clust_points\(\))'):
        con.execute(use).fetchall()
    con.close()
    assert hashes(path.parent) == before


@opened
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("record", [record for record in SCALARS if record.innocuous], ids=lambda record: record.name)
def test_pure_functions_are_harmless_in_a_schema(
    path: Path, record: ScalarFunction, place: str, open_database: Open
) -> None:
    """They compute from their arguments alone. With bad arguments the statement fails, and that is all."""
    sql, use = PLACES[place]
    arguments = ["'[1, 2]'" if record.name == "clust_vector" else "x'0000803f'"] * record.argument_counts[0]
    prepare(path, sql.format(call=f"{record.name}({', '.join(arguments)})"))
    con = open_database(path)
    con.execute(use).fetchall()
    con.close()
    bad = path.with_name("bad.db")
    make_bad = sql.format(call=f"{record.name}({', '.join(['7'] * record.argument_counts[0])})")
    shutil.copy(path, bad)
    prepare(bad, f"DROP TABLE IF EXISTS trap_; {make_bad}".replace("trap", "trap_").replace("spring", "spring_"))
    before = hashes(path.parent)
    con = open_database(bad)
    if record.args:
        with pytest.raises(SqlclustError, match="an INTEGER"):
            con.execute(use.replace("trap", "trap_")).fetchall()
    con.close()
    assert hashes(path.parent) == before
