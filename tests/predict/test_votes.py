"""2D votes against a count by loops, and their laws."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from crossvox.core.camera import Intrinsics
from crossvox.core.checks import ShapeError
from crossvox.core.grid import VoxelGrid
from crossvox.core.volume import SceneViews, SceneVolume
from crossvox.predict.prior import frame_means
from crossvox.predict.votes import vote
from crossvox.views.params import ViewParams

SIZE = (4, 6)
VIEWS = ViewParams(width=6, height=4)
CAMERA = Intrinsics(5.0, 5.0, 2.5, 1.5, 6, 4)
GRID = VoxelGrid((3, 4, 5), 0.05, (0.0, 1.0, 2.0))


class LabelledFrames:
    """A source whose images name their frame in the first channel."""

    def __init__(self, views: SceneViews) -> None:
        self.views, self.grid = views, views.grid
        self.asked: list[int] = []

    def image(self, frame_id: int, params: ViewParams) -> NDArray[np.uint8]:
        self.asked.append(frame_id)
        return np.full((3, params.height, params.width), frame_id % 256, np.uint8)


def make_views(seed: int, frames: int = 7) -> tuple[SceneViews, dict[int, NDArray[np.uint8]]]:
    """Some voxels, at some pixels, of each frame; labels of the frames, 0 among them."""
    random = np.random.default_rng(seed)
    seen = [np.flatnonzero(random.random(GRID.count) < 0.4) for _ in range(frames)]
    ids = random.permutation(40)[:frames].astype(np.int32)
    views = SceneViews(
        grid=GRID,
        camera=CAMERA,
        frame_ids=ids,
        start=np.cumsum([0, *map(len, seen)]),
        voxel=np.concatenate(seen).astype(np.int32),
        pixel=random.integers(0, 24, sum(map(len, seen))).astype(np.int32),
    )
    # Few classes, so that there are ties.
    labels = {int(i): random.choice([0, 3, 7, 40], SIZE).astype(np.uint8) for i in ids}
    return views, labels


def voted(views: SceneViews, labels: dict[int, NDArray[np.uint8]], **options: Any) -> SceneVolume:
    source: Any = LabelledFrames(views)
    found = vote(lambda image: labels[int(image[0, 0, 0])], source, VIEWS, **options)
    assert source.asked == views.frame_ids.tolist(), "every frame once"
    return found


@given(st.integers(0, 10_000))
@settings(max_examples=25)
def test_equals_a_count_by_loops(seed: int) -> None:
    views, labels = make_views(seed)
    found = voted(views, labels)
    for voxel, place in enumerate(np.ndindex(*GRID.shape)):
        ballots: Counter[int] = Counter()
        for number, frame in enumerate(views.frame_ids.tolist()):
            for n in range(int(views.start[number]), int(views.start[number + 1])):
                if views.voxel[n] == voxel:
                    ballots[int(labels[frame].reshape(-1)[views.pixel[n]])] += 1
        del ballots[0]  # who names nothing does not vote
        most = max(ballots.values(), default=0)
        winner = min((label for label, count in ballots.items() if count == most), default=0)
        assert found.labels[place] == winner
    np.testing.assert_array_equal(found.occupied, found.labels > 0)
    np.testing.assert_array_equal(found.observed, found.occupied)
    assert found.labels.dtype == np.uint8
    assert found.grid == GRID


@given(st.integers(0, 10_000), st.permutations(range(7)))
@settings(max_examples=20)
def test_the_order_of_frames_does_not_matter(seed: int, order: list[int]) -> None:
    views, labels = make_views(seed)
    pieces = [slice(int(views.start[n]), int(views.start[n + 1])) for n in order]
    shuffled = replace(
        views,
        frame_ids=views.frame_ids[order],
        start=np.cumsum([0, *(piece.stop - piece.start for piece in pieces)]),
        voxel=np.concatenate([views.voxel[piece] for piece in pieces]),
        pixel=np.concatenate([views.pixel[piece] for piece in pieces]),
    )
    np.testing.assert_array_equal(voted(views, labels).labels, voted(shuffled, labels).labels)


def one_voxel(ballots: list[int]) -> tuple[SceneViews, dict[int, NDArray[np.uint8]]]:
    """Voxel 7, seen at pixel 5 by as many frames as there are ballots."""
    count = len(ballots)
    views = SceneViews(
        grid=GRID,
        camera=CAMERA,
        frame_ids=np.arange(count, dtype=np.int32),
        start=np.arange(count + 1, dtype=np.int64),
        voxel=np.full(count, 7, np.int32),
        pixel=np.full(count, 5, np.int32),
    )
    return views, {n: np.full(SIZE, label, np.uint8) for n, label in enumerate(ballots)}


@pytest.mark.parametrize(
    ("ballots", "winner"),
    [
        ([5, 2], 2),  # equals: the lowest id
        ([0, 0, 0, 9], 9),  # 0 never votes
        ([0, 0], 0),
        ([40, 40, 1], 40),
        ([], 0),
    ],
)
def test_single_ballots(ballots: list[int], winner: int) -> None:
    views, labels = one_voxel(ballots)
    found = voted(views, labels)
    assert found.labels.reshape(-1)[7] == winner
    assert found.occupied.sum() == (winner > 0)


def test_more_votes_than_a_byte_holds() -> None:
    """300 against 250: a byte would have come round to 44."""
    views, labels = one_voxel([3] * 300 + [8] * 250)
    source: Any = LabelledFrames(views)
    answers = iter(labels.values())
    found = vote(lambda image: next(answers), source, VIEWS)
    assert found.labels.reshape(-1)[7] == 3


def test_progress_and_wrong_sizes() -> None:
    views, labels = one_voxel([3, 3])
    steps: list[tuple[int, int]] = []
    voted(views, labels, progress=lambda *step: steps.append(step))
    assert steps == [(1, 2), (2, 2)]
    with pytest.raises(ShapeError, match=r"given: labels of shape \(6, 4\); needed: \(4, 6\)"):
        voted(views, {n: ids.T for n, ids in labels.items()})


def test_soft_votes_are_means_over_the_frames_that_see() -> None:
    """Against one pair at a time; maps of stride 2, of whose channels the last 3 count."""
    views, _ = make_views(4)
    made = {int(f): np.random.default_rng(int(f)).normal(size=(5, 2, 3)) for f in views.frame_ids}

    class Maps:
        def get(self, name: str, frame: int, image: Any) -> Any:
            assert (name, tuple(image.shape)) == ("room", (3, *SIZE))
            return made[frame].astype(np.float32)

    source: Any = LabelledFrames(views)
    source.name = "room"
    maps: Any = Maps()
    voxels, means = frame_means(maps, 3, 2, source, VIEWS)
    slow: dict[int, list[Any]] = {}
    for number, frame in enumerate(views.frame_ids.tolist()):
        for n in range(int(views.start[number]), int(views.start[number + 1])):
            row, column = divmod(int(views.pixel[n]), SIZE[1])
            slow.setdefault(int(views.voxel[n]), []).append(made[frame][-3:, row // 2, column // 2])
    assert voxels.tolist() == sorted(slow)
    expected = [np.mean(slow[voxel], axis=0) for voxel in voxels.tolist()]
    np.testing.assert_allclose(means, expected, rtol=1e-5, atol=1e-6)
