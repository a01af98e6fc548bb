"""How many rows are new, and how many gone, since results were made: told by ids, and so quickly. `staleness` reads vectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from sqlclust.errors import Id, Interrupted, OutOfMemoryError, SqlclustError
from sqlclust.sqlite import statements
from sqlclust.sqlite.database import Database
from sqlclust.sqlite.transactions import translated_errors
from sqlclust.store.embeddings.origin import Origin, RowsNow
from sqlclust.store.embeddings.selection import Selection
from sqlclust.store.origins import origin_of
from sqlclust.store.results.staleness import differences, has_where, selection_of

_PATIENCE = 0.2
"""Seconds to wait for whoever writes to another file that a source is in: nobody waits long for a list."""

_RESULTS = """
SELECT r.id, r.embedding_model, r.parameters, f.id AS fit_id,
       (SELECT count(*) FROM main.EmbeddingCluster ec WHERE ec.clustering_result_id = r.id) AS n_rows
FROM main.ClusteringResult r
LEFT JOIN main.ClusteringFit f ON f.id = r.clustering_fit_id
WHERE :model IS NULL OR r.embedding_model = :model
ORDER BY r.embedding_model
"""


class Freshness(NamedTuple):
    """How far a result is of the rows that there are now. A vector that was replaced under its id is not seen.

    Attributes:
        n_new: rows that its selection gives now and that it does not have; None where that is not known.
        n_missing: its rows that the selection does not give any more; where the selection was not made again, those that are
            gone. None where it is not known.
    """

    n_new: int | None
    n_missing: int | None


UNKNOWN = Freshness(None, None)
"""Of a result of which nothing is known."""


def freshness(database: Database, embedding_model: str | None = None) -> dict[int, Freshness]:
    """The freshness of each result, or of those of one model, by id; as `staleness` has it, but for vectors.

    What cannot be told quickly is not known: n_new of a result without a fit, and of one whose selection, or whose source, has
    a condition, which is text in the file and is not run; both of a source that cannot be read, is a view, or has more than a
    million rows.

    Raises:
        OutOfMemoryError, StatementInterrupted

    Cost: of our own embeddings some 50 ms for the first 100,000 rows of a model, some 10 ms for each further 100,000 rows of its
    results, by indexes alone. Of a source one pass over its table, without vectors that are longer than a page. Selections
    with `downsample` are made again.
    """
    found: dict[int, Freshness] = {}
    with translated_errors(database, doing="looking for changes"), statements.one_moment(database):
        results = statements.dict_rows(database, _RESULTS, {"model": embedding_model})
        for model, of_model in groupby(results, key=itemgetter("embedding_model")):
            found |= _of_model(database, model, [*of_model])
    return found


def _of_model(database: Database, model: str, results: Sequence[Mapping[str, Any]]) -> dict[int, Freshness]:
    try:
        with origin_of(database, model, patience=_PATIENCE) as origin:
            now = origin.rows_now({result["id"]: result["n_rows"] for result in results})
            if now is not None:
                looking = _Looking(database, origin, now)
                return {result["id"]: looking.at(result) for result in results}
    except (Interrupted, OutOfMemoryError, MemoryError):
        raise
    except SqlclustError:  # a source that cannot be read: whoever wants to know why asks for it alone
        pass
    return {result["id"]: UNKNOWN for result in results}


class _Looking:
    """Looks at results of one model."""

    def __init__(self, database: Database, origin: Origin, now: RowsNow) -> None:
        self._database, self._origin, self._now = database, origin, now
        self._selected: dict[int, Sequence[Id]] = {}

    def at(self, result: Mapping[str, Any]) -> Freshness:
        n_missing = self._now.n_missing[result["id"]]
        selection = self._selection(result)
        if selection is None:
            return Freshness(None, n_missing)
        if selection.downsample == 1:  # everything
            return Freshness(self._now.n - (result["n_rows"] - n_missing), n_missing)
        with self._origin.members(result["id"]) as ids:
            members = set(ids)
        selected = ((id, None) for id in self._ids(selection))
        found = differences(self._database, selected, members, None)
        return Freshness(len(found.new), len(found.missing))

    def _selection(self, result: Mapping[str, Any]) -> Selection | None:
        """What can be selected again; None if nobody knows it, or it would run SQL that is text in the file."""
        try:
            selection = selection_of(result)
        except SqlclustError:  # its parameters are not what a fit writes
            return None
        return None if has_where(self._origin, selection) else selection

    def _ids(self, selection: Selection) -> Sequence[Id]:
        """Those that are selected; the model is the same, and there is no condition."""
        if selection.downsample not in self._selected:
            self._selected[selection.downsample] = self._origin.selected_ids(selection)
        return self._selected[selection.downsample]
