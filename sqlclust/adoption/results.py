"""Results: each goes over whole, or not at all and with a reason."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlclust.adoption.copy import AGAIN, REPORT_ROWS, AdoptedResult, Copy, refusal, shown_id
from sqlclust.core.clusters.labels import NOISE
from sqlclust.diagnosis.families import Role
from sqlclust.errors import ConstraintError, Id, shown
from sqlclust.sqlite import statements

_INSERT_RESULT = """
INSERT INTO main.ClusteringResult (embedding_model, algorithm, parameters, started_at, completed_at)
VALUES (?, ?, ?, ?, ?) RETURNING id
"""
_INSERT_CLUSTER = (
    "INSERT INTO main.Cluster (clustering_result_id, label, medoid_embedding_id, size) VALUES (?, ?, ?, ?)"
)
_INSERT_MEMBER = """
INSERT INTO main.EmbeddingCluster (clustering_result_id, embedding_id, label, probability) VALUES (?, ?, ?, ?)
"""
_FOREIGN_MEDOIDS = """
SELECT c.label, c.medoid_embedding_id FROM main.Cluster c
LEFT JOIN main.EmbeddingCluster ec
    ON ec.embedding_id = c.medoid_embedding_id AND ec.clustering_result_id = c.clustering_result_id
WHERE c.clustering_result_id = ? AND ec.label IS NOT c.label
ORDER BY 1
"""


class Refused(Exception):
    """A result does not go over, and what was written of it is taken back."""

    def __init__(self, reason: str, remedy: str) -> None:
        self.reason, self.remedy = reason, remedy


class _OldResult(NamedTuple):
    """A result as the old tables have it; `kind` is the JSON type of its parameters, `place` its rowid."""

    identifier: Any
    model: Any
    algorithm: Any
    parameters: Any
    kind: str | None
    layer: Any
    started: str | None
    completed: str | None
    created: str | None
    place: Any


class ResultsCopy:
    """Copies results with their clusters and assignments."""

    def __init__(self, copy: Copy) -> None:
        self._copy = copy
        self._share = (0.0, 1.0)  # of the phase: where the present result begins, and its part

    def run(self) -> None:
        """Copy the results in the order of their times."""
        tables = self._copy.tables
        selected = ", ".join([
            *(tables.column("result", name) for name in ("id", "embedding_model", "algorithm", "parameters")),
            f"CASE WHEN json_valid({tables.column('result', 'parameters')}) "
            f"THEN json_type({tables.column('result', 'parameters')}) END",
            tables.column("result", "layer"),
            tables.moment("result", "started_at"),
            tables.moment("result", "completed_at"),
            tables.moment("result", "created_at", "inserted_at"),
            tables.place("result"),
        ])  # fmt: skip
        sql = f"SELECT {selected} FROM {tables.sql('result')} old ORDER BY 9, 7, 10"
        self._copy.reading = tables.names["result"]
        found: list[Any] = statements.all_rows(self._copy.old, sql)
        self._copy.reading = tables.names.get("assignment", "")
        for number, row in enumerate(found):
            old = _OldResult(*row)
            self._share = (number / len(found), 1 / len(found))
            self._copy.at(self._share[0])
            try:
                with statements.savepoint(self._copy.new):  # a savepoint: a result goes over whole or not at all
                    adopted = self._result(old)
            except Refused as refused:
                example, apart = shown_id(old.place, old.identifier), str(old.identifier)
                self._copy.leave_out(tables.names["result"], refused.reason, example, refused.remedy, apart=apart)
            else:
                self._copy.results.append(adopted)
        self._count_strays()

    def _result(self, old: _OldResult) -> AdoptedResult:
        if not isinstance(old.identifier, str | bytes):
            declared = self._copy.tables.declared("result", "id")
            raise Refused(f"its id is no longer the text it was: its column is declared {declared}", AGAIN)
        if old.completed is None and old.started is not None:
            raise Refused("it was not completed", AGAIN)
        if not isinstance(old.parameters, str) or old.kind != "object":
            raise Refused(f"its parameters are {shown(old.parameters)}, expected a JSON object", AGAIN)
        parameters = old.parameters
        if isinstance(old.layer, int):  # a parameter that has a column of its own there
            sql = "SELECT json_insert(?, '$.layer', ?)"
            parameters = statements.value(self._copy.new, sql, (parameters, old.layer))
        values = (old.model, old.algorithm, parameters, old.started, old.completed or old.created)
        try:
            result_id: int = statements.value(self._copy.new, _INSERT_RESULT, values)
        except ConstraintError as error:
            raise Refused(refusal(error), AGAIN) from None
        labels = self._clusters(old.identifier, result_id)
        n_rows = self._members(old.identifier, result_id, old.model, labels)
        n_clusters = sum(label != NOISE for label in labels.values())
        for label, medoid in statements.all_rows(self._copy.new, _FOREIGN_MEDOIDS, (result_id,)):
            raise Refused(f"the medoid of cluster {label}, {shown(medoid)}, is not a member of it", AGAIN)
        return AdoptedResult(old.identifier, None if self._copy.stub else result_id, old.model, n_rows, n_clusters)

    def _clusters(self, identifier: Id, result_id: int) -> dict[Any, int]:
        """Write a result's clusters; what an assignment points at → label."""
        tables = self._copy.tables
        if not tables.has("assignment"):
            raise Refused("the table of its assignments is not there", AGAIN)
        if tables.has("assignment", "medoid_embedding_id"):
            clusters = self._clusters_of_medoids(identifier)
        elif tables.has("assignment", "cluster_id") and tables.has("cluster"):
            clusters = self._clusters_of_table(identifier)
        else:
            raise Refused("it was stored without the ids of its medoids", AGAIN)
        for _, label, medoid, size in clusters:
            if label == NOISE:
                continue
            if not isinstance(medoid, str | bytes):
                raise Refused(f"the medoid of cluster {label} is {shown(medoid)}, expected an id", AGAIN)
            try:
                statements.run(self._copy.new, _INSERT_CLUSTER, (result_id, label, medoid, size))
            except ConstraintError as error:
                raise Refused(f"cluster {label}: {refusal(error)}", AGAIN) from None
        return {key: label for key, label, _, _ in clusters}

    def _clusters_of_medoids(self, identifier: Id) -> list[tuple[Any, int, Any, int]]:
        """(key, label, medoid, size); no labels were stored, so they are numbered in the order of the medoids' ids."""
        medoid = self._copy.tables.column("assignment", "medoid_embedding_id")
        sql = f"SELECT {medoid}, count(*) FROM {self._of_result('assignment')} GROUP BY 1 ORDER BY 1"
        found: list[Any] = statements.all_rows(self._copy.old, sql, (identifier,))
        medoids = [row for row in found if row[0] is not None]
        return [(None, NOISE, None, 0), *((key, label, key, size) for label, (key, size) in enumerate(medoids))]

    def _clusters_of_table(self, identifier: Id) -> list[tuple[Any, int, Any, int]]:
        """The same of a table of clusters, with the labels that were stored; checked against the sizes that were."""
        tables = self._copy.tables
        columns = (tables.column("cluster", name) for name in ("id", "cluster_id", "medoid_embedding_id", "size"))
        sql = f"SELECT {', '.join(columns)} FROM {self._of_result('cluster')}"
        found: list[Any] = statements.all_rows(self._copy.old, sql, (identifier,))
        target = tables.column("assignment", "cluster_id")
        sql = f"SELECT {target}, count(*) FROM {self._of_result('assignment')} GROUP BY 1"
        counts: list[Any] = statements.all_rows(self._copy.old, sql, (identifier,))
        counted: dict[Any, int] = dict(counts)
        clusters = []
        for key, label, medoid, stored in found:
            if not isinstance(key, str | bytes):
                declared = tables.declared("cluster", "id")
                raise Refused(f"the id of a cluster is {shown(key)}: its column is declared {declared}", AGAIN)
            if not isinstance(label, int) or label < NOISE:
                raise Refused(f"a cluster has the label {shown(label)}, expected -1, 0, 1, …", AGAIN)
            size = counted.get(key, 0)
            if tables.has("cluster", "size") and stored != size:
                raise Refused(f"cluster {label} has {size} members, and {shown(stored)} were stored as its size", AGAIN)
            clusters.append((key, label, medoid, size))
        return clusters

    def _members(self, identifier: Id, result_id: int, model: str, labels: dict[Any, int]) -> int:
        tables = self._copy.tables
        target = "medoid_embedding_id" if tables.has("assignment", "medoid_embedding_id") else "cluster_id"
        sql = (
            f"SELECT {tables.column('assignment', 'embedding_id')}, {tables.column('assignment', target)} "
            f"FROM {self._of_result('assignment')}"
        )
        n: int = statements.value(
            self._copy.old, f"SELECT count(*) FROM {self._of_result('assignment')}", (identifier,)
        )
        n_rows = 0
        wrong: dict[str, tuple[int, Any]] = {}
        with statements.each_row(self._copy.old, sql, (identifier,)) as rows:
            for member, key in rows:
                n_rows += 1
                if n_rows % REPORT_ROWS == 0:
                    self._copy.at(self._share[0] + self._share[1] * n_rows / n)
                if problem := self._member(result_id, model, member, labels.get(key)):
                    count, example = wrong.get(problem, (0, member))
                    wrong[problem] = (count + 1, example)
        if wrong:
            reasons = [
                f"{count:,} of {n_rows:,} {problem} (as {shown(example)})"
                for problem, (count, example) in wrong.items()
            ]
            raise Refused("; ".join(reasons), AGAIN)
        if not n_rows:
            raise Refused("it has no assignments", AGAIN)
        return n_rows

    def _member(self, result_id: int, model: str, member: Any, label: int | None) -> str:
        """Write an assignment; what is wrong with it, if anything is."""
        if not isinstance(member, str | bytes):
            return "members have ids that are no longer the text they were"
        there = statements.first_row(
            self._copy.new, "SELECT embedding_model FROM main.Embedding WHERE id = ?", (member,)
        )
        if there is None:
            return "members are embeddings that are not there, or did not go over"
        if there[0] != model:
            return "members are embeddings of another model"
        if label is None:
            return "members are of a cluster that is not there"
        try:
            statements.run(self._copy.new, _INSERT_MEMBER, (result_id, member, label, 1.0 if label != NOISE else 0.0))
        except ConstraintError:  # the primary key: all else was looked at
            return "members are assigned twice"
        return ""

    def _of_result(self, role: Role) -> str:
        return f"{self._copy.tables.sql(role)} old WHERE {self._copy.tables.column(role, 'clustering_result_id')} = ?"

    def _count_strays(self) -> None:
        """Assignments of no result."""
        tables = self._copy.tables
        if not tables.has("assignment"):
            return
        of_result = tables.column("assignment", "clustering_result_id")
        [(n, example)] = statements.all_rows(
            self._copy.old,
            f"""
            SELECT count(*), min({of_result}) FROM {tables.sql("assignment")} old
            WHERE NOT EXISTS (SELECT 1 FROM {tables.sql("result")} r WHERE r.id = {of_result})
            """,
        )
        if n:
            reason = "they are of a result that is not there, or whose id is no longer the text it was"
            self._copy.leave_out(tables.names["assignment"], reason, example, AGAIN, n=n)
