"""Features made once a frame: the same answer as features made with every batch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from crossvox.core.volume import Batch, ChunkPlace, FeatureBatch, MappedBatch, Sample
from crossvox.samples.batch import collate
from crossvox.samples.dataset import ChunkDataset
from crossvox.samples.index import SampleIndex
from crossvox.samples.maps import FeatureCollate, FrameMaps
from crossvox.samples.params import AugmentParams
from crossvox.samples.source import SceneSource
from crossvox.tasks.params import FeatureParams, Segment3dParams
from crossvox.tasks.segment3d import Segment3d
from crossvox.views.params import ViewParams

SHAPE = (8, 8, 16)
PLACES = (
    ChunkPlace("box", (0, 0, 0), (0, 30, 60)),
    ChunkPlace("box", (16, 10, 4), (30, 10)),  # one view is missing
    ChunkPlace("box", (30, 20, 8), (60, 0, 110)),
    ChunkPlace("box", (8, 8, 8), ()),  # no view at all
)
FRAMES = {0, 10, 30, 60, 110}
MAP_BYTES = 4 * 128 * 8 * 8
"""Of one frame of 64x60 at 1/8."""


@pytest.fixture(scope="module")
def learnt() -> tuple[Segment3d, Any]:
    """A task with features of a 2D network, and a network that says something."""
    features = FeatureParams("enet", 128, 8)
    task = Segment3d(Segment3dParams(width=4, depth=2, views=3, features=features))
    torch.manual_seed(0)
    network: Any = task.build()
    torch.nn.init.normal_(network.volume_network.classifier.weight)
    return task, network.eval()


def samples_of(
    room: SceneSource, views: ViewParams, augment: AugmentParams | None = None, epoch: int = 0
) -> list[Sample]:
    index = SampleIndex(PLACES, SHAPE, 3)
    dataset = ChunkDataset({"box": room}, index, views, augment, 0)
    return [dataset[epoch, number] for number in range(len(PLACES))]


def encoder(network: Any, calls: list[torch.Size]) -> Callable[[Tensor], Tensor]:
    def encode(images: Tensor) -> Tensor:
        calls.append(images.shape)
        with torch.inference_mode():
            features: Tensor = network.image_maps(
                images.contiguous(memory_format=torch.channels_last)
            )
            return features

    return encode


def test_logits_are_those_of_the_plain_path(
    room: SceneSource, view_params: ViewParams, learnt: tuple[Segment3d, Any]
) -> None:
    task, network = learnt
    samples = samples_of(room, view_params)
    batch = FeatureCollate(FrameMaps(encoder(network, [])))(samples)
    assert isinstance(batch, FeatureBatch)
    assert batch.features.shape == (4, 3, 128 + 40, 8, 8)
    assert not batch.features[~batch.view_ok].any()
    plain = collate(samples)
    for name in vars(plain):
        assert torch.equal(getattr(batch, name), getattr(plain, name)), name
    with torch.no_grad():
        found, expected = task.logits(network, batch), task.logits(network, plain)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    assert expected.std() > 0.01, "the test says something"


def test_gradients_are_those_of_the_plain_path(
    room: SceneSource, view_params: ViewParams, learnt: tuple[Segment3d, Any]
) -> None:
    """The reduction, which runs on feature pixels, learns as before."""
    task, network = learnt
    samples = samples_of(room, view_params)
    found = []
    for batch in (FeatureCollate(FrameMaps(encoder(network, [])))(samples), collate(samples)):
        network.zero_grad()
        task.loss(network, batch).total.backward()
        found.append({n: p.grad.clone() for n, p in network.named_parameters() if p.requires_grad})
    assert any("reduce" in name for name in found[0])
    for name, gradient in found[0].items():
        torch.testing.assert_close(gradient, found[1][name], rtol=1e-3, atol=1e-5, msg=name)


def test_each_frame_is_encoded_once(
    room: SceneSource, view_params: ViewParams, learnt: tuple[Segment3d, Any]
) -> None:
    calls: list[torch.Size] = []
    joined = FeatureCollate(FrameMaps(encoder(learnt[1], calls)))
    samples = samples_of(room, view_params)
    first = joined(samples)
    assert calls == [(1, 3, 60, 64)] * len(FRAMES)
    # Turned sub-volumes of a later epoch look at the same frames.
    turned = samples_of(room, view_params, AugmentParams(True, 0, 0, 0, 0, 0, 0), epoch=3)
    assert any(sample.quarter_turns for sample in turned)
    again = joined(turned[::-1])
    assert len(calls) == joined.maps.made == len(FRAMES)
    assert joined.maps.seconds > 0
    assert torch.equal(again.features, first.features.flip(0))


@pytest.mark.parametrize("bytes_kept", [0, MAP_BYTES, 2 * MAP_BYTES + 1])
def test_little_memory_changes_nothing(
    room: SceneSource, view_params: ViewParams, learnt: tuple[Segment3d, Any], bytes_kept: int
) -> None:
    samples = samples_of(room, view_params)
    small = FeatureCollate(FrameMaps(encoder(learnt[1], []), bytes_kept))
    whole = FeatureCollate(FrameMaps(encoder(learnt[1], [])))
    for _ in range(2):
        assert torch.equal(small(samples).features, whole(samples).features)
        assert small.maps.cache.bytes <= bytes_kept
    assert small.maps.made > whole.maps.made == len(FRAMES)


def test_frames_of_one_number_in_two_scenes_are_told_apart() -> None:
    asked: Counter[float] = Counter()

    def encode(images: Tensor) -> Tensor:
        asked[images.mean().item()] += 1
        return images[:, :1, ::2, ::2]

    maps = FrameMaps(encode)
    batch, samples = _two_scenes()
    found = maps.stack(samples, batch)
    assert found.shape == (2, 1, 1, 2, 3)
    assert (found[0] == 1).all()
    assert (found[1] == 2).all()
    assert asked == {1.0: 1, 2.0: 1}
    mapped = maps.add(samples, batch)
    assert isinstance(mapped, MappedBatch)
    assert torch.equal(mapped.maps, found)
    assert maps.made == 2


def test_without_any_view_there_are_maps_of_the_right_size() -> None:
    batch, samples = _two_scenes(frames=())
    found = FrameMaps(lambda images: images[:, :1, ::2, ::2]).stack(samples, batch)
    assert found.shape == (2, 1, 1, 2, 3)
    assert not found.any()


def _two_scenes(frames: tuple[int, ...] = (5,)) -> tuple[Batch, list[Sample]]:
    """Frame 5 of two scenes, of which one is all 1 and the other all 2."""
    flags = torch.zeros(2, 1, 1, 1, dtype=torch.bool)
    none = torch.zeros(0, dtype=torch.long)
    shown = torch.arange(1.0, 3.0)[:, None, None, None, None].expand(2, 1, 3, 4, 6)
    batch = Batch(
        images=shown if frames else torch.zeros_like(shown),
        view_ok=torch.full((2, 1), bool(frames)),
        **dict.fromkeys(("voxel", "pixel", "view", "sample"), none),
        **dict.fromkeys(("occupied", "observed", "inside"), flags),
        labels=flags.long(),
    )
    place: Any = [
        type("Sampled", (), {"place": ChunkPlace(scene, (0, 0, 0), frames)})()
        for scene in ("one", "other")
    ]
    return batch, place


def test_a_black_map_is_not_kept_for_a_frame() -> None:
    """Asked without views first, a frame is made from its own image later."""
    maps = FrameMaps(lambda images: images[:, :1, ::2, ::2])
    batch, samples = _two_scenes(frames=())
    maps.stack(samples, batch)
    batch, samples = _two_scenes()
    np.testing.assert_array_equal(maps.stack(samples, batch).flatten()[[0, -1]], [1, 2])
