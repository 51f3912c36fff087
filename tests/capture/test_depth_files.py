"""Depth images of every kind, and what is none."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from crossvox.capture.depth_files import first_depth, read_depth_file
from crossvox.core.checks import CaptureError
from crossvox.doors.images import encode_png, remap


def npy(array: np.ndarray, **how) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, **how)
    return stream.getvalue()


def npz(**arrays: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.savez_compressed(stream, **arrays)
    return stream.getvalue()


def tiff(array: np.ndarray, **how) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(array).save(stream, "TIFF", **how)
    return stream.getvalue()


def short(value: object) -> str:
    """Names of tests without bytes in them."""
    return value if isinstance(value, str) else "" if isinstance(value, list) else f"{len(value)}b"


FLOATS = np.array([[0.5, np.nan, -1], [np.inf, 0, 2]], np.float32)
WHOLE = np.array([[1, 65535, 3], [0, 5, 700]], np.uint16)
CLEAN_FLOATS = [[0.5, 0, 0], [0, 0, 2]]
CLEAN_WHOLE = [[1, 0, 3], [0, 5, 700]]
BIG = np.zeros((1 << 14, 1 << 13), np.uint8)


@pytest.mark.parametrize(
    ("name", "data", "expected"),
    [
        ("a.npy", npy(FLOATS), CLEAN_FLOATS),
        ("a.npy", npy(FLOATS.astype(">f8")), CLEAN_FLOATS),
        ("a.npy", npy(np.asfortranarray(FLOATS)), CLEAN_FLOATS),
        ("a.npy", npy(FLOATS[None, ..., None].astype(np.float16)), CLEAN_FLOATS),
        ("a.npy", npy(WHOLE), CLEAN_WHOLE),
        ("a.npy", npy(WHOLE.astype(">u2")), CLEAN_WHOLE),
        ("a.npy", npy(np.array([[-5, 70000]], np.int32)), [[0, 70000]]),
        ("a.npz", npz(arr_0=FLOATS), CLEAN_FLOATS),
        ("a.npz", npz(rgb=np.zeros(3), depth=WHOLE), CLEAN_WHOLE),
        ("a.npz", npz(something=WHOLE), CLEAN_WHOLE),
        ("a.tiff", tiff(FLOATS), CLEAN_FLOATS),
        ("a.TIF", tiff(FLOATS, compression="tiff_lzw"), CLEAN_FLOATS),
        ("a.tif", tiff(WHOLE), CLEAN_WHOLE),
        ("a.png", encode_png(WHOLE), CLEAN_WHOLE),
        ("a.jpg.geometric.bin", b"3&2&1&" + FLOATS.tobytes(), CLEAN_FLOATS),
    ],
    ids=short,
)
def test_kinds(tmp_path: Path, name: str, data: bytes, expected: list) -> None:
    (tmp_path / name).write_bytes(data)
    found = read_depth_file(tmp_path / name)
    assert found.dtype in (np.uint16, np.float32)
    np.testing.assert_array_equal(found, expected)


def test_openexr(tmp_path: Path) -> None:
    openexr = pytest.importorskip("OpenEXR")
    header = {"compression": openexr.ZIP_COMPRESSION, "type": openexr.scanlineimage}
    with openexr.File(header, {"Z": FLOATS}) as image:
        image.write(str(tmp_path / "a.exr"))
    np.testing.assert_array_equal(read_depth_file(tmp_path / "a.exr"), CLEAN_FLOATS)


def bomb() -> bytes:
    """A header of 64 GB in a few bytes."""
    stream = io.BytesIO()
    head = npy(np.zeros((2, 2), np.float32)).replace(b"(2, 2), }", b"(131072, 131072), }")[:128]
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("depth.npy", head)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.npy", b""),
        ("a.npy", npy(FLOATS)[:-1]),
        ("a.npy", npy(np.zeros((2, 3, 4)))),
        ("a.npy", npy(np.zeros(5))),
        ("a.npy", npy(np.array([[None]], object), allow_pickle=True)),
        ("a.npy", npy(np.zeros((0, 4)))),
        ("a.npy", npy(BIG)),
        ("a.npz", bomb()),
        ("a.npz", npz(one=FLOATS, two=FLOATS)),
        ("a.npz", npz(depth=FLOATS)[:90]),
        ("a.npz", b"PK"),
        ("a.tiff", tiff(FLOATS)[:100]),
        ("a.tiff", tiff(np.zeros((4, 4, 3), np.uint8))),
        ("a.tiff", b""),
        ("a.png", encode_png(WHOLE.astype(np.uint8))),
        ("a.bin", b"3&2&1&" + bytes(23)),
        ("a.bin", b"3&2&3&" + bytes(72)),
        ("a.bin", b"999999&999999&1&"),
        ("a.pfm", b"Pf"),
    ],
    ids=short,
)
@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_what_is_no_depth_is_refused_in_words(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(CaptureError, match=r"needed: .*do: "):
        read_depth_file(tmp_path / name)
    with pytest.raises(CaptureError, match=r"needed: .*do: "):
        read_depth_file(tmp_path / f"none{Path(name).suffix}")


def test_the_first_that_can_be_read(tmp_path: Path) -> None:
    (tmp_path / "0.npy").write_bytes(b"")
    (tmp_path / "1.npy").write_bytes(npy(FLOATS))
    assert first_depth(tmp_path / f"{n}.npy" for n in range(2)).shape == (2, 3)
    with pytest.raises(CaptureError, match=r"0\.npy"):
        first_depth([tmp_path / "0.npy"])
    with pytest.raises(CaptureError, match="no depth image"):
        first_depth([])


def test_images_too_long_for_a_lens() -> None:
    image = np.zeros((2, 40_000), np.float32)
    with pytest.raises(CaptureError, match="a side of 40000 pixels"):
        remap(image, image, image, smooth=False)
