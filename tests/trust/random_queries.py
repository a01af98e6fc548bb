"""Random queries: each table function gives what a table of its rows gives, under every plan of SQLite.

    python -m tests.trust.random_queries [SECONDS] [SEED]    as many as there is time for, 60 seconds by default

A query that differs is printed with both answers. Left out is what SQL itself leaves open: the order of rows without ORDER BY,
which of equal values DISTINCT keeps, sums of REAL in another order.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import cycle
from typing import Any, NamedTuple

import apsw

from sqlclust.errors import ArgumentError, SqlclustError, StatementInterrupted
from tests.extension import original
from tests.trust.query_database import BY_CONDITION, HOSTS, IDS, OTHERS, Source, database, sources

_STOPPED = (apsw.InterruptError, StatementInterrupted)
"""How a query ends that takes too many steps; the second where a function of ours noticed it inside the extension."""


class Select(NamedTuple):
    """SELECT values rest."""

    values: list[str]
    rest: str
    distinct: str = ""

    def text(self, *, named: bool = False) -> str:
        names = [f" AS c{number}" if named else "" for number in range(len(self.values))]
        return f"SELECT {self.distinct}{', '.join(map(str.__add__, self.values, names))} {self.rest}"


HOST_COLUMNS = ("k", "id", "x", "label", "n")
TYPES = ("TEXT", "INTEGER", "NUMERIC", "REAL", "BLOB")


class Maker:
    """Makes queries. A function stands as ‹NAME›, or as «NAME» where its visible columns are all that there may be."""

    def __init__(self, rng: random.Random, functions: dict[str, Source]) -> None:
        self.rng, self.functions = rng, functions
        self.depth, self.n_names = 0, 0
        self.scope: list[tuple[str, Sequence[str]]] = []

    def chance(self, share: float) -> bool:
        return self.rng.random() < share

    def query(self) -> str:
        """A SELECT, or two put together."""
        count = self.rng.randint(1, 3)
        if self.chance(0.12):
            operator = self.rng.choice(("UNION", "UNION ALL", "EXCEPT", "INTERSECT"))
            return f"{self.select(count).text()} {operator} {self.select(count).text()}"
        found = self.rng.choice((self.select, self.select, self.grouped, self.windowed))(count)
        text = found.text()
        if self.chance(0.3):  # by every value, so that the rows that come first are always the same
            text += " ORDER BY " + ", ".join(
                f"{n} COLLATE BINARY{self.rng.choice(('', ' DESC'))}" for n in range(1, count + 1)
            )
            if self.chance(0.7):
                text += f" LIMIT {self.rng.randint(0, 9)}" + (
                    f" OFFSET {self.rng.randint(0, 5)}" if self.chance(0.5) else ""
                )
        return text

    def select(self, count: int) -> Select:
        with self.inside():
            rest = self.from_where()
            values = [self.value() for _ in range(count)]
        return Select(values, rest, "DISTINCT " if self.depth == 0 and self.chance(0.25) else "")

    def grouped(self, count: int) -> Select:
        with self.inside():
            rest = self.from_where()
            keys = [self.column() for _ in range(count)]
            total = self.rng.choice(("count(*)", "count(DISTINCT {})", "min({})", "max({})", "total({} IS NULL)"))
            having = " HAVING count(*) > 1" if self.chance(0.3) else ""
            values = [*keys[:-1], total.format(self.column())]
        return Select(values, f"{rest} GROUP BY {', '.join(keys)}{having}")

    def windowed(self, count: int) -> Select:
        with self.inside():
            rest = self.from_where()
            over = self.rng.choice(("PARTITION BY {0}", "PARTITION BY {0} ORDER BY {1}", "ORDER BY {1}"))
            over = over.format(self.column(), self.column())
            what = self.rng.choice(("rank()", "count(*)", "dense_rank()", "max({})", "min({})")).format(self.column())
            values = [*(self.column() for _ in range(count - 1)), f"{what} OVER ({over})"]
        return Select(values, rest)

    @contextmanager
    def inside(self) -> Iterator[None]:
        """A query within the one so far: it may name the outer one's tables."""
        outer = list(self.scope)
        self.depth += 1
        yield
        self.scope = outer
        self.depth -= 1

    # --- FROM ---

    def from_where(self) -> str:
        self.needed: list[str]
        outer, self.needed = getattr(self, "needed", []), []
        text = self.from_()
        conditions = [*self.needed, *([self.condition()] if self.chance(0.6) else [])]
        self.needed = outer
        return text + (f" WHERE {' AND '.join(conditions)}" if conditions else "")

    def from_(self) -> str:
        item, name, columns = self.source(ours=True)
        text, own = f"FROM {item}", [(name, columns)]
        self.scope.append(own[0])
        for number in range(1, self.rng.choice((1, 1, 2, 2, 2, 3)) if self.depth < 3 else 1):
            item, name, columns = self.source(ours=False)
            entry = (name, columns)
            shared = [column for column in columns if any(column in others for _, others in own)]
            kind = self.rng.choice(("", "LEFT ", "RIGHT ", "FULL ", "CROSS ", "USING", "NATURAL", ","))
            own.append(entry)
            if kind == "NATURAL" and number == 1 and not self.needed:
                text, item = only_visible(text.removeprefix("FROM ")), only_visible(item)
                text = f"FROM {text}"
                text += f" NATURAL {self.rng.choice(('', 'LEFT ', 'RIGHT ', 'FULL '))}JOIN {item}"
                own = [(n, self.functions[c].visible_columns if (c := of(n, text)) else k) for n, k in own]
                self.scope[-1:] = own
            elif kind == "USING" and shared and number == 1:
                text += f" {self.rng.choice(('', 'LEFT ', 'RIGHT ', 'FULL '))}JOIN {item}"
                text += f' USING ("{self.rng.choice(shared)}")'
                self.scope.append(entry)
            else:
                self.scope.append(entry)
                text += (
                    ", " if kind == "," else f" {kind.strip() if kind not in ('USING', 'NATURAL') else 'LEFT'} JOIN "
                )
                text += item + (f" ON {self.join_condition(own)}" if kind not in (",", "CROSS ") else "")
        return text

    def source(self, *, ours: bool) -> tuple[str, str, Sequence[str]]:
        self.n_names += 1
        name = f"t{self.n_names}"
        kind = self.rng.random()
        if ours or kind < 0.45:
            function = self.rng.choice(list(self.functions))
            columns = self.functions[function].columns
            if function in BY_CONDITION:
                self.needed.append(self.arguments(name))
                columns = [column for column in columns if column not in ("clustering_fit_id", "options")]
            return f"‹{function}› {name}", name, columns
        if kind < 0.6 and self.depth < 3:
            scope, self.scope = self.scope, []
            inner = self.select(2).text(named=True)
            if self.chance(0.3):
                inner += f" UNION ALL {self.select(2).text()}"
            self.scope = scope
            return f"({inner}) {name}", name, ("c0", "c1")
        return f"{self.rng.choice(HOSTS)} {name}", name, HOST_COLUMNS

    def arguments(self, name: str) -> str:
        """Arguments given by conditions."""

        def one() -> str:
            fit = self.rng.choice(("= 1", "= 2", "IN (1, 2)", "IN (SELECT id FROM fit)"))
            return f"{name}.clustering_fit_id {fit} AND {name}.options = '{{}}'"

        if self.chance(0.4):
            return (
                f"({one()} AND {name}.id = {self.literal()} OR {one()} AND {name}.label = {self.rng.randrange(-1, 2)})"
            )
        return one()

    def join_condition(self, own: list[tuple[str, Sequence[str]]]) -> str:
        left, right = self.column(own[-1:]), self.column(own[:-1])
        other, columns = self.rng.choice(own[:-1])
        if "id" in columns and "id" in own[-1][1] and self.chance(0.5):
            left, right = f"{own[-1][0]}.id", f"{other}.id"
        if self.chance(0.3):
            left, right = right, left
        text = f"{left} {self.rng.choice(('=', '=', '=', '=', 'IS'))} {right}"
        return text + (f" {self.rng.choice(('AND', 'OR'))} {self.condition()}" if self.chance(0.25) else "")

    # --- expressions ---

    def column(self, among: Sequence[tuple[str, Sequence[str]]] = ()) -> str:
        name, columns = self.rng.choice(among or self.scope[-4:])
        likely = [c for c in columns if c in ("id", "label", "c0", "x") or c.endswith("_id")]
        return f'{name}."{self.rng.choice(likely if likely and self.chance(0.7) else columns)}"'

    def value(self) -> str:
        kind = self.rng.random()
        if kind < 0.75 or self.depth > 2:
            return self.column()
        if kind < 0.85:
            return f"coalesce({self.column()}, {self.literal()})"
        if kind < 0.9:
            return f"({self.column()} IS {self.column()})"
        outer = len(self.scope)
        with self.inside():
            rest = self.from_where()
            own = self.scope[outer:]  # an aggregate of an outer table's column would be the outer query's
            total = self.rng.choice(("count(*)", "count({})", "max({})", "min({})")).format(self.column(own))
            return f"({Select([total], rest).text()})"

    def literal(self) -> str:
        return (
            apsw.format_sql_value(self.rng.choice(IDS + OTHERS)) if self.chance(0.7) else str(self.rng.randrange(-1, 4))
        )

    def operand(self) -> str:
        kind, column = self.rng.random(), self.column()
        if kind < 0.7:
            return column
        if kind < 0.85:
            return f"CAST({column} AS {self.rng.choice(TYPES)})"
        return f"+{column}" if kind < 0.93 else f"{column} COLLATE {self.rng.choice(('NOCASE', 'BINARY', 'RTRIM'))}"

    def condition(self) -> str:
        kind = self.rng.random()
        if kind < 0.3:
            return f"{self.operand()} = {self.rng.choice((self.literal, self.operand))()}"
        if kind < 0.4:
            return f"{self.operand()} IN ({', '.join(self.literal() for _ in range(self.rng.randint(1, 3)))})"
        if kind < 0.45:
            function = self.rng.choice([name for name in self.functions if "id" in self.functions[name].columns])
            if function not in BY_CONDITION:
                return f"{self.operand()} IN (SELECT id FROM ‹{function}›)"
        if kind < 0.52:
            column = self.rng.choice(("id", "x", "label", "+id"))
            return f"{self.operand()} {self.rng.choice(('IN', 'IN', 'NOT IN'))} (SELECT {column} FROM {self.rng.choice(HOSTS)})"
        if kind < 0.57:
            return f"{self.operand()} {self.rng.choice(('<', '>=', 'IS', 'IS NOT', '<>'))} {self.operand()}"
        if kind < 0.62:
            return f"{self.operand()} BETWEEN {self.literal()} AND {self.literal()}"
        if kind < 0.68:
            return f"{self.column()} IS {self.rng.choice(('NULL', 'NOT NULL'))}"
        if kind < 0.74:
            column = self.column()
            parts = [f"{column} = {self.literal()} AND {self.condition()}" for _ in range(2)]
            return f"({' OR '.join(parts)})"
        if kind < 0.86:
            parts = [self.condition() for _ in range(self.rng.randint(2, 3))]
            return "(" + f" {self.rng.choice(('OR', 'OR', 'AND'))} ".join(parts) + ")"
        if kind < 0.95 and self.depth < 3:
            with self.inside():
                return f"{self.rng.choice(('EXISTS', 'NOT EXISTS'))} (SELECT 1 {self.from_where()})"
        return f"NOT {self.operand()} = {self.literal()}"


def only_visible(item: str) -> str:
    """An item of FROM, with the visible columns alone if it is a function."""
    function, _, rest = item.partition("›")
    return f"«{function.removeprefix('‹')}»{rest}" if item.startswith("‹") else item


def of(name: str, text: str) -> str:
    """The function that has this name in FROM; '' if none."""
    before = f"{text} ".partition(f" {name} ")[0]
    return before.rpartition("«")[2].removesuffix("»") if before.endswith("»") else ""


LONG = 300
"""Thousands of steps of SQLite's machine after which a query is given up: neither answer is compared."""


class Answers:
    """Runs queries both ways, and counts."""

    def __init__(self, con: apsw.Connection) -> None:
        self.con = con
        self.functions = sources(con)
        self.compared = self.refused = self.long = 0
        self._steps = 0
        con.set_progress_handler(self._step, 1000)

    def _step(self) -> bool:
        self._steps += 1
        return self._steps > LONG

    def answer(self, sql: str) -> list[Any] | Exception:
        """The rows in an order that is always the same, or the error."""
        self._steps = 0
        try:
            rows = self.con.execute(sql, can_cache=False).fetchall()
        except (apsw.Error, SqlclustError) as error:
            return original(error)
        return sorted((tuple(map(alike, row)) for row in rows), key=repr)

    def difference(self, query: str) -> str:
        """What to print where the answers differ; '' where they agree."""
        called, stored = query, query
        for name, found in self.functions.items():
            called = called.replace(f"‹{name}›", found.call).replace(f"«{name}»", found.call)
            stored = stored.replace(f"‹{name}›", found.table).replace(f"«{name}»", found.visible)
        got, wanted = self.answer(called), self.answer(stored)
        if isinstance(got, _STOPPED) or isinstance(wanted, _STOPPED):
            self.long += 1
        elif isinstance(got, Exception) and (isinstance(wanted, Exception) or may_refuse(query, got)):
            self.refused += 1
        elif isinstance(got, Exception) or got != wanted:
            return f"{called}\n  gave     {got!r}\n{stored}\n  expected {wanted!r}"
        else:
            self.compared += 1
        return ""


def alike(value: Any) -> Any:
    """The same for values of which DISTINCT and GROUP BY may keep any: 1 and 1.0, and the cases of a letter."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value.lower() if isinstance(value, str) else value


def may_refuse(query: str, error: Exception) -> bool:
    """An argument that no plan gives in time is an error of ours, where a table would only have a column."""
    return isinstance(error, ArgumentError) and any(name in query for name in BY_CONDITION)


def queries(functions: dict[str, Source], seed: int) -> Iterator[str]:
    """Without end."""
    rng = random.Random(seed)
    while True:
        yield Maker(rng, functions).query()


def main(args: Sequence[str]) -> None:
    """As the docstring of this file says."""
    seconds = float(args[0]) if args else 60.0
    both = [Answers(database(analyzed=analyzed)) for analyzed in (True, False)]
    end, wrong = time.monotonic() + seconds, 0
    made = queries(both[0].functions, int(args[1]) if len(args) > 1 else 0)
    for query, answers in zip(made, cycle(both), strict=False):
        if time.monotonic() > end:
            break
        difference = answers.difference(query)
        if difference:
            wrong += 1
            print(difference, end="\n\n", flush=True)
    compared, refused, long = (sum(getattr(each, name) for each in both) for name in ("compared", "refused", "long"))
    print(f"{compared:,} queries the same, {wrong} different, {refused:,} refused, {long:,} too long")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main(sys.argv[1:])
