"""Raw scan to frames: against the original's steps, against scenezoo, and the whole of ``prepare``.

Frames are those of a generated room, at two sizes of colour: 640x480 as rendered, and 1296x968 as
ScanNet's, enlarged with sensor noise and encoded anew. Factors are by the clock, each as one calls
it (ours works on all cores); those by processor time and frames a second of one core stand beside.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np

from benchmarks.against import against_row, times
from benchmarks.peers import HOW, missing, peer
from crossvox.capture import open_capture
from crossvox.capture.export import export_folder
from crossvox.capture.rooms import RoomsParams
from crossvox.capture.sens.reader import SensReader
from crossvox.capture.sens.writer import SensWriter
from crossvox.core.camera import Size
from crossvox.core.frame import Capture, resize_nearest
from crossvox.core.labels import RawLabelMap
from crossvox.doors.images import decode_color, encode_jpeg, encode_png, read_gray
from crossvox.recipes.prepare import PrepareParams, prepare
from crossvox.recipes.rooms import write_rooms

FRAMES, PREPARED = 100, 300
SKIPS = (1, 10)
SIZE = (320, 240)
COLORS = ((640, 480), (1296, 968))
NOISE, QUALITY = 3.0, 90
TABLE = "scannetv2-labels.combined.tsv"
ROUNDS = 5
CHUNK = 10
"""Frames that scenezoo is asked for at once: it holds those of a call at full size."""

Action = Callable[[Path], object]


class Times(NamedTuple):
    """Seconds by the clock, and of all threads."""

    wall: float
    cpu: float


def run(shared: Path | None) -> list[dict[str, Any]]:
    """Measure on one generated room; needs no data."""
    del shared
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        write_rooms(work / "rooms", RoomsParams(count=1, frames=PREPARED))
        room = next((work / "rooms").glob("scene*"))
        rows = []
        for size in COLORS:
            scan = _scan(room, work / "{}x{}".format(*size), size)
            rows += _original_rows(scan, size, work)
            rows += _scenezoo_rows(scan, size, work)
        return rows + _prepare_rows(work)


def _scan(room: Path, root: Path, size: Size) -> Path:
    """The first frames of a room as a scan with colour of a size, its labels likewise."""
    reader = SensReader(next(room.glob("*.sens")))
    scan = root / "labelled" / room.name
    bare = root / "scenezoo" / "scans" / room.name
    (scan / "label-filt").mkdir(parents=True)
    bare.mkdir(parents=True)
    shutil.copy(room.parent / TABLE, scan.parent)
    file = scan / f"{room.name}.sens"
    noise = np.random.default_rng(0).normal(0, NOISE, (*size[::-1], 3)).astype(np.int16)
    header = replace(reader.header, color_camera=reader.header.color_camera.resized(size))
    with SensWriter(file, header, FRAMES) as writer:
        for n in range(FRAMES):
            frame = reader.frame(n)
            labels = read_gray(room / "label-filt" / f"{n}.png")
            if size != reader.header.color_camera.size:
                large = cv2.resize(reader.color(n), size, interpolation=cv2.INTER_CUBIC)
                noisy = np.clip(large + np.roll(noise, 7 * n, 1), 0, 255).astype(np.uint8)
                frame = replace(frame, color=encode_jpeg(noisy, QUALITY))
                labels = resize_nearest(labels, size)
            writer.write(frame)
            (scan / "label-filt" / f"{n}.png").write_bytes(encode_png(labels))
    # Without labels, as scenezoo wants a data set to be laid out.
    os.link(file, bare / file.name)
    return scan


def _original_rows(scan: Path, size: Size, work: Path) -> list[dict[str, Any]]:
    capture = open_capture(scan)
    rows = []
    for skip in SKIPS:
        ours, theirs = _turns(
            work,
            _exporter(scan, skip),
            lambda out, skip=skip: _original(scan, out, scan.parent / TABLE, skip),
        )
        rows.append(
            _row(
                "`.sens` to frames with labels",
                size,
                skip,
                ours,
                theirs,
                _codecs(capture, skip, labels=True),
                "ours also registers depth to colour and checks every file; baseline: the "
                "original's steps with OpenCV codecs, whole file in memory, labels mapped id by id",
            )
        )
    return rows


def _scenezoo_rows(scan: Path, size: Size, work: Path) -> list[dict[str, Any]]:
    root = scan.parents[1] / "scenezoo"
    bare = root / "scans" / scan.name
    capture = open_capture(bare)
    dataset, title = _dataset(root)
    rows = []
    for skip in SKIPS:
        stage = "`.sens` to frames, colour and depth"
        if dataset is None:
            (ours,) = _turns(work, _exporter(bare, skip))
            wall = statistics.median(one.wall for one in ours)
            rows.append(missing(_title(stage, size, skip), title, wall / _count(skip)))
            continue
        ours, theirs = _turns(
            work,
            _exporter(bare, skip),
            lambda out, skip=skip: _scenezoo(dataset, scan.name, out, skip),
        )
        rows.append(
            _row(
                stage,
                size,
                skip,
                ours,
                theirs,
                _codecs(capture, skip, labels=False),
                f"ours also registers depth to colour; baseline: {title}, get_frames at "
                f"320x240, {CHUNK} frames a call, written with OpenCV",
            )
        )
    return rows


def _dataset(root: Path) -> tuple[Any, str]:
    """scenezoo's view of a data set, and its title; or None, and what is missing."""
    found = peer("scenezoo")
    if found.module is None:
        return None, found.why
    try:
        return found.module.get_dataset("scannetv2", root), found.title
    except ImportError as error:  # what its reader of ScanNet needs besides
        return None, f"{found.title} cannot read ScanNet ({error}); do: {HOW}"


def _turns(work: Path, *actions: Action) -> list[list[Times]]:
    """Times of actions that each fill a folder, in turns, after one that is not counted.

    Folders stay to the end of all: ext4 does not give the place of a file to another one within
    minutes of its end, and looks for one at length after thousands.
    """
    taken: list[list[Times]] = [[] for _ in actions]
    for turn in range(ROUNDS + 1):
        for action, list_ in zip(actions, taken, strict=True):
            out = Path(tempfile.mkdtemp(dir=work))
            wall, cpu = time.perf_counter(), time.process_time()
            action(out)
            took = Times(time.perf_counter() - wall, time.process_time() - cpu)
            if turn:
                list_.append(took)
    return taken


def _exporter(scan: Path, skip: int) -> Action:
    """Opening the file belongs to it, as it does for the others."""
    return lambda out: export_folder(open_capture(scan), out, frame_skip=skip, size=SIZE)


def _codecs(capture: Capture, skip: int, *, labels: bool) -> float:
    """What decoding and encoding these images takes, with the codecs that ours uses."""
    positions = range(0, FRAMES, skip)
    reader = capture.reader  # type: ignore[attr-defined]
    frames = [capture.frame(n, SIZE) for n in positions]
    data = [reader.color_data(n) for n in positions]
    own = reader.header.color_camera.size
    depth = [np.rint(np.asarray(f.depth_m) * 1000).astype(np.uint16) for f in frames]
    files = [reader.path.parent / "label-filt" / f"{n}.png" for n in positions]
    best = np.inf
    for _ in range(ROUNDS):
        begin = time.process_time()
        for n, frame in enumerate(frames):
            decode_color(data[n], "colour", SIZE if own != SIZE else None)
            reader.depth_raw(positions[n])
            encode_jpeg(np.asarray(frame.rgb))
            encode_png(depth[n])
            if labels:
                read_gray(files[n])
                encode_png(np.asarray(frame.labels))
        best = min(best, time.process_time() - begin)
    return float(best)


def _row(
    stage: str,
    size: Size,
    skip: int,
    ours: list[Times],
    theirs: list[Times],
    codecs: float,
    how: str,
) -> dict[str, Any]:
    count = _count(skip)
    wall, cpu = (
        statistics.median(b[n] / a[n] for a, b in zip(ours, theirs, strict=True)) for n in (0, 1)
    )
    used = statistics.median(one.cpu for one in ours)
    return {
        "stage": _title(stage, size, skip),
        "ours_s": statistics.median(one.wall for one in ours) / count,
        "baseline_s": statistics.median(one.wall for one in theirs) / count,
        "factor": wall,
        "how": f"a frame; by processor time {cpu:.2f}x, {count / used:.0f} frames/s a core, of "
        f"which the codecs alone take {codecs / used:.0%}; {count} frames of a generated room, "
        f"opening the file included, medians of {ROUNDS} in turns; {how}",
    }


def _title(stage: str, size: Size, skip: int) -> str:
    return f"{stage}, {size[0]}x{size[1]} to 320x240, skip {skip}"


def _count(skip: int) -> int:
    return len(range(0, FRAMES, skip))


def _scenezoo(dataset: Any, name: str, out: Path, skip: int) -> None:
    """Its frames, resized by it, written as an exported folder."""
    for part in ("color", "depth", "pose"):
        (out / part).mkdir(parents=True)
    # Its index of the file is kept between calls: a new data set reads it anew, as ours does.
    dataset = type(dataset)(dataset.root_dir)
    poses = dataset._get_sens_index(name).camera_to_world
    wanted = [n for n in range(0, FRAMES, skip) if np.isfinite(poses[n]).all()]
    for begin in range(0, len(wanted), CHUNK):
        frames = dataset.get_frames(
            name,
            indices=wanted[begin : begin + CHUNK],
            items=("rgb", "depth", "rgb_intrinsics", "world_to_camera"),
            output_size=SIZE,
        )
        for n, number in enumerate(wanted[begin : begin + CHUNK]):
            color, depth = frames.rgb[n], frames.depth[n]
            if depth.dtype != np.uint16:
                depth = np.rint(depth * 1000).astype(np.uint16)
            cv2.imwrite(str(out / "color" / f"{number}.jpg"), color[..., ::-1])
            cv2.imwrite(str(out / "depth" / f"{number}.png"), depth)
            np.savetxt(out / "pose" / f"{number}.txt", np.linalg.inv(frames.world_to_camera[n]))


def _prepare_rows(work: Path) -> list[dict[str, Any]]:
    rows = []
    for surface, skip in (("mesh", 10), ("mesh", 1), ("tsdf", 1)):
        found = times(whole_prepare, str(work / "rooms"), str(work / "prepared"), surface, skip)
        same = ""
        if found.theirs is not None:
            same = ", same voxels" if found.ours.result == found.theirs.result else ", OTHER VOXELS"
        rows.append(
            against_row(
                f"`prepare`, a scan of {PREPARED} frames, skip {skip}, surface {surface}",
                found,
                f"a generated room of 640x480, one worker, everything included{same}",
            )
        )
    return rows


def whole_prepare(raw: str, folder: str, surface: Any, skip: int) -> Callable[[], Any]:
    """Prepare a folder of one scan; results: counts of voxels.

    What was prepared stays to the end of all, as in :func:`_turns`.
    """

    def work() -> dict[str, int]:
        out = Path(tempfile.mkdtemp(prefix=Path(folder).name, dir=Path(folder).parent))
        prepare(Path(raw), out, PrepareParams(frame_skip=skip, surface=surface), workers=1)
        scene = next(out.glob("scene*/manifest.json"))
        notes = json.loads(scene.read_text(encoding="utf-8"))["notes"]
        return {name: value for name, value in notes.items() if "voxels" in name}

    return work


def _original(scan: Path, out: Path, table: Path, skip: int) -> None:
    """What the published exporter does: whole file in memory, then frame after frame."""
    raw_to_nyu40 = RawLabelMap.read(table)
    pairs = [(int(raw), int(raw_to_nyu40.table[raw])) for raw in np.flatnonzero(raw_to_nyu40.known)]
    reader = SensReader(next(scan.glob("*.sens")))
    frames = [reader.frame(i) for i in range(len(reader))]
    width, height = reader.header.depth_camera.size
    for part in ("color", "depth", "pose", "label"):
        (out / part).mkdir(parents=True)
    for number, frame in list(enumerate(frames))[::skip]:
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
