"""Runs, invocations and embeddings: what our schema takes goes over as it is, under the ids that they have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlclust.adoption.copy import CORRECT, REPORT_ROWS, Copy, refusal, shown_id
from sqlclust.diagnosis.families import Role
from sqlclust.errors import ConstraintError
from sqlclust.sqlite import statements

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


class EmbeddingsCopy:
    """Copies runs, invocations and embeddings."""

    def __init__(self, copy: Copy) -> None:
        self._copy = copy

    def run(self) -> None:
        """Copy the tables that there are."""
        if self._copy.tables.has("run"):
            self._table("run", "runs", self._run_row)
        if self._copy.tables.has("invocation"):
            self._table("invocation", "steps of runs", self._invocation_row)
        self._table("embedding", "embeddings", self._embedding_row)

    def _table(self, role: Role, phase: str, add: Callable[[Any], None]) -> None:
        columns = {
            "run": ("id", "initial_prompt"),
            "invocation": ("id", "run_id", "sequence_number", "type", "output_text"),
            "embedding": ("id", "invocation_id", "embedding_model", "vector"),
        }[role]
        selected = [self._copy.tables.column(role, name) for name in columns]
        if role == "run":
            selected.append(self._copy.tables.moment("run", "inserted_at"))
        if role == "embedding":
            if self._copy.stub:  # the length can be asked for without reading the vector
                vector = selected[3]
                selected[3] = (
                    f"CASE WHEN typeof({vector}) = 'blob' AND length({vector}) > 0 AND length({vector}) % 4 = 0 "
                    f"THEN x'00000000' ELSE substr({vector}, 1, 3) END"
                )
            selected.append(self._copy.tables.moment("embedding", "completed_at", "inserted_at", "started_at"))
        table = self._copy.tables.sql(role)
        with self._copy.control.phase(phase):
            n: int = statements.value(self._copy.old, f"SELECT count(*) FROM {table}")
            sql = f"SELECT {self._copy.tables.place(role)}, {', '.join(selected)} FROM {table} old"
            self._copy.reading = self._copy.tables.names[role]
            with statements.each_row(self._copy.old, sql) as rows:
                for number, row in enumerate(rows, start=1):
                    add(row)
                    if number % REPORT_ROWS == 0:
                        self._copy.at(number / n)

    def _run_row(self, row: Any) -> None:
        place, identifier, prompt, moment = row
        if self._has_id("run", place, identifier, f"its steps did not go over either; {CORRECT}"):
            self._insert("run", _INSERT_RUN, (identifier, prompt, moment))

    def _invocation_row(self, row: Any) -> None:
        place, identifier, run, number, kind, text = row
        if not self._has_id("invocation", place, identifier, f"its embeddings went over without it; {CORRECT}"):
            return
        if not self._there("Run", run):
            self._copy.leave("invocation", "its run did not go over", shown_id(place, identifier), CORRECT)
            return
        if kind in ("TEXT", "IMAGE"):  # names of an Enum; their values are in small letters
            kind = kind.lower()
        self._insert("invocation", _INSERT_INVOCATION, (identifier, run, number, kind, text))

    def _embedding_row(self, row: Any) -> None:
        place, identifier, invocation, model, vector, moment = row
        if not self._has_id("embedding", place, identifier, _COPY):
            return
        linked = invocation is not None and self._there("Invocation", invocation)
        values = (identifier, invocation if linked else None, model, vector, moment)
        if self._insert("embedding", _INSERT_EMBEDDING, values) and invocation is not None and not linked:
            table = f"{self._copy.tables.names['embedding']}.invocation_id"
            remedy = "UPDATE Embedding SET invocation_id = … where you know the step; results do not need it"
            self._copy.leave_out(
                table, "the embedding went over, but not its link: the invocation did not", identifier, remedy
            )

    def _has_id(self, role: Role, place: object, identifier: object, remedy: str) -> bool:
        if isinstance(identifier, str | bytes):
            return True
        declared = self._copy.tables.declared(role, "id")
        reason = (
            f"the id is no longer the text it was: its column is declared {declared}, and SQLite made a number of it"
        )
        self._copy.leave(
            role, reason if identifier is not None else "it has no id", shown_id(place, identifier), remedy
        )
        return False

    def _there(self, table: str, identifier: object) -> bool:
        if not isinstance(identifier, str | bytes):
            return False
        return (
            statements.first_row(self._copy.new, f"SELECT 1 FROM main.{table} WHERE id = ?", (identifier,)) is not None
        )

    def _insert(self, role: Role, sql: str, values: tuple[Any, ...]) -> bool:
        try:
            statements.run(self._copy.new, sql, values)
        except ConstraintError as error:
            self._copy.leave(role, refusal(error), values[0], CORRECT)
            return False
        self._copy.copied[role] += 1
        return True
