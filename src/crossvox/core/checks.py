"""Error types and the door check.

Every error that a user can cause derives from :class:`CrossvoxError`; the command line prints its
text without a traceback and ends with exit code 2. A text says what was given, what was needed and
what to do.
"""

from __future__ import annotations

import errno
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


def given_in(error: CrossvoxError) -> str:
    """What an error's text says was given, for whoever knows better what to do then."""
    return str(error).rsplit("; needed: ", 1)[0].removeprefix("given: ")


_UNFINISHED = re.compile(r"(?<![^/\\\s'\"])\.([^/\\]+?)(?:\.[0-9a-f]{8}){1,2}\.part")
"""A file or folder that is being written, in a path: ``.NAME.XXXXXXXX.part``."""

_LOCKS = re.compile(r"[/\\]\.locks\b[^\s'\"]*")
"""The locks of a folder, in a path: nothing that a user has named."""


_NO_MEMORY = ("can't allocate memory", "not enough memory", "out of memory")
"""How torch says that memory has run out, on CPUs and on GPUs."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory has run out; torch raises a RuntimeError that says so."""
    told = isinstance(error, RuntimeError) and any(words in str(error) for words in _NO_MEMORY)
    return told or isinstance(error, MemoryError)


def is_passing(error: BaseException) -> bool:
    """Whether the machine is to blame, not what was asked for: the system has refused a file.

    Either that says so itself, or an error of ours that is raised from it (``from error``).
    """
    cause = error.__cause__ if isinstance(error, CrossvoxError) else error
    return isinstance(cause, OSError)


_RIGHT = ("the right to read and write there", "give it to yourself, or name another place")
_REFUSALS = {
    errno.ENOSPC: ("room on the disk", "free some space, and run the same command again"),
    errno.EDQUOT: ("room within the quota", "free some space, and run the same command again"),
    errno.EFBIG: (
        "a limit that lets files be as large",
        "raise it (ulimit -f), or use another disk",
    ),
    errno.EROFS: ("a disk that may be written", "name a place on another disk"),
    errno.EACCES: _RIGHT,
    errno.EPERM: _RIGHT,
    errno.ENOENT: ("a path of which every folder is there", "correct the path"),
    errno.ENOTDIR: ("a path of which every part but the last is a folder", "correct the path"),
    errno.EISDIR: ("a file, where a folder is", "correct the path"),
    errno.EEXIST: ("a name that is free", "name another place"),
    errno.ENAMETOOLONG: ("a shorter name", "name another place"),
    errno.ELOOP: ("links that lead to a file or folder", "correct them, or name another place"),
    errno.EMFILE: ("more files open at once", "raise the limit (ulimit -n), or take fewer workers"),
    errno.EIO: ("a disk that reads and writes", "look at the disk, or use another one"),
}
"""What would be needed, and what to do, by what the system says when it refuses a file."""

_ANY_REFUSAL = (
    "a file or folder that can be read and written",
    "look at what the system says of it",
)

_COUNTED = re.compile(r"\d+ requested and \d+ written")
"""What NumPy says of a full disk: bytes alone, without a number of the error."""


def reason(error: BaseException) -> str:
    """What went wrong, in the words of who says it, for a text that tells what to do about it.

    No name of a file or folder that is being written is told. What the system refuses is told with
    the file; one that counts bytes alone is of a full disk.

    Example:
        >>> reason(OSError(28, "No space left on device", "/a/.b.0123abcd.part/c"))
        'No space left on device /a/b/c'
    """
    if isinstance(error, CrossvoxError):
        text = str(error)
    elif is_out_of_memory(error):
        text = "out of memory"
    elif isinstance(error, OSError) and error.errno is None:
        full = "; is the disk full?" * bool(_COUNTED.search(str(error)))
        text = f"a file could not be read or written ({error}){full}"
    elif isinstance(error, OSError):
        text = f"{error.strerror}" + (f" {error.filename}" if error.filename else "")
    else:
        text = f"{type(error).__name__}: {error}"
    return _UNFINISHED.sub(r"\1", text)


def error_text(error: BaseException) -> str:
    """What went wrong, as a user may read it: of what the system refuses, what to do about it, too.

    Example:
        >>> error_text(OSError(28, "No space left on device", "/a/b"))
        'given: /a/b (No space left on device); needed: room on the disk; do: free some space, and \
run the same command again'
    """
    if not isinstance(error, OSError):
        return reason(error)
    said = error.strerror or str(error) or type(error).__name__
    number = errno.ENOSPC if _COUNTED.search(said) else error.errno
    needed, do = _REFUSALS.get(number or 0, _ANY_REFUSAL)
    given = f"{error.filename} ({said})" if error.filename else said
    given = _LOCKS.sub("", _UNFINISHED.sub(r"\1", given))
    return f"given: {given}; needed: {needed}; do: {do}"
