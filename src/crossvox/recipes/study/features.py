"""What is lifted in an arm, by the name that the arm gives it.

How features of a name are made is an entry of :data:`FEATURES`; what stands behind a colon in the
name is the entry's own (``timm:NAME``, ``files:DIR``). Each gives a 2D run, or a folder of feature
files: a run on sub-volumes takes either.

- ``run2d``: the 2D run of the study;
- ``projection``, ``random``, ``imagenet``, ``timm:NAME``: a network that is not trained;
- ``bn``, ``bn:imagenet``: the 2D run, or its start from ImageNet, with nothing but its batch norms'
  statistics taken anew on the training images;
- ``segment2d``, ``segment2d:first``, ``segment2d:second``: a network trained as the 2D run was, on
  the rooms whose labels the arm uses, or on either half of the training rooms;
- ``shuffled``: likewise, with each other's labels (:func:`crossvox.samples.pairs.shuffled`);
- ``crossfit``: features of a room by a network that never saw its labels;
- ``files:DIR``: one's own;
- ``both``, ``both:FIRST&SECOND``: two of these behind each other; without names the 2D run and mean
  colours.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from crossvox.core.artifact import digest, read_manifest
from crossvox.core.checks import ParamsError, expect
from crossvox.core.registry import Registry
from crossvox.flow import locks
from crossvox.flow.stage import Input, Stage
from crossvox.recipes.data import read_scenes
from crossvox.recipes.image_run import read_segment2d_run
from crossvox.recipes.segment2d import Segment2dRunParams, train_segment2d
from crossvox.recipes.study.combined import BothNetworks, CrossFitted
from crossvox.recipes.study.scenes import NETWORKS, SceneStudy
from crossvox.recipes.study.untrained import CALIBRATION_IMAGES, UntrainedNetwork
from crossvox.recipes.trained import run2d_input
from crossvox.samples.label_budget import labelled_rooms
from crossvox.samples.params import LabelParams
from crossvox.study.arms import Arm
from crossvox.train.report import TrainReport

Make = Callable[[SceneStudy[Any], Arm, int], Path]
"""A study, an arm and a seed to a 2D run or a folder of feature files."""

FEATURES: Registry[Make] = Registry("what is lifted", "crossvox.features")
"""How what is lifted is made, by the name before the colon."""

HALF = "sources.labels.half"
"""What an arm sets to learn from one half of the training rooms."""


class NetworkInterrupted(Exception):
    """The training of a 2D network was interrupted; the same call goes on from there.

    Attributes:
        report: how far it is.
    """

    def __init__(self, report: TrainReport) -> None:
        super().__init__("a 2D network of the study was interrupted")
        self.report = report


def features_of(study: SceneStudy[Any], arm: Arm, seed: int) -> Path | None:
    """What an arm lifts: a 2D run or a folder of features, made if not there; None for colours.

    Raises:
        ParamsError: nothing of this name can be lifted, or it needs a 2D run that there is not.
        NetworkInterrupted: a network that is trained for it was interrupted.
    """
    if not arm.features:
        return None
    make = FEATURES[arm.features.partition(":")[0]]
    expect(
        study.run2d is not None or not arm.needs_run,
        given=f"arm {arm.name}, which lifts {arm.features!r}, without a 2D run",
        needed="its weights, its architecture, or how it was trained",
        do="pass --run2d RUN2D",
        error=ParamsError,
    )
    return make(study, arm, seed)


def _run2d(study: SceneStudy[Any], arm: Arm, seed: int) -> Path:
    assert study.run2d is not None
    return study.run2d


def _untrained(study: SceneStudy[Any], arm: Arm, seed: int) -> Path:
    scenes = read_scenes(study.data, study.params.training_scenes)
    stage = UntrainedNetwork(
        _input(study, study.run2d),
        Input.folder(study.data),
        arm.features,
        seed,
        images=lambda: calibration_images(study),
        scenes=tuple(scene.resolve().name for scene in scenes),
    )
    return _made(study, stage, arm.features, seed)


def _trained_here(study: SceneStudy[Any], arm: Arm, seed: int) -> Path:
    """A 2D network trained on rooms that the arm tells."""
    which: Any = arm.features.partition(":")[2] or arm.sets.get(HALF)
    expect(
        which in (None, "first", "second"),
        given=f"arm {arm.name}, which lifts {arm.features!r}",
        needed="segment2d, segment2d:first or segment2d:second",
        do="correct the arm",
        error=ParamsError,
    )
    rooms = LabelParams(share=arm.share, half=which)
    return train_network(study, _rooms(study, rooms, seed), seed, _slug("segment2d", rooms))


def _shuffled(study: SceneStudy[Any], arm: Arm, seed: int) -> Path:
    rooms = LabelParams(share=arm.share, half=arm.sets.get(HALF))
    names = _rooms(study, rooms, seed)
    return train_network(study, names, seed, _slug("shuffled", rooms), shuffled=True)


def _crossfit(study: SceneStudy[Any], arm: Arm, seed: int) -> Path:
    halves = {half: _rooms(study, LabelParams(half=half), seed) for half in ("first", "second")}
    runs = [
        train_network(study, halves[half], seed, _slug("segment2d", LabelParams(half=half)))  # type: ignore[arg-type]
        for half in halves
    ]
    held_out = [scene.resolve().name for scene in study.held_out()]
    stage = CrossFitted(
        _input(study, runs[0]),
        _input(study, runs[1]),
        Input.folder(study.data),
        study.params.run.views,
        # What the second has seen is read by the first, and the other way round.
        by_first=(*halves["second"], *held_out),
        by_second=tuple(halves["first"]),
        images=lambda: calibration_images(study),
    )
    return _made(study, stage, "crossfit", seed)


def _files(study: SceneStudy[Any], arm: Arm, seed: int) -> Path:
    folder = Path(arm.features.partition(":")[2])
    expect(
        folder.is_dir(),
        given=f"arm {arm.name}, which lifts {arm.features!r}",
        needed="files:DIR with a folder of SCENE/FRAME.safetensors or .npz",
        do="correct the arm",
        error=ParamsError,
    )
    return folder


def _both(study: SceneStudy[Any], arm: Arm, seed: int) -> Path:
    names = (arm.features.partition(":")[2] or "run2d&").split("&")
    expect(
        len(names) == 2,
        given=f"arm {arm.name}, which lifts {arm.features!r}",
        needed="both, or both:FIRST&SECOND",
        do="correct the arm",
        error=ParamsError,
    )
    runs = [features_of(study, replace(arm, features=name), seed) for name in names]
    stage = BothNetworks(
        _input(study, runs[0]), None if runs[1] is None else _input(study, runs[1])
    )
    return _made(study, stage, "both-" + "-".join(names), seed)


for _name in ("projection", "random", "imagenet", "timm", "bn"):
    FEATURES.register(_name, _untrained)
for _name, _make in (
    ("run2d", _run2d),
    ("segment2d", _trained_here),
    ("shuffled", _shuffled),
    ("crossfit", _crossfit),
    ("files", _files),
    ("both", _both),
):
    FEATURES.register(_name, _make)


def train_network(
    study: SceneStudy[Any],
    scenes: Sequence[str],
    seed: int,
    name: str,
    *,
    shuffled: bool = False,
    changed: Mapping[str, Any] | None = None,
) -> Path:
    """Train a 2D network as the study's 2D run was, on other scenes and without validation.

    Args:
        study: gives parameters, data and the folder.
        scenes: names of the training scenes.
        seed: of the run.
        name: of its folder.
        shuffled: whether it learns from each other's labels.
        changed: further fields of the run's parameters.

    Raises:
        NetworkInterrupted: it was interrupted.
    """
    assert study.run2d is not None
    record = read_segment2d_run(study.run2d).params
    steps = study.params.network_steps or record.train.steps
    params: Segment2dRunParams = replace(
        record,
        train=replace(record.train, seed=seed, steps=steps, device=study.params.run.train.device),
        control="shuffled" if shuffled else None,
        **(changed or {}),
    )
    target = _place(study, name, seed, [params, sorted(scenes), read_manifest(study.data).digest])
    with locks.shared(_home(study), f"network-{target.parent.name}-{seed}"):
        report = train_segment2d(
            study.data,
            target,
            params,
            scenes=",".join(sorted(scenes)),
            validation_scenes="none",
            runner=study.runner,
        )
    if report.interrupted:
        raise NetworkInterrupted(report)
    return target


def calibration_images(study: SceneStudy[Any]) -> Any:
    """Training images ``(N, 3, H, W)`` normalised, evenly over all training scenes."""
    import torch

    from crossvox.samples.batch import normalised

    views = study.params.run.views
    found = [
        (source, frame) for source in study.training_sources() for frame in source.views.frame_ids
    ]
    count = min(CALIBRATION_IMAGES, len(found))
    chosen = [found[i * len(found) // count] for i in range(count)]
    planes = [normalised(source.image(int(frame), views)) for source, frame in chosen]
    return torch.from_numpy(np.stack(planes))


def _rooms(study: SceneStudy[Any], params: LabelParams, seed: int) -> tuple[str, ...]:
    folders = read_scenes(study.data, study.params.training_scenes)
    rooms = labelled_rooms([folder.resolve().name for folder in folders], params, seed)
    expect(
        len(rooms) > 0,
        given=f"the {params.half} half of {len(folders)} training rooms, which is empty",
        needed="two rooms or more",
        do="prepare more rooms, or leave the arm out",
        error=ParamsError,
    )
    return rooms


def _input(study: SceneStudy[Any], run: Path | None) -> Any:
    assert run is not None
    return run2d_input(run, study.checkpoint if run == study.run2d else "auto")


def _made(study: SceneStudy[Any], stage: Stage, name: str, seed: int) -> Path:
    target = _place(study, name, seed, stage.manifest().identity)
    with locks.shared(_home(study), f"network-{target.parent.name}-{seed}"):
        study.runner.make(stage, target)
    return target


def _slug(name: str, rooms: LabelParams) -> str:
    parts = [name, rooms.half or "", "" if rooms.share == 1 else f"{rooms.share:g}"]
    return "-".join(part for part in parts if part)


def _place(study: SceneStudy[Any], name: str, seed: int, identity: Any) -> Path:
    """Where a network of the study lies."""
    safe = "".join(c if c.isalnum() or c in "-._" else "-" for c in name)
    folder = f"seed-{seed}" if study.family is None else digest([identity, seed])
    return _home(study) / NETWORKS / safe / folder


def _home(study: SceneStudy[Any]) -> Path:
    """The study's folder, or the store that it shares with others."""
    return study.out if study.family is None else study.family.store.folder
