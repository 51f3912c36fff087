"""Labelled depth images without poses to prepared scenes of one view each."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from crossvox.core.checks import ParamsError, expect
from crossvox.flow.jobs import Outcome
from crossvox.flow.runner import Runner, Work
from crossvox.flow.stage import Collection, Input, Stage
from crossvox.recipes.commands import Flag
from crossvox.recipes.data import enter_scenes


@dataclass(frozen=True)
class SingleViewParams:
    """How labelled depth images become scenes.

    Attributes:
        width, height: size of the images that are written, pixels.
        voxel_m: edge of the voxels that carry occupancy and labels.
        label_distance_m: a voxel takes the label of the nearest reading if it is nearer.
        far_m: readings beyond this are left out, metres.
        depth_scale: what a stored unit of depth is, metres.
        depth_offset: added to what is stored before that. Where it is 0, so is no reading; else
            every value is one.
        validation_share: share of the images that is held out, runs of neighbours together.

    Raises:
        ParamsError: a value makes no sense.
    """

    width: int = 320
    height: int = 240
    voxel_m: float = 0.05
    label_distance_m: float = 0.1
    far_m: float = 4.0
    depth_scale: float = 0.001
    depth_offset: float = 0.0
    validation_share: float = 0.2

    def __post_init__(self) -> None:
        lengths = (self.voxel_m, self.label_distance_m, self.far_m, self.depth_scale)
        expect(
            self.width >= 16
            and self.height >= 16
            and all(0 < length < math.inf for length in lengths)
            and math.isfinite(self.depth_offset)
            and 0 < self.validation_share < 1,
            given=f"images of {self.width}x{self.height}, voxels of {self.voxel_m} m, labels "
            f"within {self.label_distance_m} m, readings to {self.far_m} m, depth of "
            f"{self.depth_scale} m a unit after {self.depth_offset}, a share of "
            f"{self.validation_share} held out",
            needed="16 pixels or more, positive lengths, a share between 0 and 1",
            do="correct the flag",
            error=ParamsError,
        )


@dataclass(frozen=True)
class SingleViews(Collection):
    """What all scenes of one view in a data folder have in common."""

    NAME = "single-views"
    NUMBERS = 2

    params: SingleViewParams
    camera: tuple[float, float, float, float]


@dataclass(frozen=True)
class SingleView(Stage):
    """One labelled depth image to a prepared scene.

    Attributes:
        image, labels, depth: its files.
        scene: its name.
        camera: fx, fy, cx, cy in pixels of the colour image.
        params: see :class:`SingleViewParams`.
    """

    NAME = "single-view"
    NUMBERS = 2

    image: Input
    labels: Input
    depth: Input
    scene: str
    camera: tuple[float, float, float, float]
    params: SingleViewParams

    def make(self, work: Work) -> Mapping[str, Any]:
        """See :func:`crossvox.recipes.single_view_scene.single_view_scene`."""
        from crossvox.recipes.single_view_scene import single_view_scene

        return single_view_scene(self, work)


@dataclass(frozen=True)
class SingleViewsReport:
    """What became of all images.

    Attributes:
        scenes: outcome of each, sorted by name.
        splits: scenes by split.
    """

    scenes: tuple[Outcome, ...]
    splits: Mapping[str, tuple[str, ...]]

    @property
    def failed(self) -> tuple[Outcome, ...]:
        """Images that show no surface, or cannot be read."""
        return tuple(scene for scene in self.scenes if scene.status == "failed")


def single_views(
    images: Path,
    labels: Path,
    depth: Path,
    out: Path,
    params: SingleViewParams | None = None,
    *,
    camera: Annotated[str, Flag("intrinsics")] = "",
    prefix: str = "view",
    workers: int = 1,
    runner: Runner | None = None,
) -> SingleViewsReport:
    """Labelled depth images without poses to prepared scenes of one view each.

    The room is levelled by its own planes, and the true labels are lifted into its voxels. What
    labels rooms in 3D can so be trained and scored on real images. Scenes are called PREFIX_NAME.

    Args:
        images: folder of colour images.
        labels: folder of label images of the same names, 8-bit PNG with NYU40 ids.
        depth: folder of depth images of the same names, of the colour images' shape.
        out: folder that receives one folder a scene, train.txt and val.txt.
        params: sizes, unit of depth, voxels.
        camera: FX,FY,CX,CY in pixels of the colour images (of mirrored ones: mirrored).
        prefix: what names of scenes begin with.
        workers: images at once; 0 means one a core.
        runner: who makes the scenes.

    Raises:
        CaptureError: the folders hold no images of the same names, or labels that are no NYU40 ids.
        ParamsError: the camera is not told.
    """
    from crossvox.capture.params import CaptureParams
    from crossvox.recipes.predict2d import expect_nyu40_labels
    from crossvox.samples.pairs import folder_pairs, natural, split_pairs

    params, runner = params or SingleViewParams(), runner or Runner()
    values = CaptureParams(intrinsics=camera or None).camera_values()
    expect(
        values is not None,
        given=f"--intrinsics {camera!r}",
        needed="FX,FY,CX,CY in pixels of the colour images",
        do="pass four numbers",
        error=ParamsError,
    )
    assert values is not None
    expect_nyu40_labels(labels)
    pairs = folder_pairs(images, labels).pairs
    depths = {path.stem: path for path in depth.glob("*.png")}
    pairs = tuple(pair for pair in pairs if pair.name in depths)
    _, held_out = split_pairs(pairs, params.validation_share)
    digits = max(len(pair.name) for pair in pairs)
    names = {pair.name: f"{prefix}_{pair.name.zfill(digits)}" for pair in pairs}
    validation = {names[pair.name] for pair in held_out}
    items = {
        names[pair.name]: SingleView(
            Input.files(pair.image),
            Input.files(pair.labels),
            Input.files(depths[pair.name]),
            names[pair.name],
            values,
            params,
        )
        for pair in sorted(pairs, key=lambda pair: natural(pair.name))
    }
    made = runner.make_all(
        SingleViews(params, values),
        items,
        out,
        workers=workers,
        notes=enter_scenes(out, lambda name: "val" if name in validation else "train"),
    )
    splits = {split: tuple(found) for split, found in made.manifest.notes["splits"].items()}
    return SingleViewsReport(made.outcomes, splits)
