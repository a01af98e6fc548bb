from __future__ import annotations

from pathlib import Path

import apsw
import pytest

from tests.cli.terminal import fail, misuse, rows, succeed

ONE_ROW = "SELECT 1 AS a, 'x' || char(10) || 'y,z' AS b, NULL AS c, x'00ff' AS d, 0.5 AS e"


@pytest.mark.parametrize(
    ("option", "out"),
    [
        ([], "  a  b        c  d            e\n---  -----  ---  ---------  ---\n  1  x y,z       <2 bytes>  0.5\n"),
        (["--json"], '[{"a": 1, "b": "x\\ny,z", "c": null, "d": {"$base64": true, "encoded": "AP8="}, "e": 0.5}]\n'),
        (["--nl"], '{"a": 1, "b": "x\\ny,z", "c": null, "d": {"$base64": true, "encoded": "AP8="}, "e": 0.5}\n'),
        (["--csv"], 'a,b,c,d,e\n1,"x\ny,z",,AP8=,0.5\n'),
    ],
    ids=["table", "json", "nl", "csv"],
)
def test_formats(db: Path, option: list[str], out: str) -> None:
    assert succeed("query", db, ONE_ROW, *option) == out


def test_several_rows(db: Path) -> None:
    sql = "SELECT id, id * 2 AS id FROM Embedding LIMIT 2"
    assert succeed("query", db, sql, "--json") == '[{"id": 1, "id_2": 2},\n {"id": 2, "id_2": 4}]\n'
    assert succeed("query", db, sql, "--nl") == '{"id": 1, "id_2": 2}\n{"id": 2, "id_2": 4}\n'
    assert succeed("query", db, sql, "--csv") == "id,id\n1,2\n2,4\n"


def test_no_rows(db: Path) -> None:
    sql = "SELECT id, content FROM Embedding WHERE 0"
    assert succeed("query", db, sql) == "id    content\n----  ---------\n"
    assert succeed("query", db, sql, "--json") == "[]\n"
    assert succeed("query", db, sql, "--nl") == ""
    assert succeed("query", db, sql, "--csv") == "id,content\n"


def test_infinity(db: Path) -> None:
    assert succeed("query", db, "SELECT 9e999 AS a, -9e999 AS b", "--json") == '[{"a": "inf", "b": "-inf"}]\n'


def test_long_text_is_cut_in_tables_only(db: Path) -> None:
    sql = "SELECT hex(zeroblob(100)) AS a, char(27) || '[2J' AS b"
    assert succeed("query", db, sql).splitlines()[-1] == "0" * 79 + "…  [2J"
    assert "0" * 200 in succeed("query", db, sql, "--csv")


def test_statements_that_write(db: Path) -> None:
    assert succeed("query", db, "UPDATE Embedding SET content = 'x' WHERE id < 3") == "2 rows changed\n"
    assert succeed("query", db, "DELETE FROM Embedding WHERE id = 40", "--json") == '[{"rows_affected": 1}]\n'
    assert succeed("query", db, "CREATE TABLE t (x)") == "0 rows changed\n"
    assert succeed("query", db, "INSERT INTO t VALUES (5) RETURNING x", "--csv") == "x\n5\n"
    assert rows(db, "SELECT x FROM t") == [(5,)]


def test_the_functions_are_there(db: Path) -> None:
    out = succeed(
        "query", db, "SELECT clust_fit('demo', :options) AS id", "-p", "options", '{"min_cluster_size": 5}', "--csv"
    )
    assert out == "id\n1\n"
    one = "SELECT count(DISTINCT label) AS n FROM clust_hdbscan((SELECT clust_points(id, vector) FROM Embedding))"
    assert succeed("query", db, one, "--csv") == "n\n4\n"


def test_foreign_keys_are_enforced(fitted: Path) -> None:
    assert fail("query", fitted, "DELETE FROM Embedding WHERE id = 1") == "FOREIGN KEY constraint failed"
    assert rows(fitted, "SELECT count(*) FROM Embedding") == [(40,)]


@pytest.mark.parametrize(
    ("text", "type_"),
    [
        ("12", "integer"),
        ("-3", "integer"),
        ("0", "integer"),
        ("0.5", "real"),
        ("-1.25", "real"),
        ("", "text"),
        ("007", "text"),
        ("1e5", "text"),
        ("inf", "text"),
        ("12345678901234567890", "text"),
        ("0688868048517e121234567890123456", "text"),
        ("NULL", "text"),
    ],
)
def test_types_of_parameters(db: Path, text: str, type_: str) -> None:
    for name in ("v", ":v", "$v", "@v"):
        out = succeed("query", db, "SELECT typeof(:v) AS t, typeof($v) AS u", "-p", name, text, "--csv")
        assert out == f"t,u\n{type_},{type_}\n"


def test_parameters_that_do_not_fit(db: Path) -> None:
    assert misuse("query", db, "SELECT :a, :b", "-p", "a", "1") == "no value for :b; give it with -p b VALUE"
    message = "a placeholder has no name; write :name, and give its value with -p name value"
    assert misuse("query", db, "SELECT ?", "-p", "a", "1") == message
    assert succeed("query", db, "SELECT 1 AS a", "-p", "unused", "1", "--csv") == "a\n1\n"


def test_from_stdin(db: Path) -> None:
    assert succeed("query", db, "-", "--csv", stdin="SELECT 1 AS a\n") == "a\n1\n"


@pytest.mark.parametrize("sql", ["", "  \n", "/* only a comment */", ";"])
def test_no_statement(db: Path, sql: str) -> None:
    assert misuse("query", db, sql) == "there is no SQL statement"


@pytest.mark.parametrize("second", ["SELECT 2", "INSERT INTO t VALUES (1)", "nonsense"])
def test_several_statements(db: Path, second: str) -> None:
    message = misuse("query", db, f"CREATE TABLE t (x); {second}")
    assert message == "more than one SQL statement; sqlclust shell runs several"
    assert rows(db, "SELECT name FROM sqlite_schema WHERE name = 't'") == []


@pytest.mark.parametrize("end", [";", "; -- a comment", ";;\n", "; /* open"])
def test_what_may_follow_a_statement(db: Path, end: str) -> None:
    assert succeed("query", db, f"SELECT 1 AS a{end}", "--csv") == "a\n1\n"


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("SELEC 1", 'near "SELEC": syntax error'),
        ("SELECT nope", "no such column: nope"),
        ("SELECT clust_norm(1)", "clust_norm: the vector is an INTEGER, expected a BLOB"),
        ("SELECT clust_fit('nope')", "no embeddings of model 'nope'; models in this database: 'demo'"),
        (
            "INSERT INTO Embedding (id, embedding_model, vector) VALUES (1, 'm', x'00000000')",
            "UNIQUE constraint failed",
        ),
    ],
)
def test_errors_in_sql(db: Path, sql: str, message: str) -> None:
    assert message in fail("query", db, sql)


def test_readonly(db: Path) -> None:
    assert succeed("query", db, "SELECT count(*) AS n FROM Embedding", "--readonly", "--csv") == "n\n40\n"
    assert "readonly database" in fail("query", db, "DELETE FROM Embedding", "--readonly")
    assert rows(db, "SELECT count(*) FROM Embedding") == [(40,)]


def test_on_any_database(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    connection = apsw.Connection(str(path))
    connection.execute("CREATE TABLE theirs (x); INSERT INTO theirs VALUES (x'0000803f')")
    connection.close()
    assert succeed("query", path, "SELECT clust_to_json(x) AS v FROM theirs", "--csv") == "v\n[1.0]\n"


def test_a_schema_is_not_trusted(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    connection = apsw.Connection(str(path))
    connection.execute("CREATE VIEW v AS SELECT clust_fit('m') AS id")
    connection.close()
    assert fail("query", path, "SELECT * FROM v") == "unsafe use of clust_fit()"


@pytest.mark.parametrize("before", ["", ";", ";;", "/* a */;", "/* b */ -- c\n ; "])
def test_readonly_looks_at_the_statement_wherever_it_begins(tmp_path: Path, before: str) -> None:
    path = tmp_path / "a.db"
    succeed("init", path)
    assert succeed("query", path, f"{before}SELECT 1 AS x", "--readonly", "--csv").splitlines() == ["x", "1"]
    said = fail("query", path, f"{before}VACUUM INTO '{tmp_path / 'b.db'}'", "--readonly")
    assert said == "VACUUM INTO writes a file, and --readonly was given"
    assert not (tmp_path / "b.db").exists()


def test_readonly_and_a_constant_that_is_not_utf_8(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    succeed("init", path)
    assert "UTF-8" in fail("query", path, "SELECT CAST(x'ff' AS TEXT)", "--readonly")
