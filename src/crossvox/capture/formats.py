"""The capture formats there are, in the order in which they are asked."""

from __future__ import annotations

from pathlib import Path

from crossvox.capture import archive
from crossvox.capture.reader import Reader
from crossvox.capture.readers import (
    arkitscenes,
    colmap,
    folder,
    open3d_folder,
    plain,
    polycam,
    record3d,
    replica,
    ros,
    rscan,
    rtabmap,
    scanner_app,
    scannet,
    scannetpp,
    seven_scenes,
    stray,
    transforms,
    tum,
)
from crossvox.core.registry import Registry

READERS: Registry[Reader] = Registry("capture format", "crossvox.readers")
READERS.register("scannet", scannet.READER)
READERS.register("scannet++", scannetpp.READER)
READERS.register("transforms", transforms.READER)
READERS.register("colmap", colmap.READER)
READERS.register("replica", replica.READER)
READERS.register("open3d", open3d_folder.READER)
READERS.register("record3d", record3d.READER)
READERS.register("stray", stray.READER)
READERS.register("arkitscenes", arkitscenes.READER)
READERS.register("3d-scanner-app", scanner_app.READER)
READERS.register("polycam", polycam.READER)
READERS.register("3rscan", rscan.READER)
READERS.register("folder", folder.READER)
READERS.register("7-scenes", seven_scenes.READER)
READERS.register("tum", tum.READER)
READERS.register("rtabmap", rtabmap.READER)
READERS.register("ros", ros.READER)
READERS.register("plain", plain.READER)
READERS.register("zip", archive.READER)


def reader_of(path: Path) -> Reader | None:
    """The first reader that claims a file or folder."""
    return next((reader for reader in READERS.values() if reader.claims(path)), None)


def looked_for() -> str:
    """What the readers look for, for error texts."""
    return "; ".join(reader.looks_for for reader in READERS.values())
