"""Colour of recordings that lies in a video, or in a folder of images written from it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from crossvox.capture.cameras import camera_or_error
from crossvox.capture.files import check_color_header, first_size
from crossvox.core.camera import Intrinsics, Size
from crossvox.core.checks import CaptureError, expect
from crossvox.doors.images import decode_color, read_bytes
from crossvox.doors.video import VideoFacts, read_video_frame, video_facts

ENDINGS = (".png", ".jpeg", ".jpg")
"""Of images; the last is taken where a frame has several."""

RECORDED: Size = (1920, 1440)
"""Size of the images that phones record with depth, and tell their cameras for."""

_OFF_CENTRE = 0.1


@dataclass(frozen=True)
class ColorFrames:
    """Colour images by frame number.

    Attributes:
        video: the video, or None where there are images.
        images: files by number; none where there is a video.
        facts: of the video; ``frames`` and size of images.
    """

    video: Path | None
    images: Mapping[int, Path]
    facts: VideoFacts

    @property
    def size(self) -> Size:
        """Of the images as stored."""
        return self.facts.size

    def __contains__(self, number: int) -> bool:
        if self.video is not None:
            return 0 <= number < self.facts.frames
        return number in self.images

    def path(self, number: int) -> Path:
        """The file that a frame's colour lies in."""
        return self.images[number] if self.video is None else self.video

    def data(self, number: int) -> bytes:
        """The encoded image; empty where it lies in a video."""
        return read_bytes(self.images[number]) if self.video is None else b""

    def pixels(self, number: int, at_least: Size | None) -> NDArray[np.uint8]:
        """The image ``(H, W, 3)`` RGB; may be smaller than stored, but not than ``at_least``.

        Raises:
            CaptureError: it cannot be read, or has another size than the first.
        """
        if self.video is not None:
            pixels = read_video_frame(self.video, number)
            height, width = pixels.shape[:2]
            _expect_size((width, height), self.size, f"{self.video}, frame {number}")
            return pixels
        data, source = self.data(number), str(self.images[number])
        check_color_header(data, source, self.size)
        return decode_color(data, source, at_least=at_least)

    def notes(self) -> list[str]:
        """What a user should know."""
        if self.video is None or not self.facts.turned_deg:
            return []
        return [
            f"{self.video.name} is to be shown turned by {self.facts.turned_deg} degrees; its "
            "pixels are taken as they are stored, since depth is"
        ]


def find_color(
    videos: Iterable[Path], images: Mapping[int, Path], needed: str
) -> ColorFrames:  # fmt: skip
    """The first video that there is, or else the images.

    Args:
        videos: paths that are looked at in turn.
        images: files by frame number.
        needed: for the error text where there is neither.

    Raises:
        CaptureError: there is neither, or it cannot be read.
    """
    there = list(videos)
    video = next((path for path in there if path.is_file()), None)
    if video is not None:
        return ColorFrames(video, {}, video_facts(video))
    expect(
        bool(images),
        given=f"{there[0].parent} without {there[0].name} and without images: nothing with colour",
        needed=needed,
        do="copy the whole recording; its video is a file of its own",
        error=CaptureError,
    )
    size = first_size((images[number] for number in sorted(images)), "color")
    return ColorFrames(None, images, VideoFacts(size, len(images), 0))


def expect_one_way(color: ColorFrames, depth_size: Size, source: str) -> None:
    """Refuse colour that was turned on its side while depth was not.

    Raises:
        CaptureError: one is upright, the other is not.
    """
    width, height = color.size
    expect(
        (width - height) * (depth_size[0] - depth_size[1]) >= 0,
        given=f"{source} with colour of {width}x{height} and depth of "
        f"{depth_size[0]}x{depth_size[1]} pixels",
        needed="colour as the device recorded it, not turned",
        do="copy the original video: a program that converts videos turns their images",
        error=CaptureError,
    )


def camera_for(values: NDArray[np.float64], size: Size, source: str) -> Intrinsics:
    """The camera of images of ``size``, out of one that is told for images of another.

    The size that it is told for is not in the file: it is that of the images if the centre fits
    them, and else what phones record.

    Raises:
        CaptureError: it fits neither.
    """
    fx, fy, cx, cy = (float(value) for value in values)
    fits = all(
        abs(centre / side - 0.5) < _OFF_CENTRE for centre, side in ((cx, size[0]), (cy, size[1]))
    )
    same_shape = abs(size[0] * RECORDED[1] - size[1] * RECORDED[0]) <= RECORDED[0]
    if fits or not same_shape:
        return camera_or_error((fx, fy, cx, cy), size, source)
    told = camera_or_error((fx, fy, cx, cy), RECORDED, source)
    return told.resized(size)


def _expect_size(found: Size, expected: Size, source: str) -> None:
    expect(
        found == expected,
        given=f"{source} of {found[0]}x{found[1]} pixels",
        needed=f"{expected[0]}x{expected[1]}, the colour camera's size",
        do="check that the video is that of this recording",
        error=CaptureError,
    )
