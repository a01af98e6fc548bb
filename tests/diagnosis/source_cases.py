"""What makes sources of a healthy file wrong, and the exact rows that the doctor then gives."""

from __future__ import annotations

from sqlclust.vectors.formats import FORMAT_NAMES
from tests.diagnosis.case import Case
from tests.diagnosis.source_findings import DOCS, altered, cannot, edited, elsewhere, error, view

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
        altered("table_name", "'docs' is a view: reading it would run what is in the file; copy a table"),
    ),
    "the key renamed": Case(
        "DROP VIEW docs_clusters; ALTER TABLE docs RENAME COLUMN id TO name",
        altered("id_columns", "table 'docs' has no column 'id'; its columns: 'name', 'embedding', 'body'"),
    ),
    "a part of the key gone": Case(
        "DROP VIEW pairs_clusters; ALTER TABLE pairs RENAME COLUMN number TO n",
        altered("id_columns", "table 'pairs' has no column 'number'; its columns: 'kind', 'n', 'vector'", "pairs"),
    ),
    "the vectors gone": Case(
        "DROP VIEW docs_clusters; ALTER TABLE docs DROP COLUMN embedding",
        altered("vector_column", "table 'docs' has no column 'embedding'; its columns: 'id', 'body'"),
    ),
    "the vectors generated": Case(
        "DROP VIEW docs_clusters; ALTER TABLE docs RENAME COLUMN embedding TO stored;"
        "ALTER TABLE docs ADD COLUMN embedding AS (stored)",
        altered("vector_column", "column 'embedding' is generated: reading it would run what is in the file"),
    ),
    "the texts gone": Case(
        "DROP VIEW docs_clusters; ALTER TABLE docs DROP COLUMN body",
        altered("content_column", "table 'docs' has no column 'body'; its columns: 'id', 'embedding'"),
    ),
    "the column of the part gone": Case(
        "DROP VIEW part_clusters; ALTER TABLE parted RENAME COLUMN part TO collection",
        altered(
            "part_column", "table 'parted' has no column 'part'; its columns: 'id', 'collection', 'embedding'", "part"
        ),
    ),
    "a view of a table that is gone": Case(
        "DROP TABLE behind",
        altered("table_name", "the view 'seen' cannot be read: no such table: main.behind", "seen"),
    ),
    "a vec0 table dropped": Case(
        "PRAGMA writable_schema = ON; DELETE FROM sqlite_schema WHERE name = 'plain'; PRAGMA writable_schema = RESET",
        [error("source-gone", "table_name", cannot("there is no vec0 table 'plain'", "plain"), "plain")],
    ),
    "a vec0 table of other columns": Case(
        "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql, 'embedding float', 'other float') "
        "WHERE name = 'plain'; PRAGMA writable_schema = RESET",
        altered("vector_column", "the vec0 table 'plain' has no vectors 'embedding'", "plain"),
    ),
    "a vec0 table without one of its tables": Case(
        "DROP TABLE plain_chunks",
        altered("table_name", "there is no table 'plain_chunks'", "plain"),
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
}
