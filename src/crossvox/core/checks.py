"""Error types and the door check.

Every error that a user can cause derives from :class:`CrossvoxError`; the command line prints its
text without a traceback and ends with exit code 2. A text says what was given, what was needed and
what to do.
"""

from __future__ import annotations

import re


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


class MadeOtherwise(ArtifactError):
    """A folder holds what was made from something else, or with other parameters.

    Args:
        text: what was given, what was needed and what to do.
        changes: what differs, in words.
        asked: identity of what is asked for: hexadecimal digits.
    """

    def __init__(self, text: str, changes: str = "", asked: str = "") -> None:
        super().__init__(text)
        self.changes, self.asked = changes, asked


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


_UNFINISHED = re.compile(r"(?<![^/\\\s'\"])\.([^/\\]+?)(?:\.[0-9a-f]{8}){1,2}\.part")
"""A file or folder that is being written, in a path: ``.NAME.XXXXXXXX.part``."""


_NO_MEMORY = ("can't allocate memory", "not enough memory", "out of memory")
"""How torch says that memory has run out, on CPUs and on GPUs."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory has run out; torch raises a RuntimeError that says so."""
    told = isinstance(error, RuntimeError) and any(words in str(error) for words in _NO_MEMORY)
    return told or isinstance(error, MemoryError)


def error_text(error: BaseException) -> str:
    """What went wrong, as a user may read it: no name of a file or folder that is being written.

    What the system refuses is said with the file; some writers of a full disk count bytes alone.

    Example:
        >>> error_text(OSError(28, "No space left on device", "/a/.b.0123abcd.part/c"))
        'No space left on device /a/b/c'
    """
    if isinstance(error, CrossvoxError):
        text = str(error)
    elif is_out_of_memory(error):
        text = "out of memory"
    elif isinstance(error, OSError) and error.errno is None:
        text = f"a file could not be read or written ({error}); is the disk full?"
    elif isinstance(error, OSError):
        text = f"{error.strerror}" + (f" {error.filename}" if error.filename else "")
    else:
        text = f"{type(error).__name__}: {error}"
    return _UNFINISHED.sub(r"\1", text)
