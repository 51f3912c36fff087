"""What frames tell of each other: conventions, focal length, scale, lag, or rubble."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.capture.doctor.agreement import Agreement, of_sample
from crossvox.capture.doctor.conventions import Fit, best_fit
from crossvox.capture.doctor.findings import Finding, Severity
from crossvox.capture.doctor.plain import PLACES, fits_plainly
from crossvox.capture.doctor.sample import (
    ANCHORS,
    Sample,
    Trail,
    apart,
    choose_pairs,
    take_sample,
    values,
)
from crossvox.capture.doctor.tune import Tuned, tune_focal, tune_lag
from crossvox.capture.doctor.variants import shifted
from crossvox.core.camera import Intrinsics
from crossvox.core.frame import Capture

Array = NDArray[Any]

STILL = 0.06
"""Frames that differ by less than this look alike: nothing can be told from them."""

RUBBLE = 0.35
"""Where less than this share of what is seen twice lies within 5 cm or 3 % of depth, frames
contradict each other."""

POOR = 0.6
"""The same for a doubt."""

MILD = 0.75
"""Where more than this agrees, a wrong focal length, scale or number does not make rubble."""

SPARSE = 2e-3
"""Share of pixels with a reading below which there is no depth at all."""

WRONG_SIZE = 0.2
"""Beyond this factor (its logarithm) a room of another size comes out: no mild matter."""

_MILD_KINDS = ("focal", "camera", "depth", "scale", "numbering")

FOCAL, SCALE, LAG = 0.045, 0.09, 0.6
"""Deviations (shares; places in the list of frames) that are told: of a phone's LiDAR, 3 % of focal
length and 6 % of scale are usual."""

SURE = 0.95


@dataclass(frozen=True)
class GeometryCheck:
    """What was found.

    Attributes:
        agreement: as the capture takes itself; None where there are no two frames with poses.
        findings: in words.
        cured: agreement if what is found were mended; None where nothing is.
    """

    agreement: Agreement | None
    findings: tuple[Finding, ...]
    cured: Agreement | None = None


def check_geometry(
    capture: Capture, trail: Trail, wrong: dict[int, str], *, plainly: bool = False
) -> GeometryCheck:
    """Hold frames against each other, and find out why they do not agree if they do not.

    Args:
        capture: as its files have it.
        trail: its poses.
        wrong: positions of poses that are known to be wrong.
        plainly: seek nothing else where frames agree plainly, see
            :mod:`crossvox.capture.doctor.plain`.
    """
    trail = _without(trail, wrong)
    poses = trail.delivered
    pairs = choose_pairs(poses, ANCHORS)
    if not len(pairs):
        return GeometryCheck(None, ())
    sample = take_sample(capture, pairs)
    if not len(sample.pairs) or not sample.counts.any():
        return GeometryCheck(None, (_without_depth(sample),))
    found = of_sample(sample, poses, capture.frame_ids)
    usual = sample.losses(sample.moves(poses))
    if len(trail.unreadable) > len(trail) / 2:
        usual = np.ones_like(usual)  # as the capture takes itself there is no pose at all
    unread = _unreadable(capture, sample)
    if found.still_loss < STILL:
        text = "the frames that were compared look alike: nothing can be told of the poses"
        return GeometryCheck(found, (*unread, Finding("still", "note", text)))
    others = (shifted(poses, places) for places in PLACES)
    if plainly and not trail.unreadable and fits_plainly(sample, poses, others):
        return GeometryCheck(found, unread)
    fit = best_fit(trail, sample, usual, capture.info().units_per_m, _other_cameras(capture))
    if fit is not None:
        cured = _cured(capture, fit)
        agree = _agreeing(sample, poses)
        finding = _misread(capture, sample, found, fit, cured, mild=agree > MILD)
        return GeometryCheck(found, (*unread, finding), cured)
    rubble = _rubble(sample, poses, found)
    if rubble is not None:
        return GeometryCheck(found, (*unread, rubble))
    return GeometryCheck(found, (*unread, *_tuned(capture, sample, poses)))


def _without(trail: Trail, wrong: dict[int, str]) -> Trail:
    from dataclasses import replace

    stored = trail.stored.copy()
    stored[list(wrong)] = np.nan
    return replace(trail, stored=stored)


def _without_depth(sample: Sample) -> Finding:
    if sample.unreadable:
        first = next(iter(sample.unreadable.values()))
        text = f"no two frames can be read, for example: {first}"
        return Finding("unreadable", "fault", text, "repair or copy the files again")
    if (sample.depths > 0).mean() > SPARSE:
        text = "depth is too sparse or too rough for frames to be held against each other"
        return Finding("no-depth", "doubt", text, "check the depth images and --confidence")
    text = "the depth images hold next to no readings"
    return Finding("no-depth", "fault", text, "check the depth images and --confidence")


def _other_cameras(capture: Capture) -> dict[str, NDArray[np.float64]]:
    """The depth camera for the colour camera's images and the other way round."""
    info, camera = capture.info(), capture.camera()
    color, depth = info.color_camera, info.depth_camera
    found = {}
    # Depth is delivered on the colour camera's pixels; had it been read by the other's numbers ...
    swapped = _replaced(color, depth)
    if abs(swapped.fx / color.fx - 1) > 0.03:
        found["the other camera: colour and depth are swapped"] = values(swapped)
    del camera
    return found


def _replaced(color: Intrinsics, depth: Intrinsics) -> Intrinsics:
    """Numbers of the depth camera as they stand, for images of the colour camera's size."""
    from dataclasses import replace

    return replace(depth, width=color.width, height=color.height)


def _cured(capture: Capture, fit: Fit) -> Agreement | None:
    """How well frames would agree, from pairs chosen anew by the poses that fit."""
    variant = fit.variant
    if variant.camera is not None or variant.along_ray:
        return None
    pairs = choose_pairs(variant.poses, ANCHORS)
    if not len(pairs):
        return None
    return of_sample(take_sample(capture, pairs), variant.poses, capture.frame_ids)


def _misread(
    capture: Capture,
    sample: Sample,
    found: Agreement,
    fit: Fit,
    cured: Agreement | None,
    *,
    mild: bool,
) -> Finding:
    variant = fit.variant
    kind, is_so, do, flag = variant.kind, variant.is_so, variant.do, variant.flag
    number = None
    if variant.kind in ("focal", "camera") and variant.camera is not None:
        full = _full_size(capture, sample, variant.camera)
        numbers = ",".join(f"{value:.6g}" for value in full)
        if variant.kind == "focal":
            number = float(full[0])
            is_so = (
                f"the focal length is wrong: {capture.camera().fx:.1f} px, and {number:.1f} fits"
            )
        flag = f"--intrinsics {numbers}"
        do = f"pass {flag}"
    after = "" if cured is None else f"; then they agree within {_cm(cured.median_m)}"
    mild = mild and kind in _MILD_KINDS and abs(np.log(variant.factor)) < WRONG_SIZE
    how = "agree less than they could" if mild else "contradict each other"
    share = "" if not np.isfinite(found.within) else f", {found.within:.0%} within 5 cm"
    off = f"{_cm(found.median_m)} apart" if np.isfinite(found.median_m) else _cm(found.median_m)
    text = f"frames {how} ({off}{share}): {is_so}{after}"
    return Finding(kind, "doubt" if mild else "fault", text, do, flag, number, fit.surety)


def _unreadable(capture: Capture, sample: Sample) -> tuple[Finding, ...]:
    bad, count = sample.unreadable, len(sample.unreadable) + len(sample.positions)
    if not bad:
        return ()
    first = next(iter(sorted(bad)))
    text = f"{len(bad)} of {count} frames that were looked at cannot be read: {bad[first]}"
    ids = tuple(capture.frame_ids[i] for i in sorted(bad))
    severity: Severity = "doubt" if len(bad) > 0.05 * count else "note"
    advice = "repair them: they are left out"
    return (Finding("unreadable", severity, text, advice, number=len(bad) / count, frames=ids),)


def _full_size(capture: Capture, sample: Sample, camera: Array) -> NDArray[np.float64]:
    """Numbers of a camera of the sample's images, for the colour images as they are."""
    fx, fy, cx, cy = np.abs(camera)
    at_sample = Intrinsics(fx, fy, cx, cy, *sample.camera.size)
    return values(at_sample.resized(capture.camera().size))


def _rubble(sample: Sample, poses: Array, found: Agreement) -> Finding | None:
    agree = _agreeing(sample, poses)
    no_better = found.loss > 0.9 * found.still_loss and found.loss > 0.4
    if agree >= POOR and not no_better:
        return None
    severity: Severity = "fault" if agree < RUBBLE or no_better else "doubt"
    how = (
        "frames contradict each other, and no usual convention cures it"
        if severity == "fault"
        else "frames agree poorly with each other"
    )
    text = (
        f"{how}: {_cm(found.median_m)} apart, {found.within:.0%} within 5 cm (the same frames "
        f"without any poses: {_cm(found.still_m)})"
    )
    return Finding(
        "contradiction",
        severity,
        text,
        "check which poses belong to which images, whether tracking was lost, and the depth unit",
        number=found.median_m,
    )


def _agreeing(sample: Sample, poses: Array) -> float:
    """Share of what is seen twice that lies within 5 cm or 3 % of depth; 0 where nothing is."""
    off, there = sample.compared(sample.moves(poses))
    seen = np.isfinite(off)
    good = seen & (np.abs(off) < np.maximum(0.05, 0.03 * there))
    return float(good.sum() / seen.sum()) if seen.mean() > 0.02 else 0.0


def _tuned(capture: Capture, sample: Sample, poses: Array) -> list[Finding]:
    """Focal length, scale and lag, where they are clearly off."""
    chosen = sample.frame_pairs
    angles = np.array([apart(poses[a], poses[b][None])[0][0] for a, b in chosen])
    both = tune_focal(sample, poses, angles > min(6.0, float(np.median(angles))))
    lag = tune_lag(sample, poses)
    found: list[tuple[float, Finding]] = []
    if both is not None and _told(both.focal, FOCAL):
        found.append((both.focal.loss / both.focal.usual, _focal_finding(capture, both.focal)))
    elif both is not None and _told(both.scale, SCALE):
        found.append((both.scale.loss / both.scale.usual, _scale_finding(capture, both.scale)))
    if lag is not None and abs(lag.best) > LAG + 2 * lag.spread and lag.gain >= SURE:
        found.append((lag.loss / lag.usual, _lag_finding(lag)))
    # One wrong thing looks like several: the one that cures most is told.
    return [min(found, key=lambda one: one[0])[1]] if found else []


def _told(tuned: Tuned, least: float) -> bool:
    return abs(float(np.log(tuned.best))) > least + 2 * tuned.spread and tuned.gain >= SURE


def _focal_finding(capture: Capture, tuned: Tuned) -> Finding:
    camera = capture.camera()
    right = camera.fx * tuned.best
    numbers = (right, camera.fy * tuned.best, camera.cx, camera.cy)
    flag = "--intrinsics " + ",".join(f"{value:.6g}" for value in numbers)
    return Finding(
        "focal",
        "doubt",
        f"the focal length looks {abs(1 / tuned.best - 1):.0%} too "
        f"{'long' if tuned.best < 1 else 'short'}: {camera.fx:.1f} px, and {right:.1f} makes "
        f"frames agree (give or take {100 * tuned.spread:.1f} %)",
        f"look for the camera's own calibration, or pass {flag}",
        flag,
        right,
        tuned.gain,
    )


def _scale_finding(capture: Capture, tuned: Tuned) -> Finding:
    units = capture.info().units_per_m * tuned.best
    return Finding(
        "scale",
        "doubt",
        f"depth and positions differ in scale: positions times {tuned.best:.3f} fit better (give "
        f"or take {100 * tuned.spread:.1f} %)",
        f"scale the positions, or pass --depth-scale {units:.5g} if they are metric",
        f"--depth-scale {units:.5g}",
        tuned.best,
        tuned.gain,
    )


def _lag_finding(lag: Tuned) -> Finding:
    return Finding(
        "lag",
        "doubt",
        f"the images fit the poses {abs(lag.best):.1f} frames "
        f"{'later' if lag.best > 0 else 'earlier'} better: clocks or numbering are off",
        "shift the poses' times against the images'",
        number=lag.best,
        confidence=lag.gain,
    )


def _cm(metres: float) -> str:
    if not np.isfinite(metres):
        return "nothing seen twice"
    return f"{100 * metres:.1f} cm" if metres < 1 else f"{metres:,.1f} m"
