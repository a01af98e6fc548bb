"""Maps that are kept with stored fits: what is in them is not what is written there."""

from __future__ import annotations

from sqlclust.diagnosis.examination import Examination, counted
from sqlclust.errors import (
    DatabaseError,
    DatabaseFileError,
    FitDamagedError,
    FitNotStoredError,
    MapDamagedError,
    UnknownFitError,
)
from sqlclust.sqlite import statements
from sqlclust.sqlite.layout import Table
from sqlclust.store.fits.stored_map import load_map

_MAPS = "SELECT clustering_fit_id FROM {map} ORDER BY clustering_fit_id"


def check_maps(exam: Examination, table: Table) -> None:
    """Every map as it is read to be drawn, one at a time."""
    with exam.guarded(table):
        damaged: list[tuple[int, str]] = []
        for (fit_id,) in statements.all_rows(exam.database, _MAPS.format(map=table.sql)):
            exam.check_interrupt()
            try:
                load_map(exam.database, fit_id)
            except MapDamagedError as error:
                damaged.append((fit_id, error.reason))
            except FitNotStoredError:
                damaged.append((fit_id, "its fit is not stored, so that nobody knows whose places these are"))
            except (FitDamagedError, UnknownFitError):  # which were found already
                continue
            except (DatabaseFileError, UnicodeDecodeError) as error:
                damaged.append((fit_id, str(error)))
            except DatabaseError:  # our tables are not as they should be, which was found already
                return
        exam.add_rows(
            "damaged-map", "error", table, "clustering_fit_id", damaged,
            detail=lambda n, reason: f"{counted(n, 'map is', 'maps are')} not what is written; of the example: {reason}",
            remedy="sqlclust map makes it again; or DELETE it",
        )  # fmt: skip
