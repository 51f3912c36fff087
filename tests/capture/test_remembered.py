"""What is remembered of a capture is what reading it gives, and no more than fits."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from tests.capture.noise_scan import write_scan

from crossvox.capture.chosen import ChosenCapture
from crossvox.capture.readers.scannet import ScanNetCapture
from crossvox.capture.remembered import opened, remembering, staying_open
from crossvox.core.frame import Parts

SIZE = (64, 48)
COUNT = 4
DEPTHS = Parts(rgb=False, labels=False)


class Counted(ScanNetCapture):
    """Counts what is read from the file."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.reads: Counter[str] = Counter()

    def depth_raw(self, index: int) -> np.ndarray:
        self.reads["depth"] += 1
        return super().depth_raw(index)

    def pose_matrix(self, index: int) -> np.ndarray:
        self.reads["pose"] += 1
        return super().pose_matrix(index)


@pytest.fixture
def capture(tmp_path: Path) -> Counted:
    return Counted(write_scan(tmp_path / "scan.sens", COUNT))


@pytest.mark.parametrize("fit", [COUNT, 2, 0])
def test_frames_are_the_same_and_those_that_fit_are_read_once(capture: Counted, fit: int) -> None:
    plain = [capture.frame(index, SIZE, DEPTHS) for index in range(COUNT)]
    capture.reads.clear()
    image = plain[0].depth_m
    assert image is not None
    with remembering(ChosenCapture(capture, frozenset({99})), fit * image.nbytes):
        for _ in range(3):
            for index, wanted in enumerate(plain):
                found = capture.frame(index, SIZE, DEPTHS)
                assert found.depth_m is not None
                np.testing.assert_array_equal(found.depth_m, wanted.depth_m)
                assert found.depth_m.dtype == image.dtype
                assert found.depth_m.flags.writeable
                found.depth_m[:] = -1  # whoever gets one may change it
                assert (found.pose is None) == (wanted.pose is None)
                if found.pose is not None and wanted.pose is not None:
                    there, here = found.pose.world_from_camera, wanted.pose.world_from_camera
                    np.testing.assert_array_equal(there, here)
        assert capture.reads == {"depth": fit + 3 * (COUNT - fit), "pose": COUNT}
        assert capture.frame(0, (32, 24), DEPTHS).depth_m.shape == (24, 32), "of another size"  # type: ignore[union-attr]
    capture.reads.clear()
    np.testing.assert_array_equal(capture.frame(1, SIZE, DEPTHS).depth_m, plain[1].depth_m)
    assert capture.reads["depth"] == 1, "afterwards it is read again"


def test_a_capture_stays_open_within(capture: Counted) -> None:
    assert opened() is None
    with staying_open(capture):
        assert opened() is capture
    assert opened() is None
