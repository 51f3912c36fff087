"""Which folders a page or a 3D view is about: kinds of folders, links between them, scenes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from crossvox.core.artifact import MANIFEST, METHOD_FILES, Manifest, read_json, read_manifest
from crossvox.core.checks import ArtifactError, CrossvoxError, expect
from crossvox.core.frame import Capture

STUDY = "study.json"
"""What 'crossvox study' writes into its folder."""


@dataclass
class Sources:
    """The folders that the page is about, in the order in which they were found.

    Attributes:
        runs, predictions, data, scans, studies: folders by kind.
        scenes: prepared scenes that were named by themselves, by scene name.
        missing: what was linked to, or expected, and is not there.
    """

    runs: list[Path] = field(default_factory=list)
    predictions: list[Path] = field(default_factory=list)
    data: list[Path] = field(default_factory=list)
    scenes: dict[str, Path] = field(default_factory=dict)
    scans: list[Path] = field(default_factory=list)
    studies: list[Path] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)


def gather(artifacts: Sequence[Path]) -> Sources:
    """The named folders, and those that their manifests link to.

    Raises:
        ArtifactError: there is none, or one is no folder of any known kind.
    """
    expect(
        len(artifacts) > 0,
        given="no folder",
        needed="at least one run, prediction or scan folder",
        do="name the folder that 'crossvox predict' or 'crossvox train' wrote",
        error=ArtifactError,
    )
    sources, seen = Sources(), set[Path]()
    for path in artifacts:
        expect(
            path.is_dir() and folder_kind(path) is not None,
            given=f"{path}, which is {'no such folder' if path.is_dir() else 'not there'}",
            needed="a folder that 'crossvox train', 'predict', 'prepare', 'scan' or 'study' wrote",
            do="check the path, or run that stage",
            error=ArtifactError,
        )
        _follow(path, sources, seen)
    return sources


def folder_kind(folder: Path) -> str | None:
    """What a folder is: run, prediction, data, scene, scan, study; None if none of these."""
    manifest = manifest_of(folder)
    stage = manifest.stage if manifest is not None else ""
    for start, kind in (
        ("train", "run"),
        ("import-checkpoint", "run"),
        ("predict-scene", "predicted scene"),
        ("predict", "prediction"),
        ("prepare-scene", "scene"),
        ("prepare", "data"),
        ("scan", "scan"),
        ("study", "study"),
    ):
        if stage.startswith(start):
            return kind
    if (folder / STUDY).is_file():
        return "study"
    if (folder / "log.jsonl").is_file() or (folder / "best").is_dir():
        return "run"
    if any(folder.glob("scores.*.json")) or any(folder.glob("*/mesh.ply")):
        return "prediction"
    if (folder / "color").is_dir():
        return "scene"
    if (folder / "val.txt").is_file() or any(folder.glob("*/color")):
        return "data"
    if (folder / "prediction").is_dir() or (folder / "data").is_dir():
        return "scan"
    return None


def _follow(folder: Path, sources: Sources, seen: set[Path]) -> None:
    """Sort a folder in, then those that its manifest links to."""
    key = folder.resolve()
    kind = folder_kind(folder)
    if key in seen or kind is None:
        return
    seen.add(key)
    if kind == "scene":
        sources.scenes.setdefault(key.name, folder)
    elif kind == "predicted scene":
        _follow(folder.parent, sources, seen)
    else:
        places = {
            "run": sources.runs,
            "prediction": sources.predictions,
            "data": sources.data,
            "scan": sources.scans,
            "study": sources.studies,
        }
        places[kind].append(folder)
    manifest = manifest_of(folder)
    links = dict(manifest.links) if manifest is not None else {}
    if kind == "scan":
        links |= {name: name for name in ("data", "prediction") if (folder / name).is_dir()}
    for role, link in links.items():
        target = folder / link
        if not target.is_dir():
            sources.missing.append(
                f"{key.name}: the {role} folder it was made from ({hidden(str(link))}) is gone"
            )
        else:
            _follow(target, sources, seen)


def manifest_of(folder: Path) -> Manifest | None:
    """A folder's manifest; None if there is none that can be read."""
    if not (folder / MANIFEST).is_file():
        return None
    try:
        return read_manifest(folder)
    except (CrossvoxError, TypeError):
        return None


def json_of(path: Path, sources: Sources) -> dict[str, Any] | None:
    """A JSON object; None if the file is not there, or, told on the page, is none."""
    if not path.is_file():
        return None
    try:
        record = read_json(path)
    except ArtifactError as error:
        sources.missing.append(hidden(str(error)))
        return None
    if not isinstance(record, dict):
        sources.missing.append(f"{path.name} is not a table")
        return None
    return record


def predicted_scenes(sources: Sources) -> list[str]:
    """Names of the scenes that any prediction has a mesh of."""
    return once(
        folder.name
        for prediction in sources.predictions
        for folder in sorted(prediction.iterdir())
        if any((folder / file).is_file() for file in METHOD_FILES.values())
    )


def prepared_scenes(sources: Sources) -> list[str]:
    """Names of the prepared scenes, the held-out ones first."""
    names = list(sources.scenes)
    for data in sources.data:
        names += [*split_names(data, "val"), *split_names(data, "train")]
        names += sorted(folder.parent.name for folder in data.glob("*/color"))
    return [name for name in once(names) if scene_folder(name, sources) is not None]


def split_names(data: Path, name: str) -> list[str]:
    """Scenes of a split: ``train`` or ``val``."""
    path = data / f"{name}.txt"
    return path.read_text(encoding="utf-8").split() if path.is_file() else []


def scene_folder(name: str, sources: Sources) -> Path | None:
    """The prepared scene of this name."""
    candidates = [sources.scenes.get(name), *(data / name for data in sources.data)]
    return next((path for path in candidates if path is not None and path.is_dir()), None)


def split_of(name: str, sources: Sources) -> str:
    """Whether a scene is held out or seen in training; empty if nobody knows."""
    for data in sources.data:
        if name in split_names(data, "val"):
            return "held out"
        if name in split_names(data, "train"):
            return "seen in training"
    return ""


def is_fused(folder: Path) -> bool:
    """Whether a prepared scene has no ground truth but the fusion of its own frames."""
    manifest = manifest_of(folder)
    return manifest is not None and manifest.notes.get("surface") == "tsdf"


def posed(capture: Capture) -> list[tuple[int, Any]]:
    """Positions and poses of the frames with a valid pose."""
    found = []
    for index in range(len(capture)):
        pose = capture.pose(index)
        if pose is not None:
            found.append((index, pose))
    return found


def as_dict(value: Any) -> dict[str, Any]:
    """The value if it is a dictionary, else an empty one."""
    return value if isinstance(value, dict) else {}


def as_list(value: Any) -> list[Any]:
    """The value if it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def once(texts: Iterable[str]) -> list[str]:
    """Every text once, in order."""
    return list(dict.fromkeys(texts))


_ABSOLUTE = re.compile(r"(?<![\w.:/\\-])(?:/|~/|[A-Za-z]:[\\/])[^\s,;:'\"()<>|]*[^\s,;:'\"()<>|.]")


def hidden(text: str) -> str:
    """The text with absolute paths cut down to their last name: a page travels, machines do not."""

    def last(found: re.Match[str]) -> str:
        path = found[0]
        kind = PureWindowsPath if "\\" in path or path[1:2] == ":" else PurePosixPath
        name = kind(path).name
        return f"…/{name}" if name and len(kind(path).parts) > 1 else path

    return _ABSOLUTE.sub(last, text)


def hidden_all(value: Any) -> Any:
    """Likewise for every text in a JSON-like value."""
    if isinstance(value, str):
        return hidden(value)
    if isinstance(value, Mapping):
        return {str(key): hidden_all(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [hidden_all(item) for item in value]
    return value
