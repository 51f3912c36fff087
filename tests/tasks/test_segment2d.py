"""2D segmentation: loss against torch, counts against a slow twin, scores and baseline."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from crossvox.core.checks import ParamsError, ShapeError
from crossvox.core.class_map import BUILT_IN, ClassMap
from crossvox.core.labels import BENCHMARK_IDS, NYU40
from crossvox.core.volume import ImageBatch, Score
from crossvox.metrics import LENIENT, MAJORITY, STRICT, segmentation_scores
from crossvox.networks.features2d import Network2D, Prediction2D
from crossvox.tasks.params import Segment2dParams
from crossvox.tasks.segment2d import (
    CLASSES,
    PUBLISHED_SHARES,
    PUBLISHED_WEIGHTS,
    Segment2d,
    class_weights,
    classes_of,
    every,
    pixel_shares,
    told_probability,
)


class Given(nn.Module):
    """Gives the logits it was made with."""

    def __init__(self, logits: Tensor) -> None:
        super().__init__()
        self.logits = nn.Parameter(logits)

    def forward(self, images: Tensor, logit_stride: int = 1) -> Prediction2D:
        logits = self.logits
        if logit_stride > 1:
            logits = nn.functional.avg_pool2d(logits, logit_stride, ceil_mode=True)
        return Prediction2D(logits, logits)


def batch(seed: int = 0, size: tuple[int, int] = (8, 10), count: int = 2) -> ImageBatch:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, CLASSES, (count, *size)) * (rng.random((count, *size)) < 0.8)
    return ImageBatch(torch.zeros(count, 3, *size), torch.from_numpy(labels))


def logits_for(batch: ImageBatch, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(len(batch.labels), CLASSES, *batch.labels.shape[1:], generator=generator)


def by_name(scores: list[Score]) -> dict[str, Score]:
    return {score.name: score for score in scores}


@pytest.mark.parametrize("weighting", ["labels", "published", "even"])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_loss_is_torchs_weighted_smoothed_mean(weighting: Any, smoothing: float) -> None:
    shares = pixel_shares(np.arange(CLASSES, dtype=np.int64) + 1)
    params = Segment2dParams(weighting=weighting, label_smoothing=smoothing, loss_stride=1)
    task, data = Segment2d(params, shares), batch()
    network = Given(logits_for(data))
    losses = task.loss(network, data)
    expected = nn.functional.cross_entropy(
        network.logits,
        data.labels,
        torch.tensor(task.class_weights),
        ignore_index=0,
        label_smoothing=smoothing,
    )
    torch.testing.assert_close(losses.total, expected)
    losses.total.backward()
    assert network.logits.grad is not None
    ignored = network.logits.grad.permute(0, 2, 3, 1)[data.labels == 0]
    assert not ignored.any(), "unannotated pixels teach nothing"


def test_loss_at_a_stride_takes_the_label_in_the_middle() -> None:
    data = batch(size=(7, 10))
    task = Segment2d(Segment2dParams(loss_stride=2))
    network = Given(logits_for(data))
    coarse = nn.functional.avg_pool2d(network.logits, 2, ceil_mode=True)
    rows, columns = [1, 3, 5, 6], [1, 3, 5, 7, 9]
    expected = nn.functional.cross_entropy(
        coarse,
        data.labels[:, rows][:, :, columns],
        torch.tensor(task.class_weights),
        ignore_index=0,
        label_smoothing=0.1,
    )
    torch.testing.assert_close(task.loss(network, data).total, expected)
    assert every(data.labels, 1) is data.labels


def test_a_batch_without_labels_has_no_loss() -> None:
    data = batch()
    empty = ImageBatch(data.images, torch.zeros_like(data.labels))
    network = Given(logits_for(data))
    total = Segment2d().loss(network, empty).total
    total.backward()
    assert total.item() == 0
    assert network.logits.grad is not None
    assert not network.logits.grad.any()


@given(st.integers(0, 1000), st.integers(1, 3))
@settings(max_examples=15)
def test_counts_are_those_of_a_loop_and_add_over_batches(seed: int, cut: int) -> None:
    task, data = Segment2d(), batch(seed, count=4)
    logits = logits_for(data, seed)
    whole = task.observe(Given(logits), data)
    expected = np.zeros((CLASSES, CLASSES))
    for image in range(4):
        for row in range(8):
            for column in range(10):
                values = logits[image, :, row, column].tolist()
                best = max(range(1, CLASSES), key=values.__getitem__)
                expected[int(data.labels[image, row, column]), best] += 1
    np.testing.assert_array_equal(whole["confusion"].numpy(), expected)
    parts = [
        task.observe(Given(logits[part]), ImageBatch(data.images[part], data.labels[part]))
        for part in (slice(0, cut), slice(cut, 4))
    ]
    for name, value in whole.items():
        assert value.dtype == torch.float64
        torch.testing.assert_close(parts[0][name] + parts[1][name], value, rtol=1e-5, atol=1e-5)


def test_scores_against_a_slow_twin() -> None:
    rng = np.random.default_rng(5)
    truth, predicted = rng.integers(0, CLASSES, 4000), rng.integers(1, CLASSES, 4000)
    keep = rng.random(4000) < 0.6
    predicted[keep] = truth[keep].clip(1)
    confusion = np.zeros((CLASSES, CLASSES))
    np.add.at(confusion, (truth, predicted), 1)
    scores = by_name(segmentation_scores(confusion, 5, "test"))
    valid = np.isin(truth, BENCHMARK_IDS)

    def mean_iou(guess: Any, lenient: bool = False) -> float:
        ious = []
        for label in BENCHMARK_IDS:
            counted = valid & np.isin(guess, BENCHMARK_IDS) if lenient else valid
            hit = (counted & (truth == label) & (guess == label)).sum()
            union = (counted & ((truth == label) | (guess == label))).sum()
            ious.append(hit / union)
        return float(np.mean(ious))

    assert scores[STRICT].value == pytest.approx(mean_iou(predicted))
    assert scores[LENIENT].value == pytest.approx(mean_iou(predicted, lenient=True))
    assert scores[LENIENT].value > scores[STRICT].value
    assert scores[f"{STRICT} ({MAJORITY})"].value == pytest.approx(mean_iou(np.full(4000, 5)))
    annotated = truth > 0
    accuracy = (truth == predicted)[annotated].mean()
    assert scores["pixel accuracy"].value == pytest.approx(accuracy)
    constant = (truth == 5)[annotated].mean()
    assert scores[f"pixel accuracy ({MAJORITY})"].value == pytest.approx(constant)
    assert scores[STRICT].support == valid.sum()
    assert scores["pixel accuracy"].support == annotated.sum()
    assert scores["IoU wall"].support == (truth == 1).sum()
    classes = [name for name in scores if name.startswith("IoU ")]
    assert classes == [f"IoU {NYU40.names[c]}" for c in BENCHMARK_IDS]
    assert "misses" in scores[STRICT].protocol
    assert "as published" in scores[LENIENT].protocol


def test_golden_scores(published: Path) -> None:
    """The published count forgives predictions of ignored classes, the strict one does not."""
    with np.load(published / "segmentation_iou.npz") as case:
        scores = by_name(segmentation_scores(case["conf"], 1, "test"))
        assert scores[LENIENT].value == pytest.approx(float(case["miou"]))
        assert scores[STRICT].value == pytest.approx(float(case["miou_keep_pred_ignored"]))


def test_perfect_predictions_and_empty_splits() -> None:
    confusion = np.diag(np.arange(CLASSES) + 1.0)
    scores = by_name(segmentation_scores(confusion, 1, "test"))
    for name in (STRICT, LENIENT, "mIoU 40 classes", "pixel accuracy", "IoU toilet"):
        assert scores[name].value == 1
    nothing = by_name(segmentation_scores(np.zeros((CLASSES, CLASSES)), 1, "test"))
    assert np.isnan(nothing[STRICT].value)
    assert nothing[STRICT].support == 0
    with pytest.raises(ShapeError, match=r"needed: \(41, 41\)"):
        segmentation_scores(np.zeros((3, 3)), 1, "test")


def test_the_tasks_scores_hold_its_monitor_and_the_loss() -> None:
    task, data = Segment2d(), batch()
    network = Given(logits_for(data))
    scores = by_name(task.scores(task.observe(network, data)))
    assert task.monitor in scores
    expected = nn.functional.cross_entropy(
        network.logits,
        data.labels,
        torch.tensor(task.class_weights),
        ignore_index=0,
        label_smoothing=0.1,
    )
    assert scores["loss"].value == pytest.approx(expected.item(), rel=1e-5)
    assert scores["loss"].support == int((data.labels > 0).sum())


def test_weights_follow_the_published_formula() -> None:
    assert sum(PUBLISHED_SHARES) == pytest.approx(1, abs=0.01), "the shares it was made from"
    np.testing.assert_allclose(class_weights(PUBLISHED_SHARES), PUBLISHED_WEIGHTS, rtol=1e-9)
    pixels = np.zeros(CLASSES, dtype=np.int64)
    pixels[[0, 1, 7]] = 10, 30, 60
    task = Segment2d(Segment2dParams(), pixel_shares(pixels))
    assert task.class_weights[1] == pytest.approx(1 / np.log(1.2 + 0.3))
    assert task.class_weights[2] == pytest.approx(1 / np.log(1.2))
    assert task.majority == 7
    assert Segment2d(Segment2dParams(weighting="even")).class_weights == (1.0,) * CLASSES
    assert Segment2d(Segment2dParams(weighting="published")).class_weights == PUBLISHED_WEIGHTS


def test_unannotated_is_never_predicted_and_sizes_are_the_callers() -> None:
    logits = torch.zeros(1, CLASSES, 4, 6)
    logits[:, 0], logits[:, 9, :, 3:] = 10, 1
    logits[:, 4, :, :3] = 1
    network = Given(logits)
    ids = Segment2d().predict(network, torch.zeros(1, 3, 4, 6), (8, 12))
    assert ids.shape == (1, 8, 12)
    assert ids[0, 0].tolist() == [4] * 6 + [9] * 6


def test_answers_are_chosen_from_the_classes_that_are_told() -> None:
    logits = torch.randn(2, CLASSES, 5, 6, generator=torch.Generator().manual_seed(4))
    among = classes_of(logits, BUILT_IN["benchmark20"])
    others = [number for number in range(CLASSES) if number not in BENCHMARK_IDS]
    without = logits.clone()
    without[:, others] = -torch.inf
    assert torch.equal(among, without.argmax(dim=1))
    assert not torch.equal(among, classes_of(logits))
    assert torch.equal(classes_of(logits, ClassMap()), classes_of(logits))
    merged = ClassMap(rows=((5, 5), (6, 5), (1, 0)))
    told = told_probability(logits, merged)
    said = logits[:, 1:].softmax(dim=1).movedim(1, -1).numpy()
    np.testing.assert_allclose(told.movedim(1, -1), merged.merge(said), atol=1e-6)
    assert torch.equal(classes_of(logits, merged), told.argmax(dim=1) + 1)
    logits[:, 1] = 300  # So sure of a wall that in 32 bits nothing is left beside it.
    assert torch.equal(told_probability(logits, merged), told)


def test_rates_by_part_and_frozen_parts() -> None:
    task = Segment2d(Segment2dParams(network="enet", encoder_rate_share=0.1, freeze="early"))
    network = task.build()
    assert isinstance(network, Network2D)
    groups = task.parameter_groups(network, 1e-3)
    assert [group["lr"] for group in groups] == pytest.approx([1e-3, 1e-4])
    ids = {id(p) for group in groups for p in group["params"]}
    assert ids == {id(p) for p in network.parameters() if p.requires_grad}
    assert len(ids) < len(list(network.parameters()))


def test_built_without_starting_weights_for_a_checkpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    from crossvox.networks import packaged

    def refuse() -> None:
        raise AssertionError("the packaged weights were read")

    monkeypatch.setattr(packaged, "weights_file", refuse)
    Segment2d().build(weights=False)


def test_values_that_make_no_sense_are_refused() -> None:
    for change in ({"label_smoothing": 1.0}, {"encoder_rate_share": -1.0}, {"loss_stride": 3}):
        with pytest.raises(ParamsError, match=r"given: .*; needed: .*; do: "):
            Segment2dParams(**change)  # type: ignore[arg-type]
    with pytest.raises(ParamsError, match="needed: 41"):
        Segment2d(shares=(0.5, 0.5))
    with pytest.raises(ParamsError, match="not all unannotated"):
        pixel_shares(np.eye(1, CLASSES, dtype=np.int64)[0])


def test_a_tiny_set_is_learnt() -> None:
    """Two images of two colours: the network must tell them apart within a few steps."""
    torch.manual_seed(0)
    task = Segment2d(Segment2dParams(weighting="even", label_smoothing=0.0))
    network = task.build().train()
    labels = torch.full((4, 64, 64), 3)
    labels[:, :, 32:] = 12
    labels[::2] = labels[::2].flip(2)
    images = torch.where(labels[:, None] == 3, 1.0, -1.0).expand(-1, 3, -1, -1).contiguous()
    optimizer = torch.optim.AdamW(task.parameter_groups(network, 3e-3))
    first = last = 0.0
    for step in range(12):
        loss = task.loss(network, ImageBatch(images, labels)).total
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        first, last = (loss.item() if step == 0 else first), loss.item()
    assert last < 0.3 * first
