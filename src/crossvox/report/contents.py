"""Objects and floor plan of a room, as files beside its mesh hold them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from crossvox.core.artifact import file_digest, manifest_if_any
from crossvox.core.checks import CrossvoxError
from crossvox.core.files import ROOM_MESH
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


def contents_places(
    name: str, prepared: Path | None, sources: Sources, shown: Path | None, missing: list[str]
) -> list[Path]:
    """Folders that may hold what is known of a scene's contents, the nearest first.

    A scan holds one scene, so its own folder tells of that one.

    Args:
        name: of the scene.
        prepared: the prepared scene.
        sources: where all lies.
        shown: the predicted scene whose classes are shown, which its contents are found by: those
            of others are left out; None: of any.
        missing: is told what is left out.
    """
    places = [place for p in sources.predictions for place in places_of_prediction(p, name)]
    above = [*sources.scans]
    above += [d.resolve().parent for d in sources.data if scenes_of(d, sources) == [name]]
    above += [p.resolve().parent for p in sources.predictions if scenes_of(p, sources) == [name]]
    places += [folder for folder in above if (folder / "prediction" / name).is_dir()
               or (folder / "data" / name).is_dir()]  # fmt: skip
    places = [p for p in dict.fromkeys(p.resolve() for p in places) if _holds_contents(p)]
    if shown is not None:
        others = {(p / name).resolve() for p in sources.predictions} - {shown.resolve()}
        left_out = [p for p in places if p in others or not _is_of(p, shown.resolve())]
        places = [place for place in places if place not in left_out]
        missing += [
            f"{name}: objects and floor plan in {place.parent.name}/{place.name} are not shown: "
            f"they are not of {shown.parent.resolve().name}, whose classes are shown"
            for place in left_out
        ]
    return places if prepared is None else [*places, prepared]


def _is_of(place: Path, shown: Path) -> bool:
    """Whether a folder beside or above a predicted scene tells of its contents, not of another's.

    A scan's are of its own prediction; what 'crossvox objects' found is of the mesh that it read.
    """
    predicted = place / "prediction" / shown.name
    if predicted.is_dir():
        return predicted.resolve() == shown
    manifest = manifest_if_any(place)
    if manifest is None or manifest.stage != "objects":
        return True
    meshes = [*shown.glob("*.ply"), shown.parent.parent / ROOM_MESH]
    return any(file_digest(p) == manifest.parents.get("mesh") for p in meshes if p.is_file())


def _holds_contents(place: Path) -> bool:
    return any((place / file).is_file() for file in (OBJECTS_FILE, PLAN_FILE))


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
        if _holds_contents(place):
            contents = _contents(place / OBJECTS_FILE, missing)
            return contents, _plan(place / PLAN_FILE, missing)
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
