"""A frame as a 2D network reads it: as in training, with and without depth."""

from __future__ import annotations

import numpy as np
import torch

from crossvox.core.camera import Intrinsics, Pose
from crossvox.core.frame import Frame
from crossvox.networks import build_network2d
from crossvox.predict.image_labels import NetworkLabeller, image_planes
from crossvox.samples.batch import normalised
from crossvox.views.geometry import geometry_planes

CAMERA = Intrinsics(60.0, 60.0, 31.5, 23.5, 64, 48)


def frame(*, depth: bool = True, pose: bool = True) -> Frame:
    rng = np.random.default_rng(0)
    turned = np.eye(4)
    # z of the world points up, the camera looks along its y.
    turned[:3, :3] = np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]])
    return Frame(
        0,
        CAMERA,
        Pose(turned) if pose else None,
        rng.integers(0, 255, (48, 64, 3)).astype(np.uint8),
        np.full((48, 64), 2, np.float32) if depth else None,
    )


def test_a_network_that_reads_depth_gets_planes_by_the_pose() -> None:
    network = build_network2d("lite", 41, weights="none", depth=True).eval()
    seen = frame()
    assert seen.depth_m is not None
    assert seen.rgb is not None
    planes = np.concatenate(
        (seen.rgb.transpose(2, 0, 1), geometry_planes(seen.depth_m, CAMERA, np.array([0, -1, 0])))
    )
    expected = torch.from_numpy(normalised(np.ascontiguousarray(planes)))
    torch.testing.assert_close(image_planes(seen, network), expected)
    assert image_planes(frame(depth=False), network).shape == (3, 48, 64)
    assert image_planes(frame(pose=False), network).shape == (6, 48, 64)
    said = NetworkLabeller(network)(seen)
    assert said is not None
    assert said.probability.shape == (12, 16, 40)
    np.testing.assert_allclose(said.probability.sum(-1), 1, atol=1e-5)


def test_a_network_of_colours_gets_colours() -> None:
    network = build_network2d("enet", 41).eval()
    assert image_planes(frame(), network).shape == (3, 48, 64)
