"""Images of one moment found by their names: depth beside colour, files that a list names."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path, PurePosixPath

from crossvox.capture.depth_files import ENDINGS
from crossvox.capture.file_numbers import distinct_numbers

DEPTH_FOLDERS = ("depth", "depths", "depth_maps", "stereo/depth_maps")
BESIDE = "the images' own folder"
_COLOR_ENDINGS = (".jpg", ".jpeg", ".png")
_KINDS = (".geometric", ".photometric", ".depth", "")
"""What stands before a depth image's ending, the best first."""

_DEEPEST = 4
_MOST_FILES = 1 << 20


def listed_file(root: Path, text: str, endings: Iterable[str] = _COLOR_ENDINGS) -> Path | None:
    """The file that a name out of a file stands for, below ``root``; None where there is none.

    Names may lack their ending, or be paths of another machine, of which the last parts count.
    Nothing outside ``root`` is ever looked at.
    """
    if "\0" in text or not text.strip():
        return None
    parts = [part for part in PurePosixPath(text.replace("\\", "/")).parts if part != "."]
    for start in range(len(parts)):
        rest = parts[start:]
        if ".." in rest or rest[0].endswith((":", "/")):
            continue
        path = root.joinpath(*rest)
        for candidate in (path, *(path.with_name(path.name + end) for end in endings)):
            if _is_file(candidate):
                return candidate
    return None


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name that is too long
        return False


def depth_beside(root: Path, images: Mapping[int, Path]) -> tuple[dict[int, Path], str]:
    """Depth images that belong to colour images by their names.

    Args:
        root: the capture's folder.
        images: colour files below it, by frame number.

    Returns:
        Depth files by frame number, and where they lie (empty: nowhere). A file belongs to the
        image of its name: ``images/a.jpg`` has ``images/a.depth.png``, ``depth/a.png`` or, by
        COLMAP, ``stereo/depth_maps/a.jpg.geometric.bin``. Where no name is the same, the numbers in
        the names count.
    """
    found = {
        number: there
        for number, image in images.items()
        if (there := image.with_name(image.stem + ".depth.png")).is_file()
    }
    if found:
        return found, BESIDE
    for name in DEPTH_FOLDERS:
        files = _depth_files(root / name)
        of_name = {number: _of_image(image, root, files) for number, image in images.items()}
        uses = Counter(there for there in of_name.values() if there is not None)
        found = {n: there for n, there in of_name.items() if there is not None and uses[there] == 1}
        found = found or _by_number(images, files)
        if found:
            return found, f"{name}/"
    return {}, ""


def _depth_files(folder: Path) -> dict[str, Path]:
    """Depth files below a folder by their name without ending, small letters; the best of each."""
    ranked: dict[str, tuple[int, int, Path]] = {}
    for path in islice(_files_below(folder, _DEEPEST), _MOST_FILES):
        stem, end = os.path.splitext(path.name)
        if end.lower() not in ENDINGS:
            continue
        kind = next(kind for kind in _KINDS if stem.lower().endswith(kind))
        key = (path.parent / stem[: len(stem) - len(kind)]).relative_to(folder).as_posix()
        entry = (_KINDS.index(kind), ENDINGS.index(end.lower()), path)
        ranked[key.lower()] = min(ranked.get(key.lower(), entry), entry)
    return {key: path for key, (_, _, path) in ranked.items()}


def _files_below(folder: Path, deep: int) -> Iterator[Path]:
    """Files below a folder, not hidden ones, sorted."""
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if path.name.startswith("."):
            continue
        if not path.is_dir():
            yield path
        elif deep > 0:
            yield from _files_below(path, deep - 1)


def _of_image(image: Path, root: Path, files: Mapping[str, Path]) -> Path | None:
    parts = image.relative_to(root).parts
    for start in range(len(parts)):
        whole = PurePosixPath(*parts[start:])
        for key in (whole.with_suffix(""), whole):
            there = files.get(key.as_posix().lower())
            if there is not None and there != image:
                return there
    return None


def _by_number(images: Mapping[int, Path], files: Mapping[str, Path]) -> dict[int, Path]:
    numbers = distinct_numbers(image.stem for image in images.values())
    keys = list(files)
    of_depth = distinct_numbers(PurePosixPath(key).name for key in keys)
    if numbers is None or of_depth is None:
        return {}
    by_number = {number: files[key] for number, key in zip(of_depth, keys, strict=True)}
    pairs = zip(images, numbers, strict=True)
    return {frame: by_number[number] for frame, number in pairs if number in by_number}
