"""The catalogue: what SQL sees is this literal list, each with a reference text and an example that holds."""

from __future__ import annotations

from typing import Any

import apsw
import pytest

import sqlclust
from sqlclust.errors import SqlclustError
from sqlclust.surface.catalog import CATALOG, OPTIONS
from sqlclust.surface.records import AggregateFunction, ScalarFunction, TableFunction
from tests.small import MAP, NOTE

EXPECTED = {
    "clust_version": "scalar",
    "clust_vector": "scalar",
    "clust_to_json": "scalar",
    "clust_dimension": "scalar",
    "clust_norm": "scalar",
    "clust_normalize": "scalar",
    "clust_distance": "scalar",
    "clust_centroid": "aggregate",
    "clust_points": "aggregate",
    "clust_medoid": "aggregate",
    "clust_duplicates": "table",
    "clust_neighbors": "table",
    "clust_hdbscan": "table",
    "clust_fit": "scalar",
    "clust_ari": "aggregate",
    "clust_ami": "aggregate",
    "clust_cut": "scalar",
    "clust_labels": "table",
    "clust_sweep": "table",
    "clust_spanning_tree": "table",
    "clust_condensed_tree": "table",
    "clust_layers": "table",
    "clust_core_distances": "table",
    "clust_fit_neighbors": "table",
    "clust_map": "table",
    "clust_predict": "table",
    "clust_nearest": "table",
    "clust_staleness": "table",
    "clust_lineage": "table",
    "clust_milestone": "table",
    "clust_texts": "aggregate",
    "clust_terms": "table",
    "clust_sources": "table",
    "clust_source": "scalar",
    "clust_doctor": "table",
}
INNOCUOUS = {
    "clust_version",
    "clust_vector",
    "clust_to_json",
    "clust_dimension",
    "clust_norm",
    "clust_normalize",
    "clust_distance",
}
KINDS = {ScalarFunction: "scalar", AggregateFunction: "aggregate", TableFunction: "table"}
RECORDS = [pytest.param(record, id=record.name) for record in CATALOG]


def test_the_catalogue_is_the_literal_list() -> None:
    assert [record.name for record in CATALOG] == list(EXPECTED)
    assert {record.name: KINDS[type(record)] for record in CATALOG} == EXPECTED
    assert {record.name for record in CATALOG if record.innocuous} == INNOCUOUS


def test_what_is_registered_is_the_catalogue(con: apsw.Connection) -> None:
    functions = con.execute(
        "SELECT DISTINCT name, type FROM pragma_function_list WHERE name LIKE 'clust\\_%' ESCAPE '\\' ORDER BY 1"
    ).fetchall()
    modules = con.execute(
        "SELECT name FROM pragma_module_list WHERE name LIKE 'clust\\_%' ESCAPE '\\' ORDER BY 1"
    ).fetchall()
    kinds = {"s": "scalar", "a": "aggregate", "w": "aggregate"}
    found = {name: kinds[str(kind)] for name, kind in functions} | {name: "table" for (name,) in modules}
    assert found == EXPECTED


@pytest.mark.parametrize("name", [name for name, kind in EXPECTED.items() if kind != "table"])
def test_argument_counts_are_registered(con: apsw.Connection, name: str) -> None:
    [record] = [record for record in CATALOG if record.name == name]
    counts = con.execute("SELECT narg FROM pragma_function_list WHERE name = ? ORDER BY 1", (name,)).fetchall()
    assert [count for (count,) in counts] == list(record.argument_counts)


@pytest.mark.parametrize("record", RECORDS)
def test_reference_text(record: Any) -> None:
    assert record.summary.endswith(".")
    assert record.example.startswith("SELECT ")
    assert f"{record.name}(" in record.example
    assert record.example.count(" -- ") == 1
    assert record.signature.startswith(f"{record.name}(")
    assert ("options" in record.args) == (record.name in OPTIONS)


def as_text(value: object) -> str:
    return "NULL" if value is None else str(value)


@pytest.mark.parametrize("record", RECORDS)
def test_example(demo: apsw.Connection, record: Any) -> None:
    # these go on from the example of clust_fit
    if any(arg.startswith(("clustering_fit_id", "clustering_result_id")) for arg in record.args):
        [first] = [other.example for other in CATALOG if other.name == "clust_fit"]
        demo.execute(first.partition(" -- ")[0]).fetchall()
    if record.name == "clust_map":
        demo.execute(MAP)
    if record.name == "clust_source":
        demo.execute(NOTE)
    sql, _, expected = record.example.rpartition(" -- ")
    rows = demo.execute(sql).fetchall()
    assert "\n".join("|".join(map(as_text, row)) for row in rows) == expected


def test_table_functions_have_the_columns_of_their_records(con: apsw.Connection) -> None:
    for record in CATALOG:
        if isinstance(record, TableFunction):
            columns = con.execute("SELECT name, type, hidden FROM pragma_table_xinfo(?)", (record.name,)).fetchall()
            assert [(name, kind) for name, kind, hidden in columns if not hidden] == list(record.columns.items())
            hidden_names = [name for name, _, hidden in columns if hidden]
            assert hidden_names[: len(record.args)] == list(record.args)
            assert hidden_names[len(record.args) + 1 :] == list(record.hidden_columns)


@pytest.mark.parametrize("record", [record for record in CATALOG if record.args], ids=lambda record: record.name)
def test_the_wrong_number_of_arguments_is_an_error(demo: apsw.Connection, record: Any) -> None:
    many = ", ".join(["NULL"] * (len(record.args) + 1))
    source = (
        f"SELECT * FROM {record.name}({many})" if isinstance(record, TableFunction) else f"SELECT {record.name}({many})"
    )
    with pytest.raises((apsw.SQLError, SqlclustError), match=r"wrong number of arguments|one too many"):
        demo.execute(source).fetchall()


def test_version() -> None:
    con = sqlclust.connect(":memory:")
    assert con.execute("SELECT clust_version()").get == sqlclust.__version__
    con.close()
