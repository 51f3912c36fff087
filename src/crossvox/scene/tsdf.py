"""Fusion of depth frames into a truncated signed distance field, and its mesh. CPU only.

Space is cut into blocks of 8 x 8 x 8 voxels that exist only where some depth reading put a surface
(a hash table finds them), so memory grows with the surface and not with the room. The field is the
projective one of KinectFusion (Newcombe et al. 2011): a voxel takes the depth of the pixel it
projects to, minus its own depth, clamped to the truncation distance; observations are averaged
with weight 1. Voxel ``(i, j, k)`` is the point ``(i, j, k) * voxel_m`` of the world.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache, partial
from operator import length_hint
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from crossvox.core.checks import ParamsError, expect
from crossvox.core.frame import Frame
from crossvox.core.threads import spread
from crossvox.core.volume import Mesh
from crossvox.scene.params import FULL_WEIGHT, TsdfParams

Array = NDArray[Any]

BLOCK = 8
"""Voxels along the edge of a block."""

_CELL = BLOCK * BLOCK * BLOCK
_KEY_BITS = 21
_KEY_HALF = 1 << (_KEY_BITS - 1)
_PARTS = 8
"""Parts an image is cut into when blocks are looked for; independent of the number of cores."""

_SPACING = 0.25
"""Largest distance between rays that are followed to find blocks, as a share of a block."""

_FREE = np.int64(-1)
_FARTHEST_M = 1e30
"""Stands for "no limit": every finite reading is nearer, and infinity is not a reading."""
_COLOR_SCALE = 256.0
"""Colour means are kept as 16-bit numbers, 256 steps a grey level."""


@dataclass(frozen=True)
class FusionCounts:
    """What became of the frames.

    Attributes:
        fused: frames that were used.
        without_pose: frames ignored because tracking was lost.
        without_depth: frames ignored because they have no depth image or no reading in range.
        blocks: blocks of voxels that exist.
    """

    fused: int
    without_pose: int
    without_depth: int
    blocks: int


class TsdfVolume:
    """A growing field of truncated signed distances; feed it frames, then ask for the mesh.

    Attributes:
        params: how it fuses.
    """

    def __init__(self, params: TsdfParams | None = None) -> None:
        self.params = params or TsdfParams()
        self._fused = self._without_pose = self._without_depth = 0
        self._count = 0
        self._slot_keys = np.full(1 << 14, _FREE, dtype=np.int64)
        self._slot_blocks = np.zeros(1 << 14, dtype=np.int32)
        self._seen_keys = np.empty((_PARTS, 1 << 12), dtype=np.int64)
        self._corner = np.zeros((0, 3), dtype=np.int32)
        self._last_frame = np.zeros(0, dtype=np.int64)
        self._tsdf = np.zeros((0, _CELL), dtype=np.float32)
        self._weight = np.zeros((0, _CELL), dtype=np.uint16)
        self._color: NDArray[np.uint16] | None = None

    @property
    def counts(self) -> FusionCounts:
        """What became of the frames so far."""
        return FusionCounts(self._fused, self._without_pose, self._without_depth, self._count)

    @property
    def memory_bytes(self) -> int:
        """Bytes held by the blocks and their hash table."""
        arrays = (self._slot_keys, self._slot_blocks, self._corner, self._tsdf, self._weight)
        return sum(array.nbytes for array in arrays) + (
            0 if self._color is None else self._color.nbytes
        )

    def integrate(self, frame: Frame) -> bool:
        """Fuse one frame.

        Args:
            frame: needs a pose and depth; colour is taken where there is some.

        Returns:
            Whether the frame was used; if not, :attr:`counts` says why.

        Raises:
            ParamsError: a reading lies further from the world's origin than a block can be named
                (more than 8 million voxels).
        """
        if frame.pose is None:
            self._without_pose += 1
            return False
        if frame.depth_m is None:
            self._without_depth += 1
            return False
        depth = np.ascontiguousarray(frame.depth_m, dtype=np.float32)
        camera, pose = frame.camera, frame.pose
        blocks = self._touched_blocks(depth, frame)
        if len(blocks) == 0:
            self._without_depth += 1
            return False
        use_color = frame.rgb is not None
        if use_color and self._color is None:
            self._color = np.zeros((len(self._tsdf), _CELL, 4), dtype=np.uint16)
        rgb = np.zeros((1, 1, 3), np.uint8) if frame.rgb is None else frame.rgb
        color = np.zeros((1, 1, 4), np.uint16) if self._color is None else self._color
        corner_matrix = camera.matrix
        corner_matrix[:2, 2] += 0.5
        pixel_from_world = corner_matrix @ pose.camera_from_world[:3]
        arguments = (
            depth,
            np.ascontiguousarray(rgb),
            use_color,
            pixel_from_world,
            self.params.voxel_m,
            self.params.truncation_m,
            min(self.params.far_m, _FARTHEST_M),
            blocks,
            self._corner,
            self._tsdf,
            self._weight,
            color,
        )
        spread(partial(_integrate, *arguments), len(blocks))
        self._fused += 1
        return True

    def _touched_blocks(self, depth: NDArray[np.float32], frame: Frame) -> NDArray[np.int32]:
        """Blocks that the bands around this frame's readings pass through; made where missing."""
        assert frame.pose is not None
        block_m = self.params.voxel_m * BLOCK
        camera = frame.camera
        intrinsics = np.array([camera.fx, camera.fy, camera.cx, camera.cy])
        world_from_camera = np.ascontiguousarray(frame.pose.world_from_camera)
        counts = np.empty(_PARTS, dtype=np.int64)
        while True:
            seen = self._seen_keys
            found = np.empty((_PARTS, seen.shape[1] // 2), dtype=np.int64)
            arguments = (
                depth,
                intrinsics,
                world_from_camera,
                block_m,
                self.params.truncation_m,
                min(self.params.far_m, _FARTHEST_M),
                seen,
                found,
                counts,
            )
            spread(partial(_touch, *arguments), _PARTS, _PARTS)
            expect(
                int(counts.min()) != -2,
                given=f"frame {frame.id} with depth that leaves the block range",
                needed=f"readings within {_KEY_HALF * block_m:g} m of the world's origin",
                do="check depth unit and poses, or use larger voxels",
                error=ParamsError,
            )
            if counts.min() >= 0:
                break
            self._seen_keys = np.empty((_PARTS, self._seen_keys.shape[1] * 2), dtype=np.int64)
        self._reserve(int(counts.sum()))
        blocks = np.empty(int(counts.sum()), dtype=np.int32)
        self._count, here = _insert(
            found,
            counts,
            self._fused,
            self._slot_keys,
            self._slot_blocks,
            self._corner,
            self._last_frame,
            self._count,
            blocks,
        )
        return blocks[:here]

    def _reserve(self, extra: int) -> None:
        """Make room for that many more blocks."""
        needed = self._count + extra
        if needed > len(self._tsdf):
            # A half more each time: copies stay rare, and at most a third of the room is idle.
            size = max(needed, 1024, len(self._tsdf) * 3 // 2)
            self._corner = _grown(self._corner, size)
            self._last_frame = _grown(self._last_frame, size)
            self._last_frame[self._count :] = -1
            self._tsdf = _grown(self._tsdf, size)
            self._weight = _grown(self._weight, size)
            if self._color is not None:
                self._color = _grown(self._color, size)
        slots = len(self._slot_keys)
        if 2 * needed > slots:
            while 2 * needed > slots:
                slots *= 2
            self._slot_keys = np.full(slots, _FREE, dtype=np.int64)
            self._slot_blocks = np.zeros(slots, dtype=np.int32)
            _rehash(self._corner[: self._count], self._slot_keys, self._slot_blocks)

    def distance(self, points_m: Array) -> NDArray[np.float32]:
        """Signed distance to the surface along the views, interpolated between voxels.

        Args:
            points_m: ``(N, 3)`` world metres.

        Returns:
            ``(N,)`` float32 metres, positive in front of the surface, at most the truncation
            distance; NaN where one of the eight voxels around has too few observations.
        """
        points = np.ascontiguousarray(points_m, dtype=np.float64)
        values = np.empty(len(points), dtype=np.float32)
        _distance(
            points / self.params.voxel_m,
            self._slot_keys,
            self._slot_blocks,
            self._tsdf,
            self._weight,
            self.params.min_weight,
            values,
        )
        return values * np.float32(self.params.truncation_m)

    def mesh(self, min_weight: int | None = None) -> Mesh:
        """The surface where the distance changes sign, by marching cubes over all blocks.

        A cell is drawn only if all its eight voxels were observed often enough. Vertices are
        shared between neighbouring cells and blocks: the mesh has no cracks. Faces run
        anticlockwise seen from free space, where the cameras are.

        Args:
            min_weight: observations that every corner needs; None takes the parameter.

        Returns:
            Mesh in world metres, coloured if any frame was; empty if nothing was fused.
        """
        least = self.params.min_weight if min_weight is None else min_weight
        count = self._count
        table = _cell_triangles()
        neighbours = np.empty((count, 8), dtype=np.int32)
        _neighbours(self._corner[:count], self._slot_keys, self._slot_blocks, neighbours)
        tsdf, weight = self._tsdf[:count], self._weight[:count]
        edge_vertex = np.full((count, _CELL, 3), -1, dtype=np.int32)
        face_counts = np.zeros(count + 1, dtype=np.int64)
        spread(
            partial(_mark, tsdf, weight, least, neighbours, table, edge_vertex, face_counts[1:]),
            count,
        )
        vertex_counts = np.zeros(count + 1, dtype=np.int64)
        spread(partial(_count_vertices, edge_vertex, vertex_counts[1:]), count)
        face_start, vertex_start = np.cumsum(face_counts), np.cumsum(vertex_counts)
        vertices = np.empty((int(vertex_start[-1]), 3), dtype=np.float32)
        has_color = self._color is not None
        colors = np.zeros((len(vertices) if has_color else 0, 3), dtype=np.uint8)
        color = np.zeros((1, 1, 4), np.uint16) if self._color is None else self._color
        place = partial(
            _place_vertices, tsdf, color, has_color, self._corner[:count], neighbours,
            self.params.voxel_m, vertex_start, edge_vertex, vertices, colors,
        )  # fmt: skip
        spread(place, count)
        faces = np.empty((int(face_start[-1]), 3), dtype=np.int32)
        write = partial(
            _write_faces, tsdf, weight, least, neighbours, table, edge_vertex, face_start, faces
        )
        spread(write, count)
        return Mesh(vertices, faces, colors if has_color else None)


def fuse(
    frames: Iterable[Frame],
    params: TsdfParams | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> TsdfVolume:
    """Fuse posed depth frames.

    Frames are read one by one and not kept. Frames without pose or depth are ignored and counted
    (:attr:`TsdfVolume.counts`). The order of the frames does not matter beyond rounding.

    Args:
        frames: frames with depth; colour is optional. Other sizes or cameras from frame to frame
            are fine.
        params: voxel size, truncation, depth limit.
        progress: called with ``(done, total)`` after every frame; total is 0 if ``frames`` does
            not know its length.

    Returns:
        The fused volume.
    """
    volume = TsdfVolume(params)
    total = length_hint(frames)
    for done, frame in enumerate(frames, start=1):
        volume.integrate(frame)
        if progress is not None:
            progress(done, total)
    return volume


def _grown(array: Array, size: int) -> Array:
    grown = np.zeros((size, *array.shape[1:]), dtype=array.dtype)
    grown[: len(array)] = array
    return grown


# Cell corners are numbered by their offset: corner c is at (c & 1, c >> 1 & 1, c >> 2 & 1). Cell
# edges are numbered corner * 3 + axis, where corner is the lower end.


@cache
def _cell_triangles() -> NDArray[np.int8]:
    """The marching-cubes table: edges of the triangles of every sign pattern of a cell.

    Made from one rule a face of the cell: walking round the face, every run of inside corners is
    cut off by one line from the edge where the walk enters to the edge where it leaves. The rule
    reads nothing but the face's four signs, so two cells always agree about the face they share,
    and the lines of a cell join to closed loops, which are filled with fans.

    Returns:
        ``(256, n)`` int8, three edge numbers a triangle, ended by -1. Bit c of the pattern is set
        where corner c is inside (negative).
    """
    rows = []
    for pattern in range(256):
        follow: dict[int, int] = {}
        for axis in range(3):
            for side in (0, 1):
                walk = _face_walk(axis, side)
                inside = [bool(pattern >> corner & 1) for corner in walk]
                for i in range(4):
                    if not inside[i] and inside[(i + 1) % 4]:
                        j = (i + 1) % 4
                        while inside[(j + 1) % 4]:
                            j = (j + 1) % 4
                        enter = _edge_number(walk[i], walk[(i + 1) % 4])
                        follow[enter] = _edge_number(walk[j], walk[(j + 1) % 4])
        triangles: list[int] = []
        while follow:
            loop = [next(iter(follow))]
            while (following := follow.pop(loop[-1])) != loop[0]:
                loop.append(following)
            triangles += _fan(loop)
        rows.append(triangles)
    table = np.full((256, max(map(len, rows)) + 1), -1, dtype=np.int8)
    for pattern, row in enumerate(rows):
        table[pattern, : len(row)] = row
    return table


def _face_walk(axis: int, side: int) -> list[int]:
    """Corners of a cell face, anticlockwise seen from outside the cell."""
    b, c = 1 << (axis + 1) % 3, 1 << (axis + 2) % 3
    base = side << axis
    walk = [base, base | b, base | b | c, base | c]
    return walk if side else walk[::-1]


def _edge_number(a: int, b: int) -> int:
    return min(a, b) * 3 + (a ^ b).bit_length() - 1


def _fan(loop: list[int]) -> list[int]:
    """Triangles of a loop of edges, from the corner whose diagonals stay inside the cell.

    A diagonal within a cell face could coincide with an edge of the neighbouring cell's mesh.
    """

    def faces_of(edge: int) -> set[tuple[int, int]]:
        corner, axis = divmod(edge, 3)
        return {(other, corner >> other & 1) for other in range(3) if other != axis}

    def diagonals_in_a_face(first: int) -> int:
        turned = loop[first:] + loop[:first]
        return sum(bool(faces_of(turned[0]) & faces_of(other)) for other in turned[2:-1])

    first = min(range(len(loop)), key=diagonals_in_a_face)
    turned = loop[first:] + loop[:first]
    return [edge for i in range(1, len(loop) - 1) for edge in (turned[0], turned[i], turned[i + 1])]


@njit(cache=True, nogil=True)
def _key(x: int, y: int, z: int) -> int:
    half = _KEY_HALF
    return ((x + half) << (2 * _KEY_BITS)) | ((y + half) << _KEY_BITS) | (z + half)


@njit(cache=True, nogil=True)
def _slot(key: int, slot_keys: Array) -> int:
    """Where a key is, or the free slot where it would go."""
    mask = len(slot_keys) - 1
    # Multiplicative hashing (the golden ratio as a 64-bit fraction), middle bits.
    slot = (key * -7046029254386353131 >> 32) & mask
    while slot_keys[slot] != key and slot_keys[slot] != _FREE:
        slot = (slot + 1) & mask
    return slot


@njit(cache=True, nogil=True)
def _find(x: int, y: int, z: int, slot_keys: Array, slot_blocks: Array) -> int:
    key = _key(x, y, z)
    slot = _slot(key, slot_keys)
    return slot_blocks[slot] if slot_keys[slot] == key else -1


@njit(cache=True, nogil=True)
def _walls(start: float, rate: float, block: int) -> tuple[float, float, int]:
    """Along one axis of a ray: how far to the next wall, how far from wall to wall, which way."""
    if rate > 0:
        return (block + 1 - start) / rate, 1 / rate, 1
    if rate < 0:
        return (block - start) / rate, -1 / rate, -1
    return np.inf, np.inf, 0


@njit(cache=True, nogil=True)
def _touch_tiles(
    depth: Array,
    camera: Array,
    world_from_camera: Array,
    block_m: float,
    truncation_m: float,
    far_m: float,
    stride: int,
    first_row: int,
    end_row: int,
    seen: Array,
    found: Array,
) -> int:
    """Collect the blocks along the bands of the readings in some rows; see :func:`_touch`."""
    width = depth.shape[1]
    fx, fy, cx, cy = camera
    r, t = world_from_camera[:3, :3], world_from_camera[:3, 3]
    same_m = np.float32(_SPACING * block_m)
    far = np.float32(far_m)
    per_m = 1 / block_m
    limit = float(_KEY_HALF - 2)
    count = 0
    last = np.int64(-1)
    for top in range(first_row, end_row, stride):
        for left in range(0, width, stride):
            followed = np.float32(-np.inf)
            for v in range(top, min(top + stride, end_row)):
                for u in range(left, min(left + stride, width)):
                    d = depth[v, u]
                    if not 0 < d <= far:
                        continue
                    if abs(d - followed) < same_m:
                        continue
                    followed = d
                    cu, cv = (u - cx) / fx, (v - cy) / fy
                    rx = (r[0, 0] * cu + r[0, 1] * cv + r[0, 2]) * per_m
                    ry = (r[1, 0] * cu + r[1, 1] * cv + r[1, 2]) * per_m
                    rz = (r[2, 0] * cu + r[2, 1] * cv + r[2, 2]) * per_m
                    near = max(d - truncation_m, 0.0)
                    bx, by, bz = (
                        t[0] * per_m + near * rx,
                        t[1] * per_m + near * ry,
                        t[2] * per_m + near * rz,
                    )
                    length = d + truncation_m - near
                    reach = max(abs(bx + length * rx), abs(by + length * ry), abs(bz + length * rz))
                    if not max(abs(bx), abs(by), abs(bz), reach) < limit:
                        return -2
                    x, y, z = int(np.floor(bx)), int(np.floor(by)), int(np.floor(bz))
                    # Depth at which the ray leaves the block along each axis, and between walls.
                    to_x, wall_x, step_x = _walls(bx, rx, x)
                    to_y, wall_y, step_y = _walls(by, ry, y)
                    to_z, wall_z, step_z = _walls(bz, rz, z)
                    while True:
                        key = _key(x, y, z)
                        if key != last:
                            last = np.int64(key)
                            slot = _slot(key, seen)
                            if seen[slot] == _FREE:
                                if count == len(found):
                                    return -1
                                seen[slot] = key
                                found[count] = key
                                count += 1
                        if min(to_x, to_y, to_z) > length:
                            break
                        if to_x <= to_y and to_x <= to_z:
                            x += step_x
                            to_x += wall_x
                        elif to_y <= to_z:
                            y += step_y
                            to_y += wall_y
                        else:
                            z += step_z
                            to_z += wall_z
    return count


@njit(cache=True, nogil=True)
def _touch(
    depth: Array,
    camera: Array,
    world_from_camera: Array,
    block_m: float,
    truncation_m: float,
    far_m: float,
    seen: Array,
    found: Array,
    counts: Array,
    begin: int,
    end: int,
) -> None:
    """Collect the blocks that the bands around the readings pass through, in parts of the image.

    One pixel of a small square stands for the others of about its depth: rays that are much
    closer than a block touch the same ones. Pixels at another depth (a thin chair leg) are
    followed one by one.

    ``counts`` receives the number of blocks of every part; -1: ``found`` is full, -2: a reading is
    out of range. A block may be found by several parts.
    """
    height, width = depth.shape
    parts = len(counts)
    for part in range(begin, end):
        first_row, end_row = part * height // parts, (part + 1) * height // parts
        far = np.float32(far_m)
        farthest = np.float32(0)
        for v in range(first_row, end_row):
            for u in range(width):
                d = depth[v, u]
                farthest = max(farthest, d if d <= far else np.float32(0))
        if farthest <= 0:
            counts[part] = 0
            continue
        spacing = farthest / min(camera[0], camera[1])
        stride = int(min(8.0, max(1.0, _SPACING * block_m / spacing)))
        seen[part, :] = _FREE
        counts[part] = _touch_tiles(
            depth,
            camera,
            world_from_camera,
            block_m,
            truncation_m,
            far_m,
            stride,
            first_row,
            end_row,
            seen[part],
            found[part],
        )


@njit(cache=True, nogil=True)
def _insert(
    found: Array,
    counts: Array,
    frame: int,
    slot_keys: Array,
    slot_blocks: Array,
    corner: Array,
    last_frame: Array,
    count: int,
    blocks: Array,
) -> tuple[int, int]:
    """Find or make the block of every key, each once; returns how many blocks there are, here."""
    mask = (1 << _KEY_BITS) - 1
    here = 0
    for part in range(len(counts)):
        for n in range(counts[part]):
            key = found[part, n]
            slot = _slot(key, slot_keys)
            if slot_keys[slot] == _FREE:
                slot_keys[slot] = key
                slot_blocks[slot] = count
                corner[count, 0] = ((key >> (2 * _KEY_BITS)) & mask) - _KEY_HALF
                corner[count, 1] = ((key >> _KEY_BITS) & mask) - _KEY_HALF
                corner[count, 2] = (key & mask) - _KEY_HALF
                count += 1
            block = slot_blocks[slot]
            if last_frame[block] != frame:
                last_frame[block] = frame
                blocks[here] = block
                here += 1
    return count, here


@njit(cache=True, nogil=True)
def _rehash(corner: Array, slot_keys: Array, slot_blocks: Array) -> None:
    for n in range(len(corner)):
        key = _key(corner[n, 0], corner[n, 1], corner[n, 2])
        slot = _slot(key, slot_keys)
        slot_keys[slot] = key
        slot_blocks[slot] = n


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def _project_block(
    steps: Array,
    x: float,
    y: float,
    z: float,
    width: int,
    height: int,
    pixel: Array,
    depth_z: Array,
) -> None:
    """Pixel number (or -1) and camera depth of all voxels of a block; branch-free, for SIMD.

    ``steps (3, 3)``: homogeneous pixel coordinates (rows) a voxel further along each axis;
    ``x, y, z``: those of the block's first voxel, half a pixel added so that cutting off rounds.
    """
    xi, xj, xk = steps[0, 0], steps[0, 1], steps[0, 2]
    yi, yj, yk = steps[1, 0], steps[1, 1], steps[1, 2]
    zi, zj, zk = steps[2, 0], steps[2, 1], steps[2, 2]
    x0, y0, z0 = np.float32(x), np.float32(y), np.float32(z)
    columns, rows = np.float32(width), np.float32(height)
    zero, one = np.float32(0), np.float32(1)
    for cell in range(_CELL):
        i = np.float32(cell >> 6)
        j = np.float32(cell >> 3 & 7)
        k = np.float32(cell & 7)
        deep = z0 + i * zi + j * zj + k * zk
        inverse = one / deep
        u = (x0 + i * xi + j * xj + k * xk) * inverse
        v = (y0 + i * yi + j * yj + k * yk) * inverse
        inside = (deep > zero) & (u >= zero) & (u < columns) & (v >= zero) & (v < rows)
        u = u if inside else zero
        v = v if inside else zero
        number = np.int32(v) * np.int32(width) + np.int32(u)
        pixel[cell] = number if inside else np.int32(-1)
        depth_z[cell] = deep


@njit(cache=True, nogil=True, error_model="numpy")
def _integrate(
    depth: Array,
    rgb: Array,
    use_color: bool,
    pixel_from_world: Array,
    voxel_m: float,
    truncation_m: float,
    far_m: float,
    blocks: Array,
    corner: Array,
    tsdf: Array,
    weight: Array,
    color: Array,
    begin: int,
    end: int,
) -> None:
    """Update every voxel of ``blocks`` with the pixel it projects to (nearest).

    ``pixel_from_world (3, 4)`` gives pixels half a pixel too large, so that cutting off rounds.
    """
    one, half = np.float32(1), np.float32(0.5)
    band, far = np.float32(truncation_m), np.float32(far_m)
    inverse_band = one / band
    p = pixel_from_world
    steps = (p[:, :3] * voxel_m).astype(np.float32)
    block_m = voxel_m * BLOCK
    height, width = depth.shape
    readings = depth.reshape(-1)
    shades = rgb.reshape(-1, 3)
    pixel = np.empty(_CELL, dtype=np.int32)
    depth_z = np.empty(_CELL, dtype=np.float32)
    for n in range(begin, end):
        block = blocks[n]
        bx = corner[block, 0] * block_m
        by = corner[block, 1] * block_m
        bz = corner[block, 2] * block_m
        _project_block(
            steps,
            p[0, 0] * bx + p[0, 1] * by + p[0, 2] * bz + p[0, 3],
            p[1, 0] * bx + p[1, 1] * by + p[1, 2] * bz + p[1, 3],
            p[2, 0] * bx + p[2, 1] * by + p[2, 2] * bz + p[2, 3],
            width,
            height,
            pixel,
            depth_z,
        )
        for cell in range(_CELL):
            seen_at = pixel[cell]
            if seen_at < 0:
                continue
            d = readings[seen_at]
            distance = d - depth_z[cell]
            # Also skips NaN, which compares as false.
            if not (0 < d <= far and distance >= -band):
                continue
            value = min(one, distance * inverse_band)
            w = weight[block, cell]
            old = tsdf[block, cell]
            tsdf[block, cell] = old + (value - old) / np.float32(w + 1)
            if w < FULL_WEIGHT:
                weight[block, cell] = w + 1
            # Free space in front of a surface has no colour of its own.
            if use_color and distance < band:
                seen = color[block, cell, 3]
                share = one / np.float32(seen + 1)
                for c in range(3):
                    mean = np.float32(color[block, cell, c])
                    new = np.float32(shades[seen_at, c]) * np.float32(_COLOR_SCALE)
                    color[block, cell, c] = np.uint16(mean + (new - mean) * share + half)
                if seen < FULL_WEIGHT:
                    color[block, cell, 3] = seen + 1


@njit(cache=True, nogil=True)
def _distance(
    coordinates: Array,
    slot_keys: Array,
    slot_blocks: Array,
    tsdf: Array,
    weight: Array,
    least: int,
    values: Array,
) -> None:
    """Trilinear interpolation of the field at voxel coordinates; NaN where it is not known."""
    for n in range(len(coordinates)):
        x, y, z = coordinates[n]
        if not (np.isfinite(x) and np.isfinite(y) and np.isfinite(z)):
            values[n] = np.nan
            continue
        i, j, k = int(np.floor(x)), int(np.floor(y)), int(np.floor(z))
        total = 0.0
        for c in range(8):
            ci, cj, ck = i + (c & 1), j + (c >> 1 & 1), k + (c >> 2 & 1)
            block = _find(ci >> 3, cj >> 3, ck >> 3, slot_keys, slot_blocks)
            cell = ((ci & 7) * BLOCK + (cj & 7)) * BLOCK + (ck & 7)
            if block < 0 or weight[block, cell] < least:
                total = np.nan
                break
            share = (1 - abs(x - ci)) * (1 - abs(y - cj)) * (1 - abs(z - ck))
            total += share * tsdf[block, cell]
        values[n] = total


@njit(cache=True, nogil=True)
def _neighbours(corner: Array, slot_keys: Array, slot_blocks: Array, neighbours: Array) -> None:
    """For every block, the block at each of the eight upper offsets (itself first), or -1."""
    for n in range(len(corner)):
        for c in range(8):
            neighbours[n, c] = _find(
                corner[n, 0] + (c & 1),
                corner[n, 1] + (c >> 1 & 1),
                corner[n, 2] + (c >> 2 & 1),
                slot_keys,
                slot_blocks,
            )


@njit(cache=True, nogil=True, inline="always")
def _corner_of(n: int, i: int, j: int, k: int, c: int, neighbours: Array) -> tuple[int, int]:
    """Block (or -1) and cell of corner c of the cell at ``(i, j, k)`` of block n."""
    i, j, k = i + (c & 1), j + (c >> 1 & 1), k + (c >> 2 & 1)
    which = (i >> 3) | (j >> 3) << 1 | (k >> 3) << 2
    return neighbours[n, which], ((i & 7) * BLOCK + (j & 7)) * BLOCK + (k & 7)


@njit(cache=True, nogil=True)
def _pattern(
    tsdf: Array, weight: Array, least: int, n: int, i: int, j: int, k: int, neighbours: Array
) -> int:
    """Sign pattern of a cell; 0 (nothing to draw) where a corner was not observed enough."""
    pattern = 0
    for c in range(8):
        block, cell = _corner_of(n, i, j, k, c, neighbours)
        if block < 0 or weight[block, cell] < least:
            return 0
        if tsdf[block, cell] < 0:
            pattern |= 1 << c
    return pattern


@njit(cache=True, nogil=True)
def _mark(
    tsdf: Array,
    weight: Array,
    least: int,
    neighbours: Array,
    table: Array,
    edge_vertex: Array,
    face_counts: Array,
    begin: int,
    end: int,
) -> None:
    """Mark the voxel edges that carry a vertex with 0, and count the triangles of every block.

    Blocks share edges, so two threads may mark the same one: both write the same value.
    """
    for n in range(begin, end):
        faces = 0
        for i in range(BLOCK):
            for j in range(BLOCK):
                for k in range(BLOCK):
                    pattern = _pattern(tsdf, weight, least, n, i, j, k, neighbours)
                    place = 0
                    while table[pattern, place] >= 0:
                        edge = table[pattern, place]
                        block, cell = _corner_of(n, i, j, k, edge // 3, neighbours)
                        edge_vertex[block, cell, edge % 3] = 0
                        place += 1
                    faces += place // 3
        face_counts[n] = faces


@njit(cache=True, nogil=True)
def _count_vertices(edge_vertex: Array, vertex_counts: Array, begin: int, end: int) -> None:
    for n in range(begin, end):
        count = 0
        for cell in range(_CELL):
            for axis in range(3):
                count += edge_vertex[n, cell, axis] >= 0
        vertex_counts[n] = count


@njit(cache=True, nogil=True)
def _place_vertices(
    tsdf: Array,
    color: Array,
    has_color: bool,
    corner: Array,
    neighbours: Array,
    voxel_m: float,
    vertex_start: Array,
    edge_vertex: Array,
    vertices: Array,
    colors: Array,
    begin: int,
    end: int,
) -> None:
    """Number the marked edges and put their vertices where the distance is 0 along them."""
    for n in range(begin, end):
        vertex = vertex_start[n]
        for i in range(BLOCK):
            for j in range(BLOCK):
                for k in range(BLOCK):
                    cell = (i * BLOCK + j) * BLOCK + k
                    for axis in range(3):
                        if edge_vertex[n, cell, axis] < 0:
                            continue
                        edge_vertex[n, cell, axis] = vertex
                        other, far = _corner_of(n, i, j, k, 1 << axis, neighbours)
                        a, b = tsdf[n, cell], tsdf[other, far]
                        # Off the voxel itself, or triangles around it would have no area.
                        along = min(max(a / (a - b), 1e-3), 1 - 1e-3)
                        x = corner[n, 0] * BLOCK + i + (along if axis == 0 else 0.0)
                        y = corner[n, 1] * BLOCK + j + (along if axis == 1 else 0.0)
                        z = corner[n, 2] * BLOCK + k + (along if axis == 2 else 0.0)
                        vertices[vertex, 0] = x * voxel_m
                        vertices[vertex, 1] = y * voxel_m
                        vertices[vertex, 2] = z * voxel_m
                        if has_color:
                            share = along
                            if color[n, cell, 3] == 0:
                                share = 1.0
                            elif color[other, far, 3] == 0:
                                share = 0.0
                            for c in range(3):
                                mean = (1 - share) * color[n, cell, c] + share * color[
                                    other, far, c
                                ]
                                colors[vertex, c] = min(255, int(mean / _COLOR_SCALE + 0.5))
                        vertex += 1


@njit(cache=True, nogil=True)
def _write_faces(
    tsdf: Array,
    weight: Array,
    least: int,
    neighbours: Array,
    table: Array,
    edge_vertex: Array,
    face_start: Array,
    faces: Array,
    begin: int,
    end: int,
) -> None:
    """Write every block's triangles as vertex numbers."""
    for n in range(begin, end):
        face = face_start[n]
        for i in range(BLOCK):
            for j in range(BLOCK):
                for k in range(BLOCK):
                    pattern = _pattern(tsdf, weight, least, n, i, j, k, neighbours)
                    place = 0
                    while table[pattern, place] >= 0:
                        edge = table[pattern, place]
                        block, cell = _corner_of(n, i, j, k, edge // 3, neighbours)
                        faces[face, place % 3] = edge_vertex[block, cell, edge % 3]
                        place += 1
                        if place % 3 == 0:
                            face += 1
