"""Recordings of rerun (``.rrd``), whose package is installed apart."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.core.camera import Intrinsics, Pose
from crossvox.core.checks import ParamsError
from crossvox.core.volume import Mesh

PROGRAM = "crossvox"
"""What a recording says of who wrote it; it stands in the head of the file."""

FRAME = "frame"
"""The time line: numbers of frames in the capture."""

_MAGIC = b"RRF"
_HEAD_BYTES = 1024


class Recording:
    """One recording that is being written; z is up, lengths are metres.

    Args:
        path: file that receives it; what is there is written over.
        name: of the recording, as rerun lists it.

    Raises:
        ParamsError: rerun is not installed, or cannot be imported.
    """

    def __init__(self, path: Path, name: str) -> None:
        self._rr = imported()
        self._to = self._rr.RecordingStream(PROGRAM, recording_id=str(uuid.uuid4()))
        self._to.save(path)
        self._to.send_recording_name(name)
        self._to.log("/", self._rr.ViewCoordinates.RIGHT_HAND_Z_UP, static=True)

    def classes(self, names: Sequence[str], colors: NDArray[np.uint8]) -> None:
        """Names and colours ``(K, 3)`` of classes, by id."""
        rows = enumerate(zip(names, colors.tolist(), strict=True))
        infos = [self._rr.AnnotationInfo(id, name, tuple(color)) for id, (name, color) in rows]
        self._to.log("/", self._rr.AnnotationContext(infos), static=True)

    def mesh(self, entity: str, mesh: Mesh, *, told: bool = False) -> None:
        """A surface in its vertex colours.

        Args:
            entity: where it stands in the tree of the recording.
            mesh: with faces.
            told: whether its vertices carry their classes.
        """
        shape = self._rr.Mesh3D(
            vertex_positions=mesh.vertices_m,
            triangle_indices=mesh.faces,
            vertex_colors=mesh.colors,
            class_ids=mesh.labels if told else None,
        )
        self._to.log(entity, shape, static=True)

    def line(self, entity: str, points_m: NDArray[Any]) -> None:
        """A line through points ``(N, 3)``."""
        self._to.log(entity, self._rr.LineStrips3D([points_m]), static=True)

    def boxes(
        self,
        entity: str,
        centers_m: NDArray[Any],
        sizes_m: NDArray[Any],
        yaws_deg: Sequence[float],
        labels: Sequence[str],
        class_ids: Sequence[int],
    ) -> None:
        """Upright boxes, turned about z from x towards y; all arrays have a row a box."""
        half = np.radians(yaws_deg) / 2
        turns = np.stack([0 * half, 0 * half, np.sin(half), np.cos(half)], axis=-1)
        found = self._rr.Boxes3D(
            centers=centers_m,
            half_sizes=np.asarray(sizes_m) / 2,
            quaternions=turns,
            labels=labels,
            class_ids=class_ids,
        )
        self._to.log(entity, found, static=True)

    def frame(self, entity: str, number: int, pose: Pose, camera: Intrinsics, jpeg: bytes) -> None:
        """A frame: where its camera stood at its time, and its picture (encoded)."""
        rr, matrix = self._rr, pose.world_from_camera
        self._to.set_time(FRAME, sequence=number)
        self._to.log(entity, rr.Transform3D(translation=matrix[:3, 3], mat3x3=matrix[:3, :3]))
        lens = rr.Pinhole(
            image_from_camera=camera.matrix,
            resolution=[camera.width, camera.height],
            camera_xyz=rr.ViewCoordinates.RDF,
            image_plane_distance=0.2,
        )
        self._to.log(entity, lens)
        self._to.log(entity, rr.EncodedImage(contents=jpeg, media_type="image/jpeg"))

    def close(self) -> None:
        """Write what is left."""
        self._to.disconnect()


def imported() -> Any:
    """The package.

    Raises:
        ParamsError: rerun is not installed, or cannot be imported.
    """
    try:
        import rerun
    except (ImportError, OSError) as error:
        raise ParamsError(
            f"given: no rerun that can be imported ({error}); needed: its package, which writes "
            f".rrd files; do: pip install 'crossvox[rerun]', or take crossvox view --out FILE.html"
        ) from None
    return rerun


def is_own_recording(path: Path) -> bool:
    """Whether a file is a recording that this package wrote."""
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    return head.startswith(_MAGIC) and PROGRAM.encode() in head
