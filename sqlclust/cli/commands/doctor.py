"""sqlclust doctor"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

import click

from sqlclust.cli.database import database_argument, open_database, read_database
from sqlclust.cli.options import options_of
from sqlclust.cli.output import cell_text, one_line, output_options, write_dicts
from sqlclust.cli.progress import ProgressLine
from sqlclust.cli.results import seconds
from sqlclust.diagnosis import Diagnosis, Finding, Repair, diagnose
from sqlclust.options import DoctorOptions
from sqlclust.sqlite import statements
from sqlclust.sqlite.database import Database
from sqlclust.vectors.formats import FormatName

_EPILOG = """\b
Examples:
  sqlclust doctor notes.db
  sqlclust doctor old-project.db --json
  sqlclust doctor notes.db --fix
"""
_COLUMNS = (*Finding._fields, "fixed")
_CHARACTERS = 400


@click.command("doctor", epilog=_EPILOG)
@database_argument
@click.option("--fix", is_flag=True, help="Repair what is certain, after a backup in a new file in the same folder.")
@click.option("--quick", is_flag=True, help="Only what needs no look at vectors, stored fits, or the file's integrity.")
@options_of(DoctorOptions)
@output_options
@click.pass_context
def command(
    context: click.Context, db: str, fix: bool, quick: bool, format: FormatName | None, output: str | None
) -> None:
    """Look for what is wrong in a database.

    In any: made by sqlclust, of the project that it comes from, or of another program. Damaged ids, orphans, repeated
    assignments, medoids outside their cluster, bad vectors, a damaged file, … The exit status is 1 if something is wrong;
    notes do not count. Reads the whole file twice; vectors are passed over in little memory. The file is opened for
    reading, unless with --fix: that repairs in one transaction and never touches vectors or ids.
    """
    started = time.monotonic()
    opened = open_database if fix else read_database
    with opened(db, tables=False) as database, ProgressLine("doctor") as progress:
        diagnosis = diagnose(database, fix=fix, quick=quick, format=format, progress=progress)
        tables = _count_of_tables(database)
    if output:
        if diagnosis.backup:
            click.echo(f"backup: {diagnosis.backup}", err=True)
        write_dicts(output, _findings_and_repairs(diagnosis, fix), _COLUMNS if fix else _COLUMNS[:-1])
    else:
        for line in _lines(diagnosis):
            click.echo(line)
        took = seconds(time.monotonic() - started)
        click.echo(f"{db}: {_summary(diagnosis)} ({tables}{', quick' if quick else ''}, {took})")
    if not diagnosis.healthy:
        context.exit(1)


def _count_of_tables(database: Database) -> str:
    sql = "SELECT count(*) FROM main.sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
    n = statements.value(database, sql)
    return "1 table" if n == 1 else f"{n} tables"


def _findings_and_repairs(diagnosis: Diagnosis, fix: bool) -> list[dict[str, Any]]:
    """Findings as they are now; with --fix after what was repaired, which has the rows changed in `fixed`."""
    rows = [{**finding._asdict(), **({"fixed": 0} if fix else {})} for finding in diagnosis.findings]
    repaired = [
        {
            **dict.fromkeys(_COLUMNS),
            **{"finding": repair.finding, "table": repair.table, "column": repair.column, "n": 0},
            **{"severity": "fixed", "detail": repair.did, "fixed": repair.n},
        }
        for repair in diagnosis.repairs
    ]
    return repaired + rows


def _lines(diagnosis: Diagnosis) -> Iterable[str]:
    if diagnosis.backup:
        yield f"backup  {diagnosis.backup}"
    for repair in diagnosis.repairs:
        yield f"fixed   {repair.finding}: {_where(repair)}"
        yield f"        {one_line(repair.did, _CHARACTERS)}"
    for finding in diagnosis.findings:
        example = "" if finding.id is None else f", for example {cell_text(finding.id)}"
        yield f"{finding.severity:<7} {finding.finding}: {_where(finding)}{example}"
        yield f"        {one_line(finding.detail, _CHARACTERS)}"
        yield f"        to do: {one_line(finding.remedy, _CHARACTERS)}"
    if diagnosis.findings or diagnosis.repairs:
        yield ""


def _where(what: Finding | Repair) -> str:
    if what.table is None:
        return "the connection" if what.finding == "foreign-keys-off" else "the file"
    return one_line(what.table if what.column is None else f"{what.table}.{what.column}")


def _summary(diagnosis: Diagnosis) -> str:
    errors = sum(finding.severity == "error" for finding in diagnosis.findings)
    notes = len(diagnosis.findings) - errors
    wrong = "nothing is wrong" if not errors else "1 error" if errors == 1 else f"{errors} errors"
    return wrong if not notes else f"{wrong}, 1 note" if notes == 1 else f"{wrong}, {notes} notes"
