"""A small set of folders as the stages write them: two box rooms, a run, a prediction."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from crossvox.core.artifact import MANIFEST, Manifest, read_manifest, write_json, write_manifest
from crossvox.core.camera import Intrinsics, Pose
from crossvox.core.grid import VoxelGrid
from crossvox.core.labels import NYU40
from crossvox.core.methods import CALIBRATED
from crossvox.core.room_contents import (
    OBJECTS_FILE,
    Opening,
    RoomContents,
    RoomObject,
    Wall,
)
from crossvox.core.volume import Mesh, Score
from crossvox.doors.images import encode_jpeg, encode_png
from crossvox.doors.meshes import read_mesh, write_ply
from crossvox.metrics import confusion, segmentation_scores
from crossvox.metrics.curve import CURVE, FramesCurve, write_curve
from crossvox.report.page.write import PageReport, write_page
from crossvox.report.params import ReportParams
from crossvox.report.pictures.painter import Painter, over
from crossvox.report.pictures.surface import surface_points
from crossvox.report.pictures.viewpoint import looking_at
from crossvox.report.rooms import nearest_labels

sys.path.insert(0, str(Path(__file__).parent))

from browser import Tab, browser_tab, find_browser

CAMERA = Intrinsics(140.0, 140.0, 79.5, 59.5, 160, 120)


def box(low, high, color, step=0.1, inward=False) -> Mesh:
    """A box of small coloured triangles, seen from outside or, ``inward``, from inside."""
    low, high = np.asarray(low, float), np.asarray(high, float)
    parts = []
    for axis in range(3):
        for end in (0, 1):
            a, b = (axis + 1) % 3, (axis + 2) % 3
            n_a = max(2, round((high[a] - low[a]) / step) + 1)
            n_b = max(2, round((high[b] - low[b]) / step) + 1)
            s, t = np.meshgrid(
                np.linspace(low[a], high[a], n_a), np.linspace(low[b], high[b], n_b), indexing="ij"
            )
            points = np.zeros((n_a * n_b, 3))
            points[:, a], points[:, b] = s.ravel(), t.ravel()
            points[:, axis] = (low, high)[end][axis]
            i, j = np.meshgrid(np.arange(n_a - 1), np.arange(n_b - 1), indexing="ij")
            p = (i * n_b + j).ravel()
            faces = np.concatenate([np.c_[p, p + n_b, p + n_b + 1], np.c_[p, p + n_b + 1, p + 1]])
            if (end == 0) != inward:
                faces = faces[:, ::-1]
            shade = 1 - 0.12 * axis - 0.08 * end
            parts.append(
                Mesh(
                    points.astype(np.float32),
                    faces.astype(np.int32),
                    np.tile((np.array(color) * shade).astype(np.uint8), (len(points), 1)),
                )
            )
    return joined(parts)


def joined(parts: list[Mesh]) -> Mesh:
    """One mesh of several."""
    starts = np.cumsum([0] + [len(part.vertices_m) for part in parts[:-1]])
    return Mesh(
        np.concatenate([part.vertices_m for part in parts]),
        np.concatenate([p.faces + s for p, s in zip(parts, starts, strict=True)]).astype(np.int32),
        np.concatenate([part.colors for part in parts]),
    )


def room(seed: int) -> Mesh:
    """A room with a table, a sofa and a shelf."""
    rng = np.random.default_rng(seed)
    x, y = np.array([4.4, 3.4]) + rng.uniform(-0.4, 0.4, 2)
    return joined(
        [
            box((0, 0, 0), (x, y, 2.6), (222, 214, 200), inward=True),
            box((0.02, 0.02, 0.003), (x - 0.02, y - 0.02, 0.012), (150, 112, 84)),
            box((1.5, 1.3, 0.68), (2.7, 2.1, 0.74), (196, 150, 96)),
            *(
                box((u, v, 0), (u + 0.06, v + 0.06, 0.68), (120, 84, 52), 0.1)
                for u in (1.54, 2.6)
                for v in (1.34, 2.0)
            ),
            box((0.1, y - 0.95, 0), (2.0, y - 0.1, 0.42), (52, 104, 150)),
            box((0.1, y - 0.3, 0.42), (2.0, y - 0.1, 0.85), (44, 92, 138)),
            box((x - 0.45, 0.4, 0), (x - 0.03, 1.6, 1.8), (168, 74, 62)),
        ]
    )


def blocks(mesh: Mesh, voxel_m: float = 0.1) -> Mesh:
    """The voxels that a surface passes through, meshed."""
    from skimage.measure import marching_cubes

    points = surface_points(mesh, voxel_m / 3)
    grid = VoxelGrid.around(points, voxel_m, margin=2)
    occupied = np.zeros(grid.shape, dtype=np.float32)
    i, j, k = np.round(grid.to_grid(points)).astype(int).T
    occupied[i, j, k] = 1
    vertices, faces, _, _ = marching_cubes(occupied, 0.5)
    return Mesh(grid.to_world(vertices).astype(np.float32), faces.astype(np.int32))


def poses(mesh: Mesh, count: int) -> list[Pose]:
    """A walk round the room's middle."""
    middle = 0.5 * (mesh.vertices_m.min(axis=0) + mesh.vertices_m.max(axis=0))
    found = []
    for i in range(count):
        angle = 2 * math.pi * i / count
        out = np.array([math.cos(angle), math.sin(angle), 0.0])
        found.append(
            looking_at(middle + out * (1.5, 1.0, 0) + (0, 0, 0.3), middle - out * 0.5 - (0, 0, 0.4))
        )
    return found


def write_scene(folder: Path, seed: int, frames: int = 12) -> Mesh:
    """A prepared scene folder with one lost pose."""
    mesh = room(seed)
    painter = Painter(mesh, occlusion=False)
    for sub in ("color", "depth", "pose", "label"):
        (folder / sub).mkdir(parents=True)
    for i, pose in enumerate(poses(mesh, frames)):
        depth = painter.surface.caster.depth(CAMERA, pose)
        depth[: i % 4 * 6, :40] = 0
        rgb = over(painter.paint(CAMERA, pose, supersample=1))
        matrix = pose.world_from_camera if i != 3 else np.full((4, 4), -np.inf)
        (folder / "color" / f"{i * 10}.jpg").write_bytes(encode_jpeg(rgb))
        (folder / "depth" / f"{i * 10}.png").write_bytes(
            encode_png(np.round(depth * 1000).astype(np.uint16))
        )
        np.savetxt(folder / "pose" / f"{i * 10}.txt", matrix)
    intrinsic = np.eye(4)
    intrinsic[:3, :3] = CAMERA.matrix
    np.savetxt(folder / "intrinsic.txt", intrinsic)
    write_ply(folder / f"{folder.name}.ply", mesh)
    write_manifest(
        folder,
        Manifest(
            "prepare-scene",
            params={"frame_skip": 10, "size": [160, 120]},
            seconds={"frames": 2.1, "fuse": 1.4, "voxelize": 0.3},
            notes={"frames": frames, "lost poses": 1, "surface": "mesh"},
        ),
    )
    return mesh


def scores(protocol: str, values: dict[str, float], scenes: int) -> list[dict]:
    """Score records as the score file holds them."""
    units = {"Acc": "m", "Comp": "m", "AbsRel": "ratio"}
    return [
        asdict(
            Score(
                name,
                value,
                units.get(name, "ratio"),
                scenes,
                "scenes" if scenes > 1 else "points",
                name not in ("Acc", "Comp", "AbsRel"),
                protocol,
            )
        )
        for name, value in values.items()
    ]


@dataclass(frozen=True)
class Made:
    """Where the made folders lie."""

    data: Path
    run: Path
    prediction: Path
    names: tuple[str, ...]


def make(root: Path, scenes: int = 2) -> Made:
    """Write the whole set below ``root``."""
    rng = np.random.default_rng(0)
    data, run, prediction = root / "data", root / "runs" / "recon", root / "prediction"
    names = tuple(f"scene{9000 + i}_00" for i in range(scenes))
    values = {
        "learnt": (0.05, 0.03, 0.78, 0.84, 0.81, 0.05),
        "mask_only": (0.07, 0.05, 0.58, 0.67, 0.62, 0.09),
        "tsdf": (0.02, 0.03, 0.90, 0.79, 0.84, 0.02),
    }
    table: dict[str, dict] = {}
    for i, name in enumerate(names):
        mesh = write_scene(data / name, i)
        voxels = blocks(mesh, 0.12)
        wobble = mesh.vertices_m + rng.normal(0, 0.012, mesh.vertices_m.shape).astype(np.float32)
        smooth = blocks(mesh, 0.08)
        write_ply(prediction / name / "mesh.ply", smooth)
        write_ply(prediction / name / "mask_only.ply", voxels)
        write_ply(prediction / name / "tsdf.ply", Mesh(wobble, mesh.faces, mesh.colors))
        write_manifest(
            prediction / name,
            Manifest(
                "predict-scene",
                seconds={"network": 6.5, "mesh": 0.4},
                notes={"windows": 120, "windows_with_views": 118, "coverage": 1.0},
            ),
        )
        keys = ("Acc", "Comp", "Prec", "Recall", "F-score", "AbsRel")
        table[name] = {
            method: scores("surface", dict(zip(keys, np.array(row) + 0.01 * i, strict=True)), 1)
            for method, row in values.items()
        }
    (data / "val.txt").write_text("\n".join(names) + "\n")
    (data / "train.txt").write_text("scene8000_00\n")
    write_manifest(data, Manifest("prepare", notes={"scenes": scenes, "broken": 0}))
    keys = ("Acc", "Comp", "Prec", "Recall", "F-score", "AbsRel")
    mean = {
        method: scores("surface", dict(zip(keys, row, strict=True)), scenes)
        for method, row in values.items()
    }
    run.mkdir(parents=True)
    lines = []
    for step in range(0, 400, 5):
        loss = 0.6 * math.exp(-step / 120) + 0.12 + 0.03 * rng.normal()
        lines.append({"step": step, "split": "train", "loss": loss, "rate": 1e-3, "seconds": step})
        if step % 50 == 45:
            lines.append(
                {
                    "step": step,
                    "split": "validation",
                    "loss": loss + 0.03,
                    "scores": {
                        "IoU": 0.7 - 0.5 * math.exp(-step / 100),
                        "IoU (mask only)": 0.41,
                        "F1": 0.8 - 0.5 * math.exp(-step / 100),
                        "F1 (mask only)": 0.55,
                        "loss": loss,
                    },
                    "seconds": step,
                }
            )
    (run / "log.jsonl").write_text("\n".join(json.dumps(line) for line in lines) + "\n")
    write_json(run / "params.json", {"train": {"steps": 400, "rate": 1e-3}, "task": "reconstruct"})
    write_manifest(
        run,
        Manifest(
            "train-reconstruct",
            params={"train": {"steps": 400, "batch": 4}, "network": "scene_unet"},
            seed=7,
            seconds={"total": 165.0, "steps": 150.0, "validation": 12.0},
            links={"data": "../../data"},
            notes={"parameters": 412345},
        ),
    )
    write_manifest(
        prediction,
        Manifest(
            "predict",
            params={"stride": [16, 16, 32]},
            seconds={"predict": 14.0},
            links={"run": "../runs/recon", "data": "../data"},
        ),
    )
    write_json(
        prediction / "scores.surface.json",
        {
            "protocol": "surface",
            "scenes": table,
            "mean": mean,
            "coverage": dict.fromkeys(names, 1.0),
            "notes": ["Depth is rendered at every frame with a valid pose."],
        },
    )
    return Made(data, run, prediction, names)


def true_labels(mesh: Mesh) -> np.ndarray:
    """Wall, floor, table, sofa and a piece that nobody annotated, by place."""
    x, y, z = mesh.vertices_m.T
    labels = np.ones(len(z), np.uint8)
    labels[z < 0.05] = 2
    labels[(z > 0.6) & (z < 0.8) & (x > 1.4) & (x < 2.8) & (y > 1.2) & (y < 2.2)] = 7
    labels[(x > 0.05) & (x < 2.05) & (y > 2.0) & (z > 0.05) & (z < 0.9)] = 6
    labels[z > 2.5] = 0
    return labels


def label(made: Made, seed: int = 0) -> Made:
    """Give scenes, prediction and run of :func:`make` classes, votes, scores and a transfer."""
    rng = np.random.default_rng(seed)
    counts = {m: np.zeros((41, 41), np.int64) for m in ("learnt", "votes_2d", "majority")}
    scenes = {}
    for name in made.names:
        folder, path = made.prediction / name, made.data / name / f"{name}.ply"
        mesh = read_mesh(path)
        truth = true_labels(mesh)
        write_ply(path, Mesh(mesh.vertices_m, mesh.faces, mesh.colors, truth))
        everywhere = np.where(truth == 0, 1, truth).astype(np.uint8)
        whole = Mesh(mesh.vertices_m, mesh.faces, None, everywhere)
        taken = {}
        for method, file, share in (("learnt", "mesh.ply", 0.1), ("votes_2d", "votes.ply", 0.3)):
            shape = read_mesh(folder / ("mesh.ply" if method == "learnt" else "mask_only.ply"))
            labels = nearest_labels(whole, shape.vertices_m).copy()
            wrong = rng.random(len(labels)) < share
            labels[wrong] = rng.choice([1, 2, 5, 39], int(wrong.sum()))
            labelled = Mesh(shape.vertices_m, shape.faces, shape.colors, labels)
            write_ply(folder / file, labelled)
            taken[method] = nearest_labels(labelled, mesh.vertices_m)
        taken["majority"] = np.ones_like(truth)
        predicted = taken["learnt"]
        for file in ("transferred.ply", "on_scan.ply"):
            colors = NYU40.colors[predicted]
            write_ply(folder / file, Mesh(mesh.vertices_m, mesh.faces, colors, predicted))
        scenes[name] = {}
        for method, labels in taken.items():
            one = confusion(truth, labels, 41)
            counts[method] += one
            scenes[name][method] = segmentation_scores(one, None, "nearest", of="vertices")
    write_json(
        made.prediction / "scores.classes.json",
        {
            "protocol": "classes",
            "scenes": scenes,
            "whole": {
                method: segmentation_scores(one, None, "nearest", of="vertices")
                for method, one in counts.items()
            },
            "confusion": counts,
            "notes": ["majority: wall"],
        },
    )
    (made.prediction / "scores.surface.json").unlink()
    write_json(
        made.run / "transfer.json",
        {
            "source": "recon",
            "mode": "published",
            "parts": {"encoder": [40, 40], "last": [1, 2]},
            "loaded": [f"encoder.{i}" for i in range(41)],
            "missing": ["head.bias"],
            "skipped": [["head.weight", [41, 8], [2, 8]]],
            "frozen": [],
            "rates": {"1": 2, "0.05": 40},
            "summary": "from recon (best, published): 41 loaded",
        },
    )
    return made


def strip(size: tuple[int, int] = (40, 30)) -> np.ndarray:
    """A picture strip as 2D runs write them: image, truth, prediction, error."""
    width, height = size
    truth = np.ones((height, width), np.uint8)
    truth[height // 2 :] = 2
    predicted = truth.copy()
    predicted[:, : width // 4] = 5
    photo = np.full((height, width, 3), 120, np.uint8)
    panels = [photo, NYU40.colors[truth], NYU40.colors[predicted], photo]
    gap = np.full((height, 2, 3), 255, np.uint8)
    return np.concatenate([part for panel in panels for part in (panel, gap)][:-1], axis=1)


def make_run2d(run: Path, evaluated: bool = True) -> Path:
    """A 2D run: a log, pictures of its training, and an evaluation."""
    (run / "pictures").mkdir(parents=True)
    (run / "log.jsonl").write_text(json.dumps({"step": 0, "split": "train", "loss": 3.0}) + "\n")
    write_manifest(run, Manifest("train-segment2d", notes={"parameters": 1000}))
    (run / "pictures" / "kept.png").write_bytes(encode_png(strip()))
    if evaluated:
        counts = np.zeros((41, 41), np.int64)
        counts[1, 1], counts[1, 5], counts[2, 2], counts[7, 39], counts[7, 7] = 80, 20, 60, 6, 4
        (run / "evaluation" / "pictures").mkdir(parents=True)
        (run / "evaluation" / "pictures" / "held.png").write_bytes(encode_png(strip()))
        write_json(
            run / "evaluation" / "scores.json",
            {
                "scores": segmentation_scores(counts, 1, "whole images"),
                "images": 84,
                "left_out": {"images without labels": 3},
                "confusion": counts,
                "classes": NYU40.names,
            },
        )
    return run


def make_study(folder: Path) -> Path:
    """A study of two arms and a baseline, three seeds on two rooms."""
    folder.mkdir(parents=True)
    unit = {"unit": "ratio", "higher_is_better": True, "protocol": "surface"}

    def spread(mean: float, sd: float | None) -> dict:
        return {"mean": mean, "sd": sd, "seeds": 3, "scenes": 2, "undefined": 0}

    def against(mean: float, low: float | None, high: float | None) -> dict:
        return {"F-score": {"mean": mean, "low": low, "high": high, "seeds": 3, "seeds_above": 3}}

    write_json(
        folder / "study.json",
        {
            "task": "reconstruct",
            "comparison": {
                "scenes": ["a", "b"],
                "kinds": {"Prec": unit, "F-score": unit},
                "level": 0.95,
                "cautions": ["Two scenes: intervals are wide."],
                "arms": [
                    {
                        "name": "rgb",
                        "differs": "Colours.",
                        "seeds": [0, 1, 2],
                        "parameters": 25002,
                        "seconds": {"train": 12.0},
                        "scores": {"F-score": spread(0.8, 0.01), "Prec": spread(0.9, None)},
                        "against": {"mask_only": against(0.05, 0.01, 0.09)},
                    },
                    {
                        "name": "random",
                        "differs": "Random weights.",
                        "seeds": [0, 1, 2],
                        "parameters": 26000,
                        "seconds": {"train": 13.0},
                        "scores": {"F-score": spread(0.74, 0.02), "Prec": spread(0.8, 0.1)},
                        "against": {
                            "rgb": against(-0.06, None, None),
                            "mask_only": against(-0.01, -0.05, 0.03),
                        },
                    },
                    {
                        "name": "mask_only",
                        "differs": "Nothing learnt.",
                        "seeds": [],
                        "parameters": 0,
                        "seconds": {},
                        "scores": {"F-score": spread(0.75, None), "Prec": spread(0.7, None)},
                        "against": {},
                    },
                ],
            },
            "results": [
                {"arm": arm, "seed": seed, "scores": {"a": {"F-score": value + 0.01 * seed}}}
                for arm, value in (("rgb", 0.79), ("random", 0.73))
                for seed in range(3)
            ],
        },
    )
    return folder


def complete(made: Made) -> Made:
    """Take a part out of the fusion of :func:`make`, and give it back as a completed one."""
    for name in made.names:
        folder = made.prediction / name
        fused = read_mesh(folder / "tsdf.ply")
        x, y, _ = fused.vertices_m.T
        completed = (x > 2.2) & (y > 1.2)
        confidence = np.where(completed, np.clip(0.3 + 0.2 * x, 0.3, 1), 1).astype(np.float32)
        seen = ~completed[fused.faces].any(axis=1)
        write_ply(folder / "tsdf.ply", replace(fused, faces=fused.faces[seen]))
        whole = replace(fused, completed=completed, confidence=confidence)
        write_ply(folder / "mesh.ply", whole)
    return made


def some_contents() -> RoomContents:
    """A table and a sofa in a room whose outline was not seen all around."""
    walls = tuple(
        Wall(a, b, 2.6)
        for a, b in (((4.4, 0.0), (0.0, 0.0)), ((0.0, 0.0), (0.0, 3.4)), ((0.0, 3.4), (4.4, 3.4)))
    )
    objects = (
        RoomObject(1, "table", 7, 0.9996, (2.1, 1.7, 0.37), (1.2, 0.8, 0.74), 0.0, 2.5, 300),
        RoomObject(2, "sofa", 6, 0.62, (1.05, 2.9, 0.42), (1.9, 0.85, 0.85), 4.0, 3.5, 500),
        RoomObject(3, "table", 7, 0.41, (4.0, 1.0, 0.9), (0.42, 1.2, 1.8), 90.0, 0.004, 40),
    )
    return RoomContents(
        objects,
        walls,
        (Opening("door", 0, (2.0, 0.0, 1.0), 0.9, 2.0, 0.0),),
        ((0.0, 0.0), (4.4, 0.0), (4.4, 3.4), (0.0, 3.4)),
        0.7,
        0.0,
        None,
        14.96,
        None,
        ("The ceiling was not seen.",),
    )


PLAN = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 44 34" width="440" height="340">'
    '<script>window.stolen = 1</script><rect width="44" height="34" fill="none" stroke="#000"/>'
    "</svg>"
)


def furnish(made: Made) -> Made:
    """Tell of every labelled room of :func:`label` how sure it is, and what it holds."""
    for name in made.names:
        folder = made.prediction / name
        mesh = read_mesh(folder / "mesh.ply")
        assert mesh.labels is not None
        x, y, _ = mesh.vertices_m.T
        sure = np.clip(0.35 + 0.2 * x, 0, 1).astype(np.float32)
        labels = np.where((x < 0.8) & (y < 1.5), 0, mesh.labels).astype(np.uint8)
        objects = np.where(labels == 7, 1, np.where(labels == 6, 2, 0)).astype(np.int32)
        write_ply(
            folder / "mesh.ply",
            replace(mesh, labels=labels, label_confidence=sure, objects=objects),
        )
        some_contents().write(folder / OBJECTS_FILE)
        (folder / "floorplan.svg").write_text(PLAN)
        note(folder, CALIBRATED, True)
    return made


def note(folder: Path, name: str, value: object) -> None:
    """Note something in a folder's manifest."""
    told = read_manifest(folder) if (folder / MANIFEST).is_file() else Manifest("predict-scene")
    write_manifest(folder, replace(told, notes={**told.notes, name: value}))


def some_curve(rooms: int = 8) -> FramesCurve:
    """Made-up scores of three methods from five numbers of frames."""
    rng = np.random.default_rng(5)
    frames = np.array([3, 5, 10, 20, 60])
    hard = rng.normal(0, 0.03, rooms)

    def table(least: float, most: float, slope: float) -> np.ndarray:
        level = most - (most - least) * (3 / frames[:, None]) ** slope
        return level + hard / frames[:, None] ** 0.5 + rng.normal(0, 0.006, (5, rooms))

    scores = {
        "F-score": {
            "learnt": table(0.80, 0.992, 1.0),
            "tsdf": table(0.68, 0.99, 0.9),
            "mask_only": table(0.61, 0.91, 0.9),
        },
        "F-score 2 cm": {
            "learnt": table(0.61, 0.95, 0.9),
            "tsdf": table(0.60, 0.95, 0.9),
            "mask_only": table(0.31, 0.42, 0.9),
        },
    }
    scores["Acc"] = {method: 0.1 * (1 - table) for method, table in scores["F-score"].items()}
    scores["F-score"]["learnt"][1, 0] = math.nan
    names = tuple(f"scene{9000 + i}_00" for i in range(rooms))
    methods = ("learnt", "tsdf", "mask_only")
    notes = ("The rooms were never used for any choice.",)
    return FramesCurve(tuple(frames.tolist()), methods, names, scores, "surface", notes)


@pytest.fixture(scope="session")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """The whole set of folders of a segmentation, made once."""
    return label(make(tmp_path_factory.mktemp("labelled")))


@pytest.fixture(scope="session")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """One labelled room that tells how sure it is and what it holds, made once."""
    return furnish(label(make(tmp_path_factory.mktemp("furnished"), 1)))


@pytest.fixture(scope="session")
def furnished_page(furnished: Made, tmp_path_factory: pytest.TempPathFactory) -> PageReport:
    """The page of that room, with its 3D view."""
    params = ReportParams(max_scenes=1, picture_width_px=240, view_faces=8000)
    return write_page([furnished.prediction], tmp_path_factory.mktemp("page") / "page", params)


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """The whole set of folders, made once."""
    return make(tmp_path_factory.mktemp("report"))


@pytest.fixture(scope="session")
def completed_page(tmp_path_factory: pytest.TempPathFactory) -> PageReport:
    """The page of a completed room, with its 3D view and a curve over the number of frames."""
    root = tmp_path_factory.mktemp("completed")
    prediction = complete(make(root, 1)).prediction
    write_curve(prediction / CURVE, some_curve())
    params = ReportParams(max_scenes=1, picture_width_px=240, view_faces=8000)
    return write_page([prediction], root / "page", params)


@pytest.fixture(scope="session")
def box_room() -> Mesh:
    """A furnished box room, z up."""
    return room(0)


@pytest.fixture(scope="session")
def build() -> SimpleNamespace:
    """The makers of this file, for tests that need other folders or meshes."""
    return SimpleNamespace(
        make=make,
        label=label,
        run2d=make_run2d,
        study=make_study,
        complete=complete,
        furnish=furnish,
        note=note,
        contents=some_contents,
        curve=some_curve,
        strip=strip,
        room=room,
        box=box,
        joined=joined,
        blocks=blocks,
        poses=poses,
        camera=CAMERA,
    )


@pytest.fixture(scope="module")
def tab() -> Iterator[Tab]:
    """A tab of a headless browser."""
    binary = find_browser()
    if binary is None:
        pytest.skip("needs a chromium or chrome binary on the path, and there is none")
    with browser_tab(binary) as tab:
        yield tab
