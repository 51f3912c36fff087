"""The published recipe as arms of a study, and each of our changes taken back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from crossvox.core.camera import PUBLISHED_CAMERA
from crossvox.predict.params import PredictParams
from crossvox.recipes.published.params import CLEAN_SHARE, THESIS_VIEWS
from crossvox.recipes.study.targets import PREDICT, bound, run_of
from crossvox.recipes.study.transfer import find_design
from crossvox.study import original
from crossvox.study.arms import ARMS, RECONSTRUCT, SEGMENT3D, arms_of
from crossvox.study.design import CellDesign, Design, TargetDesign
from crossvox.study.overrides import overridden, within


def cells(target: str, *names: str, **params: Any) -> dict[str, Any]:
    """Run and prediction of arms as a design trains them, by name."""
    asked = TargetDesign(params, tuple(CellDesign(name) for name in names))
    one = bound(Design("one", "What?", {target: asked}))[target]
    return {
        arm.name: (
            run_of(arm, one.params),
            overridden(one.params.predict, within(arm.sets, PREDICT)),
        )
        for arm in one.arms
    }


@pytest.mark.parametrize("task", [RECONSTRUCT, SEGMENT3D])
def test_every_arm_is_one_that_can_be_trained(task: str) -> None:
    names = [arm.name for arm in arms_of(task) if arm.by_name]
    found = cells(task, *names)
    assert list(found) == names
    assert all(ARMS[ARMS[name].control_of].task == task for name in names)


def test_the_reconstruction_is_as_published() -> None:
    run, predict = cells(RECONSTRUCT, "thesis", **{"run.chunks.shape": [16, 16, 16]})["thesis"]
    task, train = run.task, run.train
    assert (task.network, task.class_weights, task.loss_region) == ("surfacenet", (1, 13), "all")
    assert task.in_channels == 15, "five views behind each other, and no channel beside"
    assert replace(run.views, camera=()) == THESIS_VIEWS
    assert run.views.one_camera == PUBLISHED_CAMERA
    assert (run.chunks.shape, run.chunks.per_scene) == ((32, 32, 64), 100)
    assert (run.chunks.require_views, run.chunks.placing) == (5, "published")
    assert (run.chunks.occupied_share, run.chunks.wall_floor_share) == (0.20, 0.05)
    assert (train.rate, train.weight_decay, train.schedule) == (1e-3, 0, "constant")
    assert (train.warmup_steps, train.clip_norm, train.average) == (0, 0, 0)
    assert (predict.surface.method, predict.surface.level) == ("hard", 0.5)
    assert (predict.stride, predict.blend) == (run.chunks.shape, "flat")
    assert (predict.least_views, predict.least_occupied) == (5, CLEAN_SHARE)


def test_the_segmentation_is_as_published() -> None:
    run, predict = cells(SEGMENT3D, "thesis-segment3d")["thesis-segment3d"]
    assert (run.task.network, run.task.weighting) == ("surfacenet", "published")
    assert not run.task.class_prior
    assert not run.task.seen_channel
    assert predict.surface.method == "hard"
    assert ARMS["thesis-segment3d"].features == "run2d", "its scratch reads features, too"


def test_one_change_is_taken_back_at_a_time() -> None:
    ours, own = cells(RECONSTRUCT, "rgb")["rgb"]
    found = cells(RECONSTRUCT, *(a.name for a in arms_of(RECONSTRUCT) if "without" in a.name))
    run, predict = found["without-view-masks"]
    assert (run, predict) == (replace(ours, task=replace(ours.task, seen_channel=False)), own)
    run, predict = found["without-sub-voxel-surface"]
    assert run == ours, "the same run: only its surface is drawn in another way"
    assert replace(predict, surface=own.surface) == own != predict
    run, predict = found["without-coverage"]
    assert (run, predict.blend, predict.least_views) == (ours, "flat", 5)
    run, predict = found["without-loss-region"]
    assert (run, predict) == (replace(ours, task=replace(ours.task, loss_region="all")), own)
    run, predict = found["without-own-intrinsics"]
    assert replace(run, views=ours.views) == ours != run
    assert predict == own == PredictParams()
    run, _ = found["without-even-weights"]
    assert run.task.class_weights == (1, 13)
    assert set(ARMS) >= {"without-class-prior-segment3d", "without-coverage-segment3d"}


def test_the_preset_asks_for_the_whole_and_for_every_change() -> None:
    design = find_design(Path("original"))
    changes = {
        RECONSTRUCT: original.WITHOUT_RECONSTRUCTION,
        SEGMENT3D: original.WITHOUT_SEGMENTATION,
    }
    asked = {(one.target, one.arm, one.control, one.score) for one in design.contrasts}
    for target, scores in ((RECONSTRUCT, ("", "F-score (thesis)")), (SEGMENT3D, ("",))):
        pairs = [("ours", f"without-{name}") for name in changes[target]]
        whole = [("ours", "thesis"), ("ours-longer", "thesis")]
        wanted = {(target, *pair, score) for pair in (*whole, *pairs) for score in scores}
        assert {one for one in asked if one[0] == target} == wanted
    named = [one for one in design.contrasts if one.named]
    assert {one.control for one in named} == {"thesis"}, "what changes add each is exploratory"


def test_the_preset_compares_at_the_same_steps_and_with_a_fair_camera() -> None:
    for name, one in bound(find_design(Path("original"))).items():
        arms = {arm.name: run_of(arm, one.params) for arm in one.arms}
        steps = {arm: run.train.steps for arm, run in arms.items()}
        longer = steps.pop("ours-longer")
        assert len(set(steps.values())) == 1, name
        assert longer > steps["thesis"], "a step of ours takes less time"
        assert arms["thesis"].task.network == "surfacenet"
        camera = arms["thesis"].views.one_camera
        assert camera is not None
        assert camera == arms["without-own-intrinsics"].views.one_camera
        # Generated rooms are filmed with focal lengths from 0.74 to 0.86 of the width.
        assert camera.fx / camera.width == pytest.approx((0.74 + 0.86) / 2)


def test_the_comparison_on_scannet_is_trained_as_published() -> None:
    found = bound(find_design(Path("scannet-thesis")))
    loop = {"steps", "batch_size", "accumulate", "tensorboard"}
    for task, published in ((RECONSTRUCT, "thesis"), (SEGMENT3D, "thesis-segment3d")):
        run, predict = cells(task, published)[published]
        one = found[task]
        ours = run_of(next(arm for arm in one.arms if not arm.sets), one.params)
        train = {name: getattr(run.train, name) for name in loop}
        assert replace(ours, train=replace(ours.train, **train)) == run, task
        assert ours.train.batch_size * ours.train.accumulate == 16
        assert replace(one.params.predict, colors=predict.colors) == predict
    assert found[RECONSTRUCT].params.protocols == ("surface", "thesis")
