"""What a 3D view shows, and what was written of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.core.camera import Intrinsics, Pose
from crossvox.core.checks import ParamsError, expect
from crossvox.core.labels import NYU40
from crossvox.core.room_contents import RoomContents
from crossvox.report.layers import Layer
from crossvox.report.pictures.interior import Interior

Array = NDArray[Any]


@dataclass(frozen=True)
class Standpoint:
    """Where a 3D view begins.

    Attributes:
        eye_m: where one stands.
        target_m: what one looks at and turns about.
        field_deg: field of view, from top to bottom.
    """

    eye_m: tuple[float, float, float]
    target_m: tuple[float, float, float]
    field_deg: float = 45.0


@dataclass(frozen=True, eq=False)
class Shot:
    """A frame of the capture, shown where it was taken.

    Attributes:
        label: what to call it.
        pose: where the camera was.
        camera: at any size of the frame; only its field of view is used.
        image: ``(H, W, 3)`` uint8 thumbnail.
        depth_m: ``(h, w)`` float32, what it read of the same view, along z, 0 = no reading: so it
            is told which points the frame saw. None where that is not known.
    """

    label: str
    pose: Pose
    camera: Intrinsics
    image: NDArray[np.uint8]
    depth_m: NDArray[np.float32] | None = None


@dataclass(frozen=True, eq=False)
class RoomView:
    """What a 3D view shows.

    Attributes:
        title: of the page.
        layers: at least one; the first is on, one is on at a time.
        standpoint: where the view begins; None looks from above and one side.
        interior: the room's space; ceiling and outer shell get a switch of their own, off.
        camera_path_m: ``(N, 3)`` positions of the capture's camera, drawn as a line.
        shots: frames along it.
        reach_m: distance at which the colour code of distances ends.
        missing: what cannot be shown, one line each.
        contents: objects, whose boxes are drawn, or None.
        names: of classes by id.
        back: address of the page that it belongs to, or empty.
    """

    title: str
    layers: Sequence[Layer]
    standpoint: Standpoint | None = None
    interior: Interior | None = None
    camera_path_m: Array | None = None
    shots: Sequence[Shot] = ()
    reach_m: float = 0.2
    missing: Sequence[str] = ()
    contents: RoomContents | None = None
    names: Sequence[str] = NYU40.names
    back: str = ""

    def solid(self) -> tuple[Layer, ...]:
        """The layers with faces.

        Raises:
            ParamsError: there is none.
        """
        found = tuple(layer for layer in self.layers if len(layer.mesh.faces))
        expect(
            len(found) > 0,
            given="no mesh with faces",
            needed="at least one surface",
            do="check that the scene's meshes are not empty",
            error=ParamsError,
        )
        return found


@dataclass(frozen=True)
class ViewerReport:
    """What a written 3D view holds.

    Attributes:
        path: the file.
        size_bytes: its size.
        faces: triangles by layer, after thinning.
        classes: names of the classes that the legend switches.
        shots: frames of the capture that are shown in space.
        left_out: layers without any face.
    """

    path: Path
    size_bytes: int
    faces: dict[str, int]
    classes: tuple[str, ...]
    shots: int
    left_out: tuple[str, ...]
