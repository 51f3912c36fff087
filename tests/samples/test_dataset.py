"""Samples: laws of cutting and turning, determinism, workers, the cache, batches."""

from __future__ import annotations

import multiprocessing
import pickle
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from crossvox.chunks import ChunkParams, cut, turn_pixels, turned_shape
from crossvox.core.checks import ParamsError, ShapeError
from crossvox.core.colors import COLORS
from crossvox.core.frame import ALL_PARTS, Capture, Frame, Parts
from crossvox.core.grid import turn
from crossvox.core.volume import Batch, ChunkPlace, LabelledBatch, Sample, SceneViews, VoxelPixels
from crossvox.samples.batch import collate
from crossvox.samples.cache import ImageCache
from crossvox.samples.dataset import ChunkDataset
from crossvox.samples.index import SampleIndex, training_index, window_index
from crossvox.samples.params import AugmentParams
from crossvox.samples.source import SceneSource
from crossvox.samples.vary import color_map, vary_color
from crossvox.views.params import ViewParams
from crossvox.views.select import chunk_pixels

SHAPE = (12, 12, 16)
STILL = AugmentParams(brightness=0, contrast=0, saturation=0, hue=0, blur_share=0)


@pytest.fixture
def index(room: SceneSource, view_params: ViewParams) -> SampleIndex:
    return training_index([room], ChunkParams(shape=SHAPE, per_scene=12), view_params, seed=0)


def dataset_of(
    room: SceneSource,
    index: SampleIndex,
    view_params: ViewParams,
    augment: AugmentParams | None,
    seed: int = 0,
) -> ChunkDataset:
    return ChunkDataset({"box": room}, index, view_params, augment, seed)


def same(a: Sample, b: Sample) -> bool:
    arrays = ("images", "view_ok", "occupied", "observed", "labels", "inside")
    return (
        all(np.array_equal(getattr(a, name), getattr(b, name)) for name in arrays)
        and all(
            np.array_equal(getattr(a.lift, name), getattr(b.lift, name))
            for name in ("voxel", "pixel", "view")
        )
        and (a.place, a.quarter_turns) == (b.place, b.quarter_turns)
    )


def lifted(sample: Sample) -> np.ndarray:
    """Colours carried to voxels: ``(K, 3, X, Y, Z)``."""
    slots = len(sample.images)
    pixels = sample.images.reshape(slots, 3, -1)
    out = np.zeros((slots, 3, sample.occupied.size), np.uint8)
    lift = sample.lift
    out[lift.view, :, lift.voxel] = pixels[lift.view, :, lift.pixel]
    return out.reshape(slots, 3, *sample.occupied.shape)


def test_a_sample_is_its_place_cut_out(
    room: SceneSource, index: SampleIndex, view_params: ViewParams
) -> None:
    dataset = dataset_of(room, index, view_params, None)
    assert len(dataset) == 12
    assert room.volume is not None
    for number, place in enumerate(index.places):
        sample = dataset[number]
        assert sample.place == place
        assert sample.quarter_turns == 0
        np.testing.assert_array_equal(
            sample.occupied, cut(room.volume.occupied, place.start, SHAPE, fill=False)
        )
        np.testing.assert_array_equal(sample.labels, cut(room.volume.labels, place.start, SHAPE, 0))
        assert sample.inside.sum() == np.prod(
            [
                min(n + size, limit) - max(n, 0)
                for n, size, limit in zip(place.start, SHAPE, room.grid.shape, strict=True)
            ]
        )
        assert not (sample.occupied & ~sample.inside).any()
        pairs = chunk_pixels(room.views, place.start, SHAPE, place.frame_ids)
        np.testing.assert_array_equal(sample.lift.voxel, pairs.voxel)
        for slot, frame in enumerate(place.frame_ids):
            np.testing.assert_array_equal(sample.images[slot], room.image(frame, view_params))


def test_lifted_colors_tell_the_place(
    room: SceneSource, index: SampleIndex, view_params: ViewParams
) -> None:
    """The room is painted by position: colours that arrive at voxels must be those of the place."""
    sample = dataset_of(room, index, view_params, None)[0]
    colors = lifted(sample)
    positions = room.grid.sub(sample.place.start, SHAPE).to_world(
        np.stack(np.unravel_index(sample.lift.voxel, SHAPE), axis=-1)
    )
    found = colors.reshape(3, 3, -1)[sample.lift.view, :, sample.lift.voxel] / 255
    extent = room.grid.to_world(np.array(room.grid.shape) - 1)
    assert len(found) > 50
    assert np.abs(found - np.clip(positions / extent, 0, 1)).max() < 0.08


def test_turning_agrees_with_the_unturned_sample(
    room: SceneSource, index: SampleIndex, view_params: ViewParams
) -> None:
    plain = dataset_of(room, index, view_params, None)
    turned = dataset_of(room, index, view_params, STILL)
    seen = set()
    for epoch in range(3):
        for number in range(len(index)):
            before, after = plain[number], turned[epoch, number]
            seen.add(after.quarter_turns)
            for name in ("occupied", "observed", "labels", "inside"):
                wanted = turn(getattr(before, name), after.quarter_turns)
                np.testing.assert_array_equal(getattr(after, name), wanted)
            np.testing.assert_array_equal(after.images, before.images)
            np.testing.assert_array_equal(lifted(after), turn(lifted(before), after.quarter_turns))
    assert seen == {0, 1, 2, 3}


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_turning_pixels_commutes_with_cutting(room: SceneSource, turns: int) -> None:
    views, extent, shape = room.views, room.grid.shape, (9, 14, 16)
    whole = VoxelPixels(
        views.voxel.astype(np.int64),
        views.pixel.astype(np.int64),
        np.repeat(np.arange(len(views.frame_ids)), np.diff(views.start)),
    )
    turned = turn_pixels(whole, extent, turns)
    order = np.lexsort((turned.voxel, turned.view))
    turned_views = SceneViews(
        replace(room.grid, shape=turned_shape(extent, turns)),
        views.camera,
        views.frame_ids,
        views.start,
        turned.voxel[order].astype(np.int32),
        turned.pixel[order].astype(np.int32),
    )
    frames = views.frame_ids.tolist()
    counts = []
    for start in ((0, 0, 0), (20, 3, 5), (35, 25, 15)):
        i, j, k = start
        new_start = {
            1: (extent[1] - j - shape[1], i, k),
            2: (extent[0] - i - shape[0], extent[1] - j - shape[1], k),
            3: (j, extent[0] - i - shape[0], k),
        }[turns]
        first = turn_pixels(chunk_pixels(views, start, shape, frames), shape, turns)
        then = chunk_pixels(turned_views, new_start, turned_shape(shape, turns), frames)
        pairs = [
            sorted(zip(p.voxel.tolist(), p.pixel.tolist(), p.view.tolist(), strict=True))
            for p in (first, then)
        ]
        assert pairs[0] == pairs[1]
        counts.append(len(pairs[0]))
    assert max(counts) > 100


def test_samples_that_are_not_square_are_turned_upside_down_at_most(
    room: SceneSource, view_params: ViewParams
) -> None:
    index = window_index(room, (12, 8, 16), (12, 8, 16), 3)
    dataset = dataset_of(room, index, view_params, STILL)
    samples = [dataset[epoch, 0] for epoch in range(12)]
    assert {sample.quarter_turns for sample in samples} == {0, 2}
    assert all(sample.occupied.shape == (12, 8, 16) for sample in samples)


def test_same_key_same_sample_and_epochs_differ(
    room: SceneSource, index: SampleIndex, view_params: ViewParams
) -> None:
    one = dataset_of(room, index, view_params, AugmentParams())
    two = dataset_of(room, index, view_params, AugmentParams())
    [two[9, n] for n in range(5)]
    assert same(one[0, 3], two[0, 3])
    assert same(one[3], two[0, 3])
    assert same(one[1, 3], two[1, 3])
    assert not same(one[0, 3], one[1, 3])
    assert not same(one[3], dataset_of(room, index, view_params, AugmentParams(), seed=1)[3])
    assert not np.array_equal(one[0, 3].images, one[1, 3].images)
    for number in (-1, len(index)):
        with pytest.raises(IndexError):
            one[number]


@pytest.mark.parametrize("workers", [0, 2])
def test_the_number_of_workers_changes_nothing(
    room: SceneSource, index: SampleIndex, view_params: ViewParams, workers: int
) -> None:
    dataset = dataset_of(room, index, view_params, AugmentParams())
    dataset.warm()
    keys = [(epoch, number) for epoch in range(2) for number in (3, 0, 7, 1)]
    loader = DataLoader(
        dataset,  # type: ignore[arg-type]
        batch_size=4,
        sampler=keys,  # type: ignore[arg-type]
        num_workers=workers,
        collate_fn=collate,
        multiprocessing_context=multiprocessing.get_context("fork") if workers else None,
    )
    fresh = dataset_of(room, index, view_params, AugmentParams())
    batches = list(loader)
    assert len(batches) == 2
    for number, batch in enumerate(batches):
        wanted = collate([fresh[key] for key in keys[4 * number : 4 * number + 4]])
        for name, tensor in vars(wanted).items():
            assert torch.equal(getattr(batch, name), tensor), name


def test_a_pickled_dataset_gives_the_same_samples(
    room: SceneSource, index: SampleIndex, view_params: ViewParams
) -> None:
    dataset = dataset_of(room, index, view_params, AugmentParams())
    wanted = dataset[5]
    again = pickle.loads(pickle.dumps(dataset))
    assert len(again.cache) == 0
    assert same(again[5], wanted)


def test_images_are_decoded_once(
    room: SceneSource, index: SampleIndex, view_params: ViewParams
) -> None:
    dataset = dataset_of(room, index, view_params, AugmentParams())
    for epoch in range(2):
        for number in range(len(index)):
            dataset[epoch, number]
    decoded = room.capture.decoded  # type: ignore[attr-defined]
    assert sorted(decoded) == sorted({f for place in index.places for f in place.frame_ids})
    assert dataset.warm() == len(decoded) == len(dataset.cache)
    assert dataset.cache.bytes == len(decoded) * 3 * 60 * 64


def test_the_cache_drops_the_least_recently_used() -> None:
    made: list[int] = []

    def image(number: int) -> np.ndarray:
        made.append(number)
        return np.full((3, 10, 10), number, np.uint8)

    cache = ImageCache(most_bytes=700)
    for number in (1, 2, 1, 3, 1, 2):
        found = cache.get(("a", number), lambda number=number: image(number))
        assert found[0, 0, 0] == number
        assert cache.bytes == 300 * len(cache) <= 700
        assert not found.flags.writeable
    assert made == [1, 2, 3, 2]
    small = ImageCache(most_bytes=100)
    small.get(("a", 1), lambda: image(1))
    assert len(small) == 0


def test_warming_stops_at_what_the_cache_holds(
    room: SceneSource, index: SampleIndex, view_params: ViewParams
) -> None:
    dataset = ChunkDataset({"box": room}, index, view_params, None, cache_bytes=3 * 3 * 60 * 64)
    seen: list[tuple[int, int]] = []
    assert dataset.warm(lambda *done: seen.append(done)) == 3
    assert seen[-1] == (3, 3)
    assert len(room.capture.decoded) == 3  # type: ignore[attr-defined]


def test_short_view_lists_are_masked_not_dropped(
    room: SceneSource, index: SampleIndex, view_params: ViewParams
) -> None:
    seen = index.places[0]
    places = (replace(seen, frame_ids=seen.frame_ids[:1]), ChunkPlace("box", (20, 20, 5)))
    dataset = dataset_of(room, SampleIndex(places, SHAPE, 3), view_params, AugmentParams())
    one, none = dataset[0], dataset[1]
    assert one.view_ok.tolist() == [True, False, False]
    assert none.view_ok.tolist() == [False] * 3
    assert one.images[0].any()
    assert not one.images[1:].any()
    assert len(none.lift.voxel) == 0
    batch = collate([one, none])
    assert batch.view_ok.tolist() == [[True, False, False], [False] * 3]
    assert not batch.images[0, 1:].any()
    assert not batch.images[1].any()
    assert set(batch.sample.tolist()) == {0}


def test_batches_are_normalised_and_joined(
    room: SceneSource, index: SampleIndex, view_params: ViewParams
) -> None:
    dataset = dataset_of(room, index, view_params, AugmentParams())
    samples = [dataset[n] for n in range(4)]
    batch = collate(samples)
    assert batch.shape == SHAPE
    assert batch.images.dtype == torch.float32
    assert batch.labels.dtype == batch.voxel.dtype == batch.sample.dtype == torch.int64
    for n, sample in enumerate(samples):
        colors = sample.images.astype(np.float64) / 255
        mean, std = (np.array(v)[:, None, None] for v in (COLORS.mean, COLORS.std))
        wanted = np.where(sample.view_ok[:, None, None, None], (colors - mean) / std, 0)
        np.testing.assert_allclose(batch.images[n].numpy(), wanted, atol=2e-6)
        part = batch.sample == n
        np.testing.assert_array_equal(batch.voxel[part].numpy(), sample.lift.voxel)
        np.testing.assert_array_equal(batch.pixel[part].numpy(), sample.lift.pixel)
        np.testing.assert_array_equal(batch.view[part].numpy(), sample.lift.view)
        np.testing.assert_array_equal(batch.labels[n].numpy(), sample.labels)
        np.testing.assert_array_equal(batch.occupied[n].numpy(), sample.occupied)
    with pytest.raises(ShapeError, match="batch samples of one index"):
        collate([])
    with pytest.raises(ShapeError, match="batch samples of one index"):
        collate([samples[0], replace(samples[1], images=samples[1].images[:1])])


def test_scenes_without_a_volume_give_input_alone(
    room: SceneSource, view_params: ViewParams
) -> None:
    bare = SceneSource("box", None, room.views, room.capture)
    index = window_index(bare, SHAPE, SHAPE, 3)
    sample = dataset_of(bare, index, view_params, None)[0]
    assert sample.images.any()
    assert sample.inside.all()
    assert not sample.occupied.any()
    assert sample.labels.dtype == np.uint8


def test_colors_vary_as_asked() -> None:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (3, 20, 24)).astype(np.uint8)
    out = np.empty_like(image)
    vary_color(image, STILL, rng, out)
    np.testing.assert_array_equal(out, image)
    matrix, offset = color_map(1, 1, 1, 0, 100)
    np.testing.assert_allclose(matrix, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(offset, 0, atol=1e-12)
    matrix, offset = color_map(0.5, 1, 1, 0, 100)
    np.testing.assert_allclose(matrix @ [10, 20, 30] + offset, [5, 10, 15])
    matrix, offset = color_map(1, 0, 1, 0, 100)
    np.testing.assert_allclose(matrix @ [10, 20, 30] + offset, [100] * 3)
    matrix, offset = color_map(1, 1, 0, 0, 100)
    np.testing.assert_allclose(matrix @ [255, 0, 0] + offset, [0.299 * 255] * 3)
    matrix, offset = color_map(1, 1, 1, 1 / 3, 100)
    np.testing.assert_allclose(matrix @ [200, 10, 20] + offset, [20, 200, 10])
    # Bright colours are clipped, not wrapped.
    white = np.full((3, 8, 8), 250, np.uint8)
    for _ in range(20):
        vary_color(white, AugmentParams(contrast=0, hue=0), rng, out[:, :8, :8].copy())
        target = np.empty_like(white)
        vary_color(white, AugmentParams(contrast=0, hue=0, blur_share=0), rng, target)
        assert target.min() >= 0.7 * 250 - 2
        assert target.std() < 1


def test_blur_smooths_and_uses_the_same_chance_either_way() -> None:
    image = np.random.default_rng(0).integers(0, 256, (3, 40, 40)).astype(np.uint8)
    always, never = (replace(STILL, blur_share=share) for share in (1.0, 0.0))
    one, two = np.random.default_rng(5), np.random.default_rng(5)
    blurred, sharp = np.empty_like(image), np.empty_like(image)
    vary_color(image, always, one, blurred)
    vary_color(image, never, two, sharp)
    assert blurred.std() < sharp.std()
    assert one.random() == two.random()


def test_errors(room: SceneSource, index: SampleIndex, view_params: ViewParams) -> None:
    with pytest.raises(ParamsError, match="an index with scenes box, which are not at hand"):
        ChunkDataset({}, index, view_params)
    with pytest.raises(ParamsError, match="views of box at 64x60; needed: 60x60"):
        dataset_of(room, index, replace(view_params, width=60), None)
    with pytest.raises(ParamsError, match="correct --augment"):
        AugmentParams(brightness=1.5)
    with pytest.raises(ParamsError, match="correct --augment"):
        AugmentParams(blur_share=2)


class Labelled:
    """The box capture with a label at every pixel that its colour tells; frame 20 has none."""

    def __init__(self, capture: Capture) -> None:
        self.capture = capture

    def __getattr__(self, name: str) -> Any:
        return getattr(self.capture, name)

    def frame(self, index: int, size: Any = None, parts: Parts = ALL_PARTS) -> Frame:
        frame = self.capture.frame(index, size, replace(parts, rgb=True))
        assert frame.rgb is not None
        labels = frame.rgb[..., 0] // 7 if parts.labels and frame.id != 20 else None
        return replace(frame, labels=labels, rgb=frame.rgb if parts.rgb else None)


def test_labels_of_images_are_delivered_on_request(
    room: SceneSource, index: SampleIndex, view_params: ViewParams
) -> None:
    source = replace(room, capture=Labelled(room.capture))
    dataset = ChunkDataset({"box": source}, index, view_params, AugmentParams(), image_labels=True)
    plain = ChunkDataset({"box": source}, index, view_params, None)
    assert plain[0].image_labels is None
    frames = set()
    for number in range(len(dataset)):
        sample, still = dataset[3, number], plain[number]
        assert sample.image_labels is not None
        for slot, labels in enumerate(sample.image_labels):
            frame = (*sample.place.frame_ids, None, None, None)[slot]
            frames.add(frame)
            known = frame is not None and frame != 20
            expected = still.images[slot, 0] // 7 if known else np.zeros_like(labels)
            np.testing.assert_array_equal(labels, expected)
    assert len(frames) > 2
    batch = collate([dataset[0], dataset[1]])
    assert isinstance(batch, LabelledBatch)
    assert batch.image_labels.shape == (2, 3, 60, 64)
    assert batch.image_labels.dtype == torch.int64
    assert isinstance(batch.to("cpu"), LabelledBatch)
    assert type(collate([plain[0]])) is Batch
