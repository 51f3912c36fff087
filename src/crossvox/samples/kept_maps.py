"""What a 2D network that does not learn says of frames, kept for every run that asks it again.

``FOLDER/NETWORK/SCENE/FRAME`` holds the features of a frame, and ``classes-STRIDE`` beside it what
all frames of a scene say of the classes of its voxels, each as
:mod:`crossvox.samples.kept_arrays` keeps arrays. NETWORK is the fingerprint of the 2D network's
weights and of what it is shown of an image, SCENE that of the prepared scene and of how its frames
look at it. What is kept is what would be made, bit by bit; the folder may be removed at any time.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from crossvox.core.artifact import digest, plain
from crossvox.core.colors import COLORS
from crossvox.samples.cache import CACHE_BYTES
from crossvox.samples.kept_arrays import Array, keep_arrays, read_arrays, shapes_of
from crossvox.samples.maps import FrameMaps
from crossvox.samples.params import InputParams
from crossvox.samples.source import SceneSource

if TYPE_CHECKING:
    from torch import Tensor

MOST_BYTES = 4 << 30
"""What is kept of one 2D network, about: 6800 frames of 128 channels at 40x30."""

_SCHEMA = 2
"""Raised when the same network and frame give other arrays: older ones are not read then."""


class Encoder(Protocol):
    """What a network makes of frames, in two steps."""

    def frame_features(self, images: Tensor) -> Tensor:
        """``(1, 3, H, W)`` normalised images to ``(1, C, h, w)``: what never changes."""
        ...

    def mapped(self, features: Tensor) -> Tensor:
        """These features to ``(1, C', h, w)`` maps."""
        ...

    def fingerprint(self) -> str:
        """Of everything that the first step depends on, but for the images."""
        ...


@dataclass(frozen=True)
class _Record:
    """What stands beside the arrays."""

    shapes: dict[str, list[int]]


@dataclass
class KeptMaps:
    """Arrays of one 2D network.

    Attributes:
        folder: of the network.
        keys: fingerprint of each scene, by name; of a scene without one nothing is kept.
        most_bytes: no more is kept beyond that; what several processes write in the meantime is
            counted by the next one.
    """

    folder: Path
    keys: Mapping[str, str]
    most_bytes: int = MOST_BYTES
    _bytes: int | None = field(default=None, init=False, repr=False)

    def get(
        self,
        scene: str,
        name: str,
        types: Mapping[str, Any],
        make: Callable[[], Mapping[str, Array]],
    ) -> Mapping[str, Array]:
        """Arrays of this name, made where they are not kept. Do not write to them.

        Args:
            scene: name of the scene.
            name: of the arrays.
            types: of the numbers in each, by name.
            make: makes them.
        """
        key = self.keys.get(scene, "")
        if not key:
            return make()
        place = self.folder / f"{scene}-{key}" / name
        found = read_arrays(place, _Record, types)
        if found is not None and found[1].keys() == types.keys():
            return found[1]
        arrays = make()
        self._keep(place, arrays)
        return arrays

    def _keep(self, place: Path, arrays: Mapping[str, Array]) -> None:
        if self._bytes is None:
            self._bytes = sum(path.stat().st_size for path in self.folder.rglob("[!.]*.npy"))
        size = sum(array.nbytes for array in arrays.values())
        if self._bytes + size > self.most_bytes:
            return
        try:
            keep_arrays(place, arrays, _Record(shapes_of(arrays)))
            self._bytes += size
        except OSError as error:
            if place.is_dir():
                return  # another process was faster
            self._bytes = self.most_bytes
            warnings.warn(
                f"{place} cannot be written ({error.strerror}): features are made anew next time",
                stacklevel=2,
            )


class KeptFrameMaps(FrameMaps):
    """Maps of frames whose first step is kept on the disk.

    Args:
        encoder: makes them.
        kept: gives the folder of the encoder's network; asked when the first map is.
        most_bytes: maps that are kept in memory at most.
    """

    def __init__(
        self, encoder: Encoder, kept: Callable[[], KeptMaps], most_bytes: int = CACHE_BYTES
    ) -> None:
        super().__init__(lambda images: encoder.mapped(encoder.frame_features(images)), most_bytes)
        self.encoder, self._asked = encoder, kept
        self._kept: KeptMaps | None = None

    @property
    def kept(self) -> KeptMaps:
        """Where arrays of this network lie."""
        if self._kept is None:
            self._kept = self._asked()
        return self._kept

    def get(self, scene: str, frame: int, image: Tensor) -> NDArray[np.float32]:
        """Maps of one frame, see :meth:`FrameMaps.get`."""
        return self.cache.get((scene, frame), partial(self._stepped, scene, frame, image))

    def _stepped(self, scene: str, frame: int, image: Tensor) -> NDArray[np.float32]:
        def first() -> dict[str, Array]:
            return {"features": self._timed(self.encoder.frame_features, image)}

        found = self.kept.get(scene, str(frame), {"features": np.float32}, first)["features"]
        # As the network makes them; a copy, for what is kept is not to be written to.
        features = torch.from_numpy(np.array(found))[None]
        features = features.contiguous(memory_format=torch.channels_last)
        made: NDArray[np.float32] = self.encoder.mapped(features)[0].detach().cpu().numpy()
        return made


def kept_maps(
    folder: Path, encoder: Encoder, shown: InputParams, sources: Iterable[SceneSource]
) -> KeptMaps:
    """What is kept of an encoder's network in a folder that several share.

    Args:
        folder: holds those of all networks.
        encoder: whose network it is.
        shown: what it is shown of images.
        sources: the scenes.
    """
    name = digest([_SCHEMA, encoder.fingerprint(), plain(COLORS), plain(shown)])
    return KeptMaps(folder / name, {source.name: source.key for source in sources})
