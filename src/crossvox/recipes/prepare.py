"""Raw scans to prepared scenes: frames, reference surface, voxels, labels, one folder a scene."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from crossvox.capture import open_capture
from crossvox.capture.folder import FolderCapture, export_folder
from crossvox.core.artifact import (
    Manifest,
    Stopwatch,
    building,
    digest,
    is_current,
    plain,
    read_manifest,
    total_seconds,
    write_manifest,
)
from crossvox.core.checks import ArtifactError, CaptureError, CrossvoxError, ParamsError, expect
from crossvox.core.frame import Capture, Frame, Parts
from crossvox.core.volume import Mesh, SceneVolume
from crossvox.doors.images import write_bytes
from crossvox.doors.meshes import read_mesh, write_ply
from crossvox.flow.progress import Progress, Report, Silent
from crossvox.scene.store import write_volume
from crossvox.scene.tsdf import TsdfParams, fuse
from crossvox.scene.voxelize import label_voxels, observed_voxels, transfer_labels, voxelize

SPLITS = ("train", "val")
CLASS_MAP = "scannetv2-labels.combined.tsv"


@dataclass(frozen=True)
class PrepareParams:
    """How raw scans become prepared scenes.

    Attributes:
        frame_skip: take every n-th frame.
        width: exported image width, pixels.
        height: exported image height, pixels.
        surface: ground-truth surface: the scan's own mesh, or TSDF fusion of the exported frames.
        voxel_m: edge length of the voxels that carry occupancy and labels, metres.
        occupancy: "exact" tests triangles against voxels; "thesis" marks them as the published
            pipeline did.
        label_distance_m: a voxel takes the label of the nearest labelled vertex if it is nearer.
        far_m: readings farther than this say nothing about which voxels were observed.
        tsdf: parameters of TSDF fusion.
    """

    frame_skip: int = 10
    width: int = 320
    height: int = 240
    surface: Literal["mesh", "tsdf"] = "mesh"
    voxel_m: float = 0.05
    occupancy: Literal["exact", "thesis"] = "exact"
    label_distance_m: float = 0.2
    far_m: float = 4.0
    tsdf: TsdfParams = field(default_factory=TsdfParams)

    def __post_init__(self) -> None:
        expect(
            self.frame_skip >= 1 and self.width >= 16 and self.height >= 16,
            given=f"frame skip {self.frame_skip}, size {self.width}x{self.height}",
            needed="a frame skip of 1 or more and images of at least 16x16",
            do="correct --frame-skip, --width or --height",
            error=ParamsError,
        )


@dataclass(frozen=True)
class SceneReport:
    """What became of one scan.

    Attributes:
        scene: its name.
        status: "made", "kept" (it was there already, made with the same parameters) or "failed".
        notes: counts: frames, lost poses, occupied voxels, ...
        seconds: times by step.
        error: why it failed.
    """

    scene: str
    status: Literal["made", "kept", "failed"]
    notes: dict[str, Any] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    error: str = ""


@dataclass(frozen=True)
class PrepareReport:
    """What became of all scans."""

    scenes: tuple[SceneReport, ...]
    splits: dict[str, tuple[str, ...]]

    @property
    def failed(self) -> tuple[SceneReport, ...]:
        """Scans that could not be prepared."""
        return tuple(scene for scene in self.scenes if scene.status == "failed")


def prepare(
    raw: Path,
    out: Path,
    params: PrepareParams | None = None,
    *,
    workers: int = 0,
    label_map: Path | None = None,
    progress: Progress | None = None,
) -> PrepareReport:
    """Prepare every scan below ``raw`` (or ``raw`` itself, if it is one).

    A finished scene that was made with the same parameters from the same files is kept; a broken
    scan is reported and the others go on.

    Args:
        raw: folder of scans, or one capture in any format that can be read.
        out: folder that receives one folder a scene, ``train.txt`` and ``val.txt``.
        params: see :class:`PrepareParams`.
        workers: scans prepared at once; 0 means one a core.
        label_map: class map of raw label ids; None looks for it in ``raw``.
        progress: who watches.

    Raises:
        CaptureError: no capture is found at ``raw``.
        CrossvoxError: every scan failed; the text names the reasons.
    """
    params, progress = params or PrepareParams(), progress or Silent()
    scans = find_captures(raw)
    if label_map is None and (raw / CLASS_MAP).is_file():
        label_map = raw / CLASS_MAP
    out.mkdir(parents=True, exist_ok=True)
    cores = os.cpu_count() or 1
    workers = min(workers or cores, len(scans))
    jobs = [(scan, out, params, label_map) for scan in scans]
    report = progress.step("scenes")
    report(0, len(jobs))
    scenes: list[SceneReport] = []
    if workers == 1:
        for job in jobs:
            scenes.append(_try_scene(*job, progress=progress))
            report(len(scenes), len(jobs))
    else:
        context = multiprocessing.get_context("spawn")
        threads = max(1, cores // workers)
        with ProcessPoolExecutor(workers, context, _limit_threads, (threads,)) as pool:
            futures = [pool.submit(_try_scene, *job) for job in jobs]
            try:
                for future in as_completed(futures):
                    scenes.append(future.result())
                    report(len(scenes), len(jobs))
            except BaseException:
                pool.shutdown(wait=True, cancel_futures=True)
                raise
    scenes.sort(key=lambda scene: scene.scene)
    done = [scene.scene for scene in scenes if scene.status != "failed"]
    if not done:
        reasons = "; ".join(f"{scene.scene}: {scene.error}" for scene in scenes[:3])
        raise CrossvoxError(f"none of the {len(scenes)} scans could be prepared. {reasons}")
    splits = write_splits(raw, out, done)
    write_manifest(
        out,
        Manifest(
            "prepare",
            plain(params),
            parents={scene: read_manifest(out / scene).digest for scene in done},
            seconds=total_seconds(scene.seconds for scene in scenes),
            notes={
                "scenes": len(done),
                "failed": {scene.scene: scene.error for scene in scenes if scene.error},
                "splits": splits,
            },
        ),
    )
    return PrepareReport(tuple(scenes), splits)


def prepare_capture(
    capture: Capture,
    folder: Path,
    params: PrepareParams,
    *,
    source: str,
    progress: Progress | None = None,
) -> SceneReport:
    """Prepare one capture into ``folder``; see :func:`prepare`.

    Args:
        capture: where frames come from.
        folder: what is written, as a whole or not at all.
        params: see :class:`PrepareParams`.
        source: fingerprint of the capture's files: another fingerprint, another scene.
        progress: who watches.
    """
    progress = progress or Silent()
    manifest = Manifest("prepare-scene", plain(params), parents={"capture": source})
    if is_current(folder, manifest):
        kept = read_manifest(folder)
        return SceneReport(capture.name, "kept", kept.notes, kept.seconds)
    info = capture.info()
    if params.surface == "mesh" and info.mesh is None:
        raise CaptureError(
            f"given: {capture.name}, a capture without a mesh of its own; needed: a ground-truth "
            f"surface; do: pass --surface tsdf to fuse one from the depth images"
        )
    watch = Stopwatch()
    with building(folder) as temporary:
        with watch("export frames"):
            exported = export_folder(
                capture,
                temporary,
                frame_skip=params.frame_skip,
                size=(params.width, params.height),
                progress=progress.step(f"{capture.name}: frames"),
            )
        frames = FolderCapture(temporary)
        with watch("surface"):
            surface = _surface(frames, info.mesh, info.labelled_mesh, params, progress)
        labelled = surface if surface.labels is not None else None
        with watch("voxels and labels"):
            grid, occupied = voxelize(surface, params.voxel_m, rule=params.occupancy)
            labels = np.zeros(grid.shape, dtype=np.uint8)
            if labelled is not None:
                labels = label_voxels(grid, occupied, labelled, params.label_distance_m)
        with watch("observed voxels"):
            observed = observed_voxels(
                grid, posed_frames(frames, Parts(rgb=False, labels=False)), far_m=params.far_m
            )
        write_volume(temporary / "volume.npz", SceneVolume(grid, occupied, observed, labels))
        write_ply(temporary / f"{capture.name}.ply", surface)
        notes = {
            "format": info.format,
            "registration": info.registration,
            "surface": params.surface,
            "frames": len(exported.frame_ids),
            "lost poses": len(exported.lost_poses),
            "broken frames": dict(exported.broken),
            "frames without labels": len(exported.without_labels),
            "unknown raw label ids": exported.unknown_raw_ids,
            "grid": grid.shape,
            "occupied voxels": int(occupied.sum()),
            "occupied voxels without label": int((occupied & (labels == 0)).sum()),
            "occupied voxels observed": int((occupied & observed).sum()),
        }
        write_manifest(temporary, replace(manifest, seconds=watch.seconds, notes=plain(notes)))
    return SceneReport(capture.name, "made", plain(notes), watch.seconds)


def _surface(
    frames: FolderCapture,
    mesh: Path | None,
    labelled_mesh: Path | None,
    params: PrepareParams,
    progress: Progress,
) -> Mesh:
    """The ground-truth surface, with labels if the capture has any."""
    labelled = read_mesh(labelled_mesh) if labelled_mesh is not None else None
    if params.surface == "mesh":
        assert mesh is not None
        surface = read_mesh(mesh)
    else:
        report = progress.step(f"{frames.name}: fuse")
        surface = fuse(posed_frames(frames, Parts(labels=False), report), params.tsdf).mesh()
        expect(
            len(surface.faces) > 0,
            given=f"{frames.name}, whose depth images give no surface",
            needed="frames with valid poses and overlapping depth",
            do="look at it with: crossvox info",
            error=CaptureError,
        )
    if labelled is None or labelled.labels is None:
        return surface
    if len(labelled.vertices_m) == len(surface.vertices_m) and params.surface == "mesh":
        return replace(surface, labels=labelled.labels)
    return replace(
        surface, labels=transfer_labels(surface.vertices_m, labelled, params.label_distance_m)
    )


def posed_frames(capture: Capture, parts: Parts, report: Report | None = None) -> Iterator[Frame]:
    """All frames with a valid pose, one after the other."""
    for index in range(len(capture)):
        if capture.pose(index) is not None:
            yield capture.frame(index, parts=parts)
        if report is not None:
            report(index + 1, len(capture))


def find_captures(raw: Path) -> list[Path]:
    """The capture at ``raw``, or all captures in the folders right below it, sorted by name.

    Raises:
        CaptureError: there is none.
    """
    try:
        open_capture(raw)
    except CaptureError as error:
        if not raw.is_dir():
            raise
        below = sorted(path for path in raw.iterdir() if path.is_dir() and path.name[0] != ".")
        scans = [path for path in below if _looks_like_capture(path)]
        if not scans:
            raise CaptureError(
                f"given: {raw}, which holds no capture, nor do the {len(below)} folders in it; "
                f"needed: a capture or a folder of captures. {error}"
            ) from None
        return scans
    return [raw]


def _looks_like_capture(path: Path) -> bool:
    """Whether a folder is meant as a capture, be it broken: a broken one shall be reported."""
    names = {entry.name for entry in path.iterdir()}
    return bool(
        any(name.endswith(".sens") for name in names)
        or {"color", "depth"} <= names
        or any(name.endswith(".pose.txt") for name in names)
        or {"rgb.txt", "groundtruth.txt"} <= names
    )


def fingerprint(path: Path) -> str:
    """Digest of names, sizes and times of change of a capture's files, without reading them."""
    files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
    return digest(
        [
            [file.relative_to(path.parent).as_posix(), stat.st_size, stat.st_mtime_ns]
            for file in files
            for stat in [file.stat()]
        ]
    )


def _try_scene(
    scan: Path,
    out: Path,
    params: PrepareParams,
    label_map: Path | None,
    progress: Progress | None = None,
) -> SceneReport:
    """Prepare one scan; what is wrong with it becomes part of the report."""
    try:
        capture = open_capture(scan, label_map)
        return prepare_capture(
            capture, out / capture.name, params, source=fingerprint(scan), progress=progress
        )
    except CrossvoxError as error:
        return SceneReport(scan.stem, "failed", error=str(error))


def _limit_threads(threads: int) -> None:
    """Share the cores among worker processes."""
    import numba

    numba.set_num_threads(min(threads, numba.get_num_threads()))


def write_splits(raw: Path, out: Path, scenes: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Write ``train.txt`` and ``val.txt``: the data set's own lists, else every fifth scene is val.

    A scene that the lists do not name belongs to no split. A lone scene is val.
    """
    lists = {split: raw / f"scannetv2_{split}.txt" for split in SPLITS}
    if all(path.is_file() for path in lists.values()):
        named = {split: set(path.read_text().split()) for split, path in lists.items()}
    else:
        held_out = set(scenes[::5])
        named = {"train": set(scenes) - held_out, "val": held_out}
    splits = {split: tuple(name for name in scenes if name in named[split]) for split in SPLITS}
    for split, names in splits.items():
        write_bytes(out / f"{split}.txt", "".join(f"{name}\n" for name in names).encode())
    return splits


def read_scenes(data: Path, which: str) -> list[Path]:
    """Folders of prepared scenes.

    Args:
        data: a folder that :func:`prepare` wrote.
        which: "train", "val", "all", or scene names separated by commas.

    Raises:
        ArtifactError: a scene is named that is not there, or there is none at all.
    """
    if (data / "volume.npz").is_file():
        return [data]
    if which == "all":
        names = sorted(path.parent.name for path in data.glob("*/volume.npz"))
    elif which in SPLITS:
        path = data / f"{which}.txt"
        expect(
            path.is_file(),
            given=f"{data}, without {path.name}",
            needed="a folder that 'crossvox prepare' wrote",
            do="run 'crossvox prepare' or name scenes",
            error=ArtifactError,
        )
        names = path.read_text().split()
    else:
        names = [name for name in which.split(",") if name]
    missing = [name for name in names if not (data / name / "volume.npz").is_file()]
    expect(
        bool(names) and not missing,
        given=f"{data} with {len(names)} scenes asked for ({which})"
        + (f", of which {', '.join(missing[:5])} are not there" if missing else ""),
        needed="prepared scenes",
        do="run 'crossvox prepare', or choose other scenes with --scenes",
        error=ArtifactError,
    )
    return [data / name for name in names]
