"""What a prepared scene's manifest tells of its capture, in words for the terminal and the page."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

FRAMES, BROKEN, REMARKS = "frames", "broken frames", "remarks"
"""Notes of a prepared scene: how many frames it has, reasons of those left out by number, and what
the reader of the capture had to say."""

UNKNOWN_IDS = {
    "unknown raw label ids": "pixels",
    "vertices with unknown label ids": "vertices",
}
"""Notes of label ids that mean nothing, and what they are counted in."""


def remarks_of(notes: Mapping[str, Any]) -> list[str]:
    """What a user should know of a prepared scene, one line each."""
    broken, told = notes.get(BROKEN) or {}, notes.get(REMARKS) or ()
    text = left_out_text(broken, int(notes.get(FRAMES) or 0) + len(broken))
    strange = [
        "label ids that no table knows are unannotated: "
        + _some([f"{number} ({count:,} {what})" for number, count in ids.items()])
        for key, what in UNKNOWN_IDS.items()
        if (ids := notes.get(key) or {})
    ]
    return [*([text] if text else []), *map(str, told), *strange]


def left_out_text(left_out: Mapping[Any, str], frames: int) -> str:
    """What to tell of frames that are left out; empty where there is none.

    Args:
        left_out: reasons by frame number, as a manifest notes them (JSON makes numbers texts).
        frames: how many frames there are, with those that are left out.

    Example:
        >>> left_out_text({7: "no depth", 9: "no depth"}, 40)
        '2 of 40 frames left out: 7, 9 (frame 7: no depth)'
    """
    if not left_out:
        return ""
    numbers = sorted(left_out, key=int)
    firsts = {_kind(left_out[number]): number for number in reversed(numbers)}
    shown = sorted(firsts.values(), key=int)[:3]
    reasons = "; ".join(f"frame {number}: {left_out[number]}" for number in shown)
    return f"{len(numbers)} of {frames} frames left out: {_some(numbers)} ({reasons})"


def _kind(reason: str) -> str:
    """A reason without what differs from frame to frame."""
    return re.sub(r"[\d.,]+", "#", reason)


def _some(numbers: Sequence[Any]) -> str:
    return ", ".join(map(str, numbers[:8])) + (", ..." if len(numbers) > 8 else "")
