"""Database files that somebody made to do harm: what they contain is refused, or harmless; and it is not believed."""

from __future__ import annotations

import ast
import json
import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import pytest

import sqlclust
from sqlclust.bindings.apsw.database import ApswDatabase
from sqlclust.errors import AlteredError, DatabaseFileError, SqlclustError
from sqlclust.surface.catalog import CATALOG
from sqlclust.surface.records import ScalarFunction, TableFunction
from tests.cli.terminal import run
from tests.diagnosis.sick import broken
from tests.small import add_embeddings, clustered
from tests.trust.test_bad_input import hashes, make

pytestmark = pytest.mark.slow

WRITTEN = (
    "SELECT (SELECT count(*) FROM ClusteringFit), (SELECT count(*) FROM ClusteringResult), (SELECT count(*) FROM Cluster), "
    "(SELECT count(*) FROM EmbeddingCluster), (SELECT count(*) FROM EmbeddingPrediction)"
)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("shared") / "good.db")


@pytest.fixture
def path(shared: Path, tmp_path: Path) -> Path:
    """A database with 40 embeddings of model 'demo', result 1 and fit 1."""
    return Path(shutil.copy(shared, tmp_path / "hostile.db"))


def by_us(path: Path) -> apsw.Connection:
    return sqlclust.connect(path)


def by_a_trusting_host(path: Path) -> apsw.Connection:
    """A host's own connection, on which the schema of the file is trusted: SQLite's default."""
    con = apsw.Connection(str(path))
    con.pragma("trusted_schema", True)
    con.pragma("foreign_keys", True)
    con.execute("SELECT count(*) FROM Embedding").fetchall()  # the schema is read before our functions are there
    sqlclust.register(con)
    return con


OPENED = {"sqlclust.connect": by_us, "a trusting host": by_a_trusting_host}
opened = pytest.mark.parametrize("open_database", OPENED.values(), ids=OPENED)
Open = Callable[[Path], apsw.Connection]


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


# --- other things of our names -----------------------------------------------------------------------------------

OURS = ("Run", "Invocation", "Embedding", "ClusteringFit", "ClusteringResult", "Cluster", "EmbeddingCluster",
        "EmbeddingPrediction", "SqlclustMigration")  # fmt: skip
USES = (
    "SELECT clust_fit('demo', '{\"min_cluster_size\": 6}')",
    "SELECT clust_fit('demo', '{\"min_samples\": 3, \"downsample\": 2}')",
    "SELECT clust_cut(1, '{\"min_cluster_size\": 7}')",
    "SELECT * FROM clust_labels(1)",
    "SELECT * FROM clust_layers(1)",
    "SELECT * FROM clust_sweep(1, '{}')",
    "SELECT * FROM clust_spanning_tree(1)",
    "SELECT * FROM clust_nearest(1)",
    "SELECT * FROM clust_staleness(1)",
    "SELECT * FROM clust_lineage(1, 2)",
    "SELECT * FROM clust_milestone(1)",
)
STORED = (
    "SELECT * FROM main.EmbeddingCluster ORDER BY clustering_result_id, embedding_id",
    "SELECT * FROM main.Cluster ORDER BY 1, 2",
    "SELECT id, embedding_model, parameters FROM main.ClusteringResult",
    "SELECT clustering_result_id, n_rows, n_clusters FROM main.ClusteringSummary",
)


def everything(con: apsw.Connection) -> list[Any]:
    found = [con.execute(use).fetchall() for use in USES]
    found += [con.execute(sql).fetchall() for sql in STORED]
    predict = "SELECT id, label FROM clust_predict(1, (SELECT clust_points(id, vector) FROM main.Embedding))"
    return [*found, con.execute(predict).fetchall()]


@pytest.fixture(scope="module")
def expected(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    con = sqlclust.connect(shutil.copy(shared, tmp_path_factory.mktemp("expected") / "x.db"))
    found = everything(con)
    con.close()
    return found


@opened
@pytest.mark.parametrize("kind", ["TEMP table", "TEMP view", "TEMP table of our columns"])
def test_temporary_things_of_our_names(path: Path, kind: str, open_database: Open, expected: list[Any]) -> None:
    """The host's own: they stand before ours in its statements, not in ours."""
    con = open_database(path)
    sql = {
        "TEMP table": "CREATE TEMP TABLE {name} (x)",
        "TEMP view": "CREATE TEMP VIEW {name} AS SELECT 'x' AS x",
        "TEMP table of our columns": "CREATE TEMP TABLE {name} AS SELECT * FROM main.{name} LIMIT 0",
    }[kind]
    for name in (*OURS, "ClusteringSummary", "ClusterSummary", "ClusterAssignment"):
        con.execute(sql.format(name=name))
    assert everything(con) == expected
    for name in OURS:
        assert con.execute(f"SELECT count(*) FROM temp.{name}").get == (1 if kind == "TEMP view" else 0)
    con.close()


@opened
def test_an_attached_database_of_the_same_tables(
    path: Path, tmp_path: Path, open_database: Open, expected: list[Any]
) -> None:
    (tmp_path / "other").mkdir()
    other = sqlclust.connect(tmp_path / "other" / "other.db")
    sqlclust.initialize(other)
    add_embeddings(other, clustered(30, seed=3))
    other.close()
    con = open_database(path)
    con.execute("ATTACH ? AS other", (str(tmp_path / "other" / "other.db"),))
    before = hashes(tmp_path / "other")
    assert everything(con) == expected
    con.close()
    assert hashes(tmp_path / "other") == before


@opened
def test_more_columns_and_triggers_that_write_elsewhere(path: Path, open_database: Open, expected: list[Any]) -> None:
    """A host may extend our tables; what is published is compared with what is there then, and it is the same."""
    host = apsw.Connection(str(path))
    host.execute("CREATE TABLE seen (table_name, id)")
    for table, column in (
        ("ClusteringFit", "id"), ("ClusteringResult", "id"), ("Cluster", "label"), ("EmbeddingCluster", "embedding_id"),
        ("EmbeddingPrediction", "embedding_id"),
    ):  # fmt: skip
        host.execute(f"ALTER TABLE {table} ADD COLUMN remark TEXT DEFAULT 'none'")
        host.execute(
            f"CREATE TRIGGER note_{table} AFTER INSERT ON {table} BEGIN INSERT INTO seen VALUES ('{table}', NEW.{column}); END"
        )
    host.execute("ALTER TABLE Embedding ADD COLUMN language TEXT")
    host.close()
    con = open_database(path)
    found = everything(con)
    con.execute("ALTER TABLE EmbeddingCluster DROP COLUMN remark")
    con.execute("ALTER TABLE Cluster DROP COLUMN remark")
    assert [*found[:-5], *(con.execute(sql).fetchall() for sql in STORED), found[-1]] == expected
    assert con.execute("SELECT count(*) FROM seen WHERE table_name = 'EmbeddingCluster'").get == 40 + 20 + 40
    con.close()


# --- triggers and constraints that change what is written ---------------------------------------------------------


def trigger(when: str, table: str, body: str, condition: str = "") -> str:
    return f"CREATE TRIGGER trap {when} ON {table} {f'WHEN {condition} ' if condition else ''}BEGIN {body}; END"


IGNORE = "SELECT raise(IGNORE)"
CHANGES: dict[str, tuple[str, str]] = {
    "an assignment is dropped": (
        trigger("BEFORE INSERT", "EmbeddingCluster", IGNORE, "NEW.embedding_id = 7"),
        "EmbeddingCluster has 39 rows of the new result, expected 40",
    ),
    "every assignment is dropped": (
        trigger("BEFORE INSERT", "EmbeddingCluster", IGNORE), "EmbeddingCluster has 0 rows of the new result, expected 40",
    ),
    "a cluster is dropped": (
        trigger("BEFORE INSERT", "Cluster", IGNORE, "NEW.label = 1"), "Cluster has 2 rows of the new result, expected 3",
    ),
    "the result is dropped": (
        trigger("BEFORE INSERT", "ClusteringResult", IGNORE), "ClusteringResult has not the new row, expected it",
    ),
    "the fit is dropped": (
        trigger("BEFORE INSERT", "ClusteringFit", IGNORE), "ClusteringFit has not the new row, expected it",
    ),
    "an assignment is deleted": (
        trigger("AFTER INSERT", "EmbeddingCluster", "DELETE FROM EmbeddingCluster WHERE embedding_id = 37",
                "NEW.embedding_id = 38"),
        "EmbeddingCluster has 39 rows of the new result, expected 40",
    ),
    "the result is deleted amidst": (
        trigger("AFTER INSERT", "EmbeddingCluster", "DELETE FROM ClusteringResult WHERE id = NEW.clustering_result_id",
                "NEW.embedding_id = 40"),
        "ClusteringResult has another row, expected the new result's",
    ),
    "an assignment is changed": (
        trigger("AFTER INSERT", "EmbeddingCluster",
                "UPDATE EmbeddingCluster SET probability = 0.125 WHERE embedding_id = 1 "
                "AND clustering_result_id = NEW.clustering_result_id", "NEW.embedding_id = 2"),
        "EmbeddingCluster has the row (2, 1, 2, 0.125, ",
    ),
    "a cluster is changed": (
        trigger("AFTER INSERT", "Cluster", "UPDATE Cluster SET size = 99 WHERE label = 0 AND clustering_result_id = 2"),
        "Cluster has the row (2, 0, ",
    ),
    "the parameters are changed": (
        trigger("AFTER INSERT", "ClusteringResult", "UPDATE ClusteringResult SET parameters = '{}' WHERE id = NEW.id"),
        "ClusteringResult has another row, expected the new result's",
    ),
    "a row is added": (
        trigger("AFTER INSERT", "EmbeddingCluster",
                "INSERT INTO EmbeddingCluster (clustering_result_id, embedding_id, label, probability) "
                "VALUES (NEW.clustering_result_id, 999, -1, 0)", "NEW.embedding_id = 40"),
        "EmbeddingCluster has 41 rows of the new result, expected 40",
    ),
}  # fmt: skip


PUBLISHED = [
    pytest.param(case, form, id=f"{case}, {form}")
    for case in CHANGES
    for form in ("clust_fit", "sqlclust.fit", "clust_cut")
    if (case, form) != ("the fit is dropped", "clust_cut")  # a cut writes no fit
]


@opened
@pytest.mark.parametrize(("case", "form"), PUBLISHED)
def test_what_is_published_is_there_or_an_error(path: Path, case: str, form: str, open_database: Open) -> None:
    sql, message = CHANGES[case]
    con = open_database(path)
    add_embeddings(con, clustered()[:1], model="other", ids=[999])
    con.execute(sql)
    written = con.execute(WRITTEN).get
    options = '{"min_cluster_size": 6}'
    if form != "clust_cut":
        options = '{"min_cluster_size": 6, "min_samples": 5, "cluster_selection_epsilon": 0}'
        con.execute("UPDATE ClusteringFit SET corpus_hash = 'another'")  # so that a new fit is written
    publish: dict[str, Callable[[], object]] = {
        "clust_fit": lambda: con.execute("SELECT clust_fit('demo', ?)", (options,)),
        "clust_cut": lambda: con.execute("SELECT clust_cut(1, ?)", (options,)),
        "sqlclust.fit": lambda: sqlclust.fit(con, "demo", min_cluster_size=6, min_samples=5),
    }
    with pytest.raises(AlteredError) as caught:
        publish[form]()
    assert str(caught.value).startswith(message), str(caught.value)
    assert str(caught.value).endswith(
        ": this database changes what is written to it, probably by its trigger 'trap'; nothing was written"
    )
    assert con.execute(WRITTEN).get == written
    assert not con.in_transaction
    con.execute("DROP TRIGGER trap")
    assert con.execute("SELECT clust_cut(1)").get > 1  # and goes on
    con.close()


ON_CONFLICT = {
    "dropped": ("IGNORE", "EmbeddingCluster has 1 row of the new result, expected 40"),
    "replaced": ("REPLACE", "EmbeddingCluster has 1 row of the new result, expected 40"),
}


@pytest.mark.parametrize("case", ON_CONFLICT)
def test_a_constraint_that_drops_rows(path: Path, case: str) -> None:
    """ON CONFLICT in a table's own definition: nothing is raised, and no trigger is there."""
    conflict, message = ON_CONFLICT[case]
    con = sqlclust.connect(path)
    sql = str(con.execute("SELECT sql FROM sqlite_schema WHERE name = 'EmbeddingCluster'").get)
    con.pragma("foreign_keys", False)
    con.execute("DROP TABLE EmbeddingCluster")
    added = f"UNIQUE (clustering_result_id) ON CONFLICT {conflict}"
    con.execute(sql.replace("PRIMARY KEY (embedding_id", f"{added},\n    PRIMARY KEY (embedding_id"))
    with pytest.raises(AlteredError) as caught:
        con.execute("SELECT clust_fit('demo')")
    assert str(caught.value) == (
        f"{message}: this database changes what is written to it, probably by an ON CONFLICT clause of the table; "
        "nothing was written"
    )
    assert con.execute("SELECT count(*) FROM ClusteringResult").get == 1
    con.close()


@opened
@pytest.mark.parametrize("how", ["ABORT", "FAIL", "ROLLBACK"])
def test_a_trigger_that_refuses(path: Path, how: str, open_database: Open) -> None:
    con = open_database(path)
    con.execute(
        trigger("BEFORE INSERT", "EmbeddingCluster", f"SELECT raise({how}, 'the file says no')", "NEW.embedding_id = 9")
    )
    written = con.execute(WRITTEN).get
    with pytest.raises(apsw.ConstraintError, match="the file says no"):
        con.execute("SELECT clust_fit('demo')")
    assert con.execute(WRITTEN).get == written
    assert not con.in_transaction
    con.close()
    assert run("fit", path) == (1, "", "Error: the file says no\n")


@opened
@pytest.mark.parametrize("recursive", [False, True])
def test_a_trigger_that_calls_itself(path: Path, recursive: bool, open_database: Open) -> None:
    con = open_database(path)
    con.pragma("recursive_triggers", recursive)
    con.execute(
        trigger("AFTER INSERT", "EmbeddingCluster",
                "INSERT INTO EmbeddingCluster (clustering_result_id, embedding_id, label, probability) "
                "SELECT NEW.clustering_result_id + 1, NEW.embedding_id, -1, 0")
    )  # fmt: skip
    written = con.execute(WRITTEN).get
    with pytest.raises(apsw.Error, match=r"FOREIGN KEY constraint failed|triggers nested too deep"):
        con.execute("SELECT clust_fit('demo')")
    assert con.execute(WRITTEN).get == written
    assert not con.in_transaction
    con.close()


@opened
def test_views_that_read_themselves(path: Path, open_database: Open) -> None:
    broken(path, path.with_name("loop.db"), "DROP VIEW ClusteringSummary; CREATE VIEW ClusteringSummary AS SELECT * FROM loop; "
           "CREATE VIEW loop AS SELECT * FROM ClusteringSummary")  # fmt: skip
    loop = path.with_name("loop.db")
    before = hashes(path.parent)
    ran = run("list", loop)
    assert (ran.code, ran.out) == (1, "")
    assert "view ClusteringSummary cannot be read (view ClusteringSummary is circularly defined)" in ran.err
    con = open_database(loop)
    with pytest.raises(SqlclustError, match="circularly defined"):
        con.execute("SELECT clust_fit('demo')")
    con.execute("CREATE TEMP VIEW mine AS SELECT * FROM clust_hdbscan((SELECT clust_points(id, label) FROM mine))")
    with pytest.raises(apsw.SQLError, match="circularly defined"):
        con.execute("SELECT * FROM mine").fetchall()
    con.close()
    assert hashes(path.parent) == before


@pytest.mark.parametrize("table", ["EmbeddingCluster", "ClusteringResult", "EmbeddingPrediction"])
def test_a_trigger_that_keeps_what_is_deleted(path: Path, table: str) -> None:
    condition = "OLD.embedding_id = 5" if table == "EmbeddingCluster" else ""
    add = "INSERT INTO Embedding SELECT 41, NULL, embedding_model, vector, NULL, created_at FROM Embedding WHERE id = 1"
    predict = (
        "INSERT INTO EmbeddingPrediction (clustering_result_id, embedding_id, label, probability) VALUES (1, 41, 0, 1)"
    )
    broken(path, path.with_name("bad.db"), f"{add}; {predict}; {trigger('BEFORE DELETE', table, IGNORE, condition)}")
    before = hashes(path.parent)
    ran = run("delete", path.with_name("bad.db"), "1", "--yes")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith(f"Error: {table} has 1 row of the deleted result, expected 0: ")
    assert hashes(path.parent) == before


def test_triggers_on_what_is_loaded_and_predicted(path: Path, tmp_path: Path) -> None:
    file = tmp_path / "new.json"
    file.write_text(json.dumps([{"id": f"n{i}", "vector": v.tolist()} for i, v in enumerate(clustered()[:3])]))
    bad = broken(path, path.with_name("bad.db"), trigger("BEFORE INSERT", "Embedding", IGNORE, "NEW.id = 'n1'"))
    before = hashes(path.parent)
    ran = run("load", bad, file, "--model", "demo")
    assert (ran.code, ran.out) == (1, "")
    assert "Embedding has not the new row, expected it: this database changes what is written to it" in ran.err
    assert hashes(path.parent) == before
    assert run("load", path, file, "--model", "demo").code == 0
    bad = broken(
        path,
        path.with_name("worse.db"),
        trigger("BEFORE INSERT", "EmbeddingPrediction", IGNORE, "NEW.embedding_id = 'n1'"),
    )
    before = hashes(path.parent)
    ran = run("predict", bad, "1", "--store")
    assert (ran.code, ran.out) == (1, "")
    assert "EmbeddingPrediction has 2 new rows, expected 3: " in ran.err
    assert "'trap'" in ran.err
    assert hashes(path.parent) == before


# --- how files are opened -------------------------------------------------------------------------------------------

SAFE = {"foreign_keys": 1, "trusted_schema": 0, "cell_size_check": 1, "mmap_size": 0, "writable_schema": 0}


def is_safe(con: apsw.Connection) -> bool:
    """The settings of a connection of ours."""
    loading = con.config(apsw.SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, -1)
    defensive = con.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, -1)
    return (loading, defensive) == (0, 1) and all(con.pragma(name) == value for name, value in SAFE.items())


@pytest.mark.parametrize("readonly", [False, True])
def test_connections_of_ours_are_safe(path: Path, readonly: bool) -> None:
    con = sqlclust.connect(path, readonly=readonly)
    assert is_safe(con)
    con.pragma("writable_schema", True)  # without effect
    with pytest.raises(apsw.SQLError, match="may not be modified"):
        con.execute("UPDATE sqlite_schema SET sql = 'nonsense'")
    with pytest.raises(apsw.SQLError, match="not authorized"):
        con.execute("SELECT load_extension('x')")
    con.close()
    if not readonly:
        before = by_a_trusting_host(path)
        assert (before.pragma("trusted_schema"), before.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, -1)) == (1, 0)
        before.close()


def test_commands_open_files_so(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bool] = []

    def connect(*args: Any, **kwargs: Any) -> ApswDatabase:
        con = sqlclust.connect(*args, **kwargs)
        seen.append(is_safe(con))
        return ApswDatabase(con)

    monkeypatch.setattr("sqlclust.cli.database.connect", connect)
    for args in (("list",), ("show",), ("fit",), ("cut", "1"), ("sweep", "1"), ("predict",), ("compare", "1", "1"),
                 ("query", "SELECT 1"), ("shell",)):  # fmt: skip
        run(args[0], path, *args[1:])
    assert len(seen) == 9
    assert all(seen)
    pragmas = "".join(f"PRAGMA {name};\n" for name in SAFE)
    write = "CREATE TABLE t (x);\nPRAGMA writable_schema = 1;\nUPDATE sqlite_schema SET sql = 'x';\n"
    ran = run("shell", path, stdin=f".open {path.with_name('other.db')}\n{pragmas}{write}")
    assert ran.out.split() == [str(value) for value in SAFE.values()]
    assert "table sqlite_master may not be modified" in ran.err


def test_query_and_shell_say_what_is_allowed() -> None:
    said = " ".join(run("query", "--help").out.split())
    assert "use that for files and statements you do not trust: then nothing is written, to no file" in said
    assert "no statement can load an extension" in said
    said = " ".join(run("shell", "--help").out.split())
    assert "its views and triggers can call nothing but harmless functions" in said
    assert "do with other files and programs whatever they are told, under --readonly too" in said


READ_ONLY = {
    "INSERT": "INSERT INTO Run (id) VALUES (1)",
    "a function that writes": "SELECT clust_fit('demo')",
    "another function that writes": "SELECT clust_cut(1)",
    "CREATE": "CREATE TABLE t (x)",
    "PRAGMA": "PRAGMA user_version = 7",
    "journal": "PRAGMA journal_mode = wal",
    "VACUUM": "VACUUM",
    "VACUUM INTO": "VACUUM INTO '{folder}/copy.db'",
    "EXPLAINed comment": "/* */ VACUUM main INTO '{folder}/copy.db'",
    "ATTACH": "ATTACH '{folder}/new.db' AS new",
    "extension": "SELECT load_extension('x')",
    "BEGIN": "BEGIN IMMEDIATE",
}


@pytest.mark.parametrize("case", READ_ONLY)
def test_query_readonly_writes_nothing(path: Path, case: str) -> None:
    before = hashes(path.parent)
    ran = run("query", path, READ_ONLY[case].format(folder=path.parent), "--readonly")
    assert ran.code in (0, 1)
    assert ran.err.count("\n") <= 1
    assert hashes(path.parent) == before


# --- nothing stored is executed --------------------------------------------------------------------------------------

PACKAGE = Path(sqlclust.__file__).parent
FORBIDDEN = {"pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib", "_pickle"}
CALLS = {"eval", "exec", "compile", "__import__"}


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_pickles(path: Path) -> None:
    """What is stored is numbers, ids and JSON; nothing that is read is run."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            assert not {alias.name.split(".")[0] for alias in node.names} & FORBIDDEN
        elif isinstance(node, ast.ImportFrom):
            assert (node.module or "").split(".")[0] not in FORBIDDEN
        elif isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            assert called not in CALLS or isinstance(node.func, ast.Attribute)
            allowed = {keyword.arg: keyword.value for keyword in node.keywords}.get("allow_pickle")
            if called == "load" and isinstance(node.func, ast.Attribute) and getattr(node.func.value, "id", "") == "np":
                assert isinstance(allowed, ast.Constant)
                assert allowed.value is False
            assert allowed is None or (isinstance(allowed, ast.Constant) and allowed.value is False)


def test_the_test_above_sees_them(tmp_path: Path) -> None:
    for text in ("import pickle", "from joblib import load", "np.load(x)", "np.load(x, allow_pickle=True)", "eval(x)"):
        file = tmp_path / "x.py"
        file.write_text(text)
        with pytest.raises(AssertionError):
            test_no_pickles(file)
