"""Scenes and sub-volumes that a run learns from: those of its list, as many as labels allow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from crossvox.core.artifact import MANIFEST, read_manifest
from crossvox.core.checks import ArtifactError, expect
from crossvox.flow.progress import Progress
from crossvox.recipes.data import read_scenes
from crossvox.recipes.train import RunSources
from crossvox.samples.index import SampleIndex
from crossvox.samples.label_budget import labelled_rooms, with_points
from crossvox.samples.params import InputParams
from crossvox.samples.source import SceneSource, load_source
from crossvox.views.params import ViewParams


@dataclass
class _Last:
    """The scenes that this process loaded last, and what was asked for."""

    kept: bool = False
    asked: list[tuple[Any, ViewParams, InputParams]] = field(default_factory=list)
    sources: tuple[SceneSource, ...] = ()


_LAST = _Last()


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
    asked = [(_which(folder), views, shown or InputParams()) for folder in folders]
    if _LAST.kept and _LAST.asked == asked:
        report(len(folders), len(folders))
        return list(_LAST.sources)
    _LAST.asked, _LAST.sources = [], ()
    sources = []
    for folder in folders:
        sources.append(load_source(folder, views, shown=shown))
        report(len(sources), len(folders))
    if _LAST.kept:
        _LAST.asked, _LAST.sources = asked, tuple(sources)
    return sources


def _which(folder: Path) -> tuple[Path, str]:
    """A prepared scene by its place and what it was made from."""
    made = (folder / MANIFEST).is_file()
    return folder.absolute(), read_manifest(folder).digest if made else ""


@contextmanager
def scenes_stay() -> Iterator[None]:
    """In here, scenes that are asked for again one after the other are loaded once.

    For work that knows that their folders do not change in between, such as the cells of a study.
    """
    before, _LAST.kept = _LAST.kept, True
    try:
        yield
    finally:
        _LAST.kept = before


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
