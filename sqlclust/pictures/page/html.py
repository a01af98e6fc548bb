"""One HTML file of a scene: template, style, scripts and data put together."""

from __future__ import annotations

import base64
import hashlib
from html import escape
from importlib.resources import files
from string import Template

from sqlclust.pictures.page.encoding import encode
from sqlclust.pictures.page.texts import visible
from sqlclust.pictures.scene import Scene, SceneCluster

SCRIPTS = (
    "decode", "state", "elements", "colours", "view", "dots", "labels", "near", "map", "search", "rows", "clusters", "cluster",
    "tree", "tree_canvas", "sweep", "runs", "table", "start",
)  # fmt: skip
"""The scripts in the order in which they are put together; they share one scope."""
_STATIC_CLUSTERS = 100
"""Clusters of the table that is there without scripts."""
_STATIC_CHARACTERS = 200


def page(scene: Scene) -> str:
    """The file's text. The same scene gives the same text.

    No script of another origin, no inline handler, no style attribute, no request is allowed by its Content-Security-Policy:
    script and style are the two whose hashes it names.

    Cost: that of `encode`.
    """
    style, script = _style(), _script()
    encoded = encode(scene)
    return Template(_read("template.html")).substitute(
        policy=policy(script, style),
        title=escape(visible(scene.title)),
        style=style,
        script=script,
        table=_table(scene),
        head=encoded.head.text,
        rows=encoded.rows.text,
        texts=encoded.texts.text,
    )


def policy(script: str, style: str) -> str:
    """The Content-Security-Policy: nothing but this script and this style."""
    return (
        f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}; base-uri 'none'; form-action 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    )


def _hash(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")
    return f"'sha256-{digest}'"


def _read(name: str) -> str:
    return files("sqlclust.pictures.page").joinpath(name).read_text(encoding="utf-8")


def _style() -> str:
    return _without_comments(_read("page.css"), "/*")


def _script() -> str:
    parts = (_without_comments(_read(f"{name}.js"), "//") for name in SCRIPTS)
    return f'"use strict";\n(() => {{\n{"".join(parts)}}})();\n'


def _without_comments(text: str, mark: str) -> str:
    """Without what only people need: indentation, and lines that are comments."""
    lines = (line.strip() for line in text.splitlines())
    return "".join(f"{line}\n" for line in lines if line and not line.startswith(mark))


def _table(scene: Scene) -> str:
    """The largest clusters as rows of an HTML table, for browsers without scripts."""
    rows = [_table_row(scene, cluster) for cluster in scene.clusters[:_STATIC_CLUSTERS]]
    left = len(scene.clusters) - len(rows)
    more = f'<tr><td colspan="6">… and {left:,} smaller clusters</td></tr>' if left else ""
    return "".join(rows) + more


def _table_row(scene: Scene, cluster: SceneCluster) -> str:
    text = None if scene.points.texts is None else scene.points.texts[cluster.medoid]
    medoid = str(scene.points.ids[cluster.medoid]) if text is None else text
    cells = (
        str(cluster.label),
        ", ".join(cluster.terms),
        f"{cluster.size:,}",
        f"{cluster.share:.1%}".replace("%", "\N{NO-BREAK SPACE}%"),
        "" if cluster.persistence is None else f"{cluster.persistence:.3f}",
        medoid if len(medoid) <= _STATIC_CHARACTERS else f"{medoid[:_STATIC_CHARACTERS]}…",
    )
    return "<tr>" + "".join(f"<td><bdi>{escape(visible(cell))}</bdi></td>" for cell in cells) + "</tr>"
