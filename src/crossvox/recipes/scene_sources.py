"""Scenes and sub-volumes that a run learns from: those of its list, as many as labels allow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from crossvox.core.checks import ArtifactError, expect
from crossvox.core.kept import Kept, folder_key
from crossvox.flow.progress import Progress
from crossvox.recipes.data import read_scenes
from crossvox.recipes.train import RunSources
from crossvox.samples.index import SampleIndex
from crossvox.samples.label_budget import labelled_rooms, with_points
from crossvox.samples.params import InputParams
from crossvox.samples.source import SceneSource, load_source
from crossvox.views.params import ViewParams

_SCENES: Kept[SceneSource] = Kept(lambda source: source.bytes)
"""Scenes that this process loaded, for work that knows that their folders stay."""


def load_sources(
    data: Path,
    scenes: str,
    views: ViewParams,
    progress: Progress,
    label: str,
    shown: InputParams | None = None,
) -> list[SceneSource]:
    """Load prepared scenes with their views."""
    return _loaded(read_scenes(data, scenes), views, progress, label, shown)


def _loaded(
    folders: Sequence[Path],
    views: ViewParams,
    progress: Progress,
    label: str,
    shown: InputParams | None,
) -> list[SceneSource]:
    report = progress.step(label)
    sources = []
    for folder in folders:
        sources.append(load_scene(folder, views, shown))
        report(len(sources), len(folders))
    return sources


def load_scene(folder: Path, views: ViewParams, shown: InputParams | None = None) -> SceneSource:
    """Load a prepared scene with its views, once while files stay."""
    key = (folder_key(folder), views, shown or InputParams())
    return _SCENES.get(key, lambda: load_source(folder, views, shown=shown))


def training_rooms(data: Path, given: RunSources, seed: int) -> list[Path]:
    """Folders of the training scenes, as many as may be learnt from.

    Raises:
        ArtifactError: there is none.
    """
    folders = read_scenes(data, given.scenes)
    named = {folder.resolve().name: folder for folder in folders}
    rooms = labelled_rooms(tuple(named), given.labels, seed)
    expect(
        len(rooms) > 0,
        given=f"the {given.labels.half} half of {len(folders)} training rooms, which is empty",
        needed="at least one room",
        do="prepare more rooms, or leave --labels.half out",
        error=ArtifactError,
    )
    return [named[name] for name in rooms]


def training_scenes(
    data: Path,
    given: RunSources,
    views: ViewParams,
    seed: int,
    progress: Progress,
    shown: InputParams | None = None,
) -> list[SceneSource]:
    """Load the training scenes, with the labels that may be used."""
    rooms = training_rooms(data, given, seed)
    sources = _loaded(rooms, views, progress, "training scenes", shown)
    points = given.labels.points
    if not given.labels.all_rooms or points:
        labels = f"{points} labelled points a room" if points else "all of their labels"
        progress.say(f"learns from {len(sources)} training rooms with {labels}")
    return [
        source
        if source.volume is None
        else replace(source, volume=with_points(source.volume, source.name, points, seed))
        for source in sources
    ]


def of_rooms(index: SampleIndex, scenes: Sequence[SceneSource], given: RunSources) -> SampleIndex:
    """The sub-volumes in rooms that are learnt from, of an index that was made for more of them.

    Raises:
        ArtifactError: none is left.
    """
    if given.labels.all_rooms:
        return index
    names = {source.name for source in scenes}
    places = tuple(place for place in index.places if place.scene in names)
    expect(
        len(places) > 0,
        given=f"{len(names)} training rooms, in which no sub-volume of the index lies",
        needed="at least one",
        do="draw more sub-volumes a room, or learn from more rooms",
        error=ArtifactError,
    )
    return replace(index, places=places)
