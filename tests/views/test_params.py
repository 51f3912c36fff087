from __future__ import annotations

import subprocess
import sys

import pytest

from crossvox.core.checks import ParamsError
from crossvox.views.params import ViewParams

HEAVY = [
    "torch",
    "numba",
    "cv2",
    "scipy",
    "h5py",
    "trimesh",
    "skimage",
    "matplotlib",
    "jinja2",
    "accelerate",
]


@pytest.mark.parametrize(
    "module", ["crossvox.views.params", "crossvox.scene.params", "crossvox.chunks"]
)
def test_parameters_are_read_without_heavy_packages(module: str) -> None:
    code = f"import sys, {module}; print([m for m in {HEAVY} if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_a_geometry_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ParamsError, match=r"ViewParams\.geometry = 'crop'"):
        ViewParams(geometry="crop")  # type: ignore[arg-type]
