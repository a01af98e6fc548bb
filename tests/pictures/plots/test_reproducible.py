"""The same bytes, whatever variables, files of settings, and hashes there are."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.pictures.plots.drawn import needs_matplotlib

pytestmark = [needs_matplotlib, pytest.mark.slow]

ROOT = Path(__file__).resolve().parents[3]
DRAW = """
import hashlib
from sqlclust.pictures.plots.drawing import FORMATS, KINDS, PlotOptions, draw
from tests.pictures.scenes import scene
few = scene(200, 5, n_runs=3)
for kind in KINDS:
    for format in FORMATS if kind == "map" else ("pdf",):
        print(kind, format, hashlib.sha256(draw(few, kind, format, PlotOptions(dpi=40)).data).hexdigest())
"""
SETTINGS = """
backend: TkAgg
font.family: serif
font.size: 30
figure.dpi: 300
savefig.dpi: 17
savefig.bbox: tight
savefig.transparent: True
axes.prop_cycle: cycler('color', ['red'])
svg.fonttype: path
pdf.fonttype: 3
text.usetex: True
path.sketch: 1, 100, 2
"""


def drawn(folder: Path, environment: dict[str, str]) -> subprocess.Popen[str]:
    """Draw in another folder; fonts are looked for once, for all."""
    import matplotlib

    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("MPL", "MATPLOTLIB", "SOURCE_DATE"))
    }
    return subprocess.Popen(
        [sys.executable, "-c", DRAW], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8",
        env={**kept, "PYTHONPATH": str(ROOT), "MPLCONFIGDIR": matplotlib.get_configdir(), **environment},
    )  # fmt: skip


def test_nothing_around_it_changes_a_plot(tmp_path: Path) -> None:
    plain, odd = tmp_path / "plain", tmp_path / "odd"
    for folder in (plain, odd):
        folder.mkdir()
    (odd / "matplotlibrc").write_text(SETTINGS)
    both = [
        drawn(plain, {"PYTHONHASHSEED": "1", "LANG": "C.UTF-8", "TZ": "UTC"}),
        drawn(odd, {
            "PYTHONHASHSEED": "2", "LANG": "tr_TR.UTF-8", "LC_ALL": "C", "PYTHONUTF8": "1", "TZ": "Asia/Kathmandu",
            "SOURCE_DATE_EPOCH": "12345", "MPLBACKEND": "TkAgg",
        }),
    ]  # fmt: skip
    (one, said), (other, also_said) = (process.communicate(timeout=300) for process in both)
    assert (said, also_said) == ("", "")
    assert len(one.splitlines()) == 6
    assert one == other
