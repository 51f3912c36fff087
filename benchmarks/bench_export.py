"""Raw scan to frames with labels."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from crossvox.capture import open_capture
from crossvox.capture.export import export_folder
from crossvox.capture.rooms import RoomsParams
from crossvox.capture.sens.reader import SensReader
from crossvox.core.labels import RawLabelMap
from crossvox.recipes.rooms import write_rooms

FRAMES = 120


def run(shared: Path | None) -> list[dict[str, Any]]:
    """Measure on one generated room at 640x480; needs no data."""
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        write_rooms(work / "rooms", RoomsParams(count=1, frames=FRAMES))
        scan = next((work / "rooms").glob("scene*"))
        capture = open_capture(scan)
        export_folder(capture, work / "warm", frame_skip=FRAMES, size=(320, 240))
        begin = time.perf_counter()
        export_folder(capture, work / "ours", frame_skip=1, size=(320, 240))
        ours_s = time.perf_counter() - begin
        begin = time.perf_counter()
        _original(scan, work / "original", work / "rooms" / "scannetv2-labels.combined.tsv")
        original_s = time.perf_counter() - begin
    return [
        {
            "stage": "`.sens` to frames with labels, 640x480 to 320x240, a frame",
            "ours_s": ours_s / FRAMES,
            "baseline_s": original_s / FRAMES,
            "factor": original_s / ours_s,
            "how": f"{FRAMES} frames of a generated room, skip 1; ours also registers depth to "
            "colour and checks every file; baseline: the original's steps with OpenCV codecs, "
            "one process, labels mapped id by id",
        },
    ]


def _original(scan: Path, out: Path, table: Path) -> None:
    """What the published exporter does: whole file in memory, then frame after frame."""
    raw_to_nyu40 = RawLabelMap.read(table)
    pairs = [(int(raw), int(raw_to_nyu40.table[raw])) for raw in np.flatnonzero(raw_to_nyu40.known)]
    reader = SensReader(next(scan.glob("*.sens")))
    frames = [reader.frame(i) for i in range(len(reader))]
    width, height = reader.header.depth_camera.size
    for part in ("color", "depth", "pose", "label"):
        (out / part).mkdir(parents=True)
    for number, frame in enumerate(frames):
        color = cv2.imdecode(np.frombuffer(frame.color, np.uint8), cv2.IMREAD_COLOR)
        color = cv2.resize(color, (320, 240), interpolation=cv2.INTER_NEAREST)
        cv2.imwrite(str(out / "color" / f"{number}.jpg"), color)
        depth = (reader.depth_m(number) * 1000).astype(np.uint16).reshape(height, width)
        depth = cv2.resize(depth, (320, 240), interpolation=cv2.INTER_NEAREST)
        cv2.imwrite(str(out / "depth" / f"{number}.png"), depth)
        np.savetxt(out / "pose" / f"{number}.txt", frame.world_from_camera)
        raw = cv2.imread(str(scan / "label-filt" / f"{number}.png"), cv2.IMREAD_UNCHANGED)
        raw = cv2.resize(raw, (320, 240), interpolation=cv2.INTER_NEAREST)
        mapped = np.copy(raw)
        for source, target in pairs:
            mapped[raw == source] = target
        cv2.imwrite(str(out / "label" / f"{number}.png"), mapped.astype(np.uint8))
