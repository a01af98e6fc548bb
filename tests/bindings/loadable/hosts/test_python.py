"""Python's sqlite3 as a host: what it alone does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sqlclust.surface.catalog import CATALOG
from tests.bindings.loadable.hosts.scenarios import FIT, POINTS, READS, expected
from tests.bindings.loadable.hosts.sessions import HostError, PythonSession
from tests.bindings.loadable.programs import ran
from tests.small import MAP, NOTE

pytestmark = pytest.mark.slow


@pytest.fixture
def session(demo_file: Path, python: str, library: str) -> Iterator[PythonSession]:
    with PythonSession(demo_file, python) as made:
        made.load(library)
        yield made


def test_loaded_while_a_statement_runs(session: PythonSession, library: str) -> None:
    session.step(f"SELECT * FROM clust_neighbors({POINTS})")
    session.load(library)
    assert session.sql(READS[1]) == expected(session.path, READS[1])


def test_loaded_by_sqlclust(demo_file: Path, python: str) -> None:
    """`sqlclust.load` is as good, and extensions cannot be loaded afterwards."""
    with PythonSession(demo_file, python) as session:
        session.ask("load_by_sqlclust", "one")
        session.ask("load_by_sqlclust", "one")
        assert session.sql(READS[1]) == expected(demo_file, READS[1])
        with pytest.raises(HostError, match="not authorized"):
            session.sql("SELECT load_extension('nothing')")


def test_everything_is_there_and_nothing_else(session: PythonSession) -> None:
    """Above all nothing that would open a file: backup, repair, moving in."""
    found = session.sql("SELECT name FROM pragma_function_list WHERE name LIKE 'clust%' OR name LIKE 'sqlclust%'")
    found += session.sql("SELECT name FROM pragma_module_list WHERE name LIKE 'clust%' OR name LIKE 'sqlclust%'")
    assert {name for (name,) in found} == {record.name for record in CATALOG}
    for options in ('{"fix": true}', '{"backup": "b.db"}', '{"replace": true}'):
        with pytest.raises(HostError, match="option"):
            session.sql(f"SELECT * FROM clust_doctor('{options}')")


def test_a_fit_is_brought_up_to_date(session: PythonSession) -> None:
    update = """SELECT clust_fit('demo', '{"min_cluster_size": 5, "update": "%s"}')"""
    [(first,)] = session.sql(FIT)
    session.sql("INSERT INTO Embedding (id, embedding_model, vector) "
                "SELECT 100 + id, 'demo', vector FROM Embedding WHERE id IN (1, 5, 38)")  # fmt: skip
    [(result,)] = session.sql(update % "only")
    [(of, fit)] = session.sql("SELECT updated_from, id FROM ClusteringFit ORDER BY id DESC LIMIT 1")
    assert (first, result, of, fit) == (1, 2, 1, 2)
    assert session.sql(update % "never") == [[3]]
    rows = (
        "SELECT embedding_id, label, probability, outlier_score FROM EmbeddingCluster WHERE clustering_result_id = %d"
    )
    assert session.sql(rows % 2) == session.sql(rows % 3)
    with pytest.raises(HostError, match="no stored fit of 'demo' can be brought up to date"):
        session.sql("""SELECT clust_fit('demo', '{"metric": "cosine", "update": "only"}')""")


def test_apsw_is_never_imported(session: PythonSession) -> None:
    """Its SQLite beside the host's on one file loses commits. Every function runs, and no file comes beside the database."""
    before = set(session.ask("imported"))
    assert "sqlclust.bindings.loadable.attach" in before
    session.sql(FIT)
    session.sql(MAP)
    session.sql(NOTE)
    for record in CATALOG:
        session.sql(record.example.rpartition(" -- ")[0])
    imported = set(session.ask("imported"))
    session.end()
    assert imported > before
    assert {name.split(".")[0] for name in imported} & {"apsw", "sqlite_utils", "click"} == set()
    assert "sqlclust.bindings.apsw" not in imported
    assert [path.name for path in session.path.parent.iterdir()] == [session.path.name]


TWO_SQLITES = """
import sqlite3, sys, apsw
from sqlclust.bindings.loadable import attach

class Seen(attach.HostDatabase):
    def __init__(self, routines):
        super().__init__(routines)
        seen.append(self)

attach.HostDatabase, seen = Seen, []
connections = apsw.Connection(":memory:"), sqlite3.connect(":memory:")
for con in connections:
    con.enable_load_extension(True)
    con.load_extension(sys.argv[1])
ours, theirs = connections
theirs.create_function("asked", 1, lambda value: ours.execute("SELECT clust_dimension(?)", (value,)).fetchone()[0])
print(theirs.execute("SELECT asked(clust_vector('[1, 2, 3]')) + clust_dimension(x'00000000')").fetchone()[0])
assert [database.versions["sqlite"] for database in seen] == [apsw.sqlite_lib_version(), sqlite3.sqlite_version]
"""


def test_two_sqlites_in_one_process(python: str, library: str) -> None:
    """APSW has one of its own. Each is called by its own routines, also one inside the other."""
    assert ran(python, "-c", TWO_SQLITES, library) == "4\n"


@pytest.mark.parametrize("options", [["-I", "-S"], ["-S"]])
def test_a_python_without_sqlclust(demo_file: Path, library: str, python: str, options: list[str]) -> None:
    """It has no NumPy. The host goes on, and its search path is as it was."""
    with PythonSession(demo_file, python, options=options) as session:
        path = session.ask("search_path")
        for _ in range(2):
            with pytest.raises(HostError) as caught:
                session.load(library)
            said = str(caught.value)
            assert said.startswith("error during initialization: sqlclust: Python 3.")
            assert said.endswith("(ModuleNotFoundError: No module named 'numpy'); install sqlclust for that Python")
        assert session.sql("SELECT count(*) FROM Embedding") == [[40]]
        assert session.ask("search_path") == path
        assert session.end() == 0
        assert session.said == ""
