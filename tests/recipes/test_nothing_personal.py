"""Places, devices and people that a capture tells of appear in nothing that is written or shown."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image, PngImagePlugin

from crossvox.capture.files import write_matrix
from crossvox.cli import main
from crossvox.doors.images import encode_png, write_bytes

SECRETS = ("Rosa Muster", "RosaPhone", "47.36667", "8.54998", "Lake Street 12", "SN-0042-XY")
"""Owner, device, place, address, serial number."""


def photo(image: np.ndarray) -> bytes:
    """A JPEG file with EXIF, XMP and a comment."""
    exif = Image.Exif()
    exif[ExifTags.Base.Artist], exif[ExifTags.Base.Model] = SECRETS[0], SECRETS[1]
    exif[ExifTags.Base.ImageDescription] = " ".join(SECRETS)
    gps = exif.get_ifd(ExifTags.IFD.GPSInfo)
    gps[ExifTags.GPS.GPSLatitudeRef], gps[ExifTags.GPS.GPSLatitude] = "N", (47.0, 22.0, 0.012)
    stream = io.BytesIO()
    xmp = f"<x:xmpmeta xmlns:x='adobe:ns:meta/'>{SECRETS[4]}</x:xmpmeta>".encode()
    Image.fromarray(image).save(
        stream, "JPEG", exif=exif, xmp=xmp, comment=SECRETS[5].encode(), quality=95
    )
    return stream.getvalue()


def depth_image(depth: np.ndarray) -> bytes:
    """A PNG file with texts."""
    image = Image.fromarray(depth)
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Author", " ".join(SECRETS))
    stream = io.BytesIO()
    image.save(stream, "PNG", pnginfo=texts)
    return stream.getvalue()


@pytest.fixture(params=["exported", "plain"])
def capture(request, tmp_path: Path) -> Path:
    folder = tmp_path / "room"
    v, u = np.mgrid[:48, :64]
    image = np.stack([u * 3, v * 5, u + v], -1).astype(np.uint8)
    for n in range(4):
        depth = (1500 + 10 * u + 5 * v + 20 * n).astype(np.uint16)
        pose = np.eye(4)
        pose[0, 3] = 0.05 * n
        plain = request.param == "plain"
        write_bytes(folder / ("rgb" if plain else "color") / f"{n}.jpg", photo(image))
        write_bytes(folder / "depth" / f"{n}.png", depth_image(depth))
        write_matrix(folder / "pose" / f"{n}.txt", pose)
        write_bytes(folder / "label" / f"{n}.png", encode_png(np.full((48, 64), 1, np.uint8)))
    camera = {
        "fx": 60, "fy": 60, "cx": 31.5, "cy": 23.5, "deviceName": SECRETS[1], "owner": SECRETS[0],
        "latitude": float(SECRETS[2]), "gps": {"longitude": float(SECRETS[3])},
        "address": SECRETS[4], "serial": SECRETS[5],
    }  # fmt: skip
    write_bytes(folder / "camera.json", json.dumps(camera).encode())
    if request.param == "exported":
        (folder / "intrinsic.txt").write_text("60 60 31.5 23.5")
    return folder


def told(data: bytes) -> list[str]:
    return [secret for secret in SECRETS if secret.encode() in data]


def test_nothing_personal_is_written_or_shown(capture: Path, tmp_path: Path, capfd) -> None:
    source = b"".join(path.read_bytes() for path in capture.rglob("*.*"))
    assert told(source) == list(SECRETS)
    out = tmp_path / "out"
    out.mkdir()
    size = ["--width", "64", "--height", "48"]
    commands = [
        ["info", capture, "--json", out / "info.json", "--all-frames"],
        ["convert", capture, out / "folder"],
        ["convert", capture, out / "room.sens"],
        ["prepare", capture, out / "data", "--frame-skip", "1", "--surface", "tsdf", *size],
        ["report", out / "data", out / "page"],
    ]
    for words in commands:
        assert main([str(word) for word in words]) == 0, words
    shown = capfd.readouterr()
    assert told((shown.out + shown.err).encode()) == []
    files = [path for path in out.rglob("*") if path.is_file()]
    assert {".json", ".jpg", ".png", ".sens", ".html", ".ply"} <= {path.suffix for path in files}
    for path in files:
        data = path.read_bytes()
        assert told(data) == [], path
        assert b"Exif" not in data, path
