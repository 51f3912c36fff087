"""What a preparation hands on is what its folder gives, and only to who asks for the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from walls import write_wall

from crossvox.flow.runner import Runner
from crossvox.flow.stage import Input
from crossvox.predict.params import PredictParams
from crossvox.recipes.handed import Handed, hand_over, handing_over, is_handing_over, taken_over
from crossvox.recipes.predict_complete import frames_to_complete
from crossvox.recipes.prepare import PrepareParams, PrepareScene
from crossvox.scene.params import TsdfParams
from crossvox.scene.tsdf.volume import fuse

PARAMS = PrepareParams(frame_skip=1, width=64, height=48, surface="tsdf")


@pytest.fixture(scope="module")
def wall(tmp_path_factory: pytest.TempPathFactory) -> PrepareScene:
    raw = tmp_path_factory.mktemp("raw") / "kitchen"
    write_wall(raw)
    (scan,) = raw.glob("*.sens")
    return PrepareScene(Input.files(scan), "kitchen", PARAMS)


def test_frames_and_their_fusion_are_those_of_the_folder(
    wall: PrepareScene, tmp_path: Path
) -> None:
    folder = tmp_path / "kitchen"
    with handing_over():
        Runner().make(wall, folder)
        numbers, frames = frames_to_complete(folder, PredictParams())
        handed = taken_over("kitchen", PARAMS.tsdf, numbers)
        assert taken_over("kitchen", PARAMS.tsdf, numbers) is None, "it is handed over once"
    assert handed is not None
    assert [frame.id for frame in handed.frames] == numbers == [frame.id for frame in frames]
    for ours, theirs in zip(handed.frames, frames, strict=True):
        np.testing.assert_array_equal(ours.depth_m, theirs.depth_m)
        np.testing.assert_array_equal(ours.rgb, theirs.rgb)
        assert ours.camera == theirs.camera
        assert ours.pose is not None
        assert theirs.pose is not None
        np.testing.assert_array_equal(ours.pose.world_from_camera, theirs.pose.world_from_camera)
    found, wanted = handed.volume.mesh(), fuse(frames, PARAMS.tsdf).mesh()
    np.testing.assert_array_equal(found.vertices_m, wanted.vertices_m)
    np.testing.assert_array_equal(found.faces, wanted.faces)
    np.testing.assert_array_equal(found.colors, wanted.colors)


def test_nothing_is_kept_where_nobody_asks(wall: PrepareScene, tmp_path: Path) -> None:
    assert not is_handing_over()
    Runner().make(wall, tmp_path / "kitchen")
    assert taken_over("kitchen", PARAMS.tsdf, [0]) is None


def test_who_asks_for_something_else_gets_nothing(wall: PrepareScene, tmp_path: Path) -> None:
    with handing_over():
        Runner().make(wall, tmp_path / "kitchen")
        numbers = frames_to_complete(tmp_path / "kitchen", PredictParams())[0]
        one = taken_over("kitchen", PARAMS.tsdf, numbers)
        assert isinstance(one, Handed)
        other = replace(PARAMS.tsdf, voxel_m=2 * PARAMS.tsdf.voxel_m)
        for scene, tsdf, asked in (
            ("bath", PARAMS.tsdf, numbers),
            ("kitchen", other, numbers),
            ("kitchen", PARAMS.tsdf, numbers[1:]),
        ):
            hand_over(one)
            assert taken_over(scene, tsdf, asked) is None
            assert taken_over("kitchen", PARAMS.tsdf, numbers) is None, "it is let go"
        hand_over(one)
    assert taken_over("kitchen", TsdfParams(), numbers) is None
