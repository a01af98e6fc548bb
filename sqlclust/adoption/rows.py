"""Copying the old project's rows into our tables: what our schema takes goes over as it is, the rest is counted and named."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from sqlclust.adoption.source import OldTables, Role
from sqlclust.core.clusters.labels import NOISE
from sqlclust.core.runtime.control import Control
from sqlclust.errors import ConstraintError, Id, NotUnicodeError, shown
from sqlclust.sqlite import statements
from sqlclust.sqlite.database import Database

_REPORT_ROWS = 1_000


class AdoptedResult(NamedTuple):
    """A result that went over.

    Attributes:
        old_id: its id in the old tables.
        id: its ClusteringResult id, None in a dry run.
        n_rows, n_clusters: its members, noise included, and its clusters.
    """

    old_id: Id
    id: int | None
    embedding_model: str
    n_rows: int
    n_clusters: int


class LeftOut(NamedTuple):
    """Rows that did not go over, or a result, or a link between rows.

    Attributes:
        table: where they are, under its old name.
        n: how many rows; 1 for a result.
        reason: why.
        example: one of them: its id, or its rowid and what its id is now.
        remedy: what to do.
    """

    table: str
    n: int
    reason: str
    example: Id | None
    remedy: str


class _Refused(Exception):
    """A result does not go over, and what was written of it is taken back."""

    def __init__(self, reason: str, remedy: str) -> None:
        self.reason, self.remedy = reason, remedy


_AGAIN = "cluster again with sqlclust fit"
_ROW = "correct the row in a copy of the old file, and adopt that"
_COPY = (
    "the vector is whole: find it by its rowid in the old file and INSERT it into Embedding under an id of your own, "
    "or embed the text again"
)
_INSERT_RUN = """
INSERT INTO main.Run (id, initial_prompt, created_at)
VALUES (?, ?, coalesce(?, strftime('%Y-%m-%dT%H:%M:%fZ')))
"""
_INSERT_INVOCATION = """
INSERT INTO main.Invocation (id, run_id, sequence_number, type, output_text) VALUES (?, ?, ?, ?, ?)
"""
_INSERT_EMBEDDING = """
INSERT INTO main.Embedding (id, invocation_id, embedding_model, vector, created_at)
VALUES (?, ?, ?, ?, coalesce(?, strftime('%Y-%m-%dT%H:%M:%fZ')))
"""
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


class Copying:
    """One copy, inside a write transaction of the database that gets our tables.

    Args:
        old: the connection that reads the old tables; it may be `new`.
        new: the connection of our tables, which are empty.
        stub: whether to write four bytes in place of every vector, for a dry run.
    """

    def __init__(
        self, old: Database, tables: OldTables, new: Database, control: Control, *, stub: bool = False
    ) -> None:
        self._old, self._tables, self._new, self._control, self._stub = old, tables, new, control, stub
        self._left: dict[tuple[str, str], LeftOut] = {}
        self.copied = {"run": 0, "invocation": 0, "embedding": 0}
        self.results: list[AdoptedResult] = []
        self._reading = ""
        self._share = (0.0, 1.0)  # of the phase: where the present result begins, and its part

    @property
    def left(self) -> list[LeftOut]:
        """What did not go over."""
        return [*self._left.values()]

    def run(self) -> None:
        """Copy everything; the caller commits, or rolls back.

        Raises:
            NotUnicodeError: TEXT that cannot be read.
        """
        try:
            self._run()
        except UnicodeDecodeError as error:
            raise NotUnicodeError(
                f"in table {self._reading}, a value",
                value=bytes(error.object),
                position=error.start,
                reason=error.reason,
            ) from None

    def _run(self) -> None:
        if self._tables.has("run"):
            self._copy("run", "runs", self._run_row)
        if self._tables.has("invocation"):
            self._copy("invocation", "steps of runs", self._invocation_row)
        self._copy("embedding", "embeddings", self._embedding_row)
        if self._tables.has("result"):
            with self._control.phase("results"):
                self._results()

    # --- runs, invocations, embeddings ----------------------------------------------------------------------------

    def _copy(self, role: Role, phase: str, add: Callable[[Any], None]) -> None:
        columns = {
            "run": ("id", "initial_prompt"),
            "invocation": ("id", "run_id", "sequence_number", "type", "output_text"),
            "embedding": ("id", "invocation_id", "embedding_model", "vector"),
        }[role]
        selected = [self._tables.column(role, name) for name in columns]
        if role == "run":
            selected.append(self._tables.moment("run", "inserted_at"))
        if role == "embedding":
            if self._stub:  # the length can be asked for without reading the vector
                vector = selected[3]
                selected[3] = (
                    f"CASE WHEN typeof({vector}) = 'blob' AND length({vector}) > 0 AND length({vector}) % 4 = 0 "
                    f"THEN x'00000000' ELSE substr({vector}, 1, 3) END"
                )
            selected.append(self._tables.moment("embedding", "completed_at", "inserted_at", "started_at"))
        table = self._tables.sql(role)
        with self._control.phase(phase):
            n: int = statements.value(self._old, f"SELECT count(*) FROM {table}")
            sql = f"SELECT {self._tables.place(role)}, {', '.join(selected)} FROM {table} old"
            self._reading = self._tables.names[role]
            with statements.each_row(self._old, sql) as rows:
                for number, row in enumerate(rows, start=1):
                    add(row)
                    if number % _REPORT_ROWS == 0:
                        self._at(number / n)

    def _run_row(self, row: Any) -> None:
        place, identifier, prompt, moment = row
        if self._has_id("run", place, identifier, f"its steps did not go over either; {_ROW}"):
            self._insert("run", _INSERT_RUN, (identifier, prompt, moment))

    def _invocation_row(self, row: Any) -> None:
        place, identifier, run, number, kind, text = row
        if not self._has_id("invocation", place, identifier, f"its embeddings went over without it; {_ROW}"):
            return
        if not self._there("Run", run):
            self._leave("invocation", "its run did not go over", _shown_id(place, identifier), _ROW)
            return
        kind = (
            kind.lower() if kind in ("TEXT", "IMAGE") else kind
        )  # names of an Enum; their values are in small letters
        self._insert("invocation", _INSERT_INVOCATION, (identifier, run, number, kind, text))

    def _embedding_row(self, row: Any) -> None:
        place, identifier, invocation, model, vector, moment = row
        if not self._has_id("embedding", place, identifier, _COPY):
            return
        linked = invocation is not None and self._there("Invocation", invocation)
        values = (identifier, invocation if linked else None, model, vector, moment)
        if self._insert("embedding", _INSERT_EMBEDDING, values) and invocation is not None and not linked:
            table = f"{self._tables.names['embedding']}.invocation_id"
            remedy = "UPDATE Embedding SET invocation_id = … where you know the step; results do not need it"
            self._add(table, "the embedding went over, but not its link: the invocation did not", identifier, remedy)

    def _has_id(self, role: Role, place: object, identifier: object, remedy: str) -> bool:
        if isinstance(identifier, str | bytes):
            return True
        declared = self._tables.declared(role, "id")
        reason = (
            f"the id is no longer the text it was: its column is declared {declared}, and SQLite made a number of it"
        )
        self._leave(role, reason if identifier is not None else "it has no id", _shown_id(place, identifier), remedy)
        return False

    def _there(self, table: str, identifier: object) -> bool:
        if not isinstance(identifier, str | bytes):
            return False
        return statements.first_row(self._new, f"SELECT 1 FROM main.{table} WHERE id = ?", (identifier,)) is not None

    def _insert(self, role: Role, sql: str, values: tuple[Any, ...]) -> bool:
        try:
            statements.run(self._new, sql, values)
        except ConstraintError as error:
            self._leave(role, _refusal(error), values[0], _ROW)
            return False
        self.copied[role] += 1
        return True

    # --- results --------------------------------------------------------------------------------------------------

    def _results(self) -> None:
        tables = self._tables
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
        self._reading = tables.names["result"]
        found: list[Any] = statements.all_rows(self._old, sql)
        self._reading = tables.names.get("assignment", "")
        for number, row in enumerate(found):
            identifier, place = row[0], row[-1]
            self._share = (number / len(found), 1 / len(found))
            self._at(self._share[0])
            try:
                with statements.savepoint(self._new):  # a savepoint: a result goes over whole or not at all
                    adopted = self._result(*row[:-1])
            except _Refused as refused:
                self._add(
                    tables.names["result"],
                    refused.reason,
                    _shown_id(place, identifier),
                    refused.remedy,
                    apart=str(identifier),
                )
            else:
                self.results.append(adopted)
        self._count_strays()

    def _result(
        self,
        identifier: Any,
        model: Any,
        algorithm: Any,
        parameters: Any,
        kind: str | None,
        layer: Any,
        started: str | None,
        completed: str | None,
        created: str | None,
    ) -> AdoptedResult:
        if not isinstance(identifier, str | bytes):
            declared = self._tables.declared("result", "id")
            raise _Refused(f"its id is no longer the text it was: its column is declared {declared}", _AGAIN)
        if completed is None and started is not None:
            raise _Refused("it was not completed", _AGAIN)
        if not isinstance(parameters, str) or kind != "object":
            raise _Refused(f"its parameters are {shown(parameters)}, expected a JSON object", _AGAIN)
        if isinstance(layer, int):  # a parameter that has a column of its own there
            sql = "SELECT json_insert(?, '$.layer', ?)"
            parameters = statements.value(self._new, sql, (parameters, layer))
        values = (model, algorithm, parameters, started, completed or created)
        try:
            result_id: int = statements.value(self._new, _INSERT_RESULT, values)
        except ConstraintError as error:
            raise _Refused(_refusal(error), _AGAIN) from None
        labels = self._clusters(identifier, result_id)
        n_rows = self._members(identifier, result_id, model, labels)
        n_clusters = sum(label != NOISE for label in labels.values())
        for label, medoid in statements.all_rows(self._new, _FOREIGN_MEDOIDS, (result_id,)):
            raise _Refused(f"the medoid of cluster {label}, {shown(medoid)}, is not a member of it", _AGAIN)
        return AdoptedResult(identifier, None if self._stub else result_id, model, n_rows, n_clusters)

    def _clusters(self, identifier: Id, result_id: int) -> dict[Any, int]:
        """Write a result's clusters; what an assignment points at → label."""
        tables = self._tables
        if not tables.has("assignment"):
            raise _Refused("the table of its assignments is not there", _AGAIN)
        if tables.has("assignment", "medoid_embedding_id"):
            clusters = self._clusters_of_medoids(identifier)
        elif tables.has("assignment", "cluster_id") and tables.has("cluster"):
            clusters = self._clusters_of_table(identifier)
        else:
            raise _Refused("it was stored without the ids of its medoids", _AGAIN)
        for _, label, medoid, size in clusters:
            if label == NOISE:
                continue
            if not isinstance(medoid, str | bytes):
                raise _Refused(f"the medoid of cluster {label} is {shown(medoid)}, expected an id", _AGAIN)
            try:
                statements.run(self._new, _INSERT_CLUSTER, (result_id, label, medoid, size))
            except ConstraintError as error:
                raise _Refused(f"cluster {label}: {_refusal(error)}", _AGAIN) from None
        return {key: label for key, label, _, _ in clusters}

    def _clusters_of_medoids(self, identifier: Id) -> list[tuple[Any, int, Any, int]]:
        """(key, label, medoid, size); no labels were stored, so they are numbered in the order of the medoids' ids."""
        medoid = self._tables.column("assignment", "medoid_embedding_id")
        sql = f"SELECT {medoid}, count(*) FROM {self._of_result('assignment')} GROUP BY 1 ORDER BY 1"
        found: list[Any] = statements.all_rows(self._old, sql, (identifier,))
        medoids = [row for row in found if row[0] is not None]
        return [(None, NOISE, None, 0), *((key, label, key, size) for label, (key, size) in enumerate(medoids))]

    def _clusters_of_table(self, identifier: Id) -> list[tuple[Any, int, Any, int]]:
        """The same of a table of clusters, with the labels that were stored; checked against the sizes that were."""
        tables = self._tables
        columns = (tables.column("cluster", name) for name in ("id", "cluster_id", "medoid_embedding_id", "size"))
        sql = f"SELECT {', '.join(columns)} FROM {self._of_result('cluster')}"
        found: list[Any] = statements.all_rows(self._old, sql, (identifier,))
        target = tables.column("assignment", "cluster_id")
        sql = f"SELECT {target}, count(*) FROM {self._of_result('assignment')} GROUP BY 1"
        counts: list[Any] = statements.all_rows(self._old, sql, (identifier,))
        counted: dict[Any, int] = dict(counts)
        clusters = []
        for key, label, medoid, stored in found:
            if not isinstance(key, str | bytes):
                declared = tables.declared("cluster", "id")
                raise _Refused(f"the id of a cluster is {shown(key)}: its column is declared {declared}", _AGAIN)
            if not isinstance(label, int) or label < NOISE:
                raise _Refused(f"a cluster has the label {shown(label)}, expected -1, 0, 1, …", _AGAIN)
            size = counted.get(key, 0)
            if tables.has("cluster", "size") and stored != size:
                raise _Refused(
                    f"cluster {label} has {size} members, and {shown(stored)} were stored as its size", _AGAIN
                )
            clusters.append((key, label, medoid, size))
        return clusters

    def _members(self, identifier: Id, result_id: int, model: str, labels: dict[Any, int]) -> int:
        tables = self._tables
        target = "medoid_embedding_id" if tables.has("assignment", "medoid_embedding_id") else "cluster_id"
        sql = (
            f"SELECT {tables.column('assignment', 'embedding_id')}, {tables.column('assignment', target)} "
            f"FROM {self._of_result('assignment')}"
        )
        n: int = statements.value(self._old, f"SELECT count(*) FROM {self._of_result('assignment')}", (identifier,))
        n_rows = 0
        wrong: dict[str, tuple[int, Any]] = {}
        with statements.each_row(self._old, sql, (identifier,)) as rows:
            for member, key in rows:
                n_rows += 1
                if n_rows % _REPORT_ROWS == 0:
                    self._at(self._share[0] + self._share[1] * n_rows / n)
                if problem := self._member(result_id, model, member, labels.get(key)):
                    count, example = wrong.get(problem, (0, member))
                    wrong[problem] = (count + 1, example)
        if wrong:
            reasons = [
                f"{count:,} of {n_rows:,} {problem} (as {shown(example)})"
                for problem, (count, example) in wrong.items()
            ]
            raise _Refused("; ".join(reasons), _AGAIN)
        if not n_rows:
            raise _Refused("it has no assignments", _AGAIN)
        return n_rows

    def _member(self, result_id: int, model: str, member: Any, label: int | None) -> str:
        """Write an assignment; what is wrong with it, if anything is."""
        if not isinstance(member, str | bytes):
            return "members have ids that are no longer the text they were"
        there = statements.first_row(self._new, "SELECT embedding_model FROM main.Embedding WHERE id = ?", (member,))
        if there is None:
            return "members are embeddings that are not there, or did not go over"
        if there[0] != model:
            return "members are embeddings of another model"
        if label is None:
            return "members are of a cluster that is not there"
        try:
            statements.run(self._new, _INSERT_MEMBER, (result_id, member, label, 1.0 if label != NOISE else 0.0))
        except ConstraintError:  # the primary key: all else was looked at
            return "members are assigned twice"
        return ""

    def _of_result(self, role: Role) -> str:
        return f"{self._tables.sql(role)} old WHERE {self._tables.column(role, 'clustering_result_id')} = ?"

    def _count_strays(self) -> None:
        """Assignments of no result."""
        tables = self._tables
        if not tables.has("assignment"):
            return
        of_result = tables.column("assignment", "clustering_result_id")
        [(n, example)] = statements.all_rows(
            self._old,
            f"""
            SELECT count(*), min({of_result}) FROM {tables.sql("assignment")} old
            WHERE NOT EXISTS (SELECT 1 FROM {tables.sql("result")} r WHERE r.id = {of_result})
            """,
        )
        if n:
            reason = "they are of a result that is not there, or whose id is no longer the text it was"
            self._add(tables.names["assignment"], reason, example, _AGAIN, n=n)

    # --- what is left out, and how far it is ----------------------------------------------------------------------

    def _leave(self, role: Role, reason: str, example: Any, remedy: str) -> None:
        self._add(self._tables.names[role], reason, example, remedy)

    def _add(self, table: str, reason: str, example: Any, remedy: str, *, n: int = 1, apart: str = "") -> None:
        key = (table, reason + apart)
        before = self._left.get(key)
        if before is None:
            self._left[key] = LeftOut(table, n, reason, example, remedy)
        else:
            self._left[key] = before._replace(n=before.n + n)

    def _at(self, fraction: float) -> None:
        self._new.check_interrupt()
        self._old.check_interrupt()
        self._control.at(fraction)


def _refusal(error: ConstraintError) -> str:
    return f"our schema refuses it: {error}"


def _shown_id(place: object, identifier: Any) -> Any:
    """An id, or where the row is if the id tells nothing."""
    if isinstance(identifier, str | bytes):
        return identifier
    return f"rowid {place}, where the id is {identifier!r} now"
