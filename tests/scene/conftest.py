"""Made-up scenes with an exact depth, and frames of the real capture."""

from __future__ import annotations

import sys
from collections.abc import Callable
from itertools import product
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from sights import looking, sphere_frame

from crossvox.core.frame import Frame, Parts


@pytest.fixture(scope="session")
def sphere_frames() -> list[Frame]:
    """Views of a sphere of 0.4 m from all around."""
    places = [(1.5, 0, 0.2), (-1.5, 0.1, 0), (0, 1.5, -0.3), (0.2, -1.5, 0), (0, 0.1, 1.5)]
    places += [(0.1, 0, -1.5), *product((-1, 1), repeat=3)]
    return [sphere_frame(n, looking(place, (0, 0, 0))) for n, place in enumerate(places)]


@pytest.fixture(scope="session")
def kitchen_frames(redkitchen: Path) -> Callable[..., list[Frame]]:
    """Frames of the real capture by its depth camera: ``kitchen_frames(step=1, rgb=False)``."""
    from crossvox.capture import open_capture
    from crossvox.capture.params import CaptureParams

    capture = open_capture(redkitchen, params=CaptureParams(registration="none"))

    def read(step: int = 1, rgb: bool = False) -> list[Frame]:
        parts = Parts(rgb=rgb, labels=False)
        return [capture.frame(i, (320, 240), parts) for i in range(0, len(capture), step)]

    return read
