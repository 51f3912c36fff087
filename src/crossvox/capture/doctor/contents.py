"""Every frame by itself and against the next: unreadable ones, holes, labels, wrong poses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.capture.describe import CaptureSummary, describe
from crossvox.capture.doctor.alone import BAD, wrong_alone
from crossvox.capture.doctor.findings import Finding, Severity
from crossvox.capture.doctor.sample import take_sample
from crossvox.core.frame import Capture

Array = NDArray[Any]

MOST_FRAMES = 400
"""Frames that are held against the next ones; of longer captures every n-th and the one after."""

HOLES, LEFT_OUT = 0.6, 0.5
"""Shares of depth without reading, or left out as doubtful, that are told."""


@dataclass(frozen=True)
class FrameCheck:
    """What was found in frames.

    Attributes:
        findings: in words.
        wrong: position and reason of frames whose pose does not fit.
        losses: by frame number, how badly it agrees with the next one, 0 to 1.
    """

    findings: tuple[Finding, ...]
    wrong: dict[int, str] = field(default_factory=dict)
    losses: Mapping[int, float] = field(default_factory=dict)


def check_contents(
    capture: Capture, progress: Callable[[int, int], None] | None = None
) -> list[Finding]:
    """Unreadable frames, holes in depth, labels that no table knows."""
    summary = describe(capture, progress, every_frame=len(capture) <= MOST_FRAMES)
    return [*_broken(summary), *_depth(summary), *_labels(summary)]


def _broken(summary: CaptureSummary) -> list[Finding]:
    if not summary.broken:
        return []
    count, frames = len(summary.broken), tuple(number for number, _ in summary.broken)
    first, text = summary.broken[0]
    severity: Severity = "doubt" if count > 0.02 * summary.decoded else "note"
    return [
        Finding(
            "unreadable",
            severity,
            f"{count} of {summary.decoded} frames cannot be used, for example {first}: {text}",
            "repair them, or leave them out: --skip-frames FILE",
            number=count / summary.decoded,
            frames=frames,
        )
    ]


def _depth(summary: CaptureSummary) -> list[Finding]:
    found = []
    if summary.depth_missing > HOLES:
        text = f"{summary.depth_missing:.0%} of the depth pixels hold no reading"
        advice = "expect holes in the room"
        found.append(Finding("holes", "note", text, advice, number=summary.depth_missing))
    if summary.depth_left_out > LEFT_OUT:
        text = f"{summary.depth_left_out:.0%} of depth is left out, as the device doubts it"
        advice = "keep it with --confidence low where surfaces are lacking"
        found.append(Finding("confidence", "note", text, advice, number=summary.depth_left_out))
    return found


def _labels(summary: CaptureSummary) -> list[Finding]:
    if not summary.unknown_raw_ids:
        return []
    total = sum(summary.unknown_raw_ids.values())
    common = Counter(summary.unknown_raw_ids).most_common(5)
    ids = ", ".join(str(number) for number, _ in common)
    text = f"{len(summary.unknown_raw_ids)} label ids are in no table ({total:,} pixels): {ids}"
    advice = "pass the class map that belongs to these labels: --label-map"
    return [Finding("labels", "doubt", text, advice, number=float(total))]


def check_frames(capture: Capture, poses: Array) -> FrameCheck:
    """Hold every frame against the next ones: which ones have a pose that does not fit.

    Args:
        capture: as its files have it.
        poses: ``(N, 4, 4)`` of all frames, not finite where lost or known to be wrong.
    """
    posed = np.flatnonzero(np.isfinite(poses).all(axis=(1, 2)))
    if len(posed) < 5:
        return FrameCheck(())
    step = max(1, -(-len(posed) // MOST_FRAMES))
    chosen = posed[::step]
    ahead = np.stack([chosen[:-1], chosen[1:]], axis=1)
    sample = take_sample(capture, ahead)
    losses = sample.losses(sample.moves(poses), every=2)
    loss_of = {
        (int(a), int(b)): float(loss)
        for (a, b), loss in zip(sample.frame_pairs, losses, strict=True)
    }
    ids = capture.frame_ids
    next_of = {ids[int(a)]: loss_of[int(a), int(b)] for a, b in ahead if (a, b) in loss_of}
    trios = [
        (int(a), int(b), int(c))
        for a, b, c in zip(chosen[:-2], chosen[1:-1], chosen[2:], strict=True)
        if min(loss_of.get((int(a), int(b)), 0.0), loss_of.get((int(b), int(c)), 0.0)) > BAD
    ]
    bad = wrong_alone(capture, poses, trios, sample)
    wrong = {i: f"its depth contradicts both neighbours ({loss:.2f})" for i, loss in bad.items()}
    if not wrong:
        return FrameCheck((), {}, next_of)
    frames = tuple(ids[i] for i in wrong)
    text = (
        f"{len(frames)} frame{'s' if len(frames) > 1 else ''} contradict"
        f"{'s' if len(frames) == 1 else ''} both neighbours, though all else agrees: "
        f"{', '.join(map(str, frames[:6]))}{', ...' if len(frames) > 6 else ''}"
    )
    advice = "leave them out: --skip-frames FILE, which crossvox doctor CAPTURE --out FOLDER writes"
    severity: Severity = "doubt" if len(frames) > 0.02 * len(chosen) else "note"
    finding = Finding(
        "wrong-pose", severity, text, advice, number=float(len(frames)), frames=frames
    )
    return FrameCheck((finding,), wrong, next_of)
