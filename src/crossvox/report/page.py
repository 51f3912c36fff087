"""The page: what went in, what came out, how good it is, as one HTML file that needs no network."""

from __future__ import annotations

import base64
import math
import os
import platform
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as package_version
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

import crossvox
from crossvox.capture import open_capture
from crossvox.core.artifact import (
    MANIFEST,
    METHOD_FILES,
    Manifest,
    plain,
    read_json,
    read_manifest,
    replacing,
)
from crossvox.core.checks import ArtifactError, CrossvoxError, ParamsError, expect
from crossvox.core.frame import Capture, Parts
from crossvox.core.volume import Mesh
from crossvox.doors.images import encode_jpeg, encode_webp, resize_color
from crossvox.doors.meshes import read_mesh
from crossvox.report import curves
from crossvox.report.curves import TrainingLog, number
from crossvox.report.pictures import (
    DEPTH_MAP,
    ERROR_MAP,
    NOTHING,
    Interior,
    Painter,
    Rays,
    View,
    birdseye_view,
    capture_view,
    color_map,
    depth_picture,
    error_colors,
    footprint,
    surface_points,
)
from crossvox.report.viewer import Standpoint, write_shaded_glb, write_viewer_html

METHOD_NAMES = {
    "learnt": "Learnt",
    "mask_only": "Voxels seen",
    "tsdf": "TSDF fusion",
    "reference": "Ground truth",
}
FUSED_REFERENCE = "Reference (TSDF fusion)"
"""What the reference is called where nothing better is known than the fusion of the frames."""
METHOD_TEXTS = {
    "learnt": "the network's surface",
    "mask_only": "baseline: every voxel that any view sees, no learning",
    "tsdf": "classical fusion of the same depth frames",
    "reference": "what the others are measured against",
}

READINGS = {
    "F-score": "Precision and recall in one number; 1 is perfect.",
    "Acc": "Mean distance from the made surface to the true one: how wrong what is there is.",
    "Comp": "Mean distance from the true surface to the made one: how much is missing.",
    "Prec": "Share of the made surface that lies within 5 cm of the true one.",
    "Recall": "Share of the true surface that has something within 5 cm.",
    "AbsRel": "Mean depth error as a share of the depth, seen from the camera's poses.",
    "AbsDiff": "Mean depth error.",
    "SqRel": "Mean squared depth error over the depth: punishes large errors.",
    "RMSE": "Root of the mean squared depth error: punishes large errors.",
    "LogRMSE": "The same on the logarithm of depth: near and far weigh alike.",
    "delta < 1.25": "Share of pixels whose depth is off by less than a quarter.",
    "delta < 1.25^2": "Share of pixels off by less than a factor of 1.56.",
    "delta < 1.25^3": "Share of pixels off by less than a factor of 1.95.",
    "Comp2D": "Share of the image that shows any surface at all.",
    "IoU": "Overlap of made and true over their union.",
    "mIoU": "Mean overlap over the classes.",
}
"""One line on how to read a score."""

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


@dataclass
class _Sources:
    """The folders that the page is about, in the order in which they were found."""

    runs: list[Path] = field(default_factory=list)
    predictions: list[Path] = field(default_factory=list)
    data: list[Path] = field(default_factory=list)
    scenes: dict[str, Path] = field(default_factory=dict)
    scans: list[Path] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)


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
    sources = _gather([Path(path) for path in artifacts])
    is_file = out.suffix.lower() in (".html", ".htm")
    page = out if is_file else out / "index.html"
    side = page.parent / (f"{page.stem}-scenes" if is_file else "scenes")
    scores = _read_scores(sources)
    names = _scene_names(sources, scores)
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
    title = params.title or _title(sources, names)
    html = (
        _environment()
        .get_template("page.html.j2")
        .render(
            title=title,
            summary=_summary(scores, names, sources, runs),
            facts=_facts(scores, names, sources, runs, scenes),
            scenes=scenes,
            unpictured=names[len(pictured) :],
            runs=runs,
            tables=tables,
            by_scene=_by_scene(scores),
            times=times,
            origins=_origins(sources),
            missing=_once(sources.missing),
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
        tuple(_once(sources.missing)),
    )


# --- finding things -------------------------------------------------------------------------------


def _gather(artifacts: Sequence[Path]) -> _Sources:
    expect(
        len(artifacts) > 0,
        given="no folder",
        needed="at least one run, prediction or scan folder",
        do="name the folder that 'crossvox predict' or 'crossvox train' wrote",
        error=ArtifactError,
    )
    sources, seen = _Sources(), set[Path]()
    for path in artifacts:
        expect(
            path.is_dir() and _kind(path) is not None,
            given=f"{path}, which is {'no such folder' if path.is_dir() else 'not there'}",
            needed="a folder that 'crossvox train', 'predict', 'prepare' or 'scan' wrote",
            do="check the path, or run that stage",
            error=ArtifactError,
        )
        _follow(path, sources, seen)
    return sources


def _kind(folder: Path) -> str | None:
    """What a folder is: run, prediction, data, scene, scan; None if it is none of these."""
    manifest = _manifest(folder)
    stage = manifest.stage if manifest is not None else ""
    for start, kind in (
        ("train", "run"),
        ("predict-scene", "predicted scene"),
        ("predict", "prediction"),
        ("prepare-scene", "scene"),
        ("prepare", "data"),
        ("scan", "scan"),
    ):
        if stage.startswith(start):
            return kind
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


def _follow(folder: Path, sources: _Sources, seen: set[Path]) -> None:
    """Sort a folder in, then those that its manifest links to."""
    key = folder.resolve()
    kind = _kind(folder)
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
        }
        places[kind].append(folder)
    manifest = _manifest(folder)
    links = dict(manifest.links) if manifest is not None else {}
    if kind == "scan":
        links |= {name: name for name in ("data", "prediction") if (folder / name).is_dir()}
    for role, link in links.items():
        target = folder / link
        if not target.is_dir():
            sources.missing.append(
                f"{key.name}: the {role} folder it was made from ({_hidden(str(link))}) is gone"
            )
        else:
            _follow(target, sources, seen)


def _manifest(folder: Path) -> Manifest | None:
    """A folder's manifest; None if there is none that can be read."""
    if not (folder / MANIFEST).is_file():
        return None
    try:
        return read_manifest(folder)
    except (CrossvoxError, TypeError):
        return None


def _read_scores(sources: _Sources) -> list[dict[str, Any]]:
    """Score files of all predictions, the default protocol first; checked so far as shown."""
    found = []
    for prediction in sources.predictions:
        for path in sorted(prediction.glob("scores.*.json")):
            try:
                record = read_json(path)
            except ArtifactError as error:
                sources.missing.append(_hidden(str(error)))
                continue
            if not isinstance(record, dict):
                sources.missing.append(f"{path.name} is not a table of scores")
                continue
            protocol = str(record.get("protocol") or path.name.split(".")[1])
            scenes = {
                str(scene): {str(m): _scores(rows) for m, rows in _dict(methods).items()}
                for scene, methods in _dict(record.get("scenes")).items()
            }
            found.append(
                {
                    "prediction": prediction,
                    "protocol": protocol,
                    "scenes": scenes,
                    "mean": {
                        str(m): _scores(rows) for m, rows in _dict(record.get("mean")).items()
                    },
                    "coverage": _dict(record.get("coverage")),
                    "notes": [str(note) for note in _list(record.get("notes"))],
                }
            )
    return sorted(found, key=lambda entry: entry["protocol"] != "surface")


def _scores(rows: Any) -> dict[str, dict[str, Any]]:
    """Score records by name."""
    return {str(row["name"]): row for row in _list(rows) if isinstance(row, dict) and "name" in row}


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _once(texts: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(texts))


def _scene_names(sources: _Sources, scores: Sequence[Mapping[str, Any]]) -> list[str]:
    """Predicted scenes; without a prediction the held-out, then the other prepared scenes."""
    names = [
        folder.name
        for prediction in sources.predictions
        for folder in sorted(prediction.iterdir())
        if any((folder / file).is_file() for file in METHOD_FILES.values())
    ]
    names += [scene for entry in scores for scene in entry["scenes"]]
    if not names:
        names += list(sources.scenes)
        for data in sources.data:
            names += [*_split(data, "val"), *_split(data, "train")]
            names += sorted(folder.parent.name for folder in data.glob("*/color"))
        names = [name for name in names if _scene_folder(name, sources) is not None]
    return _once(names)


def _split(data: Path, name: str) -> list[str]:
    path = data / f"{name}.txt"
    return path.read_text(encoding="utf-8").split() if path.is_file() else []


def _scene_folder(name: str, sources: _Sources) -> Path | None:
    """The prepared scene of this name."""
    candidates = [sources.scenes.get(name), *(data / name for data in sources.data)]
    return next((path for path in candidates if path is not None and path.is_dir()), None)


# --- one scene ------------------------------------------------------------------------------------


def _scene(
    name: str,
    sources: _Sources,
    side: Path,
    params: ReportParams,
    beside: list[Path],
    advance: Callable[[], None],
) -> dict[str, Any]:
    """Everything the page shows of one scene."""
    folder = _scene_folder(name, sources)
    record: dict[str, Any] = {"name": name, "split": _split_of(name, sources), "notes": {}}
    meshes, origin = _meshes(name, folder, sources)
    capture = None
    if folder is None:
        sources.missing.append(f"{name}: its prepared scene is not there, so no frames are shown")
    else:
        try:
            capture = open_capture(folder)
        except CrossvoxError as error:
            sources.missing.append(_hidden(f"{name}: frames cannot be read ({error})"))
    posed = _posed(capture) if capture is not None else []
    size = (params.picture_width_px, round(params.picture_width_px * 0.72))
    record["views"], record["errors"] = [], []
    best = next(
        (meshes[m] for m in ("reference", "tsdf", "learnt", "mask_only") if m in meshes), None
    )
    views: list[View] = []
    photo = None
    if best is not None:
        views.append(birdseye_view(best, size))
        if capture is not None and posed:
            found = capture_view(best, capture.camera(), [pose for _, pose in posed], size[0])
            if found is not None:
                views.append(found[0])
                photo = _photo(name, capture, posed[found[1]][0], size[0], sources)
        record["views"], record["errors"] = _pictures(name, meshes, origin, views, params)
        if photo is not None:
            record["views"][1]["pictures"].insert(0, photo)
    record["inputs"] = (
        _inputs(name, capture, posed, best, views, params, sources) if capture is not None else None
    )
    advance()
    record["view_3d"] = None
    if params.view_3d and best is not None:
        record["view_3d"] = _view_3d(name, meshes, origin, posed, views[0], side, params, beside)
    for prediction in sources.predictions:
        manifest = _manifest(prediction / name)
        if manifest is not None:
            record["notes"] |= {k: _hidden_all(v) for k, v in manifest.notes.items()}
    advance()
    return record


def _photo(
    name: str, capture: Capture, index: int, width_px: int, sources: _Sources
) -> dict[str, str] | None:
    """The capture's own picture from the pose that the surfaces are shown from."""
    try:
        frame = capture.frame(index, parts=Parts(depth=False, labels=False))
    except CrossvoxError as error:
        sources.missing.append(_hidden(f"{name}: a frame cannot be read ({error})"))
        return None
    if frame.rgb is None:
        return None
    return {
        "method": "Photo",
        "text": f"frame {frame.id} of the capture",
        "data": _data("image/jpeg", encode_jpeg(_within(frame.rgb, width_px), 88)),
        "alt": f"{name}, photo, frame {frame.id}",
    }


def _split_of(name: str, sources: _Sources) -> str:
    for data in sources.data:
        if name in _split(data, "val"):
            return "held out"
        if name in _split(data, "train"):
            return "seen in training"
    return ""


def _meshes(name: str, folder: Path | None, sources: _Sources) -> tuple[dict[str, Mesh], str]:
    """Meshes by method, in the order of display, and what the reference is."""
    paths: dict[str, Path] = {}
    for prediction in sources.predictions:
        for method, file in METHOD_FILES.items():
            if (prediction / name / file).is_file():
                paths.setdefault(method, prediction / name / file)
    reference = METHOD_NAMES["reference"]
    if folder is not None:
        if (folder / f"{name}.ply").is_file():
            paths["reference"] = folder / f"{name}.ply"
        if _is_fused(folder):
            reference = FUSED_REFERENCE
    meshes = {}
    for method, path in paths.items():
        try:
            mesh = read_mesh(path)
        except CrossvoxError as error:
            sources.missing.append(_hidden(f"{name}: {path.name} cannot be read ({error})"))
            continue
        if len(mesh.faces):
            meshes[method] = mesh
        else:
            sources.missing.append(f"{name}: {path.name} has no faces, so it is not shown")
    return meshes, reference


def _is_fused(folder: Path) -> bool:
    """Whether a prepared scene has no ground truth but the fusion of its own frames."""
    manifest = _manifest(folder)
    return manifest is not None and manifest.notes.get("surface") == "tsdf"


def _posed(capture: Capture) -> list[tuple[int, Any]]:
    """Positions and poses of the frames with a valid pose."""
    found = []
    for index in range(len(capture)):
        pose = capture.pose(index)
        if pose is not None:
            found.append((index, pose))
    return found


def _pictures(
    name: str, meshes: Mapping[str, Mesh], origin: str, views: Sequence[View], params: ReportParams
) -> tuple[list[dict[str, Any]], list[dict[str, str]]]:
    """Rendered pictures: by view, then by method; and the pictures of errors."""

    # Every surface is seen along the same rays: they are worked out once a view.
    rays = [Rays.through(view.camera, view.pose, view.interior) for view in views]

    def paint(method: str) -> dict[str, Any]:
        painter = Painter(meshes[method])
        hits = [painter.see(each) for each in rays]
        made: dict[str, Any] = {
            "views": [_webp(painter.shade(r, h)) for r, h in zip(rays, hits, strict=True)]
        }
        other = meshes.get("learnt") if method == "reference" else meshes.get("reference")
        if other is not None:
            colors = error_colors(painter.mesh, other, params.error_reach_m)
            made["error"] = _webp(painter.shade(rays[0], hits[0], colors=colors, relief=0.45))
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
                    "method": _method(method, origin),
                    "text": METHOD_TEXTS[method],
                    "data": made[method]["views"][number],
                    "alt": f"{name}, {_method(method, origin)}, {view.name.lower()}",
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
            else _method(method, origin),
            "text": f"{origin}, by distance to the learnt surface"
            if method == "reference"
            else f"by distance to: {origin}",
            "data": made[method]["error"],
            "alt": f"{name}, {_method(method, origin)}, coloured by distance",
        }
        for method in meshes
        if "error" in made[method]
    ]
    return rows, errors


def _method(method: str, origin: str = METHOD_NAMES["reference"]) -> str:
    if method == "reference":
        return origin
    return METHOD_NAMES.get(method, method.replace("_", " ").capitalize())


def _inputs(
    name: str,
    capture: Capture,
    posed: Sequence[tuple[int, Any]],
    mesh: Mesh | None,
    views: Sequence[View],
    params: ReportParams,
    sources: _Sources,
) -> dict[str, Any]:
    """Sample frames and the camera's path in plan."""
    count = min(params.sample_frames, len(posed))
    picks = [posed[round((i + 0.5) * len(posed) / count - 0.5)] for i in range(count)]
    frames, marks = [], {}
    decoded = []
    for index, pose in picks:
        try:
            frame = capture.frame(index, parts=Parts(labels=False))
        except CrossvoxError as error:
            sources.missing.append(_hidden(f"{name}: a frame cannot be read ({error})"))
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
        small = _within(frame.rgb, 360)
        depth = depth_picture(frame.depth_m, near, far)
        frames.append(
            {
                "label": str(label),
                "id": frame.id,
                "color": _data("image/jpeg", encode_jpeg(small, 85)),
                "depth": _data("image/webp", encode_webp(_within(depth, 360), 85)),
                "share": share,
            }
        )
        marks[str(label)] = (pose.position_m, pose.world_from_camera[:3, 2])
    lost = len(capture) - len(posed)
    positions = np.array([pose.position_m for _, pose in posed]).reshape(-1, 3)
    breaks = [i for i in range(1, len(posed)) if posed[i][0] != posed[i - 1][0] + 1]
    length = float(np.linalg.norm(np.diff(positions, axis=0), axis=-1).sum()) if len(posed) else 0.0
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
        "registration": _hidden(capture.info().registration),
    }


def _within(image: np.ndarray, width: int) -> np.ndarray:
    height = max(1, round(image.shape[0] * width / image.shape[1]))
    return image if image.shape[1] <= width else resize_color(image, (width, height))


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
    name: str,
    meshes: Mapping[str, Mesh],
    origin: str,
    posed: Sequence[tuple[int, Any]],
    view: View,
    side: Path,
    params: ReportParams,
    beside: list[Path],
) -> dict[str, Any]:
    """Write the 3D view and the GLB of the main surface."""
    assert view.interior is not None, "the bird's-eye view always looks into the interior"
    interior: Interior = view.interior
    cells = np.argwhere(interior.depth_m >= 0) * interior.cell_m + interior.corner_m
    across = 0.5 * (cells.min(axis=0) + cells.max(axis=0))
    middle = np.append(across, 0.5 * (interior.floor_m + interior.top_m))
    eye = middle + (view.pose.position_m - middle) * 0.78
    safe = re.sub(r"[^\w.\-]+", "_", name)
    html, glb = side / f"{safe}.html", side / f"{safe}.glb"
    written = write_viewer_html(
        {_method(method, origin): mesh for method, mesh in meshes.items()},
        html,
        title=name,
        standpoint=Standpoint(tuple(map(float, eye)), tuple(map(float, middle))),  # type: ignore[arg-type]
        interior=interior,
        camera_path_m=np.array([pose.position_m for _, pose in posed]) if posed else None,
        max_faces=params.view_faces,
    )
    main = next(iter(meshes))
    faces = write_shaded_glb(glb, meshes[main], 4 * params.view_faces)
    beside += [html, glb]
    return {
        "html": f"{side.name}/{html.name}",
        "html_size": _bytes(written.size_bytes),
        "surfaces": list(written.faces),
        "glb": f"{side.name}/{glb.name}",
        "glb_size": _bytes(glb.stat().st_size),
        "glb_of": _method(main, origin),
        "glb_faces": faces,
    }


def _webp(rgba: np.ndarray) -> str:
    return _data("image/webp", encode_webp(rgba, 86))


def _data(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"


def _bytes(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 1e5 else f"{count / 1e3:.0f} kB"


def _scale(name: str) -> str:
    """A colour map as CSS gradient stops."""
    colors = color_map(name, np.linspace(0, 1, 9))
    return ", ".join(f"rgb({r},{g},{b})" for r, g, b in colors.tolist())


# --- runs, scores, times --------------------------------------------------------------------------


def _run(folder: Path, sources: _Sources) -> dict[str, Any]:
    """Curves and notes of one training run."""
    name = folder.resolve().name
    log = TrainingLog()
    if (folder / "log.jsonl").is_file():
        log = curves.read_log(folder / "log.jsonl")
        if log.damaged_lines:
            sources.missing.append(f"{name}: {log.damaged_lines} damaged lines in log.jsonl")
    else:
        sources.missing.append(f"{name}: no log.jsonl, so no curves")
    manifest = _manifest(folder)
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
    }


def _table(entry: Mapping[str, Any], sources: _Sources) -> dict[str, Any]:
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
        parts.append({"name": f"Mean of {len(scenes)} scenes", **_grid(entry["mean"])})
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
        "notes": [_hidden(note) for note in entry["notes"]],
    }


def _grid(methods: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> dict[str, Any]:
    """Rows a score, columns a method; the best value of a row is marked."""
    names = _once(name for scores in methods.values() for name in scores)
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
                "reading": READINGS.get(name, ""),
                "cells": [
                    {
                        "text": _value(values.get(method)),
                        "best": best is not None and values.get(method) == best,
                        "support": _support(cell),
                        "undefined": int(_dict(cell.get("details")).get("undefined") or 0)
                        if cell
                        else 0,
                    }
                    for method, cell in cells.items()
                ],
            }
        )
    return {
        "methods": [
            {"name": _method(method), "text": METHOD_TEXTS.get(method, "")} for method in methods
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
            value = number(_dict(found.get("F-score")).get("value"))
            if value is not None:
                methods.setdefault(_method(method), {})[scene] = value
    return curves.scene_dots("F-score", methods, "higher is better")


def _count(number_: int, noun: str) -> str:
    words = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
    shown = words[number_] if number_ < len(words) else f"{number_}"
    return f"{shown} {noun}{'' if number_ == 1 else 's'}"


def _title(sources: _Sources, names: Sequence[str]) -> str:
    if sources.predictions:
        return f"{_count(len(names), 'room').capitalize()}, reconstructed"
    if sources.runs:
        return f"Training run {sources.runs[0].resolve().name}"
    return f"{_count(len(names), 'prepared scene').capitalize()}"


def _summary(
    scores: Sequence[Mapping[str, Any]],
    names: Sequence[str],
    sources: _Sources,
    runs: Sequence[Mapping[str, Any]],
) -> str:
    """One or two sentences with the numbers that matter."""
    best = _headline(scores)
    if best is not None:
        values, entry = best
        scenes = list(entry["scenes"]) or list(names)
        splits = {_split_of(scene, sources) for scene in scenes}
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
            if any(_is_fused(folder) for folder in folders if folder.is_dir()):
                parts.append(
                    "there is no ground truth here: the reference is the TSDF fusion of the same "
                    "frames, so its own score says nothing"
                )
            elif "tsdf" in values:
                parts.append(f"TSDF fusion of the same depth frames reaches {values['tsdf']:.2f}")
        else:
            parts.append(
                f"{where}, F-score at {near}: "
                + ", ".join(f"{_method(m).lower()} {v:.2f}" for m, v in values.items())
            )
        return f"{'; '.join(parts)}. Protocol: {entry['protocol']}."
    sentences = []
    if sources.predictions:
        sentences.append(f"{_count(len(names), 'room').capitalize()} predicted, not scored yet.")
    elif names:
        sentences.append(f"{_count(len(names), 'prepared scene').capitalize()}.")
    for run in runs:
        if run["steps"] is not None:
            took = f" in {_duration(run['seconds'])}" if run["seconds"] else ""
            sentences.append(f"Run {run['name']}: {run['steps']:,} training steps{took}.")
    return " ".join(sentences) or "Nothing to tell yet: the folders hold no numbers."


def _facts(
    scores: Sequence[Mapping[str, Any]],
    names: Sequence[str],
    sources: _Sources,
    runs: Sequence[Mapping[str, Any]],
    scenes: Sequence[Mapping[str, Any]],
) -> list[tuple[str, str]]:
    """The numbers in large type below the summary."""
    facts: list[tuple[str, str]] = []
    best = _headline(scores)
    if best is not None:
        for method in ("learnt", "mask_only", "tsdf"):
            if method in best[0]:
                facts.append((f"{best[0][method]:.2f}", f"F-score, {_method(method)}"))
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


def _times(sources: _Sources, names: Sequence[str]) -> list[dict[str, Any]]:
    """Wall time by stage and step, as the manifests tell it."""
    found: list[tuple[str, dict[str, float], float]] = []

    def add(stage: str, steps: Mapping[str, Any]) -> None:
        own = {k: v for k, x in steps.items() if (v := number(x)) is not None}
        total = own.pop("total", 0.0)
        if own or total:
            found.append((stage, own, max(total, sum(own.values()))))

    for data in sources.data:
        manifest = _manifest(data)
        steps = dict(manifest.seconds) if manifest is not None else {}
        add("Prepare", steps or _added(data / scene for scene in _children(data)))
    if not sources.data:
        add("Prepare", _added(sources.scenes.values()))
    for run in sources.runs:
        manifest = _manifest(run)
        add("Train", manifest.seconds if manifest is not None else {})
    for prediction in sources.predictions:
        manifest = _manifest(prediction)
        steps = dict(manifest.seconds) if manifest is not None else {}
        add("Predict", steps or _added(prediction / scene for scene in _children(prediction)))
    for scan in sources.scans:
        manifest = _manifest(scan)
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
        manifest = _manifest(folder)
        for step, seconds in (manifest.seconds if manifest is not None else {}).items():
            if (value := number(seconds)) is not None:
                total[step] = total.get(step, 0.0) + value
    return total


def _origins(sources: _Sources) -> list[dict[str, Any]]:
    """What made each folder: stage, version, seed, machine, parameters, notes."""
    records = []
    folders = [
        *(("data", path) for path in sources.data),
        *(("scene", path) for path in sources.scenes.values()),
        *(("run", path) for path in sources.runs),
        *(("prediction", path) for path in sources.predictions),
        *(("scan", path) for path in sources.scans),
    ]
    for role, folder in folders:
        manifest = _manifest(folder)
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
                "params": _flat(_hidden_all(plain(params))),
                "notes": _flat(_hidden_all(plain(manifest.notes if manifest is not None else {}))),
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


_ABSOLUTE = re.compile(r"(?<![\w.:/\\-])(?:/|~/|[A-Za-z]:[\\/])[^\s,;:'\"()<>|]*[^\s,;:'\"()<>|.]")


def _hidden(text: str) -> str:
    """The text with absolute paths cut down to their last name: a page travels, machines do not."""

    def last(found: re.Match[str]) -> str:
        path = found[0]
        kind = PureWindowsPath if "\\" in path or path[1:2] == ":" else PurePosixPath
        name = kind(path).name
        return f"…/{name}" if name and len(kind(path).parts) > 1 else path

    return _ABSOLUTE.sub(last, text)


def _hidden_all(value: Any) -> Any:
    if isinstance(value, str):
        return _hidden(value)
    if isinstance(value, Mapping):
        return {str(key): _hidden_all(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_hidden_all(item) for item in value]
    return value


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
    environment.filters["percent"] = lambda share: f"{math.floor(share * 1000) / 10:g}%"
    return environment
