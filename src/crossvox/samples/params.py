"""How samples are read and varied."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

from crossvox.core.camera import ImageFit, Intrinsics, Size
from crossvox.core.checks import ParamsError, expect
from crossvox.core.params import check_choices

LabelConvention = Literal["continuous40", "continuous20", "free0", "nyu40"]
"""What the numbers in ``y`` mean.

- ``continuous40``: what the published preparation writes. 0..39 are NYU40 ids 1..40; 40 is a free
  voxel, or an occupied one without annotation.
- ``continuous20``: its variant with 20 classes: 0..19 are the benchmark's classes in their order,
  20 is everything else. The published table sends the last six classes (NYU40 24, 28, 33, 34, 36
  and 39) to 20 as well; so does this one.
- ``free0``: what the published training and evaluation read. 0 is a free voxel, or an occupied one
  without annotation; 1..40 are NYU40 ids.
- ``nyu40``: what the published occupancy grids hold. -1 is a free voxel, 0 an occupied one without
  annotation, 1..40 are NYU40 ids.
"""


@dataclass(frozen=True)
class AugmentParams:
    """How training samples vary.

    Attributes:
        turn: turn sub-volumes about z by a random multiple of 90 degrees.
        brightness: colours are multiplied by up to 1 +- this.
        contrast: distances from the image's mean grey are multiplied by up to 1 +- this.
        saturation: distances from each pixel's grey are multiplied by up to 1 +- this.
        hue: hues turn by up to this share of the colour circle, either way.
        blur_share: share of the images that are blurred.
        blur_px: largest standard deviation of the blur, pixels.
        up: ``free`` also turns sub-volumes so that another axis points up, by any of the quarter
            turns that keep their shape: all 24 of a cube, 8 (upside down as well) of a box on a
            square, 4 of any other. What a network learns then holds without gravity. By default z
            stays up.

    Raises:
        ParamsError: a value makes no sense.
    """

    turn: bool = True
    brightness: float = 0.3
    contrast: float = 0.3
    saturation: float = 0.3
    hue: float = 0.03
    blur_share: float = 0.2
    blur_px: float = 1.5
    up: Literal["free"] | None = None

    def __post_init__(self) -> None:
        check_choices(self)
        amounts = (self.brightness, self.contrast, self.saturation)
        expect(
            all(0 <= amount <= 1 for amount in amounts) and 0 <= self.hue <= 0.5,
            given=f"brightness, contrast, saturation {amounts}, hue {self.hue}",
            needed="values from 0 to 1, hue up to 0.5",
            do="correct --augment.*",
            error=ParamsError,
        )
        expect(
            0 <= self.blur_share <= 1 and 0 <= self.blur_px < math.inf,
            given=f"blur of {self.blur_px} px for a share of {self.blur_share}",
            needed="a share from 0 to 1 and a blur of 0 or more",
            do="correct --augment.blur-share or --augment.blur-px",
            error=ParamsError,
        )

    @property
    def varies_images(self) -> bool:
        """Whether images are varied at all; sub-volumes may be turned all the same."""
        amounts = (self.brightness, self.contrast, self.saturation, self.hue)
        return any(amounts) or (self.blur_share > 0 and self.blur_px > 0)


@dataclass(frozen=True)
class InputParams:
    """What is shown of a scene's images, where that is not what they hold: controls.

    Which voxels a frame sees, and at which pixel, is never touched.

    Attributes:
        colors: ``grey`` drops colour: three equal channels of brightness (ITU-R BT.601).
        frames: ``wrong`` shows in each frame the image (and its labels) of the frame half a scan
            later, so that what is lifted is of the same room, and of the wrong place in it.
    """

    colors: Literal["grey"] | None = None
    frames: Literal["wrong"] | None = None

    def __post_init__(self) -> None:
        check_choices(self)


@dataclass(frozen=True)
class LabelParams:
    """How many of the training labels are used.

    What is drawn follows from the run's seed and the rooms' names, and is nested: rooms of a
    smaller share are among those of a larger one, and so are points.

    Attributes:
        share: share of the training rooms that are learnt from; at least one room is.
        points: labelled voxels of a room, drawn evenly over its annotated surface; 0: all. The
            rest of the surface then teaches where surface is, and not its class.
        half: only the ``first`` or the ``second`` half of the training rooms, which share none;
            the same for all seeds. A share is one of this half.

    Raises:
        ParamsError: a value makes no sense.
    """

    share: float = 1.0
    points: int = 0
    half: Literal["first", "second"] | None = None

    def __post_init__(self) -> None:
        check_choices(self)
        expect(
            0 < self.share <= 1 and self.points >= 0,
            given=f"a share of {self.share} of the rooms, {self.points} points a room",
            needed="a share above 0 up to 1, and 0 (all) or more points",
            do="correct --labels.share and --labels.points",
            error=ParamsError,
        )

    @property
    def all_rooms(self) -> bool:
        """Whether no room is left out."""
        return self.share == 1 and self.half is None


@dataclass(frozen=True)
class ImageParams:
    """At which size images are learnt from.

    Attributes:
        width, height: size in pixels. Images are resampled to this height and cropped to this
            width, in the middle. The published pipeline takes 328x256.
        resampling: of colours; ``smooth``, or ``nearest`` as the published pipeline does. Labels
            are always resampled by nearest neighbour.
        shown_height: height that whole images are brought to where they are labelled after
            training; None: ``height``. Training on enlarged cut-outs (``ImageAugmentParams``) makes
            things look larger than whole images do; showing these larger makes up for it (Touvron
            et al., Fixing the train-test resolution discrepancy, NeurIPS 2019), also where the
            images hold no more detail. Training does not depend on it.

    Raises:
        ParamsError: a size is not positive.
    """

    width: int = 320
    height: int = 240
    resampling: Literal["smooth", "nearest"] = "smooth"
    shown_height: int | None = None

    def __post_init__(self) -> None:
        check_choices(self)
        expect(
            self.width > 0 and self.height > 0,
            given=f"images of {self.width}x{self.height}",
            needed="a positive width and height",
            do="correct --images.width and --images.height",
            error=ParamsError,
        )
        expect(
            self.shown_height is None or self.shown_height >= self.height,
            given=f"images learnt at a height of {self.height}, shown at {self.shown_height}",
            needed="a height of at least that of learning",
            do="correct --images.shown-height",
            error=ParamsError,
        )

    @property
    def size(self) -> Size:
        """``(width, height)`` in pixels."""
        return self.width, self.height

    def fit_whole(self, source: Size, shown_height: int | None = None) -> ImageFit:
        """How an image of ``(width, height)`` is shown whole: it keeps its shape, uncropped.

        Args:
            source: its size.
            shown_height: instead of the one that the parameters name.
        """
        height = shown_height or self.shown_height or self.height
        size = round(self.width * height / self.height), height
        fit = ImageFit.centre_crop(source, size)
        return ImageFit(fit.source, fit.resized, 0, 0, fit.resized)


def shown_at(heights: tuple[int, ...]) -> tuple[int, ...] | None:
    """Heights that images are shown at, in pixels, ascending: the mean is the same; None for none.

    Raises:
        ParamsError: a height makes no sense, or stands twice.
    """
    expect(
        len(set(heights)) == len(heights) and all(32 <= height <= 4096 for height in heights),
        given=f"images shown at heights of {' '.join(map(str, heights))}",
        needed="different heights from 32 to 4096 pixels",
        do="correct --shown-heights",
        error=ParamsError,
    )
    return tuple(sorted(heights)) or None


@dataclass(frozen=True)
class DepthImageParams:
    """What the numbers of depth images in a folder mean: depth = (number + offset) / units_per_m.

    Attributes:
        units_per_m: stored units of a metre.
        offset: added to what is stored. Without one, 0 means that there is no reading.
        size: width and height of the image that ``focal`` and ``centre`` are told for, pixels.
        focal: focal lengths of the camera along x and y, pixels.
        centre: principal point, pixels; the middle of a pixel has whole coordinates.

    Raises:
        ParamsError: a number that makes no sense.
    """

    units_per_m: float = 1000.0
    offset: float = 0.0
    size: tuple[int, int] = (640, 480)
    focal: tuple[float, float] = (525.0, 525.0)
    centre: tuple[float, float] = (319.5, 239.5)

    def __post_init__(self) -> None:
        expect(
            0 < self.units_per_m < math.inf and 0 <= self.offset < math.inf,
            given=f"{self.units_per_m} units a metre, an offset of {self.offset}",
            needed="a positive number and one of 0 or more",
            do="correct --depth.*",
            error=ParamsError,
        )
        _ = self.camera  # checks the rest

    @property
    def camera(self) -> Intrinsics:
        """The camera."""
        return Intrinsics(*self.focal, *self.centre, *self.size)


@dataclass(frozen=True)
class ImageAugmentParams:
    """How training images vary.

    Attributes:
        flip_share: share of the images that are mirrored left to right.
        smallest, largest: images are scaled by a random factor between these, and cut or filled up
            (with unannotated grey) at a random place.
        stretch: width and height are scaled apart by up to 1 +- this.
        brightness: colours are multiplied by up to 1 +- this.
        contrast: distances from the image's mean grey are multiplied by up to 1 +- this.
        saturation: distances from each pixel's grey are multiplied by up to 1 +- this.
        hue: hues turn by up to this share of the colour circle, either way.
        blur_share: share of the images that are blurred.
        blur_px: largest standard deviation of the blur, pixels.
        depth_lost_share: share of the images whose depth is missing as a whole, of a network that
            reads depth.
        depth_holes_share: share of the others that lose depth in patches.
        height_m: heights are shifted by a random amount of this standard deviation, metres.

    Raises:
        ParamsError: a value makes no sense.
    """

    flip_share: float = 0.5
    smallest: float = 0.75
    largest: float = 1.75
    stretch: float = 0.1
    brightness: float = 0.3
    contrast: float = 0.3
    saturation: float = 0.3
    hue: float = 0.03
    blur_share: float = 0.2
    blur_px: float = 1.5
    depth_lost_share: float = 0.2
    depth_holes_share: float = 0.3
    height_m: float = 0.15

    def __post_init__(self) -> None:
        expect(
            0 <= self.depth_lost_share <= 1
            and 0 <= self.depth_holes_share <= 1
            and 0 <= self.height_m < 10,
            given=f"depth_lost_share={self.depth_lost_share}, "
            f"depth_holes_share={self.depth_holes_share}, height_m={self.height_m}",
            needed="shares from 0 to 1, a deviation of 0 m or more",
            do="correct --augment.*",
            error=ParamsError,
        )
        expect(
            0 <= self.flip_share <= 1
            and 0.1 <= self.smallest <= self.largest <= 10
            and 0 <= self.stretch < 0.5,
            given=f"flip_share={self.flip_share}, scales from {self.smallest} to {self.largest}, "
            f"stretch={self.stretch}",
            needed="a share from 0 to 1, rising scales from 0.1 to 10, a stretch below 0.5",
            do="correct --augment.*",
            error=ParamsError,
        )
        _ = self.colors  # checks the rest

    @property
    def colors(self) -> AugmentParams:
        """The part of the variation that changes colours alone."""
        return AugmentParams(
            turn=False,
            brightness=self.brightness,
            contrast=self.contrast,
            saturation=self.saturation,
            hue=self.hue,
            blur_share=self.blur_share,
            blur_px=self.blur_px,
        )


@dataclass(frozen=True)
class SparseParams:
    """How a scene's frames are thinned out and spoilt for one sample of surface completion.

    Attributes:
        width: image width that depth is kept at for training, pixels (every n-th pixel is taken).
        fewest, most: frames of a sample, drawn evenly in the logarithm between these.
        runs: share of the samples whose frames follow one another, or every n-th of them, as in a
            short walk; the others are drawn from anywhere.
        shape: voxels of a sample along x, y, z.
        turn: turn and mirror samples at random (z stays up).
        pose_shift_m, pose_turn_deg: largest standard deviation of the error of each pose.
        drift_m: largest error of poses that builds up along a scan.
        noisy: share of the samples with wrong poses; of those with depth spoilt otherwise, too.
        scale: largest relative error of a sensor's depth, standard deviation over samples.
        dropped: largest share of the readings that are lost in patches.
        smooth_share: share of the samples whose depth is that of a small LiDAR: a quarter of the
            pixels, filled up smoothly.

    Raises:
        ParamsError: a value makes no sense.
    """

    width: int = 160
    fewest: int = 2
    most: int = 150
    runs: float = 0.5
    shape: tuple[int, int, int] = (80, 80, 64)
    turn: bool = True
    pose_shift_m: float = 0.012
    pose_turn_deg: float = 0.4
    drift_m: float = 0.04
    noisy: float = 0.5
    scale: float = 0.006
    dropped: float = 0.3
    smooth_share: float = 0.2

    def __post_init__(self) -> None:
        expect(
            1 <= self.fewest <= self.most and self.width >= 16,
            given=f"{self.fewest} to {self.most} frames of {self.width} pixels a row",
            needed="at least one frame, a rising range, and 16 pixels",
            do="correct --sparse.*",
            error=ParamsError,
        )
        expect(
            all(8 <= size <= 512 for size in self.shape),
            given=f"samples of {self.shape} voxels",
            needed="8 to 512 voxels along each axis",
            do="correct --sparse.shape",
            error=ParamsError,
        )
        shares = (self.runs, self.noisy, self.dropped, self.smooth_share)
        errors = (self.pose_shift_m, self.pose_turn_deg, self.drift_m, self.scale)
        expect(
            all(0 <= share <= 1 for share in shares)
            and all(0 <= error < math.inf for error in errors),
            given=f"shares {shares}, errors {errors}",
            needed="shares from 0 to 1 and errors of 0 or more",
            do="correct --sparse.*",
            error=ParamsError,
        )


@dataclass(frozen=True)
class SaidParams:
    """What is kept of a scene's frames.

    Attributes:
        frames: most frames, evenly chosen.
        width: image width that depth is kept at, pixels (every n-th pixel is taken).
    """

    frames: int = 60
    width: int = 160


@dataclass(frozen=True)
class SpoilParams:
    """How what an image network says is spoilt, and what is learnt from of a room.

    Attributes:
        frames: how frames are drawn, poses and depth spoilt; of its shape nothing is used.
        voxels: annotated voxels that are learnt from, of one sample; 0: all.
        temperature: probabilities are raised to a power whose logarithm has this standard
            deviation, another one a sample.
        silent: share of the frames that say nothing.
        confused: share of the samples in which some classes are taken for others.
        confusion: largest share of a class that goes to another.
        hidden: largest share of the surface that no frame labels which is left out of a sample, in
            patches: a completed surface holds a part of it.

    Raises:
        ParamsError: a value makes no sense.
    """

    frames: SparseParams = field(default_factory=lambda: SparseParams(fewest=1, most=40))
    voxels: int = 800
    temperature: float = 0.2
    silent: float = 0.1
    confused: float = 0.3
    confusion: float = 0.4
    hidden: float = 1.0

    def __post_init__(self) -> None:
        shares = (self.silent, self.confused, self.confusion, self.hidden)
        expect(
            all(0 <= share <= 1 for share in shares)
            and 0 <= self.temperature <= 2
            and self.voxels >= 0,
            given=f"shares {shares}, temperature {self.temperature}, {self.voxels} voxels",
            needed="shares from 0 to 1, a temperature of at most 2, a number of voxels",
            do="correct --spoil.*",
            error=ParamsError,
        )
