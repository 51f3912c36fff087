"""Depth of a scene and its complete surface: what is made of them, and what is kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from crossvox.core.artifact import Manifest, write_manifest
from crossvox.core.camera import Intrinsics, Pose, unproject
from crossvox.core.checks import CaptureError
from crossvox.core.grid import VoxelGrid
from crossvox.core.volume import Mesh
from crossvox.doors.meshes import write_ply
from crossvox.samples import depths as module
from crossvox.samples.depths import COMPLETE_MESH, DepthScene, load_depths, near_surface
from crossvox.scene import whole

ROOM_M = np.array([2.0, 1.6, 1.2])
LOST = 4
FRAMES = 12


def box_mesh(size_m: Any = ROOM_M) -> Mesh:
    """Walls of small triangles."""
    vertices, faces = [], []
    for axis in range(3):
        for side in (0.0, 1.0):
            u, v = np.meshgrid(np.linspace(0, 1, 25), np.linspace(0, 1, 25), indexing="ij")
            wall = np.insert(np.stack([u, v], -1).reshape(-1, 2), axis, side, axis=1) * size_m
            corner = (np.arange(24)[:, None] * 25 + np.arange(24)).reshape(-1, 1) + 625 * len(faces)
            vertices.append(wall)
            faces.append(
                np.concatenate([corner + np.array(way) for way in ([0, 25, 1], [25, 26, 1])])
            )
    return Mesh(np.concatenate(vertices).astype(np.float32), np.concatenate(faces).astype(np.int32))


@pytest.fixture
def scene(prepared: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The box room, whose complete surface is known and of which half was scanned."""
    monkeypatch.setattr(whole, "_EYES", 10)
    mesh = box_mesh()
    write_ply(prepared / COMPLETE_MESH, mesh)
    half = mesh.faces[(mesh.triangles_m[..., 0] < 1.0).all(axis=1)]
    used, faces = np.unique(half, return_inverse=True)
    scan = Mesh(mesh.vertices_m[used], faces.reshape(-1, 3).astype(np.int32))
    write_ply(prepared / f"{prepared.name}.ply", scan)
    write_manifest(prepared, Manifest("prepare-scene", {}))
    return prepared


def load(folder: Path, **options: Any) -> DepthScene:
    return load_depths(folder, 0.05, 3.0, 40, **options)


def kept(folder: Path) -> Path:
    (found,) = (folder / module.VIEWS_FOLDER).glob("depth-*")
    return found


def same(one: DepthScene, other: DepthScene) -> None:
    assert (one.name, one.camera, one.grid) == (other.name, other.camera, other.grid)
    for name in ("depth_mm", "truth", "scanned"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), name)
    assert (one.rgb is None) == (other.rgb is None)
    if one.rgb is not None and other.rgb is not None:
        np.testing.assert_array_equal(one.rgb, other.rgb)
    for a, b in zip(one.poses, other.poses, strict=True):
        np.testing.assert_allclose(a.world_from_camera, b.world_from_camera, atol=1e-12)


def test_depth_and_truth_are_those_of_the_room(scene: Path) -> None:
    calls: list[tuple[int, int]] = []
    found = load(scene, progress=lambda done, total: calls.append((done, total)))
    assert calls[-1] == (FRAMES, FRAMES)
    assert len(calls) == FRAMES
    assert found.name == "box"
    assert found.depth_mm.shape == (FRAMES - 1, 30, 40), "one frame is lost, every 2nd pixel taken"
    assert found.depth_mm.dtype == np.uint16
    assert found.rgb is None
    assert len(found.poses) == FRAMES - 1
    for depth, pose in zip(found.depth_mm, found.poses, strict=True):
        points = pose.apply(unproject(depth * np.float32(1e-3), found.camera).reshape(-1, 3))
        off = np.abs(np.stack([points, points - ROOM_M])).min(axis=(0, 2))
        assert np.median(off) < 0.002
        assert off.max() < 0.03
    at = found.grid.to_world(
        np.stack(np.meshgrid(*map(np.arange, found.grid.shape), indexing="ij"), -1)
    )
    truth = np.minimum(at, ROOM_M - at).min(axis=-1)
    free = truth > 0.012
    assert found.truth.dtype == np.int8
    off = np.abs(found.truth[free] * (0.15 / 127) - np.minimum(truth, 0.15)[free])
    assert np.quantile(off, 0.99) < 0.01, "few eyes: the surface is sampled thinly"
    assert off.max() < 0.05
    outside = (at < -0.06).any(axis=-1) | (at > ROOM_M + 0.06).any(axis=-1)
    assert (found.truth[outside] < 0).mean() > 0.95
    assert (found.truth[0] == -127).all()
    assert (found.truth[..., -1] == -127).all()


def test_the_scanned_surface_is_what_the_scan_holds(scene: Path) -> None:
    found = load(scene)
    at = found.grid.to_world(np.argwhere(found.scanned))
    distance = np.abs(np.minimum(at, ROOM_M - at)).min(axis=1)
    assert found.scanned.any()
    assert distance.max() <= 0.05 + 1e-6
    assert at[:, 0].max() < 1.06


def test_boxes_reach_beyond_the_grid(scene: Path) -> None:
    found = load(scene)
    part = found.distance((-5, 3, 2), (12, 9, 8))
    assert part.dtype == np.float32
    assert part.shape == (12, 9, 8)
    assert (part[:5] == -1).all(), "beyond the grid everything is solid"
    np.testing.assert_allclose(part[5:], found.truth[:7, 3:12, 2:10] / 127, atol=1e-6)
    near = found.near_scan((-5, 3, 2), (12, 9, 8))
    assert not near[:5].any()
    np.testing.assert_array_equal(near[5:], found.scanned[:7, 3:12, 2:10])
    assert (found.distance((500, 0, 0), (8, 8, 8)) == -1).all()
    assert not found.near_scan((500, 0, 0), (8, 8, 8)).any()


def test_what_is_kept_is_mapped_and_used_again(
    scene: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = load(scene, colors=True)
    assert isinstance(first.depth_mm, np.memmap)
    assert isinstance(first.truth, np.memmap)
    assert isinstance(first.rgb, np.memmap)
    assert first.rgb.shape == (FRAMES - 1, 30, 40, 3)
    assert not first.depth_mm.flags.writeable

    def refuse(*_: Any) -> None:
        raise AssertionError("read again")

    monkeypatch.setattr(module, "_from_frames", refuse)
    same(load(scene, colors=True), first)
    with pytest.raises(AssertionError, match="read again"):
        load(scene)  # without colours: other files
    with pytest.raises(AssertionError, match="read again"):
        load_depths(scene, 0.04, 3.0, 40, True)
    write_manifest(scene, Manifest("prepare-scene", {"made": "anew"}))
    with pytest.raises(AssertionError, match="read again"):
        load(scene, colors=True)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def other(path: Path) -> None:
    with path.open("wb") as stream:
        np.savez(stream, depth=np.zeros(3))


def pickled(path: Path) -> None:
    with path.open("wb") as stream:
        np.save(stream, np.array([{}], object), allow_pickle=True)


class Maker:
    """Stands for reading the frames, and counts how often that is done."""

    def __init__(self) -> None:
        rng = np.random.default_rng(0)
        shape = (6, 5, 4)
        self.made = 0
        self.scene = DepthScene(
            "empty",
            Intrinsics(30.0, 31.0, 4.0, 3.0, 9, 7),
            rng.integers(0, 5000, (3, 7, 9)).astype(np.uint16),
            None,
            tuple(Pose(np.eye(4) + np.eye(4, k=3) * n) for n in range(3)),
            VoxelGrid(shape, 0.05, (0.1, 0.2, 0.3)),
            rng.integers(-127, 128, shape).astype(np.int8),
            rng.random(shape) < 0.3,
        )

    def __call__(self, *_: Any) -> DepthScene:
        self.made += 1
        return self.scene


@pytest.fixture
def stub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Maker]:
    """A folder whose frames are those of a maker, read once."""
    folder = tmp_path / "empty"
    folder.mkdir()
    (folder / COMPLETE_MESH).touch()
    write_manifest(folder, Manifest("prepare-scene", {}))
    maker = Maker()
    monkeypatch.setattr(module, "_from_frames", maker)
    same(load(folder), maker.scene)
    assert maker.made == 1
    return folder, maker


@pytest.mark.parametrize("name", ["depth", "truth", "scanned", "kept"])
@pytest.mark.parametrize("damage", [cut, empty, other, pickled, Path.unlink])
def test_damaged_files_are_made_anew(stub: tuple[Path, Maker], name: str, damage: Any) -> None:
    folder, maker = stub
    (path,) = kept(folder).glob(f"{name}.*")
    damage(path)
    for _ in range(2):
        same(load(folder), maker.scene)
    assert maker.made == 2, "once more, and mended for good"


def test_files_that_do_not_belong_together_are_made_anew(stub: tuple[Path, Maker]) -> None:
    folder, maker = stub
    place = kept(folder) / "kept.json"
    told = json.loads(place.read_text())
    for count, change in enumerate(
        ({"poses": told["poses"][:-1]}, {"grid": {**told["grid"], "shape": [4, 4, 4]}}), start=2
    ):
        place.write_text(json.dumps({**told, **change}))
        same(load(folder), maker.scene)
        assert maker.made == count


def test_a_folder_that_cannot_be_written_is_read_anew(
    stub: tuple[Path, Maker], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, maker = stub
    (kept(folder) / "kept.json").unlink()

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "_keep", full)
    for _ in range(2):
        with pytest.warns(UserWarning, match=r"cannot be written.*No space left"):
            assert load(folder) is maker.scene
    assert maker.made == 3


def test_a_scene_without_its_whole_surface_is_refused(scene: Path) -> None:
    (scene / COMPLETE_MESH).unlink()
    with pytest.raises(CaptureError, match=r"without complete\.ply; needed: .*; do: make rooms"):
        load(scene)


def test_a_scene_without_a_posed_frame_is_refused(
    scene: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in (scene / "pose").iterdir():
        path.write_text("\n".join(["-inf -inf -inf -inf"] * 4))
    with pytest.raises(CaptureError, match="without a frame that has pose and depth"):
        load(scene)


def test_near_is_within_five_centimetres() -> None:
    grid = VoxelGrid((20, 20, 20), 0.03, (-0.3, -0.3, -0.3))
    at = np.linspace(-0.2, 0.2, 41)
    u, v = np.meshgrid(at, at, indexing="ij")
    points = np.stack([u, v, np.full_like(u, 0.012)], -1).reshape(-1, 3).astype(np.float32)
    corner = (np.arange(40)[:, None] * 41 + np.arange(40)).reshape(-1, 1)
    mesh = Mesh(
        points,
        np.concatenate([corner + np.array(way) for way in ([0, 41, 1], [41, 42, 1])]).astype(
            np.int32
        ),
    )
    near = near_surface(mesh, grid)
    places = grid.to_world(np.argwhere(np.ones(grid.shape)))
    beyond = np.maximum(np.abs(places[:, :2]) - 0.2, 0)
    distance = np.hypot(np.linalg.norm(beyond, axis=1), places[:, 2] - 0.012)
    sure = np.abs(distance - 0.05) > 0.002
    np.testing.assert_array_equal(near.ravel()[sure], (distance < 0.05)[sure])
