"""A ``.sens`` file written frame by frame."""

from __future__ import annotations

import struct
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

import numpy as np

from crossvox.capture.sens.header import header_bytes
from crossvox.capture.sens.layout import RECORD, SensFrame, SensHeader, raw_bytes
from crossvox.core.artifact import replacing
from crossvox.core.checks import ParamsError, expect


class SensWriter(AbstractContextManager["SensWriter"]):
    """Write a ``.sens`` file frame by frame; it appears only when complete.

    Args:
        path: file to write; replaced as a whole on success.
        header: cameras and compressions.
        frame_count: how many frames will be written.

    Raises:
        ParamsError: leaving the block with another number of frames than announced, or writing a
            frame whose raw images have the wrong length.

    Example:
        >>> with SensWriter(path, header, len(frames)) as writer:  # doctest: +SKIP
        ...     for frame in frames:
        ...         writer.write(frame)
    """

    def __init__(self, path: Path, header: SensHeader, frame_count: int) -> None:
        self.path, self.header, self.frame_count = Path(path), header, frame_count
        self.written = 0
        self._stack = ExitStack()
        self._file: BinaryIO | None = None

    def __enter__(self) -> SensWriter:
        """Open a temporary file beside the target and write the header."""
        data = header_bytes(self.header, self.frame_count)
        temporary = self._stack.enter_context(replacing(self.path))
        self._file = self._stack.enter_context(temporary.open("wb", buffering=1 << 20))
        self._file.write(data)
        return self

    def write(self, frame: SensFrame) -> None:
        """Append one frame; its blobs must be encoded as the header says.

        Raises:
            ParamsError: the writer is not open or full, or a raw image has the wrong length.
        """
        expect(
            self._file is not None and self.written < self.frame_count,
            given=f"frame {self.written} for {self.path}",
            needed=f"an open writer and at most {self.frame_count} frames, as announced",
            do="write inside the with block and announce the right number",
            error=ParamsError,
        )
        assert self._file is not None
        for part, blob, compression, expected in zip(
            ("colour", "depth"),
            (frame.color, frame.depth),
            (self.header.color_compression, self.header.depth_compression),
            raw_bytes(self.header),
            strict=True,
        ):
            expect(
                compression != "raw" or len(blob) == expected,
                given=f"{len(blob)} bytes of raw {part}",
                needed=f"{expected}, as the header's image size says",
                do="encode the image as the header says",
                error=ParamsError,
            )
        record = np.zeros((), dtype=RECORD)
        record["pose"] = frame.world_from_camera
        record["color_timestamp"] = frame.color_timestamp
        record["depth_timestamp"] = frame.depth_timestamp
        record["color_bytes"], record["depth_bytes"] = len(frame.color), len(frame.depth)
        self._file.write(record.tobytes())
        self._file.write(frame.color)
        self._file.write(frame.depth)
        self.written += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Finish and move the file in place; on an error leave nothing behind."""
        file, self._file = self._file, None
        with self._stack:
            if error is not None:
                raise error
            expect(
                self.written == self.frame_count,
                given=f"{self.written} frames for {self.path}",
                needed=f"{self.frame_count}, as announced",
                do="announce the right number",
                error=ParamsError,
            )
            assert file is not None
            file.write(struct.pack("<Q", 0))  # no IMU records
