"""Plots that are drawn, and read again by others: XML, matplotlib's reader of PNG."""

from __future__ import annotations

import io
import re
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from numpy.typing import NDArray

from sqlclust.pictures.plots.drawing import PlotOptions, draw
from sqlclust.pictures.scene import Scene

SVG, HREF = "{http://www.w3.org/2000/svg}", "{http://www.w3.org/1999/xlink}href"
needs_matplotlib = pytest.mark.pictures("matplotlib")


def svg(scene: Scene, kind: str, **options: Any) -> ElementTree.Element:
    """The root of a plot."""
    return ElementTree.fromstring(draw(scene, kind, "svg", PlotOptions(**options)).data)


def texts(root: ElementTree.Element) -> list[str]:
    """All that is written, in the order in which it is drawn."""
    return ["".join(element.itertext()).strip() for element in root.iter(f"{SVG}text")]


def places(root: ElementTree.Element) -> dict[str, tuple[float, float]]:
    """Where texts are, in points from the upper left corner: the middle of those that are centred, else where they begin."""
    return {
        "".join(element.itertext()).strip(): (float(element.attrib["x"]), float(element.attrib["y"]))
        for element in root.iter(f"{SVG}text")
    }


def images(root: ElementTree.Element) -> list[str]:
    """What images are of."""
    return [element.attrib[HREF] for element in root.iter(f"{SVG}image")]


def references(data: bytes) -> list[str]:
    """What a file asks for that is not in it: all addresses but names of XML and what leads into the file itself."""
    said = re.sub(rb"<metadata>.*?</metadata>", b"", data, flags=re.DOTALL)
    said = re.sub(rb'xmlns(:\w+)?="[^"]*"|<!DOCTYPE[^>]*>', b"", said)
    found = re.findall(rb'(?:href|src)="([^"]*)"|url\(([^)]*)\)|(https?:[^"\s]*)|(@import)', said)
    every = [next(filter(None, groups), b"").decode() for groups in found]
    return [each for each in every if not each.startswith(("#", "data:image/png;base64,"))]


def pixels(data: bytes) -> NDArray[np.int64]:
    """A PNG as int64 (height, width, 3), 0 to 255."""
    from matplotlib.image import imread

    image: NDArray[np.float32] = imread(io.BytesIO(data), format="png")
    return np.rint(image[:, :, :3] * 255).astype(np.int64)


def has_colour(image: NDArray[np.int64], colour: str, near: int = 24) -> bool:
    """Whether a pixel is of about that colour, #rrggbb."""
    wanted = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)])
    return bool((np.abs(image - wanted).max(axis=2) <= near).any())
