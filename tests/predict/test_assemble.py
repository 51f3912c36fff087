"""Stitching windows into scenes: laws of blending, and a whole scene from real samples."""

from __future__ import annotations

import itertools
import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st

from crossvox.core.camera import Intrinsics, Pose
from crossvox.core.checks import ParamsError, ShapeError
from crossvox.core.frame import ALL_PARTS, CaptureInfo, Frame, Parts
from crossvox.core.grid import Index3, VoxelGrid
from crossvox.core.labels import NYU40
from crossvox.core.volume import Batch, ChunkPlace, Mesh, Sample, SceneVolume, VoxelPixels
from crossvox.doors.raycast import Raycaster
from crossvox.predict.assemble import Assembler, blend_weight
from crossvox.predict.params import PredictParams
from crossvox.predict.prediction import ScenePrediction
from crossvox.predict.prior import FrameClasses, nearest_seen
from crossvox.predict.seen import seen_by_any_frame, seen_by_windows
from crossvox.predict.windows import predict_scene
from crossvox.samples.index import window_index
from crossvox.samples.source import SceneSource
from crossvox.tasks.params import FeatureParams, ReconstructParams
from crossvox.tasks.reconstruct import Reconstruct
from crossvox.views.params import ViewParams
from crossvox.views.visibility import scene_views

SHAPE = (4, 6, 8)
GRID = VoxelGrid((9, 11, 13), 0.05, (1.0, 2.0, 3.0))
COUNTS = ("windows", "windows_seen", "windows_predicted", "voxels_seen", "frames_used", "frames")
NO_COUNTS = dict.fromkeys(COUNTS, 0)


def sample_at(start: Index3, lift: VoxelPixels | None = None, turns: int = 0) -> Sample:
    """A window of one view, 2 x 3 pixels."""
    none = np.zeros(0, np.int64)
    flags = np.zeros(SHAPE, bool)
    images = np.arange(18, dtype=np.uint8).reshape(1, 3, 2, 3)
    return Sample(
        images=images,
        view_ok=np.array([True]),
        lift=lift or VoxelPixels(none, none, none),
        occupied=flags,
        observed=flags,
        labels=np.zeros(SHAPE, np.uint8),
        inside=flags,
        place=ChunkPlace("scene", start, (0,)),
        quarter_turns=turns,
    )


def starts_of(stride: Index3) -> list[Index3]:
    """Windows that cover the grid and hang out of it on both sides."""
    axes = [range(-1, extent, step) for extent, step in zip(GRID.shape, stride, strict=True)]
    return [(i, j, k) for i, j, k in itertools.product(*axes)]


def cut(volume: np.ndarray, start: Index3) -> np.ndarray:
    padded = np.pad(volume, 50, constant_values=0.9)
    i, j, k = (first + 50 for first in start)
    return padded[i : i + SHAPE[0], j : j + SHAPE[1], k : k + SHAPE[2]]


def stitch(
    volume: np.ndarray, starts: list[Index3], params: PredictParams | None = None
) -> ScenePrediction:
    assembler = Assembler(GRID, SHAPE, params or PredictParams())
    for start in starts:
        assembler.add(sample_at(start), cut(volume, start))
    return assembler.finish(**NO_COUNTS)


@pytest.mark.parametrize("blend", ["hann", "tent", "flat"])
@pytest.mark.parametrize("shape", [(1, 1, 1), (32, 32, 64), (5, 2, 3)])
def test_weights_are_positive_and_symmetric(blend: Any, shape: Index3) -> None:
    weight = blend_weight(shape, blend)
    assert weight.shape == shape
    assert weight.min() > 0
    assert weight.max() <= 1
    for axis in range(3):
        np.testing.assert_allclose(weight, np.flip(weight, axis), rtol=1e-5)


@pytest.mark.parametrize("blend", ["hann", "tent"])
def test_weights_at_half_stride_add_up_to_one_sum(blend: Any) -> None:
    line = blend_weight((8, 1, 1), blend)[:, 0, 0]
    np.testing.assert_allclose(line[:4] + line[4:], np.full(4, (line[:4] + line[4:])[0]), rtol=1e-6)


@pytest.mark.parametrize("blend", ["hann", "tent", "flat"])
@pytest.mark.parametrize("stride", [(2, 3, 4), (4, 6, 8), (3, 5, 1)])
def test_cut_then_stitch_is_the_identity(blend: Any, stride: Index3) -> None:
    volume = np.random.default_rng(0).random(GRID.shape).astype(np.float32)
    found = stitch(volume, starts_of(stride), PredictParams(blend=blend))
    assert found.predicted.all()
    np.testing.assert_allclose(found.probability, volume, atol=1e-6)


@settings(max_examples=15)
@given(st.floats(0, 1, width=32), st.integers(0, 2**32 - 1))
def test_constant_predictor_gives_a_constant(value: float, seed: int) -> None:
    random = np.random.default_rng(seed)
    starts = [tuple(random.integers(-5, 14, 3).tolist()) for _ in range(12)]
    assembler = Assembler(GRID, SHAPE, PredictParams())
    for start in starts:
        assembler.add(sample_at(start), np.full(SHAPE, value, np.float32))
    found = assembler.finish(**NO_COUNTS)
    np.testing.assert_allclose(found.probability[found.predicted], value, atol=1e-6)
    assert (found.probability[~found.predicted] == 0).all()
    assert found.probability.max(initial=0) <= 1


def test_order_of_windows_does_not_matter() -> None:
    random = np.random.default_rng(0)
    starts = starts_of((2, 3, 4))
    windows = [random.random(SHAPE).astype(np.float32) for _ in starts]
    answers = []
    for order in (range(len(starts)), random.permutation(len(starts))):
        assembler = Assembler(GRID, SHAPE, PredictParams())
        for n in order:
            assembler.add(sample_at(starts[n]), windows[n])
        answers.append(assembler.finish(**NO_COUNTS).probability)
    np.testing.assert_allclose(answers[0], answers[1], atol=1e-6)


def test_only_covered_voxels_count_as_predicted() -> None:
    found = stitch(np.ones(GRID.shape, np.float32), [(0, 0, 0), (7, 8, 9), (40, 0, 0)])
    expected = np.zeros(GRID.shape, bool)
    expected[:4, :6, :8] = True
    expected[7:, 8:, 9:] = True
    np.testing.assert_array_equal(found.predicted, expected)


def test_middle_of_a_window_outweighs_the_border_of_another() -> None:
    assembler = Assembler(GRID, SHAPE, PredictParams())
    assembler.add(sample_at((0, 0, 0)), np.zeros(SHAPE, np.float32))
    assembler.add(sample_at((3, 0, 0)), np.ones(SHAPE, np.float32))
    mixed = assembler.finish(**NO_COUNTS).probability[3, 2, 3]
    assert mixed == pytest.approx(0.5)  # last layer of one, first of the other
    assembler = Assembler(GRID, SHAPE, PredictParams())
    assembler.add(sample_at((0, 0, 0)), np.zeros(SHAPE, np.float32))
    assembler.add(sample_at((2, 0, 0)), np.ones(SHAPE, np.float32))
    line = assembler.finish(**NO_COUNTS).probability[:6, 2, 3]
    assert line[2] < 0.5 < line[3]


def test_colours_are_means_over_views_and_windows() -> None:
    """Pixels 0..5 hold (p, p + 6, p + 12)."""
    lift = VoxelPixels(np.array([0, 0, 7]), np.array([1, 4, 5]), np.array([0, 0, 0]))
    assembler = Assembler(GRID, SHAPE, PredictParams())
    assembler.add(sample_at((2, 3, 4), lift), np.zeros(SHAPE, np.float32))
    other = VoxelPixels(np.array([7]), np.array([2]), np.array([0]))
    assembler.add(sample_at((2, 3, 4), other), np.zeros(SHAPE, np.float32))
    found = assembler.finish(**NO_COUNTS)
    assert found.colors is not None
    assert found.colors.known.sum() == found.seen.sum() == 2
    assert found.seen[2, 3, 4]
    assert found.seen[2, 3, 11]
    assert found.colors.rgb[2, 3, 4].tolist() == [2, 8, 14]  # of 2.5, to even
    assert found.colors.rgb[2, 3, 11].tolist() == [4, 10, 16]  # of 3.5, to even
    plain = Assembler(GRID, SHAPE, PredictParams(colors=False))
    plain.add(sample_at((2, 3, 4), lift), np.zeros(SHAPE, np.float32))
    bare = plain.finish(**NO_COUNTS)
    assert bare.colors is None
    assert bare.seen.sum() == 2


def test_turned_or_misshapen_windows_are_refused() -> None:
    assembler = Assembler(GRID, SHAPE, PredictParams())
    with pytest.raises(ShapeError, match="turned 1 times"):
        assembler.add(sample_at((0, 0, 0), turns=1), np.zeros(SHAPE))
    with pytest.raises(ShapeError, match="needed: shape"):
        assembler.add(sample_at((0, 0, 0)), np.zeros((4, 6, 7)))


def test_params_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ParamsError, match="positive"):
        PredictParams(stride=(0, 16, 32))
    with pytest.raises(ParamsError, match="positive"):
        PredictParams(batch_size=0)


# --- a whole scene, through the real samples -----------------------------------------------------

CAMERA = Intrinsics(40.0, 40.0, 31.5, 23.5, 64, 48)
VIEWS = ViewParams(width=64, height=48, near_m=0.1, max_views=2)


class BoxCapture:
    """A camera in the middle of a box 2.2 x 1.8 x 1.6 m, four directions, one lost pose."""

    def __init__(self) -> None:
        box = trimesh.creation.box([2.2, 1.8, 1.6])
        self.mesh = Mesh(box.vertices.astype(np.float32), box.faces.astype(np.int32))
        self.caster = Raycaster(self.mesh)
        self.decoded: list[int] = []

    name = "box"
    frame_ids = (0, 10, 20, 30)

    def __len__(self) -> int:
        return 4

    def info(self) -> CaptureInfo:
        return CaptureInfo("test", CAMERA, CAMERA, "same camera", False)

    def camera(self, size: Any = None) -> Intrinsics:
        return CAMERA

    def pose(self, index: int) -> Pose | None:
        if index == 2:
            return None
        angle = np.pi / 2 * index
        right = np.array([-np.sin(angle), np.cos(angle), 0])
        forward = np.array([np.cos(angle), np.sin(angle), 0])
        matrix = np.eye(4)
        matrix[:3, :3] = np.stack([right, np.cross(forward, right), forward], axis=-1)
        return Pose(matrix)

    def frame(self, index: int, size: Any = None, parts: Parts = ALL_PARTS) -> Frame:
        pose = self.pose(index)
        depth = rgb = None
        if parts.depth:
            depth = np.zeros((48, 64), np.float32)
            if pose is not None:
                depth = self.caster.depth(CAMERA, pose)
        if parts.rgb:
            self.decoded.append(index)
            rgb = np.full((48, 64, 3), (200, 10 * index, 30), np.uint8)
        return Frame(self.frame_ids[index], CAMERA, pose, rgb, depth)


@pytest.fixture
def box() -> SceneSource:
    capture = BoxCapture()
    grid = VoxelGrid.around(capture.mesh.vertices_m, 0.1, margin=1)
    frames = [capture.frame(index) for index in range(4) if capture.pose(index) is not None]
    views = scene_views(grid, frames, VIEWS)
    capture.decoded.clear()
    empty = np.zeros(grid.shape, bool)
    volume = SceneVolume(grid, empty, empty, np.zeros(grid.shape, np.uint8))
    return SceneSource("box", volume, views, capture)


WINDOW = (8, 8, 8)
STRIDE = PredictParams(stride=(4, 4, 4), batch_size=3)


def seen_predictor(batch: Batch) -> torch.Tensor:
    """1 where some view sees the voxel: what a network that copies its mask would say."""
    answer = torch.zeros(batch.occupied.shape)
    answer.view(len(answer), -1)[batch.sample, batch.voxel] = 1
    return answer


def test_scene_is_covered_whatever_views_there_are(box: SceneSource) -> None:
    steps: list[tuple[int, int]] = []
    found = predict_scene(
        lambda batch: torch.full(batch.occupied.shape, 0.25),
        box,
        STRIDE,
        WINDOW,
        VIEWS,
        progress=lambda done, total: steps.append((done, total)),
    )
    assert found.coverage == 1
    assert 0 < found.windows_predicted == found.windows_seen < found.windows
    assert found.windows_skipped == found.windows - found.windows_seen
    np.testing.assert_allclose(found.probability[found.predicted], 0.25, atol=1e-6)
    any_seen = seen_by_any_frame(box.views)
    assert found.predicted[any_seen].all()
    assert found.voxels_seen == any_seen.sum()
    assert found.frames == 3
    assert 1 <= found.frames_used <= 3
    assert steps[-1] == (found.windows_predicted, found.windows_predicted)
    assert [done for done, _ in steps] == sorted({done for done, _ in steps})
    capture = box.capture
    assert isinstance(capture, BoxCapture)
    assert sorted(capture.decoded) == sorted(set(capture.decoded)), "a frame was decoded twice"
    assert found.notes["coverage"] == 1
    assert set(found.seconds) >= {"network", "blend", "all"}


def test_windows_land_where_they_were_cut(box: SceneSource) -> None:
    found = predict_scene(seen_predictor, box, STRIDE, WINDOW, VIEWS)
    # Three frames, two views a window: what a window's views miss another window may show.
    assert not found.seen[~seen_by_any_frame(box.views)].any()
    assert found.probability[~found.seen].max() == 0
    assert found.probability[found.seen].min() > 0
    all_views = ViewParams(width=64, height=48, near_m=0.1, max_views=3)
    whole = predict_scene(seen_predictor, box, STRIDE, WINDOW, all_views)
    np.testing.assert_array_equal(whole.seen, seen_by_any_frame(box.views))
    np.testing.assert_allclose(whole.probability, whole.seen, atol=1e-6)
    assert whole.colors is not None
    assert (whole.colors.rgb[whole.seen][:, 0] == 200).all()


def test_windows_that_lack_views_or_surface_are_left_out_as_published(box: SceneSource) -> None:
    """Twin: of all windows, those with both views and more than the share of true surface."""
    assert box.volume is not None
    occupied = seen_by_any_frame(box.views)  # what a perfect reference would hold
    box = replace(box, volume=replace(box.volume, occupied=occupied))
    every = window_index(box, WINDOW, WINDOW, VIEWS.max_views).places
    tiles = PredictParams(stride=WINDOW, blend="flat", least_views=2, least_occupied=0.1)
    expected = np.zeros(box.grid.shape, bool)
    kept = 0
    for place in every:
        (x, y, z), (a, b, c) = place.start, WINDOW
        part = (slice(x, x + a), slice(y, y + b), slice(z, z + c))
        share = occupied[part].sum() / (a * b * c)
        if len(place.frame_ids) == 2 and share > 0.1:
            expected[part] = True
            kept += 1
    assert 0 < kept < len(every)
    found = predict_scene(seen_predictor, box, tiles, WINDOW, VIEWS)
    np.testing.assert_array_equal(found.predicted, expected)
    assert found.windows_predicted == kept
    assert found.coverage == kept / found.windows_seen < 1
    np.testing.assert_array_equal(seen_by_windows(box, tiles, WINDOW, VIEWS).seen, found.seen)
    with pytest.raises(ParamsError, match="a volume, and least_occupied"):
        predict_scene(seen_predictor, replace(box, volume=None), tiles, WINDOW, VIEWS)


def test_batches_do_not_change_the_scene(box: SceneSource) -> None:
    one = predict_scene(seen_predictor, box, PredictParams((4, 4, 4), 1), WINDOW, VIEWS)
    many = predict_scene(seen_predictor, box, PredictParams((4, 4, 4), 64), WINDOW, VIEWS)
    np.testing.assert_array_equal(one.probability, many.probability)


def test_what_windows_see_needs_no_network(box: SceneSource) -> None:
    """Twin: a prediction of the same windows; also where not every voxel is coloured."""
    for colors in (True, False):
        params = PredictParams(stride=(4, 4, 4), colors=colors)
        twin = predict_scene(seen_predictor, box, params, WINDOW, VIEWS)
        found = seen_by_windows(box, params, WINDOW, VIEWS)
        np.testing.assert_array_equal(found.seen, twin.seen)
        assert found.seen.any()
        assert found.coverage == twin.coverage
        assert (found.colors is None) == (not colors)
        if found.colors is not None and twin.colors is not None:
            np.testing.assert_array_equal(found.colors.rgb, twin.colors.rgb)
            np.testing.assert_array_equal(found.colors.known, twin.colors.known)


def test_answer_of_another_shape_is_refused(box: SceneSource) -> None:
    with pytest.raises(ShapeError, match="check the network"):
        predict_scene(lambda batch: torch.zeros(1, 2, 3, 4), box, STRIDE, WINDOW, VIEWS)


def test_stride_beyond_the_window_is_refused(box: SceneSource) -> None:
    with pytest.raises(ParamsError, match="stride"):
        predict_scene(seen_predictor, box, PredictParams(stride=(9, 4, 4)), WINDOW, VIEWS)


@pytest.mark.parametrize("fusion", ["concat", "attention"])
def test_frames_are_encoded_once_and_the_cache_changes_nothing(
    box: SceneSource, fusion: Any
) -> None:
    features = FeatureParams("enet", 128, 8)
    task = Reconstruct(
        ReconstructParams(width=4, depth=1, views=2, fusion=fusion, features=features)
    )
    torch.manual_seed(0)
    network: Any = task.build()
    torch.nn.init.normal_(network.volume_network.classifier.weight)
    network.eval()
    calls: list[torch.Size] = []

    def encode(images: torch.Tensor) -> torch.Tensor:
        calls.append(images.shape)
        with torch.no_grad():
            maps: torch.Tensor = network.encode(images)
            return maps

    def predicted(**options: Any) -> ScenePrediction:
        calls.clear()
        return predict_scene(
            lambda batch: task.probability(network, batch), box, STRIDE, WINDOW, VIEWS, **options
        )

    once = predicted(encode=encode)
    assert calls == [(1, 3, 48, 64)] * once.frames_used
    assert once.seconds["2D network"] > 0
    again = predicted(encode=encode, cache_bytes=0)
    assert len(calls) > once.frames_used, "nothing was kept"
    np.testing.assert_array_equal(once.probability, again.probability)
    few = predicted(encode=encode, cache_bytes=8 * 48 * 64)
    np.testing.assert_array_equal(once.probability, few.probability)
    without = predicted()
    np.testing.assert_allclose(once.probability, without.probability, atol=1e-5)
    assert np.ptp(once.probability[once.predicted]) > 0.01


# --- classes -------------------------------------------------------------------------------------

CLASSES = len(NYU40.names)


def stitch_classes(windows: list[tuple[Index3, Any]], blend: Any = "hann") -> ScenePrediction:
    assembler = Assembler(GRID, SHAPE, PredictParams(blend=blend))
    for start, logits in windows:
        assembler.add(sample_at(start), logits)
    return assembler.finish(**NO_COUNTS)


def test_constant_logits_give_their_softmax() -> None:
    column = np.random.default_rng(0).normal(size=CLASSES).astype(np.float32)
    logits = np.broadcast_to(column[:, None, None, None], (CLASSES, *SHAPE))
    found = stitch_classes([(start, logits) for start in starts_of((2, 3, 4))])
    share = np.exp(column.astype(np.float64))
    share /= share.sum()
    assert found.predicted.all()
    np.testing.assert_allclose(found.probability, 1 - share[0], atol=1e-6)
    assert found.classes is not None
    best = 1 + int(share[1:].argmax())
    assert (found.classes.labels == best).all()
    np.testing.assert_allclose(found.classes.confidence, share[best] / share[1:].sum(), atol=1e-3)
    benchmark = max(NYU40.benchmark_ids, key=lambda c: share[c])
    assert (found.classes.benchmark_labels == benchmark).all()
    kinds = [getattr(found.classes, name).dtype for name in ("labels", "benchmark_labels")]
    assert kinds == [np.uint8, np.uint8]
    assert found.classes.confidence.dtype == np.float16


@settings(max_examples=15)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.1, 3.0, 100.0]))
def test_classes_of_one_window_are_its_argmax(seed: int, scale: float) -> None:
    logits = np.random.default_rng(seed).normal(size=(CLASSES, *SHAPE)) * scale
    logits = logits.astype(np.float32)
    found = stitch_classes([((2, 3, 4), logits)])
    inside = np.s_[2:6, 3:9, 4:12]
    classes = found.classes
    assert classes is not None
    exact = logits.astype(np.float64)
    share = np.exp(exact - exact.max(axis=0))
    share /= share.sum(axis=0)
    np.testing.assert_array_equal(classes.labels[inside], 1 + share[1:].argmax(axis=0))
    best = max_over(share, list(NYU40.benchmark_ids))
    np.testing.assert_array_equal(classes.benchmark_labels[inside], best)
    np.testing.assert_allclose(found.probability[inside], 1 - share[0], rtol=1e-3, atol=1e-5)
    confidence = share[1:].max(axis=0) / share[1:].sum(axis=0)
    np.testing.assert_allclose(classes.confidence[inside], confidence, atol=2e-3)
    assert np.isin(classes.benchmark_labels[inside], NYU40.benchmark_ids).all()
    outside = ~found.predicted
    assert outside.sum() == np.prod(GRID.shape) - np.prod(SHAPE)
    for name in ("labels", "benchmark_labels", "confidence"):
        assert not getattr(classes, name)[outside].any()


def max_over(share: Any, ids: list[int]) -> Any:
    """The likeliest of some classes, one voxel at a time."""
    found = np.zeros(share.shape[1:], int)
    for place in np.ndindex(*found.shape):
        found[place] = max(ids, key=lambda c: share[(c, *place)])
    return found


def test_logits_are_blended_before_the_softmax() -> None:
    """Weighted means of logits, by a loop; means of probabilities would differ."""
    random = np.random.default_rng(1)
    starts = [(0, 0, 0), (2, 3, 4), (3, 0, 2)]
    windows = [(s, 4 * random.normal(size=(CLASSES, *SHAPE)).astype(np.float32)) for s in starts]
    found = stitch_classes(windows, "tent")
    weight = blend_weight(SHAPE, "tent").astype(np.float64)
    assert found.classes is not None
    overlaps = 0
    for place in np.ndindex(*GRID.shape):
        total, weights, covered = np.zeros(CLASSES), 0.0, 0
        for start, logits in windows:
            at = tuple(np.subtract(place, start))
            if all(0 <= a < size for a, size in zip(at, SHAPE, strict=True)):
                total += weight[at] * logits[(slice(None), *at)]
                weights += weight[at]
                covered += 1
        overlaps += covered > 1
        assert found.predicted[place] == (covered > 0)
        if covered:
            share = np.exp(total / weights)
            share /= share.sum()
            assert found.probability[place] == pytest.approx(1 - share[0], abs=1e-4)
            assert found.classes.labels[place] == 1 + share[1:].argmax()
    assert overlaps > 50


def test_huge_logits_stay_finite() -> None:
    random = np.random.default_rng(2)
    logits = (random.choice([-1e30, -1e4, 0, 1e4, 1e30], (CLASSES, *SHAPE))).astype(np.float32)
    logits[:, 0, 0, 0] = 0
    logits[0, 0, 0, 0] = 1e30  # surely free
    logits[:, 0, 0, 1] = 0
    logits[5, 0, 0, 1] = 1e30  # surely a chair
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = stitch_classes([((0, 0, 0), logits)])
    assert found.classes is not None
    for values in (found.probability, found.classes.confidence):
        assert np.isfinite(values).all()
        assert values.min() >= 0
        assert values.max() <= 1
    assert found.probability[0, 0, 0] == 0
    assert found.probability[0, 0, 1] == 1
    assert found.classes.labels[0, 0, 1] == 5
    assert found.classes.confidence[0, 0, 1] == 1


def test_slabs_do_not_change_the_classes(monkeypatch: pytest.MonkeyPatch) -> None:
    logits = np.random.default_rng(3).normal(size=(CLASSES, *SHAPE)).astype(np.float32)
    whole = stitch_classes([((1, 1, 1), logits)])
    monkeypatch.setattr("crossvox.predict.assemble.SLAB_VOXELS", 7)
    pieces = stitch_classes([((1, 1, 1), logits)])
    np.testing.assert_array_equal(whole.probability, pieces.probability)
    assert whole.classes is not None
    assert pieces.classes is not None
    for name, values in vars(whole.classes).items():
        np.testing.assert_array_equal(values, getattr(pieces.classes, name))


def test_a_scene_is_predicted_with_classes(box: SceneSource) -> None:
    def answer(batch: Batch) -> torch.Tensor:
        """Floor where some view sees the voxel, free elsewhere."""
        seen = seen_predictor(batch)
        logits = torch.zeros(len(seen), CLASSES, *seen.shape[1:])
        logits[:, 0] = 20 * (1 - seen)
        logits[:, 2] = 20 * seen
        return logits

    all_views = ViewParams(width=64, height=48, near_m=0.1, max_views=3)
    found = predict_scene(answer, box, STRIDE, WINDOW, all_views)
    assert found.classes is not None
    np.testing.assert_array_equal(found.probability >= 0.5, found.seen)
    assert (found.classes.labels[found.seen] == 2).all()
    assert (found.classes.benchmark_labels[found.seen] == 2).all()
    plainly = predict_scene(seen_predictor, box, STRIDE, WINDOW, all_views)
    assert plainly.classes is None
    with pytest.raises(ShapeError, match="logits of 41 classes"):
        predict_scene(lambda batch: answer(batch)[:, :40], box, STRIDE, WINDOW, VIEWS)


def test_what_frames_say_is_added_once_to_the_blend() -> None:
    """Two windows hold the voxels; what is said of them counts as it is, elsewhere not at all."""
    random = np.random.default_rng(5)
    windows = [(start, random.normal(size=(CLASSES, *SHAPE))) for start in ((0, 0, 0), (2, 3, 4))]
    voxels = np.sort(random.permutation(GRID.count)[:40])
    said = random.normal(size=(len(voxels), CLASSES - 1)).astype(np.float32) * 3
    assembler = Assembler(GRID, SHAPE, PredictParams())
    for start, logits in windows:
        assembler.add(sample_at(start), logits.astype(np.float32))
    row = np.full(GRID.count, -1, np.int32)
    row[voxels] = np.arange(len(voxels))
    found = assembler.finish(**NO_COUNTS, said=FrameClasses(row, said))
    plain = stitch_classes([(start, logits.astype(np.float32)) for start, logits in windows])
    assert found.classes is not None
    assert plain.classes is not None
    mask = np.zeros(GRID.count, bool)
    mask[voxels] = True
    mask = mask.reshape(GRID.shape)
    assert np.array_equal(found.classes.labels[~mask], plain.classes.labels[~mask])
    weight = blend_weight(SHAPE, "hann")
    checked = 0
    for voxel, more in zip(voxels.tolist(), said, strict=True):
        at = np.array(np.unravel_index(voxel, GRID.shape))
        total, weights = np.zeros(CLASSES), 0.0
        for start, logits in windows:
            local = at - start
            if (local >= 0).all() and (local < SHAPE).all():
                place = tuple(int(i) for i in local)
                total += weight[place] * logits[(slice(None), *place)]
                weights += float(weight[place])
        where = tuple(int(i) for i in at)
        if not weights:
            assert found.classes.labels[where] == 0
            continue
        total /= weights
        share = np.exp(total - total.max())
        checked += 1
        assert found.classes.labels[where] == 1 + (total[1:] + more).argmax()
        np.testing.assert_allclose(
            found.probability[where], share[1:].sum() / share.sum(), rtol=1e-4
        )
    assert checked > 5


def test_what_is_said_of_a_seen_voxel_holds_around_it() -> None:
    """Against all distances; equally near ones may be either."""
    shape = (6, 5, 7)
    voxels = np.array([3, 60, 61, 199])
    found = nearest_seen(shape, voxels, reach=2.5).reshape(shape)
    places = np.stack(np.unravel_index(voxels, shape), axis=1)
    for at in np.ndindex(shape):
        distance = np.linalg.norm(places - np.array(at), axis=1)
        if distance.min() > 2.5:
            assert found[at] == -1
        else:
            assert distance[found[at]] == distance.min()
    assert (found == -1).any()
    assert (nearest_seen(shape, np.zeros(0, np.int64)) == -1).all()


def test_at_and_beside_seen_voxels_only_classes_change() -> None:
    random = np.random.default_rng(2)
    logits = random.normal(size=(40, 6)).astype(np.float32)
    values = random.normal(size=(2, 40)).astype(np.float32) * 4
    # Voxels 10 and 12 are seen, 11 and 13 lie beside them, 30 lies far off.
    row = np.full(40, -1, np.int32)
    row[[10, 11]], row[[12, 13]] = 0, 1
    said, at = FrameClasses(row, values), np.array([10, 11, 12, 13, 30, 10])
    found = logits.copy()
    said.add(found, at)
    np.testing.assert_array_equal(found[:, 4], logits[:, 4])
    for place, own in ((0, 0), (1, 0), (2, 1), (3, 1), (5, 0)):
        moved = np.exp(logits[:, place] + values[own])
        shares = np.exp(found[:, place])
        np.testing.assert_allclose(shares / shares.sum(), moved / moved.sum(), rtol=1e-4)
        np.testing.assert_allclose(shares.sum(), np.exp(logits[:, place]).sum(), rtol=1e-5)
