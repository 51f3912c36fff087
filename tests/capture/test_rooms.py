"""Generated rooms: layout, light, walk, sensors, files."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossvox.capture.rooms import RoomsParams, sensor, texture, write_rooms
from crossvox.capture.rooms import shapes as sh
from crossvox.capture.rooms.categories import NYU40_IDS, RAW_IDS, nyu40_table
from crossvox.capture.rooms.film import shoot
from crossvox.capture.rooms.layout.furnish import furnish, kind_of
from crossvox.capture.rooms.layout.kinds import KINDS
from crossvox.capture.rooms.layout.room import Room, polygon_contains
from crossvox.capture.rooms.light import RoomMesh, assemble
from crossvox.capture.rooms.materials import KINDS as PATTERNS
from crossvox.capture.rooms.materials import MaterialBook
from crossvox.capture.rooms.model import Block, block_of
from crossvox.capture.rooms.reference import reference_mesh
from crossvox.capture.rooms.scan import Scan, prepare_scan
from crossvox.capture.rooms.write import room_params, scene_name, splits, write_room
from crossvox.capture.sens import SensReader
from crossvox.core.camera import project, unproject
from crossvox.core.checks import ParamsError
from crossvox.core.labels import NYU40, RawLabelMap
from crossvox.doors.images import read_gray
from crossvox.doors.meshes import read_mesh
from crossvox.doors.raycast import Raycaster

TINY = RoomsParams(count=2, seed=3, frames=4, width=96, height=72, spacing_m=0.08, threads=2)


@pytest.fixture(scope="module")
def rooms() -> list[Room]:
    """Sixteen rooms of one seed, coarse."""
    return [furnish(11, number, spacing_m=0.2) for number in range(16)]


@pytest.fixture(scope="module")
def scan() -> Scan:
    """One room ready to be filmed."""
    params = RoomsParams(seed=5, frames=30, width=160, height=120, spacing_m=0.06)
    return prepare_scan(params, 2, threads=2)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two tiny rooms on disk."""
    folder = tmp_path_factory.mktemp("rooms") / "raw"
    write_rooms(folder, TINY)
    return folder


def signed_volume(shape: sh.Shape) -> float:
    corners = shape.points[shape.faces]
    cross = np.cross(corners[:, 1], corners[:, 2])
    return float(np.einsum("ij,ij->i", corners[:, 0], cross).sum() / 6)


def worst_normal(shape: sh.Shape) -> float:
    """Smallest cosine between a face and the mean of its corners' normals."""
    corners = shape.points[shape.faces]
    flat = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    flat /= np.linalg.norm(flat, axis=1, keepdims=True)
    smooth = shape.normals[shape.faces].mean(axis=1)
    return float(np.einsum("ij,ij->i", flat, smooth).min())


# -- shapes -----------------------------------------------------------------------------------

SIZES = st.floats(0.05, 2.0)


@settings(max_examples=20, deadline=None)
@given(SIZES, SIZES, SIZES)
def test_boxes_hold_their_volume_and_look_outwards(w: float, d: float, h: float) -> None:
    plain = sh.box((w, d, h), 0.3)
    assert signed_volume(plain) == pytest.approx(w * d * h, rel=1e-9)
    assert worst_normal(plain) == pytest.approx(1)
    edges = plain.points[plain.faces] - np.roll(plain.points[plain.faces], 1, axis=1)
    assert np.linalg.norm(edges, axis=2).max() <= 0.3 * np.sqrt(2) + 1e-9
    rounded = sh.rounded_box((w, d, h), 0.2 * min(w, d, h), 0.3)
    assert 0.8 * w * d * h < signed_volume(rounded) < w * d * h
    assert worst_normal(rounded) > 0.8


def test_bodies_of_revolution_and_tubes_are_closed_and_look_outwards() -> None:
    cylinder = sh.cylinder(0.5, 2.0, 0.1, segments=64)
    assert signed_volume(cylinder) == pytest.approx(np.pi * 0.25 * 2, rel=0.01)
    assert worst_normal(cylinder) > 0.98
    rod = sh.tube([(0, 0, 0), (0, 0, 1)], 0.1, 0.1, segments=32)
    assert signed_volume(rod) == pytest.approx(np.pi * 0.01, rel=0.02)
    assert worst_normal(rod) > 0.95
    ball = [(np.sin(a), -np.cos(a)) for a in np.linspace(0, np.pi, 30)]
    ball[0], ball[-1] = (0.0, -1.0), (0.0, 1.0)
    assert signed_volume(sh.lathe(ball, 0.2, segments=48)) == pytest.approx(4 / 3 * np.pi, rel=0.02)


def test_curtains_face_the_room() -> None:
    cloth = sh.drape(1.2, 2.0, 0.04, waves=8, amplitude=0.03)
    assert cloth.normals[:, 1].mean() > 0.2
    assert worst_normal(cloth) > 0.7
    assert cloth.points[:, 2].min() == pytest.approx(0)
    assert cloth.points[:, 2].max() == pytest.approx(2)


# -- layout -----------------------------------------------------------------------------------


def test_blocks_overlap_as_rectangles_do() -> None:
    a = Block(np.zeros(2), np.array([1.0, 0.5]), 0.0, 0.0, 1.0)
    assert a.overlaps(Block(np.array([1.5, 0.0]), np.array([0.6, 0.5]), 0.0, 0.0, 1.0))
    assert not a.overlaps(Block(np.array([1.7, 0.0]), np.array([0.6, 0.5]), 0.0, 0.0, 1.0))
    assert a.overlaps(Block(np.array([1.7, 0.0]), np.array([0.6, 0.5]), 0.0, 0.0, 1.0), gap=0.2)
    assert not a.overlaps(Block(np.zeros(2), np.array([1.0, 0.5]), 0.0, 1.0, 2.0))
    # Bounding boxes meet here, the turned rectangles do not.
    corner = Block(np.array([1.75, 1.25]), np.array([1.0, 0.2]), -np.pi / 4, 0.0, 1.0)
    assert not a.overlaps(corner)
    assert polygon_contains(a.corners(), np.array([[0.9, 0.4], [1.1, 0.0]])).tolist() == [
        True,
        False,
    ]


def test_every_kind_comes_in_seven_rooms_in_a_row() -> None:
    for seed in (0, 4):
        for start in (0, 7):
            kinds = {kind_of(seed, number) for number in range(start, start + 7)}
            assert kinds == set(KINDS)


def test_sixteen_rooms_show_the_benchmark(rooms: list[Room]) -> None:
    ids: set[int] = set()
    table = nyu40_table()
    for room in rooms:
        ids |= set(table[np.unique(assemble(room).raw_label)].tolist())
    assert len(ids & set(NYU40.benchmark_ids)) >= 18
    assert len(ids) >= 30


def test_rooms_hold_what_they_must_and_nothing_stands_in_anything(rooms: list[Room]) -> None:
    for room in rooms:
        categories = {part.category for item in room.placed for part in item.model.parts}
        categories |= {part.category for part in room.shell.parts}
        assert {"door", "window", "wall", "floor", "ceiling"} <= categories
        solid = [item for item in room.placed if item.model.category not in ("rug", "bath mat")]
        assert len(solid) >= 6
        width, depth = room.plan.max(axis=0)
        for item in solid:
            points = np.concatenate([part.shape.points for part in item.model.parts])
            world = points @ sh.rotation(item.yaw).T + np.asarray(item.at)
            assert world[:, :2].min() > -0.03
            assert (world[:, :2].max(axis=0) < (width + 0.03, depth + 0.03)).all()
            assert world[:, 2].min() > -0.01
            assert world[:, 2].max() < room.height_m + 0.01
        seats = ("chair", "stool", "office chair", "shower curtain")
        rest = [item for item in solid if item.model.category not in seats]
        for number, one in enumerate(rest):
            for other in rest[number + 1 :]:
                shrunk = block_of(one.model, one.at, one.yaw)
                assert not shrunk.overlaps(other.block, -0.02), (
                    room.kind, one.model.category, other.model.category)  # fmt: skip


def test_doors_are_kept_free(rooms: list[Room]) -> None:
    for room in rooms:
        zones = [b for b in room.blocks if not b.solid and b.z0 == 0.0 and b.half[1] > 0.4]
        assert zones
        for zone in zones:
            for item in room.placed:
                assert not item.block.overlaps(zone, -0.02) or item.block.z1 < 0.03


def test_layout_is_the_same_again() -> None:
    one, two = assemble(furnish(1, 3, 0.2)), assemble(furnish(1, 3, 0.2))
    for name in RoomMesh.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))
    other = assemble(furnish(2, 3, 0.2))
    assert len(other.points) != len(one.points)


# -- light and colour -------------------------------------------------------------------------


def test_light_is_finite_and_darker_under_furniture(scan: Scan) -> None:
    light = scan.studio.light
    assert np.isfinite(light).all()
    assert light.min() >= 0
    floor = scan.studio.mesh.raw_label[scan.studio.mesh.vertex_face] == RAW_IDS["floor"]
    level = light[floor].mean(axis=1)
    assert np.percentile(level, 2) < 0.6 * np.median(level)


def test_every_pattern_gives_reflectances_between_black_and_white() -> None:
    rng = np.random.default_rng(0)
    coords = rng.uniform(-2, 2, (200, 2)).astype(np.float32)
    table = MaterialBook().table().reshape(0, 13)
    table = np.tile(
        np.float32([0, 0.8, 0.7, 0.6, 0.2, 0.3, 0.1, 0.2, 0, 1, 0, 0, 0]), (len(PATTERNS), 1)
    )
    table[:, 0] = np.arange(len(PATTERNS))
    atlas = np.full((1, 8, 8, 3), 0.5, dtype=np.float32)
    for kind in range(len(PATTERNS)):
        out = np.zeros((200, 3), dtype=np.float32)
        material, seeds = np.full(200, kind, np.int32), np.full(200, 3, np.int32)
        texture.albedo_many(
            coords, material, seeds, np.zeros((1, 2), np.float32), table, atlas, out
        )
        assert (out > 0).all()
        assert (out <= 0.98).all()


# -- geometry ---------------------------------------------------------------------------------


def test_depth_is_the_distance_to_the_mesh(scan: Scan) -> None:
    studio = scan.studio
    pose = scan.pose(4)
    hits, _ = studio.depth_hits(pose)
    camera = scan.cameras.depth
    depth = np.where(np.isfinite(hits.distance), hits.distance, 0).astype(np.float32)
    depth = depth.reshape(camera.height, camera.width)
    assert (depth > 0).mean() > 0.99
    world = (pose @ scan.cameras.color_from_depth).apply(unproject(depth, camera))
    points = world.reshape(-1, 3)[hits.face >= 0]
    corners = studio.mesh.points[studio.mesh.faces[hits.face[hits.face >= 0]]].astype(float)
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    off = np.abs(np.einsum("ij,ij->i", points - corners[:, 0], normal))
    assert off.max() < 2e-4


def test_labels_agree_with_the_labelled_mesh(scan: Scan) -> None:
    """Vertices of the reference mesh, projected where nothing hides them, meet their label."""
    studio, camera = scan.studio, scan.cameras.color
    agree = total = 0
    seen = np.ones(len(studio.mesh.faces), dtype=bool)
    surface, _ = reference_mesh(scan, seen)
    table = nyu40_table()
    assert surface.labels is not None
    for frame in (0, 10, 20):
        pose = scan.pose(frame)
        hits, _ = studio.color_hits(pose)
        labels = table[studio.labels(hits)]
        world = scan.world_from_room @ pose
        uvz = project(world.inverse().apply(surface.vertices_m), camera)
        column, row = np.round(uvz[:, 0]), np.round(uvz[:, 1])
        inside = (uvz[:, 2] > 0.2) & (column >= 0) & (row >= 0)
        inside &= (column < camera.width) & (row < camera.height)
        column, row = column[inside].astype(int), row[inside].astype(int)
        depth = hits.distance.reshape(camera.height, camera.width)[row, column]
        visible = np.abs(depth - uvz[inside, 2]) < 0.02
        total += int(visible.sum())
        agree += int((labels[row, column] == surface.labels[inside])[visible].sum())
    assert total > 300
    assert agree / total > 0.93


def test_the_camera_keeps_clear_of_walls_and_furniture(scan: Scan) -> None:
    rng = np.random.default_rng(0)
    way = rng.standard_normal((400, 3))
    way /= np.linalg.norm(way, axis=1, keepdims=True)
    mesh = scan.studio.mesh
    for frame in range(30):
        eye = scan.pose(frame).position_m
        assert polygon_contains(scan.room.plan, eye[None, :2])[0]
        assert 1.15 < eye[2] < 1.75
        hits = scan.studio.caster.cast(np.broadcast_to(eye, way.shape), way)
        assert hits.distance.min() > 0.08
        # From inside a body most rays would meet surfaces from behind.
        normal = mesh.normals[mesh.faces[hits.face, 0]]
        behind = np.einsum("ij,ij->i", normal, way) > 0
        assert behind[hits.face >= 0].mean() < 0.2


def test_the_walk_is_smooth_and_covers_the_room(scan: Scan) -> None:
    eyes = np.array([scan.pose(frame).position_m for frame in range(30)])
    assert np.linalg.norm(np.diff(eyes, axis=0), axis=1).max() < 0.8 * scan.step_s + 0.1
    assert np.ptp(scan.path.yaw) > np.pi
    a, b = scan.path.pose(3.0), scan.path.pose(3.02)
    assert np.linalg.norm(a.position_m - b.position_m) < 0.04


# -- sensors ----------------------------------------------------------------------------------


def wall(z: float, noise: float = 1.0, far_m: float = 8.0) -> np.ndarray:
    """Readings of a plain wall at a distance, millimetres."""
    rng = np.random.default_rng(1)
    shape = (120, 160)
    full = np.full(shape, 1.0, np.float32)
    out = np.empty(shape, np.uint16)
    sensor.sense_depth(
        np.full(shape, z, np.float32), full, np.zeros(shape, np.float32), full * np.float32(0.5),
        rng.standard_normal(shape, dtype=np.float32), rng.random(shape, dtype=np.float32),
        far_m, noise, out,
    )  # fmt: skip
    return out


def axial_noise_m(depth_m: float) -> float:
    """Standard deviation of a reading, metres: grows with the square of the distance.

    Source: Nguyen et al. 2012, "Modeling Kinect sensor noise", axial noise.
    """
    return 0.0012 + 0.0019 * (depth_m - 0.4) ** 2


def test_noise_grows_with_the_square_of_the_distance() -> None:
    measured = []
    for z in (0.8, 2.0, 4.0):
        reading = wall(z)
        valid = reading[reading > 0] / 1000
        assert np.mean(valid) == pytest.approx(z, abs=2e-3)
        measured.append(float(np.std(valid)))
        assert measured[-1] == pytest.approx(axial_noise_m(z), rel=0.05)
    assert measured[2] / measured[1] > 2.5


def test_a_perfect_sensor_only_rounds_and_ranges() -> None:
    assert (wall(2.0004, noise=0.0) == 2000).all()
    assert (wall(5.0, noise=0.0, far_m=4.0) == 0).all()
    assert (wall(0.2, noise=0.0) == 0).all()


def test_readings_are_missing_at_edges_and_on_glass() -> None:
    rng = np.random.default_rng(1)
    depth = np.full((60, 80), 3.0, np.float32)
    depth[:, :40] = 1.5
    dark = np.zeros_like(depth)
    dark[:20] = 1.2
    out = np.empty(depth.shape, np.uint16)
    sensor.sense_depth(
        depth, np.ones_like(depth), dark, np.full_like(depth, 0.5),
        rng.standard_normal(depth.shape, dtype=np.float32),
        rng.random(depth.shape, dtype=np.float32), 6.0, 1.0, out,
    )  # fmt: skip
    assert (out[:20] == 0).all()
    assert (out[25:, 40] == 0).all()
    assert (out[25:, :38] == 0).mean() < 0.01
    assert (out[25:, 42:] == 0).mean() < 0.01


def test_motion_blurs_along_the_motion() -> None:
    shape = (40, 60)
    color = np.zeros((*shape, 3), np.float32)
    color[:, 30] = 1.0
    images = []
    for shift in (0.0, 0.05):
        motion = np.eye(4)
        motion[0, 3] = shift
        out = np.empty((*shape, 3), np.uint8)
        sensor.develop(
            color, np.ones(shape, np.float32), motion[:3].copy(), 100.0, 100.0, 29.5, 19.5,
            np.ones(3), np.zeros(shape, np.float32), 0.0, sensor.tone_table(), out,
        )  # fmt: skip
        images.append(out)
    lit = [(image[20, :, 1] > 20).sum() for image in images]
    assert lit[0] == 1
    assert 4 <= lit[1] <= 7


# -- files ------------------------------------------------------------------------------------


def digests(folder: Path) -> dict[str, str]:
    """Contents of all files but manifests, which hold times."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "manifest.json"
    }


def test_a_scan_has_all_its_files(written: Path) -> None:
    assert (written / "scannetv2_train.txt").read_text().split() == ["scene0000_00"]
    assert (written / "scannetv2_val.txt").read_text().split() == ["scene0001_00"]
    classes = RawLabelMap.read(written / "scannetv2-labels.combined.tsv")
    rows = (written / "scannetv2-labels.combined.tsv").read_text().splitlines()
    count = {row.split("\t")[1]: int(row.split("\t")[3]) for row in rows[1:]}
    assert count["floor"] == 2  # one in each room
    assert count["door"] >= 1
    assert count["bed"] + count["couch"] + count["desk"] + count["toilet"] >= 1
    for name in ("scene0000_00", "scene0001_00"):
        scan = written / name
        reader = SensReader(scan / f"{name}.sens")
        assert len(reader) == TINY.frames
        poses = [reader.pose(frame) for frame in range(len(reader))]
        assert sum(pose is None for pose in poses) == 1
        header = reader.header
        assert header.color_camera.size == header.depth_camera.size == (96, 72)
        assert header.color_camera != header.depth_camera
        color = mesh = read_mesh(scan / f"{name}_vh_clean_2.ply")
        labelled = read_mesh(scan / f"{name}_vh_clean_2.labels.ply")
        np.testing.assert_array_equal(mesh.vertices_m, labelled.vertices_m)
        assert color.colors is not None
        assert labelled.labels is not None
        assert labelled.labels.min() >= 1
        assert len(mesh.vertices_m) < 300_000
        caster = Raycaster(mesh)
        for frame, pose in enumerate(poses):
            label = read_gray(scan / "label-filt" / f"{frame}.png")
            assert label.dtype == np.uint16
            assert label.shape == (72, 96)
            assert not classes.unknown_ids(label).size
            assert reader.color(frame).std() > 5
            depth = reader.depth_m(frame)
            assert (depth > 0).mean() > 0.4
            if pose is None:
                continue
            extrinsic = header.depth_extrinsic.astype(np.float64)
            matrix = pose.world_from_camera @ extrinsic
            rendered = caster.depth(header.depth_camera, type(pose)(matrix))
            both = (depth > 0) & (rendered > 0)
            assert both.sum() > 0.3 * depth.size
            assert np.median(np.abs(depth - rendered)[both]) < 0.02


def test_scans_are_byte_equal_and_do_not_depend_on_the_count(written: Path, tmp_path: Path) -> None:
    first = RoomsParams(**{**vars(TINY), "count": 1, "threads": 1})
    write_rooms(tmp_path, first)
    again, before = digests(tmp_path / "scene0000_00"), digests(written / "scene0000_00")
    assert again == before
    assert (tmp_path / "scannetv2_val.txt").read_text() == ""


def test_finished_rooms_are_skipped_and_others_made_anew(written: Path) -> None:
    seen: list[tuple[int, int]] = []
    before = (written / "scene0000_00" / "manifest.json").read_text()
    (written / "scene0001_00" / "manifest.json").unlink()
    report = write_rooms(written, TINY, lambda done, total: seen.append((done, total)))
    assert (written / "scene0000_00" / "manifest.json").read_text() == before
    assert [room.skipped for room in report.rooms] == [True, False]
    assert report.skipped == 1
    assert report.frames == 8
    assert report.lost_poses == 2
    assert seen[0] == (4, 8)
    assert seen[-1] == (8, 8)
    assert not list(written.glob(".*"))
    assert set(report.classes) <= set(NYU40.names)


def test_one_room_is_written_into_any_empty_folder(written: Path, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    folder = tmp_path / "some folder"
    folder.mkdir()
    notes = write_room(folder, 1, TINY, lambda done, total: seen.append((done, total)))
    assert digests(folder) == digests(written / "scene0001_00")
    assert not (folder / "manifest.json").exists()
    assert (notes.kind, notes.frames, notes.lost_poses) == (kind_of(TINY.seed, 1), 4, 1)
    assert notes.objects["wall"] >= 1
    assert seen == [(frame, 4) for frame in range(1, 5)]
    other = RoomsParams(**{**vars(TINY), "count": 9, "threads": 1, "validation_every": 3})
    assert room_params(other, 1) == room_params(TINY, 1) != room_params(TINY, 0)


def test_every_pattern_has_its_own_kernel() -> None:
    assert set(texture.PATTERNS) == set(PATTERNS) - {"image", "glow", "mirror"}


def test_one_frame_is_the_same_alone(scan: Scan) -> None:
    params = RoomsParams(seed=5, frames=30, width=160, height=120, spacing_m=0.06)
    one, two = shoot(scan, params, 2, 7), shoot(scan, params, 2, 7)
    assert one.frame.color == two.frame.color
    assert one.frame.depth == two.frame.depth
    other = shoot(scan, params, 2, 8)
    assert other.frame.color != one.frame.color


def test_raw_ids_are_not_class_ids() -> None:
    assert all(RAW_IDS[name] != NYU40_IDS[name] for name in RAW_IDS)
    assert len(set(RAW_IDS.values())) == len(RAW_IDS)
    assert max(RAW_IDS.values()) > 255
    assert set(NYU40_IDS.values()) | {31} == set(range(1, 41))


def test_split_lists() -> None:
    train, held_out = splits(RoomsParams(count=9))
    assert held_out == (scene_name(3), scene_name(7))
    assert len(train) == 7
    assert splits(RoomsParams(count=2))[1] == (scene_name(1),)
    assert splits(RoomsParams(count=1))[1] == ()


def test_senseless_params_are_refused() -> None:
    with pytest.raises(ParamsError, match="--frames"):
        RoomsParams(frames=0)
    with pytest.raises(ParamsError, match="--lost-share"):
        RoomsParams(lost_share=0.9)
