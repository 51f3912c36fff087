"""Parameters are refused when they are made, and light to import."""

from __future__ import annotations

import subprocess
import sys

import pytest

from crossvox.capture.rooms import RoomsParams
from crossvox.core.checks import ParamsError


def test_senseless_params_are_refused() -> None:
    with pytest.raises(ParamsError, match="--frames"):
        RoomsParams(frames=0)
    with pytest.raises(ParamsError, match="--lost-share"):
        RoomsParams(lost_share=0.9)


def test_params_are_light_to_import() -> None:
    heavy = "torch numba cv2 scipy h5py trimesh skimage matplotlib"
    code = (
        "import sys; import crossvox.capture.rooms.params; "
        f"print(*(set({heavy!r}.split()) & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split() == []
