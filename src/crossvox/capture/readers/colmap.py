"""Models of COLMAP with depth images: ``images/``, ``sparse/0/`` and ``depth/``.

Poses are world-to-camera with OpenCV axes. A model has no scale of its own. Depth images belong to
the colour image of the same name and lie on its pixels, often in fewer of them; COLMAP's own depth
maps (``stereo/depth_maps``) are in units of the model. Where depth was measured and the model has
its points, they tell how long its unit is, and positions are brought to metres.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.capture.beside import BESIDE, DEPTH_FOLDERS, depth_beside, listed_file
from crossvox.capture.depth_files import first_depth, read_depth_file, usual_units
from crossvox.capture.file_numbers import distinct_numbers, images_in
from crossvox.capture.files import first_size
from crossvox.capture.params import CaptureParams
from crossvox.capture.reader import Reader
from crossvox.capture.readers.colmap_model import Model, ModelImage, read_model
from crossvox.capture.readers.colmap_scale import ModelScale, points_by_image, ratios_at, scale_of
from crossvox.capture.registration import Registration
from crossvox.capture.several_cameras import depth_camera_of, of_usual_size, usual_camera
from crossvox.capture.stored import FrameCameras, StoredCapture
from crossvox.core.camera import Size
from crossvox.core.checks import CaptureError, expect
from crossvox.core.convention import PoseConvention
from crossvox.doors.images import read_bytes

PLACES = ("sparse/0", "sparse", "colmap/sparse/0", "colmap/sparse", "colmap", "dense/sparse")
"""Where the model lies below the capture's folder."""

IMAGE_FOLDERS = ("images", "image", "color", "rgb")
SAMPLE = 8
"""Frames at which the model's scale is measured."""

NO_SCALE = (
    "COLMAP models have no scale of their own: positions are metric only if the model was scaled"
)

_PARTS = tuple(f"{part}{end}" for part in ("cameras", "images") for end in (".bin", ".txt"))
_POINTS = ("points3D.bin", "points3D.txt")


@dataclass(frozen=True, eq=False)
class _Shown:
    """An image of the model whose files are there."""

    number: int
    image: ModelImage
    color: Path
    depth: Path


class ColmapCapture(StoredCapture):
    """A COLMAP model with a folder of depth images.

    A frame's number is that in the names of the images, or, where these do not tell images apart,
    the model's.

    Args:
        path: the folder that holds images, model and depth; or the model's own folder.
        params: flags.

    Raises:
        CaptureError: no depth, no image whose files are there, a damaged model, or a camera model
            that is not read.
    """

    format = "COLMAP model with depth"
    convention = PoseConvention("opencv", "world-to-camera")
    _metres: float = 1.0

    def __init__(self, path: Path, params: CaptureParams) -> None:
        self.path = path
        self._model, notes = _largest_model(path)
        root = _root(path, self._model.folder)
        frames, more = _frames(root, self._model)
        kept, odd = of_usual_size({n: _size_of(self._model, one) for n, one in frames.items()})
        ids = tuple(sorted(kept))
        self._frames = frames = {number: frames[number] for number in ids}
        size = first_size((frames[number].color for number in ids), "color")
        self._cameras_of = _cameras(self._model, frames, size)
        sample = first_depth(frames[number].depth for number in ids)
        camera, varies = usual_camera([self._camera_of(number).color for number in ids])
        super().__init__(
            root.resolve().name,
            ids,
            Registration(
                camera,
                depth_camera_of(camera, sample.shape[1::-1], str(root)),
                mode=params.registration,
            ),
        )
        lenses = {own.lens for own in self._cameras_of.values()}
        self.lens = self.depth_lens = lenses.pop() if len(lenses) == 1 else None
        own_maps = frames[ids[0]].depth.suffix == ".bin"
        self.units_per_m = params.units_per_m or (1.0 if own_maps else usual_units(sample))
        told = None if own_maps or _departs(params) else self._measured()
        if told is not None and not told.is_metric:
            self._metres = told.metres
        unit = _unit_note(own_maps, self.units_per_m, params)
        notes += [*more, odd, _scale_note(told), unit]
        if varies:
            notes.append(f"{len(self._cameras_of)} cameras: {varies}")
        self.notes = tuple(note for note in notes if note)

    def _measured(self) -> ModelScale | None:
        """The model's scale by the depth at its points in some of the frames."""
        some = np.unique(np.linspace(0, len(self) - 1, SAMPLE).round().astype(int)).tolist()
        numbers = {index: self._frames[self.frame_ids[index]].number for index in some}
        points = points_by_image(self._model.folder, numbers.values())
        found = [np.empty(0)]
        for index, number in numbers.items():
            try:
                pose, size = self.pose(index), self.registration.depth_camera.size
                if pose is not None and len(points[number]):
                    depth = self.depth_m(index, size)
                    found.append(ratios_at(points[number], pose, self.camera(size), depth))
            except CaptureError:  # a broken frame is told of when it is asked for
                continue
        return scale_of(np.concatenate(found))

    def _camera_of(self, number: int) -> FrameCameras:
        return self._cameras_of[self._frames[number].image.camera]

    def source(self, index: int, part: str) -> str:
        """The file that holds a part."""
        frame = self._frames[self.frame_ids[index]]
        if part == "pose":
            return f"{self._model.folder}, image {frame.image.name!r}"
        return str(frame.color if part == "colour" else frame.depth)

    def pose_matrix(self, index: int) -> NDArray[np.float64]:
        """The model's pose, world-to-camera, in metres as far as the model's scale is known."""
        matrix = self._frames[self.frame_ids[index]].image.camera_from_world.copy()
        matrix[:3, 3] *= self._metres
        return matrix

    def color_data(self, index: int) -> bytes:
        """The colour file as it is."""
        return read_bytes(self._frames[self.frame_ids[index]].color)

    def depth_raw(self, index: int) -> NDArray[Any]:
        """Depth as stored."""
        return read_depth_file(self._frames[self.frame_ids[index]].depth)

    def frame_cameras(self, index: int) -> FrameCameras | None:
        """The camera and lens of the frame's image."""
        own = self._camera_of(self.frame_ids[index])
        depth = own.color.resized(self.registration.depth_camera.size)
        return FrameCameras(own.color, depth, own.lens, own.lens)


def _departs(params: CaptureParams) -> bool:
    """Whether poses are not to be read as COLMAP writes them."""
    return any(way is not None for way in (params.axes, params.poses, params.trajectory))


def _scale_note(told: ModelScale | None) -> str:
    if told is None:
        return NO_SCALE
    if told.is_metric:
        return f"the model is in metres, by the depth at {told.ratios} of its points"
    return (
        f"positions are multiplied by {told.metres:.4g}: so many metres is a unit of the model, by "
        f"the depth at {told.ratios} of its points"
    )


def _unit_note(own_maps: bool, units_per_m: float, params: CaptureParams) -> str:
    if own_maps:
        return "depth is COLMAP's own, in units of the model"
    if params.depth_scale is not None:
        return ""
    unit = "metres, as floats are" if units_per_m == 1 else "millimetres"
    return f"no unit of depth is told: {unit} (--depth-scale for others)"


def model_folders(path: Path) -> list[Path]:
    """Folders that hold files of a model: of the first of the places that has any."""
    for place in PLACES:
        folder = path / place
        above = folder.parent
        if folder.name == "0" and above.is_dir():
            parts = sorted(above.iterdir())
            there = [below for below in parts if below.name.isdecimal() and _holds_model(below)]
        else:
            there = [folder] if _holds_model(folder) else []
        if there:
            return there
    return [path] if _holds_model(path, least=2) else []


def _holds_model(folder: Path, least: int = 1) -> bool:
    return sum((folder / name).is_file() for name in (*_PARTS, *_POINTS)) >= least


def _largest_model(path: Path) -> tuple[Model, list[str]]:
    """The model with the most images, and what to tell about others."""
    folders = model_folders(path)
    expect(
        len(folders) > 0,
        given=f"{path} without a model",
        needed="cameras.bin and images.bin, or .txt, in sparse/0/ (COLMAP)",
        do="check the path",
        error=CaptureError,
    )
    models = [read_model(folder) for folder in folders]
    largest = max(models, key=lambda model: len(model.images))
    expect(
        len(largest.images) > 0,
        given=f"{largest.folder}, a model of no images",
        needed="images with poses",
        do="run the mapper again, or copy the whole model",
        error=CaptureError,
    )
    if len(models) == 1:
        return largest, []
    others = sum(len(model.images) for model in models) - len(largest.images)
    name = largest.folder.name
    return largest, [f"{len(models)} models: {name} is read, {others} images of others are not"]


def _root(path: Path, model: Path) -> Path:
    """The folder of images and depth; above the model where that is what was given."""
    if model != path:
        return path
    above = (path, *path.resolve().parents[:2])
    names = (*IMAGE_FOLDERS, *DEPTH_FOLDERS)
    return next((root for root in above if any((root / n).is_dir() for n in names)), path)


def _frames(root: Path, model: Model) -> tuple[dict[int, _Shown], list[str]]:
    """Images whose files are there, by number, and what to tell about others."""
    numbers = distinct_numbers(Path(image.name).stem for image in model.images.values())
    by_number = dict(zip(numbers or model.images, model.images.values(), strict=True))
    own = dict(zip(by_number, model.images, strict=True))
    folders = [root / name for name in IMAGE_FOLDERS if (root / name).is_dir()] or [root]
    colors: dict[int, Path] = {}
    for folder in folders:
        there = ((number, listed_file(folder, one.name)) for number, one in by_number.items())
        colors = {number: file for number, file in there if file is not None}
        if colors:
            break
    depths, where = depth_beside(root, colors)
    both = {
        n: _Shown(own[n], by_number[n], colors[n], depths[n]) for n in colors.keys() & depths.keys()
    }
    expect(
        len(both) > 0,
        given=f"{model.folder}, a COLMAP model of {len(by_number)} images, of which {len(colors)} "
        f"lie in {', '.join(f.name + '/' for f in folders)} and {len(depths)} have depth",
        needed=f"images/, and depth images of the same names in {', '.join(DEPTH_FOLDERS)}/",
        do="put the depth that was measured there, or let COLMAP make its own (patch_match_stereo)",
        error=CaptureError,
    )
    lacking = len(by_number) - len(colors), len(colors) - len(both)
    notes = [
        f"{count} images of the model are left out: their {what} is not there"
        for count, what in zip(lacking, ("file", "depth image"), strict=True)
        if count
    ]
    parents = {file.parent for file in colors.values()}
    extra = sum(len(images_in(p, (".jpg", ".jpeg", ".png"))) for p in parents) - len(colors)
    if extra > 0 and where != BESIDE:
        notes.append(f"{extra} images are not in the model: without a pose")
    if numbers is None:
        notes.append("names of images do not tell them apart: frames have the model's numbers")
    return both, notes


def _size_of(model: Model, shown: _Shown) -> Size:
    """The image size that an image's camera tells."""
    camera = model.cameras.get(shown.image.camera)
    if camera is None:
        raise CaptureError(
            f"given: {model.folder}, whose image {shown.image.name!r} is of camera "
            f"{shown.image.camera}, which is not there; needed: a whole model; do: export it again"
        )
    return camera.width, camera.height


def _cameras(model: Model, frames: dict[int, _Shown], size: Size) -> dict[int, FrameCameras]:
    """Camera and lens by the model's camera number, of those that frames use."""
    found = {}
    for number in sorted({shown.image.camera for shown in frames.values()}):
        camera, lens = model.cameras[number].read(size, f"{model.folder}, camera {number}")
        found[number] = FrameCameras(camera, camera, lens)
    return found


def _claims(path: Path) -> str | None:
    folders = model_folders(path) if path.is_dir() else []
    if not folders:
        return None
    inside = folders[0].relative_to(path).as_posix()
    there = next(name for name in (*_PARTS, *_POINTS) if (folders[0] / name).is_file())
    return there if inside == "." else f"{inside}/{there}"


READER = Reader(
    "a folder with images/, sparse/0/ and depth/ (a COLMAP model with depth)",
    _claims,
    lambda path, how: ColmapCapture(path, how.params),
)
