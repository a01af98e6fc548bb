"""Commands of ours in llm and sqlite-utils, run by the real programs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import sqlclust
from tests.bindings.loadable.hosts.sessions import ProgramSession
from tests.cli.terminal import run, succeed
from tests.plugins.test_programs import run as run_program
from tests.small import clustered

pytestmark = pytest.mark.slow

HEAVY = {"scipy", "sklearn", "hdbscan", "apsw"}
"""sqlite-utils imports NumPy itself, where it is; that the plugins do not is tested in test_importing.py."""
PROGRAM = Path(__file__).parent / "commands_program.py"
FOUND = ["--min-cluster-size", "5"]


class Done(NamedTuple):
    code: int
    out: str
    err: str
    opened: list[str]
    """Paths that Python's own sqlite3 has opened."""


class CommandLine(ProgramSession):
    def run(self, *words: object) -> Done:
        done = Done(*self.ask(*map(str, words)))
        assert str(self.path) not in "".join(done.opened)  # two SQLite libraries on one file lose rows
        return done

    def succeed(self, *words: object) -> str:
        done = self.run(*words)
        assert (done.code, done.err) == (0, ""), done
        return done.out

    def fail(self, *words: object, code: int = 1) -> str:
        done = self.run(*words)
        assert (done.code, done.out) == (code, ""), done
        return done.err.splitlines()[-1].removeprefix("Error: ")


def command_line(python: str, program: str, folder: Path) -> CommandLine:
    told = {"LLM_USER_PATH": str(folder)}
    return CommandLine(folder / "embeddings.db", [python, str(PROGRAM), program], told)


@pytest.fixture(scope="module")
def utils(python: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandLine]:
    with command_line(python, "sqlite_utils", tmp_path_factory.mktemp("utils")) as made:
        make_table(made.path)
        yield made


@pytest.fixture(scope="module")
def llm(python: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandLine]:
    """llm with two collections in its own database."""
    if run_program(python, "-c", "import llm").returncode:
        pytest.skip("llm is not beside the Python of .ci/hosts; pip install llm there")
    with command_line(python, "llm", tmp_path_factory.mktemp("llm")) as made:
        vectors = np.asarray(clustered()).tolist()
        rows = {f"id{number}": [vector, f"text {number}"] for number, vector in enumerate(vectors)}
        made.ask("@collection", str(made.path), "docs", json.dumps(rows))
        made.ask("@collection", str(made.path), "few notes", json.dumps({"id0": [vectors[0], "the only one"]}))
        yield made


def make_table(path: Path) -> None:
    con = sqlclust.connect(path)
    con.execute("CREATE TABLE note (slug TEXT PRIMARY KEY, body TEXT, vector BLOB)")
    with con:
        for number, vector in enumerate(np.asarray(clustered()).astype("<f4")):
            con.execute("INSERT INTO note VALUES (?, ?, ?)", (f"n{number}", f"body {number}", vector.tobytes()))
    con.close()


def query(path: Path, sql: str) -> list[Any]:
    con = sqlclust.connect(path, readonly=True)
    found = con.execute(sql).fetchall()
    con.close()
    return found


@pytest.mark.parametrize("name", ["utils", "llm"])
def test_help_imports_nothing_heavy(request: pytest.FixtureRequest, python: str, name: str) -> None:
    """In a process that has done nothing else."""
    command: CommandLine = request.getfixturevalue(name)
    program = "sqlite_utils" if name == "utils" else "llm"
    with command_line(python, program, command.path.parent) as new:
        assert re.search(r"^ +clust +Cluster ", new.succeed("--help"), re.MULTILINE)
        imported = new.ask("@imported")
        assert {module.split(".")[0] for module in imported} & HEAVY == set()
        assert not any(module.startswith(("sqlclust.cli", "sqlclust.plugins.commands")) for module in imported)
        assert "sqlclust.plugins.lazy_commands" in imported
        text = new.succeed("clust", "--help")
        for words in ("--min-cluster-size INTEGER", "--epsilon", "--json", "Examples:", "[default:"):
            assert words in text


# --- llm ------------------------------------------------------------------------------------------------------------------


def test_collections(llm: CommandLine, tmp_path: Path) -> None:
    assert re.search(r"^docs +40\b", llm.succeed("clust"), re.MULTILINE)
    assert re.search(r"^few notes +1\b", llm.succeed("clust", "-d", llm.path), re.MULTILINE)
    empty = tmp_path / "empty.db"
    sqlclust.connect(empty).close()
    assert llm.succeed("clust", "-d", empty).startswith(f"no collections in {empty}")


def test_a_collection(llm: CommandLine) -> None:
    """In place: nothing of llm's is written."""
    before = query(llm.path, "SELECT * FROM embeddings") + query(llm.path, "SELECT * FROM collections")
    text = llm.succeed("clust", "docs", *FOUND)
    assert query(llm.path, "SELECT * FROM embeddings") + query(llm.path, "SELECT * FROM collections") == before
    [(result, clusters)] = query(llm.path, "SELECT max(clustering_result_id), n_clusters FROM ClusteringSummary")
    assert text.startswith(f"llm:docs: result {result}, 40 rows in {clusters} clusters, ")
    for label, size, medoid in query(
        llm.path,
        f"SELECT label, size, medoid_text FROM ClusterSummary WHERE clustering_result_id = {result}",
    ):
        assert re.search(rf"^ +{label} +{size} .* {medoid}$", text, re.MULTILINE)
    [listed] = [row for row in json.loads(llm.succeed("clust", "--json")) if row["collection"] == "docs"]
    assert (listed["n_items"], listed["result"], listed["n_clusters"]) == (40, result, clusters)
    assert re.search(rf"^docs +40 +{result} +{clusters} ", llm.succeed("clust"), re.MULTILINE)
    assert "… and 2 smaller clusters: --limit 3 shows all" in llm.succeed("clust", "docs", *FOUND, "--limit", 1)


def test_the_shape_of_llm_cluster(llm: CommandLine) -> None:
    clusters = json.loads(llm.succeed("clust", "docs", "--json", *FOUND))
    assert [set(cluster) for cluster in clusters] == [{"id", "items", "terms"}] * 3
    assert all(isinstance(cluster["id"], str) for cluster in clusters)
    sizes = [len(cluster["items"]) for cluster in clusters]
    assert sizes == sorted(sizes, reverse=True)
    view = query(llm.path, 'SELECT id, content, label, probability FROM "llm:docs_clusters"')
    label = {key: str(label) for key, _, label, _ in view}
    probability = {key: probability for key, _, _, probability in view}
    for cluster in clusters:
        keys = [item["id"] for item in cluster["items"]]
        assert {label[key] for key in keys} == {cluster["id"]}
        assert [probability[key] for key in keys] == sorted((probability[key] for key in keys), reverse=True)
        assert all(item["content"] == item["id"].replace("id", "text ") for item in cluster["items"])
    with_noise = json.loads(llm.succeed("clust", "docs", "--json", "--noise", *FOUND))
    assert with_noise[:-1] == clusters
    assert with_noise[-1]["id"] == "-1"
    assert {item["id"] for item in with_noise[-1]["items"]} == {key for key in label if label[key] == "-1"}
    assert sum(len(cluster["items"]) for cluster in with_noise) == 40


def test_nothing_is_found(llm: CommandLine) -> None:
    """Noise only: no clusters, also in JSON."""
    assert json.loads(llm.succeed("clust", "docs", "--json", "--min-cluster-size", 35)) == []
    assert "Every item is noise." in llm.succeed("clust", "docs", "--min-cluster-size", 35)


def test_what_is_not_there(llm: CommandLine, tmp_path: Path) -> None:
    said = llm.fail("clust", "others")
    assert said == f"no collection 'others' in {llm.path}; collections in it: docs, few notes"
    assert llm.fail("clust", "few notes").endswith("'llm:few notes' has 1 row, expected at least 2 to cluster")
    assert str(tmp_path / "none.db") in llm.fail("clust", "docs", "-d", tmp_path / "none.db")
    assert not (tmp_path / "none.db").exists()
    assert "--min-cluster-size" in llm.fail("clust", "docs", "--min-cluster-size", 1, code=2)
    table = tmp_path / "note.db"
    make_table(table)
    assert llm.fail("clust", "note", "-d", table) == f"no collection 'note' in {table}; it has no collections"


def test_the_program_as_it_is_installed(llm: CommandLine, python: str, tmp_path: Path) -> None:
    """The variable for the database is that of llm's own commands."""
    program = str(Path(python).with_name("llm"))
    path = tmp_path / "elsewhere.db"
    path.write_bytes(llm.path.read_bytes())
    environment = {"LLM_EMBEDDINGS_DB": str(path), "LLM_USER_PATH": str(tmp_path)}
    done = run_program(program, "clust", "docs", "--min-cluster-size", "5", environment=environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"sqlclust show {path} " in done.stdout


# --- sqlite-utils ---------------------------------------------------------------------------------------------------------


def test_a_table(utils: CommandLine) -> None:
    """As sqlclust show says of the same result."""
    text = utils.succeed("clust", utils.path, "note", *FOUND)
    shown, added = text.split(f"\nsqlclust's tables were added to {utils.path}")
    assert added == "; its other tables were only read\n"
    assert shown == succeed("show", utils.path)
    assert "body " in shown
    out = utils.succeed("clust", utils.path, "note", *FOUND, "--csv")
    assert out == succeed("show", utils.path, "--csv")


def test_a_name_of_its_own(utils: CommandLine) -> None:
    words = (
        "clust",
        utils.path,
        "texts",
        "--table",
        "note",
        "--id",
        "slug",
        "--vector",
        "vector",
        "--where",
        "slug < :s",
    )
    clusters = json.loads(utils.succeed(*words, "-p", "s", "n4", "--min-cluster-size", 4, "--json"))
    assert {cluster["medoid_text"] for cluster in clusters} <= {f"body {number}" for number in range(40)}
    [(rows,)] = query(utils.path, "SELECT n_rows FROM ClusteringSummary WHERE embedding_model = 'texts'")
    assert rows == len([number for number in range(40) if f"n{number}" < "n4"])


def test_another_file(utils: CommandLine, tmp_path: Path) -> None:
    before = utils.path.read_bytes()
    into = tmp_path / "clusters.db"
    text = utils.succeed("clust", utils.path, "note", *FOUND, "--into", into)
    assert utils.path.read_bytes() == before
    assert text == f"{succeed('show', into)}\neverything is in {into}; {utils.path} was only read\n"
    assert query(into, "SELECT count(*) FROM note_clusters") == [(40,)]


def test_errors_of_a_table(utils: CommandLine) -> None:
    done = run("fit", utils.path, "nothing")
    assert utils.fail("clust", utils.path, "nothing") == done.err.removeprefix("Error: ").strip()
    assert "Missing argument 'NAME'" in utils.fail("clust", utils.path, code=2)
    assert "NAME has to be one" in utils.fail("clust", utils.path, "all", code=2)


def test_text_that_a_terminal_cannot_show(utils: CommandLine, python: str, tmp_path: Path) -> None:
    """By the program as it is installed."""
    make_table(tmp_path / "n.db")
    con = sqlclust.connect(tmp_path / "n.db")
    con.execute("UPDATE note SET body = '→ ' || slug")
    con.close()
    program = str(Path(python).with_name("sqlite-utils"))
    environment = {"PYTHONIOENCODING": "latin-1"}
    done = run_program(program, "clust", str(tmp_path / "n.db"), "note", *FOUND, environment=environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert r"\u2192 n" in done.stdout
