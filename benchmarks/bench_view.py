"""How fast a large 3D view turns in a browser without a graphics card, beside the same view whole.

A made-up room of a million triangles is written as a file and opened by a headless Chromium that
draws by software (SwiftShader), in a window of 1280 x 720. An arrow key is pressed for every frame.
The baseline is the same file with thinning while it moves taken away.
"""

from __future__ import annotations

import importlib.util
import statistics
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any

import numpy as np

from benchmarks.peers import missing
from crossvox.core.volume import Mesh
from crossvox.report.layers import Layer
from crossvox.report.view.file import write_viewer_html
from crossvox.report.view.model import RoomView

EDGE = 318
"""Vertices along a side of each wall: five walls of 2 x 317 x 317 triangles."""

ROUNDS = 3
FRAMES, SECONDS = 60, 12
STAGE = "3D view of 1,004,890 triangles, 1280x720, by software: a frame while it turns"

TURN = """new Promise(done => { const room = document.getElementById('room'), took = [];
  let last = performance.now(), begin = last, said = '';
  (function next() {
    const now = performance.now();
    took.push(now - last);
    last = now;
    said = document.querySelector('#rough:not([hidden])')?.textContent || said;
    if (took.length > %d || now - begin > %d) return done([took.slice(1), said]);
    room.dispatchEvent(new KeyboardEvent('keydown', { key: 'ArrowLeft' }));
    requestAnimationFrame(next);
  })() })"""

RENDERER = """(gl => gl.getParameter(gl.getExtension('WEBGL_debug_renderer_info')
  .UNMASKED_RENDERER_WEBGL))(document.createElement('canvas').getContext('webgl2'))"""


def run(shared: Path | None) -> list[dict[str, Any]]:
    """Measure the view of a made-up room, where there is a browser."""
    browser = _browser()
    binary = browser.find_browser()
    if binary is None:
        return [missing(STAGE, "needs a chromium or chrome binary on the path, and there is none")]
    with TemporaryDirectory() as folder, browser.browser_tab(binary) as tab:
        ours, whole = Path(folder, "room.html"), Path(folder, "whole.html")
        layer = Layer("Room", "shape", "", wavy_room())
        faces = write_viewer_html(RoomView("room", [layer]), ours, max_faces=2 * 10**6).faces
        page, limit = ours.read_text(encoding="utf-8"), "var SLOW_MS = 40, REST_MS = 800;"
        if limit not in page:
            raise RuntimeError("the page has no limit of that name: mend the benchmark")
        whole.write_text(page.replace(limit, "var SLOW_MS = 1e9, REST_MS = 1e9;"), encoding="utf-8")
        found: dict[Path, list[float]] = {ours: [], whole: []}
        said = ""
        for _ in range(ROUNDS):
            for path, seconds in found.items():
                tab.open(path.as_uri(), 1280, 720)
                tab.until(lambda: tab.run("!!document.body.dataset.ready"))
                tab.run(TURN % (6, 1000 * SECONDS))  # what is made once is made
                took, told = tab.run(TURN % (FRAMES, 1000 * SECONDS))
                seconds.append(statistics.median(took) / 1000)
                said = told or said
        renderer = tab.run(RENDERER)
    ours_s, whole_s = (statistics.median(seconds) for seconds in found.values())
    return [
        {
            "stage": STAGE,
            "ours_s": ours_s,
            "baseline_s": whole_s,
            "factor": whole_s / ours_s,
            "how": f"{1 / ours_s:.0f} frames/s against {1 / whole_s:.2g}; all "
            f'{faces["Room: shape"]} triangles at rest; the view says: "{said}"; medians of '
            f"{ROUNDS} rounds of {FRAMES} frames in turns; baseline: the same file, never thinned; "
            f"headless Chromium, {renderer}",
        }
    ]


def wavy_room() -> Mesh:
    """Four walls and a floor, none of them quite flat: 4 x 4 x 2.6 m."""
    s, t = np.meshgrid(np.linspace(0, 1, EDGE), np.linspace(0, 1, EDGE), indexing="ij")
    s, t = s.ravel(), t.ravel()
    wave = 0.02 * np.sin(40 * s) * np.sin(31 * t)
    i, j = np.meshgrid(np.arange(EDGE - 1), np.arange(EDGE - 1), indexing="ij")
    p = (i * EDGE + j).ravel()
    quads = np.concatenate([np.c_[p, p + EDGE, p + EDGE + 1], np.c_[p, p + EDGE + 1, p + 1]])
    walls = [
        np.c_[4 * s, 4 * t, wave],
        np.c_[4 * t, wave, 2.6 * s],
        np.c_[4 * s, 4 + wave, 2.6 * t],
        np.c_[wave, 4 * s, 2.6 * t],
        np.c_[4 + wave, 4 * t, 2.6 * s],
    ]
    faces = [quads + k * EDGE * EDGE for k in range(len(walls))]
    return Mesh(np.concatenate(walls).astype(np.float32), np.concatenate(faces).astype(np.int32))


def _browser() -> ModuleType:
    """What the tests start a browser with: flags, one tab, no network."""
    path = Path(__file__).parents[1] / "tests" / "report" / "browser.py"
    spec = importlib.util.spec_from_file_location("browser", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
