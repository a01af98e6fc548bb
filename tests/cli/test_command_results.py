"""init, list, show, delete."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import apsw
import pytest

import sqlclust
from sqlclust.cli.results import CLUSTER_COLUMNS, LISTED_COLUMNS, percent, seconds
from sqlclust.schema import VERSION
from tests.cli.terminal import fail, misuse, on_terminal, rows, run, succeed
from tests.small import add_embeddings, clustered


def parsed(option: str, out: str) -> list[dict[str, Any]]:
    if option == "--csv":
        return list(csv.DictReader(io.StringIO(out)))
    if option == "--nl":
        return [json.loads(line) for line in out.splitlines()]
    found: list[dict[str, Any]] = json.loads(out)
    return found


formats = pytest.mark.parametrize("option", ["--json", "--nl", "--csv"])


# --- init -------------------------------------------------------------------------------------------------


def test_init(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    assert succeed("init", path) == f"{path} created. Next: sqlclust load {path} FILE --model NAME\n"
    assert succeed("init", path) == f"{path} has the tables already; nothing was changed\n"
    assert succeed("init", path, "--nl") == (
        json.dumps({"database": str(path), "created": False, "changed": False, "version": VERSION}) + "\n"
    )


def test_init_of_another_programs_database(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    connection = apsw.Connection(str(path))
    connection.execute("CREATE TABLE theirs (x); PRAGMA user_version = 7")
    connection.close()
    assert (
        succeed("init", path) == f"{path} has the sqlclust tables now. Next: sqlclust load {path} FILE --model NAME\n"
    )
    assert rows(path, "PRAGMA user_version") == [(7,)]


def test_init_where_our_names_are_taken(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    connection = apsw.Connection(str(path))
    connection.execute("CREATE TABLE embedding (id CHAR(32))")
    connection.close()
    assert fail("init", path).startswith(f"{path} already has table embedding of another program")
    assert rows(path, "SELECT name FROM sqlite_schema") == [("embedding",)]


def test_init_in_a_folder_that_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "nowhere" / "x.db"
    assert fail("init", path).startswith(f"{path}: cannot be opened")


# --- list -------------------------------------------------------------------------------------------------


def test_list(fitted: Path) -> None:
    succeed("fit", fitted, "--epsilon", 0.2, "--downsample", 2)
    out = re.sub(r"\d+\.\d+  \d{4}-\d\d-\d\d \d\d:\d\d", "<seconds>  <completed>     ", succeed("list", fitted))
    assert [re.split(r"  +", line.strip()) for line in out.splitlines()] == [
        ["id", "model", "rows", "clusters", "noise", "engine", "seconds", "completed (UTC)", "parameters"],
        ["-" * 4, "-" * 7, "-" * 6, "-" * 10, "-" * 7, "-" * 8, "-" * 9, "-" * 17, line_of(out)],
        ["1", "demo", "40", "3", "10.0 %", "exact", "<seconds>", "<completed>", "min_cluster_size 5, min_samples 5"],
        [
            "2", "demo", "20", "3", "10.0 %", "exact", "<seconds>", "<completed>",
            "min_cluster_size 5, epsilon 0.2, min_samples 5, downsample 2",
        ],
    ]  # fmt: skip


def test_list_of_what_is_new_and_gone(fitted: Path) -> None:
    succeed("fit", fitted, "--where", "id < 30")
    columns = "id, embedding_model, vector"
    succeed("query", fitted, f"INSERT INTO Embedding ({columns}) SELECT 99, 'demo', vector FROM Embedding WHERE id = 1")
    lines = [re.split(r"  +", line.strip())[:5] for line in succeed("list", fitted).splitlines()]
    assert lines[::2] == [["id", "model", "rows", "new", "gone"], ["1", "demo", "40", "1", "0"]]
    assert lines[3] == ["2", "demo", "29", "?", "0"]  # nobody ran the condition
    found = json.loads(succeed("list", fitted, "--json"))
    assert [(row["n_new"], row["n_missing"]) for row in found] == [(1, 0), (None, 0)]
    assert re.search(r"\n1,.*,1,0\n2,.*,,0\n$", succeed("list", fitted, "--csv"), re.DOTALL)


@pytest.mark.slow
def test_a_narrow_terminal_shows_fewer_columns(fitted: Path) -> None:
    succeed("fit", fitted, "--where", "id < 30")
    for columns, missing in ((130, set()), (105, {"seconds"}), (80, {"seconds", "engine", "completed (UTC)"})):
        lines = on_terminal("list", fitted, columns=columns).out.splitlines()
        assert max(map(len, lines)) <= columns
        shown = {*re.split(r"  +", lines[0].strip())}
        assert shown == {*(header for header in ALL_HEADERS if header not in missing)}, columns


ALL_HEADERS = (
    "id", "model", "rows", "new", "gone", "clusters", "noise", "engine", "seconds", "completed (UTC)", "parameters",
)  # fmt: skip


def line_of(out: str) -> str:
    return out.splitlines()[1].split("  ")[-1]


def test_list_of_models_without_a_result(three: Path) -> None:
    succeed("fit", three, "a")
    assert succeed("list", three).splitlines()[3:] == [
        f"b: 1 embedding, no result yet: sqlclust fit {three} b",
        f"c: 40 embeddings, no result yet: sqlclust fit {three} c",
    ]
    assert succeed("list", three, "c") == f"c: 40 embeddings, no result yet: sqlclust fit {three} c\n"
    assert fail("list", three, "d") == "no embeddings of model 'd'; models in this database: 'a', 'b', 'c'"


@formats
def test_list_for_programs(fitted: Path, option: str) -> None:
    [found] = parsed(option, succeed("list", fitted, option))
    assert tuple(found) == LISTED_COLUMNS
    assert str(found["n_rows"]) == "40"
    parameters = json.loads(found["parameters"]) if option == "--csv" else found["parameters"]
    assert parameters["min_cluster_size"] == 5


def test_list_of_nothing(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    succeed("init", path)
    assert succeed("list", path) == f"no embeddings yet: sqlclust load {path} FILE --model NAME\n"
    assert succeed("list", path, "--json") == "[]\n"
    assert succeed("list", path, "--nl") == ""
    assert succeed("list", path, "--csv") == ",".join(LISTED_COLUMNS) + "\n"


# --- show -------------------------------------------------------------------------------------------------


def test_show(fitted: Path) -> None:
    succeed("query", fitted, "UPDATE Embedding SET content = 'Text of' || char(10) || id")
    [(medoid,)] = rows(fitted, "SELECT medoid_embedding_id FROM Cluster WHERE label = 0")
    out = succeed("show", fitted)
    assert out == succeed("show", fitted, "latest") == succeed("show", fitted, 1)
    lines = out.splitlines()
    assert re.fullmatch(r"demo: result 1, 40 rows in 3 clusters, 10\.0 % noise \(exact, \d\.\d s\)", lines[0])
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC; min_cluster_size 5, min_samples 5", lines[1])
    assert lines[2:4] == ["40 different vectors of 8 dimensions", ""]
    assert re.split(r"  +", lines[4].strip()) == ["label", "size", "share", "persistence", "medoid", "medoid's text"]
    assert len(lines) == 9
    assert re.match(rf" +0 +12  30\.0 % +0\.\d+ +{medoid}  Text of {medoid}$", lines[6])


def test_show_some(fitted: Path) -> None:
    out = succeed("show", fitted, "--limit", 1)
    assert out.endswith("… and 2 smaller clusters: --limit 3 shows all\n")
    assert json.loads(succeed("show", fitted, "--limit", 1, "--nl"))["label"] == 0


@formats
def test_show_for_programs(fitted: Path, option: str) -> None:
    found = parsed(option, succeed("show", fitted, option))
    assert [tuple(row) for row in found] == [CLUSTER_COLUMNS] * 3
    assert [int(row["label"]) for row in found] == [0, 1, 2]


def test_show_of_noise_alone(db: Path) -> None:
    succeed("fit", db, "--min-cluster-size", 30)
    assert succeed("show", db).endswith(
        "\nEvery row is noise. Smaller --min-cluster-size or --min-samples find more clusters.\n"
    )
    assert succeed("show", db, "--json") == "[]\n"
    assert succeed("show", db, "--csv") == ",".join(CLUSTER_COLUMNS) + "\n"


@pytest.mark.parametrize("which", ["7", "first", "-1", "1.0"])
def test_an_unknown_result(fitted: Path, which: str) -> None:
    assert fail("show", fitted, "--", which) == f"no clustering result {which!r}; ids here: 1"


def test_no_result(db: Path) -> None:
    assert fail("show", db) == "no clustering result 'latest'; there are no results yet"


# --- delete -----------------------------------------------------------------------------------------------


def test_delete(fitted: Path) -> None:
    succeed("fit", fitted)
    assert succeed("delete", fitted, 1, "--yes") == "deleted result 1: 3 clusters, 40 labels; embeddings stay\n"
    assert rows(fitted, "SELECT id FROM ClusteringResult") == [(2,)]
    assert succeed("delete", fitted, 2, "-y", "--json") == '[{"id": 2, "embedding_model": "demo", "rows": 40}]\n'
    for table in ("EmbeddingCluster", "Cluster", "ClusteringFit"):
        assert rows(fitted, f"SELECT count(*) FROM {table}") == [(0,)]
    assert rows(fitted, "SELECT count(*) FROM Embedding") == [(40,)]


def test_delete_asks(fitted: Path) -> None:
    for stdin in ("n\n", ""):
        ran = run("delete", fitted, 1, stdin=stdin)
        assert ran.code == 1
        assert ran.out.strip() in ("", stdin.strip())  # Click before 8.4 echoes in its tests what is typed
        assert re.match(r"demo: result 1, .*\nDelete it\? \[y/N\]:", ran.err)
        assert ran.err.endswith("Aborted!\n")
        assert rows(fitted, "SELECT id FROM ClusteringResult") == [(1,)]
    ran = run("delete", fitted, 1, "--nl", stdin="y\n")
    assert ran.code == 0
    assert ran.out.endswith('{"id": 1, "embedding_model": "demo", "rows": 40}\n')


def test_delete_of_what_is_not_there(fitted: Path) -> None:
    assert fail("delete", fitted, 2, "--yes") == "no clustering result 2; ids here: 1"


def test_delete_several(fitted: Path) -> None:
    for _ in range(4):
        succeed("fit", fitted)
    assert fail("delete", fitted, 2, 9, "--yes") == "no clustering result 9; ids here: 1, 2, 3, 4, 5"
    assert succeed("delete", fitted, 2, "latest~1", 2, "--yes").splitlines() == [
        "deleted result 2: 3 clusters, 40 labels; embeddings stay",
        "deleted result 4: 3 clusters, 40 labels; embeddings stay",
    ]
    ran = run("delete", fitted, 1, 3, stdin="n\n")
    assert "Delete these 2? [y/N]:" in ran.err
    assert rows(fitted, "SELECT id FROM ClusteringResult") == [(1,), (3,), (5,)]


def test_delete_all_but_the_latest(fitted: Path) -> None:
    for _ in range(2):
        succeed("fit", fitted)
    con = sqlclust.connect(str(fitted))
    add_embeddings(con, clustered(), model="other", ids=range(100, 140))
    con.close()
    for _ in range(3):
        succeed("fit", fitted, "other")
    found = json.loads(succeed("delete", fitted, "--keep", 2, "--yes", "--json"))
    assert [(row["id"], row["embedding_model"]) for row in found] == [(1, "demo"), (4, "other")]
    assert succeed("delete", fitted, "--keep", 2, "--yes") == "nothing to delete: no model has more than 2 results\n"
    assert json.loads(succeed("delete", fitted, "--keep", 2, "--json")) == []
    assert rows(fitted, "SELECT id FROM ClusteringResult") == [(2,), (3,), (5,), (6,)]
    for wrong in ((), (1, "--keep", 2), ("--keep", 0)):
        assert misuse("delete", fitted, *wrong)


# --- numbers for people -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("duration", "text"),
    [(None, ""), (0.04, "0.0 s"), (59.94, "59.9 s"), (61.2, "1 min 01 s"), (3600, "1 h 00 min"), (18065, "5 h 01 min")],
)
def test_seconds(duration: float | None, text: str) -> None:
    assert seconds(duration) == text


def test_percent() -> None:
    assert (percent(None), percent(0.1234), percent(1)) == (None, "12.3 %", "100.0 %")
