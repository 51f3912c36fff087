"""What ``crossvox info`` tells about a capture."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from crossvox.capture.outliers import Usable, usable_frames
from crossvox.core.camera import Intrinsics
from crossvox.core.checks import CaptureError, PoseError
from crossvox.core.frame import Capture, CaptureInfo, Parts
from crossvox.core.labels import NYU40, UNANNOTATED
from crossvox.core.threads import in_order

SAMPLE = 32
"""Frames decoded unless all are asked for, evenly spread over the capture."""


@dataclass(frozen=True)
class LabelShare:
    """How much of the labelled frames' pixels one class covers.

    Attributes:
        id, name: NYU40 id and name.
        share: of all pixels of the decoded label images.
    """

    id: int
    name: str
    share: float


@dataclass(frozen=True)
class CaptureSummary:
    """A capture in numbers. Poses are checked for all frames, images for ``decoded`` of them.

    Attributes:
        name: scene name.
        info: format, cameras, registration, companions, notes.
        camera: camera of the delivered frames at the capture's own size.
        frames: frames in the capture.
        first_id, last_id: smallest and largest frame number.
        decoded: frames whose images were decoded for the numbers below.
        lost_poses: frames whose tracking was lost.
        depth_min_m, depth_max_m: smallest and largest reading as stored; NaN if there is none.
        depth_missing: share of depth pixels without a reading; NaN if nothing decoded.
        depth_left_out: share of depth pixels that are left out, since the device itself has too
            little confidence in them; NaN if nothing decoded.
        labels: classes present, largest first; unannotated included.
        without_labels: frames that have no label image, in a capture that has any.
        unknown_raw_ids: pixels by raw label id that the class map lacks.
        broken: frames that cannot be read: number and error text.
    """

    name: str
    info: CaptureInfo
    camera: Intrinsics
    frames: int
    first_id: int
    last_id: int
    decoded: int
    lost_poses: tuple[int, ...]
    depth_min_m: float
    depth_max_m: float
    depth_missing: float
    depth_left_out: float
    labels: tuple[LabelShare, ...]
    without_labels: tuple[int, ...]
    unknown_raw_ids: dict[int, int]
    broken: tuple[tuple[int, str], ...]


@dataclass(eq=False)
class _Seen:
    """What was found in one frame's images, or in those of several together."""

    readings: int = 0
    pixels: int = 0
    left_out: int = 0
    nearest_m: float = np.inf
    farthest_m: float = -np.inf
    labels: Counter[int] = field(default_factory=Counter)
    unknown: dict[int, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def add(self, other: _Seen) -> None:
        """Count what another frame shows as well, but for its problems."""
        self.readings += other.readings
        self.pixels += other.pixels
        self.left_out += other.left_out
        self.nearest_m = min(self.nearest_m, other.nearest_m)
        self.farthest_m = max(self.farthest_m, other.farthest_m)
        self.labels.update(other.labels)
        self.unknown = dict(Counter(self.unknown) + Counter(other.unknown))


def describe(
    capture: Capture,
    progress: Callable[[int, int], None] | None = None,
    *,
    every_frame: bool = False,
) -> CaptureSummary:
    """Look through a capture.

    Args:
        capture: what to look at.
        progress: called with frames decoded and frames to decode.
        every_frame: decode all frames' images instead of :data:`SAMPLE` of them.

    Returns:
        Numbers and problems; broken frames are listed, not raised.
    """
    count, info = len(capture), capture.info()
    ids = capture.frame_ids
    usable = usable_frames(capture)
    broken = {number: [reason] for number, reason in usable.left_out.items()}
    chosen = np.arange(count)
    if not every_frame and count > SAMPLE:
        chosen = np.unique(np.linspace(0, count - 1, SAMPLE).round().astype(int))
    with_labels = info.has_labels and info.label_map
    total = _Seen()
    look = partial(_look, capture, with_labels=with_labels)
    with closing(in_order(look, chosen.tolist())) as found:
        for done, (index, seen) in enumerate(zip(chosen.tolist(), found, strict=True), start=1):
            total.add(seen)
            for problem in seen.problems:
                if problem not in broken.setdefault(ids[index], []):
                    broken[ids[index]].append(problem)
            if progress is not None:
                progress(done, len(chosen))
    annotated = sum(total.labels.values())
    return CaptureSummary(
        name=capture.name,
        info=replace(info, notes=(*info.notes, *_unit_notes(usable))),
        camera=capture.camera(),
        frames=count,
        first_id=ids[0],
        last_id=ids[-1],
        decoded=len(chosen),
        lost_poses=usable.lost,
        depth_min_m=total.nearest_m if total.readings else float("nan"),
        depth_max_m=total.farthest_m if total.readings else float("nan"),
        depth_missing=_share(total.pixels - total.readings - total.left_out, total.pixels),
        depth_left_out=_share(total.left_out, total.pixels),
        labels=tuple(
            LabelShare(label, NYU40.names[label], pixels / annotated)
            for label, pixels in total.labels.most_common()
        ),
        without_labels=info.without_labels,
        unknown_raw_ids=dict(sorted(total.unknown.items())),
        broken=tuple((number, "; ".join(texts)) for number, texts in sorted(broken.items())),
    )


def _unit_notes(usable: Usable) -> list[str]:
    if usable.in_metres:
        return []
    return [
        f"cameras stand up to {usable.widest_m:,.0f} m apart: are their positions in millimetres?"
    ]


def _share(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")


def _look(capture: Capture, index: int, with_labels: bool) -> _Seen:
    """Decode one frame's images, depth of captures in files as stored."""
    seen = _Seen()
    for look in (_look_color, _look_depth) + ((_look_labels,) if with_labels else ()):
        try:
            look(capture, index, seen)
        except (CaptureError, PoseError) as error:
            if str(error) not in seen.problems:
                seen.problems.append(str(error))
    return seen


def _look_color(capture: Capture, index: int, seen: _Seen) -> None:
    width, height = capture.camera().size
    # A JPEG shows its damage at any scale, and an eighth is the fastest.
    small = max(1, width // 8), max(1, height // 8)
    capture.frame(index, small, Parts(depth=False, labels=False))


def _look_depth(capture: Capture, index: int, seen: _Seen) -> None:
    parts = Parts(rgb=False, depth=False, labels=False, stored=True)
    stored = capture.frame(index, None, parts).stored
    if stored is not None and stored.read_depth is not None:
        _count_depth(stored.read_depth(), stored.units_per_m, seen)
        seen.left_out = 0 if stored.count_left_out is None else stored.count_left_out()
        return
    depth_m = capture.frame(index, None, Parts(rgb=False, labels=False)).depth_m
    if depth_m is not None:
        _count_depth(depth_m, 1.0, seen)


def _look_labels(capture: Capture, index: int, seen: _Seen) -> None:
    frame = capture.frame(index, None, Parts(rgb=False, depth=False, stored=True))
    if frame.stored is not None:
        seen.unknown = dict(frame.stored.unknown_ids)
    if frame.labels is not None:
        _count_labels(frame.labels, seen)


def _count_depth(depth: np.ndarray, units_per_m: float, seen: _Seen) -> None:
    readings = depth[depth > 0]
    seen.pixels, seen.readings = depth.size, readings.size
    if readings.size:
        seen.nearest_m = float(readings.min()) / units_per_m
        seen.farthest_m = float(readings.max()) / units_per_m


def _count_labels(labels: np.ndarray, seen: _Seen) -> None:
    counts = np.bincount(labels.ravel(), minlength=UNANNOTATED + 1)
    seen.labels.update({int(label): int(counts[label]) for label in np.flatnonzero(counts)})
