"""depth.bin of ScanNet++: both ways of packing, any order, damage."""

from __future__ import annotations

import struct
import sys
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from crossvox.capture.readers import depth_stream
from crossvox.capture.readers.depth_stream import DepthStream
from crossvox.core.checks import CaptureError

COUNT = 9


def image(number: int) -> np.ndarray:
    """Millimetres."""
    v, u = np.mgrid[:192, :256]
    depth = (1000 + 10 * number + 3 * u + v).astype(np.uint16)
    depth[0, 0] = 0
    return depth


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


def metres(number: int) -> bytes:
    return (image(number) / 1000).astype("<f4").tobytes()


def one_stream(path: Path) -> None:
    path.write_bytes(raw_deflate(b"".join(metres(n) for n in range(COUNT))))


def by_image(pack: Callable[[int], bytes]) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        packed = [pack(n) for n in range(COUNT)]
        path.write_bytes(b"".join(struct.pack("<I", len(p)) + p for p in packed))

    return write


def lz4_of(number: int) -> bytes:
    block = pytest.importorskip("lz4.block")
    return block.compress(image(number).astype("<u2").tobytes(), store_size=False)


WAYS = {
    "one stream": one_stream,
    "deflate": by_image(lambda n: raw_deflate(metres(n))),
    "lz4": by_image(lz4_of),
}


@pytest.fixture(params=WAYS)
def written(request, tmp_path: Path, monkeypatch) -> Path:
    monkeypatch.setattr(depth_stream, "PLACE_EVERY", 3)
    path = tmp_path / "depth.bin"
    WAYS[request.param](path)
    return path


def test_images_come_in_any_order(written: Path) -> None:
    stream = DepthStream(written)
    assert stream.count in (None, COUNT)
    for number in [*range(COUNT), 8, 0, 4, 3, 7, 7, 1, 8]:
        depth = stream.read(number)
        assert depth.shape == (192, 256)
        np.testing.assert_allclose(depth, image(number), atol=1e-3)
    with ThreadPoolExecutor(4) as pool:
        firsts = list(pool.map(lambda n: float(stream.read(n)[0, 1]), range(COUNT)))
    assert firsts == pytest.approx([1003 + 10 * n for n in range(COUNT)])
    for number in (-1, COUNT, COUNT + 40):
        with pytest.raises(CaptureError, match=r"depth\.bin"):
            stream.read(number)
    np.testing.assert_allclose(stream.read(2), image(2), atol=1e-3)


def test_rising_order_unpacks_each_image_once(tmp_path: Path, monkeypatch) -> None:
    one_stream(tmp_path / "depth.bin")
    stream, unpacked = DepthStream(tmp_path / "depth.bin"), []
    real = depth_stream._Stream._next

    def counted(self, file):
        unpacked.append(self._at[0])
        return real(self, file)

    monkeypatch.setattr(depth_stream._Stream, "_next", counted)
    for number in range(COUNT):
        stream.read(number)
    assert unpacked == list(range(COUNT))


def test_a_cut_file_gives_what_is_left(written: Path) -> None:
    data = written.read_bytes()
    written.write_bytes(data[: int(0.55 * len(data))])
    stream = DepthStream(written)
    np.testing.assert_allclose(stream.read(3), image(3), atol=1e-3)
    with pytest.raises(CaptureError, match=r"depth\.bin"):
        stream.read(COUNT - 1)
    np.testing.assert_allclose(stream.read(2), image(2), atol=1e-3)


def test_damage_within_an_image_costs_that_image(tmp_path: Path) -> None:
    path = tmp_path / "depth.bin"
    for way in ("lz4", "deflate"):
        WAYS[way](path)
        data = bytearray(path.read_bytes())
        (length,) = struct.unpack_from("<I", data)
        data[8 + length : 8 + 2 * length // 2] = bytes(8 + 2 * length // 2 - 8 - length)
        data[10 + length : 60 + length] = b"\xff" * 50
        path.write_bytes(bytes(data))
        stream = DepthStream(path)
        with pytest.raises(CaptureError, match="image 1"):
            stream.read(1)
        np.testing.assert_allclose(stream.read(2), image(2), atol=1e-3)


@pytest.mark.parametrize("data", [b"", b"\1", bytes(2000), b"\xff" * 5000, b"\2\0\0\0ab"])
def test_what_is_no_depth_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "depth.bin"
    path.write_bytes(data)
    with pytest.raises(CaptureError, match=r"depth\.bin"):
        DepthStream(path).read(0)


def test_no_reading_of_any_kind_is_zero(tmp_path: Path) -> None:
    floats = (image(0) / 1000).astype("<f4")
    floats[1, :4] = [np.nan, np.inf, -1, 0]
    path = tmp_path / "depth.bin"
    path.write_bytes(raw_deflate(floats.tobytes()))
    assert not DepthStream(path).read(0)[1, :4].any()


def test_without_lz4_the_extra_is_named(tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "depth.bin"
    WAYS["lz4"](path)
    monkeypatch.setitem(sys.modules, "lz4", None)
    monkeypatch.setitem(sys.modules, "lz4.block", None)
    with pytest.raises(CaptureError, match=r"crossvox\[captures\]"):
        DepthStream(path).read(0)
