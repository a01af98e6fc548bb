"""The map of the house in sqlclust/README.md names every room, in the order of the layers."""

from __future__ import annotations

import re

from tests.package_files import PACKAGE
from tests.test_layers import LAYERS, ROOMS

FOLDERS = sorted(path.parent.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("__init__.py"))


def rows_of_the_map() -> list[str]:
    """The first cells of the map of the house, in its order: `core/tree/`, `errors`."""
    chapter = (PACKAGE / "README.md").read_text(encoding="utf-8").partition("## The map")[2].partition("\n## ")[0]
    return re.findall(r"^\| `([^`]+)` \|", chapter, re.MULTILINE)


def test_the_map_names_every_room_in_its_order() -> None:
    rooms = [row.strip("/") for row in rows_of_the_map()]
    assert sorted(room for room in rooms if (PACKAGE / room).is_dir()) == [
        folder for folder in FOLDERS if folder != "."
    ]
    assert [room for room in rooms if "/" not in room] == LAYERS
    for folder, order in ROOMS.items():
        above = folder.replace(".", "/")
        shown = [room.removeprefix(f"{above}/") for room in rooms if room.startswith(f"{above}/")]
        here = [room for room in shown if "/" not in room and (PACKAGE / above / room).is_dir()]
        assert here == [room for room in order if room in here]
