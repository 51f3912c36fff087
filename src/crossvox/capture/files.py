"""Files of captures: images by number, headers that are checked first, matrices as text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from crossvox.core.camera import Size
from crossvox.core.checks import CaptureError, expect
from crossvox.core.text import decoded
from crossvox.doors.image_kinds import COLOR_KINDS
from crossvox.doors.images import (
    color_size,
    decode_gray,
    is_color,
    read_bytes,
    write_bytes,
)
from crossvox.doors.pillow_images import MAX_PIXELS

Array = NDArray[Any]
S = TypeVar("S")
T = TypeVar("T")

SIZES = 500
"""Files, spread over a capture, that tell its image size where three of them disagree."""

_BETWEEN = dict.fromkeys(map(ord, ",;[]()"), " ")
"""What may stand between numbers beside white space."""

NO_READING = 65535
"""What many sensors and programs store where there is no reading; as a length it is none."""

_LONGEST = 18
"""Digits of the longest number in a file's name: longer ones fit no integer."""

_PNG = b"\x89PNG\r\n\x1a\n"


def numbered(folder: Path, suffixes: tuple[str, ...]) -> dict[int, Path]:
    """Files called by a number, by that number, however the name pads it (``7``, ``000007``).

    Args:
        folder: where they lie; one that is missing holds none.
        suffixes: endings that count, small letters; a later one wins over an earlier one.

    Raises:
        CaptureError: two files of one ending have the same number.
    """
    try:
        paths = {path.name: path for path in folder.iterdir()}
    except (FileNotFoundError, NotADirectoryError):
        return {}
    found = by_number(sorted(paths), suffixes, str(folder))
    return {number: paths[name] for number, name in found.items()}


def by_number(
    names: Iterable[str], suffixes: tuple[str, ...], where: str, before: str = ""
) -> dict[int, str]:
    """Names that are a number, by that number; see :func:`numbered`.

    Args:
        names: of files, sorted.
        suffixes: endings that count, small letters; a later one wins over an earlier one.
        where: their folder, for an error text.
        before: what stands before the number.

    Raises:
        CaptureError: two names of one ending have the same number.
    """
    found: dict[int, str] = {}
    names = [name for name in names if name.startswith(before)]
    for suffix in suffixes:
        here: dict[int, str] = {}
        for name in names:
            number = name[len(before) : -len(suffix)]
            called = name.lower().endswith(suffix) and number.isdecimal()
            if not called or len(number) > _LONGEST:
                continue
            other = here.setdefault(int(number), name)
            if other != name:
                raise CaptureError(
                    f"given: {where} with {other} and {name}, both number {int(number)}; needed: "
                    f"one file a number; do: move one of them away"
                )
        found |= here
    return found


def check_color_header(data: bytes, source: str, expected: Size) -> None:
    """Refuse a colour image before it is decoded if its header does not fit the capture.

    Raises:
        CaptureError: no colour image that can be read, or not of the ``expected`` size.
    """
    expect(
        is_color(data),
        given=f"{source}, {len(data)} bytes that are no image that can be read",
        needed=f"a colour image: {COLOR_KINDS}",
        do="copy or export the file again",
        error=CaptureError,
    )
    found = color_size(data, source)
    expect(
        found == expected,
        given=f"{source} of {found[0]}x{found[1]} pixels",
        needed=f"{expected[0]}x{expected[1]}, the colour camera's size",
        do="check that all frames come from one capture and the intrinsics belong to it",
        error=CaptureError,
    )


def read_gray_checked(path: Path, size: Size | None = None) -> Array:
    """Read a depth or label PNG ``(H, W)``, refusing absurd sizes and cut files unread.

    With a ``size`` it is resampled by the nearest pixel, on the way.

    Raises:
        CaptureError: missing, cut, no one-channel PNG, or larger than :data:`MAX_PIXELS`.
    """
    return gray_checked(read_bytes(path), str(path), size)


def gray_checked(data: bytes, source: str, size: Size | None = None) -> Array:
    """Decode a depth or label PNG ``(H, W)``; see :func:`read_gray_checked`."""
    width, height = gray_size(data, source)
    expect(
        0 < width * height <= MAX_PIXELS and b"IEND" in data[-32:],
        given=f"{source}, {len(data)} bytes of a PNG of {width}x{height} pixels",
        needed=f"a complete image of at most {MAX_PIXELS} pixels",
        do="copy or export the file again",
        error=CaptureError,
    )
    return decode_gray(data, source, size)


def read_depth_png(path: Path) -> NDArray[np.uint16]:
    """Read a depth PNG ``(H, W)`` of 16 bits. Errors as :func:`read_gray_checked`."""
    return depth_png(read_bytes(path), str(path))


def depth_png(data: bytes, source: str) -> NDArray[np.uint16]:
    """Decode a depth PNG ``(H, W)`` of 16 bits, 0 = no reading; 65535 means that too, becomes 0.

    Errors as :func:`read_gray_checked`.
    """
    image = gray_checked(data, source)
    expect(
        image.dtype == np.uint16,
        given=f"{source} of 8 bits",
        needed="depth as PNG of 16 bits",
        do="check that this is a depth image",
        error=CaptureError,
    )
    return without_largest(image)


def read_confidence_png(path: Path) -> NDArray[np.uint8]:
    """Read how far a device trusts its depth, a PNG ``(H, W)`` of 8 bits: 0 low, 1 medium, 2 high.

    Errors as :func:`read_gray_checked`.
    """
    values = read_gray_checked(path)
    expect(
        values.dtype == np.uint8,
        given=f"{path} of {values.dtype}",
        needed="a PNG of 8 bits: 0 low, 1 medium, 2 high",
        do="copy the recording again",
        error=CaptureError,
    )
    return values


def without_largest(depth: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """Stored depth ``(H, W)`` whose largest number, 65535, is no reading: 0 in its place."""
    if depth.max(initial=0) == NO_READING:
        depth = np.where(depth == NO_READING, np.uint16(0), depth)
    return depth


def gray_size(data: bytes, source: str) -> Size:
    """Size of a PNG from its header.

    Raises:
        CaptureError: not a PNG.
    """
    expect(
        data[:8] == _PNG and len(data) >= 24,
        given=f"{source}, {len(data)} bytes that are no PNG",
        needed="a depth or label image in PNG format",
        do="copy or export the file again",
        error=CaptureError,
    )
    return int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")


def missing(numbers: Iterable[int], files: Mapping[int, Path]) -> tuple[int, ...]:
    """Numbers without a file; none where there is no file at all."""
    return tuple(number for number in numbers if files and number not in files)


def first_of(items: Iterable[S], look: Callable[[S], T], what: str = "files") -> T:
    """What is seen in the first item that can be read, so that a broken one stays one broken frame.

    Args:
        items: files or names of files.
        look: reads one; raises ``CaptureError`` where it is broken.
        what: what the items are, for the text where there is none.

    Raises:
        CaptureError: none can be read; tells what is wrong with the first.
    """
    problem: CaptureError | None = None
    for item in items:
        try:
            return look(item)
        except CaptureError as error:
            problem = problem or error
    raise problem or CaptureError(f"given: no {what}; needed: at least one; do: check the path")


def first_size(paths: Iterable[Path], kind: Literal["color", "gray"]) -> Size:
    """Image size of a capture: what three files say, or most of them all if they disagree.

    Later files are checked against it when they are decoded, so that one broken file, or one of
    another size, stays one broken frame, be it the first.

    Raises:
        CaptureError: no header can be read; tells what is wrong with the first file.
    """
    files, problems = list(paths), []
    last = len(files) - 1
    seen: dict[int, Size | None] = {}

    def look(place: int) -> Size | None:
        if place not in seen:
            seen[place] = None
            try:
                seen[place] = _size_of(files[place], kind)
            except CaptureError as error:
                problems.append(error)
        return seen[place]

    if files and look(0) is not None and look(0) == look(last // 2) == look(last):
        return cast(Size, look(0))
    spread = sorted({round(i * last / (SIZES - 1)) for i in range(SIZES)}) if files else []
    sizes = [size for place in spread if (size := look(place)) is not None]
    if not sizes:
        # Few can be read: the first of all that can.
        sizes = [size for place in range(len(files)) if (size := look(place)) is not None][:1]
    if sizes:
        votes = Counter(sizes)
        return max(votes, key=lambda size: (votes[size], size))
    raise (problems or [_no_size(kind)])[0]


def _no_size(kind: str) -> CaptureError:
    return CaptureError(
        f"given: no {kind} image of a sensible size; needed: at least one; do: check the path"
    )


def _size_of(path: Path, kind: Literal["color", "gray"]) -> Size:
    """Image size in a file's header.

    Raises:
        CaptureError: it cannot be read, or makes no sense.
    """
    data = read_bytes(path)
    size = (color_size if kind == "color" else gray_size)(data, str(path))
    if not 0 < size[0] * size[1] <= MAX_PIXELS:
        raise _no_size(kind)
    return size


def read_numbers(path: Path) -> NDArray[np.float64]:
    """Read a text file of numbers, flat.

    Between them may stand white space, commas, semicolons and brackets, as programs print
    matrices; ``-inf`` and ``nan`` are numbers.

    Raises:
        CaptureError: missing, or holds something that is no number; names the file.
    """
    return numbers_in(read_bytes(path), str(path))


def numbers_in(data: bytes, source: str) -> NDArray[np.float64]:
    """Numbers of a text file; see :func:`read_numbers`."""
    try:
        text = decoded(data).translate(_BETWEEN)
        return np.array([float(word) for word in text.split()], dtype=np.float64)
    except ValueError as error:
        raise CaptureError(
            f"given: {source}, which does not hold numbers alone ({error}); needed: a text file "
            f"with one matrix, row by row; do: check or export the file again"
        ) from None


def read_pose_matrix(path: Path) -> NDArray[np.float64]:
    """Read a 4x4 camera-to-world text file, whose last row may be missing.

    Raises:
        CaptureError: missing, or not 16 or 12 numbers.
    """
    return pose_matrix_in(read_bytes(path), str(path))


def pose_matrix_in(data: bytes, source: str) -> NDArray[np.float64]:
    """The matrix of a pose file; see :func:`read_pose_matrix`."""
    numbers = numbers_in(data, source)
    if numbers.size == 12:
        numbers = np.append(numbers, (0, 0, 0, 1))
    expect(
        numbers.size == 16,
        given=f"{source} with {numbers.size} numbers",
        needed="16 (or 12), a 4x4 camera-to-world matrix row by row",
        do="check or export the file again",
        error=CaptureError,
    )
    return numbers.reshape(4, 4)


def write_matrix(path: Path, matrix: Array) -> None:
    """Write a matrix as text; see :func:`matrix_text`."""
    write_bytes(path, matrix_text(matrix))


def matrix_text(matrix: Array) -> bytes:
    """A matrix as text, row by row, so that reading gives exactly the same numbers."""
    text = "\n".join(" ".join(map(repr, row)) for row in np.asarray(matrix, np.float64).tolist())
    return (text + "\n").encode()
