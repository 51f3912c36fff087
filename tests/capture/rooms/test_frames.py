"""A room ready to be filmed: light, patterns, depth, labels."""

from __future__ import annotations

import numpy as np

from crossvox.capture.rooms import RoomsParams, texture
from crossvox.capture.rooms.categories import RAW_IDS, nyu40_table
from crossvox.capture.rooms.film import shoot
from crossvox.capture.rooms.materials import KINDS as PATTERNS
from crossvox.capture.rooms.materials import MaterialBook
from crossvox.capture.rooms.reference import reference_mesh
from crossvox.capture.rooms.scan import Scan
from crossvox.capture.rooms.shading import shade
from crossvox.core.camera import project, unproject


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
        footprint = np.full(200, 0.01, np.float32)
        texture.reflect(coords, material, seeds, footprint, table, atlas, np.ones_like(out), out)
        assert (out > 0).all()
        assert (out <= 0.98).all()


def test_every_pattern_has_its_own_kernel() -> None:
    assert set(texture.PATTERNS) == set(PATTERNS) - {"image", "glow", "mirror"}


def test_light_along_a_ray_is_the_same_among_other_rays(scan: Scan) -> None:
    """Rays are sorted by material in blocks, and the loops over one run into the next one's."""
    studio, pose = scan.studio, scan.pose(4)
    view = studio.color_view(pose)
    view.face[::10] = -1
    light = studio.radiance(view).reshape(-1, 3)
    assert not light.reshape((*view.face.shape, 3))[::10].any()
    hits, rays = view.hits(studio.mesh.faces, 0, view.camera.height)
    order = np.random.default_rng(0).permutation(len(light))
    for part in (order, order[:40], order[:1], order[:0]):
        mirrors, out = np.empty(len(part), np.int32), np.empty((len(part), 3), np.float32)
        count = shade(
            hits.face[part], hits.u[part], hits.v[part], hits.distance[part], rays[part],
            pose.position_m.astype(np.float32), view.camera.fx, studio.mesh.faces,
            np.concatenate([studio.mesh.normals, studio.light, studio.mesh.coords], axis=1),
            studio.mesh.material, studio.mesh.seeds, studio.table, studio.atlas, studio.lamps,
            studio.table[:, 0] == PATTERNS.index("mirror"), mirrors, out,
        )  # fmt: skip
        plain = np.ones(len(part), dtype=bool)
        plain[mirrors[:count]] = False
        np.testing.assert_allclose(out[plain], light[part][plain], rtol=1e-5, atol=1e-6)
        found = hits.face[part]
        mirror = studio.table[studio.mesh.material[found], 0] == PATTERNS.index("mirror")
        np.testing.assert_array_equal(np.flatnonzero(mirror & (found >= 0)), mirrors[:count])


def test_depth_is_the_distance_to_the_mesh(scan: Scan) -> None:
    studio = scan.studio
    pose = scan.pose(4)
    view = studio.depth_view(pose)
    face, depth = view.face.ravel(), view.depth()
    depth[view.face < 0] = 0
    assert (depth > 0).mean() > 0.99
    world = (pose @ scan.cameras.color_from_depth).apply(unproject(depth, scan.cameras.depth))
    points = world.reshape(-1, 3)[face >= 0]
    corners = studio.mesh.points[studio.mesh.faces[face[face >= 0]]].astype(float)
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
        view = studio.color_view(pose)
        labels = table[studio.labels(view)]
        world = scan.world_from_room @ pose
        uvz = project(world.inverse().apply(surface.vertices_m), camera)
        column, row = np.round(uvz[:, 0]), np.round(uvz[:, 1])
        inside = (uvz[:, 2] > 0.2) & (column >= 0) & (row >= 0)
        inside &= (column < camera.width) & (row < camera.height)
        column, row = column[inside].astype(int), row[inside].astype(int)
        depth = view.depth()[row, column]
        visible = np.abs(depth - uvz[inside, 2]) < 0.02
        total += int(visible.sum())
        agree += int((labels[row, column] == surface.labels[inside])[visible].sum())
    assert total > 300
    assert agree / total > 0.93


def test_one_frame_is_the_same_alone(scan: Scan) -> None:
    params = RoomsParams(seed=5, frames=30, width=160, height=120, spacing_m=0.06)
    one, two = shoot(scan, params, 2, 7), shoot(scan, params, 2, 7)
    assert one.frame.color == two.frame.color
    assert one.frame.depth == two.frame.depth
    other = shoot(scan, params, 2, 8)
    assert other.frame.color != one.frame.color
