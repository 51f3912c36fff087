"""Features of frames that lie in files, whoever made them: ``DIR/SCENE/FRAME.safetensors``.

One file a frame, called by its number (``7.npz``, ``000007.npz``), which holds one array
``features`` (or one array alone) ``(C, h, w)``, float16 or float32, of the frame as views are
taken: feature pixel ``(i, j)`` belongs to the image pixels ``[i s, (i + 1) s) x [j s, (j + 1) s)``
for one stride ``s``. All files hold the same ``C``, ``h`` and ``w``.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from crossvox.core.artifact import MANIFEST, digest, read_manifest
from crossvox.core.camera import Size
from crossvox.core.checks import ArtifactError, expect
from crossvox.core.volume import Batch
from crossvox.samples.cache import CACHE_BYTES
from crossvox.samples.maps import Encode, FrameMaps

FILES = "files"
"""Name of what takes the place of a 2D network."""

ARRAY = "features"
KINDS = (".safetensors", ".npz")

MOST_STRIDE = 64


class FeatureFiles:
    """A folder of feature files.

    Args:
        folder: see above.
        size: ``(width, height)`` of the images that views are taken at.

    Attributes:
        shape: ``(C, h, w)`` of each frame.
        stride: image pixels of one feature pixel, along each axis.

    Raises:
        ArtifactError: there are none, one is damaged, or their resolution is none of the images'.
    """

    def __init__(self, folder: Path, size: Size) -> None:
        self.folder = folder
        first = next((path for path in _every(folder)), None)
        if first is None:
            raise ArtifactError(
                f"given: {folder} without features; needed: SCENE/FRAME.safetensors or "
                f"SCENE/FRAME.npz; do: check the path, or write them"
            )
        self.shape = _read(first).shape
        self.stride = _stride(self.shape, size, first)
        self._frames: dict[str, Mapping[int, Path]] = {}

    def frames(self, scene: str) -> Mapping[int, Path]:
        """Files of a scene by the number of their frame, as they are when first asked for."""
        if scene not in self._frames:
            self._frames[scene] = _files(self.folder / scene)
        return self._frames[scene]

    def read(self, scene: str, frame: int) -> NDArray[np.float32]:
        """Features ``(C, h, w)`` of one frame; 0 where it has none.

        Raises:
            ArtifactError: the file is damaged, or of another shape than the first one.
        """
        path = self.frames(scene).get(frame)
        if path is None:
            return np.zeros(self.shape, np.float32)
        found = _read(path)
        expect(
            found.shape == self.shape,
            given=f"{path} of shape {found.shape}",
            needed=f"{self.shape}, as the first file of {self.folder} has",
            do="write all features at one size",
            error=ArtifactError,
        )
        return found.astype(np.float32)

    def missing(self, scenes: Mapping[str, Iterable[int]]) -> dict[str, int]:
        """How many frames of each scene have no file; scenes with all of theirs are left out.

        Raises:
            ArtifactError: a scene has no file at all.
        """
        found = {}
        for scene, wanted in scenes.items():
            there = self.frames(scene)
            frames = set(wanted)
            absent = frames - there.keys()
            expect(
                not frames or len(absent) < len(frames),
                given=f"{self.folder} without features of any of the {len(frames)} frames of "
                f"{scene}",
                needed="one file a frame, called by its number",
                do=f"write {self.folder / scene}, or leave the scene out",
                error=ArtifactError,
            )
            if absent:
                found[scene] = len(absent)
        return found


class FileMaps(FrameMaps):
    """Maps of frames whose features lie in files; images are not looked at.

    Args:
        files: the features.
        encode: ``(1, C, h, w)`` features to ``(1, C', h, w)`` maps.
        shown: by scene, frames in whose place others are shown.
        most_bytes: maps that are kept at most.
    """

    def __init__(
        self,
        files: FeatureFiles,
        encode: Encode,
        shown: Mapping[str, Mapping[int, int]] | None = None,
        most_bytes: int = CACHE_BYTES,
    ) -> None:
        super().__init__(encode, most_bytes)
        self.files, self.shown = files, shown or {}

    def get(self, scene: str, frame: int, image: torch.Tensor) -> NDArray[np.float32]:
        """Maps of one frame, see :meth:`FrameMaps.get`."""
        shown = self.shown.get(scene, {}).get(frame, frame)

        def make() -> NDArray[np.float32]:
            return self._make(torch.from_numpy(self.files.read(scene, shown)))

        return self.cache.get((scene, frame), make)

    def _blank(self, batch: Batch) -> NDArray[np.float32]:
        return self._make(torch.zeros(self.files.shape))


def as_they_are(features: torch.Tensor) -> torch.Tensor:
    """Features as maps."""
    return features


def holds_features(folder: Path) -> bool:
    """Whether a folder is one of feature files, rather than a run."""
    return folder.is_dir() and next(iter(_every(folder)), None) is not None


def files_digest(folder: Path) -> str:
    """Fingerprint of a folder of features: its manifest, or names, sizes and times of its files."""
    if (folder / MANIFEST).is_file():
        return read_manifest(folder).digest
    return digest(
        [
            [path.relative_to(folder).as_posix(), path.stat().st_size, path.stat().st_mtime_ns]
            for path in _every(folder)
        ]
    )


def _every(folder: Path) -> Iterable[Path]:
    return (
        path
        for scene in sorted(folder.iterdir() if folder.is_dir() else ())
        if scene.is_dir() and not scene.name.startswith(".")
        for path in sorted(scene.iterdir())
        if path.suffix in KINDS and path.stem.isdecimal()
    )


def _files(folder: Path) -> Mapping[int, Path]:
    if not folder.is_dir():
        return {}
    return {
        int(path.stem): path
        for path in sorted(folder.iterdir(), reverse=True)
        if path.suffix in KINDS and path.stem.isdecimal()
    }


def _read(path: Path) -> NDArray[Any]:
    """The array of one file.

    Raises:
        ArtifactError: damaged, or another array than a map; names the file.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as file:
                arrays = {name: file[name] for name in _one_of(file.files)}
        else:
            arrays = load_file(path)
        (name,) = _one_of(list(arrays))
        found = np.asarray(arrays[name])
    except (OSError, ValueError, KeyError, zipfile.BadZipFile, SafetensorError) as error:
        raise ArtifactError(
            f"given: {path} ({error}); needed: one array {ARRAY!r} of (C, h, w), float16 or "
            f"float32; do: write the file anew"
        ) from None
    expect(
        found.ndim == 3
        and min(found.shape) > 0
        and found.dtype in (np.float16, np.float32)
        and bool(np.isfinite(found).all()),
        given=f"{path} with {found.dtype} of shape {found.shape}"
        + ("" if found.dtype.kind != "f" or np.isfinite(found).all() else " that are not finite"),
        needed="finite features (C, h, w), float16 or float32",
        do="write the file anew",
        error=ArtifactError,
    )
    return found


def _one_of(names: list[str]) -> list[str]:
    """The array that is read: ``features``, or the only one.

    Raises:
        ValueError: there are several.
    """
    if ARRAY in names:
        return [ARRAY]
    if len(names) != 1:
        raise ValueError(f"arrays {', '.join(names) or 'none'}")
    return names


def _stride(shape: tuple[int, ...], size: Size, path: Path) -> int:
    """Pixels of a feature pixel, of features that cover an image of this size."""
    fitting = [
        stride
        for stride in range(1, MOST_STRIDE + 1)
        if shape[1:] == (-(-size[1] // stride), -(-size[0] // stride))
    ]
    expect(
        bool(fitting),
        given=f"{path} of {shape[2]}x{shape[1]} feature pixels, images of {size[0]}x{size[1]}",
        needed="one stride that makes the one of the other, rounded up",
        do="write features of the images as views are taken (--views.width, --views.height)",
        error=ArtifactError,
    )
    # Small maps may fit several: strides of networks are powers of two as a rule.
    return min(fitting, key=lambda stride: (stride & (stride - 1) != 0, stride))
