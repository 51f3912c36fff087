"""What folders hold: tables, scenes and their splits."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from crossvox.core.artifact import read_json
from crossvox.core.checks import ArtifactError
from crossvox.core.frame import Capture
from crossvox.core.methods import CLASS_MESHES, METHOD_FILES, is_own_fusion
from crossvox.flow.collection import unlisted_items
from crossvox.flow.lineage import LEARNT_FROM, scene_list
from crossvox.report.hiding import hidden
from crossvox.report.sources import Sources
from crossvox.report.values import once

HELD_OUT, SEEN = "held out", "seen in training"
"""What a scene was to the network."""

_SURFACES = (*METHOD_FILES.values(), *CLASS_MESHES.values())
"""Files of which a predicted scene holds one at least."""


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


def scenes_of(folder: Path, sources: Sources) -> list[str]:
    """Names of the scenes that a prediction or prepared data hold.

    The manifest lists them; in a folder without such a list they are the folders inside that hold
    frames or a predicted surface. What is listed and gone is told on the page.
    """
    manifest = sources.manifest(folder)
    if manifest is None or not manifest.items:
        return unlisted_items(folder, "color", *_SURFACES)
    gone = [name for name in manifest.items if not (folder / name).is_dir()]
    if gone:
        line = f"{folder.resolve().name}: scenes that its manifest lists are gone: "
        sources.missing.append(line + ", ".join(sorted(gone)))
    return sorted(name for name in manifest.items if name not in gone)


def predicted_scenes(sources: Sources) -> list[str]:
    """Names of the predicted scenes."""
    return once(
        name for prediction in sources.predictions for name in scenes_of(prediction, sources)
    )


def prepared_scenes(sources: Sources) -> list[str]:
    """Names of the prepared scenes, the held-out ones first."""
    names = list(sources.scenes)
    for data in sources.data:
        names += [*scene_list(data, "val"), *scene_list(data, "train"), *scenes_of(data, sources)]
    return [name for name in once(names) if scene_folder(name, sources) is not None]


def scene_folder(name: str, sources: Sources) -> Path | None:
    """The prepared scene of this name."""
    candidates = [sources.scenes.get(name), *(data / name for data in sources.data)]
    return next((path for path in candidates if path is not None and path.is_dir()), None)


def split_of(name: str, sources: Sources) -> str:
    """Whether a scene is held out or seen in training; empty if nobody knows.

    What the predicted scene itself tells goes before the lists of the data, for a network may have
    learnt from other data, and its 2D network too.
    """
    if learnt_from(name, sources):
        return SEEN
    for data in sources.data:
        if name in scene_list(data, "val"):
            return HELD_OUT
        if name in scene_list(data, "train"):
            return SEEN
    return ""


def learnt_from(name: str, sources: Sources) -> bool:
    """Whether any prediction says of a scene that a network behind it has learnt from it."""
    manifests = (sources.manifest(prediction / name) for prediction in sources.predictions)
    return any(m is not None and m.notes.get(LEARNT_FROM) is True for m in manifests)


def is_fused(folder: Path, sources: Sources) -> bool:
    """Whether a prepared scene has no ground truth but the fusion of its own frames."""
    manifest = sources.manifest(folder)
    return manifest is not None and is_own_fusion(manifest.notes)


def against_fusion(scenes: Iterable[str], sources: Sources) -> bool:
    """Whether any of the scenes is measured against the fusion of its own frames."""
    folders = [scene_folder(name, sources) for name in scenes]
    return any(folder is not None and is_fused(folder, sources) for folder in folders)


def posed(capture: Capture) -> list[tuple[int, Any]]:
    """Positions and poses of the frames with a valid pose."""
    found = []
    for index in range(len(capture)):
        pose = capture.pose(index)
        if pose is not None:
            found.append((index, pose))
    return found
