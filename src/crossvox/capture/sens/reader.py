"""Random access to the frames of a ``.sens`` file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.capture.files import check_color_header
from crossvox.capture.sens.header import read_header
from crossvox.capture.sens.layout import (
    BLOB_BYTES,
    RECORD,
    SensFrame,
    SensHeader,
    damaged,
    raw_bytes,
)
from crossvox.core.camera import Pose, Size
from crossvox.core.checks import CaptureError, PoseError
from crossvox.doors.deflate import inflate
from crossvox.doors.images import decode_color

_IMU_BYTES = 128


class SensReader:
    """A ``.sens`` file with random access to its frames.

    Opening reads the header and walks once over the frames' fixed parts, seeking past the images;
    every size is checked against the file's length before it is used. Kept in memory: about 100
    bytes a frame. No file stays open, so a reader can be shared by threads and pickled.

    Attributes:
        path: the file.
        header: cameras and compressions.
        imu_count: IMU records after the frames (0 where that section is absent).

    Raises:
        CaptureError: not a ``.sens`` file, an unsupported variant, truncated or damaged; names
            file, frame and byte offset.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        try:
            with self.path.open("rb", buffering=1 << 12) as file:
                length = file.seek(0, 2)
                file.seek(0)
                self.header, count = read_header(self.path, file, length)
                begin = file.tell()
            # Unbuffered: the walk reads 96 bytes here and there, never the images between them.
            with self.path.open("rb", buffering=0) as raw:
                self._records = _walk(self.path, self.header, raw, begin, count, length)
                blobs = self._records["color_bytes"] + self._records["depth_bytes"]
                sizes = blobs.astype(np.int64) + RECORD.itemsize
                ends = begin + np.cumsum(sizes)
                self._blob_start = ends - sizes + RECORD.itemsize
                end = int(ends[-1]) if count else begin
                self.imu_count = _imu_count(self.path, raw, end, length)
        except OSError as error:
            raise CaptureError(
                f"given: {self.path} ({error.strerror or error}); needed: a readable .sens file; "
                f"do: check the path"
            ) from None

    def __len__(self) -> int:
        """How many frames there are."""
        return len(self._records)

    def frame(self, index: int) -> SensFrame:
        """One frame, bytes as stored.

        Raises:
            CaptureError: the file changed or cannot be read.
            IndexError: there is no such frame.
        """
        record = self._records[self._position(index)]
        color_bytes, depth_bytes = int(record["color_bytes"]), int(record["depth_bytes"])
        data = self._read(index, 0, color_bytes + depth_bytes)
        return SensFrame(
            world_from_camera=record["pose"].copy(),
            color_timestamp=int(record["color_timestamp"]),
            depth_timestamp=int(record["depth_timestamp"]),
            color=data[:color_bytes],
            depth=data[color_bytes:],
        )

    def pose_matrix(self, index: int) -> NDArray[np.float32]:
        """Camera-to-world ``(4, 4)`` as stored; reads nothing from the file."""
        matrix: NDArray[np.float32] = self._records["pose"][self._position(index)].copy()
        return matrix

    def pose_matrices(self) -> NDArray[np.float32]:
        """All of them, ``(N, 4, 4)``."""
        matrices: NDArray[np.float32] = self._records["pose"].copy()
        return matrices

    def pose(self, index: int) -> Pose | None:
        """Camera-to-world pose; None where tracking was lost.

        Raises:
            CaptureError: the stored matrix is neither rigid nor marked as lost.
        """
        try:
            with np.errstate(invalid="ignore"):  # damage may look like a signalling NaN
                return Pose.read(self.pose_matrix(index))
        except PoseError as error:
            raise CaptureError(f"{self.place(index, 'pose')}: {error}") from None

    def color_data(self, index: int) -> bytes:
        """The colour blob as stored, without reading the depth."""
        return self._read(index, 0, int(self._records["color_bytes"][self._position(index)]))

    def color(self, index: int, at_least: Size | None = None) -> NDArray[np.uint8]:
        """Decoded colour ``(H, W, 3)`` RGB.

        Args:
            index: frame position.
            at_least: a JPEG may be decoded at a fraction of its size, not below this.

        Raises:
            CaptureError: damaged, or not of the size that the header says.
        """
        data, place = self.color_data(index), self.place(index, "colour")
        size = self.header.color_camera.size
        if self.header.color_compression == "raw":
            return np.frombuffer(data, dtype=np.uint8).reshape(size[1], size[0], 3).copy()
        check_color_header(data, place, size)
        return decode_color(data, place, at_least)

    def depth_raw(self, index: int) -> NDArray[np.uint16]:
        """Depth ``(H, W)`` uint16 in units of ``1 / depth_shift`` metres, 0 = no reading.

        Raises:
            CaptureError: damaged stream, or one that does not hold exactly one image.
        """
        record = self._records[self._position(index)]
        data = self._read(index, int(record["color_bytes"]), int(record["depth_bytes"]))
        width, height = self.header.depth_camera.size
        needed = width * height * 2
        if self.header.depth_compression == "zlib":
            try:
                data = inflate(data, needed)
            except ValueError as error:
                raise CaptureError(
                    f"given: {self.place(index, 'depth')}, {error}; "
                    f"needed: {needed} bytes, a {width}x{height} image of 16 bits; "
                    f"do: copy or export the file again, or leave this frame out"
                ) from None
        return np.frombuffer(data, dtype="<u2").reshape(height, width)

    def depth_m(self, index: int) -> NDArray[np.float32]:
        """Depth ``(H, W)`` float32 metres, 0 = no reading. Errors as :meth:`depth_raw`."""
        return np.divide(self.depth_raw(index), self.header.depth_shift, dtype=np.float32)

    def _position(self, index: int) -> int:
        if not 0 <= index < len(self):
            raise IndexError(f"frame {index} of {self.path}, which has {len(self)}")
        return index

    def place(self, index: int, part: str) -> str:
        """Where a part (``colour``, ``depth``, ``pose``) of a frame lies, for error texts."""
        offset = int(self._blob_start[self._position(index)])
        if part == "pose":
            offset -= RECORD.itemsize
        elif part == "depth":
            offset += int(self._records["color_bytes"][index])
        return f"{self.path}, frame {index}, {part} at byte {offset}"

    def _read(self, index: int, skip: int, count: int) -> bytes:
        """Read ``count`` bytes of a frame's blobs from ``skip`` on (checked on opening)."""
        offset = int(self._blob_start[index]) + skip
        try:
            with self.path.open("rb", buffering=0) as file:
                file.seek(offset)
                data = file.read(count)
                while len(data) < count and (more := file.read(count - len(data))):
                    data += more
        except OSError as error:
            raise CaptureError(
                f"given: {self.path}, frame {index} at byte {offset} ({error.strerror or error}); "
                f"needed: a readable file; do: check the disk"
            ) from None
        if len(data) < count:
            raise damaged(
                self.path,
                f"frame {index}, byte {offset}: {len(data)} of {count} bytes",
                "the file as it was when it was opened",
            )
        return data


def _walk(
    path: Path, header: SensHeader, file: Any, begin: int, count: int, length: int
) -> NDArray[Any]:
    """Read the fixed part of every frame, checking blob sizes against the file."""
    records, offset = bytearray(), begin
    color_raw, depth_raw = raw_bytes(header)
    exact = (
        color_raw if header.color_compression == "raw" else None,
        depth_raw if header.depth_compression == "raw" else None,
    )
    # No codec doubles its input; what claims to is damage, and must not be allocated.
    limits = (2 * color_raw + (1 << 16), 2 * depth_raw + (1 << 16))
    head = RECORD.itemsize
    parts = tuple(zip(("colour", "depth"), limits, exact, strict=True))
    for index in range(count):
        file.seek(offset)
        record = file.read(head)
        if len(record) < head:
            raise damaged(
                path,
                f"frame {index} of {count} at byte {offset}: the file ends at byte {length}",
                f"{head} bytes for the frame's head",
            )
        blobs = BLOB_BYTES.unpack_from(record, head - BLOB_BYTES.size)
        at = offset + head
        for (part, limit, only), size in zip(parts, blobs, strict=True):
            if size > limit or (only is not None and size != only):
                raise damaged(
                    path,
                    f"frame {index} of {count} at byte {offset}: {size} bytes of {part}",
                    f"{only} bytes of raw {part}" if only is not None else f"at most {limit}",
                )
            at += size
            if at > length:
                raise damaged(
                    path,
                    f"frame {index} of {count} at byte {offset}: {part} of {size} bytes up to "
                    f"byte {at}, but the file ends at byte {length}",
                    "all of the frame",
                )
        records += record
        offset = at
    return np.frombuffer(bytes(records), dtype=RECORD)


def _imu_count(path: Path, file: Any, offset: int, length: int) -> int:
    if offset == length:
        return 0
    file.seek(offset)
    data = file.read(8)
    count = int.from_bytes(data, "little")
    if len(data) < 8 or count > (length - offset - 8) // _IMU_BYTES:
        raise damaged(
            path,
            f"IMU section at byte {offset}: {count} records, but the file ends at byte {length}",
            f"a count and {_IMU_BYTES} bytes a record, or no such section",
        )
    return count
