"""A capture's diagnosis, and the word that refuses one that would become rubble."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from crossvox.capture.doctor.findings import Diagnosis, Finding, sorted_findings
from crossvox.capture.doctor.geometry import check_geometry
from crossvox.capture.doctor.path import PathCheck, check_path
from crossvox.capture.doctor.plain import agree_plainly
from crossvox.capture.doctor.sample import Trail, as_stored, read_trail
from crossvox.core.checks import CaptureError
from crossvox.core.frame import Capture

_CHEAP = ("poses", "agreement", "conventions", "focal length", "scale", "clocks")
_FULL = (*_CHEAP, "every frame", "colours on depth", "mesh", "labels")


def diagnose(
    capture: Capture, *, cheap: bool = False, progress: Callable[[int, int], None] | None = None
) -> Diagnosis:
    """Find out whether a capture agrees with itself, and what is wrong if it does not.

    Args:
        capture: what to look at.
        cheap: only what takes about a second: poses, and a few dozen depth images. Where these
            agree plainly, nothing else is sought that fits as well or a little better.
        progress: called with frames that were read, and frames to read.

    Returns:
        What was found; a capture that is broken in parts gives findings, not errors.
    """
    stored, trail = _read(capture)
    return _diagnosed(capture, stored, trail, check_path(stored, trail), cheap, progress)


def _read(capture: Capture) -> tuple[Capture, Trail]:
    """The capture as its files have it, and the poses of those of its frames that are used."""
    stored, without = as_stored(capture)
    return stored, read_trail(stored, without)


def _diagnosed(
    capture: Capture,
    stored: Capture,
    trail: Trail,
    path: PathCheck,
    cheap: bool,
    progress: Callable[[int, int], None] | None = None,
) -> Diagnosis:
    """See :func:`diagnose`; poses are read, and looked at, already."""
    geometry = check_geometry(stored, trail, path.wrong, plainly=cheap)
    found = [*geometry.findings, *path.findings]
    wrong = dict(path.wrong)
    losses: dict[int, float] = {}
    if not cheap:
        more, wrong_too, losses = _full(stored, trail, wrong, found, progress)
        found += more
        wrong |= wrong_too
    ids = stored.frame_ids
    return Diagnosis(
        name=capture.name,
        frames=len(capture),
        agreement=geometry.agreement,
        findings=sorted_findings(_once(found)),
        skip={ids[i]: reason for i, reason in sorted(wrong.items())},
        losses=losses,
        checked=_CHEAP if cheap else _FULL,
    )


def _full(
    capture: Capture,
    trail: Trail,
    wrong: dict[int, str],
    so_far: list[Finding],
    progress: Callable[[int, int], None] | None,
) -> tuple[list[Finding], dict[int, str], dict[int, float]]:
    """What takes longer: all frames, colours, mesh."""
    from crossvox.capture.doctor.colors import check_colors
    from crossvox.capture.doctor.contents import check_contents, check_frames
    from crossvox.capture.doctor.surface import check_mesh

    found = check_contents(capture, progress)
    if any(one.severity == "fault" or one.kind == "still" for one in so_far):
        return found, {}, {}  # nothing else can be told before that is mended
    poses = trail.delivered
    poses[list(wrong)] = np.nan
    frames = check_frames(capture, poses)
    found += [*frames.findings, *check_colors(capture)[0], *check_mesh(capture, poses)]
    return found, dict(frames.wrong), dict(frames.losses)


def _once(findings: list[Finding]) -> list[Finding]:
    """One finding a kind where two checks tell of the same: the later one has looked at more."""
    last = {one.kind: n for n, one in enumerate(findings) if one.kind == "unreadable"}
    return [one for n, one in enumerate(findings) if last.get(one.kind, n) == n]


def expect_sound(
    capture: Capture, anyway: bool = False, say: Callable[[str], None] | None = None
) -> Diagnosis:
    """Refuse a capture whose frames contradict each other.

    Args:
        capture: what shall be worked with.
        anyway: say so, but go on.
        say: hears everything that is not refused.

    Raises:
        CaptureError: a fault was found; the text tells it and what to pass.
    """
    found = diagnose(capture, cheap=True)
    if found.of("fault") and not anyway:
        fault = found.of("fault")[0]
        raise CaptureError(
            f"given: {found.name}: {fault.text}; needed: frames that agree with each other; "
            f"do: {fault.advice}, look closer with: crossvox doctor, or go on with --anyway"
        )
    if say is not None:
        for one in found.findings:
            say(line(one))
    return found


def contradicted(capture: Capture, positions: Sequence[int]) -> list[Finding]:
    """Which of the frames at some positions contradict both of their neighbours among these."""
    from crossvox.capture.doctor.contents import check_frames

    stored, trail = _read(capture)
    used = {capture.frame_ids[position] for position in positions}
    poses = trail.delivered.copy()
    poses[[place for place, number in enumerate(stored.frame_ids) if number not in used]] = np.nan
    return list(check_frames(stored, poses).findings)


def worries(capture: Capture, used: Capture | None = None) -> list[str]:
    """What the quick part finds to be wrong, as lines of text; empty of a sound capture.

    Args:
        capture: what to look at.
        used: those of its frames that are used, if all of them could be read: where these agree
            plainly, and no pose is doubtful, nothing else is asked.
    """
    stored, trail = _read(capture)
    path = check_path(stored, trail)
    sound = used is not None and all(one.severity == "note" for one in path.findings)
    if used is not None and sound and agree_plainly(capture, used):
        return []
    found = _diagnosed(capture, stored, trail, path, cheap=True)
    return [line(one) for one in found.findings if one.severity != "note"]


def line(one: Finding) -> str:
    """A finding as a line of text."""
    return f"{one.severity}: {one.text}{f' ({one.advice})' if one.advice else ''}"
