"""RTAB-Map's databases: one SQLite file with images, depth, cameras and the graph of poses.

``Node`` has stamps and poses of the robot's base (x forward, z up), 12 float32 row by row; ``Data``
has the images as JPEG or PNG, depth as PNG or RVL, and the camera with its place on the robot.
``Admin`` has the poses after optimisation, packed: those are the ones to use.
"""

from __future__ import annotations

import math
import sqlite3
import struct
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.capture.cameras import camera_or_error
from crossvox.capture.files import gray_size
from crossvox.capture.params import RegistrationMode
from crossvox.capture.reader import Reader
from crossvox.capture.registration import Registration
from crossvox.capture.several_cameras import usual_camera
from crossvox.capture.stored import LOST_POSE, FrameCameras, StoredCapture
from crossvox.core.camera import Intrinsics, Size
from crossvox.core.checks import CaptureError, expect
from crossvox.doors.images import MAX_PIXELS, color_size, decode_gray, decode_packed

Array = NDArray[Any]

MAX_BLOB = 1 << 27
"""Bytes of one value of the database that are read at most."""

FAR_M = 1000.0
"""Depth beyond this is no reading: floats mark none by NaN, infinity, or what is huge."""

_RVL = b"DEPTHRVL"
_NEEDED = {"Node": {"id", "map_id", "stamp", "pose"}, "Data": {"id", "image", "depth"}}
_OLD_BLOBS = {64: 4, 72: 6}
"""Floats before the camera's place, by length of a camera of versions up to 0.17."""


@dataclass(frozen=True, eq=False)
class _Node:
    """One frame.

    Attributes:
        id: number of the node.
        session: ``map_id``: each time the robot was started it begins a world of its own.
        stamp: seconds.
        base: ``(4, 4)`` world from robot as the odometry had it.
        values: fx, fy, cx, cy for images of ``size``.
        base_from_camera: ``(4, 4)``, OpenCV axes.
        distorts: whether the camera tells distortion.
    """

    id: int
    session: int
    stamp: float
    base: NDArray[np.float64]
    values: tuple[float, float, float, float]
    size: Size
    base_from_camera: NDArray[np.float64]
    distorts: bool


class RtabmapCapture(StoredCapture):
    """An RTAB-Map database with RGB-D images. A frame's number is that of its node.

    Nodes without image, depth or camera are no frames (``info().notes`` counts them). Poses are
    the optimised ones; nodes that these leave out are lost. A database without them has the
    odometry's, of its longest session.

    Args:
        path: the ``.db`` file, or a folder with one.
        registration: depth lies on the colour camera's grid; kept for the common signature.

    Raises:
        CaptureError: no database, none of RTAB-Map, of stereo or several cameras, or damaged.
    """

    format = "RTAB-Map database"
    up = (0.0, 0.0, 1.0)

    def __init__(self, path: Path, registration: RegistrationMode = "auto") -> None:
        self.path = path = _file(Path(path))
        notes: list[str] = []
        with _opened(path) as base:
            _expect_tables(path, base)
            self._nodes = nodes = _nodes(path, base, notes)
            self._base_poses = _base_poses(path, base, nodes, notes)
            size, depth_size = _sizes(path, base, nodes)
        self._size, self._depth_size = size, depth_size
        camera, moved = usual_camera([self._camera(node) for node in nodes])
        super().__init__(
            path.stem,
            tuple(node.id for node in nodes),
            Registration(camera, camera.resized(depth_size), mode=registration),
        )
        self._differ = bool(moved)
        if moved:
            notes.append(f"cameras differ from frame to frame: {moved}")
        if any(node.distorts for node in nodes):
            notes.append(
                "the camera tells distortion, which is left alone: RTAB-Map takes images as "
                "rectified"
            )
        self.notes = tuple(notes)

    def _camera(self, node: _Node) -> Intrinsics:
        size = node.size if min(node.size) > 0 else self._size
        camera = camera_or_error(node.values, size, f"{self.path}, node {node.id}")
        return camera.resized(self._size)

    def frame_cameras(self, index: int) -> FrameCameras | None:
        """The node's own camera, where they differ."""
        if not self._differ:
            return None
        camera = self._camera(self._nodes[index])
        return FrameCameras(camera, camera.resized(self._depth_size))

    def pose_matrix(self, index: int) -> NDArray[np.float64]:
        """World from camera: the robot's pose and the camera's place on it."""
        base = self._base_poses[index]
        return base @ self._nodes[index].base_from_camera if np.isfinite(base).all() else base

    def time_s(self, index: int) -> float:
        """The node's stamp."""
        return self._nodes[index].stamp

    def color_data(self, index: int) -> bytes:
        """The image as it is."""
        with _opened(self.path) as base:
            return _image(self.path, base, self._nodes[index].id, "image")

    def depth_raw(self, index: int) -> Array:
        """Depth in millimetres: uint16, or float32 where it is stored in metres."""
        with _opened(self.path) as base:
            data = _image(self.path, base, self._nodes[index].id, "depth")
        source = self.source(index, "depth")
        if data[:8] == _RVL:
            from crossvox.capture.readers.rvl import decode_rvl

            return _without_marks(decode_rvl(data[8:], source))
        gray_size(data, source)
        if data[24:26] == b"\x08\x06":  # 8 bits, RGBA
            metres = decode_packed(data, source)
            with np.errstate(invalid="ignore", over="ignore"):
                return np.where((metres > 0) & (metres < FAR_M), 1000 * metres, np.float32(0))
        depth = decode_gray(data, source)
        expect(
            depth.dtype == np.uint16,
            given=f"{source} of 8 bits",
            needed="depth of 16 bits or floats; of a stereo camera RTAB-Map keeps the right image",
            do="export depth from RTAB-Map, or record with a depth camera",
            error=CaptureError,
        )
        return _without_marks(depth)


def _without_marks(depth: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """65535 marks no reading, like 0."""
    return np.where(depth == 65535, np.uint16(0), depth)


# The database.


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    """The database, read only, whatever its journals say.

    Raises:
        CaptureError: anything that SQLite has to say about it.
    """
    try:
        with closing(
            sqlite3.connect(path.resolve().as_uri() + "?mode=ro&immutable=1", uri=True)
        ) as base:
            base.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_BLOB)
            base.execute("PRAGMA trusted_schema = OFF")
            yield base
    except (sqlite3.Error, OverflowError, MemoryError, UnicodeDecodeError) as error:
        raise CaptureError(
            f"given: {path}, which SQLite cannot read ({error}); needed: a database of RTAB-Map; "
            f"do: copy it again, or repair it with rtabmap-recovery"
        ) from None


def _file(path: Path) -> Path:
    if not path.is_dir():
        return path
    files = _databases(path)
    expect(
        len(files) == 1,
        given=f"{path} with {len(files)} databases",
        needed="one",
        do="pass the .db file itself",
        error=CaptureError,
    )
    return files[0]


def _databases(folder: Path) -> list[Path]:
    return sorted(
        path
        for path in folder.glob("*.db")
        if path.is_file() and path.name.lower() != "thumbs.db" and path.name[0] != "."
    )


def _expect_tables(path: Path, base: sqlite3.Connection) -> None:
    tables = {name for (name,) in base.execute("SELECT name FROM sqlite_master WHERE type='table'")}
    lacking = []
    for table, columns in _NEEDED.items():
        found = {row[1] for row in base.execute(f"PRAGMA table_info({table})")} & columns
        if table not in tables or found != columns:
            lacking.append(table)
    expect(
        not lacking,
        given=f"{path}, a database without {' and '.join(lacking)} as RTAB-Map has them",
        needed="a database of RTAB-Map 0.11 or later",
        do="open and close it once in a newer RTAB-Map, or check the path",
        error=CaptureError,
    )


def _image(path: Path, base: sqlite3.Connection, number: int, column: str) -> bytes:
    row = base.execute(f"SELECT {column} FROM Data WHERE id = ?", (number,)).fetchone()
    expect(
        row is not None and isinstance(row[0], bytes),
        given=f"{path}, node {number}, without {column}",
        needed="an image",
        do="check or export the database again",
        error=CaptureError,
    )
    return bytes(row[0])


def _nodes(path: Path, base: sqlite3.Connection, notes: list[str]) -> list[_Node]:
    """All frames, by number; what is passed over is counted in ``notes``."""
    rows = base.execute(
        "SELECT Node.id, map_id, stamp, pose, calibration, length(image) > 0, length(depth) > 0 "
        "FROM Node LEFT JOIN Data ON Node.id = Data.id ORDER BY Node.id"
    )
    nodes, bare, unknown = [], 0, 0
    for number, session, stamp, pose, calibration, image, depth in rows:
        if not (image and depth):
            bare += 1
        elif not isinstance(calibration, bytes) or not calibration:
            unknown += 1
        else:
            camera = _read_camera(f"{path}, node {number}", calibration)
            numbers = isinstance(number, int) and isinstance(session, int)
            expect(
                numbers and isinstance(stamp, int | float) and math.isfinite(stamp),
                given=f"{path} with a node {str(number)[:20]!r} of session {str(session)[:20]!r}",
                needed="whole numbers, and a stamp in seconds",
                do="copy or export the database again",
                error=CaptureError,
            )
            nodes.append(_Node(number, session, float(stamp), _matrix(pose), *camera))
    expect(
        bool(nodes),
        given=f"{path} with {bare} nodes without image or depth and {unknown} without a camera",
        needed="RGB-D images; a robot that only localises keeps none",
        do="record with Mem/BinDataKept true",
        error=CaptureError,
    )
    if bare:
        notes.append(f"{bare} nodes have no image or no depth")
    if unknown:
        notes.append(f"{unknown} nodes have no camera")
    return nodes


def _matrix(blob: object) -> NDArray[np.float64]:
    """``(4, 4)`` of 12 float32; -inf where there are none, or all are zero (RTAB-Map's null)."""
    if not isinstance(blob, bytes) or len(blob) != 48:
        return LOST_POSE.copy()
    return _square(np.frombuffer(blob, "<f4"))


def _square(values: Array) -> NDArray[np.float64]:
    if not np.isfinite(values).all() or not values.any():
        return LOST_POSE.copy()
    return np.vstack([values.reshape(3, 4).astype(np.float64), [0, 0, 0, 1]])


def _read_camera(
    source: str, blob: bytes
) -> tuple[tuple[float, float, float, float], Size, NDArray[np.float64], bool]:
    """Focal lengths and centre, image size, place on the robot, whether it distorts."""
    known = _new_camera(source, blob) or _old_camera(blob)
    expect(
        known is not None,
        given=f"{source}, a camera of {len(blob)} bytes",
        needed="one camera as RTAB-Map writes it (372 bytes; 72 up to version 0.17), not several",
        do="export the frames of one camera from RTAB-Map",
        error=CaptureError,
    )
    assert known is not None
    expect(
        bool(np.isfinite(known[2]).all()),
        given=f"{source}, a camera without a place on the robot",
        needed="a transform from base to camera",
        do="check the robot's description (tf), and record again",
        error=CaptureError,
    )
    return known


def _new_camera(source: str, blob: bytes) -> Any:
    if len(blob) < 44:
        return None
    kind, width, height, *counts = struct.unpack_from("<8i", blob, 12)
    bytes_each = (8, 8, 8, 8, 4)
    length = 44 + sum(n * size for n, size in zip(counts, bytes_each, strict=True))
    sound = (counts[0], counts[4]) == (9, 12) and counts[3] in (0, 12) and min(counts) >= 0
    if kind not in (0, 1) or not sound:
        return None
    expect(
        kind == 0,
        given=f"{source}, a camera of a stereo pair",
        needed="a depth camera: of stereo RTAB-Map keeps left and right images",
        do="compute depth with RTAB-Map's own tools and export it",
        error=CaptureError,
    )
    if len(blob) != length:
        return None
    at = 44
    parts = []
    for n, size in zip(counts, bytes_each, strict=True):
        parts.append(np.frombuffer(blob, f"<f{size}", n, at))
        at += n * size
    camera, lens, _, projection, place = parts
    # RTAB-Map itself looks through the projection of rectified images, where there is one.
    m = projection if len(projection) and projection[0] > 0 else camera
    row = 4 if m is projection else 3
    values = (float(m[0]), float(m[row + 1]), float(m[2]), float(m[row + 2]))
    return values, (int(width), int(height)), _square(place), bool(lens.any())


def _old_camera(blob: bytes) -> Any:
    head = _OLD_BLOBS.get(len(blob))
    if head is None:
        return None
    numbers = np.frombuffer(blob, "<f4").astype(np.float64)
    fx, fy, cx, cy = numbers[:4].tolist()
    size = numbers[4:6] if head == 6 else np.zeros(2)
    sound = bool(((size >= 0) & (size < 1e5)).all())
    width, height = (int(value) for value in size) if sound else (0, 0)
    return (fx, fy, cx, cy), (width, height), _square(numbers[head:]), False


def _sizes(path: Path, base: sqlite3.Connection, nodes: list[_Node]) -> tuple[Size, Size]:
    """Of colour and depth images, from the first that can be read."""
    problem: CaptureError | None = None
    for node in nodes[:50]:
        try:
            color = color_size(_image(path, base, node.id, "image"), f"{path}, node {node.id}")
            depth = _image(path, base, node.id, "depth")
            if depth[:8] == _RVL:
                columns, rows = struct.unpack_from("<2I", depth.ljust(16, b"\0"), 8)
            else:
                columns, rows = gray_size(depth, f"{path}, node {node.id}, depth")
            if 0 < columns * rows <= MAX_PIXELS:
                return color, (columns, rows)
        except CaptureError as error:
            problem = problem or error
    raise problem or CaptureError(
        f"given: {path}, whose depth images are empty; needed: depth; do: record again"
    )


# Poses.


def _base_poses(
    path: Path, base: sqlite3.Connection, nodes: list[_Node], notes: list[str]
) -> NDArray[np.float64]:
    """``(N, 4, 4)`` world from robot of all frames."""
    optimised = _optimised(path, base)
    found = [optimised.get(node.id) for node in nodes]
    absent = sum(matrix is None for matrix in found)
    if absent < len(nodes):
        if absent:
            notes.append(f"{absent} frames are not part of the optimised map: no pose")
        return np.array([LOST_POSE if matrix is None else matrix for matrix in found])
    notes.append("poses are the odometry's: the database has no optimised ones")
    sessions, counts = np.unique([node.session for node in nodes], return_counts=True)
    longest = int(sessions[counts.argmax()])
    if len(sessions) > 1:
        notes.append(
            f"{len(nodes) - counts.max()} frames are of {len(sessions) - 1} other sessions, each "
            f"with a world of its own: no pose"
        )
    return np.array([node.base if node.session == longest else LOST_POSE for node in nodes])


def _optimised(path: Path, base: sqlite3.Connection) -> dict[int, NDArray[np.float64]]:
    """Poses by node; none where the database has none."""
    columns = {row[1] for row in base.execute("PRAGMA table_info(Admin)")}
    if not {"opt_ids", "opt_poses"} <= columns:
        return {}
    row = base.execute("SELECT opt_ids, opt_poses FROM Admin").fetchone()
    if row is None or not all(isinstance(blob, bytes) and blob for blob in row):
        return {}
    ids = np.frombuffer(_unpacked(path, row[0]), "<i4")
    poses = np.frombuffer(_unpacked(path, row[1]), "<f4")
    expect(
        len(poses) == 12 * len(ids),
        given=f"{path} with {len(ids)} optimised nodes and {len(poses)} numbers of their poses",
        needed="12 numbers a node",
        do="open it in RTAB-Map and let it optimise the map again",
        error=CaptureError,
    )
    pairs = zip(ids.tolist(), poses.reshape(-1, 12), strict=True)
    return {number: _square(values) for number, values in pairs}


def _unpacked(path: Path, blob: bytes) -> bytes:
    """A matrix's numbers: a zlib stream with rows, columns and type behind it (int32 each)."""
    stream = zlib.decompressobj()
    try:
        data = stream.decompress(blob, MAX_BLOB)
    except zlib.error:
        data = b""
    rows, columns, kind = struct.unpack("<3i", stream.unused_data.ljust(12, b"\0")[:12])
    expect(
        stream.eof and kind in (4, 5) and rows * columns * 4 == len(data),  # int32, float32
        given=f"{path} with damaged optimised poses ({len(blob)} bytes)",
        needed=f"a packed matrix ({rows}x{columns})",
        do="open it in RTAB-Map and let it optimise the map again",
        error=CaptureError,
    )
    return data


def _claims(path: Path) -> str | None:
    if path.is_dir():
        found = _databases(path)
        return found[0].name if found else None
    return path.name if path.suffix.lower() == ".db" else None


READER = Reader(
    "a .db file (RTAB-Map)",
    _claims,
    lambda path, how: RtabmapCapture(path, how.params.registration),
)
