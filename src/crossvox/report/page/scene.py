"""Everything the page shows of one scene."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from crossvox.capture.readers.folder import FolderCapture
from crossvox.capture.remarks import remarks_of
from crossvox.core.checks import CrossvoxError
from crossvox.core.formats import bytes_text
from crossvox.core.frame import Capture, Parts
from crossvox.core.methods import VOTES
from crossvox.core.threads import threads
from crossvox.core.volume import Mesh
from crossvox.report.embed import FINE, webp_uri, within
from crossvox.report.folders import posed, split_of
from crossvox.report.hiding import hidden, hidden_all
from crossvox.report.layers import Layer, room_layers
from crossvox.report.look import room_view
from crossvox.report.page.completed import completed_pictures
from crossvox.report.page.contents import contents_part
from crossvox.report.page.inputs import Taken, inputs
from crossvox.report.page.labelled import labelled_picture, plain_picture
from crossvox.report.page.renderings import (
    Seen,
    class_pictures,
    labels_beside_photo,
    sights_of,
    surface_pictures,
)
from crossvox.report.params import ReportParams
from crossvox.report.pictures.painter import Sight
from crossvox.report.pictures.surface import Surface, Surfaces
from crossvox.report.pictures.viewpoint import View, birdseye_view, capture_view
from crossvox.report.rooms import Room, read_room
from crossvox.report.sources import Sources
from crossvox.report.values import once
from crossvox.report.view.file import write_viewer_html
from crossvox.report.view.glb import write_shaded_glb

T = TypeVar("T")

LARGE = 1.6
"""How much wider than the others the first picture of a room is."""


def scene_record(
    name: str,
    sources: Sources,
    side: Path,
    params: ReportParams,
    beside: list[Path],
    advance: Callable[[], None],
    back: str = "",
) -> dict[str, Any]:
    """Everything the page shows of one scene.

    Args:
        name: of the scene.
        sources: the folders.
        side: folder of the files beside the page.
        params: what is shown.
        beside: gets the files that were written.
        advance: called twice.
        back: address of the page, from the files beside it.
    """
    room = read_room(name, sources)
    sources.missing += room.missing
    layers = room_layers(room, params.error_reach_m)
    taken = _taken(room, sources)
    record: dict[str, Any] = {
        "name": name,
        "split": split_of(name, sources),
        "hero": None,
        "contents": contents_part(room),
        "views": [],
        "errors": [],
        "completed": None,
        "classes": None,
        "inputs": None,
        "remarks": _remarks(room, sources),
        "view_3d": None,
        "notes": _notes(name, sources),
    }
    views: list[View] = []
    seen = Seen()
    with ThreadPoolExecutor(1) as pool:
        view_3d = None
        if room.best is not None:
            best = seen.surfaces.of(room.best)
            views, photo = _views(room, room.best, best, taken, params, sources)
            if params.view_3d:
                view_3d = _beside(
                    pool, _view_3d, room, layers, views[0], seen.surfaces, taken, side, params, back
                )
            sights = sights_of(views)
            record["hero"] = _hero(room, best, params, seen, sights[0])
            record["views"], record["errors"] = surface_pictures(room, layers, views, sights, seen)
            record["classes"] = class_pictures(room, sights[0], seen)
            record["completed"] = completed_pictures(room, partial(seen.coded, sights[0]))
            if photo is not None and len(record["views"]) > 1:
                _lay_over(photo, labels_beside_photo(room, sights[1], seen), record["views"][1])
        if taken is not None:
            record["inputs"] = inputs(name, taken, room.best, views, params, sources)
        advance()
        if view_3d is not None:
            record["view_3d"], written = view_3d()
            beside += written
        advance()
    return record


def _beside(pool: ThreadPoolExecutor, work: Callable[..., T], *given: Any) -> Callable[[], T]:
    """What gives the result of some work: done meanwhile, where this process has threads for it."""
    return pool.submit(work, *given).result if threads() > 1 else partial(work, *given)


def _lay_over(photo: dict[str, str], classes: list[dict[str, str]], view: dict[str, Any]) -> None:
    """Put a photo among a view's pictures; classes, or the first surface, are laid over it."""
    for item in view["pictures"]:
        item.pop("side", None)
    (classes or view["pictures"])[0]["side"] = "right"
    view["pictures"].insert(0, {**photo, "side": "left"})
    view["classes"] = classes


def _hero(
    room: Room, surface: Surface, params: ReportParams, seen: Seen, smaller: Sight
) -> dict[str, Any] | None:
    """The large picture of a room: labelled where it has labels, else in its own colours."""
    width = round(params.picture_width_px * LARGE)
    view = birdseye_view(surface.given, (width, round(width * 0.72)))
    sight = sights_of([view])[0]
    return labelled_picture(room, sight, seen, smaller) or plain_picture(room, sight, seen)


def _taken(room: Room, sources: Sources) -> Taken | None:
    """The scene's capture; None, told on the page, where it is not there."""
    if room.folder is None:
        sources.missing.append(
            f"{room.name}: its prepared scene is not there, so no frames are shown"
        )
        return None
    try:
        capture = FolderCapture(room.folder)
    except CrossvoxError as error:
        sources.missing.append(hidden(f"{room.name}: frames cannot be read ({error})"))
        return None
    return Taken(capture, posed(capture))


def _views(
    room: Room,
    best: Mesh,
    surface: Surface,
    taken: Taken | None,
    params: ReportParams,
    sources: Sources,
) -> tuple[list[View], dict[str, str] | None]:
    """Points of view: from above, and one of the capture's with its photo."""
    width = params.picture_width_px
    views = [birdseye_view(best, (width, round(width * 0.72)))]
    if taken is None or not taken.frames:
        return views, None
    poses = [pose for _, pose in taken.frames]
    found = capture_view(best, taken.capture.camera(), poses, width, surface=surface)
    if found is None:
        return views, None
    index = taken.frames[found[1]][0]
    return [*views, found[0]], _photo(room.name, taken.capture, index, width, sources)


def _notes(name: str, sources: Sources) -> dict[str, Any]:
    """What the predictions noted of a scene."""
    notes: dict[str, Any] = {}
    for prediction in sources.predictions:
        manifest = sources.manifest(prediction / name)
        if manifest is not None:
            notes |= {key: hidden_all(value) for key, value in manifest.notes.items()}
    return notes


def _remarks(room: Room, sources: Sources) -> list[str]:
    """What the prepared scene notes of its capture."""
    manifest = None if room.folder is None else sources.manifest(room.folder)
    return [] if manifest is None else [hidden(line) for line in remarks_of(manifest.notes)]


def _photo(
    name: str, capture: Capture, index: int, width_px: int, sources: Sources
) -> dict[str, str] | None:
    """The capture's own picture from the pose that the surfaces are shown from."""
    try:
        frame = capture.frame(index, parts=Parts(depth=False, labels=False))
    except CrossvoxError as error:
        sources.missing.append(hidden(f"{name}: a frame cannot be read ({error})"))
        return None
    if frame.rgb is None:
        return None
    return {
        "method": "Photo",
        "text": f"frame {frame.id} of the capture",
        "data": webp_uri(within(frame.rgb, width_px), FINE),
        "alt": f"{name}, photo, frame {frame.id}",
    }


def _view_3d(
    room: Room,
    layers: Sequence[Layer],
    view: View,
    surfaces: Surfaces,
    taken: Taken | None,
    side: Path,
    params: ReportParams,
    back: str,
) -> tuple[dict[str, Any], list[Path]]:
    """Write the 3D view and the GLB of the main surface: what the page says of them, and they."""
    safe = re.sub(r"[^\w.\-]+", "_", room.name)
    html, glb = side / f"{safe}.html", side / f"{safe}.glb"
    capture, frames = (None, ()) if taken is None else (taken.capture, taken.frames)
    look = room_view(room, layers, view, capture, frames, reach_m=params.error_reach_m, back=back)
    written = write_viewer_html(look, html, max_faces=params.view_faces, surfaces=surfaces)
    meshes = {**room.meshes, **({} if room.votes is None else {VOTES: room.votes})}
    main = next(iter(meshes))
    faces = write_shaded_glb(glb, meshes[main], 4 * params.view_faces, surfaces.of(meshes[main]))
    shown = once(layer.group for layer in look.layers)
    told = {
        "html": f"{side.name}/{html.name}",
        "html_size": bytes_text(written.size_bytes),
        "surfaces": [*shown, *(["classes with a legend"] if written.classes else [])],
        "glb": f"{side.name}/{glb.name}",
        "glb_size": bytes_text(glb.stat().st_size),
        "glb_of": room.method_name(main),
        "glb_faces": faces,
    }
    return told, [html, glb]
