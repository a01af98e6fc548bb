"""Terms of stored results: texts of embeddings, of the runs that made them, and of tables of others; and names in commands."""

from __future__ import annotations

import csv
import io
import json
import logging
import time
from pathlib import Path
from typing import Any

import apsw
import pytest

import sqlclust
from sqlclust.bindings.apsw.database import database_of
from sqlclust.core.runtime.control import Control
from sqlclust.errors import HostTableError, OutOfMemoryError, StatementInterrupted, UnknownResultError
from sqlclust.options import TermsOptions
from sqlclust.store import memory
from sqlclust.store.results import terms
from sqlclust.store.results.terms import names_of_clusters
from sqlclust.store.sources import table_rows
from sqlclust.terms.choosing import Term
from sqlclust.terms.texts import Texts
from tests.cli.terminal import succeed
from tests.small import add_embeddings, clustered

FRUIT = ("red apple", "ripe banana", "sour cherry")
SIZE = 5
TOP = "SELECT label, term, count, n_rows FROM clust_terms(1, '{\"count\": 1}')"


def text_of(place: int) -> str:
    """The text of a row of `clustered`; the last four are noise."""
    return f"the {FRUIT[place % 3] if place < 36 else 'kitchen'} number {place}"


def expected(con: apsw.Connection) -> list[tuple[Any, ...]]:
    """The two words that go together, of each label of result 1, told by the medoid."""
    sql = "SELECT label, medoid_embedding_id FROM Cluster WHERE clustering_result_id = 1 ORDER BY 1"
    found = [(label, FRUIT[place_of(medoid) % 3]) for label, medoid in con.execute(sql)]
    return [(label, phrase, 12, 12) for label, phrase in found]


def place_of(medoid: object) -> int:
    return int(json.loads(str(medoid))[1] if str(medoid).startswith("[") else str(medoid)) - 1


@pytest.fixture
def own(con: apsw.Connection) -> apsw.Connection:
    add_embeddings(con, clustered())
    con.executemany("UPDATE Embedding SET content = ? WHERE id = ?", [(text_of(n), n + 1) for n in range(40)])
    assert sqlclust.fit(con, "demo", min_cluster_size=SIZE) == 1
    return con


def test_texts_of_embeddings(own: apsw.Connection) -> None:
    assert own.execute(TOP).fetchall() == expected(own)
    both = own.execute("SELECT label, term FROM clust_terms(1)").fetchall()
    assert "the" not in {term for _, term in both}
    texts = "(SELECT clust_texts(label, content) FROM EmbeddingCluster ec JOIN Embedding e ON e.id = ec.embedding_id)"
    assert own.execute(f"SELECT label, term FROM clust_terms({texts})").fetchall() == both
    assert -1 in {label for (label,) in own.execute("SELECT label FROM clust_terms(1, '{\"noise\": true}')")}
    with pytest.raises(UnknownResultError):
        own.execute("SELECT * FROM clust_terms(2)").fetchall()
    by_result = "SELECT r.id, count(*) FROM ClusteringResult r JOIN clust_terms(r.id) GROUP BY 1"
    assert own.execute(by_result).fetchall() == [(1, len(both))]


def test_texts_of_what_a_run_made(own: apsw.Connection) -> None:
    own.execute("INSERT INTO Run (id) VALUES ('r')")
    own.executemany(
        "INSERT INTO Invocation (id, run_id, sequence_number, output_text) VALUES (?1, 'r', ?1, ?2)",
        [(n + 1, text_of(n)) for n in range(40)],
    )
    own.execute("UPDATE Embedding SET content = NULL, invocation_id = id")
    assert own.execute(TOP).fetchall() == expected(own)


def test_without_texts_there_are_none(own: apsw.Connection) -> None:
    own.execute("UPDATE Embedding SET content = NULL")
    assert own.execute("SELECT * FROM clust_terms(1)").fetchall() == []
    assert names_of_clusters(database_of(own), 1) == {}


@pytest.mark.parametrize("key", ["INTEGER PRIMARY KEY", "TEXT UNIQUE", "ANY"])
@pytest.mark.parametrize("elsewhere", [False, True])
def test_texts_of_a_source(
    tmp_path: Path,
    key: str,
    elsewhere: bool,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    binding: str,
) -> None:
    monkeypatch.setattr(table_rows, "BATCH", 7)  # so that 40 rows are several
    if elsewhere and binding == "loadable":
        pytest.skip("inside another program no other file is opened: see tests/bindings/loadable/test_other_files.py")
    caplog.set_level(logging.INFO, logger="sqlclust")
    host = sqlclust.connect(str(tmp_path / "host.db"))
    host.execute(f"CREATE TABLE docs (id {key}, embedding BLOB, body)")
    rows = [(n + 1, vector.tobytes(), text_of(n)) for n, vector in enumerate(clustered())]
    host.executemany("INSERT INTO docs VALUES (?, ?, ?)", rows)
    path = tmp_path / ("results.db" if elsewhere else "host.db")
    options = ("--into", path) if elsewhere else ()
    succeed("fit", tmp_path / "host.db", "docs", "--id", "id", "--min-cluster-size", 5, *options)
    con = sqlclust.connect(str(path))
    assert con.execute(TOP).fetchall() == expected(con)
    names = names_of_clusters(database_of(con), 1)
    assert {label: terms[0] for label, terms in names.items()} == {label: term for label, term, *_ in expected(con)}

    host.execute(
        "UPDATE docs SET body = CASE WHEN id = 1 THEN x'00' WHEN id = 2 THEN NULL WHEN id = 3 THEN 7 ELSE body END"
    )
    assert sorted(row[2] for row in con.execute(TOP)) == [11, 11, 11]
    host.execute("ALTER TABLE docs RENAME COLUMN body TO text")
    with pytest.raises(HostTableError, match="body"):
        con.execute(TOP).fetchall()
    assert names_of_clusters(database_of(con), 1) == {}
    assert "clusters have no names: " in caplog.text
    assert "body" in caplog.text
    con.close()
    host.close()
    assert " terms" not in succeed("show", path, 1)


def test_a_view_is_not_run_for_names(own: apsw.Connection) -> None:
    own.execute("CREATE VIEW docs AS SELECT id AS key, vector AS embedding, content AS body FROM Embedding")
    sqlclust.source(own, "docs", table="docs", id="key", vector="embedding", content="body")
    result = sqlclust.fit(own, "docs", min_cluster_size=SIZE)
    assert own.execute("SELECT count(*) > 0 FROM clust_terms(?)", (result,)).get == 1
    assert names_of_clusters(database_of(own), result) == {}


def test_names_are_of_some_texts(own: apsw.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """The most probable members of each label, and the beginning of each text."""
    monkeypatch.setattr(terms, "_TEXTS_OF_NAMES", 4 * 2)
    monkeypatch.setattr(terms, "_CHARACTERS_OF_NAMES", 20)
    own.execute("UPDATE Embedding SET content = 'common ' || 'x' || id || ' and then much too late'")
    own.execute("""UPDATE Embedding SET content = 'special' WHERE id IN (
        SELECT embedding_id FROM EmbeddingCluster WHERE label = 0 ORDER BY probability DESC, embedding_id LIMIT 2)""")
    names = names_of_clusters(database_of(own), 1)
    assert names[0] == ["special"]
    assert all("late" not in term for terms in names.values() for term in terms)


def test_it_says_how_far_it_is_and_can_be_interrupted(own: apsw.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str, float]] = []

    def interrupting(name: str, fraction: float) -> None:
        own.interrupt()

    def interrupted(texts: Texts, options: TermsOptions, control: Control) -> list[Term]:
        """In the thread that counts."""
        own.interrupt()
        while not control.stopped:
            time.sleep(0.01)
        control.check()
        raise AssertionError

    found = terms.terms(database_of(own), 1, TermsOptions(count=1), lambda *at: seen.append(at))
    assert [term.term for term in found] == [term for _, term, *_ in expected(own)]
    assert seen[0] == ("texts", 0.0)
    assert seen[-1] == ("terms", 1.0)
    with pytest.raises(StatementInterrupted):
        terms.terms(database_of(own), 1, TermsOptions(), interrupting)
    monkeypatch.setattr(terms, "counted", interrupted)
    for call in ("1", "(SELECT clust_texts(1, content) FROM Embedding)"):
        with pytest.raises(StatementInterrupted):
            own.execute(f"SELECT * FROM clust_terms({call})").fetchall()
        assert own.execute("SELECT 1").get == 1


@pytest.mark.parametrize("call", ["1", "(SELECT clust_texts(1, content) FROM Embedding)"])
def test_without_room(own: apsw.Connection, call: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "available_memory", lambda: 10_000)
    with pytest.raises(OutOfMemoryError, match=r"counting needs about .* words and ngrams 2.*Take fewer texts"):
        own.execute(f"SELECT * FROM clust_terms({call})").fetchall()


# --- commands ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def path(tmp_path: Path) -> Path:
    con = sqlclust.connect(str(tmp_path / "own.db"))
    sqlclust.initialize(con)
    with con:
        add_embeddings(con, clustered())
        con.executemany("UPDATE Embedding SET content = ? WHERE id = ?", [(text_of(n), n + 1) for n in range(40)])
    sqlclust.fit(con, "demo", min_cluster_size=SIZE)
    sqlclust.fit(con, "demo", min_cluster_size=SIZE)
    con.close()
    return tmp_path / "own.db"


def test_show(path: Path) -> None:
    clusters = json.loads(succeed("show", path, 1, "--json"))
    assert {cluster["terms"][0] for cluster in clusters} == {"red apple", "ripe banana", "sour cherry"}
    lines = succeed("show", path, 1).splitlines()
    assert "persistence  terms" in next(line for line in lines if "label" in line)
    for cluster in clusters:
        assert any(", ".join(cluster["terms"]) in line for line in lines)
    of_csv = csv.DictReader(io.StringIO(succeed("show", path, 1, "--csv")))
    assert [json.loads(row["terms"]) for row in of_csv] == [cluster["terms"] for cluster in clusters]


def test_compare(path: Path) -> None:
    found = json.loads(succeed("compare", path, 1, 2, "--json"))
    assert all(row["terms_a"] == row["terms_b"] != [] for row in found)
    text = succeed("compare", path, 1, 2)
    assert "A's terms" in text
    assert "medoid" not in text
    assert text.count(", ".join(found[0]["terms_a"])[:36]) == 2


def test_no_texts_no_column(path: Path) -> None:
    con = apsw.Connection(str(path))
    con.execute("UPDATE Embedding SET content = NULL")
    con.close()
    assert [row["terms"] for row in json.loads(succeed("show", path, 1, "--json"))] == [[]] * 3
    assert "terms" not in succeed("show", path, 1)
    assert "A's medoid" in succeed("compare", path, 1, 2)
