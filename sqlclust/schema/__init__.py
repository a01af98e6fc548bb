"""Bringing a database to our schema: `schema.sql` for a new one, the migrations it has not been through for an older one.

A ledger table, SqlclustMigration, says which steps a file has been through; all steps that it needs run in one transaction
together with their ledger rows. `user_version` and `application_id` belong to the host program and are never touched. All
DDL is in `schema.sql`; the migrations bring an older file to the same text.

Every version so far is read and written by this program as it is, and nobody has to wait for an upgrade. So reading never
upgrades, and a file that cannot be written can still be read.
"""

from sqlclust.schema.checking import check, has, makes_trigger
from sqlclust.schema.initializing import initialize
from sqlclust.schema.ledger import refuse_foreign_objects, version
from sqlclust.schema.new_file import object_names, of_a_new_file
from sqlclust.schema.versions import MIGRATIONS, VERSION, schema_sql

__all__ = [
    "MIGRATIONS",
    "VERSION",
    "check",
    "has",
    "initialize",
    "makes_trigger",
    "object_names",
    "of_a_new_file",
    "refuse_foreign_objects",
    "schema_sql",
    "version",
]
