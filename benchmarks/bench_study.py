"""Cells of the study ``quick``: this build beside another checkout's.

Both make the same cells with two seeds on the same generated rooms, from sub-volumes to scores, by
the studies of one target that every build has. A cell is told as the mean of its seeds: features
that seeds share are made with the first. A build from before there were designs trains on
sub-volumes of the size that it had then, which is part of what is compared. ``imagenet`` is left
out, it costs what ``random`` does.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.against import Turns, against_row, times

ROOMS, EVERY, FRAMES = 24, 4, 120
STEPS_2D = 4
SEEDS = 2
ROUNDS = 1
CELLS = {"reconstruct": "rgb,random,segmentation", "segment3d": "scratch,from-reconstruction"}
SHAPES = {"reconstruct": (24, 24, 48), "segment3d": (32, 32, 64)}
SHAPE_BEFORE = (32, 32, 64)
"""Voxels of a sub-volume: of ``quick`` by target, and before there was such a design."""


def run(shared: Path | None) -> list[dict[str, Any]]:
    """Measure; needs no data."""
    from crossvox.capture.rooms import RoomsParams
    from crossvox.recipes.prepare import PrepareParams, prepare
    from crossvox.recipes.rooms import write_rooms

    del shared
    with TemporaryDirectory() as name:
        folder = Path(name)
        rooms = RoomsParams(
            count=ROOMS, frames=FRAMES, width=320, height=240, validation_every=EVERY
        )
        write_rooms(folder / "rooms", rooms)
        prepare(folder / "rooms", folder / "data", PrepareParams(frame_skip=1), workers=1)
        found = times(cells, str(folder), rounds=ROUNDS, warm=False)
    return [_row(found)]


def cells(folder: str) -> Callable[[], dict[str, float]]:
    """Make the cells; mean seconds of each over its seeds."""
    from crossvox.recipes.segment2d import Segment2dRunParams, train_segment2d
    from crossvox.train.params import TrainParams

    data, own = Path(folder, "data"), Path(folder, f"build-{os.getpid()}")
    train = TrainParams(steps=STEPS_2D, warmup_steps=2, tensorboard=False)
    train_segment2d(data, own / "run2d", Segment2dRunParams(train=train), validation_scenes="none")

    def work() -> dict[str, float]:
        shutil.rmtree(own / "out", ignore_errors=True)
        _studied(data, own / "run2d", own / "out")
        return _seconds(own / "out")

    return work


def _studied(data: Path, run2d: Path, out: Path) -> None:
    """Both studies, with the numbers of ``quick``."""
    from crossvox.predict.params import PredictParams
    from crossvox.recipes.study import reconstruct, segment3d

    for study, params, task in (
        (reconstruct.study_reconstruct, reconstruct.StudyParams(), "reconstruct"),
        (segment3d.study_segment3d, segment3d.Study3dParams(), "segment3d"),
    ):
        shape = SHAPES[task] if _has_designs() else SHAPE_BEFORE
        predict = PredictParams(stride=shape, colors=False)
        run: Any = params.run  # type: ignore[attr-defined]
        run = replace(
            run,
            train=replace(
                run.train, steps=120, batch_size=2, warmup_steps=12, rate=3e-3, tensorboard=False
            ),
            task=replace(run.task, width=8, depth=2),
            chunks=replace(run.chunks, shape=shape, per_scene=12),
        )
        given: Any = replace(params, run=run, predict=predict)  # type: ignore[type-var]
        study(data, out / task, given, run2d=run2d, arms=CELLS[task], seeds=SEEDS)


def _has_designs() -> bool:
    return find_spec("crossvox.recipes.study.transfer") is not None


def _seconds(out: Path) -> dict[str, float]:
    """Seconds of a cell to train, predict and score, mean over its seeds."""
    found: dict[str, list[float]] = {}
    for file in sorted(out.glob("*/results/*/seed-*.json")):
        name = f"{file.parts[-4]}/{file.parts[-2]}"
        record = json.loads(file.read_text(encoding="utf-8"))
        found.setdefault(name, []).append(sum(record["seconds"].values()))
    return {name: round(sum(each) / len(each), 1) for name, each in found.items()}


def _row(found: Turns) -> dict[str, Any]:
    theirs = {} if found.theirs is None else found.theirs.result
    told = ", ".join(
        f"{name} {own:g} s"
        + (f" against {theirs[name]:g} s ({own / theirs[name]:.0%})" if name in theirs else "")
        for name, own in found.ours.result.items()
    )
    rooms = f"{ROOMS - ROOMS // EVERY} rooms to train, {ROOMS // EVERY} held out"
    cells_told = f"five cells of `quick`, {SEEDS} seeds, {rooms}"
    return against_row(cells_told, found, f"a cell, mean over seeds: {told}")
