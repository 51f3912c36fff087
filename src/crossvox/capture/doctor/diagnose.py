"""A capture's diagnosis, and the word that refuses one that would become rubble."""

from __future__ import annotations

from collections.abc import Callable

from crossvox.capture.doctor.findings import Diagnosis, sorted_findings
from crossvox.capture.doctor.geometry import check_geometry
from crossvox.capture.doctor.path import check_path
from crossvox.capture.doctor.sample import as_stored, read_trail
from crossvox.core.checks import CaptureError
from crossvox.core.frame import Capture


def diagnose(
    capture: Capture, *, cheap: bool = False, progress: Callable[[int, int], None] | None = None
) -> Diagnosis:
    """Find out whether a capture agrees with itself, and what is wrong if it does not.

    Args:
        capture: what to look at.
        cheap: only what takes about a second.
        progress: called with frames that were read, and frames to read.

    Returns:
        What was found; a capture that is broken in parts gives findings, not errors.
    """
    stored, without = as_stored(capture)
    trail = read_trail(stored, without)
    path = check_path(stored, trail)
    geometry = check_geometry(stored, trail, path.wrong)
    ids = stored.frame_ids
    findings = [*geometry.findings, *path.findings]
    return Diagnosis(
        name=capture.name,
        frames=len(capture),
        agreement=geometry.agreement,
        findings=sorted_findings(findings),
        skip={ids[i]: reason for i, reason in path.wrong.items()},
        checked=("poses", "agreement", "conventions", "focal length", "scale", "lag"),
    )


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
            advice = f" ({one.advice})" if one.advice else ""
            say(f"{one.severity}: {one.text}{advice}")
    return found
