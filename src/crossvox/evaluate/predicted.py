"""What a prediction folder holds: which scenes, made how and by what, and what may be said of them.

Scenes are known by their manifests. All of a folder must have been made in one way, or a mean over
them would be a mean of different things.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crossvox.core.artifact import MANIFEST, Manifest, digest, read_manifest
from crossvox.core.checks import ArtifactError, expect
from crossvox.core.class_map import ClassMap, table_of
from crossvox.core.labels import NYU40
from crossvox.evaluate.references import scene_folder
from crossvox.flow.collection import changes, item_names
from crossvox.flow.lineage import LEARNT_FROM

FRAME_IDS = "frame_ids"
"""Note of a predicted scene: ids of the frames that it was predicted from, where these are not all
of the prepared scene's."""

_NOT_PREDICTED = frozenset({"prepare-scene", "checkpoint"})
"""Stages whose folders are named here by mistake: data and runs. Predictions are of several stages:
baselines of a study are scored as well."""

MADE_BY = ("run", "geometry", "votes", "run2d")
"""Parents that all scenes of a prediction share."""


@dataclass(frozen=True)
class Scored:
    """One scene to be scored.

    Attributes:
        name: of the scene.
        predicted: folder of what was predicted; a file, where that is all there is.
        prepared: the scene that it claims to be.
        seen: whether the run learnt from this scene; None: it does not tell.
        coverage: share of the windows with a seen voxel that were predicted; None if it is not
            told.
        classes: those that its labels were chosen from, see
            :func:`crossvox.core.class_map.table_of`; None: all 40.
    """

    name: str
    predicted: Path
    prepared: Path
    seen: bool | None = False
    coverage: float | None = None
    classes: ClassMap | None = None


def read_predicted(pred: Path, data: Path) -> list[Scored]:
    """The scenes of a prediction folder, sorted by name.

    Args:
        pred: folder that ``crossvox predict`` wrote; each scene's folder has a manifest.
        data: folder that ``crossvox prepare`` wrote (or one scene of it).

    Raises:
        ArtifactError: ``pred`` holds no scene, scenes that were made in different ways, or one that
            ``data`` lacks.
    """
    manifests = {name: read_manifest(pred / name) for name in predicted_scenes(pred)}
    stages = {manifest.stage for manifest in manifests.values()}
    expect(
        stages.isdisjoint(_NOT_PREDICTED),
        given=f"{pred}, which holds what '{', '.join(sorted(stages))}' wrote",
        needed="a folder that 'crossvox predict' wrote, and behind it its data",
        do="name the prediction first, then the data",
        error=ArtifactError,
    )
    expect_one_way(pred, manifests)
    return [
        Scored(
            name,
            pred / name,
            scene_folder(data, name),
            manifest.notes.get(LEARNT_FROM),
            _share(manifest.notes.get("coverage")),
            table_of(pred / name, manifest),
        )
        for name, manifest in manifests.items()
    ]


def predicted_scenes(pred: Path) -> list[str]:
    """Names of the scenes that a prediction folder holds, sorted: those that its manifest lists.

    Of a folder whose manifest lists none, those with a manifest of their own. Hidden folders are
    what an interrupted call left.

    Raises:
        ArtifactError: it holds none.
    """
    scenes = item_names(pred, MANIFEST)
    expect(
        len(scenes) > 0,
        given=f"{pred}, which holds no predicted scene",
        needed="a folder that 'crossvox predict' wrote",
        do="check the path, or run 'crossvox predict' first",
        error=ArtifactError,
    )
    return scenes


def expect_one_way(pred: Path, manifests: Mapping[str, Manifest]) -> None:
    """Refuse scenes that were made by different runs or with different parameters.

    Raises:
        ArtifactError: they were; names two groups of scenes and what they differ in.
    """
    groups: dict[str, list[str]] = {}
    ways: dict[str, dict[str, Any]] = {}
    for scene, manifest in manifests.items():
        key = way_of(manifest)
        ways[key] = _way(manifest)
        groups.setdefault(key, []).append(scene)
    if len(groups) < 2:
        return
    (one, first), (other, second) = list(groups.items())[:2]
    words = ("in the former", "in the latter")
    changed = "; ".join(changes(ways[one], ways[other], words=words)[:3])
    raise ArtifactError(
        f"given: {pred} with scenes made in {len(groups)} ways, among them {_few(first)} and "
        f"{_few(second)} ({changed}); needed: one run and one set of parameters "
        f"for all scenes of a prediction; do: predict the others into a folder of their own, or "
        f"all of them again"
    )


def way_of(manifest: Manifest) -> str:
    """A fingerprint of the way that a scene was predicted in: by what, with which parameters."""
    return digest(_way(manifest))


def _way(manifest: Manifest) -> dict[str, Any]:
    return {
        "params": manifest.params,
        "parents": {role: manifest.parents.get(role) for role in MADE_BY},
        "numbers": manifest.numbers,
    }


def majority_class(folders: Iterable[Path]) -> int | None:
    """The most frequent class of the training labels, as manifests tell it.

    Args:
        folders: of predicted scenes, or of files made from them.

    Returns:
        A NYU40 id; None where no manifest, or not every one, names one and the same.

    Raises:
        ArtifactError: a manifest names something that is no class; names it.
    """
    found: set[int | None] = set()
    for folder in folders:
        value = None
        if (folder / MANIFEST).is_file():
            value = read_manifest(folder).notes.get("majority_class")
        expect(
            value is None or (isinstance(value, int) and 0 < value < len(NYU40.names)),
            given=f"{folder / MANIFEST} with majority_class {value!r}",
            needed=f"a NYU40 id from 1 to {len(NYU40.names) - 1}",
            do="predict the scene again",
            error=ArtifactError,
        )
        found.add(value)
    return found.pop() if len(found) == 1 else None


def frames_of(folder: Path) -> frozenset[int] | None:
    """Ids of the frames that a scene was predicted from; None: all that have a pose.

    Args:
        folder: of a predicted scene.

    Raises:
        ArtifactError: its manifest names something that is no list of numbers.
    """
    told = None
    if (folder / MANIFEST).is_file():
        told = read_manifest(folder).notes.get(FRAME_IDS)
    if told is None:
        return None
    expect(
        isinstance(told, list) and all(type(one) is int for one in told),
        given=f"{folder / MANIFEST} with {FRAME_IDS} {str(told)[:40]}",
        needed="a list of whole numbers",
        do="predict the scene again",
        error=ArtifactError,
    )
    return frozenset(told)


def coverage_remarks(scene: str, share: float | None) -> list[str]:
    """What a reader must know of a prediction that is not whole, or does not say whether it is."""
    if share is None:
        return [f"{scene}: the prediction does not tell its coverage"]
    if share < 1:
        return [f"{scene}: only {share:.1%} of the windows with a seen voxel were predicted"]
    return []


def _share(value: Any) -> float | None:
    return None if value is None else float(value)


def _few(scenes: Sequence[str]) -> str:
    return ", ".join(scenes[:3]) + (f" and {len(scenes) - 3} more" if len(scenes) > 3 else "")
