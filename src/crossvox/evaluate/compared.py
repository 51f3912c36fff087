"""Two surfaces and what rules ask of them: everything that rules share is made once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crossvox.core.checks import CaptureError, ParamsError, expect
from crossvox.core.frame import Frame
from crossvox.core.volume import Mesh, Score
from crossvox.evaluate.masks import Box, Mask, Seen
from crossvox.evaluate.rules import SAMPLES, Drawn, Rule
from crossvox.evaluate.sampling import MOST_POINTS, draw_points, expect_size, sample_surface
from crossvox.evaluate.seen_free import SeenFree
from crossvox.evaluate.trimmed import View, trimmed
from crossvox.metrics import FusedDistances, SurfaceDistances, fusion_scores, voxel_downsample
from crossvox.metrics.nearest import PointSet
from crossvox.metrics.surfaces import distances_between, threshold_scores
from crossvox.scene.tsdf.volume import TsdfVolume

Chosen = NDArray[np.bool_]

PREDICTED, REFERENCE, FUSED = "made", "true", "fused"

_OTHER_UNIT = 30.0
"""A surface that is larger by this factor has another unit, inches at least."""

_HOPELESS = 200_000
"""Points of a surface of another unit: nothing of it is near, however closely one looks."""


@dataclass(frozen=True)
class Way:
    """Which points of a surface are meant.

    Attributes:
        side: whose.
        drawn: how they are taken from it.
        thinned: whether they are thinned to 2 cm cells.
        trim_m: it is trimmed first, see :class:`Rule`.
    """

    side: str
    drawn: Drawn = "vertices"
    thinned: bool = False
    trim_m: float | None = None


class Compared:
    """A made and a true surface, and what stands beside them.

    Args:
        predicted: the made surface or points.
        reference: the true one.
        rules: what is going to be asked.
        box: only points in it are counted; None: all.
        mask: what the frames cannot have seen is left out.
        vertices: whether masks of the vertices themselves will be asked for.
        ratio: how many times as large as the true surface the made one is.
    """

    def __init__(
        self,
        predicted: Mesh,
        reference: Mesh,
        rules: Sequence[Rule],
        box: Box | None = None,
        mask: Mask = "none",
        *,
        vertices: bool = False,
        ratio: float = 1.0,
    ) -> None:
        self.remarks: list[str] = []
        self._meshes = {PREDICTED: predicted, REFERENCE: reference}
        self._rules, self._box, self._mask, self._vertices = rules, box, mask, vertices
        self._most = MOST_POINTS if 1 / _OTHER_UNIT < ratio < _OTHER_UNIT else _HOPELESS
        self._views: list[View] | None = None
        self._sets: dict[Way, PointSet] = {}
        self._distances: dict[tuple[Way, Way], SurfaceDistances] = {}
        self._seen: dict[Way, Chosen] = {}
        self._free: SeenFree | None = None

    def ways(self, rule: Rule) -> tuple[Way, Way]:
        """The made and the true points that a rule compares."""
        trim_m = None if self._views is None else rule.trim_m
        return (
            Way(PREDICTED, rule.predicted, rule.thinned, trim_m),
            Way(REFERENCE, rule.reference, rule.thinned),
        )

    def points(self, way: Way) -> PointSet:
        """Points of a surface, ready for questions about the nearest.

        Raises:
            ParamsError: it is too large for a room.
        """
        if way not in self._sets:
            mesh = self._meshes[way.side]
            if way.trim_m is not None and self._views is not None and len(mesh.faces):
                mesh = trimmed(mesh, self._views, way.trim_m)
            self._sets[way] = PointSet(_taken(mesh, way, self._most))
        return self._sets[way]

    def look(self, frames: Iterable[Frame]) -> None:
        """Go through the frames: fuse them, and find what they can have seen of the points.

        They are gone through a second time where trimmed surfaces are masked.

        Raises:
            CaptureError: none has a pose and depth.
        """
        self._views = []
        beside = [rule for rule in self._rules if rule.beside_fusion]
        self._free = SeenFree({one.name: self.points(self.ways(one)[0]).points for one in beside})
        masked = self._masked()
        early = self._watched(way for way in masked if way.trim_m is None)
        volume = TsdfVolume()
        for frame in frames:
            if frame.pose is None or frame.depth_m is None:
                continue
            self._views.append((frame.camera, frame.pose))
            early.add(frame)
            if beside:
                volume.integrate(frame)
                self._free.add(frame)
        expect(
            len(self._views) > 0,
            given="frames of which none has a pose and depth",
            needed="at least one that was fused",
            do="look at the capture with: crossvox info",
            error=CaptureError,
        )
        if beside:
            self._meshes[FUSED] = volume.mesh()
        self._seen.update(early.found())
        trims = [way for way in masked if way.trim_m is not None]
        if trims:
            late = self._watched(trims)
            for frame in frames:
                late.add(frame)
            self._seen.update(late.found())

    def scores(self, rule: Rule, thresholds_m: Sequence[float]) -> list[Score]:
        """Scores by one rule; adds what must be known of them to :attr:`remarks`.

        Raises:
            ParamsError: a surface is too large for a room, or nothing of the reference is counted.
        """
        made, true = self.ways(rule)
        self._remark(rule)
        kept = self._kept(rule, made), self._kept(rule, true)
        distances = _only(self._between(made, true), *kept)
        near = SurfaceDistances(
            np.minimum(distances.to_reference_m, rule.most_m),
            np.minimum(distances.to_predicted_m, rule.most_m),
        )
        scores = threshold_scores(near, thresholds_m, rule.name, inclusive=rule.inclusive)
        if rule.beside_fusion and self._free is not None:
            fused = Way(FUSED, rule.predicted, rule.thinned)
            beside = FusedDistances(
                self.points(made).distances_to(self.points(fused))[kept[0]],
                self.points(true).distances_to(self.points(fused))[kept[1]],
            )
            scores += fusion_scores(distances, beside, rule.name)
            scores += self._free.scores(rule.name, beside.unmeasured, rule.name, kept[0])
        return scores

    def kept_vertices(self, side: str) -> Chosen:
        """Which vertices of a surface are counted, by the box and the mask asked for."""
        way = Way(side)
        return self._in_box(way) & self._unmasked(
            way, side == REFERENCE and self._mask != "visible"
        )

    def _between(self, made: Way, true: Way) -> SurfaceDistances:
        key = made, true
        if key not in self._distances:
            self._distances[key] = distances_between(self.points(made), self.points(true))
        return self._distances[key]

    def _masked(self) -> set[Way]:
        """Points that are looked for in the frames."""
        found: set[Way] = set()
        for rule in self._rules:
            made, true = self.ways(rule)
            found |= {made} if rule.unmasked or self._mask != "none" else set()
            found |= {true} if self._mask == "visible" else set()
        if self._vertices:
            found |= {Way(PREDICTED)} if self._mask != "none" else set()
            found |= {Way(REFERENCE)} if self._mask == "visible" else set()
        return found

    def _watched(self, ways: Iterable[Way]) -> Seen[Way]:
        return Seen({way: self.points(way).points for way in ways})

    def _kept(self, rule: Rule, way: Way) -> Chosen:
        """Which points of one side a rule counts.

        Raises:
            ParamsError: none of the reference.
        """
        made = way.side == PREDICTED
        kept = self._in_box(way)
        if self._mask == "none" and rule.unmasked and made:
            seen = kept & self._unmasked(way, False)
            if seen.any() or not kept.any():
                return seen
            self.remarks.append(
                f"{rule.name}: no made point can have been seen by a frame, so all are counted"
            )
            return kept
        kept = kept & self._unmasked(way, not made and self._mask != "visible")
        asked = " and ".join(
            [*(["--crop"] if self._box else []), *(["--mask"] if self._mask != "none" else [])]
        )
        expect(
            made or bool(kept.any()),
            given=f"{asked}, which leave nothing of the reference",
            needed="some of it to measure against",
            do="look where the reference lies, and whether the frames are of its world",
            error=ParamsError,
        )
        if asked and not kept.all():
            self.remarks.append(
                f"{rule.name}: {kept.mean():.1%} of the {way.side} points are counted ({asked})"
            )
        return kept

    def _in_box(self, way: Way) -> Chosen:
        points = self.points(way).points
        return np.ones(len(points), bool) if self._box is None else self._box.holds(points)

    def _unmasked(self, way: Way, whole: bool) -> Chosen:
        """What the frames can have seen; all where nobody looked."""
        if whole or way not in self._seen:
            return np.ones(len(self.points(way)), bool)
        return self._seen[way]

    def _remark(self, rule: Rule) -> None:
        """What a rule would have done, had it the data."""
        if rule.trim_m is not None and self._views is None:
            self.remarks.append(
                f"{rule.name}: without --frames the made surface is not trimmed to what cameras "
                f"look at"
            )
        elif rule.trim_m is not None and not len(self._meshes[PREDICTED].faces):
            self.remarks.append(
                f"{rule.name}: points cannot be trimmed, they are taken as they are"
            )
        if rule.unmasked and self._views is None:
            self.remarks.append(
                f"{rule.name}: without --frames no made point is left out as hidden"
            )


def _taken(mesh: Mesh, way: Way, most: int) -> NDArray[np.float64]:
    """Points of a mesh, ``(N, 3)``; of a point cloud its own.

    Raises:
        ParamsError: it is too large for a room.
    """
    drawn = way.drawn if len(mesh.faces) else "vertices"
    # Where only area is measured, no vertex without a face counts.
    expect_size(mesh, vertices=drawn == "vertices")
    if drawn == "vertices":
        points = mesh.vertices_m.astype(np.float64)
    elif drawn == "even":
        points = sample_surface(mesh, most=most)
    else:
        points = draw_points(mesh, SAMPLES, seed=int(way.side == REFERENCE))
    return voxel_downsample(points) if way.thinned else points


def _only(distances: SurfaceDistances, made: Chosen, true: Chosen) -> SurfaceDistances:
    return SurfaceDistances(distances.to_reference_m[made], distances.to_predicted_m[true])
