"""Features that are kept on the disk: what is read is what would be made, for whoever asks."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from crossvox.core.volume import ChunkPlace, Sample
from crossvox.predict.prior import FramePrior, frame_classes
from crossvox.samples.batch import collate
from crossvox.samples.dataset import ChunkDataset
from crossvox.samples.index import SampleIndex
from crossvox.samples.kept_maps import KeptFrameMaps, KeptMaps, kept_maps
from crossvox.samples.maps import FrameMaps
from crossvox.samples.params import InputParams
from crossvox.samples.source import SceneSource
from crossvox.tasks.params import FeatureParams, Segment3dParams
from crossvox.tasks.segment3d import Segment3d
from crossvox.views.params import ViewParams

PLACES = (ChunkPlace("box", (0, 0, 0), (0, 30, 60)), ChunkPlace("box", (16, 10, 4), (30, 10)))
FRAMES = {0, 10, 30, 60}


def samples_of(room: SceneSource, views: ViewParams) -> list[Sample]:
    dataset = ChunkDataset({"box": room}, SampleIndex(PLACES, (8, 8, 16), 3), views)
    return [dataset[number] for number in range(len(PLACES))]


@dataclass
class Encoding:
    """A network as an encoder, and how often its first step was done."""

    network: Any
    name: str = "one"
    made: list[torch.Size] = field(default_factory=list)

    def frame_features(self, images: Tensor) -> Tensor:
        self.made.append(images.shape)
        with torch.inference_mode():
            features: Tensor = self.network.frame_features(images)
            return features

    def mapped(self, features: Tensor) -> Tensor:
        with torch.inference_mode():
            maps: Tensor = self.network.mapped(features)
            return maps

    def fingerprint(self) -> str:
        return self.name

    def whole(self, images: Tensor) -> Tensor:
        with torch.inference_mode():
            maps: Tensor = self.network.encode(images)
            return maps


@pytest.fixture(scope="module")
def network() -> Any:
    features = FeatureParams("enet", 128, 8)
    torch.manual_seed(0)
    task = Segment3d(Segment3dParams(width=4, depth=2, views=3, features=features))
    return task.build().eval()


@pytest.fixture
def known(room: SceneSource) -> SceneSource:
    return replace(room, key="fingerprint")


def maps_in(
    folder: Path, encoder: Encoding, room: SceneSource, shown: InputParams | None = None
) -> KeptFrameMaps:
    return KeptFrameMaps(
        encoder, partial(kept_maps, folder, encoder, shown or InputParams(), [room])
    )


def test_what_is_kept_is_what_would_be_made(
    known: SceneSource, view_params: ViewParams, network: Any, tmp_path: Path
) -> None:
    samples = samples_of(known, view_params)
    batch = collate(samples)
    first, second = Encoding(network), Encoding(network)
    expected = FrameMaps(first.whole).stack(samples, batch)
    assert torch.equal(maps_in(tmp_path, first, known).stack(samples, batch), expected)
    assert len(first.made) == len(FRAMES)
    again = maps_in(tmp_path, second, known)
    assert torch.equal(again.stack(samples, batch), expected)
    assert not second.made
    assert again.made == 0
    assert expected.std() > 0.01, "the test says something"


def test_classes_of_a_scene_are_kept_too(
    known: SceneSource, view_params: ViewParams, network: Any, tmp_path: Path
) -> None:
    prior = FramePrior(40, 8, lambda means: 2 * means)
    encoder = Encoding(network)
    expected = frame_classes(FrameMaps(encoder.whole), prior, known, view_params)
    for asked in ("made", "kept"):
        own = Encoding(network)
        found = frame_classes(maps_in(tmp_path, own, known), prior, known, view_params)
        np.testing.assert_array_equal(found.row, expected.row)
        np.testing.assert_array_equal(found.values, expected.values)
        assert bool(own.made) == (asked == "made")


@pytest.mark.parametrize("other", ["network", "colours", "scene"])
def test_what_was_made_from_something_else_is_not_taken(
    known: SceneSource, view_params: ViewParams, network: Any, tmp_path: Path, other: str
) -> None:
    samples = samples_of(known, view_params)
    batch = collate(samples)
    maps_in(tmp_path, Encoding(network), known).stack(samples, batch)
    encoder = Encoding(network, "another" if other == "network" else "one")
    room = replace(known, key="another") if other == "scene" else known
    shown = InputParams(colors="grey" if other == "colours" else None)
    maps_in(tmp_path, encoder, room, shown).stack(samples, batch)
    assert len(encoder.made) == len(FRAMES)


def test_a_damaged_array_is_made_anew(
    known: SceneSource, view_params: ViewParams, network: Any, tmp_path: Path
) -> None:
    samples = samples_of(known, view_params)
    batch = collate(samples)
    expected = maps_in(tmp_path, Encoding(network), known).stack(samples, batch)
    damaged = next(tmp_path.rglob("30/features.npy"))
    damaged.write_bytes(damaged.read_bytes()[:-8])
    for times in (1, 0):
        encoder = Encoding(network)
        assert torch.equal(maps_in(tmp_path, encoder, known).stack(samples, batch), expected)
        assert len(encoder.made) == times


def test_a_scene_that_nothing_tells_of_is_not_kept(
    room: SceneSource, view_params: ViewParams, network: Any, tmp_path: Path
) -> None:
    samples = samples_of(room, view_params)
    maps_in(tmp_path, Encoding(network), room).stack(samples, collate(samples))
    assert not list(tmp_path.rglob("*.npy"))


def test_no_more_is_kept_than_there_is_room_for(tmp_path: Path) -> None:
    kept = KeptMaps(tmp_path, {"room": "key"}, most_bytes=20)
    types = {"array": np.int64}

    def ask(kept: KeptMaps, name: str) -> list[int]:
        found: list[int] = kept.get("room", name, types, lambda: {"array": np.arange(2)})[
            "array"
        ].tolist()
        return found

    assert [ask(kept, name) for name in ("0", "1")] == [[0, 1], [0, 1]]
    assert len(list(tmp_path.rglob("*.npy"))) == 1
    assert ask(KeptMaps(tmp_path, {"room": "key"}, most_bytes=20), "1") == [0, 1]
    assert len(list(tmp_path.rglob("*.npy"))) == 1, "what lies there counts"
