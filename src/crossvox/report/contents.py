"""Objects and floor plan of a room, as files beside its mesh hold them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from crossvox.core.checks import CrossvoxError
from crossvox.core.room_contents import OBJECTS_FILE, RoomContents
from crossvox.report.folders import scenes_of
from crossvox.report.hiding import hidden
from crossvox.report.sources import Sources

PLAN_FILE = "floorplan.svg"
"""Floor plan beside :data:`OBJECTS_FILE`."""

OBJECTS_FOLDER = "objects"
"""Beside a prediction: what its scenes hold, a folder each."""

_MOST_BYTES = 4_000_000
"""A plan larger than this is no drawing of one room."""


def contents_places(name: str, prepared: Path | None, sources: Sources) -> list[Path]:
    """Folders that may hold what is known of a scene's contents, the nearest first.

    A scan holds one scene, so its own folder tells of that one.
    """
    places = [place for p in sources.predictions for place in places_of_prediction(p, name)]
    above = [*sources.scans]
    above += [d.resolve().parent for d in sources.data if scenes_of(d, sources) == [name]]
    above += [p.resolve().parent for p in sources.predictions if scenes_of(p, sources) == [name]]
    places += [folder for folder in above if (folder / "prediction" / name).is_dir()
               or (folder / "data" / name).is_dir()]  # fmt: skip
    return places if prepared is None else [*places, prepared]


def places_of_prediction(prediction: Path, name: str) -> list[Path]:
    """Folders that may hold what is known of a predicted scene, the nearest first."""
    return [prediction / name, prediction.resolve().parent / OBJECTS_FOLDER / name]


def read_contents(
    places: Iterable[Path], missing: list[str]
) -> tuple[RoomContents | None, bytes | None]:
    """Contents and floor plan out of the first folder that has either.

    Args:
        places: folders, see :func:`contents_places`.
        missing: is told what cannot be read.
    """
    for place in places:
        objects, plan = place / OBJECTS_FILE, place / PLAN_FILE
        if objects.is_file() or plan.is_file():
            return _contents(objects, missing), _plan(plan, missing)
    return None, None


def _contents(path: Path, missing: list[str]) -> RoomContents | None:
    if not path.is_file():
        return None
    try:
        return RoomContents.read(path)
    except CrossvoxError as error:
        missing.append(hidden(f"{path.name} cannot be read ({error})"))
        return None


def _plan(path: Path, missing: list[str]) -> bytes | None:
    """The drawing as it is: the page shows it as a picture, in which no script runs."""
    if not path.is_file():
        return None
    try:
        data = path.read_bytes()
    except OSError as error:
        missing.append(hidden(f"{path.name} cannot be read ({error})"))
        return None
    if len(data) > _MOST_BYTES or b"<svg" not in data[:4000]:
        missing.append(f"{path.name} is no floor plan")
        return None
    return data
