"""The page: what went in, what came out, how good it is, as one HTML file that needs no network."""

from __future__ import annotations

import math
import os
import platform
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as package_version
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

import crossvox
from crossvox.capture import open_capture
from crossvox.core.artifact import MANIFEST, plain, read_json, replacing
from crossvox.core.checks import ArtifactError, CrossvoxError, ParamsError, expect
from crossvox.core.frame import Capture, Parts
from crossvox.core.volume import Mesh
from crossvox.metrics import reading
from crossvox.report import curves
from crossvox.report.classes import (
    PROTOCOL as CLASS_PROTOCOL,
)
from crossvox.report.classes import (
    ClassScores,
    class_drawings,
    class_facts,
    class_sentence,
    error_legend,
    gallery,
    legend,
    read_class_scores,
    score_rows,
    transfer_table,
)
from crossvox.report.curves import TrainingLog, number
from crossvox.report.embed import css_color, jpeg_uri, webp_uri, within
from crossvox.report.look import room_view
from crossvox.report.pictures import (
    DEPTH_MAP,
    ERROR_MAP,
    NOTHING,
    Painter,
    Rays,
    View,
    birdseye_view,
    capture_view,
    color_map,
    depth_picture,
    footprint,
    surface_points,
)
from crossvox.report.rooms import (
    CLASS_TEXTS,
    METHOD_TEXTS,
    Layer,
    Room,
    class_colors,
    class_error_colors,
    class_shares,
    method_name,
    read_room,
    room_layers,
)
from crossvox.report.sources import (
    Sources,
    as_dict,
    as_list,
    gather,
    hidden,
    hidden_all,
    is_fused,
    json_of,
    manifest_of,
    once,
    posed,
    predicted_scenes,
    prepared_scenes,
    scene_folder,
    split_of,
)
from crossvox.report.studies import study_record
from crossvox.report.viewer import write_shaded_glb, write_viewer_html

PROTOCOL_TEXTS = {
    "surface": "Points are spread over both surfaces by area and thinned to 2 cm cells; near means "
    "under 5 cm. Depth is rendered at every frame with a valid pose.",
    "thesis": "The rules of the published pipeline: mesh vertices thinned to 2 cm cells; near "
    "means under 5 cm. Depth is rendered at 328 x 256.",
}

NEAR_M = 0.05
"""Distance under which the protocols' precision, recall and F-score count a point as near."""

_PACKAGES = ("numpy", "torch", "accelerate", "numba", "embreex", "scikit-image", "viser")


@dataclass(frozen=True)
class ReportParams:
    """What the page shows.

    Attributes:
        title: heading; empty makes one.
        max_scenes: so many scenes get pictures and a 3D view; tables always hold all of them.
        sample_frames: frames of each scene that are shown as colour and depth.
        picture_width_px: width of the rendered pictures.
        error_reach_m: distance at which the colour code of errors ends, metres.
        view_3d: whether to write the 3D views and GLB files beside the page.
        view_faces: triangles that a surface is thinned to in the 3D view.
    """

    title: str = ""
    max_scenes: int = 4
    sample_frames: int = 4
    picture_width_px: int = 600
    error_reach_m: float = 0.2
    view_3d: bool = True
    view_faces: int = 40_000

    def __post_init__(self) -> None:
        expect(
            self.max_scenes >= 0
            and self.sample_frames >= 0
            and self.picture_width_px >= 64
            and self.error_reach_m > 0
            and self.view_faces > 0,
            given=f"{self}",
            needed="counts of 0 or more, pictures of 64 pixels or more, a positive reach",
            do="correct the parameter",
            error=ParamsError,
        )


@dataclass(frozen=True)
class PageReport:
    """What was written.

    Attributes:
        page: the HTML file.
        size_bytes: its size.
        beside: files that it links to, beside it.
        scenes: names of all scenes found.
        pictured: scenes that got pictures.
        missing: what was linked to, or expected, and is not there; also told on the page.
    """

    page: Path
    size_bytes: int
    beside: tuple[Path, ...]
    scenes: tuple[str, ...]
    pictured: tuple[str, ...]
    missing: tuple[str, ...]


def write_page(
    artifacts: Sequence[Path],
    out: Path,
    params: ReportParams | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> PageReport:
    """Write one self-contained page about run, prediction, data and scan folders.

    Links in the manifests are followed to the folders that an artifact was made from; what is no
    longer there is named on the page. The page itself needs no other file; 3D views and GLB files
    lie in a folder beside it.

    Args:
        artifacts: folders that ``train``, ``predict``, ``prepare`` or ``scan`` wrote.
        out: an ``.html`` file, or a folder that gets ``index.html``.
        params: see :class:`ReportParams`.
        progress: called with (pieces done, pieces in all).

    Raises:
        ArtifactError: there is no artifact, or one is not such a folder.
        ParamsError: a parameter makes no sense.
    """
    params = params or ReportParams()
    sources = gather([Path(path) for path in artifacts])
    is_file = out.suffix.lower() in (".html", ".htm")
    page = out if is_file else out / "index.html"
    side = page.parent / (f"{page.stem}-scenes" if is_file else "scenes")
    scores, classes = _read_scores(sources), read_class_scores(sources)
    names = _scene_names(sources, scores, classes)
    pictured = names[: params.max_scenes]
    total = 2 * len(pictured) + len(sources.runs) + 1
    done = 0

    def advance() -> None:
        nonlocal done
        done += 1
        if progress is not None:
            progress(done, total)

    beside: list[Path] = []
    scenes = [_scene(name, sources, side, params, beside, advance) for name in pictured]
    runs = []
    for run in sources.runs:
        runs.append(_run(run, sources))
        advance()
    tables = [_table(entry, sources) for entry in scores]
    times = _times(sources, names)
    studies = [r for folder in sources.studies if (r := study_record(folder, sources)) is not None]
    labelled = any(scene["classes"] for scene in scenes)
    title = params.title or _title(sources, names, labelled)
    html = (
        _environment()
        .get_template("page.html.j2")
        .render(
            title=title,
            summary=_summary(scores, classes, studies, names, sources, runs),
            facts=_facts(scores, classes, names, sources, runs, scenes),
            classes=[_class_part(entry) for entry in classes],
            studies=studies,
            error_legend=error_legend(),
            scenes=scenes,
            unpictured=names[len(pictured) :],
            runs=runs,
            tables=tables,
            by_scene=_by_scene(scores),
            times=times,
            origins=_origins(sources),
            missing=once(sources.missing),
            versions=_versions(),
            machine=f"{platform.system()} {platform.machine()}, {os.cpu_count() or 1} cores",
            made=datetime.now().astimezone().strftime("%d %B %Y, %H:%M"),
            error_scale=_scale(ERROR_MAP),
            error_reach_m=params.error_reach_m,
            depth_scale=_scale(DEPTH_MAP),
            nothing=f"rgb{NOTHING}",
        )
    )
    with replacing(page) as temporary:
        temporary.write_text(html, encoding="utf-8")
    advance()
    return PageReport(
        page,
        page.stat().st_size,
        tuple(beside),
        tuple(names),
        tuple(pictured),
        tuple(once(sources.missing)),
    )


def _read_scores(sources: Sources) -> list[dict[str, Any]]:
    """Score files of surfaces of all predictions, the default protocol first; checked as shown."""
    found = []
    for prediction in sources.predictions:
        for path in sorted(prediction.glob("scores.*.json")):
            if path.name == f"scores.{CLASS_PROTOCOL}.json":
                continue
            record = json_of(path, sources)
            if record is None:
                continue
            protocol = str(record.get("protocol") or path.name.split(".")[1])
            scenes = {
                str(scene): {str(m): score_rows(rows) for m, rows in as_dict(methods).items()}
                for scene, methods in as_dict(record.get("scenes")).items()
            }
            found.append(
                {
                    "prediction": prediction,
                    "protocol": protocol,
                    "scenes": scenes,
                    "mean": {
                        str(m): score_rows(rows) for m, rows in as_dict(record.get("mean")).items()
                    },
                    "counted": as_list(record.get("counted")),
                    "coverage": as_dict(record.get("coverage")),
                    "notes": [str(note) for note in as_list(record.get("notes"))],
                }
            )
    return sorted(found, key=lambda entry: entry["protocol"] != "surface")


def _scene_names(
    sources: Sources, scores: Sequence[Mapping[str, Any]], classes: Sequence[ClassScores]
) -> list[str]:
    """Predicted scenes; without a prediction the held-out, then the other prepared scenes."""
    names = predicted_scenes(sources)
    names += [scene for entry in scores for scene in entry["scenes"]]
    names += [scene for entry in classes for scene in entry.scenes]
    return once(names or prepared_scenes(sources))


# --- one scene ------------------------------------------------------------------------------------


def _scene(
    name: str,
    sources: Sources,
    side: Path,
    params: ReportParams,
    beside: list[Path],
    advance: Callable[[], None],
) -> dict[str, Any]:
    """Everything the page shows of one scene."""
    folder = scene_folder(name, sources)
    record: dict[str, Any] = {"name": name, "split": split_of(name, sources), "notes": {}}
    room = read_room(name, sources)
    sources.missing += room.missing
    layers = room_layers(room, params.error_reach_m)
    capture = None
    if folder is None:
        sources.missing.append(f"{name}: its prepared scene is not there, so no frames are shown")
    else:
        try:
            capture = open_capture(folder)
        except CrossvoxError as error:
            sources.missing.append(hidden(f"{name}: frames cannot be read ({error})"))
    frames = posed(capture) if capture is not None else []
    size = (params.picture_width_px, round(params.picture_width_px * 0.72))
    record["views"], record["errors"], record["classes"] = [], [], None
    best = room.best
    views: list[View] = []
    photo = None
    if best is not None:
        views.append(birdseye_view(best, size))
        if capture is not None and frames:
            found = capture_view(best, capture.camera(), [pose for _, pose in frames], size[0])
            if found is not None:
                views.append(found[0])
                photo = _photo(name, capture, frames[found[1]][0], size[0], sources)
        record["views"], record["errors"] = _pictures(room, layers, views)
        record["classes"] = _class_pictures(room, views[0])
        if photo is not None and len(record["views"]) > 1:
            record["views"][1]["pictures"].insert(0, photo)
    record["inputs"] = (
        _inputs(name, capture, frames, best, views, params, sources)
        if capture is not None
        else None
    )
    advance()
    record["view_3d"] = None
    if params.view_3d and best is not None:
        record["view_3d"] = _view_3d(room, layers, views[0], capture, frames, side, params, beside)
    for prediction in sources.predictions:
        manifest = manifest_of(prediction / name)
        if manifest is not None:
            record["notes"] |= {k: hidden_all(v) for k, v in manifest.notes.items()}
    advance()
    return record


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
        "data": jpeg_uri(within(frame.rgb, width_px), 88),
        "alt": f"{name}, photo, frame {frame.id}",
    }


def _pictures(
    room: Room, layers: Sequence[Layer], views: Sequence[View]
) -> tuple[list[dict[str, Any]], list[dict[str, str]]]:
    """Rendered pictures: by view, then by method; and the pictures of distances."""
    name, meshes = room.name, room.meshes
    if not meshes:
        return [], []
    distances = {layer.group: layer.mesh.colors for layer in layers if layer.key == "distance"}
    # Every surface is seen along the same rays: they are worked out once a view.
    rays = [Rays.through(view.camera, view.pose, view.interior) for view in views]

    def paint(method: str) -> dict[str, Any]:
        painter = Painter(meshes[method])
        hits = [painter.see(each) for each in rays]
        made: dict[str, Any] = {
            "views": [webp_uri(painter.shade(r, h)) for r, h in zip(rays, hits, strict=True)]
        }
        colors = distances.get(room.method_name(method))
        if colors is not None:
            picture = painter.shade(rays[0], hits[0], colors=colors, relief=0.45)
            made["error"] = webp_uri(picture)
        return made

    with ThreadPoolExecutor(max_workers=min(4, os.cpu_count() or 1)) as pool:
        made = dict(zip(meshes, pool.map(paint, meshes), strict=True))
    rows = [
        {
            "name": view.name,
            "text": "Ceiling and near walls cut away."
            if view.interior is not None
            else "The pose of the capture that shows most of the room.",
            "pictures": [
                {
                    "method": room.method_name(method),
                    "text": METHOD_TEXTS[method],
                    "data": made[method]["views"][number],
                    "alt": f"{name}, {room.method_name(method)}, {view.name.lower()}",
                }
                for method in meshes
            ],
        }
        for number, view in enumerate(views)
    ]
    errors = [
        {
            "method": "Missing from the learnt surface"
            if method == "reference"
            else room.method_name(method),
            "text": f"{room.origin}, by distance to the learnt surface"
            if method == "reference"
            else f"by distance to: {room.origin}",
            "data": made[method]["error"],
            "alt": f"{name}, {room.method_name(method)}, coloured by distance",
        }
        for method in meshes
        if "error" in made[method]
    ]
    return rows, errors


def _class_pictures(room: Room, view: View) -> dict[str, Any] | None:
    """The room in class colours, from above: truth, learnt, 2D votes, errors; and the legend."""
    labelled = room.labelled
    if not labelled:
        return None
    rays = Rays.through(view.camera, view.pose, view.interior)
    pictures, shares = [], {}
    reference = None
    for method, mesh in labelled.items():
        assert mesh.labels is not None
        painter = Painter(mesh)
        hits = painter.see(rays)
        if method == "reference":
            reference = (painter, hits)
        colors = class_colors(mesh.labels)
        shares[method] = class_shares(mesh)
        pictures.append(
            {
                "method": room.method_name(method),
                "text": CLASS_TEXTS[method],
                "data": webp_uri(painter.shade(rays, hits, colors=colors, relief=0.55)),
                "alt": f"{room.name}, classes, {room.method_name(method)}",
            }
        )
    if reference is not None:
        painter, hits = reference
        truth = painter.mesh.labels
        assert truth is not None
        for method, labels in room.transferred.items():
            colors = class_error_colors(truth, labels)
            wrong = truth[truth > 0] != labels[truth > 0]
            pictures.append(
                {
                    "method": f"Errors, {room.method_name(method)}",
                    "text": f"{wrong.mean() if len(wrong) else 0:.1%} of the annotated vertices "
                    "are wrong",
                    "data": webp_uri(painter.shade(rays, hits, colors=colors, relief=0.55)),
                    "alt": f"{room.name}, errors of classes, {room.method_name(method)}",
                }
            )
    most: dict[int, float] = {}
    for found in shares.values():
        for label, share in found.items():
            most[label] = max(most.get(label, 0.0), share)
    order = sorted((label for label in most if most[label] >= 0.0005), key=lambda x: -most[x])
    return {
        "pictures": pictures,
        "columns": [room.method_name(method) for method in shares],
        "legend": legend(
            {label: [found.get(label) for found in shares.values()] for label in order}
        ),
        "errors": bool(room.transferred) and reference is not None,
    }


def _inputs(
    name: str,
    capture: Capture,
    posed_frames: Sequence[tuple[int, Any]],
    mesh: Mesh | None,
    views: Sequence[View],
    params: ReportParams,
    sources: Sources,
) -> dict[str, Any]:
    """Sample frames and the camera's path in plan."""
    count = min(params.sample_frames, len(posed_frames))
    picks = [posed_frames[round((i + 0.5) * len(posed_frames) / count - 0.5)] for i in range(count)]
    frames, marks = [], {}
    decoded = []
    for index, pose in picks:
        try:
            frame = capture.frame(index, parts=Parts(labels=False))
        except CrossvoxError as error:
            sources.missing.append(hidden(f"{name}: a frame cannot be read ({error})"))
            continue
        if frame.rgb is not None and frame.depth_m is not None:
            decoded.append((frame, pose))
    depths = [frame.depth_m[frame.depth_m > 0] for frame, _ in decoded]  # type: ignore[index,operator]
    valid = np.concatenate(depths) if depths else np.zeros(0, dtype=np.float32)
    near, far = (
        (float(np.percentile(valid, 1)), float(np.percentile(valid, 99)))
        if len(valid)
        else (0.0, 1.0)
    )
    for label, (frame, pose) in enumerate(decoded, start=1):
        assert frame.rgb is not None
        assert frame.depth_m is not None
        share = float((frame.depth_m > 0).mean())
        small = within(frame.rgb, 360)
        depth = depth_picture(frame.depth_m, near, far)
        frames.append(
            {
                "label": str(label),
                "id": frame.id,
                "color": jpeg_uri(small, 85),
                "depth": webp_uri(within(depth, 360), 85),
                "share": share,
            }
        )
        marks[str(label)] = (pose.position_m, pose.world_from_camera[:3, 2])
    lost = len(capture) - len(posed_frames)
    positions = np.array([pose.position_m for _, pose in posed_frames]).reshape(-1, 3)
    breaks = [
        i for i in range(1, len(posed_frames)) if posed_frames[i][0] != posed_frames[i - 1][0] + 1
    ]
    length = (
        float(np.linalg.norm(np.diff(positions, axis=0), axis=-1).sum())
        if len(posed_frames)
        else 0.0
    )
    plan = None
    if mesh is not None:
        plan = _plan(name, mesh, views, positions, breaks, marks)
    camera = capture.camera()
    return {
        "frames": frames,
        "near_m": near,
        "far_m": far,
        "plan": plan,
        "count": len(capture),
        "lost": lost,
        "size": f"{camera.width} x {camera.height}",
        "length_m": length,
        "registration": hidden(capture.info().registration),
    }


def _plan(
    name: str,
    mesh: Mesh,
    views: Sequence[View],
    positions: np.ndarray,
    breaks: Sequence[int],
    marks: Mapping[str, Any],
) -> Markup:
    """Camera path over what stands in each column between ankle and ceiling."""
    cell = 0.04
    interior = views[0].interior if views else None
    plan, corner = footprint(mesh, cell)
    points = surface_points(mesh, cell / 2)
    if interior is not None:
        height = points[:, 2]
        points = points[(height > interior.floor_m + 0.12) & (height < interior.top_m)]
    cells = np.floor((points[:, :2] - np.array(corner)) / cell + 1e-6).astype(np.int64)
    cells = np.clip(cells, 0, np.array(plan.shape) - 1)
    count = np.zeros(plan.shape)
    np.add.at(count, (cells[:, 0], cells[:, 1]), 1)
    top = float(np.percentile(count[count > 0], 92)) if (count > 0).any() else 1.0
    share = np.where(plan, 0.16, 0.0) + 0.84 * np.clip(count / top, 0, 1) ** 0.6
    return curves.plan_drawing(
        share,
        corner,
        cell,
        positions,
        breaks,
        marks,
        f"{name} from above: surface, camera path and the places of the sample frames",
    )


def _view_3d(
    room: Room,
    layers: Sequence[Layer],
    view: View,
    capture: Capture | None,
    frames: Sequence[tuple[int, Any]],
    side: Path,
    params: ReportParams,
    beside: list[Path],
) -> dict[str, Any]:
    """Write the 3D view and the GLB of the main surface."""
    safe = re.sub(r"[^\w.\-]+", "_", room.name)
    html, glb = side / f"{safe}.html", side / f"{safe}.glb"
    look = room_view(room, layers, view, capture, frames, reach_m=params.error_reach_m)
    written = write_viewer_html(look, html, max_faces=params.view_faces)
    meshes = {**room.meshes, **({} if room.votes is None else {"votes_2d": room.votes})}
    main = next(iter(meshes))
    faces = write_shaded_glb(glb, meshes[main], 4 * params.view_faces)
    beside += [html, glb]
    shown = once(layer.group for layer in look.layers)
    return {
        "html": f"{side.name}/{html.name}",
        "html_size": _bytes(written.size_bytes),
        "surfaces": [*shown, *(["classes with a legend"] if written.classes else [])],
        "glb": f"{side.name}/{glb.name}",
        "glb_size": _bytes(glb.stat().st_size),
        "glb_of": room.method_name(main),
        "glb_faces": faces,
    }


def _bytes(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 1e5 else f"{count / 1e3:.0f} kB"


def _scale(name: str) -> str:
    """A colour map as CSS gradient stops."""
    colors = color_map(name, np.linspace(0, 1, 9))
    return ", ".join(css_color(color) for color in colors)


# --- runs, scores, times --------------------------------------------------------------------------


def _run(folder: Path, sources: Sources) -> dict[str, Any]:
    """Curves and notes of one training run."""
    name = folder.resolve().name
    log = TrainingLog()
    if (folder / "log.jsonl").is_file():
        log = curves.read_log(folder / "log.jsonl")
        if log.damaged_lines:
            sources.missing.append(f"{name}: {log.damaged_lines} damaged lines in log.jsonl")
    else:
        sources.missing.append(f"{name}: no log.jsonl, so no curves")
    manifest = manifest_of(folder)
    if manifest is None:
        sources.missing.append(f"{name}: no manifest; the run has not ended, or was interrupted")
    notes = manifest.notes if manifest is not None else {}
    return {
        "name": name,
        "loss": curves.loss_curves(log),
        "scores": curves.score_curves(log),
        "steps": int(log.train[-1][0]) if log.train else None,
        "seconds": log.seconds,
        "parameters": number(notes.get("parameters")),
        "best_step": notes.get("best_step"),
        "baselines": bool(log.baselines),
        "images": any("pixel" in name for name in log.scores),
        "gallery": gallery(folder, sources),
        "transfer": transfer_table(folder, sources),
    }


def _class_part(entry: ClassScores) -> dict[str, Any]:
    """Tables and drawings of one set of class scores."""
    what = "room" if entry.kind == "rooms" else "image"
    drawings = class_drawings(entry)
    texts = {**CLASS_TEXTS, **({"learnt": "the 2D network"} if entry.kind == "images" else {})}
    single = {
        method: dict(sorted(rows.items(), key=lambda row: -(number(row[1].get("support")) or 0)))
        for method, rows in entry.classes.items()
        if rows
    }
    several = len(entry.scenes) > 1
    return {
        "name": entry.name,
        "kind": entry.kind,
        "counted": f"counted over one confusion matrix of {_count(entry.count, what)}",
        "main": {"name": f"All {what}s together", **_grid(entry.methods, texts)}
        if entry.methods
        else None,
        "single": {"name": "IoU of single classes, strict", **_grid(single, texts)}
        if single
        else None,
        "scenes": [
            {"name": scene, **_grid(methods, texts)} for scene, methods in entry.scenes.items()
        ]
        if several
        else [],
        **drawings,
        "notes": [hidden(note) for note in entry.notes],
    }


def _table(entry: Mapping[str, Any], sources: Sources) -> dict[str, Any]:
    """One protocol: the mean table and a table a scene."""
    scenes = entry["scenes"]
    coverage = {
        scene: share
        for scene, value in entry["coverage"].items()
        if (share := number(value)) is not None
    }
    several = len(scenes) > 1
    parts = []
    if entry["mean"] and (several or not scenes):
        parts.append(
            {"name": f"Mean of {len(entry['counted'] or scenes)} scenes", **_grid(entry["mean"])}
        )
    parts += [{"name": scene, **_grid(methods)} for scene, methods in scenes.items()]
    if not several and parts:
        parts[0]["name"] = next(iter(scenes), parts[0]["name"])
    return {
        "protocol": entry["protocol"],
        "text": PROTOCOL_TEXTS.get(entry["protocol"], ""),
        "of": entry["prediction"].resolve().name if len(sources.predictions) > 1 else "",
        "main": parts[0] if parts else None,
        "more": parts[1:],
        "coverage": coverage,
        "notes": [hidden(note) for note in entry["notes"]],
    }


def _grid(
    methods: Mapping[str, Mapping[str, Mapping[str, Any]]],
    texts: Mapping[str, str] = METHOD_TEXTS,
) -> dict[str, Any]:
    """Rows a score, columns a method; the best value of a row is marked."""
    names = once(name for scores in methods.values() for name in scores)
    names.sort(key=lambda name: name != "F-score")
    rows = []
    for name in names:
        cells = {method: scores.get(name) for method, scores in methods.items()}
        first = next(cell for cell in cells.values() if cell is not None)
        higher = bool(first.get("higher_is_better"))
        values = {m: number(cell.get("value")) for m, cell in cells.items() if cell is not None}
        present = [value for value in values.values() if value is not None]
        best = (max(present) if higher else min(present)) if len(present) > 1 else None
        rows.append(
            {
                "name": name,
                "unit": "" if first.get("unit") in ("ratio", None) else str(first["unit"]),
                "higher": higher,
                "reading": str(first.get("reading") or reading(name)),
                "cells": [
                    {
                        "text": _value(values.get(method)),
                        "best": best is not None and values.get(method) == best,
                        "support": _support(cell),
                        "undefined": int(as_dict(cell.get("details")).get("undefined") or 0)
                        if cell
                        else 0,
                    }
                    for method, cell in cells.items()
                ],
            }
        )
    return {
        "methods": [
            {"name": method_name(method), "text": texts.get(method, "")} for method in methods
        ],
        "rows": rows,
    }


def _value(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:.3f}" if abs(value) < 100 else f"{value:.0f}"


def _support(cell: Mapping[str, Any] | None) -> str:
    if not cell or number(cell.get("support")) is None:
        return ""
    count, of = int(cell["support"]), str(cell.get("of") or "")
    shown = (
        f"{count / 1e6:.1f} M"
        if count >= 1e6
        else f"{count / 1e3:.0f} k"
        if count >= 1e4
        else str(count)
    )
    if count == 1 and of.endswith("s"):
        of = of[:-1]
    return f"{shown} {of}".strip()


def _headline(
    scores: Sequence[Mapping[str, Any]],
) -> tuple[dict[str, float], Mapping[str, Any]] | None:
    """F-score by method, of the first table that has any, and that table."""
    for entry in scores:
        means: Mapping[str, Any] = entry["mean"] or next(iter(entry["scenes"].values()), {})
        found = {
            method: value
            for method, rows in means.items()
            if "F-score" in rows and (value := number(rows["F-score"].get("value"))) is not None
        }
        if found:
            return found, entry
    return None


def _by_scene(scores: Sequence[Mapping[str, Any]]) -> Markup | None:
    """The F-score of every scene, drawn."""
    best = _headline(scores)
    if best is None:
        return None
    methods: dict[str, dict[str, float]] = {}
    for scene, rows in best[1]["scenes"].items():
        for method, found in rows.items():
            value = number(as_dict(found.get("F-score")).get("value"))
            if value is not None:
                methods.setdefault(method_name(method), {})[scene] = value
    return curves.scene_dots("F-score", methods, "higher is better")


def _count(number_: int, noun: str) -> str:
    words = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
    shown = words[number_] if number_ < len(words) else f"{number_}"
    return f"{shown} {noun}{'' if number_ == 1 else 's'}"


def _title(sources: Sources, names: Sequence[str], labelled: bool) -> str:
    if sources.predictions:
        done = "labelled" if labelled else "reconstructed"
        return f"{_count(len(names), 'room').capitalize()}, {done}"
    if sources.studies:
        return f"Study {sources.studies[0].resolve().name}"
    if sources.runs:
        return f"Training run {sources.runs[0].resolve().name}"
    return f"{_count(len(names), 'prepared scene').capitalize()}"


def _summary(
    scores: Sequence[Mapping[str, Any]],
    classes: Sequence[ClassScores],
    studies: Sequence[Mapping[str, Any]],
    names: Sequence[str],
    sources: Sources,
    runs: Sequence[Mapping[str, Any]],
) -> str:
    """One or two sentences with the numbers that matter."""
    sentences = [_class_sentence(entry, sources) for entry in classes if entry.methods]
    sentences += [study["sentence"] for study in studies]
    surfaces = _surface_sentence(scores, names, sources)
    if surfaces:
        sentences.append(surfaces)
    if sentences:
        return " ".join(sentences)
    if sources.predictions:
        sentences.append(f"{_count(len(names), 'room').capitalize()} predicted, not scored yet.")
    elif names:
        sentences.append(f"{_count(len(names), 'prepared scene').capitalize()}.")
    for run in runs:
        if run["steps"] is not None:
            took = f" in {_duration(run['seconds'])}" if run["seconds"] else ""
            sentences.append(f"Run {run['name']}: {run['steps']:,} training steps{took}.")
    return " ".join(sentences) or "Nothing to tell yet: the folders hold no numbers."


def _class_sentence(entry: ClassScores, sources: Sources) -> str:
    noun = "room" if entry.kind == "rooms" else "image"
    splits = {split_of(scene, sources) for scene in entry.scenes}
    kind = "held-out " if splits == {"held out"} else ""
    return class_sentence(entry, f"On {_count(entry.count, f'{kind}{noun}')}") + "."


def _surface_sentence(
    scores: Sequence[Mapping[str, Any]], names: Sequence[str], sources: Sources
) -> str:
    """F-scores beside each other; empty if there are none."""
    best = _headline(scores)
    if best is not None:
        values, entry = best
        scenes = list(entry["scenes"]) or list(names)
        splits = {split_of(scene, sources) for scene in scenes}
        kind = "held-out " if splits == {"held out"} else ""
        near = f"{NEAR_M * 100:g} cm"
        where = f"On {_count(len(scenes), f'{kind}room')}"
        parts = []
        if "learnt" in values:
            text = (
                f"{where} the learnt surface reaches an F-score of {values['learnt']:.2f} at {near}"
            )
            if "mask_only" in values:
                gain = values["learnt"] - values["mask_only"]
                text += (
                    f", {abs(gain):.2f} {'above' if gain >= 0 else 'below'} the baseline that "
                    f"takes every voxel seen as surface ({values['mask_only']:.2f})"
                )
            parts.append(text)
            folders = [data / scene for data in sources.data for scene in scenes]
            if any(is_fused(folder) for folder in folders if folder.is_dir()):
                parts.append(
                    "there is no ground truth here: the reference is the TSDF fusion of the same "
                    "frames, so its own score says nothing"
                )
            elif "tsdf" in values:
                parts.append(f"TSDF fusion of the same depth frames reaches {values['tsdf']:.2f}")
        else:
            parts.append(
                f"{where}, F-score at {near}: "
                + ", ".join(f"{method_name(m).lower()} {v:.2f}" for m, v in values.items())
            )
        return f"{'; '.join(parts)}. Protocol: {entry['protocol']}."
    return ""


def _facts(
    scores: Sequence[Mapping[str, Any]],
    classes: Sequence[ClassScores],
    names: Sequence[str],
    sources: Sources,
    runs: Sequence[Mapping[str, Any]],
    scenes: Sequence[Mapping[str, Any]],
) -> list[tuple[str, str]]:
    """The numbers in large type below the summary."""
    facts: list[tuple[str, str]] = class_facts(classes[0]) if classes else []
    best = _headline(scores)
    if best is not None:
        for method in ("learnt", "mask_only", "tsdf"):
            if method in best[0]:
                facts.append((f"{best[0][method]:.2f}", f"F-score, {method_name(method)}"))
        shares = [v for x in best[1]["coverage"].values() if (v := number(x)) is not None]
        if shares:
            facts.append((f"{min(shares):.0%}", "of the seen windows predicted"))
    if names:
        facts.append((str(len(names)), "scene" if len(names) == 1 else "scenes"))
    frames = [scene["inputs"] for scene in scenes if scene["inputs"]]
    if frames:
        count, lost = sum(f["count"] for f in frames), sum(f["lost"] for f in frames)
        facts.append((f"{count:,}", f"frames, {lost} without pose"))
    for run in runs[:1]:
        if run["parameters"]:
            facts.append((f"{run['parameters'] / 1e6:.2f} M", "network weights"))
    return facts


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _times(sources: Sources, names: Sequence[str]) -> list[dict[str, Any]]:
    """Wall time by stage and step, as the manifests tell it."""
    found: list[tuple[str, dict[str, float], float]] = []

    def add(stage: str, steps: Mapping[str, Any]) -> None:
        own = {k: v for k, x in steps.items() if (v := number(x)) is not None}
        total = own.pop("total", 0.0)
        if own or total:
            found.append((stage, own, max(total, sum(own.values()))))

    for data in sources.data:
        manifest = manifest_of(data)
        steps = dict(manifest.seconds) if manifest is not None else {}
        add("Prepare", steps or _added(data / scene for scene in _children(data)))
    if not sources.data:
        add("Prepare", _added(sources.scenes.values()))
    for run in sources.runs:
        manifest = manifest_of(run)
        add("Train", manifest.seconds if manifest is not None else {})
    for prediction in sources.predictions:
        manifest = manifest_of(prediction)
        steps = dict(manifest.seconds) if manifest is not None else {}
        add("Predict", steps or _added(prediction / scene for scene in _children(prediction)))
    for scan in sources.scans:
        manifest = manifest_of(scan)
        steps = dict(manifest.seconds) if manifest is not None else {}
        add("Scan (everything)", steps)
    longest = max((total for _, _, total in found), default=0.0)
    return [
        {
            "stage": stage,
            "total": _duration(total),
            "share": total / longest if longest > 0 else 0.0,
            "steps": [
                {"name": name, "text": _duration(value), "share": value / total if total else 0.0}
                for name, value in sorted(steps.items(), key=lambda item: -item[1])
                if value > 0
            ],
        }
        for stage, steps, total in found
    ]


def _children(folder: Path) -> list[str]:
    return sorted(path.parent.name for path in folder.glob(f"*/{MANIFEST}"))


def _added(folders: Iterable[Path]) -> dict[str, float]:
    """Times of several folders, added by step."""
    total: dict[str, float] = {}
    for folder in folders:
        manifest = manifest_of(folder)
        for step, seconds in (manifest.seconds if manifest is not None else {}).items():
            if (value := number(seconds)) is not None:
                total[step] = total.get(step, 0.0) + value
    return total


def _origins(sources: Sources) -> list[dict[str, Any]]:
    """What made each folder: stage, version, seed, machine, parameters, notes."""
    records = []
    folders = [
        *(("data", path) for path in sources.data),
        *(("scene", path) for path in sources.scenes.values()),
        *(("run", path) for path in sources.runs),
        *(("prediction", path) for path in sources.predictions),
        *(("scan", path) for path in sources.scans),
        *(("study", path) for path in sources.studies),
    ]
    for role, folder in folders:
        manifest = manifest_of(folder)
        params = manifest.params if manifest is not None else None
        if not params and (folder / "params.json").is_file():
            try:
                params = read_json(folder / "params.json")
            except ArtifactError:
                params = None
        records.append(
            {
                "role": role,
                "name": folder.resolve().name,
                "manifest": manifest,
                "digest": manifest.digest if manifest is not None else "",
                "params": _flat(hidden_all(plain(params))),
                "notes": _flat(hidden_all(plain(manifest.notes if manifest is not None else {}))),
            }
        )
    return records


def _flat(value: Any, prefix: str = "") -> list[tuple[str, str]]:
    """Nested parameters as rows ``a.b.c``, value."""
    if isinstance(value, Mapping):
        return [
            row
            for key, item in value.items()
            for row in _flat(item, f"{prefix}.{key}" if prefix else str(key))
        ]
    if value is None and not prefix:
        return []
    if isinstance(value, list) and len(value) > 12:
        return [(prefix, f"{len(value)} entries")]
    if isinstance(value, list):
        return [(prefix, ", ".join(_plain_text(item) for item in value) or "none")]
    return [(prefix, _plain_text(value))]


def _plain_text(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list | dict):
        return ", ".join(f"{k} {v}" if v else k for k, v in _flat({"": value}))
    return str(value)


def _versions() -> list[tuple[str, str]]:
    found = [("crossvox", crossvox.__version__), ("Python", platform.python_version())]
    for name in _PACKAGES:
        try:
            found.append((name, package_version(name)))
        except PackageNotFoundError:
            continue
    return found


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("crossvox.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["duration"] = _duration
    environment.filters["share"] = lambda share: f"{share:.1%}"
    environment.filters["percent"] = lambda share: f"{math.floor(share * 1000) / 10:g}%"
    return environment
