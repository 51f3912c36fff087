"""Causes of predictions that were made by hand: a gain is told where it was made, and kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from crossvox.cli import main
from crossvox.core.artifact import Manifest, write_manifest
from crossvox.core.labels import NYU40
from crossvox.core.methods import ATTRIBUTES, METHOD_FILES
from crossvox.core.volume import Mesh
from crossvox.doors.meshes import read_mesh, write_ply
from crossvox.evaluate.parts import near_another
from crossvox.recipes.study.causes import CauseParams, Sight
from crossvox.recipes.study.causes_run import PredictedCell, PredictedTarget, causes
from crossvox.recipes.study.describe import alike, features_at, found_again, places_of
from crossvox.samples.source import load_source
from crossvox.study.transfer import Cause, Contrast
from crossvox.views.params import ViewParams

SIGHT = Sight(ViewParams(width=128, height=96))
Cut = Callable[[Path, Mesh, NDArray[np.bool_]], Mesh]


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    work = tmp_path_factory.mktemp("causes")
    size = ["--width", "128", "--height", "96"]
    rooms = ["--count", "2", "--seed", "3", "--frames", "12", "--frame-step", "40", *size]
    for words in (
        ("rooms", work / "rooms", *rooms, "--spacing-m", "0.1"),
        ("prepare", work / "rooms", work / "data", *size, "--frame-skip", 1, "--workers", 1),
    ):
        assert main([str(word) for word in words]) == 0
    return work


def seen_vertices(folder: Path, mesh: Mesh) -> NDArray[np.bool_]:
    views = load_source(folder, SIGHT.views).views
    seen = np.zeros(views.grid.count, bool)
    seen[views.voxel] = True
    at = np.rint(views.grid.to_grid(mesh.vertices_m)).astype(int)
    at = np.clip(at, 0, np.array(views.grid.shape) - 1)
    return seen.reshape(views.grid.shape)[tuple(at.T)]


def keep(mesh: Mesh, kept: NDArray[np.bool_]) -> Mesh:
    """The faces of a mesh whose corners are all kept."""
    return replace(mesh, faces=mesh.faces[kept[mesh.faces].all(axis=1)])


def predict(work: Path, name: str, cut: Cut, seeds: int = 2) -> PredictedCell:
    """Predictions of all rooms, made of their true surfaces."""
    folders = {}
    for seed in range(seeds):
        folders[seed] = work / "predictions" / name / f"seed-{seed}"
        for folder in sorted((work / "data").glob("scene*_00")):
            truth = read_mesh(folder / f"{folder.name}.ply")
            made = cut(folder, truth, seen_vertices(folder, truth))
            out = folders[seed] / folder.name
            out.mkdir(parents=True)
            write_ply(out / METHOD_FILES["learnt"], made)
            sure = np.full(len(made.vertices_m), 0.75, np.float16)
            np.savez(out / ATTRIBUTES, confidence=sure)
            write_manifest(out, Manifest("test", {"name": name, "seed": seed}))
    return PredictedCell(name, folders)


def told(found: tuple[Cause, ...], split: str, score: str) -> dict[str, float]:
    (cause,) = [one for one in found if (one.split, one.score) == (split, score)]
    return {group.name: group.difference.mean for group in cause.groups}


def test_a_surface_that_is_completed_gains_where_nothing_was_seen(work: Path) -> None:
    cells = {
        "whole": predict(work, "whole", lambda folder, mesh, seen: mesh),
        "seen": predict(work, "seen", lambda folder, mesh, seen: keep(mesh, seen)),
    }
    target = PredictedTarget("reconstruct", work / "data", SIGHT, cells)
    contrast = Contrast("completes", "reconstruct", "whole", "seen", "Does it complete?")
    other = Contrast("other", "segment3d", "a", "b", "?")
    found = causes(work / "out", {"reconstruct": target}, [contrast, other])
    gains = told(found, "seen", "F-score")
    assert gains["seen"] < 0.05 < 0.2 < gains["unseen"]
    far = told(found, "distance to what was seen", "F-score")
    assert 0 <= far["0 m"] < 0.05
    assert far["0.1 to 0.2 m"] > 0.6
    assert max(told(found, "angle between views", "F-score").values()) < 0.1
    assert set(told(found, "room", "F-score")) == {"scene0000_00", "scene0001_00"}
    assert {one.split for one in found} == {
        *("seen", "distance to what was seen", "angle between views", "boundary", "class", "room")
    }
    # What was counted is kept, cell by cell.
    before = {path: path.stat().st_mtime_ns for path in (work / "out").rglob("scene*.json")}
    assert len(before) == 8
    # As text: an interval that cannot be told is NaN, which equals nothing.
    again = causes(work / "out", {"reconstruct": target}, [contrast])
    assert repr(again) == repr(found)
    assert {p: p.stat().st_mtime_ns for p in (work / "out").rglob("scene*.json")} == before


def at_boundaries(mesh: Mesh) -> NDArray[np.bool_]:
    assert mesh.labels is not None
    return near_another(mesh.vertices_m, mesh.labels, 0.1)


def test_classes_that_are_wrong_at_boundaries_lose_there(work: Path) -> None:
    def wrong(folder: Path, mesh: Mesh, seen: NDArray[np.bool_]) -> Mesh:
        assert mesh.labels is not None
        other = np.uint8(NYU40.id_of("curtain"))
        return replace(mesh, labels=np.where(at_boundaries(mesh), other, mesh.labels))

    cells = {
        "right": predict(work, "right", lambda folder, mesh, seen: mesh),
        "wrong": predict(work, "wrong", wrong),
    }
    target = PredictedTarget("segment3d", work / "data", SIGHT, cells)
    contrast = Contrast("sharp", "segment3d", "right", "wrong", "Is it right at boundaries?")
    found = causes(work / "out", {"segment3d": target}, [contrast])
    assert told(found, "boundary", "vertex accuracy") == {"boundary": 1, "interior": 0}
    assert told(found, "class", "IoU")["wall"] > 0.1
    error = told(found, "calibration", "calibration error")["whole"]
    (cause,) = [one for one in found if one.split == "calibration"]
    assert cause.groups[0].arm_mean == pytest.approx(0.25, abs=1e-3)
    assert error == pytest.approx(0.25 - cause.groups[0].control_mean, abs=1e-3)


def test_features_are_compared_at_the_same_places(work: Path) -> None:
    folder = work / "data" / "scene0000_00"
    source = load_source(folder, SIGHT.views)
    places = places_of(source, 6)
    assert len(places.frame_ids) == 6
    assert places.one_a_cell.sum() <= 6 * 12 * 16
    colours = features_at(source, SIGHT.views, None, places)
    assert colours.shape == (len(places.voxel), 3)
    params = CauseParams(frames=6, points=50)
    # Features that are where the point is find it again from any angle; chance hardly does.
    table = found_again(places.places_m - places.places_m.mean(axis=0), places, params)
    know = found_again(
        np.stack([np.cos(places.places_m), np.sin(places.places_m)], axis=2).reshape(-1, 6),
        places,
        params,
    )
    asked, right, chance = know.sum(axis=0)
    assert asked == table[:, 0].sum() > 300
    assert right / asked > 0.95
    assert chance / asked < 0.1
    found = alike({"colours": colours, "same": 2 * colours[:, ::-1], "noise": noise(places)}, 500)
    assert found["colours, same"] == pytest.approx(1)
    assert abs(found["colours, noise"]) < 0.05


def noise(places: object) -> NDArray[np.float64]:
    count = len(places.voxel)  # type: ignore[attr-defined]
    return np.random.default_rng(0).normal(size=(count, 64))
