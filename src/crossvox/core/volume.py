"""What is handed from room to room: meshes, scene volumes, view sets, chunks, batches."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from crossvox.core.camera import Intrinsics
from crossvox.core.checks import ShapeError, expect
from crossvox.core.grid import Index3, VoxelGrid

if TYPE_CHECKING:
    from torch import Tensor

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Mesh:
    """A triangle mesh in world coordinates.

    Attributes:
        vertices_m: ``(V, 3)`` float32 metres.
        faces: ``(F, 3)`` int32 vertex numbers, anticlockwise seen from outside.
        colors: ``(V, 3)`` uint8, or None.
        labels: ``(V,)`` uint8 NYU40 ids, or None.
        completed: ``(V,)`` bool, vertices that no frame measured and a network added; None where
            nobody tells, which means that all are measured.
        confidence: ``(V,)`` float32 from 0 to 1, probability that the true surface lies within
            5 cm, as the network tells it; 1 where it is measured; None where nobody tells.
        label_confidence: ``(V,)`` float32 from 0 to 1, probability that the label is right; None
            where nobody tells.
        objects: ``(V,)`` int32, number of the object that a vertex belongs to, 0 for none; None
            where nobody looked for objects.
    """

    vertices_m: NDArray[np.float32]
    faces: NDArray[np.int32]
    colors: NDArray[np.uint8] | None = None
    labels: NDArray[np.uint8] | None = None
    completed: NDArray[np.bool_] | None = None
    confidence: NDArray[np.float32] | None = None
    label_confidence: NDArray[np.float32] | None = None
    objects: NDArray[np.int32] | None = None

    def __post_init__(self) -> None:
        count = len(self.vertices_m)
        expect(
            self.vertices_m.shape == (count, 3) and self.faces.shape == (len(self.faces), 3),
            given=f"vertices {self.vertices_m.shape}, faces {self.faces.shape}",
            needed="(V, 3) and (F, 3)",
            do="check the mesh file",
            error=ShapeError,
        )
        expect(
            not len(self.faces) or (self.faces.min() >= 0 and self.faces.max() < count),
            given=f"faces that name vertices beyond the {count} there are",
            needed="vertex numbers from 0 to the vertex count - 1",
            do="check the mesh file: it is damaged",
            error=ShapeError,
        )
        for name, shape in (
            ("colors", (count, 3)),
            ("labels", (count,)),
            ("completed", (count,)),
            ("confidence", (count,)),
            ("label_confidence", (count,)),
            ("objects", (count,)),
        ):
            array = getattr(self, name)
            expect(
                array is None or array.shape == shape,
                given=f"{name} of shape {None if array is None else array.shape}",
                needed=f"{shape}, one a vertex",
                do="check the mesh file",
                error=ShapeError,
            )

    @property
    def triangles_m(self) -> NDArray[np.float32]:
        """Corner positions, ``(F, 3, 3)`` metres."""
        return self.vertices_m[self.faces]

    @property
    def by_vertex(self) -> dict[str, NDArray[Any]]:
        """What is known of each vertex besides its position, by field; what is None is left out."""
        names = ("colors", "labels", "completed", "confidence", "label_confidence", "objects")
        values = {name: getattr(self, name) for name in names}
        return {name: value for name, value in values.items() if value is not None}


@dataclass(frozen=True, eq=False)
class SceneVolume:
    """What is known of one scene, voxel by voxel. Unknown is a mask, never a magic number.

    Attributes:
        grid: where the voxels are.
        occupied: ``(X, Y, Z)`` bool, the surface passes through.
        observed: ``(X, Y, Z)`` bool, some frame saw the voxel's place (free or surface).
        labels: ``(X, Y, Z)`` uint8 NYU40 ids of the occupied voxels, 0 = free or unannotated.
    """

    grid: VoxelGrid
    occupied: NDArray[np.bool_]
    observed: NDArray[np.bool_]
    labels: NDArray[np.uint8]

    def __post_init__(self) -> None:
        for name in ("occupied", "observed", "labels"):
            shape = getattr(self, name).shape
            expect(
                shape == self.grid.shape,
                given=f"{name} of shape {shape}",
                needed=f"{self.grid.shape}, the grid's shape",
                do="cut or pad a volume together with its grid",
                error=ShapeError,
            )


@dataclass(frozen=True, eq=False)
class SceneViews:
    """Which voxels of a scene each frame sees, and at which pixel (a ragged table).

    Frame number ``frame_ids[f]`` sees the voxels ``voxel[start[f]:start[f + 1]]``, rising.

    Attributes:
        grid: the scene's grid; ``voxel`` counts in its C order.
        camera: the camera at the image size that ``pixel`` counts in.
        frame_ids: ``(F,)`` int32, frames with a valid pose only.
        start: ``(F + 1,)`` int64.
        voxel: ``(N,)`` int32 linear voxel number.
        pixel: ``(N,)`` int32 ``row * width + column``.
    """

    grid: VoxelGrid
    camera: Intrinsics
    frame_ids: NDArray[np.int32]
    start: NDArray[np.int64]
    voxel: NDArray[np.int32]
    pixel: NDArray[np.int32]

    def __post_init__(self) -> None:
        expect(
            len(self.start) == len(self.frame_ids) + 1
            and self.voxel.shape == self.pixel.shape
            and int(self.start[-1]) == len(self.voxel),
            given=f"{len(self.frame_ids)} frames, {len(self.start)} starts, {self.voxel.shape} "
            f"voxels, {self.pixel.shape} pixels",
            needed="one start more than frames, and as many pixels as voxels",
            do="make the views anew",
            error=ShapeError,
        )


@dataclass(frozen=True)
class ChunkPlace:
    """Where a sub-volume is cut: enough, with the scene, to make the same sample again.

    Attributes:
        scene: scene name.
        start: first voxel in the scene's grid (may lie outside; what lies outside is padding).
        frame_ids: frames chosen to look at it, best first; may be shorter than asked for.
    """

    scene: str
    start: Index3
    frame_ids: tuple[int, ...] = ()


@dataclass(frozen=True, eq=False)
class VoxelPixels:
    """The bridge between images and one sub-volume: voxel n shows at pixel n of view n.

    True length, empty is legal.

    Attributes:
        voxel: ``(N,)`` int64 linear voxel number in the sub-volume, C order.
        pixel: ``(N,)`` int64 ``row * width + column``.
        view: ``(N,)`` int64 view slot.
    """

    voxel: NDArray[np.int64]
    pixel: NDArray[np.int64]
    view: NDArray[np.int64]

    def __post_init__(self) -> None:
        expect(
            self.voxel.shape == self.pixel.shape == self.view.shape and self.voxel.ndim == 1,
            given=f"voxel {self.voxel.shape}, pixel {self.pixel.shape}, view {self.view.shape}",
            needed="three arrays of one length",
            do="cut them together",
            error=ShapeError,
        )


@dataclass(frozen=True, eq=False)
class Sample:
    """One sub-volume with its images, as a data set delivers it.

    Attributes:
        images: ``(K, 3, H, W)`` uint8 colours; views that are missing hold 0.
        view_ok: ``(K,)`` bool, which views exist.
        lift: voxel-pixel pairs of all views, in the chunk as it is delivered (turned).
        occupied: ``(X, Y, Z)`` bool.
        observed: ``(X, Y, Z)`` bool.
        labels: ``(X, Y, Z)`` uint8.
        inside: ``(X, Y, Z)`` bool, False where the chunk hangs out of the scene.
        place: where it was cut.
        quarter_turns: how it was turned after cutting.
        image_labels: ``(K, H, W)`` uint8 NYU40 ids of the images, 0 = unannotated or missing; None
            where nobody asked for them.
    """

    images: NDArray[np.uint8]
    view_ok: NDArray[np.bool_]
    lift: VoxelPixels
    occupied: NDArray[np.bool_]
    observed: NDArray[np.bool_]
    labels: NDArray[np.uint8]
    inside: NDArray[np.bool_]
    place: ChunkPlace
    quarter_turns: int = 0
    image_labels: NDArray[np.uint8] | None = None


@dataclass(frozen=True, eq=False)
class Batch:
    """What a 3D task reads: B samples as tensors. All tensors sit on one device.

    Attributes:
        images: ``(B, K, 3, H, W)`` float32, normalised.
        view_ok: ``(B, K)`` bool.
        voxel, pixel, view, sample: ``(N,)`` int64, the lift pairs of all samples in one list.
        occupied, observed, inside: ``(B, X, Y, Z)`` bool.
        labels: ``(B, X, Y, Z)`` int64.
    """

    images: Tensor
    view_ok: Tensor
    voxel: Tensor
    pixel: Tensor
    view: Tensor
    sample: Tensor
    occupied: Tensor
    observed: Tensor
    inside: Tensor
    labels: Tensor

    @property
    def shape(self) -> Index3:
        """Voxels of a sub-volume along x, y, z."""
        x, y, z = self.occupied.shape[1:]
        return int(x), int(y), int(z)

    def to(self, device: Any) -> Batch:
        """The same batch on another device."""
        return type(self)(**{name: value.to(device) for name, value in vars(self).items()})


@dataclass(frozen=True, eq=False)
class MappedBatch(Batch):
    """A batch with what a network made of its images before, for example once a frame.

    Attributes:
        maps: ``(B, K, C, h, w)`` float32; views that are missing hold 0.
    """

    maps: Tensor


@dataclass(frozen=True, eq=False)
class FeatureBatch(Batch):
    """A batch with the features that a frozen 2D network made of its images before.

    Attributes:
        features: ``(B, K, C, h, w)`` float32; views that are missing hold 0.
    """

    features: Tensor


@dataclass(frozen=True, eq=False)
class LabelledBatch(Batch):
    """A batch with the labels of its images.

    Attributes:
        image_labels: ``(B, K, H, W)`` int64 NYU40 ids, 0 = unannotated or missing.
    """

    image_labels: Tensor


@dataclass(frozen=True, eq=False)
class ImageSample:
    """One image with its labels, as a data set delivers it.

    Attributes:
        image: ``(3, H, W)`` uint8 colours, or ``(6, H, W)``, planes of depth after them.
        labels: ``(H, W)`` uint8 NYU40 ids, 0 = unannotated.
        name: of the image, without suffix.
    """

    image: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    name: str

    def __post_init__(self) -> None:
        expect(
            self.image.shape in ((3, *self.labels.shape), (6, *self.labels.shape)),
            given=f"{self.name}: image {self.image.shape}, labels {self.labels.shape}",
            needed="(3, H, W) or (6, H, W), and (H, W)",
            do="resize and cut images and labels together",
            error=ShapeError,
        )


@dataclass(frozen=True, eq=False)
class ImageBatch:
    """What a 2D task reads: B images as tensors on one device.

    Attributes:
        images: ``(B, 3, H, W)`` or ``(B, 6, H, W)`` float32, normalised.
        labels: ``(B, H, W)`` int64 NYU40 ids, 0 = unannotated.
    """

    images: Tensor
    labels: Tensor

    def to(self, device: Any) -> ImageBatch:
        """The same batch on another device."""
        return ImageBatch(self.images.to(device), self.labels.to(device))


@dataclass(frozen=True)
class Score:
    """A number with everything that is needed to read it.

    Attributes:
        name: what was measured, for example ``F-score``.
        value: the number; NaN where it is undefined.
        unit: ``m``, ``%``, ``ratio`` or empty.
        support: how many things were counted (scenes, frames, voxels; ``of`` says which).
        of: what ``support`` counts.
        higher_is_better: which way is good.
        protocol: rules it was measured by.
        details: further numbers that belong to it.
        reading: one sentence on how to read it.
        place: where it is shown: ``main``, ``beside`` or ``detail``.
        class_name: the one class that it speaks of; empty: of all.
    """

    name: str
    value: float
    unit: str
    support: int
    of: str
    higher_is_better: bool
    protocol: str
    details: dict[str, float] = field(default_factory=dict)
    reading: str = ""
    place: str = "detail"
    class_name: str = ""
