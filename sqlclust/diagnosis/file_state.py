"""The file as a whole, and what stands in it as text or BLOBs that only we read: parameters and stored fits."""

from __future__ import annotations

import json
import re
from typing import Any

from sqlclust.core.clusters.labels import NOISE
from sqlclust.diagnosis.examination import RESTORE, Examination, counted
from sqlclust.diagnosis.families import Family
from sqlclust.diagnosis.schema_state import expected_layout, is_as_its_version_made_it, without_comments
from sqlclust.errors import (
    CorruptError,
    DatabaseError,
    DatabaseFileError,
    FitDamagedError,
    FitNotStoredError,
    OptionError,
    OptionsJSONError,
    StatementError,
    UnknownFitError,
)
from sqlclust.options import HdbscanOptions, names, parse, parse_object
from sqlclust.sqlite import interrupt, statements
from sqlclust.sqlite.layout import Table, quoted
from sqlclust.store.fits import loading as fits
from sqlclust.store.fits.neighbors import TABLE as NEIGHBORS
from sqlclust.store.fits.stored_fit import StoredFit
from sqlclust.store.results.stable_labels import next_label_of

_MOST_MESSAGES = 100


def check_integrity(exam: Examination) -> None:
    """PRAGMA integrity_check. Reads the whole file.

    What it says about CHECKs is left out: it says nothing where the file is open for reading only. `check_constraints` has ours.
    """
    messages: list[tuple[str | None, str]] = []
    try:
        messages += [(None, text) for text in _integrity(exam, None)]
    except (StatementError, UnicodeDecodeError):
        # a CHECK or an index calls what this program does not have: one by one
        for table in exam.layout.tables.values():
            try:
                messages += [(table.name, text) for text in _integrity(exam, table)]
            except (StatementError, UnicodeDecodeError) as error:
                exam.add(
                    "unreadable", "note", table, None, n=1, detail=f"its integrity was not checked: {error}",
                    remedy="PRAGMA integrity_check in the program that the table belongs to",
                )  # fmt: skip
    types: dict[tuple[str, str], list[str]] = {}
    damage: list[tuple[str | None, str]] = []
    for name, text in messages:
        wrong = _WRONG_TYPE.fullmatch(text)
        if wrong:
            types.setdefault((wrong[1], wrong[2]), []).append(text)
        else:
            damage.append((name, text))
    many = " or more" if len(messages) >= _MOST_MESSAGES else ""
    for (name, column), texts in types.items():
        exam.add(
            "wrong-type", "error", name, column, n=len(texts), remedy="correct or delete the rows",
            detail=f"{counted(len(texts), 'value', 'values')}{many} of a type that the column refuses; the first: {texts[0]}",
        )  # fmt: skip
    if damage:
        exam.add(
            "damaged-file", "error", damage[0][0], None, n=len(damage), remedy=RESTORE,
            detail=f"{counted(len(damage), 'message', 'messages')}{many} of PRAGMA integrity_check; the first: {damage[0][1]}",
        )  # fmt: skip


_WRONG_TYPE = re.compile(r"(?:[A-Z]+|non-[A-Z]+) value in (.*)\.(.*)", re.DOTALL)


def _integrity(exam: Examination, table: Table | None) -> list[str]:
    argument = _MOST_MESSAGES if table is None else quoted(table.name)
    try:
        rows = statements.all_rows(exam.database, f"PRAGMA main.integrity_check({argument})")
    except CorruptError as error:
        return [str(error)]
    return [str(text) for (text,) in rows if text != "ok" and not str(text).startswith("CHECK constraint failed in ")]


# --- CHECKs ----------------------------------------------------------------------------------------------------------

_SAID_ELSEWHERE = (
    "length(vector) > 0 AND length(vector) % 4 = 0",
    "json_valid(parameters) AND json_type(parameters) = 'object'",
)
"""CHECKs whose violations are findings of their own."""

_BROKEN = "SELECT count(*) AS n, min({example}) AS example FROM {table} WHERE NOT ({check})"


def check_constraints(exam: Examination) -> None:
    """Rows of our tables that the CHECKs of schema.sql refuse, and that were let in all the same."""
    for name, expected in expected_layout(exam.database).tables.items():
        table = exam.layout.tables.get(name)
        if table is None or not is_as_its_version_made_it(exam, table):
            continue
        of_later = {column for column in expected.columns if not table.has(column)}
        for check in checks_of(expected_layout(exam.database).objects[name][3]):
            if check in _SAID_ELSEWHERE or of_later & {*re.findall(r"\w+", check.lower())}:
                continue
            with exam.guarded(table):
                n, example = exam.row(_BROKEN.format(example=table.example, table=table.sql, check=check))
                if n:
                    exam.add(
                        "constraint-violated", "error", table, None, n=n, example=example,
                        detail=f"{counted(n, 'row has', 'rows have')} what the table refuses: not ({check})",
                        remedy="correct or delete the rows; PRAGMA ignore_check_constraints, or a damaged file, let them in",
                    )  # fmt: skip


def checks_of(definition: str) -> list[str]:
    """The conditions of the CHECKs in one of our CREATE TABLE statements."""
    text = without_comments(definition)
    checks = []
    for start in re.finditer(r"\bCHECK \(", text):
        depth, end = 1, start.end()
        while depth:
            depth += {"(": 1, ")": -1}.get(text[end], 0)
            end += 1
        checks.append(text[start.end() : end - 1])
    return checks


# --- parameters ------------------------------------------------------------------------------------------------------

_NOT_JSON = """
SELECT count(*) AS n, min(id) AS example, substr(CAST(parameters AS TEXT), 1, 40) AS fact
FROM {result}
WHERE CASE WHEN json_valid(parameters) THEN json_type(parameters) <> 'object' ELSE parameters IS NOT NULL END
"""
_PARAMETERS = """
SELECT id, CAST(parameters AS BLOB) FROM {result}
WHERE algorithm = 'hdbscan' AND CASE WHEN json_valid(parameters) THEN json_type(parameters) = 'object' END
"""


def check_parameters(exam: Examination, family: Family) -> None:
    """What results say they were made with."""
    result = family["result"]
    with exam.guarded(result):
        n, example, fact = exam.row(_NOT_JSON.format(result=result.sql))
        if n:
            exam.add(
                "parameters-not-json", "error", result, "parameters", n=n, example=example,
                detail=f"the parameters of {counted(n, 'result are', 'results are')} no JSON object; the example's begin with "
                f"{fact!r}",
                remedy="write them as they ran, if that is known; otherwise fit again and delete the result",
            )  # fmt: skip
        if family.ours and result.has("algorithm"):
            _check_options(exam, result, _largest_labels(exam, family.tables.get("cluster")))


def _largest_labels(exam: Examination, cluster: Table | None) -> dict[Any, Any]:
    """By result."""
    if cluster is None or not cluster.has("label"):
        return {}
    sql = f"SELECT clustering_result_id, max(label) FROM {cluster.sql} WHERE typeof(label) = 'integer' GROUP BY 1"
    return dict(statements.all_rows(exam.database, sql))


def _check_options(exam: Examination, result: Table, largest_labels: dict[Any, Any]) -> None:
    expected = names(HdbscanOptions)
    incomplete: list[tuple[Any, list[str]]] = []
    refused: list[tuple[Any, str]] = []
    unchained: list[tuple[Any, str]] = []
    for result_id, text in statements.all_rows(exam.database, _PARAMETERS.format(result=result.sql)):
        try:
            found = parse_object(text.decode(exam.layout.codec))
            missing = [name for name in expected if name not in found]
            if missing:
                incomplete.append((result_id, missing))
            try:
                next_label_of("hdbscan", found, at_least=largest_labels.get(result_id, NOISE) + 1)
            except ValueError as error:
                unchained.append((result_id, str(error)))
            parse(HdbscanOptions, {name: value for name, value in found.items() if name in expected})
        except (OptionsJSONError, OptionError, UnicodeDecodeError) as error:
            refused.append((result_id, str(error)))
    as_they_ran = "write them as they ran; clust_fit and sqlclust fit store all of them"
    exam.add_rows(
        "parameters-incomplete", "note", result, "parameters", incomplete, remedy=as_they_ran,
        detail=lambda n, missing: f"{counted(n, 'result does', 'results do')} not say all of its parameters; the example lacks "
        f"{', '.join(missing)}",
    )  # fmt: skip
    exam.add_rows(
        "parameters-refused", "note", result, "parameters", refused, remedy=as_they_ran,
        detail=lambda n, reason: f"{counted(n, 'result has', 'results have')} parameters that no fit takes; the example's: "
        f"{reason}",
    )  # fmt: skip
    exam.add_rows(
        "wrong-next-label", "error", result, "parameters", unchained,
        detail=lambda n, reason: f"{counted(n, 'result does', 'results do')} not say which labels are free after those that are "
        f"like one another; of the example {reason}",
        remedy="write the like and a next_label above every label that this result and those before it have had; no result can "
        "be like it until then",
    )  # fmt: skip


# --- results ---------------------------------------------------------------------------------------------------------

_EMPTY = """
SELECT count(*) AS n, min(id) AS example FROM {result}
WHERE NOT EXISTS (SELECT 1 FROM {assignment} a WHERE a.clustering_result_id = {result}.id)
"""
_STALE = """
SELECT count(*) AS n, min(id) AS example, n_new AS fact
FROM (SELECT s.id, (SELECT count(*) FROM {embedding} e
                    WHERE e.embedding_model = s.embedding_model AND e.created_at > s.selected_at
                      AND NOT EXISTS (SELECT 1 FROM {assignment} a
                                      WHERE a.embedding_id = e.id AND a.clustering_result_id = s.id)) AS n_new
      FROM (SELECT r.id, r.embedding_model,
                   (SELECT min(coalesce(same.started_at, same.completed_at)) FROM {result} same
                    WHERE same.id = r.id OR same.clustering_fit_id = r.clustering_fit_id) AS selected_at
            FROM {result} r{of_ours}) s)
WHERE n_new > 0
"""
"""As the view ClusteringFreshness counts; the file's own view is not run."""


def check_results(exam: Examination, family: Family) -> None:
    """Results without rows, and results that embeddings came after; of ours."""
    found = family.get("result", "assignment", "embedding")
    if found is None or not found[0].has("clustering_fit_id", "started_at", "completed_at"):
        return
    result, assignment, embedding = found
    source = exam.layout.named("EmbeddingSource")
    of_ours = ""
    if source is not None and source.stores("name"):  # of others clust_staleness asks their tables
        of_ours = f" WHERE r.embedding_model NOT IN (SELECT name FROM {source.sql})"
    tables = {"result": result.sql, "assignment": assignment.sql, "embedding": embedding.sql, "of_ours": of_ours}
    with exam.guarded(result):
        n, example = exam.row(_EMPTY.format(**tables))
        if n:
            exam.add(
                "empty-result", "note", result, "id", n=n, example=example, remedy="sqlclust delete, if its rows do not follow",
                detail=f"{counted(n, 'result has', 'results have')} no rows",
            )  # fmt: skip
        if embedding.has("created_at"):
            n, example, fact = exam.row(_STALE.format(**tables))
            if n:
                exam.add(
                    "stale-result", "note", result, "id", n=n, example=example,
                    detail=f"{counted(n, 'result is', 'results are')} older than embeddings of the model; of the example's "
                    f"{fact:,} came later",
                    remedy="sqlclust predict gives them labels, sqlclust fit clusters again; or leave it as it is",
                )  # fmt: skip


# --- stored fits -----------------------------------------------------------------------------------------------------

_FITS = "SELECT id FROM {fit} WHERE row_ids IS NOT NULL OR spanning_tree IS NOT NULL ORDER BY id"


def check_fits(exam: Examination, fit: Table) -> None:
    """Every stored fit as cutting would load it, one at a time: memory for the largest."""
    with exam.guarded(fit):
        ids = [row[0] for row in statements.all_rows(exam.database, _FITS.format(fit=fit.sql))]
        if not ids:
            return
        thread = interrupt.preload()  # the first import cannot be stopped half-way, waiting for it can
        while thread is not None and thread.is_alive():
            thread.join(0.05)
            exam.check_interrupt()
        damaged: list[tuple[int, str]] = []
        unlike: list[tuple[int, str]] = []
        for place, fit_id in enumerate(ids):
            exam.at(place / len(ids))
            exam.check_interrupt()
            try:
                stored = fits.load(exam.database, fit_id)
            except FitNotStoredError:
                damaged.append((fit_id, "row_ids without a spanning_tree"))
            except FitDamagedError as error:
                damaged.append((fit_id, error.reason))
            except (DatabaseFileError, UnknownFitError, json.JSONDecodeError, UnicodeDecodeError) as error:
                damaged.append((fit_id, str(error)))
            except DatabaseError:  # our tables are not as they should be, which was found already; no fit can be loaded
                return
            else:
                if (reason := _damage_of_neighbors(exam, stored)) is not None:
                    unlike.append((fit_id, reason))
        exam.add_rows(
            "damaged-neighbors", "error", NEIGHBORS, "clustering_fit_id", unlike,
            detail=lambda n, reason: f"the neighbours of {counted(n, 'stored fit are', 'stored fits are')} not what a fit "
            f"writes; of the example: {reason}",
            remedy="DELETE them (the fit stays, and can be cut without), or delete its results and fit again",
        )  # fmt: skip
        exam.add_rows(
            "damaged-fit", "error", fit, "id", damaged,
            detail=lambda n, reason: f"{counted(n, 'stored fit is', 'stored fits are')} not what a fit writes; of the example: "
            f"{reason}",
            remedy="DELETE it (its results stay and are whole) and fit again",
        )  # fmt: skip


def _damage_of_neighbors(exam: Examination, stored: StoredFit) -> str | None:
    """What is wrong with the neighbours kept with a fit; None if nothing is, or there are none."""
    table = exam.layout.named(NEIGHBORS)
    if table is None or not is_as_its_version_made_it(exam, table):  # which was found already
        return None
    try:
        fits.load_neighbors(exam.database, stored)
    except FitDamagedError as error:
        return error.reason
    except (DatabaseFileError, UnicodeDecodeError) as error:
        return str(error)
    return None
