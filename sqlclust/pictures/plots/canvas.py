"""A figure with a title, and its bytes: the same for the same result, whenever and wherever they are made."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Callable
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backend_bases import FigureCanvasBase
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_pdf import FigureCanvasPdf
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.patches import Rectangle
from matplotlib.textpath import TextToPath
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from sqlclust.pictures.plots.style import POINTS_PER_INCH, SMALL, TITLE, Theme, as_rgb, new_figure

_CANVASES: dict[str, Callable[[Figure], FigureCanvasBase]] = {"svg": FigureCanvasSVG, "pdf": FigureCanvasPdf}
_MARGIN = 8.0
_HEAD = 34.0
"""Points: around everything, and for the title with the line below it."""
_COLOURS = 255
"""Of an image: a byte for each pixel instead of three or four."""
_EMBEDDED = re.compile(rb'(xlink:href="data:image/png;base64,)([^"]+)"')


class Canvas:
    """Two figures, one upon the other: below what is always drawn as pixels, above lines and letters.

    Places and sizes are in points, from the lower left corner.

    Attributes:
        theme: its inks.
        width, height: of all.
    """

    def __init__(self, size: tuple[float, float], theme: Theme) -> None:
        """`size` is width and height in inches."""
        self.theme = theme
        self.width, self.height = size[0] * POINTS_PER_INCH, size[1] * POINTS_PER_INCH
        self._below, self._above = new_figure(size, theme), new_figure(size, theme)
        self._measuring = TextToPath()
        self._advances: dict[str, float] = {}
        self._title = ""

    def head(self, title: str, below: str) -> None:
        """Write the title and the line below it."""
        self._title = title
        self.text(_MARGIN, self.height - _MARGIN, title, TITLE, va="top", weight="bold")
        self.text(_MARGIN, self.height - _MARGIN - 15, below, SMALL, va="top", color=self.theme.faint)

    @property
    def body(self) -> tuple[float, float, float, float]:
        """What is left below the head: left, bottom, width, height."""
        return _MARGIN, _MARGIN, self.width - 2 * _MARGIN, self.height - _HEAD - 2 * _MARGIN

    def axes(self, left: float, bottom: float, width: float, height: float) -> Axes:
        """Axes for lines and letters, without lines around them."""
        axes = self._above.add_axes(self._shares(left, bottom, width, height), facecolor="none")
        axes.tick_params(colors=self.theme.faint, labelsize=SMALL, length=3, width=0.6, color=self.theme.rule)
        for spine in axes.spines.values():
            spine.set_visible(False)
        return axes

    def pixels(self, left: float, bottom: float, width: float, height: float) -> Axes:
        """Axes, nothing but what is in them, for what would be too many lines; units are points from their lower left corner."""
        axes = self._below.add_axes(self._shares(left, bottom, width, height))
        axes.set_axis_off()
        axes.set_xlim(0, width)
        axes.set_ylim(0, height)
        return axes

    def _shares(self, left: float, bottom: float, width: float, height: float) -> tuple[float, float, float, float]:
        return left / self.width, bottom / self.height, width / self.width, height / self.height

    def text(self, x: float, y: float, text: str, size: float, **others: Any) -> None:
        """Write a text as it is: nothing in it is markup."""
        given: dict[str, Any] = {"color": self.theme.ink, "parse_math": False, **others}
        self._above.text(x / self.width, y / self.height, text, fontsize=size, **given)

    def swatch(self, left: float, bottom: float, side: float, colour: str) -> None:
        """A square of a colour."""
        at = (left / self.width, bottom / self.height)
        shape = Rectangle(at, side / self.width, side / self.height, facecolor=colour, linewidth=0)
        self._above.add_artist(shape, clip=False)

    def measure(self, text: str, size: float) -> tuple[float, float]:
        """Width and height of a text; the height is of a line, whatever its letters."""
        return sum(map(self._advance, text)) * size, size * 1.15

    def _advance(self, letter: str) -> float:
        """How far a letter moves the next one, of a size of 1; letters that go closer together are not seen to."""
        if letter not in self._advances:
            font = FontProperties(size=100)
            with_it, without = (
                self._measuring.get_text_width_height_descent(text, font, ismath=False)[0]
                for text in (f"n{letter}n", "nn")
            )
            self._advances[letter] = (float(with_it) - float(without)) / 100
        return self._advances[letter]

    def written(self, format: str, dpi: int) -> bytes:
        """The picture as a file. What is drawn as pixels has `dpi` of them to the inch."""
        out = io.BytesIO()
        if format == "png":
            described = PngInfo()
            described.add_text("Title", self._title)
            image = _few_colours(self._as_pixels(dpi), self.theme)
            image.save(out, "PNG", optimize=True, pnginfo=described, dpi=(dpi, dpi))
            return out.getvalue()
        if self._below.axes:
            everywhere = self._above.add_axes((0, 0, 1, 1), zorder=-1)
            everywhere.set_axis_off()
            few = _few_colours(_rgba(self._below, dpi)[:, :, :3], self.theme)
            everywhere.imshow(few.convert("RGB"), interpolation="none", aspect="auto", resample=False)
        told: dict[str, str | None] = {"Title": self._title, "Creator": "sqlclust"}
        told["Date" if format == "svg" else "CreationDate"] = None  # when does not matter, and would differ
        canvas = _CANVASES[format](self._above)
        canvas.print_figure(out, format=format, dpi=dpi, metadata=told, facecolor=self.theme.paper)
        return _with_small_image(out.getvalue()) if format == "svg" else out.getvalue()

    def _as_pixels(self, dpi: int) -> NDArray[np.uint8]:
        """All of it, uint8 (height, width, 3)."""
        below = _rgba(self._below, dpi)[:, :, :3]
        self._above.set_facecolor("none")
        above = _rgba(self._above, dpi)
        drawn = np.flatnonzero(above[:, :, 3])
        pixels, above = below.reshape(-1, 3).copy(), above.reshape(-1, 4)[drawn]
        share = above[:, 3:].astype(np.float64) / 255
        pixels[drawn] = np.rint(pixels[drawn] * (1 - share) + above[:, :3] * share)
        return pixels.reshape(below.shape)


def _rgba(figure: Figure, dpi: int) -> NDArray[np.uint8]:
    """uint8 (height, width, 4)."""
    figure.set_dpi(dpi)
    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    return np.array(canvas.buffer_rgba(), dtype=np.uint8)


def _few_colours(pixels: NDArray[np.uint8], theme: Theme) -> Image.Image:
    """The nearest of some colours for each pixel, and the paper as it is."""
    image = Image.fromarray(np.ascontiguousarray(pixels)).quantize(
        _COLOURS, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE
    )
    palette = np.array(image.getpalette(), dtype=np.uint8).reshape(-1, 3)
    paper = np.rint(as_rgb([theme.paper])[0] * 255).astype(np.uint8)
    palette[np.abs(palette.astype(np.int16) - paper).sum(axis=1).argmin()] = paper
    image.putpalette(palette.tobytes())
    return image


def _with_small_image(svg: bytes) -> bytes:
    """Matplotlib embeds images with four bytes a pixel; ours have few colours, and need one."""

    def smaller(found: re.Match[bytes]) -> bytes:
        out = io.BytesIO()
        with Image.open(io.BytesIO(base64.b64decode(found[2]))) as image:
            exact = image.convert("RGB").quantize(_COLOURS + 1, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
            exact.save(out, "PNG", optimize=True)
        return found[1] + base64.b64encode(out.getvalue()) + b'"'

    return _EMBEDDED.sub(smaller, svg)
