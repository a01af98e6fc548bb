"""Making our tables, and upgrading those of an older version."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlclust.errors import SchemaVersionError, SQLiteVersionError
from sqlclust.schema import versions
from sqlclust.schema.ledger import refuse_foreign_objects, version
from sqlclust.schema.new_file import object_names
from sqlclust.schema.upgrading import upgrade
from sqlclust.sqlite import statements
from sqlclust.sqlite.database import Database
from sqlclust.sqlite.rolling_back import transaction_ends

_OLDEST_SQLITE = (3, 38)
"""STRICT tables are of 3.37; the JSON functions of the CHECKs are built in since 3.38."""


def initialize(database: Database) -> bool:
    """Bring the database to the current schema, in one transaction; True if anything was changed.

    Cost of an upgrade: see `upgrade`; from version 1 to 2 none to speak of, to 3 a pass over Embedding and ClusteringFit.

    Raises:
        SQLiteVersionError: SQLite is older than 3.38; nothing was changed.
        SchemaConflictError: it has tables, views, indexes or triggers of our names that are not ours; nothing was changed.
        SchemaContentError: it has rows that the current schema does not allow; nothing was changed.
        SchemaDamagedError: a table to be changed is not as its version made it; nothing was changed.
        SchemaVersionError: a newer sqlclust wrote it.
    """
    if version(database) == versions.VERSION:
        return False
    with _transaction(database):
        found = version(database)  # again: another process may have been faster
        if found == versions.VERSION:
            return False
        if found is None:
            _refuse_old_sqlite(database)
            refuse_foreign_objects(database, object_names(database))
            statements.run(database, versions.schema_sql())
            return True
        if found > versions.VERSION:
            raise SchemaVersionError(database.filename, found=found, expected=versions.VERSION)
        upgrade(database, found)
    return True


def _refuse_old_sqlite(database: Database) -> None:
    found = database.versions["sqlite"]
    if tuple(map(int, found.split("."))) < _OLDEST_SQLITE:
        raise SQLiteVersionError(found=found, expected=".".join(map(str, _OLDEST_SQLITE)))


@contextmanager
def _transaction(database: Database) -> Iterator[None]:
    """A write transaction from its start; inside the caller's transaction a savepoint."""
    if database.in_transaction:
        with statements.savepoint(database):
            yield
        return
    with transaction_ends(database):
        statements.run(database, "BEGIN IMMEDIATE")
        yield
        statements.run(database, "COMMIT")
