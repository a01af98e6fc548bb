"""What can be repaired for certain, and with which statement."""

from __future__ import annotations

from sqlclust import schema
from sqlclust.diagnosis.clusters import MEMBER, NOISE_WITH_PROBABILITY, SIZES, WITHOUT_CLUSTER, telling_columns
from sqlclust.diagnosis.examination import Examination
from sqlclust.diagnosis.families import Family, Role
from sqlclust.diagnosis.ids import ORPHANS, check_ids
from sqlclust.diagnosis.items import unused
from sqlclust.diagnosis.repair_plan import RepairPlan, RowRepair
from sqlclust.diagnosis.schema_state import expected_layout, is_as_expected
from sqlclust.diagnosis.vector_tables import related_tables, vector_tables
from sqlclust.sqlite.layout import Table, quoted

_DELETE = "DELETE FROM {table}"

_OURS: tuple[tuple[str, Role, str], ...] = (
    ("wrong-size", "cluster", "size"),
    ("noise-probability", "assignment", "probability"),
    ("noise-probability", "prediction", "probability"),
    ("orphans", "prediction", "embedding_id"),
    ("predicted-member", "prediction", "embedding_id"),
    ("label-without-cluster", "prediction", "label"),
    ("unused-items", "embedding", "item_id"),
)
"""What is repaired only where the tables are as schema.sql makes them: finding, whose, column."""


def certain_repairs(exam: Examination) -> RepairPlan:
    """The plan for a database at the beginning of an examination."""
    plan = RepairPlan(exam)
    # rows whose ids are damaged are not what they seem
    check_ids(exam, related_tables(exam.layout, exam.families, vector_tables(exam.layout, exam.families)))
    for family in exam.families:
        _plan_orphans(plan, exam, family)
        _plan_duplicates(plan, exam, family)
        if family.ours:
            _plan_ours(plan, exam, family)
    if exam.version == schema.VERSION:
        _plan_objects(plan, exam)
    return plan


def _is_damaged(exam: Examination, table: Table, *columns: str) -> bool:
    return any((table.name.lower(), column) in exam.damaged for column in columns)


_PARTS_OF: tuple[tuple[Role, str, Role], ...] = (
    ("assignment", "clustering_result_id", "result"),
    ("cluster", "clustering_result_id", "result"),
    ("prediction", "clustering_result_id", "result"),
    ("neighbors", "clustering_fit_id", "fit"),
    ("map", "clustering_fit_id", "fit"),
)
"""Rows that are nothing without the row that they are a part of: whose, by which column, and that row's role."""


def _plan_orphans(plan: RepairPlan, exam: Examination, family: Family) -> None:
    """Rows of a result, or of a fit, that is gone."""
    for role, key, parent_role in _PARTS_OF:
        found = family.get(role, parent_role)
        if found is None:
            continue
        child, parent = found
        column = child.columns[key].name
        if _is_damaged(exam, child, key) or _is_damaged(exam, parent, "id"):
            reason = f"not repaired: ids are damaged, so that nobody knows which {parent_role} a row belongs to"
        elif not exam.row(f"SELECT EXISTS (SELECT 1 FROM {parent.sql}) AS n")[0]:
            reason = (
                f"not repaired: {parent.name} is empty, and its rows may have been lost by mistake. If not, DELETE FROM "
                f"{quoted(child.name)}; otherwise restore a backup"
            )
        else:
            condition = ORPHANS.format(c=quoted(column), parent=parent.sql)
            did = f"deleted {{rows}}: their {parent.name} is gone"
            plan.add(RowRepair("orphans", child, column, _DELETE, condition, did))
            continue
        plan.refuse("orphans", child.name, column, reason)


def _plan_duplicates(plan: RepairPlan, exam: Examination, family: Family) -> None:
    """Assignments that are copies of another row."""
    table = family.tables.get("assignment")
    if table is None or table.rowid is None or table.is_unique("embedding_id", "clustering_result_id"):
        return
    telling = telling_columns(table)
    if _is_damaged(exam, table, *(name.strip('"').lower() for name in telling)):
        reason = (
            "not repaired: ids are damaged, and rows that seem equal may be of different embeddings; sqlclust adopt takes "
            "over what is whole"
        )
        plan.refuse("duplicate-assignments", table.name, "embedding_id", reason)
        return
    # for what is left after the repair
    reason = "not repaired: the rows differ, and which of them is right is not known; delete the result and fit again"
    plan.refuse("duplicate-assignments", table.name, "embedding_id", reason)
    partition = ", ".join(f"{name} COLLATE BINARY" for name in telling)
    condition = (
        f"{table.rowid} IN (SELECT place FROM (SELECT {table.rowid} AS place, row_number() OVER (PARTITION BY {partition} "
        f"ORDER BY {table.rowid}) AS copy FROM {table.sql}) WHERE copy > 1)"
    )
    did = "deleted {rows}: exact copies of another"
    plan.add(RowRepair("duplicate-assignments", table, "embedding_id", _DELETE, condition, did))


# --- what only our tables have ----------------------------------------------------------------------------------------


def _plan_ours(plan: RepairPlan, exam: Examination, family: Family) -> None:
    ours = _as_schema_makes_them(plan, exam, family)
    assignment, cluster = ours.get("assignment"), ours.get("cluster")
    prediction, embedding = ours.get("prediction"), ours.get("embedding")
    if prediction and assignment and cluster and embedding:
        tables = {"prediction": prediction.sql, "assignment": assignment.sql, "cluster": cluster.sql}
        _plan_predictions(plan, prediction, ORPHANS.format(c="embedding_id", parent=embedding.sql), tables)
    if assignment and cluster:
        _plan_sizes(plan, assignment, cluster)
    for noisy in (assignment, prediction):
        if noisy:
            did = "wrote 0 in {rows} of noise"
            change = "UPDATE {table} SET probability = 0"
            plan.add(RowRepair("noise-probability", noisy, "probability", change, NOISE_WITH_PROBABILITY, did))
    if prediction and assignment and cluster and embedding:
        # the last, since what is deleted before may have had them
        did = "deleted {rows} that no result has"
        plan.add(RowRepair("unused-items", embedding, "item_id", _DELETE, unused(exam.layout, family), did))


def _as_schema_makes_them(plan: RepairPlan, exam: Examination, family: Family) -> dict[Role, Table]:
    """Our tables that are as schema.sql makes them; of the others nothing is repaired."""
    expected = expected_layout(exam.database)
    ours: dict[Role, Table] = {}
    for role, table in family.tables.items():
        if exam.version != schema.VERSION:
            reason = "not repaired before the schema is up to date: sqlclust init, then sqlclust doctor --fix"
        elif not is_as_expected(table, expected.tables[table.name.lower()]):
            reason = f"not repaired: {table.name} is not the table that schema.sql makes"
        else:
            ours[role] = table
            continue
        for finding, of_role, column in _OURS:
            if of_role == role or (finding == "wrong-size" and role == "assignment"):
                plan.refuse(finding, family[of_role].name, column, reason)
    return ours


def _plan_predictions(plan: RepairPlan, prediction: Table, orphans: str, tables: dict[str, str]) -> None:
    """Predictions that point nowhere, or that nobody needs."""
    for finding, column, condition, of in (
        ("orphans", "embedding_id", orphans, "their embedding is gone"),
        ("predicted-member", "embedding_id", MEMBER.format(**tables), "of members of the result"),
        ("label-without-cluster", "label", WITHOUT_CLUSTER.format(**tables), "their cluster is gone"),
    ):
        did = f"deleted {{rows}}: {of}; they can be predicted again"
        plan.add(RowRepair(finding, prediction, column, _DELETE, condition, did))


def _plan_sizes(plan: RepairPlan, assignment: Table, cluster: Table) -> None:
    """Sizes that differ from the members counted."""
    sizes = SIZES.format(assignment=assignment.sql, cluster=cluster.sql)
    counted = (
        f"(SELECT s.members FROM ({sizes}) s WHERE s.clustering_result_id = {cluster.sql}.clustering_result_id "
        f"AND s.label = {cluster.sql}.label)"
    )
    condition = f"(clustering_result_id, label) IN (SELECT clustering_result_id, label FROM ({sizes}))"
    did = "wrote the members counted in {rows}"
    plan.add(RowRepair("wrong-size", cluster, "size", f"UPDATE {{table}} SET size = {counted}", condition, did))


def _plan_objects(plan: RepairPlan, exam: Examination) -> None:
    """Indexes, views and triggers that are not there, of tables that are."""
    expected, found = expected_layout(exam.database), exam.layout
    for name, (kind, written, owner, sql) in expected.objects.items():
        if kind == "table" or name in found.objects:
            continue
        there, wanted = found.tables.get(owner.lower()), expected.tables.get(owner.lower())
        if wanted is None or (there is not None and is_as_expected(there, wanted)):  # None: a view's
            plan.add_object(kind, written, owner, sql)
        else:
            reason = f"not repaired: {owner} is not the table that schema.sql makes"
            plan.refuse(f"missing-{kind}", owner, None, reason)
