"""All checks, in their order."""

from __future__ import annotations

from sqlclust import schema
from sqlclust.core.runtime.control import Progress
from sqlclust.diagnosis.clusters import check_clusters, check_models
from sqlclust.diagnosis.examination import RESTORE, Examination
from sqlclust.diagnosis.families import families_of
from sqlclust.diagnosis.file_state import (
    check_constraints,
    check_fits,
    check_integrity,
    check_parameters,
    check_results,
)
from sqlclust.diagnosis.findings import Finding
from sqlclust.diagnosis.ids import check_foreign_keys, check_ids, check_keys, check_relations
from sqlclust.diagnosis.items import check_items, check_items_there
from sqlclust.diagnosis.maps import check_maps
from sqlclust.diagnosis.mixed_ids import check_mixed_ids
from sqlclust.diagnosis.schema_state import check_schema, is_as_its_version_made_it
from sqlclust.diagnosis.sources import check_sources, registered_formats
from sqlclust.diagnosis.vector_tables import related_tables, vector_tables
from sqlclust.diagnosis.vectors import check_vectors
from sqlclust.errors import CorruptError
from sqlclust.sqlite import statements
from sqlclust.sqlite.database import Database
from sqlclust.sqlite.layout import read_layout
from sqlclust.sqlite.transactions import translated_errors
from sqlclust.vectors.formats import FORMATS, FormatName


def examine(
    database: Database,
    *,
    quick: bool = False,
    format: FormatName | None = None,
    progress: Progress | None = None,
) -> list[Finding]:
    """What is wrong in the main database, errors first. Writes nothing."""
    with translated_errors(database, doing="looking for what is wrong"):
        exam = start(database, progress, format)
        with exam.watching():
            check_rows(exam)
            if not quick:
                check_contents(exam)
    return ordered(exam.findings)


def start(database: Database, progress: Progress | None = None, format: FormatName | None = None) -> Examination:
    """An examination before its first check."""
    layout = read_layout(database)
    try:
        version, unreadable = schema.version(database), None
    except CorruptError as error:
        version, unreadable = None, str(error)
    # a newer program's tables are not ours to judge
    known = [] if version is not None and version > schema.VERSION else families_of(layout, ours=version is not None)
    exam = Examination(database, layout, known, version, progress, format)
    if unreadable is not None:
        exam.add(
            "damaged-file", "error", "SqlclustMigration", None, n=1, remedy=RESTORE,
            detail=f"reading SqlclustMigration failed: {unreadable}",
        )  # fmt: skip
    return exam


def check_rows(exam: Examination) -> None:
    """Checks that look neither at vectors nor at the file as a whole. A repair may change what they find."""
    vectors = vector_tables(exam.layout, exam.families)
    related = related_tables(exam.layout, exam.families, vectors)
    with exam.phase("tables"):
        check_schema(exam, exam.version)
        if not statements.pragma(exam.database, "foreign_keys"):
            exam.add(
                "foreign-keys-off", "note", None, None, n=1,
                detail="this connection does not enforce foreign keys; it is a setting of each connection, not of the file",
                remedy="PRAGMA foreign_keys = ON, before the transaction begins",
            )  # fmt: skip
    with exam.phase("ids"):
        check_ids(exam, related)
        check_mixed_ids(exam, exam.families, vectors)
        for family in exam.families:
            check_keys(exam, family)
            check_relations(exam, family)
        check_foreign_keys(exam, related)
    with exam.phase("results"):
        if exam.version is not None and exam.version <= schema.VERSION:
            check_constraints(exam)
        for family in exam.families:
            check_clusters(exam, family)
            if "result" in family.tables:
                check_parameters(exam, family)
            if family.ours:
                check_results(exam, family)
    with exam.phase("sources"):
        check_sources(exam)
        for family in exam.families:
            if family.ours:
                check_items(exam, family)


def check_contents(exam: Examination) -> None:
    """Checks that read the whole file: vectors, keys of sources, models of members, stored fits, integrity."""
    registered = registered_formats(exam)
    for vectors in vector_tables(exam.layout, exam.families, as_text=FORMATS[exam.format or "float32"].is_text):
        with exam.phase("vectors"):
            check_vectors(exam, vectors, registered.get((vectors.table.name.lower(), vectors.vector.name.lower())))
    with exam.phase("items"):
        for family in exam.families:
            if family.ours:
                check_items_there(exam, family)
    with exam.phase("models"):
        for family in exam.families:
            found = family.get("result", "assignment", "embedding")
            if found is not None:
                check_models(exam, *found)
    with exam.phase("fits"):
        for family in exam.families:
            if family.ours and "fit" in family.tables and is_as_its_version_made_it(exam, family["fit"]):
                check_fits(exam, family["fit"])
                if "map" in family.tables and is_as_its_version_made_it(exam, family["map"]):
                    check_maps(exam, family["map"])
    with exam.phase("integrity"):
        check_integrity(exam)


def integrity(database: Database, progress: Progress | None = None) -> list[Finding]:
    """What PRAGMA integrity_check says."""
    with translated_errors(database, doing="looking for what is wrong"):
        exam = start(database, progress)
        with exam.watching(), exam.phase("integrity"):
            check_integrity(exam)
    return exam.findings


def ordered(findings: list[Finding]) -> list[Finding]:
    """Errors first; otherwise in the order of the checks."""
    return sorted(dict.fromkeys(findings), key=lambda finding: finding.severity != "error")
