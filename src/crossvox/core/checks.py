"""Error types and the door check.

Every error that a user can cause derives from :class:`CrossvoxError`; the command line prints its
text without a traceback and ends with exit code 2. A text says what was given, what was needed and
what to do.
"""

from __future__ import annotations


class CrossvoxError(Exception):
    """Something about the input or the request is wrong, and the text says what to do."""


class ShapeError(CrossvoxError):
    """Two arrays, or an array and its camera or grid, disagree on their size."""


class PoseError(CrossvoxError):
    """A matrix that should be a rigid camera-to-world transform is not one."""


class CaptureError(CrossvoxError):
    """A capture cannot be read: missing file, truncated data, unknown format."""


class ArtifactError(CrossvoxError):
    """A run or scene folder is missing, half-written, or does not match what is asked of it."""


class ParamsError(CrossvoxError):
    """A parameter has a value that makes no sense, alone or beside the others."""


class CheckpointError(CrossvoxError):
    """A checkpoint does not fit the network, or was made by an incompatible run."""


def expect(
    condition: bool,
    *,
    given: str,
    needed: str,
    do: str,
    error: type[CrossvoxError] = CrossvoxError,
) -> None:
    """Raise ``error`` with a three-part text unless ``condition`` holds.

    Example:
        >>> expect(len(sizes) == 2, given=f"{len(sizes)} sizes", needed="width and height",
        ...        do="pass --size WIDTH HEIGHT")  # doctest: +SKIP
    """
    if not condition:
        raise error(f"given: {given}; needed: {needed}; do: {do}")
