"""A transfer study as one could have found it: simulated scores, real statistics."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.core.artifact import plain
from crossvox.core.volume import Score
from crossvox.metrics.statistics import paired_difference
from crossvox.study.arms import Arm
from crossvox.study.compare import compare
from crossvox.study.findings import MARGINS, TargetResults, findings
from crossvox.study.label_saving import LabelStep, label_saving
from crossvox.study.results import Result, Scored
from crossvox.study.transfer import (
    Cause,
    CauseGroup,
    CellCost,
    Contrast,
    Description,
    Transfer,
)

Table = NDArray[np.float64]
SEEDS, ROOMS = 6, 8
SHARES = (0.05, 0.1, 0.2, 0.5)

RECONSTRUCT = {
    "rgb": ("", "nothing", "Colours are lifted as they are.", 0.0),
    "rgb-matched": ("segmentation", "nothing", "Colours in the shape of features.", -0.006),
    "random": ("segmentation", "random", "The 2D network with random weights.", 0.001),
    "imagenet": ("segmentation", "imagenet", "The 2D network with ImageNet weights.", 0.004),
    "segmentation": ("", "segment2d", "The 2D network as trained for segmentation.", 0.018),
}
SEGMENT3D = {
    "scratch": ("", "segment2d", "Features of the 2D run, from chance.", 0.0),
    "scratch-long": ("from-reconstruction", "segment2d", "With the steps of both runs.", 0.012),
    "from-reconstruction": ("", "reconstruct-features", "From a reconstruction run.", 0.011),
}
SEGMENT2D = {
    "images-alone": ("", "segment2d", "What the 2D network says of each frame.", 0.0),
    "rendered": ("", "segment3d", "Labels of a 3D segmentation, rendered into frames.", 0.0006),
}


def _score(name: str, value: float) -> Score:
    return Score(name, value, "ratio", 1, "points", True, "surface", place="main")


def _target(
    score: str, base: float, gains: Mapping[str, tuple[str, str, str, float]], noise: float
) -> TargetResults:
    rng = np.random.default_rng(len(gains))
    rooms = [f"room{n:02d}" for n in range(ROOMS)]
    hard = rng.normal(base, 0.05, (1, ROOMS))
    own = {name: rng.normal(0, noise, (1, ROOMS)) for name in gains}
    tables = {
        name: hard + gain + own[name] + noise * rng.normal(size=(SEEDS, ROOMS))
        for name, (_, _, _, gain) in gains.items()
    }
    results = [
        Result(
            name, seed, f"i{seed}", "r", "p", 120_000 + 10 * len(name), 60, {"train": 30.0 + seed,
            "predict": 4.0, "score": 2.0},
            {room: {score: float(v)} for room, v in zip(rooms, row, strict=True)},
        )
        for name, table in tables.items()
        for seed, row in enumerate(table)
    ]  # fmt: skip
    arms = [
        Arm(name, text, source=source, control_of=of, share=_share(name))
        for name, (of, source, text, _) in gains.items()
    ]
    arms.append(Arm("mask_only", "Nothing learnt: the seen voxels.", learns=False))
    baselines = {"mask_only": Scored({room: [_score(score, base - 0.1)] for room in rooms})}
    return TargetResults(compare(arms, results, baselines, ()), results, baselines)


def _share(name: str) -> float:
    found = name.rpartition("@")
    return float(found[2]) if found[1] else 1.0


def _asked() -> tuple[Contrast, ...]:
    return (
        Contrast("segmentation-over-imagenet", "reconstruct", "segmentation", "imagenet",
                 "Does learning to segment images help to reconstruct rooms?"),
        Contrast("random-over-rgb", "reconstruct", "random", "rgb",
                 "Does looking around in the image help, without anything learnt?"),
        Contrast("matched-over-rgb", "reconstruct", "rgb-matched", "rgb",
                 "Do colours of the shape of features help?"),
        Contrast("beyond-its-steps", "segment3d", "from-reconstruction", "scratch-long",
                 "Does learning to reconstruct help to segment rooms, beyond the steps it takes?"),
        Contrast("over-scratch", "segment3d", "from-reconstruction", "scratch",
                 "Does starting from a reconstruction help to segment rooms?"),
        Contrast("rendered-over-images", "segment2d", "rendered", "images-alone",
                 "Do labels learnt in 3D help to segment frames?"),
        Contrast("both-over-scratch", "segment3d", "both", "scratch",
                 "Does learning both before help to segment rooms?"),
        Contrast("imagenet-over-random", "reconstruct", "imagenet", "random",
                 "Do ImageNet weights help?", named=False),
    )  # fmt: skip


def _causes() -> tuple[Cause, ...]:
    rng = np.random.default_rng(5)

    def groups(names: Mapping[str, float]) -> tuple[CauseGroup, ...]:
        zero = np.zeros((SEEDS, ROOMS))
        return tuple(
            CauseGroup(
                name, 1 / len(names), 0.8 + gain, 0.8,
                paired_difference(gain + rng.normal(0, 0.01, (SEEDS, ROOMS)), zero),
            )
            for name, gain in names.items()
        )  # fmt: skip

    read = "Gains on what no frame saw are what was learnt of rooms."
    classes = ("wall", "floor", "chair", "table", "bookshelf", "picture")
    return (
        Cause("segmentation-over-imagenet", "seen", "F-score",
              groups({"seen": 0.004, "unseen": 0.03}), read),
        Cause("segmentation-over-imagenet", "distance to what was seen", "F-score",
              groups({"under 0.1 m": 0.002, "0.1 to 0.2 m": 0.02, "above 0.2 m": 0.04}), ""),
        Cause("over-scratch", "class", "IoU",
              groups({name: 0.01 * n for n, name in enumerate(classes)}), ""),
    )  # fmt: skip


def some_transfer() -> dict[str, Any]:
    """What ``transfer.json`` holds."""
    curve = {
        f"{name}@{share}": ("", source, "Fewer labels.", gain + 0.06 * math.log(share))
        for name, source, gain in (
            ("scratch", "segment2d", 0.0),
            ("from-reconstruction", "reconstruct-features", 0.05),
        )
        for share in SHARES
    }
    targets = {
        "reconstruct": _target("F-score", 0.8, RECONSTRUCT, 0.004),
        "segment3d": _target("mIoU strict", 0.4, {**SEGMENT3D, **curve}, 0.015),
        "segment2d": _target("mIoU strict", 0.5, SEGMENT2D, 0.0005),
    }
    steps = {
        name: [LabelStep(f"{name}@{s}", s, max(1, round(s * 56))) for s in SHARES]
        + [LabelStep(name, 1.0, 56)]
        for name in ("scratch", "from-reconstruction")
    }
    saving = label_saving("labelled rooms, from a reconstruction", "segment3d",
                          targets["segment3d"], steps["from-reconstruction"],
                          steps["scratch"])  # fmt: skip
    assert saving is not None
    comparisons = {name: target.comparison for name, target in targets.items()}
    costs = tuple(
        CellCost(name, arm.name, arm.seconds, arm.parameters, 2 if arm.name == "rgb" else 0)
        for name, comparison in comparisons.items()
        for arm in comparison.arms
        if arm.seeds
    )
    described = Description(
        "k-NN consistency across views", "segmentation", "30 to 60 degrees", 0.71, 0.66, 0.76,
        "ratio", "Features of one place that stay alike.",
    )  # fmt: skip
    answered = findings(_asked(), targets)
    told = {one.contrast.name for one in answered}
    found = Transfer(
        name="quick",
        title="Do reconstruction and segmentation of rooms help each other?",
        comparisons=comparisons,
        findings=answered,
        unanswered=tuple(one for one in _asked() if one.name not in told),
        savings=(saving,),
        causes=_causes(),
        descriptions=(described, replace(described, of="imagenet", mean=0.58, low=0.5, high=0.65)),
        costs=costs,
        margins=dict(MARGINS),
        seeds=SEEDS,
        training_scenes=56,
        held_out_scenes=ROOMS,
        cautions=comparisons["reconstruct"].cautions,
        protocol={"reconstruct": "Surfaces are sampled by area; distances below 5 cm count.",
                  "segment3d": "Classes of the nearest vertex, one count over all rooms.",
                  "segment2d": "Pixels of the frames of held-out rooms, one count."},
    )  # fmt: skip
    return dict(plain(found))
