"""The engines: the ways to find neighbours and the spanning tree.

Only their names and what they promise. What they compute is elsewhere, so that a name can be checked before heavy imports.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

from sqlclust.errors import UnknownEngineError

Engine = Literal["exact", "approximate"]


class EngineRecord(NamedTuple):
    """How neighbours and the spanning tree are found.

    Attributes:
        name: as options and stored fits have it.
        exact: whether it gives what brute force gives; of the others the recall is measured.
    """

    name: Engine
    exact: bool


_RECORDS: dict[str, EngineRecord] = {
    record.name: record for record in (EngineRecord("exact", exact=True), EngineRecord("approximate", exact=False))
}
"""All engines. To add one, add its record here, its name to `Engine`, its stages to `engine_stages.STAGES`, and what it takes to
`cost.COSTS`."""
ENGINES: tuple[Engine, ...] = tuple(record.name for record in _RECORDS.values())


SHARDED: Final = "sharded"
"""Recorded of a fit in shards (`distributed`), which no engine here computes."""


def is_exact(name: str) -> bool:
    """Whether a stored fit of an engine of this name is what brute force gives; one in shards is not.

    Raises:
        UnknownEngineError: there is none.
    """
    if name == SHARDED:
        return False
    if name not in _RECORDS:
        raise UnknownEngineError(name, known=(*ENGINES, SHARDED))
    return _RECORDS[name].exact


def engine_of(name: str) -> EngineRecord:
    """The engine of a name.

    Raises:
        UnknownEngineError: there is none; "auto" is none either, options are to be resolved first.
    """
    record = _RECORDS.get(name) if isinstance(name, str) else None
    if record is None:
        raise UnknownEngineError(name, known=ENGINES)
    return record
