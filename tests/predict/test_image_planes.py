"""A frame as a 2D network reads it: as in training, with and without depth."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from crossvox.core.camera import Intrinsics, Pose
from crossvox.core.frame import Frame
from crossvox.networks import build_network2d
from crossvox.networks.features2d import Network2D
from crossvox.predict.image_labels import NetworkLabeller, at_height, image_planes
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


def test_a_frame_shown_larger_keeps_its_camera_and_its_fields() -> None:
    shown = at_height(frame(), 72)
    assert shown.depth_m is not None
    assert shown.rgb is not None
    assert shown.rgb.shape == (72, 96, 3)
    np.testing.assert_array_equal(shown.depth_m, np.full((72, 96), 2))
    # The same ray hits the middle of the same thing: columns 0 and 1 become 0, 1 and 2.
    assert (shown.camera.fx, shown.camera.cx) == (90.0, 47.5)
    assert at_height(shown, 72) is shown
    # Held upright, the same things look as large.
    camera = Intrinsics(60.0, 60.0, 23.5, 31.5, 48, 64)
    upright = at_height(Frame(0, camera, None, np.zeros((64, 48, 3), np.uint8)), 72)
    assert upright.camera.size == (72, 96)
    assert (upright.camera.fx, upright.camera.cx) == (90.0, 35.5)

    network = build_network2d("lite", 41, weights="none", depth=True).eval()
    as_it_is, larger, same = (
        NetworkLabeller(network, shown_height=height)(frame()) for height in (None, 72, 48)
    )
    assert as_it_is is not None
    assert larger is not None
    assert same is not None
    np.testing.assert_array_equal(same.probability, as_it_is.probability)
    assert larger.probability.shape == as_it_is.probability.shape
    assert not np.allclose(larger.probability, as_it_is.probability)
    np.testing.assert_allclose(larger.probability.sum(-1), 1, atol=1e-5)


def test_what_a_frame_is_shown_larger_for_stays_where_it_is() -> None:
    """A network that only tells how red a field is: the left half is, at every height."""
    rgb = np.zeros((48, 64, 3), np.uint8)
    rgb[:, :32, 0] = 255
    seen = Frame(0, CAMERA, None, rgb)
    for height in (24, 48, 72, 96):
        said = NetworkLabeller(_Red(), shown_height=height)(seen)
        assert said is not None
        left = said.probability[:, :, 0] > 0.5
        np.testing.assert_array_equal(left, np.broadcast_to(np.arange(16) < 8, (12, 16)))


class _Red(Network2D):
    """Class 1 where an image is red, else class 2."""

    def __init__(self) -> None:
        super().__init__(3, feature_channels=1, feature_stride=4, multiple=4)
        self.anything = nn.Parameter(torch.zeros(1))
        self.eval()

    def _extract(self, images: torch.Tensor) -> torch.Tensor:
        return functional.avg_pool2d(images[:, :1], 4)

    def _classify(self, features: torch.Tensor) -> torch.Tensor:
        return torch.cat((features * 0 - 9, features * 9, -features * 9), 1)
