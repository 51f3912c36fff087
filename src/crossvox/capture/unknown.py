"""What is told of a file or folder that no reader claims: what is there, and what can be done."""

from __future__ import annotations

import os
import zipfile
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from crossvox.capture.readers import plain_files
from crossvox.core.artifact import manifest_if_any
from crossvox.core.checks import CaptureError

DOCS = "docs/data-formats.md"

ROOMS = "rooms"
"""The stage whose finished scenes are captures."""

_MOST_FILES = 20_000
_DEEPEST = 4
_SHOWN = 6

_IMAGES = {".jpg", ".jpeg", ".png", ".tif", ".tiff", ".webp", ".bmp", ".heic", ".heif", ".dng"}
_VIDEOS = {".mp4", ".mov", ".avi", ".webm", ".m4v"}
_SURFACES = {".ply", ".obj", ".stl", ".glb", ".gltf", ".off", ".fbx", ".dae", ".3ds"}
_POINTS = {".pcd", ".xyz", ".pts", ".ptx", ".las", ".laz", ".e57", ".copc"}
_READ_SURFACES = (".ply",)

_BY_ENDING = {
    ".las": "LAS and LAZ hold points of laser scanners, without images or cameras",
    ".laz": "LAS and LAZ hold points of laser scanners, without images or cameras",
    ".e57": "E57 holds points of laser scanners, and panoramas at most",
    ".usdz": "USDZ holds a finished model (RoomPlan, Object Capture), without depth images",
    ".usd": "USD holds a finished model, without depth images",
    ".usda": "USD holds a finished model, without depth images",
    ".usdc": "USD holds a finished model, without depth images",
    ".heic": "HEIC photos have to be converted to JPEG, and lack depth images of a known scale",
    ".heif": "HEIC photos have to be converted to JPEG, and lack depth images of a known scale",
    ".dng": "DNG photos have to be converted to JPEG, and lack depth",
    ".insv": "panoramic videos have no depth",
    ".insp": "panoramic photos have no depth",
    ".srt": "videos of drones have no depth",
    ".mkv": "recordings of the Azure Kinect become a folder that is read by Open3D's "
    "azure_kinect_mkv_reader.py, and get poses from 'crossvox track FOLDER POSES.txt'; other "
    "videos have no depth",
    ".mcap": "this recording has no topics that are read",
    ".svo": "recordings of ZED cameras have to be exported with the maker's tools",
    ".svo2": "recordings of ZED cameras have to be exported with the maker's tools",
    ".zlib": "streams of MultiScan are not read",
    ".oni": "recordings of OpenNI have to be exported as images, for example with Open3D",
    ".rvt": "building models have no images",
    ".ifc": "building models have no images",
    ".splat": "Gaussian splats are a finished model, without depth images",
    ".spz": "Gaussian splats are a finished model, without depth images",
    ".ksplat": "Gaussian splats are a finished model, without depth images",
    ".tar": "unpack it, and pass the folder (ZIP files are read as they are)",
    ".gz": "unpack it, and pass the folder (ZIP files are read as they are)",
    ".tgz": "unpack it, and pass the folder (ZIP files are read as they are)",
    ".7z": "unpack it, and pass the folder (ZIP files are read as they are)",
    ".rar": "unpack it, and pass the folder (ZIP files are read as they are)",
}

_RESEMBLES: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = (
    ("TUM RGB-D", ("groundtruth.txt", "rgb.txt"), ("rgb.txt", "depth.txt")),
    ("ARKitScenes", ("lowres_wide.traj", "lowres_wide/"), ("lowres_wide/", "lowres_depth/")),
    ("Replica (NICE-SLAM)", ("cam_params.json", "traj.txt"), ("results/", "traj.txt")),
    ("Record3D (EXR + JPG)", ("metadata.json",), ("rgb/", "depth/")),
    ("3RScan", ("semseg.v2.json", "_info.txt"), ("sequence/ (or sequence.zip unpacked there)",)),
    ("ScanNet", ("scannetv2-labels.combined.tsv", "label-filt/"), ("SCENE.sens",)),
    ("Matterport3D", ("undistorted_camera_parameters/", "matterport_color_images/"), ()),
    ("photos of a DJI drone", ("DCIM/", "MISC/"), ("depth images, which drones do not take",)),
)
"""Formats by files or folders that tell them, and what they need. Readers name what is lacking of
formats that they claim; these are told where no reader does."""


@dataclass(eq=False)
class Seen:
    """What lies below a folder or in a ZIP file.

    Attributes:
        names: paths of files and folders (with a slash) at the first levels.
        endings: files by ending.
        places: files by folder and ending.
        more: whether there is more than was looked at.
    """

    names: set[str] = field(default_factory=set)
    endings: Counter[str] = field(default_factory=Counter)
    places: Counter[tuple[str, str]] = field(default_factory=Counter)
    more: bool = False

    def add(self, name: str) -> None:
        """Count a file."""
        parts = name.split("/")
        if any(part.startswith((".", "__MACOSX")) for part in parts):
            return
        ending = os.path.splitext(parts[-1])[1].lower()
        self.endings[ending] += 1
        self.places["/".join(parts[:-1]), ending] += 1
        if sum(self.endings.values()) <= _MOST_FILES:
            self.names.add(name)
        for depth in range(1, len(parts)):
            self.names.add("/".join(parts[:depth]) + "/")

    def count(self, endings: set[str]) -> int:
        """How many files have one of these endings."""
        return sum(self.endings[ending] for ending in endings)


def unknown(path: Path, needed: str) -> CaptureError:
    """The error of a path that exists and no reader claims.

    Args:
        path: the file or folder.
        needed: what the readers look for.
    """
    seen = look(path)
    what = _what(path, seen)
    hints = _hints(path, seen)
    # Where it is plain what it looks like, a list of all that it could have been hides that.
    known = f". {' '.join(hints).removesuffix('.')}" if hints else ""
    formats = "" if hints else f", as one of: {needed}"
    return CaptureError(
        f"given: {path}, which is no capture of a known format{what}{known}; "
        f"needed: colour and depth images with poses and a camera{formats}; "
        f"do: look into {DOCS} for how each format is laid out, docs/own-captures.md for a folder "
        f"of your own"
    )


def look(path: Path) -> Seen:
    """Names of what is there; nothing is opened but the list of a ZIP file."""
    seen = Seen()
    if path.is_dir():
        _look_in_folder(path, seen)
    elif path.suffix.lower() == ".zip":
        for name in _names_in(path):
            seen.add(name)
    else:
        seen.add(path.name)
    return seen


def _names_in(path: Path) -> list[str]:
    """Files of a ZIP file; none where it is damaged."""
    damage = (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, EOFError)
    with suppress(*damage), zipfile.ZipFile(path) as archive:
        names = [info.filename.replace("\\", "/") for info in archive.infolist()]
        return [name for name in names if name and not name.endswith("/")]
    return []


def _look_in_folder(path: Path, seen: Seen) -> None:
    for place, folders, files in os.walk(path):
        inside = Path(place).relative_to(path)
        if len(inside.parts) >= _DEEPEST:
            folders.clear()
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in folders:
            seen.names.add((inside / name).as_posix() + "/")
        for name in sorted(files):
            seen.add((inside / name).as_posix())
        if sum(seen.endings.values()) > _MOST_FILES:
            seen.more = True
            return


def _what(path: Path, seen: Seen) -> str:
    """What is there, in words, with a comma before it."""
    if path.suffix.lower() == ".zip" and path.is_file() and not seen.endings:
        return ": a ZIP file that is empty or damaged"
    if not path.is_dir() and path.suffix.lower() != ".zip":
        return ""
    if not seen.endings:
        return ": it is empty"
    counts = [
        f"{count} {ending or 'files without ending'}{f' in {place}/' if place else ''}"
        for (place, ending), count in seen.places.most_common(_SHOWN)
    ]
    rest = len(seen.places) - _SHOWN
    counts += [f"{rest} more kinds"] if rest > 0 else []
    return f": it holds {', '.join(counts)}{' and more' if seen.more else ''}"


def _hints(path: Path, seen: Seen) -> list[str]:
    """Sentences about what it looks like and what can be done."""
    if ours := _of_ours(path):
        return ours
    format_hint = _of_format(seen)
    return [
        *format_hint,
        *_of_frames(path, seen, format_told=bool(format_hint)),
        *_of_models(path, seen),
        *_of_endings(seen),
    ]


def _of_ours(path: Path) -> list[str]:
    """What it is if a command of this package wrote it."""
    told = manifest_if_any(path)
    if told is None:
        return []
    if told.stage == ROOMS:
        return [f"No room of it is finished: call 'crossvox {ROOMS}' again, and it goes on."]
    behind = told.links.get("data")
    source = "" if behind is None else f" (made from {os.path.normpath(path / behind)})"
    return [f"It is what stage '{told.stage}' wrote{source}, and holds no frames."]


def _of_format(seen: Seen) -> list[str]:
    """Which format it looks like, and what of it is lacking."""
    for name, marks, parts in _RESEMBLES:
        told = next((mark for mark in marks if _has(seen, mark)), None)
        lacking = [part for part in parts if not _has(seen, part)]
        if told and (lacking or not parts):
            without = f" without {' and '.join(lacking)}" if lacking else ""
            return [f"{told}{without}: looks like {name}."]
    return []


def _of_frames(path: Path, seen: Seen, *, format_told: bool) -> list[str]:
    """What frames lack to be RGB-D; images alone are no hint beside a format that is told."""
    color = plain_files.color_folder(path) if path.is_dir() else None
    depth = plain_files.depth_folder(path) if path.is_dir() else None
    if color is not None and depth is None:
        return [
            f"{color.name}/ without depth/: no depth, and this tool needs RGB-D; a scan of images "
            "alone has no scale."
        ]
    if depth is not None and color is None:
        return [f"{depth.name}/ without color/: colour images are needed beside the depth."]
    images = seen.count(_IMAGES)
    if seen.count(_SURFACES):
        return []
    if seen.count(_VIDEOS) and not images:
        return [
            "A video alone has no depth: this tool needs RGB-D. Record with an app that keeps "
            "depth (Stray Scanner, Record3D, 3D Scanner App)."
        ]
    if images and not format_told:
        return [
            "There are images, but no depth in a folder that its name tells (color/, depth/, "
            "pose/): this tool needs RGB-D."
        ]
    return []


def _of_models(path: Path, seen: Seen) -> list[str]:
    """What can be done with a mesh or a point cloud alone."""
    surfaces, points = seen.count(_SURFACES), seen.count(_POINTS)
    if (not surfaces and not points) or seen.count(_IMAGES) > surfaces + points:
        return []
    kind = "mesh" if surfaces else "point cloud"
    first = [f"A {kind} alone has no frames: nothing can be reconstructed or prepared from it."]
    if any(seen.endings[end] for end in _READ_SURFACES):
        name = path.name if path.is_file() else "MESH.ply"
        first.append(
            f"It can be scored against another with 'crossvox score {name} OTHER.ply', and seen "
            "with 'crossvox view' once it lies in a prepared scene. It cannot be labelled: classes "
            "come from images with poses."
        )
    elif surfaces:
        first.append("Convert it to PLY to score it against another with 'crossvox score'.")
    else:
        first.append("Converted to PLY it can be scored against another with 'crossvox score'.")
    return first


def _of_endings(seen: Seen) -> list[str]:
    """What is known of the most common kinds of files, two at the most."""
    told = [_BY_ENDING[end] for end, _ in seen.endings.most_common() if end in _BY_ENDING]
    return [f"{text[0].upper()}{text[1:]}." for text in dict.fromkeys(told)][:2]


def _has(seen: Seen, mark: str) -> bool:
    return any(name == mark or name.endswith(f"/{mark}") for name in seen.names)
