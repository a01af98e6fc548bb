"""SQLAlchemy on our tables: reflection, Core, the ORM."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.interop.tools import TABLES, query, run_blocks, tool, views
from tests.small import blob


@pytest.fixture
def sa() -> Any:
    tool("sqlalchemy.ext.automap")
    tool("sqlalchemy.orm")
    return tool("sqlalchemy")


@pytest.fixture
def engine(sa: Any, results: Path) -> Iterator[Any]:
    """With foreign keys on; nothing else is as it would not be by itself."""
    made = sa.create_engine(f"sqlite:///{results}")
    sa.event.listen(made, "connect", lambda connection, _: connection.execute("PRAGMA foreign_keys = ON"))
    yield made
    made.dispose()


@pytest.fixture
def metadata(sa: Any, engine: Any) -> Any:
    """All tables and views, with the page's listener."""
    made = sa.MetaData()

    def keep_ids_as_they_are(inspector: object, table: object, column: dict[str, Any]) -> None:
        if type(column["type"]) is sa.NUMERIC:
            column["type"] = sa.types.NullType()

    sa.event.listen(made, "column_reflect", keep_ids_as_they_are)
    made.reflect(engine, views=True)
    return made


def orm_class(metadata: Any, name: str) -> Any:
    base = type("Base", (tool("sqlalchemy.orm").DeclarativeBase,), {})
    return type(name, (base,), {"__table__": metadata.tables[name]})


def test_the_page(sa: Any, colors: Path) -> None:
    run_blocks("SQLAlchemy")


def test_everything_is_reflected_and_read(sa: Any, engine: Any, metadata: Any, results: Path) -> None:
    assert set(metadata.tables) == TABLES | set(views(results))
    with engine.connect() as connection:
        for name, table in metadata.tables.items():
            rows = [tuple(row) for row in connection.execute(sa.select(table))]
            assert sorted(map(repr, rows)) == sorted(map(repr, query(results, f"SELECT * FROM {name}"))), name


def test_without_the_listener_ids_are_numbers(sa: Any, engine: Any) -> None:
    plain = sa.MetaData()
    plain.reflect(engine)
    run = plain.tables["Run"]
    if type(run.c.id.type) is not sa.NUMERIC:
        pytest.skip(f"SQLAlchemy {sa.__version__} reflects ANY as {run.c.id.type!r}: the page can be shorter")
    with engine.connect() as connection:
        with pytest.raises(TypeError, match="must be real number"):
            connection.execute(sa.select(run)).all()
        with pytest.raises(sa.exc.StatementError, match="could not convert"):
            connection.execute(sa.insert(run).values(id="another"))


def test_foreign_keys_are_off_without_the_other_listener(sa: Any, metadata: Any, results: Path) -> None:
    plain = sa.create_engine(f"sqlite:///{results}")
    nowhere = sa.insert(metadata.tables["EmbeddingCluster"]).values(
        clustering_result_id=1, embedding_id="nowhere", label=-1, probability=0.0
    )
    with plain.begin() as connection:
        connection.execute(nowhere)
    plain.dispose()
    assert len(query(results, "PRAGMA foreign_key_check")) == 1


def test_every_id_keeps_its_type(sa: Any, engine: Any, metadata: Any, results: Path) -> None:
    run, ids = metadata.tables["Run"], [7, "7", 2.5, b"\xff"]
    with engine.begin() as connection:
        connection.execute(sa.insert(run), [{"id": identifier} for identifier in ids])
        for identifier in ids:
            assert connection.execute(sa.select(run.c.id).where(run.c.id == identifier)).all() == [(identifier,)]
    kept = query(results, "SELECT typeof(id) FROM Run WHERE id <> 'run' ORDER BY 1")
    assert kept == [("blob",), ("integer",), ("real",), ("text",)]


def test_a_transaction_is_whole_or_not_at_all(sa: Any, engine: Any, metadata: Any, results: Path) -> None:
    embedding = sa.insert(metadata.tables["Embedding"]).values(id="new", embedding_model="demo", vector=blob(1, 2))
    row = sa.insert(metadata.tables["EmbeddingCluster"]).values(
        clustering_result_id=1, embedding_id="new", probability=0.0
    )

    def write(label: int) -> None:
        with engine.begin() as connection:
            connection.execute(embedding)
            connection.execute(row.values(label=label))

    with pytest.raises(sa.exc.IntegrityError, match="FOREIGN KEY") as refused:
        write(label=99)  # there is no such cluster
    assert "INSERT" not in str(refused.value)  # at COMMIT
    assert query(results, "SELECT count(*) FROM Embedding") == [(40,)]
    write(label=-1)
    assert query(results, "SELECT label, cluster_label FROM EmbeddingCluster WHERE embedding_id = 'new'") == [
        (-1, None)
    ]


def test_generated_columns_are_left_out_of_inserts(metadata: Any, sa: Any, engine: Any) -> None:
    for name in ("EmbeddingCluster", "EmbeddingPrediction"):
        assert metadata.tables[name].c.cluster_label.computed is not None
    assigned, row = orm_class(metadata, "EmbeddingCluster"), {"embedding_id": "e00", "label": -1, "probability": 0.0}
    result = metadata.tables["ClusteringResult"]
    with tool("sqlalchemy.orm").Session(engine) as session:
        third = session.execute(sa.insert(result).values(embedding_model="demo", parameters="{}")).inserted_primary_key[
            0
        ]
        session.add(assigned(clustering_result_id=third, **row))
        session.commit()
        assert session.get(assigned, {"embedding_id": "e00", "clustering_result_id": 1}).cluster_label == 2


def test_a_whole_result_through_the_view(sa: Any, engine: Any, metadata: Any, results: Path) -> None:
    result, rows = metadata.tables["ClusteringResult"], metadata.tables["ClusterAssignment"]
    with engine.begin() as connection:
        made = connection.execute(sa.insert(result).values(embedding_model="demo", algorithm="mine", parameters="{}"))
        [key] = made.inserted_primary_key
        member = {"clustering_result_id": key, "label": 0, "probability": 1.0, "medoid_embedding_id": "e01", "size": 2}
        connection.execute(sa.insert(rows), [{**member, "embedding_id": name} for name in ("e01", "e02")])
    summary = query(
        results, f"SELECT algorithm, n_rows, n_clusters FROM ClusteringSummary WHERE clustering_result_id = {key}"
    )
    assert summary == [("mine", 2, 1)]


def test_classes_without_relationships_leave_the_guard_to_the_database(
    sa: Any, engine: Any, metadata: Any, results: Path
) -> None:
    embedding, result = orm_class(metadata, "Embedding"), orm_class(metadata, "ClusteringResult")
    with tool("sqlalchemy.orm").Session(engine) as session:
        session.delete(session.get(embedding, "e05"))
        with pytest.raises(sa.exc.IntegrityError, match="FOREIGN KEY"):
            session.commit()
        session.rollback()
        session.delete(session.get(result, 1))
        session.commit()
    assert query(results, "SELECT DISTINCT clustering_result_id FROM EmbeddingCluster") == [(2,)]


def test_automap_deletes_what_the_database_guards(sa: Any, engine: Any, metadata: Any, results: Path) -> None:
    base = sa.ext.automap.automap_base(metadata=metadata)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sa.exc.SAWarning)  # of relationships that share a column
        base.prepare()
        sa.orm.configure_mappers()
    with sa.orm.Session(engine) as session:
        medoids = sa.select(metadata.tables["Cluster"].c.medoid_embedding_id)
        other = sa.select(base.classes.Embedding).where(base.classes.Embedding.id.not_in(medoids)).limit(1)
        session.delete(session.scalars(other).one())
        try:
            session.commit()
        except sa.exc.IntegrityError:
            pytest.skip(
                f"automap of SQLAlchemy {sa.__version__} leaves an embedding in its results: the page can be shorter"
            )
        assert query(results, "SELECT count(*) FROM EmbeddingCluster") == [(78,)]
        session.delete(session.get(base.classes.ClusteringResult, 1))
        with pytest.raises(sa.exc.CircularDependencyError):
            session.commit()


def test_a_connection_stays_open_until_the_engine_is_disposed_of(sa: Any, engine: Any) -> None:
    with engine.connect() as connection:
        connection.execute(sa.text("SELECT count(*) FROM Run")).all()
    kept = engine.pool.checkedin()
    engine.dispose()
    assert (kept, engine.pool.checkedin()) == (1, 0)


def test_tables_cannot_be_made_from_what_is_reflected(sa: Any, engine: Any, metadata: Any, tmp_path: Path) -> None:
    plain = sa.MetaData()
    plain.reflect(engine)
    other = sa.create_engine(f"sqlite:///{tmp_path / 'other.db'}")
    for reflected in (plain, metadata):
        with pytest.raises((sa.exc.CompileError, sa.exc.OperationalError)):
            reflected.create_all(other)
    other.dispose()
