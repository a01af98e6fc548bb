"""sqlclust plot"""

from __future__ import annotations

import os
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from sqlclust.cli.database import database_argument, database_for_pictures
from sqlclust.cli.output import printable
from sqlclust.cli.picture_files import write_picture
from sqlclust.cli.progress import ProgressLine
from sqlclust.pictures.plots.drawing import FORMATS, KINDS, PlotOptions, check_installed, draw
from sqlclust.store.results.listing import resolve_result

_EPILOG = """\b
Examples:
  sqlclust plot notes.db map
  sqlclust plot notes.db tree -o tree.pdf
  sqlclust plot notes.db sweep 3 -o sweep.png --size 5x4 --dark
  sqlclust plot notes.db runs -o - --format png > runs.png
"""
_STDOUT = "-"
_LEAST_INCHES, _MOST_INCHES = 2.0, 50.0
_LEAST_DPI, _MOST_DPI = 20, 1_200


class _Size(click.ParamType):  # type: ignore[type-arg]
    """Two lengths, as 8x6."""

    name = "WIDTHxHEIGHT"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[float, float]:
        found = re.fullmatch(r"(\d+(?:\.\d+)?)[x×](\d+(?:\.\d+)?)", value, re.ASCII)
        size = (float(found[1]), float(found[2])) if found else (0.0, 0.0)
        if not all(_LEAST_INCHES <= length <= _MOST_INCHES for length in size):
            self.fail(f"{value!r} is no size: two lengths in inches, {_LEAST_INCHES:g} to {_MOST_INCHES:g}, such as 8x6")
        return size


@click.command("plot", epilog=_EPILOG)
@database_argument
@click.argument("kind", type=click.Choice([*KINDS]))
@click.argument("result", metavar="[RESULT|latest]", default="latest")
@click.option(
    "-o", "--output", "out", metavar="FILE", show_default="DB-KIND.svg in this folder",
    help="The file; its ending says the format: .svg, .png or .pdf. '-': standard output.",
)  # fmt: skip
@click.option("--format", type=click.Choice(FORMATS), help="The format, whatever the file's ending.")
@click.option("--size", type=_Size(), show_default="as suits the kind", help="Width and height in inches, as 8x6.")
@click.option("--dark", is_flag=True, help="Light letters on a dark background.")
@click.option(
    "--dpi", type=click.IntRange(_LEAST_DPI, _MOST_DPI), default=PlotOptions.dpi,
    help="Pixels to the inch: of a PNG, and of the points in an SVG or a PDF.",
)  # fmt: skip
@click.option("--no-texts", is_flag=True, help="Nothing of the texts: clusters are named by their numbers.")
def command(
    db: str,
    kind: str,
    result: str,
    out: str | None,
    format: str | None,
    size: tuple[float, float] | None,
    dark: bool,
    dpi: int,
    no_texts: bool,
) -> None:
    """Draw a result, as a picture for a text.

    \b
    map    every row a point, coloured by its cluster
    tree   the condensed tree, with the clusters
    sweep  what other min_cluster_size would give
    runs   the labels of each run, in their sequence

    Clusters are named by their first terms where there is room. The map is made by "sqlclust map" or, if there is none yet, now,
    and kept where DB can be written; nothing else is written to DB. The same result gives the same bytes, with the same
    versions of matplotlib and Pillow and the same fonts. Needs matplotlib: pip install 'sqlclust[pictures]'.
    """
    out, format = _target(db, kind, out, format)
    check_installed()  # before a map is made
    with database_for_pictures(db, writing=kind == "map") as database, ProgressLine() as progress:
        from sqlclust.pictures.gathering import Parts, gather

        wanted = {part: part == kind for part in ("map", "tree", "sweep", "runs")}
        scene = gather(database, resolve_result(database, result), Parts(texts=False, **wanted), progress)
    if no_texts:
        scene = replace(scene, clusters=[replace(cluster, terms=()) for cluster in scene.clusters])
    plot = draw(scene, kind, format, PlotOptions(size=size, dark=dark, dpi=dpi))
    for remark in plot.remarks:
        click.echo(f"Note: {printable(remark)}", err=True)
    if out == _STDOUT:
        sys.stdout.buffer.write(plot.data)
        sys.stdout.buffer.flush()
        return
    write_picture(out, plot.data)
    click.echo(printable(f"{out}: {kind} of {scene.title}, {len(plot.data) / 1000:,.0f} kB"))


def _target(db: str, kind: str, out: str | None, format: str | None) -> tuple[str, str]:
    """The file to be written, and its format.

    Raises:
        click.UsageError
    """
    if out is None:
        out = f"{Path(db).stem}-{kind}.{format or FORMATS[0]}"
    if out == _STDOUT and format is None:
        raise click.UsageError(f"-o - needs --format: {', '.join(FORMATS)}")
    ending = Path(out).suffix.lower()
    if format is None and ending.removeprefix(".") not in FORMATS:
        known = ", ".join(f".{name}" for name in FORMATS)
        raise click.UsageError(f"-o {out!r}: {f'no format ends in {ending!r}' if ending else 'it has no ending'}; known are {known}")
    if out != _STDOUT and os.path.exists(out) and os.path.exists(db) and os.path.samefile(db, out):
        raise click.UsageError(f"-o {out!r} is the database itself")
    return out, format or ending.removeprefix(".")
