"""How one capture becomes a prepared scene."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from crossvox.capture.chosen import ChosenCapture
from crossvox.capture.doctor.diagnose import worries
from crossvox.capture.export import export_folder
from crossvox.capture.kept import KeptDepth, KeptFolder
from crossvox.capture.moved import MovedCapture
from crossvox.capture.outliers import NEAR_ORIGIN_M, Usable, usable_frames
from crossvox.capture.remarks import BROKEN, FRAMES, REMARKS
from crossvox.capture.remembered import opened
from crossvox.core.camera import Pose, oriented
from crossvox.core.checks import CaptureError, expect
from crossvox.core.files import VOLUME
from crossvox.core.frame import COMPLETE_MESH, Capture, CaptureInfo, Frame, Parts
from crossvox.core.grid import VoxelGrid
from crossvox.core.labels import RawLabelMap
from crossvox.core.room_contents import TRUE_OBJECTS, RoomContents
from crossvox.core.threads import meanwhile, threads
from crossvox.core.volume import Mesh, SceneVolume
from crossvox.doors.meshes import read_labelled_mesh, read_mesh, write_ply
from crossvox.flow.progress import Progress, Report
from crossvox.flow.runner import Work
from crossvox.recipes.handed import Handed, hand_over, is_handing_over
from crossvox.recipes.prepare import PrepareScene, reopened
from crossvox.scene.store import write_volume
from crossvox.scene.tsdf.volume import TsdfVolume, fuse
from crossvox.scene.voxelize import label_voxels, observed_voxels, transfer_labels, voxelize

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class _Truth:
    """The ground-truth surface of a scene, and what it makes of voxels.

    Attributes:
        surface: with labels if the capture has any.
        strange: vertices by label id that no table knows.
        grid, occupied, labels: as of :class:`SceneVolume`.
    """

    surface: Mesh
    strange: dict[int, int]
    grid: VoxelGrid
    occupied: NDArray[np.bool_]
    labels: NDArray[np.uint8]


def prepare_scene(stage: PrepareScene, work: Work) -> Mapping[str, Any]:
    """Write a prepared scene into ``work.out``.

    Returns:
        Notes: counts of frames and voxels.

    Raises:
        CaptureError: the capture is damaged, or has no surface of the kind that is asked for.
    """
    params, scan = stage.params, _open(stage)
    usable = usable_frames(scan)
    if params.surface == "tsdf":
        usable.expect_posed(stage.scene, stage.capture.path)
    moved = _new_from_old(stage, usable)
    capture = scan if moved is None else MovedCapture(scan, moved)
    info = capture.info()
    _expect_truth(stage, usable, info)
    work.size = _size(capture, stage)
    # The capture's own mesh needs none of the frames.
    own = meanwhile(partial(_truth, stage, info, work)) if params.surface == "mesh" else None
    depth = KeptDepth()
    with work.watch("export frames"):
        exported = export_folder(
            capture,
            work.out,
            frame_skip=params.frame_skip,
            size=oriented((params.width, params.height), like=capture.camera().size),
            kept=depth,
            usable=usable,
            progress=work.progress.step(f"{stage.scene}: frames"),
        )
    frames = KeptFolder(work.out, depth)
    truth = _truth(stage, info, work, frames) if own is None else own()
    with work.watch("observed voxels"):
        observed = observed_voxels(
            truth.grid, posed_frames(frames, Parts(rgb=False, labels=False)), far_m=params.far_m
        )
    volume = SceneVolume(truth.grid, truth.occupied, observed, truth.labels)

    def write() -> None:
        write_volume(work.out / VOLUME, volume)
        write_ply(work.out / f"{stage.scene}.ply", truth.surface)
        beside = scan.info()
        if beside.complete_mesh is not None:
            complete = read_mesh(beside.complete_mesh)
            write_ply(work.out / COMPLETE_MESH, _moved_mesh(moved, complete))
        if beside.true_objects is not None and moved is None:
            RoomContents.read(beside.true_objects).write(work.out / TRUE_OBJECTS)

    written = meanwhile(write)
    try:
        remarks = [*info.notes]
        if stage.new_from_old is None:  # who has levelled it has asked already
            with work.watch("doctor"):
                remarks += worries(scan, None if exported.broken else frames)
        if stage.new_from_old is None and moved is not None:
            x, y, z = moved.position_m
            remarks.append(f"the world was moved by {x:.0f} {y:.0f} {z:.0f} m, near its origin")
    finally:
        written()  # also where the folder is about to be removed
    occupied = volume.occupied
    return {
        "format": info.format,
        "registration": info.registration,
        "surface": params.surface,
        FRAMES: len(exported.frame_ids),
        "lost poses": len(exported.lost_poses),
        **({"frames left out as asked": len(stage.skipped)} if stage.skipped else {}),
        BROKEN: dict(exported.broken),
        REMARKS: remarks,
        "frames without labels": len(exported.without_labels),
        "unknown raw label ids": exported.unknown_raw_ids,
        "vertices with unknown label ids": truth.strange,
        "grid": volume.grid.shape,
        "occupied voxels": int(occupied.sum()),
        "occupied voxels without label": int((occupied & (volume.labels == 0)).sum()),
        "occupied voxels observed": int((occupied & volume.observed).sum()),
    }


def _expect_truth(stage: PrepareScene, usable: Usable, info: CaptureInfo) -> None:
    """Refuse a capture that lacks the truth that is asked for.

    Raises:
        CaptureError: it has no mesh, one that single precision cannot hold, or labels of classes
            that nobody knows.
    """
    expect(
        stage.params.surface != "mesh" or usable.near_from_world is None,
        given=f"{stage.scene}, whose cameras stand "
        f"{_farthest_m(usable):,.0f} m from the world's origin",
        needed=f"a mesh within {NEAR_ORIGIN_M:,.0f} m of it: its vertices have single precision",
        do="pass --surface tsdf to fuse one near the origin, or move mesh and poses there",
        error=CaptureError,
    )
    expect(
        info.label_map or not info.has_labels,
        given=f"{stage.scene} with labels that cannot be told in NYU40 ({'; '.join(info.notes)})",
        needed="the class map of the data set",
        do="put it beside the scans or pass --label-map",
        error=CaptureError,
    )
    if stage.params.surface == "mesh" and info.mesh is None:
        raise CaptureError(
            f"given: {stage.scene}, a capture without a mesh of its own; needed: a ground-truth "
            f"surface; do: pass --surface tsdf to fuse one from the depth images"
        )


def frames_of(stage: PrepareScene) -> float:
    """Frames that a scene will have, as far as its capture can be opened."""
    try:
        return _size(_open(stage), stage)
    except CaptureError:
        return 0.0


def _size(capture: Capture, stage: PrepareScene) -> float:
    return math.ceil(len(capture) / stage.params.frame_skip)


def _open(stage: PrepareScene) -> Capture:
    capture = opened()
    if capture is None:
        capture = reopened(stage.capture, stage.label_map, stage.how, stage.trajectory)
    if stage.skipped:
        capture = ChosenCapture(capture, frozenset(stage.skipped))
    if stage.chosen is not None:
        rest = frozenset(capture.frame_ids) - frozenset(stage.chosen)
        capture = ChosenCapture(capture, rest, "since the others see most of what they saw")
    return capture


def _new_from_old(stage: PrepareScene, usable: Usable) -> Pose | None:
    """How the capture's world is moved; None: it stays."""
    if stage.new_from_old is None:
        return usable.near_from_world
    return Pose(np.array(stage.new_from_old))


def _farthest_m(usable: Usable) -> float:
    near = usable.near_from_world
    return 0.0 if near is None else float(np.abs(near.position_m).max())


def _moved_mesh(moved: Pose | None, mesh: Mesh) -> Mesh:
    """A surface of the capture in the scene's world."""
    if moved is None:
        return mesh
    return replace(mesh, vertices_m=moved.apply(mesh.vertices_m).astype(np.float32))


def _labelled_mesh(stage: PrepareScene, info: CaptureInfo) -> tuple[Mesh | None, dict[int, int]]:
    """The mesh with labels that comes with the capture; vertices by id that no table knows."""
    if info.labelled_mesh is None:
        return None, {}
    file = info.class_map if stage.label_map is None else stage.label_map.path
    table = None if file is None else RawLabelMap.read(file)
    return read_labelled_mesh(info.labelled_mesh, table, cloud=True)


def _truth(
    stage: PrepareScene, info: CaptureInfo, work: Work, frames: Capture | None = None
) -> _Truth:
    """The ground-truth surface, and what it makes of voxels.

    Args:
        stage: how it is made.
        info: of the capture.
        work: who watches.
        frames: of the scene's folder, for a surface that is fused.
    """
    with work.watch("surface"):
        labelled, strange = _labelled_mesh(stage, info)
        surface = _surface(stage, frames, info.mesh, labelled, work.progress)
    with work.watch("voxels and labels"):
        grid, occupied = voxelize(surface, stage.params.voxel_m, rule=stage.params.occupancy)
        labels = np.zeros(grid.shape, dtype=np.uint8)
        if surface.labels is not None:
            labels = label_voxels(grid, occupied, surface, stage.params.label_distance_m)
    return _Truth(surface, strange, grid, occupied, labels)


def _surface(
    stage: PrepareScene,
    frames: Capture | None,
    mesh: Path | None,
    labelled: Mesh | None,
    progress: Progress,
) -> Mesh:
    """The ground-truth surface, with labels if the capture has any."""
    params = stage.params
    if params.surface == "mesh" and mesh is not None:
        surface = read_mesh(mesh)
    else:
        assert frames is not None
        surface = _fused(stage, frames, progress.step(f"{stage.scene}: fuse")).mesh()
        expect(
            len(surface.faces) > 0,
            given=f"{stage.scene}, whose depth images give no surface",
            needed="frames with valid poses and overlapping depth",
            do="look at it with: crossvox info; poses may come from a file (--trajectory FILE), "
            "or be tracked: crossvox track CAPTURE FILE",
            error=CaptureError,
        )
    if labelled is None or labelled.labels is None:
        return surface
    if len(labelled.vertices_m) == len(surface.vertices_m) and params.surface == "mesh":
        return replace(surface, labels=labelled.labels)
    return replace(
        surface, labels=transfer_labels(surface.vertices_m, labelled, params.label_distance_m)
    )


def _fused(stage: PrepareScene, frames: Capture, report: Report) -> TsdfVolume:
    """The frames of the scene's folder, fused; handed on where somebody asks for them next."""
    read = partial(posed_frames, frames, Parts(labels=False), report)
    if not is_handing_over():
        return fuse(read(), stage.params.tsdf)
    from crossvox.predict.complete import KeptFrames  # loads much that nothing else here needs

    kept = KeptFrames(read)
    volume = fuse(kept, stage.params.tsdf)
    if kept.keep():  # the folder is about to be moved: what is not kept cannot be read again
        numbers = tuple(frame.id for frame in kept)
        hand_over(Handed(stage.scene, stage.params.tsdf, numbers, kept, volume))
    return volume


def posed_frames(capture: Capture, parts: Parts, report: Report | None = None) -> Iterator[Frame]:
    """All frames with a valid pose, one after the other.

    Where this process has a thread for it, a frame with colour, which has to be decoded, is read
    while the one before it is in work.
    """

    def read(index: int) -> Frame | None:
        return None if capture.pose(index) is None else capture.frame(index, parts=parts)

    count = len(capture)
    frames = _one_ahead(read, count) if parts.rgb and threads() > 1 else map(read, range(count))
    for index, frame in enumerate(frames):
        if frame is not None:
            yield frame
        if report is not None:
            report(index + 1, count)


def _one_ahead(read: Callable[[int], T], count: int) -> Iterator[T]:
    """What is read at ``range(count)``, in order, by one thread that is one ahead."""
    with ThreadPoolExecutor(1) as pool:
        following = pool.submit(read, 0) if count else None
        for index in range(count):
            assert following is not None
            found = following.result()
            following = pool.submit(read, index + 1) if index + 1 < count else None
            yield found
