from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import apsw
import numpy as np
import pytest

import sqlclust
from sqlclust.bindings.apsw.database import database_of
from sqlclust.core.runtime.control import Control
from sqlclust.errors import FilterError, NotFiniteError, UnknownModelError, VectorLengthError
from sqlclust.store.embeddings.selection import Selection, models, select
from tests.small import add_embeddings, blob


def selected(
    con: apsw.Connection,
    model: str = "demo",
    *,
    where: str | None = None,
    parameters: Mapping[str, object] | None = None,
    downsample: int = 1,
) -> list[Any]:
    points = select(database_of(con), Selection(model, where, parameters, downsample), Control())
    return [points.ids[row] for row in points.order]


@pytest.fixture
def runs(con: apsw.Connection) -> apsw.Connection:
    """Two runs in which text and image alternate, as in the original; ids are in no order of anything."""
    rng = np.random.default_rng(0)
    for run, length in (("r1", 12), ("r2", 7)):
        con.execute("INSERT INTO Run (id) VALUES (?)", (run,))
        numbers = rng.permutation(10 * length)[:length]
        for number, tag in zip(sorted(numbers.tolist()), rng.permutation(length).tolist(), strict=True):
            kind = "image" if number % 2 == 0 else "text"
            invocation = f"{run}-{number:03}"
            con.execute(
                "INSERT INTO Invocation (id, run_id, sequence_number, type) VALUES (?, ?, ?, ?)",
                (invocation, run, number, kind),
            )
            for model in ("demo", "other"):
                con.execute(
                    "INSERT INTO Embedding (id, invocation_id, embedding_model, vector) VALUES (?, ?, ?, ?)",
                    (f"{model}-{tag:02}-{invocation}", invocation, model, blob(1, number)),
                )
    return con


def steps(con: apsw.Connection, ids: list[Any]) -> dict[str, list[int]]:
    """The ranks of embeddings within their runs."""
    by_run: dict[str, list[int]] = {}
    for run in ("r1", "r2"):
        numbers = [
            row[0] for row in con.execute("SELECT sequence_number FROM Invocation WHERE run_id = ? ORDER BY 1", (run,))
        ]
        of: dict[Any, Any] = {
            row[0]: row[1]
            for row in con.execute(
                """SELECT e.id, i.sequence_number FROM Embedding e JOIN Invocation i ON i.id = e.invocation_id
                   WHERE i.run_id = ?""",
                (run,),
            )
        }
        by_run[run] = sorted(numbers.index(of[value]) for value in ids if value in of)
    return by_run


def test_all_of_a_model(demo: apsw.Connection) -> None:
    add_embeddings(demo, np.ones((3, 5), dtype=np.float32), model="other", ids=["a", b"b", 1.5])
    assert selected(demo) == list(range(1, 41))
    assert selected(demo, "other") == [1.5, "a", b"b"]
    assert models(database_of(demo)) == [("demo", 40), ("other", 3)]


def test_unknown_model(demo: apsw.Connection) -> None:
    with pytest.raises(UnknownModelError) as caught:
        selected(demo, "Demo")
    assert str(caught.value) == "no embeddings of model 'Demo'; models in this database: 'demo'. Did you mean 'demo'?"
    demo.execute("DELETE FROM Embedding")
    with pytest.raises(UnknownModelError, match="none: the Embedding table is empty"):
        selected(demo)


@pytest.mark.parametrize("downsample", [1, 2, 3, 5, 100])
def test_downsample_by_rank_within_each_run(runs: apsw.Connection, downsample: int) -> None:
    """Not by sequence_number, which may have gaps, and not over all runs together."""
    assert steps(runs, selected(runs, downsample=downsample)) == {
        "r1": list(range(0, 12, downsample)),
        "r2": list(range(0, 7, downsample)),
    }


def test_downsampling_keeps_both_kinds(con: apsw.Connection) -> None:
    """The original's `sequence_number % n` picked only image rows: even numbers are images."""
    con.execute("INSERT INTO Run (id) VALUES (1)")
    for number in range(40):
        con.execute(
            "INSERT INTO Invocation (id, run_id, sequence_number, type) VALUES (?1, 1, ?1, iif(?1 % 2, 'text', 'image'))",
            (number,),
        )
    # each model embeds one kind of thing: texts, odd numbers only
    texts = list(range(1, 40, 2))
    add_embeddings(con, np.ones((20, 2), dtype=np.float32), model="text", ids=texts, invocation_ids=texts)
    assert con.execute("SELECT count(*) FROM Invocation WHERE sequence_number % 10 = 0 AND type = 'text'").get == 0
    assert selected(con, "text", downsample=10) == [1, 21]


def test_downsample_by_rank_of_id_where_there_are_no_runs(demo: apsw.Connection) -> None:
    demo.execute("DELETE FROM Embedding WHERE id BETWEEN 5 AND 10")
    ids = [value for value in range(1, 41) if not 5 <= value <= 10]
    for step in (2, 7, 34, 1000):
        assert selected(demo, downsample=step) == ids[::step]


def test_runs_and_no_runs_are_ranked_apart(runs: apsw.Connection) -> None:
    add_embeddings(runs, np.ones((10, 2), dtype=np.float32), ids=range(10))
    kept = selected(runs, downsample=4)
    assert [value for value in kept if isinstance(value, int)] == [0, 4, 8]
    assert steps(runs, kept) == {"r1": [0, 4, 8], "r2": [0, 4]}


def test_where(demo: apsw.Connection) -> None:
    assert selected(demo, where="id <= 3 OR id = 7") == [1, 2, 3, 7]
    assert selected(demo, where="id > :low AND id < :high", parameters={"low": 10, "high": 13}) == [11, 12]
    assert selected(demo, where="id IN (SELECT value FROM json_each(:ids))", parameters={"ids": "[3, 5]"}) == [3, 5]
    assert selected(demo, where="id < 3 -- a remark") == [1, 2]
    assert selected(demo, where="0") == []
    assert selected(demo, where="content IS NOT NULL") == []
    assert selected(demo, where="clust_dimension(vector) = 8 AND id < 3") == [1, 2]


def test_where_comes_before_downsampling(runs: apsw.Connection) -> None:
    """Every second of those that the condition leaves."""
    condition = "invocation_id IN (SELECT id FROM Invocation WHERE type = 'text')"
    texts = selected(runs, where=condition)
    kept = selected(runs, where=condition, downsample=2)
    by_step = [
        row[0]
        for row in runs.execute(
            """SELECT e.id FROM Embedding e JOIN Invocation i ON i.id = e.invocation_id
               WHERE e.id IN (SELECT value FROM json_each(?)) ORDER BY i.run_id, i.sequence_number""",
            (str(texts).replace("'", '"'),),
        )
    ]
    first = [value for value in by_step if "r1-" in value][::2]
    second = [value for value in by_step if "r2-" in value][::2]
    assert kept == sorted(first + second)


@pytest.mark.parametrize("downsample", [1, 2])
@pytest.mark.parametrize(
    "where",
    [
        "1) OR (1",
        "0) OR 1 --",
        "1) UNION SELECT id, vector FROM Embedding WHERE (1",
        "1) UNION SELECT id FROM Embedding WHERE (1",
        "1; DELETE FROM Embedding",
        "1); DELETE FROM Embedding; SELECT (1",
        "1 THEN 1 END --",
        "1 THEN 1 END OR CASE WHEN 1",
        "1 ORDER BY 1",
        "1 LIMIT 1",
        "1 /*",
        "(1",
        "",
        "-- nothing",
        "id >",
        "no_such_column = 1",
        "no_such_function(id)",
        "count(*) > 1",
        "'unclosed",
        "DELETE FROM Embedding",
        "a\0b",
    ],
)
def test_where_is_one_condition(demo: apsw.Connection, where: str, downsample: int) -> None:
    add_embeddings(demo, np.ones((3, 8), dtype=np.float32), model="other", ids="abc")
    with pytest.raises(FilterError) as caught:
        selected(demo, where=where, downsample=downsample)
    assert str(caught.value).startswith(f"where {where!r}: ")
    assert str(caught.value).endswith("; expected one SQL condition on columns of Embedding")
    assert demo.execute("SELECT count(*) FROM Embedding").get == 43


@pytest.mark.parametrize("downsample", [1, 2])
@pytest.mark.parametrize(
    ("where", "parameters", "reason"),
    [
        ("id > :low", None, "low"),
        ("id > :low", {"high": 3}, "low"),
        ("id > ?", None, "no name"),
    ],
)
def test_missing_parameters(
    demo: apsw.Connection, where: str, parameters: dict[str, object] | None, reason: str, downsample: int
) -> None:
    with pytest.raises(FilterError, match=reason):
        selected(demo, where=where, parameters=parameters, downsample=downsample)


@pytest.mark.parametrize("downsample", [1, 2])
def test_a_condition_that_fails_at_a_later_row(demo: apsw.Connection, downsample: int) -> None:
    demo.execute("""UPDATE Embedding SET content = iif(id < 30, '{"n": 1}', '{')""")
    with pytest.raises(FilterError, match="malformed JSON"):
        selected(demo, where="content ->> 'n' = 1", downsample=downsample)
    assert demo.txn_state() == apsw.SQLITE_TXN_NONE


def test_bad_vectors_name_their_id(demo: apsw.Connection) -> None:
    demo.execute("UPDATE Embedding SET vector = ? WHERE id = 9", (blob(*[0] * 7, float("nan")),))
    with pytest.raises(NotFiniteError, match=r"^embedding 9 has nan at position 7"):
        selected(demo)
    assert len(selected(demo, where="id <> 9")) == 39


def test_a_blob_of_no_whole_numbers_in_a_damaged_file(demo: apsw.Connection) -> None:
    demo.execute("PRAGMA ignore_check_constraints = 1")
    demo.execute("UPDATE Embedding SET vector = x'010203' WHERE id = 9")
    with pytest.raises(VectorLengthError, match=r"^embedding 9 has 3 bytes"):
        selected(demo)


def test_the_selection_as_it_is_stored() -> None:
    assert Selection("m", "id > :low", {"low": 3}, 5).recorded() == {"where": "id > :low", "downsample": 5}
    assert not Selection("m").filtered
    assert Selection("m", downsample=2).filtered
    assert Selection("m", "1").filtered


def test_interrupt_while_reading(con: apsw.Connection) -> None:
    add_embeddings(con, np.ones((3000, 2), dtype=np.float32))
    control = Control(lambda phase, fraction: con.interrupt())
    with pytest.raises(apsw.InterruptError):
        select(database_of(con), Selection("demo"), control)
    assert len(selected(con)) == 3000


def test_one_moment(demo_file: Any) -> None:
    """Rows that another connection adds while we read are not among them."""
    reader, writer = sqlclust.connect(str(demo_file)), sqlclust.connect(str(demo_file))
    reader.pragma("journal_mode", "wal")
    with writer:
        add_embeddings(writer, np.ones((3000, 8), dtype=np.float32), ids=range(1000, 4000))
    control = Control(lambda phase, fraction: writer.execute("DELETE FROM Embedding WHERE id >= 1000"))
    assert len(select(database_of(reader), Selection("demo"), control)) == 3040
    assert len(selected(reader)) == 40
    reader.close()
    writer.close()
