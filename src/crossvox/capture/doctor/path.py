"""What poses alone tell: lost, unreadable, jumping and frozen ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.capture.doctor.alone import wrong_alone
from crossvox.capture.doctor.findings import Finding, Severity
from crossvox.capture.doctor.sample import Trail, standing_still, take_sample
from crossvox.core.frame import Capture

Array = NDArray[Any]

JUMP_STEPS, JUMP_M, JUMP_DEG = 2.0, 0.08, 6.0
"""Farther from its neighbours than so many usual steps, and this more, a pose may have jumped: then
images are looked at."""

FAR_M = 20.0
"""Who jumps so far is wrong without a look at images."""

BACK = 0.75
"""The neighbours of a single jump lie together: within this share of it."""

MANY_LOST = 0.5
FROZEN_RUN = 3
_LOOKED_AT = 8


@dataclass(frozen=True)
class PathCheck:
    """What was found.

    Attributes:
        findings: in words.
        wrong: position and reason of poses that cannot be right.
    """

    findings: tuple[Finding, ...]
    wrong: dict[int, str]


def check_path(capture: Capture, trail: Trail) -> PathCheck:
    """Look at all poses; images are read only where poses are doubtful."""
    ids = capture.frame_ids
    findings = [*_lost(trail, ids), *_unreadable(trail, ids)]
    poses = trail.delivered
    wrong = single_jumps(capture, poses)
    if wrong:
        findings.append(_jump_finding(wrong, ids))
    clean = poses.copy()
    clean[list(wrong)] = np.nan
    frozen, finding = _frozen(capture, clean)
    findings.extend(finding)
    wrong |= frozen
    clean[list(wrong)] = np.nan
    findings.extend(_lasting_jumps(capture, clean))
    return PathCheck(tuple(findings), dict(sorted(wrong.items())))


def _lost(trail: Trail, ids: tuple[int, ...]) -> list[Finding]:
    count, lost = len(trail), len(trail.lost)
    if not lost:
        return []
    share, frames = lost / count, tuple(ids[i] for i in trail.lost)
    if lost == count:
        return [
            Finding(
                "no-poses",
                "fault",
                f"none of the {count} frames has a pose",
                "pass --trajectory FILE, or track the camera first",
                number=share,
            )
        ]
    severity: Severity = "doubt" if share > MANY_LOST else "note"
    text = f"{lost} of {count} frames have no pose (tracking was lost) and are left out"
    return [Finding("lost", severity, text, number=share, frames=frames)]


def _unreadable(trail: Trail, ids: tuple[int, ...]) -> list[Finding]:
    if not trail.unreadable:
        return []
    first, count = next(iter(trail.unreadable)), len(trail.unreadable)
    share = count / len(trail)
    return [
        Finding(
            "unreadable-pose",
            # Some devices keep poses of few frames: the others are left out.
            "fault" if count == len(trail) else "doubt",
            f"{count} of {len(trail)} poses cannot be read: {trail.unreadable[first]}",
            "repair them, or leave these frames out",
            number=share,
            frames=tuple(ids[i] for i in trail.unreadable),
        )
    ]


def single_jumps(capture: Capture, poses: Array) -> dict[int, str]:
    """Poses far from both neighbours, which lie together, and whose images say otherwise."""
    posed = np.flatnonzero(np.isfinite(poses).all(axis=(1, 2)))
    suspects = _suspects(poses[posed])
    if not suspects:
        return {}
    wrong: dict[int, str] = {}
    reasons: dict[int, str] = {}
    trios: list[tuple[int, int, int]] = []
    for n, way, angle in suspects:
        reason = f"its pose jumps {way:.3g} m and {angle:.0f} degrees away from its neighbours"
        if way > FAR_M:
            wrong[int(posed[n])] = reason
        elif len(trios) < _LOOKED_AT:
            reasons[int(posed[n])] = reason
            trios.append((int(posed[n - 1]), int(posed[n]), int(posed[n + 1])))
    if trios:
        wrong |= {i: reasons[i] for i in wrong_alone(capture, poses, trios)}
    return dict(sorted(wrong.items()))


def _suspects(known: Array) -> list[tuple[int, float, float]]:
    """Places of poses that lie far from both neighbours, with the smaller way and angle."""
    if len(known) < 4:
        return []
    ways, angles = _steps(known[:-1], known[1:])
    back_ways, back_angles = _steps(known[:-2], known[2:])
    least_ways, least_angles = (np.minimum(steps[:-1], steps[1:]) for steps in (ways, angles))
    jumps = (least_ways > JUMP_M) & (back_ways < BACK * least_ways)
    turns = (least_angles > JUMP_DEG) & (back_angles < BACK * least_angles)
    found = []
    for n in np.flatnonzero(jumps | turns) + 1:  # usual steps are looked at where it matters
        near = slice(max(0, n - 12), n + 12)
        usual_m, usual_deg = np.median(ways[near]), np.median(angles[near])
        way, angle = least_ways[n - 1], least_angles[n - 1]
        if (jumps[n - 1] and way > JUMP_STEPS * usual_m + JUMP_M) or (
            turns[n - 1] and angle > JUMP_STEPS * usual_deg + JUMP_DEG
        ):
            found.append((int(n), float(way), float(angle)))
    found.sort(key=lambda one: -max(one[1], one[2] / 50))
    return found if len(found) <= max(3, len(known) // 10) else []


def _jump_finding(wrong: dict[int, str], ids: tuple[int, ...]) -> Finding:
    frames = tuple(ids[i] for i in wrong)
    first = next(iter(wrong))
    count = len(frames)
    return Finding(
        "jump",
        "doubt",
        f"{count} pose{'s' if count > 1 else ''} jump{'s' if count == 1 else ''} out of the path: "
        f"frame {ids[first]}: {wrong[first]}",
        "leave these frames out: --skip-frames FILE",
        number=float(count),
        frames=frames,
    )


def _lasting_jumps(capture: Capture, poses: Array) -> list[Finding]:
    """Steps of the path that the images do not show: tracking that was taken up elsewhere."""
    posed = np.flatnonzero(np.isfinite(poses).all(axis=(1, 2)))
    if len(posed) < 4:
        return []
    ways, angles = _steps(poses[posed[:-1]], poses[posed[1:]])
    usual_m, usual_deg = np.median(ways), np.median(angles)
    large = (ways > JUMP_STEPS * usual_m + JUMP_M) | (angles > JUMP_STEPS * usual_deg + JUMP_DEG)
    large &= np.diff(posed) <= 2
    order = sorted(np.flatnonzero(large), key=lambda n: -ways[n])[:_LOOKED_AT]
    order = [n for n in order if 0 < n < len(ways) - 1]
    if not order or large.sum() > max(4, len(posed) // 10):
        return []
    pairs = np.array([(posed[n + k], posed[n + k + 1]) for n in order for k in (-1, 0, 1)])
    sample = take_sample(capture, pairs)
    moves = sample.moves(poses)
    by_pose, still = sample.losses(moves), sample.losses(standing_still(moves))
    loss_of = {
        (int(a), int(b)): (float(x), float(y))
        for (a, b), x, y in zip(sample.frame_pairs, by_pose, still, strict=True)
    }
    ids, found = capture.frame_ids, []
    for n in order:
        before, here, after = (
            loss_of.get((int(posed[n + k]), int(posed[n + k + 1])), (1.0, 1.0)) for k in (-1, 0, 1)
        )
        if here[0] > 0.5 and here[1] < 0.9 * here[0] and max(before[0], after[0]) < 0.6 * here[0]:
            found.append((int(ids[posed[n]]), int(ids[posed[n + 1]]), float(ways[n])))
    if not found:
        return []
    a, b, way = max(found, key=lambda one: one[2])
    return [
        Finding(
            "jump",
            "doubt",
            f"the path jumps by {way:.3g} m from frame {a} to {b}, which their images contradict "
            f"({len(found)} such place{'s' if len(found) > 1 else ''})",
            "cut the capture there, or track it again",
            number=way,
            frames=tuple(sorted({frame for one in found for frame in one[:2]})),
        )
    ]


def _frozen(capture: Capture, poses: Array) -> tuple[dict[int, str], list[Finding]]:
    """Runs of the very same pose while images move."""
    runs = _same_runs(poses)
    if not runs:
        return {}, []
    longest = sorted(runs, key=lambda run: run[0] - run[1])[:_LOOKED_AT]
    sample = take_sample(capture, np.array([(first, last) for first, last in longest]))
    still = sample.losses(standing_still(sample.moves(poses)))
    ids = capture.frame_ids
    wrong: dict[int, str] = {}
    for (first, last), loss in zip(sample.frame_pairs, still, strict=True):
        if loss > 0.3:
            reason = f"its pose is the very same as that of frame {ids[first]}, its image is not"
            wrong |= dict.fromkeys(range(int(first) + 1, int(last) + 1), reason)
    if not wrong:
        return {}, []
    frames = tuple(ids[i] for i in sorted(wrong))
    posed = int(np.isfinite(poses).all(axis=(1, 2)).sum())
    return wrong, [
        Finding(
            "frozen",
            "fault" if 2 * len(wrong) > posed else "doubt",
            f"{len(frames)} poses stand still while the images move, from frame {frames[0]} on",
            "leave these frames out: --skip-frames FILE",
            number=float(len(frames)),
            frames=frames,
        )
    ]


def _same_runs(poses: Array) -> list[tuple[int, int]]:
    """First and last position of runs of equal poses."""
    same = (poses[1:] == poses[:-1]).all(axis=(1, 2))
    edges = np.flatnonzero(np.diff(np.concatenate([[False], same, [False]]).astype(int)))
    runs = [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]
    return [run for run in runs if run[1] - run[0] + 1 >= FROZEN_RUN]


def _steps(first: Array, second: Array) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    ways = np.linalg.norm(second[:, :3, 3] - first[:, :3, 3], axis=1)
    trace = np.einsum("nij,nij->n", first[:, :3, :3], second[:, :3, :3])
    return ways, np.degrees(np.arccos(np.clip((trace - 1) / 2, -1, 1)))
