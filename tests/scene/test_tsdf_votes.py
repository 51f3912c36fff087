"""Votes of labelled frames in a fused field: a slow twin, crowded voxels, full counts."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace

import numpy as np
import pytest

from crossvox.core.camera import project
from crossvox.core.frame import Frame
from crossvox.core.labels import NYU40_NAMES
from crossvox.scene.params import TsdfParams
from crossvox.scene.tsdf.blocks import BLOCK, CELL
from crossvox.scene.tsdf.volume import TsdfVolume, fuse
from crossvox.scene.tsdf.votes import (
    CANDIDATES,
    COUNT_BITS,
    FULL_COUNT,
    VOTE_VOXELS,
    most_voted,
    vote,
)

PARAMS = TsdfParams()


@pytest.fixture(scope="module")
def labelled(sphere_frames: list[Frame]) -> list[Frame]:
    """Every frame names the left half of what it sees 3 and the right half 7; noise, and holes."""
    rng = np.random.default_rng(3)
    frames = []
    for frame in sphere_frames:
        labels = np.where(np.arange(80) < 40, 3, 7).astype(np.uint8) + np.zeros((60, 1), np.uint8)
        labels[rng.random(labels.shape) < 0.1] = 12
        labels[rng.random(labels.shape) < 0.2] = 0
        frames.append(replace(frame, labels=labels))
    return frames


def kept(words: np.ndarray) -> dict[int, int]:
    return {int(word >> COUNT_BITS): int(word & FULL_COUNT) for word in words if word}


def test_twin_of_the_votes(labelled: list[Frame]) -> None:
    """Counted voxel by voxel in plain numpy: the same counts, and the same labels of vertices."""
    frames = labelled[:5]
    volume = fuse(frames, PARAMS, votes=True)
    assert volume._votes is not None
    blocks = volume.counts.blocks
    inner = np.stack(np.unravel_index(np.arange(CELL), (BLOCK,) * 3), axis=-1)
    index = (volume._corner[:blocks, None] * BLOCK + inner).reshape(-1, 3)
    counts = np.zeros((len(index), len(NYU40_NAMES)), dtype=int)
    for frame in frames:
        assert frame.pose is not None
        assert frame.depth_m is not None
        assert frame.labels is not None
        pixels = project(frame.pose.inverse().apply(index * PARAMS.voxel_m), frame.camera)
        u = np.floor(np.nan_to_num(pixels[:, 0], nan=-1.0) + 0.5).astype(int)
        v = np.floor(np.nan_to_num(pixels[:, 1], nan=-1.0) + 0.5).astype(int)
        inside = (u >= 0) & (u < 80) & (v >= 0) & (v < 60) & (pixels[:, 2] > 0)
        depth = np.where(inside, frame.depth_m[v.clip(0, 59), u.clip(0, 79)], 0)
        near = (depth > 0) & (np.abs(depth - pixels[:, 2]) < VOTE_VOXELS * PARAMS.voxel_m)
        label = frame.labels[v.clip(0, 59), u.clip(0, 79)]
        chosen = np.flatnonzero(near & (label > 0))
        counts[chosen, label[chosen]] += 1
    fast = volume._votes[:blocks].reshape(-1, CANDIDATES)
    slow = [dict(zip(row.nonzero()[0].tolist(), row[row > 0], strict=True)) for row in counts]
    voted = np.flatnonzero(counts.any(axis=1))
    assert len(voted) > 5000
    same = sum(kept(fast[n]) == slow[n] for n in voted)
    # The rest: rounding on pixel borders, as for the distances.
    assert same / len(voted) > 0.998
    assert not fast[~counts.any(axis=1)].any(axis=1).mean() > 0.001

    mesh = volume.mesh()
    assert mesh.labels is not None
    table: defaultdict[tuple[int, ...], np.ndarray] = defaultdict(lambda: np.zeros(41, int))
    table.update(zip(map(tuple, index.tolist()), counts, strict=True))
    agree = 0
    for vertex, label in zip(mesh.vertices_m / PARAMS.voxel_m, mesh.labels, strict=True):
        # A vertex lies on an edge between two voxels, never on one of them.
        axis = int(np.abs(vertex - np.round(vertex)).argmax())
        low = np.round(vertex).astype(int)
        low[axis] = int(np.floor(vertex[axis]))
        high = low.copy()
        high[axis] += 1
        total = table[tuple(low.tolist())] + table[tuple(high.tolist())]
        agree += int(total.argmax() if total.any() else 0) == label
    assert agree / len(mesh.labels) > 0.998


def test_a_vertex_has_the_class_that_most_frames_see(labelled: list[Frame]) -> None:
    first = labelled[0]
    frames = [
        replace(first, labels=np.full((60, 80), label, np.uint8)) for label in (5, 9, 9, 0, 0, 0)
    ]
    labels = fuse(frames, votes=True).mesh().labels
    assert labels is not None
    # Along the rim of what a single view shows, distances jump: no voxel is near, nobody votes.
    assert set(labels.tolist()) <= {0, 9}
    assert (labels == 9).mean() > 0.9
    equal = fuse(frames[:2], votes=True).mesh().labels
    assert equal is not None
    assert set(equal.tolist()) <= {0, 5}, "the lowest of equals"


def test_votes_are_taken_only_where_they_are_wanted_and_may_begin_later(
    labelled: list[Frame],
) -> None:
    plain = fuse(labelled[:2])
    assert plain.mesh().labels is None
    bare = [replace(frame, labels=None) for frame in labelled]
    assert fuse(bare[:1], votes=True).mesh().labels is None
    volume = TsdfVolume(votes=True)
    for frame in (*bare[:3], *labelled[3:]):
        volume.integrate(frame)
    labels = volume.mesh().labels
    assert labels is not None
    assert (labels > 0).mean() > 0.9
    without = fuse(labelled)
    with_votes = fuse(labelled, votes=True)
    assert np.array_equal(without.mesh().vertices_m, with_votes.mesh().vertices_m)
    assert with_votes.memory_bytes > without.memory_bytes


def test_ids_that_are_no_class_do_not_vote(labelled: list[Frame]) -> None:
    frame = replace(labelled[0], labels=np.full((60, 80), 200, np.uint8))
    labels = fuse([frame], votes=True).mesh().labels
    assert labels is not None
    assert not labels.any()


def cast(labels: list[int]) -> np.ndarray:
    """The votes of one voxel after these, one a frame."""
    votes = np.zeros((CELL, CANDIDATES), dtype=np.uint16)
    distance = np.full(CELL, np.nan, dtype=np.float32)
    distance[0] = 0
    pixel = np.zeros(CELL, dtype=np.int32)
    for label in labels:
        vote(np.array([label], np.uint8), pixel, distance, np.float32(0.01), votes)
    assert not votes[1:].any()
    return votes[0]


def test_a_class_with_more_than_a_fifth_of_the_votes_stays_in_a_crowded_voxel() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        labels = rng.permutation([17] * 45 + [4] * 42 + rng.integers(1, 41, 113).tolist()).tolist()
        counts = Counter(labels)
        found = kept(cast(labels))
        often = {label for label, count in counts.items() if count > len(labels) / 5}
        assert often <= found.keys()
        assert all(
            counts[label] - len(labels) / 5 <= found[label] <= counts[label] for label in often
        )


def test_a_full_count_halves_all_of_its_voxel() -> None:
    assert kept(cast([2] * 100 + [3] * FULL_COUNT)) == {2: 100, 3: FULL_COUNT}
    assert kept(cast([2] * 100 + [4] + [3] * (FULL_COUNT + 1))) == {2: 50, 3: FULL_COUNT // 2 + 1}


def test_votes_of_two_voxels_add_up() -> None:
    a, b, none = cast([2, 2, 2, 5, 5]), cast([5, 5, 7]), cast([])
    assert most_voted(a, b) == 5
    assert most_voted(b, a) == 5
    assert most_voted(a, none) == 2
    assert most_voted(none, b) == 5
    assert most_voted(none, none) == 0
    assert most_voted(cast([9]), cast([8])) == 8
