"""sqlclust plot"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click

from sqlclust.cli.database import database_argument, picture_database, read_database
from sqlclust.cli.output import printable
from sqlclust.cli.picture_file import STDOUT, check_target, is_stdout, size_text, write_picture
from sqlclust.cli.progress import ProgressLine
from sqlclust.pictures.plots.drawing import FORMATS, KINDS, PlotOptions, check_installed, check_size, draw
from sqlclust.pictures.private import without_texts
from sqlclust.store.results.listing import resolve_result

_EPILOG = """\b
Examples:
  sqlclust plot notes.db map
  sqlclust plot notes.db tree -o tree.pdf
  sqlclust plot notes.db sweep 3 -o sweep.png --size 5x4 --dark
  sqlclust plot notes.db runs -o - --format png > runs.png
"""
_LEAST_INCHES, _MOST_INCHES = 2.0, 50.0
_LEAST_DPI, _MOST_DPI = 20, 1_200


class _Size(click.ParamType):  # type: ignore[type-arg]
    """Two lengths, as 8x6."""

    name = "WIDTHxHEIGHT"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, float]:
        found = re.fullmatch(r"(\d+(?:\.\d+)?)[x×](\d+(?:\.\d+)?)", value, re.ASCII)
        size = (float(found[1]), float(found[2])) if found else (0.0, 0.0)
        if not all(_LEAST_INCHES <= length <= _MOST_INCHES for length in size):
            self.fail(
                f"{value!r} is no size: two lengths in inches, {_LEAST_INCHES:g} to {_MOST_INCHES:g}, such as 8x6"
            )
        return size


@click.command("plot", epilog=_EPILOG)
@database_argument
@click.argument("kind", type=click.Choice(KINDS))
@click.argument("result", metavar="[ID|latest]", default="latest")
@click.option(
    "-o", "--output", "out", metavar="FILE", show_default="DB's name, the result's id and KIND, in the current folder",
    help="The file to write, replaced if it is there; its ending says the format: .svg, .png, .pdf. - for stdout.",
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
    format = _format(out, format)
    check_installed()  # before a map is made, and so
    if size is not None:
        check_size(size, dpi)
    opened = picture_database if kind == "map" else read_database
    with opened(db) as database, ProgressLine() as progress:
        from sqlclust.pictures.gathering.gathering import Parts, gather

        result_id = resolve_result(database, result)
        target = f"{Path(db).stem}-{result_id}-{kind}.{format}" if out is None else out
        check_target(target)
        wanted = {part: part == kind for part in ("map", "tree", "sweep", "runs")}
        scene = gather(database, result_id, Parts(texts=False, **wanted), progress)
    plot = draw(without_texts(scene) if no_texts else scene, kind, format, PlotOptions(size=size, dark=dark, dpi=dpi))
    write_picture(target, plot.data)
    if not is_stdout(target):
        click.echo(printable(f"{target}: {size_text(len(plot.data))}, {kind} of {scene.title}"))
    for remark in plot.remarks:
        click.echo(printable(remark), err=True)


def _format(out: str | None, format: str | None) -> str:
    """The format of the file.

    Raises:
        click.BadParameter: it has no ending that says one.
    """
    if format is not None or out is None:
        return format or FORMATS[0]
    known = ", ".join(f".{name}" for name in FORMATS)
    if out == STDOUT:
        raise click.UsageError(f"-o - needs --format: {', '.join(FORMATS)}")
    ending = Path(out).suffix
    if ending.lower().removeprefix(".") not in FORMATS:
        found = f"ends in {ending!r}" if ending else "has no ending"
        raise click.BadParameter(
            f"{out!r} {found}, expected one of {known}, or --format", param_hint="'-o' / '--output'"
        )
    return ending.lower().removeprefix(".")
