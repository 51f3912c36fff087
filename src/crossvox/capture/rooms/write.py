"""Generated rooms as complete ScanNet raw scans."""

from __future__ import annotations

import os
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.capture.rooms.camera_path import CameraPath, plan_path
from crossvox.capture.rooms.categories import NYU40_IDS, RAW_IDS, nyu40_table, write_class_map
from crossvox.capture.rooms.frames import Cameras, Studio, draw_cameras
from crossvox.capture.rooms.layout import Room, furnish, kind_of, room_seed
from crossvox.capture.rooms.params import RoomReport, RoomsParams, RoomsReport
from crossvox.capture.rooms.shapes import rotation
from crossvox.capture.rooms.texture import tone_curve
from crossvox.capture.sens import SensFrame, SensHeader, SensWriter
from crossvox.core.artifact import (
    Manifest,
    Stopwatch,
    building,
    is_current,
    read_manifest,
    replacing,
    write_manifest,
)
from crossvox.core.camera import Pose
from crossvox.core.labels import NYU40
from crossvox.core.volume import Mesh
from crossvox.doors.images import encode_jpeg, encode_png, write_bytes
from crossvox.doors.meshes import write_ply

Array = NDArray[Any]
Progress = Callable[[int, int], None]

STAGE = "room"
CLASS_MAP = "scannetv2-labels.combined.tsv"
LABEL_FOLDER = "label-filt"
SURFACE_FAR_M = 4.5
"""Farthest that a frame adds to the reference mesh, metres."""

_FILM_HZ = 30.0
_PER_ROOM = ("frames", "frame_step", "width", "height", "depth_width", "depth_height", "far_m",
             "lost_share", "jpeg_quality", "spacing_m", "noise")  # fmt: skip
"""Params that change what a room is; the others only say which rooms, or how fast."""


def scene_name(number: int) -> str:
    """Name of room ``number``."""
    return f"scene{number:04d}_00"


def splits(params: RoomsParams) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Scene names of the training and the validation list."""
    numbers = range(params.count)
    held_out = [n for n in numbers if n % params.validation_every == params.validation_every - 1]
    if not held_out and params.count >= 2:
        held_out = [params.count - 1]
    train = tuple(scene_name(n) for n in numbers if n not in held_out)
    return train, tuple(scene_name(n) for n in held_out)


def write_rooms(out: Path, params: RoomsParams, progress: Progress | None = None) -> RoomsReport:
    """Write furnished rooms as ScanNet raw scans.

    Each room is a folder ``OUT/sceneNNNN_00`` with ``.sens``, ``label-filt/``, reference meshes
    and a manifest; beside them lie the class map and the split lists. Rooms that are there already
    with the same parameters are left as they are; an interrupted one is made anew.

    Args:
        out: folder to write to.
        params: how many rooms, what images.
        progress: called with frames done and frames in all.

    Returns:
        What was written and what was found.
    """
    begin = time.perf_counter()
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    _, held_out = splits(params)
    reports: list[RoomReport] = []
    counts: Counter[str] = Counter()
    total = params.count * params.frames
    threads = params.threads or os.cpu_count() or 1
    with ThreadPoolExecutor(threads) as pool:
        for number in range(params.count):
            name = scene_name(number)
            folder = out / name
            manifest = Manifest(STAGE, _room_params(params, number), seed=params.seed)
            done = number * params.frames
            skipped = is_current(folder, manifest)
            if not skipped:

                def tell(frames: int, done: int = done) -> None:
                    if progress is not None:
                        progress(done + frames, total)

                with building(folder) as temporary:
                    _write_room(temporary, name, manifest, params, number, pool, threads, tell)
            elif progress is not None:
                progress(done + params.frames, total)
            found = read_manifest(folder)
            counts.update(found.notes["objects"])
            reports.append(
                RoomReport(
                    scene=name,
                    kind=found.notes["kind"],
                    split="val" if name in held_out else "train",
                    frames=int(found.notes["frames"]),
                    lost_poses=int(found.notes["lost_poses"]),
                    vertices=int(found.notes["vertices"]),
                    classes=tuple(found.notes["classes"]),
                    seconds=0.0 if skipped else sum(found.seconds.values()),
                    skipped=skipped,
                )
            )
    write_class_map(out / CLASS_MAP, counts)
    for split, names in zip(("train", "val"), splits(params), strict=True):
        with replacing(out / f"scannetv2_{split}.txt") as temporary:
            temporary.write_text("".join(f"{name}\n" for name in names), encoding="utf-8")
    return RoomsReport(tuple(reports), time.perf_counter() - begin)


def _room_params(params: RoomsParams, number: int) -> dict[str, Any]:
    every = asdict(params)
    return {"room": number, **{name: every[name] for name in _PER_ROOM}}


@dataclass(frozen=True, eq=False)
class Scan:
    """A room with everything that is needed to film it.

    Attributes:
        room: the room.
        studio: its light and geometry.
        path: the walk.
        world_from_room: pose of the room in the scan's world (turned, shifted).
        step_s: time between two frames.
        lost: ``(frames,)`` bool, frames whose pose is lost.
        tint: ``(3,)`` white balance of the scene.
    """

    room: Room
    studio: Studio
    path: CameraPath
    world_from_room: Pose
    step_s: float
    lost: NDArray[np.bool_]
    tint: Array

    @property
    def cameras(self) -> Cameras:
        """The scene's cameras."""
        return self.studio.cameras

    def pose(self, frame: int) -> Pose:
        """Colour camera of a frame, room coordinates."""
        return self.path.pose(frame * self.step_s)


def prepare_scan(params: RoomsParams, number: int, threads: int = 1) -> Scan:
    """Build, light and plan room ``number``; the same whatever ``count`` is."""
    room = furnish(params.seed, number, params.spacing_m)
    rng = np.random.default_rng(room_seed(params.seed, number, 1))
    color_size = (params.width, params.height)
    depth_size = (params.depth_width or params.width, params.depth_height or params.height)
    cameras = draw_cameras(rng, color_size, depth_size)
    tint = np.array([rng.normal(1, 0.05), 1.0, rng.normal(1, 0.05)])
    turn = np.eye(4)
    turn[:3, :3] = rotation(float(rng.uniform(0, 2 * np.pi)))
    corners = room.plan @ turn[:2, :2].T
    turn[:2, 3] = -corners.min(axis=0) + rng.uniform(0.1, 0.6, 2)
    turn[2, 3] = float(rng.normal(0, 0.02))
    path_rng, light_rng, lost_rng = rng.spawn(3)
    studio = Studio(room, cameras, light_rng, threads)
    path = plan_path(room, studio.caster, path_rng, params.frames * params.frame_step / _FILM_HZ)
    lost = np.zeros(params.frames, dtype=bool)
    if params.lost_share > 0:
        count = min(max(1, round(params.lost_share * params.frames)), params.frames - 1)
        lost[lost_rng.permutation(params.frames)[:count]] = True
    return Scan(room, studio, path, Pose(turn), path.duration_s / params.frames, lost, tint)


@dataclass(frozen=True, eq=False)
class _Shot:
    """One encoded frame."""

    frame: SensFrame
    label: bytes
    seen: NDArray[np.int64]


def _shoot(scan: Scan, params: RoomsParams, number: int, frame: int) -> _Shot:
    """Take one frame: a pure function of seed, room and frame number."""
    seed = np.random.SeedSequence(params.seed, spawn_key=(3, number, frame))
    rng = np.random.default_rng(seed)
    studio = scan.studio
    now = frame * scan.step_s
    pose = scan.path.pose(now)
    # Exposure follows the hand of a cheap camera: slow drift and a little hunting.
    drift = 0.12 * np.sin(now * 0.5) + 0.06 * np.sin(now * 1.7 + 1) + rng.normal(0, 0.015)
    shutter_s = 1 / 75
    motion = scan.path.pose(now + shutter_s).camera_from_world @ pose.world_from_camera
    hits, rays = studio.color_hits(pose)
    gain = scan.tint * np.exp(drift)
    image = studio.photograph(hits, rays, pose, motion, gain, 1.0, rng)
    label = encode_png(studio.labels(hits))
    depth_hits, depth_rays = studio.depth_hits(pose)
    depth = studio.sense(depth_hits, depth_rays, params.far_m, params.noise, rng)
    near = depth_hits.distance < min(SURFACE_FAR_M, params.far_m)
    seen = np.zeros(len(studio.mesh.faces), dtype=bool)
    seen[depth_hits.face[near]] = True
    matrix = np.full((4, 4), -np.inf, dtype=np.float32)
    if not scan.lost[frame]:
        matrix = (scan.world_from_room @ pose).world_from_camera.astype(np.float32)
    stamp = round(now * 1e6)
    return _Shot(
        SensFrame(
            matrix,
            stamp,
            stamp + 1500,
            encode_jpeg(image, params.jpeg_quality),
            zlib.compress(np.ascontiguousarray(depth, dtype="<u2").tobytes(), 1),
        ),
        label,
        np.flatnonzero(seen),
    )


def _in_order(
    pool: ThreadPoolExecutor, ahead: int, count: int, work: Callable[[int], _Shot]
) -> Iterator[_Shot]:
    """Results of ``work(0 .. count - 1)`` in order, with few of them waiting in memory."""
    stop = threading.Event()

    def guarded(number: int) -> _Shot | None:
        return None if stop.is_set() else work(number)

    waiting: list[Future[_Shot | None]] = []
    try:
        for number in range(count):
            waiting.append(pool.submit(guarded, number))
            if len(waiting) > ahead:
                shot = waiting.pop(0).result()
                assert shot is not None
                yield shot
        while waiting:
            shot = waiting.pop(0).result()
            assert shot is not None
            yield shot
    finally:
        stop.set()


def _write_room(
    folder: Path,
    name: str,
    manifest: Manifest,
    params: RoomsParams,
    number: int,
    pool: ThreadPoolExecutor,
    threads: int,
    tell: Callable[[int], None],
) -> None:
    watch = Stopwatch()
    with watch("build"):
        scan = prepare_scan(params, number, threads)
    cameras = scan.cameras
    header = SensHeader(
        sensor_name="crossvox generated room",
        color_camera=cameras.color,
        depth_camera=cameras.depth,
        color_extrinsic=np.eye(4, dtype=np.float32),
        depth_extrinsic=cameras.color_from_depth.world_from_camera.astype(np.float32),
        color_compression="jpeg",
        depth_compression="zlib",
        depth_shift=1000.0,
    )
    labels = folder / LABEL_FOLDER
    labels.mkdir()
    seen = np.zeros(len(scan.studio.mesh.faces), dtype=bool)
    with watch("film"), SensWriter(folder / f"{name}.sens", header, params.frames) as writer:
        shots = _in_order(
            pool, 2 * threads, params.frames, lambda frame: _shoot(scan, params, number, frame)
        )
        for frame, shot in enumerate(shots):
            writer.write(shot.frame)
            write_bytes(labels / f"{frame}.png", shot.label)
            seen[shot.seen] = True
            tell(frame + 1)
    with watch("mesh"):
        surface, raw = reference_mesh(scan, seen)
        write_ply(folder / f"{name}_vh_clean_2.ply", Mesh(surface.vertices_m, surface.faces,
                                                          surface.colors))  # fmt: skip
        palette = NYU40.colors[surface.labels]
        write_ply(
            folder / f"{name}_vh_clean_2.labels.ply",
            Mesh(surface.vertices_m, surface.faces, palette, surface.labels),
        )
    ids = {raw_id: category for category, raw_id in RAW_IDS.items()}
    present = sorted({ids[int(value)] for value in np.unique(raw)})
    mesh = scan.studio.mesh
    things = {(int(a), int(b)) for a, b in np.unique(
        np.stack([mesh.thing[seen], mesh.raw_label[seen]], 1), axis=0)}  # fmt: skip
    write_manifest(
        folder,
        Manifest(
            stage=manifest.stage,
            params=manifest.params,
            seed=manifest.seed,
            seconds=watch.seconds,
            notes={
                "kind": kind_of(params.seed, number),
                "frames": params.frames,
                "lost_poses": int(scan.lost.sum()),
                "vertices": len(surface.vertices_m),
                "classes": sorted({NYU40.names[NYU40_IDS[category]] for category in present}),
                "objects": Counter(ids[raw_id] for _, raw_id in sorted(things)),
            },
        ),
    )


def reference_mesh(scan: Scan, seen: NDArray[np.bool_]) -> tuple[Mesh, NDArray[np.uint16]]:
    """The surface that the frames saw, as a real scan has it: hidden backs are absent.

    Args:
        scan: the room.
        seen: ``(F,)`` faces that some depth frame hit.

    Returns:
        Mesh in world coordinates with colours and NYU40 labels, and the raw label id of each
        vertex. Vertices at one place with one label are one vertex.
    """
    mesh = scan.studio.mesh
    # Small faces between two pixels are part of what was seen around them.
    touched = np.zeros(len(mesh.points), dtype=bool)
    touched[mesh.faces[seen]] = True
    keep = seen | touched[mesh.faces].all(axis=1)
    faces = mesh.faces[keep]
    vertex_label = np.zeros(len(mesh.points), dtype=np.uint16)
    vertex_label[faces.ravel()] = np.repeat(mesh.raw_label[keep], 3)
    used, local = np.unique(faces, return_inverse=True)
    points, raw = mesh.points[used], vertex_label[used]
    # Weld: same place (to 0.1 mm) and same label.
    key = np.column_stack([np.round(points * 1e4).astype(np.int64), raw.astype(np.int64)])
    order = np.lexsort(key.T)
    fresh = np.ones(len(key), dtype=bool)
    fresh[1:] = (np.diff(key[order], axis=0) != 0).any(axis=1)
    welded = np.empty(len(key), dtype=np.int64)
    welded[order] = np.cumsum(fresh) - 1
    first = order[fresh]
    corners = welded[local.reshape(-1, 3)]
    proper = (corners != np.roll(corners, 1, axis=1)).all(axis=1)
    light = scan.studio.albedo[used[first]] * scan.studio.light[used[first]]
    light = light * (scan.tint * scan.studio.exposure).astype(np.float32)
    colors = np.clip(tone_curve(light) + 0.5, 0, 255).astype(np.uint8)
    return (
        Mesh(
            scan.world_from_room.apply(points[first]).astype(np.float32),
            np.ascontiguousarray(corners[proper], dtype=np.int32),
            colors,
            nyu40_table()[raw[first]],
        ),
        raw[first],
    )
