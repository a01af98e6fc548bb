"""Assignments and clusters: each embedding once in a result, of its model; each label with its cluster, medoids members of it."""

from __future__ import annotations

from sqlclust.diagnosis.examination import Examination, counted
from sqlclust.diagnosis.families import Family
from sqlclust.errors import StatementError
from sqlclust.sqlite import statements
from sqlclust.sqlite.layout import Table, quoted

_AGAIN = "cut the result's fit again (clust_cut, sqlclust cut), or fit again, and delete this result"
_FIXED = "sqlclust doctor --fix"


def check_clusters(exam: Examination, family: Family) -> None:
    """All checks of this module, on whatever of the family is there."""
    assignment, cluster = family.tables.get("assignment"), family.tables.get("cluster")
    if assignment is not None:
        with exam.guarded(assignment):
            _check_unique(exam, assignment, ours=family.ours)
    if cluster is not None and cluster.has("medoid_embedding_id"):
        with exam.guarded(cluster):
            _check_medoids_unique(exam, cluster, ours=family.ours)
    if cluster is not None and assignment is not None:
        with exam.guarded(assignment):
            if cluster.has("label") and assignment.has("label"):
                _check_labelled(exam, family, cluster, assignment)
            elif cluster.has("id") and assignment.has("cluster_id"):
                _check_referenced(exam, cluster, assignment)
    if assignment is not None and assignment.has("medoid_embedding_id"):
        with exam.guarded(assignment):
            _check_medoid_members(exam, assignment)
    for table in (assignment, family.tables.get("prediction")):
        if table is not None and table.has("label", "probability"):
            with exam.guarded(table):
                _check_noise(exam, table)
    if assignment is not None and "prediction" in family.tables:
        with exam.guarded(family["prediction"]):
            _check_predictions(exam, family["prediction"], assignment, cluster)


# --- once each -------------------------------------------------------------------------------------------------------

_OWN = ("id", "created_at", "inserted_at", "updated_at")
"""Columns in which two rows that say the same differ."""

REPEATED = """
SELECT count(*) AS n, min(embedding_id) AS example, clustering_result_id AS fact, total(copies - kinds) AS equal
FROM (SELECT embedding_id, clustering_result_id, sum(copies) AS copies, count(*) AS kinds
      FROM (SELECT embedding_id, clustering_result_id, count(*) AS copies FROM {table} GROUP BY {columns})
      GROUP BY embedding_id, clustering_result_id HAVING sum(copies) > 1)
"""


def telling_columns(table: Table) -> list[str]:
    """The columns that make two assignments different, as SQL names; the embedding and the result first."""
    names = ["embedding_id", "clustering_result_id"]
    names += [name for name, c in table.columns.items() if name not in (*names, *_OWN) and not c.generated]
    return [quoted(table.columns[name].name) for name in names]


def _check_unique(exam: Examination, table: Table, *, ours: bool) -> None:
    if table.is_unique("embedding_id", "clustering_result_id"):
        return
    exam.add(
        "missing-unique", "error", table, "embedding_id, clustering_result_id", n=1,
        detail="nothing keeps an embedding from being assigned twice in one result",
        remedy=f"CREATE UNIQUE INDEX … ON {quoted(table.name)} (embedding_id, clustering_result_id), once no pair is there twice"
        + ("" if ours else "; or sqlclust adopt, which moves the rows to tables that have it"),
    )  # fmt: skip
    sql = REPEATED.format(table=table.sql, columns=", ".join(telling_columns(table)))
    n, example, fact, equal = exam.row(sql)
    if n:
        exam.add(
            "duplicate-assignments", "error", table, "embedding_id", n=n, example=example,
            detail=f"{counted(n, 'embedding is', 'embeddings are')} assigned more than once in one result (the example in "
            f"result {fact!r}); {counted(int(equal), 'row is an exact copy', 'rows are exact copies')} of another",
            remedy=f"{_FIXED} deletes the exact copies; where rows of one embedding differ, delete the result and fit again",
        )  # fmt: skip


_SHARED = """
SELECT count(*) AS n, min(medoid_embedding_id) AS example, clustering_result_id AS fact
FROM (SELECT clustering_result_id, medoid_embedding_id FROM {table} WHERE medoid_embedding_id IS NOT NULL
      GROUP BY 1, 2 HAVING count(*) > 1)
"""


def _check_medoids_unique(exam: Examination, table: Table, *, ours: bool) -> None:
    if table.is_unique("clustering_result_id", "medoid_embedding_id"):
        return
    exam.add(
        "missing-unique", "error" if ours else "note", table, "clustering_result_id, medoid_embedding_id", n=1,
        detail="nothing keeps two clusters of a result from having one medoid",
        remedy=f"CREATE UNIQUE INDEX … ON {quoted(table.name)} (clustering_result_id, medoid_embedding_id), once no pair is "
        "there twice" + ("" if ours else "; or sqlclust adopt, which moves the rows to tables that have it"),
    )  # fmt: skip
    n, example, fact = exam.row(_SHARED.format(table=table.sql))
    if n:
        exam.add(
            "shared-medoid", "error", table, "medoid_embedding_id", n=n, example=example, remedy=_AGAIN,
            detail=f"{counted(n, 'embedding is', 'embeddings are')} the medoid of more than one cluster of a result (the "
            f"example in result {fact!r})",
        )  # fmt: skip


# --- labels, medoids and sizes; LEFT JOINs, for which SQLite makes an index where the table lacks one ----------------

_NO_CLUSTER = """
SELECT count(*) AS n, min(a.embedding_id) AS example, a.clustering_result_id AS fact, a.label AS label
FROM {assignment} a LEFT JOIN {cluster} c ON c.clustering_result_id = a.clustering_result_id AND c.label = a.label
WHERE a.label >= 0 AND c.label IS NULL{known}
"""
_NO_MEMBER = """
SELECT count(*) AS n, min(c.clustering_result_id) AS example, c.label AS fact, c.medoid_embedding_id AS medoid
FROM {cluster} c
LEFT JOIN {assignment} a ON a.embedding_id = c.medoid_embedding_id AND a.clustering_result_id = c.clustering_result_id
                        AND a.label = c.label
WHERE a.embedding_id IS NULL{known}
"""
SIZES = """
SELECT c.clustering_result_id, c.label, c.size, m.members
FROM {cluster} c
JOIN (SELECT clustering_result_id, label, count(*) AS members FROM {assignment} GROUP BY 1, 2) m
  ON m.clustering_result_id = c.clustering_result_id AND m.label = c.label
WHERE c.size IS NOT m.members
"""
_WRONG_SIZE = "SELECT count(*) AS n, min(clustering_result_id) AS example, label AS fact, size, members FROM ({sizes})"


def _check_labelled(exam: Examination, family: Family, cluster: Table, assignment: Table) -> None:
    """Our shape: a row has the label of its cluster, -1 is noise."""
    result = family.tables.get("result")
    # rows of a result that is gone are orphans, and were counted as that
    known = f" AND {{}}.clustering_result_id IN (SELECT id FROM {result.sql})" if result is not None else ""
    tables = {"cluster": cluster.sql, "assignment": assignment.sql}
    n, example, fact, label = exam.row(_NO_CLUSTER.format(**tables, known=known.format("a")))
    if n:
        exam.add(
            "label-without-cluster", "error", assignment, "label", n=n, example=example, remedy=_AGAIN,
            detail=f"{counted(n, 'row has a label', 'rows have labels')} without a row of {cluster.name}; the example has "
            f"label {label} in result {fact!r}",
        )  # fmt: skip
    n, example, fact, medoid = exam.row(_NO_MEMBER.format(**tables, known=known.format("c")))
    if n:
        exam.add(
            "medoid-outside-cluster", "error", cluster, "medoid_embedding_id", n=n, example=example, remedy=_AGAIN,
            detail=f"{counted(n, 'medoid is no member', 'medoids are no members')} of the own cluster; cluster {fact} of "
            f"result {example!r} has {medoid!r}",
        )  # fmt: skip
    if not cluster.has("size"):
        return
    n, example, fact, size, members = exam.row(_WRONG_SIZE.format(sizes=SIZES.format(**tables)))
    if n:
        exam.add(
            "wrong-size", "error", cluster, "size", n=n, example=example,
            remedy=f"{_FIXED} writes the members counted" if family.ours else "write the members counted",
            detail=f"{counted(n, 'cluster has', 'clusters have')} another size than members; cluster {fact} of "
            f"result {example!r} says {size} and has {members}",
        )  # fmt: skip


_NO_REFERENCED = """
SELECT count(*) AS n, min(embedding_id) AS example, cluster_id AS fact
FROM {assignment} WHERE cluster_id IS NOT NULL AND +cluster_id NOT IN (SELECT id FROM {cluster} WHERE id IS NOT NULL)
"""
_NO_REFERENCED_MEMBER = """
SELECT count(*) AS n, min(c.id) AS example, c.medoid_embedding_id AS fact
FROM {cluster} c
LEFT JOIN {assignment} a ON a.cluster_id = c.id AND a.embedding_id = c.medoid_embedding_id
WHERE c.medoid_embedding_id IS NOT NULL AND a.embedding_id IS NULL
"""
_REFERENCED_SIZE = """
SELECT count(*) AS n, min(c.id) AS example, c.size AS fact, m.members AS members
FROM {cluster} c JOIN (SELECT cluster_id, count(*) AS members FROM {assignment} GROUP BY 1) m ON m.cluster_id = c.id
WHERE c.size IS NOT m.members
"""


def _check_referenced(exam: Examination, cluster: Table, assignment: Table) -> None:
    """The old project's shape of July 2025: a row names its cluster by id."""
    tables = {"cluster": cluster.sql, "assignment": assignment.sql}
    n, example, fact = exam.row(_NO_REFERENCED.format(**tables))
    if n:
        exam.add(
            "label-without-cluster", "error", assignment, "cluster_id", n=n, example=example, remedy=_AGAIN,
            detail=f"{counted(n, 'row points', 'rows point')} at no row of {cluster.name}; the example at {fact!r}",
        )  # fmt: skip
    if cluster.has("medoid_embedding_id"):
        n, example, fact = exam.row(_NO_REFERENCED_MEMBER.format(**tables))
        if n:
            exam.add(
                "medoid-outside-cluster", "error", cluster, "medoid_embedding_id", n=n, example=example, remedy=_AGAIN,
                detail=f"{counted(n, 'medoid is no member', 'medoids are no members')} of the own cluster; the example's is "
                f"{fact!r}",
            )  # fmt: skip
    if cluster.has("size"):
        n, example, fact, members = exam.row(_REFERENCED_SIZE.format(**tables))
        if n:
            exam.add(
                "wrong-size", "error", cluster, "size", n=n, example=example, remedy="write the members counted",
                detail=f"{counted(n, 'cluster has', 'clusters have')} another size than members; the example says {fact} and "
                f"has {members}",
            )  # fmt: skip


_NO_MEDOID_MEMBER = """
SELECT count(*) AS n, min(c.medoid_embedding_id) AS example, c.clustering_result_id AS fact
FROM (SELECT DISTINCT clustering_result_id, medoid_embedding_id FROM {assignment}
      WHERE medoid_embedding_id IS NOT NULL) c
LEFT JOIN {assignment} a ON a.embedding_id = c.medoid_embedding_id AND a.clustering_result_id = c.clustering_result_id
                        AND a.medoid_embedding_id = c.medoid_embedding_id
WHERE a.embedding_id IS NULL
"""


def _check_medoid_members(exam: Examination, assignment: Table) -> None:
    """The old project's later shape: a row names its cluster's medoid."""
    n, example, fact = exam.row(_NO_MEDOID_MEMBER.format(assignment=assignment.sql))
    if n:
        exam.add(
            "medoid-outside-cluster", "error", assignment, "medoid_embedding_id", n=n, example=example, remedy=_AGAIN,
            detail=f"{counted(n, 'medoid is no member', 'medoids are no members')} of the own cluster; the example in result "
            f"{fact!r}",
        )  # fmt: skip


# --- noise and predictions -------------------------------------------------------------------------------------------

NOISE_WITH_PROBABILITY = "label = -1 AND probability <> 0"
_NOISE = (
    "SELECT count(*) AS n, min(embedding_id) AS example, probability AS fact FROM {table} WHERE "
    + NOISE_WITH_PROBABILITY
)


def _check_noise(exam: Examination, table: Table) -> None:
    n, example, fact = exam.row(_NOISE.format(table=table.sql))
    if n:
        exam.add(
            "noise-probability", "error", table, "probability", n=n, example=example,
            detail=f"{counted(n, 'row of noise has', 'rows of noise have')} a probability other than 0; the example {fact!r}",
            remedy=f"{_FIXED} writes 0",
        )  # fmt: skip


MEMBER = """EXISTS (SELECT 1 FROM {assignment} a WHERE a.embedding_id = {prediction}.embedding_id
                    AND a.clustering_result_id = {prediction}.clustering_result_id)"""
WITHOUT_CLUSTER = """label >= 0 AND NOT EXISTS (SELECT 1 FROM {cluster} c
    WHERE c.clustering_result_id = {prediction}.clustering_result_id AND c.label = {prediction}.label)"""
_PREDICTED = "SELECT count(*) AS n, min(embedding_id) AS example, clustering_result_id AS fact FROM {prediction} WHERE "


def _check_predictions(exam: Examination, prediction: Table, assignment: Table, cluster: Table | None) -> None:
    tables = {"prediction": prediction.sql, "assignment": assignment.sql}
    remedy = f"{_FIXED} deletes them: they can be predicted again"
    n, example, fact = exam.row((_PREDICTED + MEMBER).format(**tables))
    if n:
        exam.add(
            "predicted-member", "error", prediction, "embedding_id", n=n, example=example, remedy=remedy,
            detail=f"{counted(n, 'prediction is', 'predictions are')} of an embedding that is a member of the result; the "
            f"example of result {fact!r}",
        )  # fmt: skip
    if cluster is None or not cluster.has("label"):
        return
    n, example, fact = exam.row((_PREDICTED + WITHOUT_CLUSTER).format(**tables, cluster=cluster.sql))
    if n:
        exam.add(
            "label-without-cluster", "error", prediction, "label", n=n, example=example, remedy=remedy,
            detail=f"{counted(n, 'prediction has a label', 'predictions have labels')} without a row of {cluster.name}; the "
            f"example in result {fact!r}",
        )  # fmt: skip


# --- results of another model ----------------------------------------------------------------------------------------

_OTHER_MODEL = """
SELECT count(*) AS n, min(a.embedding_id) AS example, a.clustering_result_id AS fact, e.embedding_model AS found,
       r.embedding_model AS expected
FROM {result} r
JOIN {assignment} a ON a.clustering_result_id = r.id
JOIN {embedding} e ON e.id = a.embedding_id
WHERE e.embedding_model <> r.embedding_model
"""
_MODELS = "SELECT DISTINCT embedding_model AS model FROM {table} LIMIT 2"


def check_models(exam: Examination, result: Table, assignment: Table, embedding: Table) -> None:
    """Embeddings in a result of another model. Looks each member up, unless there is only one model anyway."""
    with exam.guarded(assignment):
        try:
            models = [statements.all_rows(exam.database, _MODELS.format(table=t.sql)) for t in (result, embedding)]
        except (UnicodeDecodeError, StatementError):
            models = []
        if models and models[0] == models[1] and len(models[0]) == 1:
            return
        sql = _OTHER_MODEL.format(result=result.sql, assignment=assignment.sql, embedding=embedding.sql)
        n, example, fact, found, expected = exam.row(sql)
        if n:
            exam.add(
                "other-model", "error", assignment, "embedding_id", n=n, example=example,
                detail=f"{counted(n, 'row is', 'rows are')} of an embedding of another model than the result's; the example is "
                f"of {found!r} in result {fact!r} of {expected!r}",
                remedy="fit the model again and delete the result",
            )  # fmt: skip
