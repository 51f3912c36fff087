"""Lifting: against a slow loop, its gradients, and its laws."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from crossvox.core.checks import ParamsError, ShapeError
from crossvox.core.grid import Index3, turn
from crossvox.views.lift import lift, seen_voxels, view_counts

FUSIONS = ("concat", "mean", "max")
Case = tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Index3, Tensor]


def make_case(
    seed: int = 0,
    *,
    batch: int = 2,
    views: int = 3,
    channels: int = 2,
    image: tuple[int, int] = (3, 4),
    shape: Index3 = (3, 4, 5),
    pairs: int = 25,
    missing: bool = False,
) -> Case:
    """Random pairs, a (sample, view, voxel) at most once; few pixels, so that many are shared."""
    generator = torch.Generator().manual_seed(seed)
    features = torch.randn(batch, views, channels, *image, generator=generator, dtype=torch.float64)
    voxels = shape[0] * shape[1] * shape[2]
    chosen = torch.randperm(batch * views * voxels, generator=generator)[:pairs]
    sample, rest = chosen // (views * voxels), chosen % (views * voxels)
    view, voxel = rest // voxels, rest % voxels
    pixel = torch.randint(0, image[0] * image[1], (len(chosen),), generator=generator)
    view_ok = torch.ones(batch, views, dtype=torch.bool)
    if missing:
        view_ok[0, -1] = False
    return features, voxel, pixel, view, sample, shape, view_ok


def slow_lift(
    features: Tensor,
    voxel: Tensor,
    pixel: Tensor,
    view: Tensor,
    sample: Tensor,
    shape: Index3,
    view_ok: Tensor,
    fusion: str,
) -> Tensor:
    """One voxel at a time."""
    batch, views, channels, _, width = features.shape
    joined = channels * views if fusion == "concat" else channels
    out = torch.zeros(batch, joined, *shape, dtype=features.dtype)
    for b in range(batch):
        for place, (i, j, k) in enumerate(itertools.product(*(range(n) for n in shape))):
            seen: dict[int, Tensor] = {}
            for n in range(len(voxel)):
                slot = int(view[n])
                if sample[n] == b and voxel[n] == place and view_ok[b, slot]:
                    row, column = divmod(int(pixel[n]), width)
                    seen[slot] = features[b, slot, :, row, column]
            if not seen:
                continue
            if fusion == "concat":
                for slot, value in seen.items():
                    out[b, slot * channels : (slot + 1) * channels, i, j, k] = value
            else:
                stack = torch.stack(list(seen.values()))
                out[b, :, i, j, k] = stack.mean(0) if fusion == "mean" else stack.amax(0)
    return out


@pytest.mark.parametrize("fusion", FUSIONS)
@pytest.mark.parametrize("missing", [False, True])
def test_equals_a_slow_loop(fusion: str, missing: bool) -> None:
    case = make_case(missing=missing, pairs=90)
    torch.testing.assert_close(lift(*case, fusion), slow_lift(*case, fusion))


@pytest.mark.parametrize("fusion", FUSIONS)
def test_gradient_equals_numeric_and_slow_gradient(fusion: str) -> None:
    case = make_case(pairs=60, missing=True)
    features = case[0].requires_grad_()
    assert torch.autograd.gradcheck(lambda f: lift(f, *case[1:], fusion), (features,))
    weight = torch.randn(
        lift(*case, fusion).shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1)
    )
    (fast,) = torch.autograd.grad((lift(*case, fusion) * weight).sum(), features)
    (slow,) = torch.autograd.grad((slow_lift(*case, fusion) * weight).sum(), features)
    torch.testing.assert_close(fast, slow)


@pytest.mark.parametrize("fusion", FUSIONS)
def test_gradients_add_where_voxels_share_a_pixel(fusion: str) -> None:
    features = torch.ones(1, 1, 2, 2, 2, requires_grad=True)
    voxel = torch.arange(5)
    pixel = torch.tensor([3, 3, 3, 0, 3])
    zeros = torch.zeros(5, dtype=torch.long)
    volume = lift(features, voxel, pixel, zeros, zeros, (2, 2, 2), torch.ones(1, 1).bool(), fusion)
    volume.sum().backward()
    assert features.grad is not None
    assert features.grad.tolist() == [[[[[1, 0], [0, 4]], [[1, 0], [0, 4]]]]]


@pytest.mark.parametrize("value", [0.0, 2.0, -2.0])
def test_max_shares_the_gradient_of_equal_views_evenly(value: float) -> None:
    """A seen 0, usual after ReLU, must not lose half of its gradient to the start value."""
    features = torch.full((1, 2, 1, 1, 1), value, requires_grad=True)
    zeros = torch.zeros(2, dtype=torch.long)
    ok = torch.ones(1, 2, dtype=torch.bool)
    volume = lift(features, zeros, zeros, torch.arange(2), zeros, (1, 1, 2), ok, "max")
    volume.sum().backward()
    assert features.grad is not None
    assert features.grad.flatten().tolist() == [0.5, 0.5]
    assert volume.flatten().tolist() == [value, 0.0]


def test_max_keeps_negative_values_of_seen_voxels() -> None:
    features = torch.full((1, 1, 1, 1, 1), -3.0)
    zero = torch.zeros(1, dtype=torch.long)
    volume = lift(features, zero, zero, zero, zero, (1, 1, 2), torch.ones(1, 1).bool(), "max")
    assert volume.flatten().tolist() == [-3.0, 0.0]


@pytest.mark.parametrize("fusion", ["mean", "max"])
@given(seed=st.integers(0, 10_000), order=st.permutations(range(4)))
@settings(max_examples=20)
def test_order_of_views_does_not_matter(fusion: str, seed: int, order: list[int]) -> None:
    features, voxel, pixel, view, sample, shape, ok = make_case(seed, views=4, pairs=120)
    ok[0, seed % 4] = False
    slot_of = torch.empty(4, dtype=torch.long)
    slot_of[torch.tensor(order)] = torch.arange(4)
    plain = lift(features, voxel, pixel, view, sample, shape, ok, fusion)
    moved = lift(
        features[:, order], voxel, pixel, slot_of[view], sample, shape, ok[:, order], fusion
    )
    torch.testing.assert_close(plain, moved)


@pytest.mark.parametrize("fusion", FUSIONS)
@given(seed=st.integers(0, 10_000), turns=st.integers(-3, 5))
@settings(max_examples=20)
def test_commutes_with_quarter_turns(fusion: str, seed: int, turns: int) -> None:
    features, voxel, pixel, view, sample, shape, ok = make_case(seed, shape=(3, 4, 2), pairs=40)
    numbers = turn(np.arange(24).reshape(shape), turns)
    place_of = torch.from_numpy(np.argsort(numbers.ravel()))
    turned = lift(features, place_of[voxel], pixel, view, sample, numbers.shape, ok, fusion)
    plain = lift(features, voxel, pixel, view, sample, shape, ok, fusion)
    expected = torch.from_numpy(turn(plain.numpy(), turns).copy())
    assert torch.equal(turned, expected)


@pytest.mark.parametrize("fusion", FUSIONS)
def test_no_pairs_give_zeros_and_zero_gradients(fusion: str) -> None:
    case = make_case(pairs=0)
    features = case[0].requires_grad_()
    volume = lift(*case, fusion)
    channels = 6 if fusion == "concat" else 2
    assert volume.shape == (2, channels, 3, 4, 5)
    volume.sum().backward()
    assert volume.abs().sum() == 0
    assert features.grad is not None
    assert features.grad.abs().sum() == 0


@pytest.mark.parametrize("fusion", FUSIONS)
def test_all_views_missing_is_legal(fusion: str) -> None:
    *arguments, ok = make_case()
    assert lift(*arguments, torch.zeros_like(ok), fusion).abs().sum() == 0


@pytest.mark.parametrize("fusion", FUSIONS)
def test_keeps_the_type_and_takes_any_integer(fusion: str) -> None:
    features, voxel, pixel, view, sample, shape, ok = make_case()
    narrow = (index.int() for index in (voxel, pixel, view, sample))
    volume = lift(features.float(), *narrow, shape, ok, fusion)
    assert volume.dtype == torch.float32
    expected = lift(features.float(), voxel, pixel, view, sample, shape, ok, fusion)
    assert torch.equal(volume, expected)


def test_seen_voxels_and_counts_equal_a_loop() -> None:
    _, voxel, _, _, sample, shape, _ = make_case(pairs=90)
    counts = torch.zeros(2, 60)
    for b, place in zip(sample.tolist(), voxel.tolist(), strict=True):
        counts[b, place] += 1
    assert torch.equal(view_counts(voxel, sample, 2, shape), counts.reshape(2, *shape))
    assert torch.equal(seen_voxels(voxel, sample, 2, shape), counts.reshape(2, *shape) > 0)
    none = torch.zeros(0, dtype=torch.long)
    assert not seen_voxels(none, none, 2, shape).any()
    assert not view_counts(none, none, 2, shape).any()


@pytest.mark.parametrize(
    ("which", "value", "text"),
    [
        (1, 60, r"given: voxel numbers from \d+ to 60; needed: 0 to 59 "),
        (2, 12, r"given: pixel numbers from \d+ to 12; needed: 0 to 11 "),
        (3, 3, r"given: view numbers from \d+ to 3; needed: 0 to 2 "),
        (4, -1, r"given: sample numbers from -1 to \d+; needed: 0 to 1 "),
    ],
)
def test_pairs_that_point_outside_are_refused(which: int, value: int, text: str) -> None:
    case = list(make_case())
    case[which][0] = value
    with pytest.raises(ShapeError, match=text):
        lift(*case)


def test_wrong_sizes_and_names_are_refused() -> None:
    features, voxel, pixel, view, sample, shape, ok = make_case()
    with pytest.raises(ShapeError, match=r"needed: \(B, K, C, H, W\) and \(B, K\)"):
        lift(features, voxel, pixel, view, sample, shape, ok[:, :2])
    with pytest.raises(ShapeError, match="needed: four lists of one length"):
        lift(features, voxel, pixel[:-1], view, sample, shape, ok)
    with pytest.raises(ParamsError, match="needed: concat, mean, max or sum"):
        lift(features, voxel, pixel, view, sample, shape, ok, "median")  # type: ignore[arg-type]
