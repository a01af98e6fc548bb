"""What makes sources and their rows of a healthy file wrong, and the exact rows that the doctor then gives."""

from __future__ import annotations

from sqlclust.vectors.formats import FORMAT_NAMES
from tests.diagnosis.case import Case, Row

DOCS = '["docs","t0"]'


def error(finding: str, column: str, detail: str, name: str = "docs") -> Row:
    return "error", finding, "EmbeddingSource", column, name, 1, detail


def edited(column: str, found: str, expected: str) -> list[Row]:
    damage = f"source 'docs' is damaged: EmbeddingSource.{column} is {found}, expected {expected}"
    return [error("damaged-source", column, f"{damage}: no fit, cut or prediction takes it")]


def view(name: str, what: str) -> Row:
    detail = f"the view {name + '_clusters'!r} of source {name!r} {what}"
    return "note", "source-view", "EmbeddingSource", None, name, 1, detail


def gone(n: int, example: str, item: str, table: str = "docs") -> Row:
    are = "is" if n == 1 else "are"
    detail = (
        f"{n} row{'s' * (n > 1)} of {table!r} that results have {are} not there any more, or without a vector; the example is "
        f"{item}"
    )
    return "note", "items-gone", "Embedding", "item_id", example, n, detail


def unused(n: int, example: str = DOCS) -> Row:
    rows = "1 row of a source is" if n == 1 else f"{n} rows of sources are"
    detail = f"{rows} in no result any more: triggers were off when the last one went"
    return "note", "unused-items", "Embedding", "item_id", example, n, detail


def cannot(reason: str, name: str = "docs") -> str:
    return f"source {name!r} cannot be read: {reason}"


def unlike(found: str, name: str = "docs", registered: str = "float32 of dimension 8") -> Row:
    return error("source-format", "format", f"source {name!r} is registered as {registered}; {found}", name)


def elsewhere(path: str, reason: str) -> Row:
    where = f"source 'docs' is in another file, {path!r} seen from the folder of this one, and that cannot be read: {reason}"
    return error("source-gone", "database", where)


SOURCE_CASES: dict[str, Case] = {
    # --- the table
    "the table gone": Case(
        "DROP VIEW docs_clusters; DROP TABLE docs",
        [error("source-gone", "table_name", cannot("there is no table 'docs'"))],
    ),
    "the table renamed": Case(
        "ALTER TABLE docs RENAME TO notes", [error("source-gone", "table_name", cannot("there is no table 'docs'"))]
    ),
    "a view in place of the table": Case(
        "DROP VIEW docs_clusters; ALTER TABLE docs RENAME TO notes; CREATE VIEW docs AS SELECT * FROM notes",
        [
            error(
                "source-altered",
                "table_name",
                cannot("'docs' is a view: reading it would run what is in the file; copy a table"),
            )
        ],
    ),
    "the key renamed": Case(
        "DROP VIEW docs_clusters; ALTER TABLE docs RENAME COLUMN id TO name",
        [
            error(
                "source-altered",
                "id_columns",
                cannot("table 'docs' has no column 'id'; its columns: 'name', 'embedding', 'body'"),
            )
        ],
    ),
    "a part of the key gone": Case(
        "DROP VIEW pairs_clusters; ALTER TABLE pairs RENAME COLUMN number TO n",
        [
            error(
                "source-altered",
                "id_columns",
                cannot("table 'pairs' has no column 'number'; its columns: 'kind', 'n', 'vector'", "pairs"),
                "pairs",
            )
        ],
    ),
    "the vectors gone": Case(
        "DROP VIEW docs_clusters; ALTER TABLE docs DROP COLUMN embedding",
        [
            error(
                "source-altered",
                "vector_column",
                cannot("table 'docs' has no column 'embedding'; its columns: 'id', 'body'"),
            )
        ],
    ),
    "the vectors generated": Case(
        "DROP VIEW docs_clusters; ALTER TABLE docs RENAME COLUMN embedding TO stored;"
        "ALTER TABLE docs ADD COLUMN embedding AS (stored)",
        [
            error(
                "source-altered",
                "vector_column",
                cannot("column 'embedding' is generated: reading it would run what is in the file"),
            )
        ],
    ),
    "the texts gone": Case(
        "DROP VIEW docs_clusters; ALTER TABLE docs DROP COLUMN body",
        [
            error(
                "source-altered",
                "content_column",
                cannot("table 'docs' has no column 'body'; its columns: 'id', 'embedding'"),
            )
        ],
    ),
    "the column of the part gone": Case(
        "DROP VIEW part_clusters; ALTER TABLE parted RENAME COLUMN part TO collection",
        [
            error(
                "source-altered",
                "part_column",
                cannot("table 'parted' has no column 'part'; its columns: 'id', 'collection', 'embedding'", "part"),
                "part",
            )
        ],
    ),
    "a view of a table that is gone": Case(
        "DROP TABLE behind",
        [
            error(
                "source-altered",
                "table_name",
                cannot("the view 'seen' cannot be read: no such table: main.behind", "seen"),
                "seen",
            )
        ],
    ),
    "a vec0 table dropped": Case(
        "PRAGMA writable_schema = ON; DELETE FROM sqlite_schema WHERE name = 'plain'; PRAGMA writable_schema = RESET",
        [error("source-gone", "table_name", cannot("there is no vec0 table 'plain'", "plain"), "plain")],
    ),
    "a vec0 table of other columns": Case(
        "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql, 'embedding float', 'other float') "
        "WHERE name = 'plain'; PRAGMA writable_schema = RESET",
        [
            error(
                "source-altered",
                "vector_column",
                cannot("the vec0 table 'plain' has no vectors 'embedding'", "plain"),
                "plain",
            )
        ],
    ),
    "a vec0 table without one of its tables": Case(
        "DROP TABLE plain_chunks",
        [error("source-altered", "table_name", cannot("there is no table 'plain_chunks'", "plain"), "plain")],
    ),
    # --- the vectors
    "vectors of float64": Case(
        "UPDATE docs SET embedding = other.v FROM other WHERE other.id = docs.id",
        [
            unlike(
                "from 36 rows: BLOBs of 64 bytes that look like float64: as float32 they reach from 1.08e-19 to 3.69e+19, as "
                "float64 they reach from 0.000167 to 1.06"
            )
        ],
    ),
    "vectors of another dimension": Case(
        "UPDATE docs SET embedding = substr(embedding, 1, 16)",
        [unlike("36 of 36 values in a sample have 16 bytes")],
    ),
    "half of the vectors of another dimension": Case(
        "UPDATE docs SET embedding = substr(embedding, 1, 16) WHERE rowid % 2",
        [
            unlike("18 of 36 values in a sample have 16 bytes"),
            (
                "note",
                "mixed-dimensions",
                "docs",
                "embedding",
                "t0",
                20,
                "20 vectors of the table have another number of dimensions than the others' 8; the example has 4",
            ),
        ],
    ),
    "vectors of another dimension, the format said": Case(
        "UPDATE EmbeddingSource SET format_is_said = 1 WHERE name = 'docs';"
        "UPDATE docs SET embedding = substr(embedding, 1, 16)",
        [unlike("36 of 36 values in a sample have 16 bytes", registered="float32 of dimension 8, as was said")],
    ),
    "vectors that look like another format, the format said": Case(
        "UPDATE EmbeddingSource SET format_is_said = 1, dimension = 16 WHERE name = 'docs';"
        "UPDATE docs SET embedding = other.v FROM other WHERE other.id = docs.id",
        [],
    ),
    "numbers in place of vectors": Case(
        "UPDATE docs SET embedding = 7.5",
        [
            unlike("from 36 rows: no vectors"),
            (
                "note",
                "vector-type",
                "docs",
                "embedding",
                "t0",
                40,
                "40 vectors are no BLOB of float32; the example is a REAL",
            ),
        ],
    ),
    "texts in place of BLOBs": Case(
        "UPDATE docs SET embedding = '[1.5, 2, 3, 4, 5, 6, 7, 8]'",
        [
            unlike("from 36 rows: JSON arrays of 8 numbers"),
            (
                "note",
                "vector-type",
                "docs",
                "embedding",
                "t0",
                40,
                "40 vectors are no BLOB of float32; the example is TEXT",
            ),
        ],
    ),
    "JSON of another dimension": Case(
        "UPDATE pairs SET vector = '[1.5, 2]'",
        [unlike("from 40 rows: JSON arrays of 2 numbers", "pairs", "json of dimension 8")],
    ),
    "a vec0 table of another format": Case(
        "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql, 'float[4]', 'int8[16]') "
        "WHERE name = 'plain'; PRAGMA writable_schema = RESET",
        [unlike("the vec0 table has 16 numbers of int8 in each", "plain", "float32 of dimension 4")],
    ),
    "some rows without a vector": Case(
        "UPDATE docs SET embedding = NULL WHERE rowid > 38; UPDATE docs SET embedding = x'' WHERE rowid = 38",
        [
            ("note", "vector-length", "docs", "embedding", "t37", 1, "1 vector is empty"),
            gone(3, '["docs","t37"]', "'t37'"),
        ],
    ),
    # --- the source's own row
    "no JSON in id_columns": Case(
        "UPDATE EmbeddingSource SET id_columns = '[1]' WHERE name = 'docs'",
        edited("id_columns", "'[1]'", "a JSON array of the names of different columns"),
    ),
    "an unknown format": Case(
        "UPDATE EmbeddingSource SET format = 'float33' WHERE name = 'docs'",
        edited("format", "'float33'", " or ".join(map(repr, FORMAT_NAMES))),
    ),
    "a name that is a BLOB": Case(
        "UPDATE EmbeddingSource SET table_name = CAST(x'ff' AS TEXT) WHERE name = 'docs'",
        edited("table_name", "no Unicode text (invalid start byte)", "Unicode"),
    ),
    "a source's row gone": Case(
        "DELETE FROM EmbeddingSource WHERE name = 'docs'",
        [("error", "orphans", "Embedding", "embedding_source", DOCS, 40, "40 rows point at no row of EmbeddingSource")],
    ),
    # --- the file
    "a file that is gone": Case(
        "UPDATE EmbeddingSource SET database = 'gone.db' WHERE name = 'docs'",
        [elsewhere("gone.db", "FOLDER/gone.db: there is no such file")],
    ),
    "a folder in place of the file": Case(
        "UPDATE EmbeddingSource SET database = '.' WHERE name = 'docs'",
        [elsewhere(".", "FOLDER: is a directory, expected a database file")],
    ),
    "a file that is no database": Case(
        "UPDATE EmbeddingSource SET database = 'text.db' WHERE name = 'docs'",
        [elsewhere("text.db", "FOLDER/text.db: not an SQLite database (or it is encrypted)")],
    ),
    "another file without the table": Case(
        "UPDATE EmbeddingSource SET database = 'empty.db' WHERE name = 'docs'",
        [elsewhere("empty.db", "FOLDER/empty.db has no table 'docs'")],
    ),
    "another table of that name in another file": Case(
        "UPDATE EmbeddingSource SET database = 'empty.db', table_name = 'one' WHERE name = 'docs'",
        [
            error(
                "source-altered",
                "id_columns",
                "source 'docs' in 'empty.db' cannot be read: table 'one' has no column 'id'; its columns: 'x'",
            )
        ],
    ),
    # --- the view
    "a view gone": Case(
        "DROP VIEW docs_clusters",
        [view("docs", "is not there")],
    ),
    "a view of another text": Case(
        "ALTER TABLE docs ADD COLUMN label TEXT",
        [view("docs", "is not as a fit would make it now")],
    ),
    "a table that has the view's name": Case(
        "DROP VIEW docs_clusters; CREATE TABLE Docs_Clusters (x)",
        [
            (
                "error",
                "source-view",
                "EmbeddingSource",
                None,
                "docs",
                1,
                "source 'docs' cannot have its view 'docs_clusters': table 'Docs_Clusters' has that name",
            )
        ],
    ),
    # --- rows of Embedding
    "items gone": Case(
        "DELETE FROM docs WHERE id IN ('t3', 't4'); DELETE FROM pairs WHERE number = 5",
        [gone(2, '["docs","t3"]', "'t3'"), gone(1, '["pairs","b",5]', """'["b",5]'""", "pairs")],
    ),
    "a key under another type": Case(
        "UPDATE docs SET id = CAST('t3' AS BLOB) WHERE id = 't3'",
        [gone(1, '["docs","t3"]', "'t3'")],
    ),
    "a key that is NULL": Case(
        "UPDATE docs SET id = NULL WHERE id = 't3'",
        [
            error(
                "source-altered", "id_columns", cannot("row 4: the id is NULL, expected an INTEGER, REAL, TEXT or BLOB")
            )
        ],
    ),
    "a key that is a BLOB in part": Case(
        "UPDATE pairs SET kind = x'00' WHERE number = 5",
        [
            error(
                "source-altered",
                "id_columns",
                cannot(
                    "row 40 of 'pairs': a part of its key (kind, number) is a BLOB; keys of several columns become JSON, which "
                    "has no BLOBs",
                    "pairs",
                ),
                "pairs",
            )
        ],
    ),
    "rows that nobody has": Case(
        "DELETE FROM EmbeddingCluster WHERE clustering_result_id = 2; DELETE FROM Cluster WHERE clustering_result_id = 2;"
        "DELETE FROM ClusteringResult WHERE id = 2",
        [unused(40, '["pairs","a",0]')],
        [("unused-items", "Embedding", "item_id", 40, "deleted 40 rows that no result has")],
        [],
    ),
    "a result that is gone and its rows are not": Case(
        "DELETE FROM ClusteringResult WHERE id = 2",
        [
            (
                "error",
                "orphans",
                "Cluster",
                "clustering_result_id",
                2,
                3,
                "3 rows point at no row of ClusteringResult; the example at 2",
            ),
            (
                "error",
                "orphans",
                "EmbeddingCluster",
                "clustering_result_id",
                '["pairs","a",0]',
                40,
                "40 rows point at no row of ClusteringResult; the example at 2",
            ),
        ],
        [
            (
                "orphans",
                "EmbeddingCluster",
                "clustering_result_id",
                40,
                "deleted 40 rows: their ClusteringResult is gone",
            ),
            ("orphans", "Cluster", "clustering_result_id", 3, "deleted 3 rows: their ClusteringResult is gone"),
            ("unused-items", "Embedding", "item_id", 40, "deleted 40 rows that no result has"),
        ],
        [],
    ),
    "a row that another program points at": Case(
        "DELETE FROM EmbeddingCluster WHERE clustering_result_id = 2; DELETE FROM Cluster WHERE clustering_result_id = 2;"
        "DELETE FROM ClusteringResult WHERE id = 2;"
        "CREATE TABLE note (id INTEGER PRIMARY KEY, about TEXT REFERENCES Embedding (id));"
        """INSERT INTO note (about) VALUES ('["pairs","a",0]')""",
        [unused(39, '["pairs","a",10]')],
        [("unused-items", "Embedding", "item_id", 39, "deleted 39 rows that no result has")],
        [],
    ),
    "another id than a fit gives": Case(
        """UPDATE Embedding SET id = '["docs", "t3"]' WHERE item_id = 't3';"""
        """UPDATE EmbeddingCluster SET embedding_id = '["docs", "t3"]' WHERE embedding_id = '["docs","t3"]'""",
        [
            (
                "error",
                "item-id",
                "Embedding",
                "id, item_id",
                '["docs", "t3"]',
                1,
                "1 row of source 'docs' has another id than a fit gives it; the example stands for 't3'",
            )
        ],
    ),
    "embeddings under the name of a source": Case(
        "INSERT INTO Embedding (id, embedding_model, vector) VALUES ('x', 'docs', x'0000803f'), "
        "('y', 'plain', x'0000803f')",
        [
            (
                "error",
                "source-name",
                "Embedding",
                "embedding_model",
                "x",
                2,
                "2 embeddings have the name of a source as their model, such as 'docs': whatever takes that name reads the "
                "source, and not these",
            )
        ],
    ),
    "a vector and a source": Case(
        "UPDATE Embedding SET vector = x'0000803f' WHERE item_id = 't3'",
        [
            (
                "error",
                "constraint-violated",
                "Embedding",
                None,
                '["docs","t3"]',
                1,
                "1 row has what the table refuses: not ((vector IS NULL) <> (embedding_source IS NULL))",
            )
        ],
    ),
    "neither a vector nor a source": Case(
        "UPDATE Embedding SET embedding_source = NULL WHERE item_id = 't3'",
        [
            (
                "error",
                "constraint-violated",
                "Embedding",
                None,
                '["docs","t3"]',
                1,
                "1 row has what the table refuses: not ((vector IS NULL) <> (embedding_source IS NULL))",
            ),
            (
                "error",
                "constraint-violated",
                "Embedding",
                None,
                '["docs","t3"]',
                1,
                "1 row has what the table refuses: not ((item_id IS NULL) = (embedding_source IS NULL))",
            ),
        ],
    ),
}
