"""What is wrong in the database, as rows."""

from __future__ import annotations

from collections.abc import Iterator

from sqlclust import diagnosis
from sqlclust.options import DoctorOptions, parse_json
from sqlclust.sqlite.database import Row
from sqlclust.surface.records import Context, TableFunction


def clust_doctor(context: Context, options: object = "{}") -> Iterator[Row]:
    """A row for each finding, errors first; writes nothing."""
    yield from diagnosis.examine(context.database, format=parse_json(DoctorOptions, options).format)


DIAGNOSIS = (
    TableFunction(
        name="clust_doctor",
        args=("options",),
        optional=1,
        function=clust_doctor,
        columns={
            "finding": "TEXT",
            "table": "TEXT",
            "column": "TEXT",
            "id": "",
            "remedy": "TEXT",
            "n": "INTEGER",
            "severity": "TEXT",
            "detail": "TEXT",
        },
        summary="What is wrong in the database, or worth a note: what, where, an id as an example, what to do, how many, error "
        "or note, and the facts. Reads the whole file twice and writes nothing; on any database, also one without our tables.",
        example="SELECT count(*) FROM clust_doctor() WHERE severity = 'error' -- 0",
    ),
)
