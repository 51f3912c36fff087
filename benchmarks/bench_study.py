"""A seed of a study of the size of ``quick``: this build beside another checkout's.

Both make the same cells on the same generated rooms, with the same 2D run, into an empty folder,
from sub-volumes to scores. ``imagenet`` is left out, whose weights come from a hub; it costs what
``random`` does. Of one seed, features of held-out rooms are made once; further seeds find them.
Of each cell its processor time is told, which other work on the machine changes least.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.against import Turns, against_row, processor_s, times

ROOMS, EVERY, FRAMES = 12, 3, 60
STEPS_2D = 20
DESIGN = """\
name: cells
title: What does a seed cost?
seeds: 1
params:
  run.train.steps: 120
  run.train.batch-size: 2
  run.train.warmup-steps: 12
  run.train.rate: 3.0e-3
  run.train.tensorboard: false
  run.task.width: 8
  run.task.depth: 2
  run.chunks.per-scene: 12
  predict.stride: [32, 32, 64]
  predict.colors: false
targets:
  reconstruct:
    cells: [rgb, rgb-matched, random, segmentation]
  segment3d:
    cells:
      - scratch
      - {name: from-reconstruction, start: reconstruct/segmentation}
      - scratch-long
"""
ROUNDS = 1


def run(shared: Path | None) -> list[dict[str, Any]]:
    """Measure; needs no data."""
    with TemporaryDirectory() as folder:
        data, run2d = _made(Path(folder))
        found = times(cells, str(data), str(run2d), folder, rounds=ROUNDS)
    return [_row(found)]


def _made(folder: Path) -> tuple[Path, Path]:
    """Prepared rooms and a 2D run, small and untold: neither is what is measured."""
    from crossvox.capture.rooms import RoomsParams
    from crossvox.recipes.prepare import PrepareParams, prepare
    from crossvox.recipes.rooms import write_rooms
    from crossvox.recipes.segment2d import Segment2dRunParams, train_segment2d
    from crossvox.train.params import TrainParams

    rooms, data, run2d = folder / "rooms", folder / "data", folder / "run2d"
    write_rooms(
        rooms,
        RoomsParams(count=ROOMS, frames=FRAMES, width=320, height=240, validation_every=EVERY),
    )
    prepare(rooms, data, PrepareParams(frame_skip=1), workers=1)
    train = TrainParams(steps=STEPS_2D, tensorboard=False)
    train_segment2d(data, run2d, Segment2dRunParams(train=train), validation_scenes="none")
    return data, run2d


def cells(data: str, run2d: str, folder: str) -> Callable[[], dict[str, float]]:
    """Make the cells of one seed; seconds of the processor for each."""
    from crossvox.recipes.study.transfer import study

    def work() -> dict[str, float]:
        out = Path(folder, f"out-{os.getpid()}")
        shutil.rmtree(out, ignore_errors=True)
        design = Path(folder, "design.yaml")
        design.write_text(DESIGN, encoding="utf-8")
        with _told() as found:
            study(design, out, data=Path(data), run2d=Path(run2d))
        return found

    return work


@contextmanager
def _told() -> Iterator[dict[str, float]]:
    """Processor time of each cell that is made in here, by its name."""
    from crossvox.recipes.study import cells as made

    plain = made.make_one
    found: dict[str, float] = {}

    def make_one(matrix: Any, out: Path, arm: Any, seed: int) -> bool:
        begin = processor_s()
        done = plain(matrix, out, arm, seed)
        found[f"{matrix.task}/{arm.name}"] = round(processor_s() - begin, 1)
        return done

    made.make_one = make_one
    try:
        yield found
    finally:
        made.make_one = plain


def _row(found: Turns) -> dict[str, Any]:
    theirs = {} if found.theirs is None else found.theirs.result
    told = ", ".join(
        f"{name} {own:g} s" + (f" against {theirs[name]:g} s" if name in theirs else "")
        for name, own in found.ours.result.items()
    )
    rooms = f"{ROOMS - ROOMS // EVERY} rooms to train, {ROOMS // EVERY} held out"
    return against_row(f"a seed of seven cells, {rooms}", found, f"processor time by cell: {told}")
