"""sqlclust page"""

from __future__ import annotations

from pathlib import Path

import click

from sqlclust.cli.database import database_argument, picture_database
from sqlclust.cli.output import printable
from sqlclust.cli.picture_file import check_target, is_stdout, size_text, write_picture
from sqlclust.cli.progress import ProgressLine
from sqlclust.pictures.scene import Scene
from sqlclust.store.results.listing import resolve_result

_EPILOG = """\b
Examples:
  sqlclust page notes.db
  sqlclust page notes.db 3 -o clusters.html
  sqlclust page notes.db latest --no-texts -o - | gzip > clusters.html.gz
"""


@click.command("page", epilog=_EPILOG)
@database_argument
@click.argument("result", metavar="[ID|latest]", default="latest")
@click.option(
    "--output",
    "-o",
    "output",
    metavar="FILE",
    show_default="DB's name and the result's id, in the current folder",
    help="The file to write, replaced if it is there; - for stdout.",
)
@click.option(
    "--no-texts",
    is_flag=True,
    help="Leave out the texts, and the terms, which are words of theirs. Ids stay, also where they are keys that say something.",
)
def command(db: str, result: str, output: str | None, no_texts: bool) -> None:
    """Make a page to look at a result in a browser.

    The latest result by default. It is one HTML file that works offline and asks for nothing. It has a map with the names of
    clusters, to be zoomed and searched; of each cluster the medoid, typical members, all members, the nearest clusters and its
    place in the condensed tree; the tree; what other values of min_cluster_size would give; runs, where there are any; and a
    table. What is not there is said on the page.

    The page holds all texts of the result, or of long ones the beginning: think of who gets it.

    The map is that of "sqlclust map". If there is none yet, it is made, which takes a minute for 100,000 rows, and is kept
    with the fit where the file can be written.
    """
    if output is not None:
        check_target(output)
    with picture_database(db) as database, ProgressLine() as progress:
        from sqlclust.pictures.gathering.gathering import Parts, gather

        result_id = resolve_result(database, result)
        target = f"{Path(db).stem}-{result_id}.html" if output is None else output
        check_target(target)
        scene = gather(database, result_id, Parts(texts=not no_texts), progress)
        progress("page", 0.0)
        content = _content(scene, no_texts)
    write_picture(target, content)
    if not is_stdout(target):
        click.echo(f"{printable(target)}: {size_text(len(content))}, {_shows(scene)}")
    for sentence in filter(None, (_no_map(scene), *scene.missing)):
        click.echo(printable(sentence), err=True)


def _content(scene: Scene, no_texts: bool) -> bytes:
    from sqlclust.pictures.page.html import page
    from sqlclust.pictures.private import without_texts

    return page(without_texts(scene) if no_texts else scene).encode()


def _no_map(scene: Scene) -> str:
    return f"No map: {scene.points.no_map.rstrip('.')}." if scene.points.no_map else ""


def _shows(scene: Scene) -> str:
    """What there is on a page, in a few words."""
    parts = (
        f"a map by {scene.points.map_method}" if scene.points.xy is not None else "",
        f"{_counted(len(scene.points.ids), 'row')} {'with' if scene.points.texts is not None else 'without'} texts",
        _counted(len(scene.clusters), "cluster"),
        "the tree" if scene.tree is not None else "",
        "a sweep" if scene.sweep is not None else "",
        _counted(len(scene.runs.run_ids), "run") if scene.runs is not None else "",
    )
    return ", ".join(filter(None, parts))


def _counted(n: int, what: str) -> str:
    return f"{n:,} {what}{'' if n == 1 else 's'}"
