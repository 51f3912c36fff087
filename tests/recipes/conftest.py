"""Fixtures of flows: scans, prepared scenes, runs and a prediction of the smallest kind."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from walls import PREDICT, SMALL, TRAIN, TRAIN_2D, command, write_wall

from crossvox.doors.images import encode_png, write_bytes


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``raw`` and ``data`` of three scans in two spaces, and what was learnt from them.

    A ``run`` on one of them, ``pred`` of all by it, and a ``run2d`` on another. Not to be changed.
    """
    house = tmp_path_factory.mktemp("house")
    for grey, name in enumerate(("scene0000_00", "scene0000_01", "scene0001_00"), start=90):
        write_wall(house / "raw" / name, grey)
    raw, data = house / "raw", house / "data"
    command("prepare", raw, data, *SMALL, "--workers", 1)
    for image in data.glob("*/color/*.jpg"):
        labels = image.parents[1] / "label"
        labels.mkdir(exist_ok=True)
        write_bytes(labels / f"{image.stem}.png", encode_png(np.full((48, 64), 1, np.uint8)))
    command(
        "train",
        "reconstruct",
        "--preset",
        "thesis",
        data,
        house / "run",
        *TRAIN,
        "--scenes",
        "scene0000_00",
    )
    command("train", "segment2d", data, house / "run2d", *TRAIN_2D, "--scenes", "scene0001_00")
    command("predict", house / "run", data, house / "pred", *PREDICT, "--scenes", "all")
    return house


ROOMS = ["--count", "3", "--seed", "3", "--frames", "12", "--frame-step", "40"]
ROOM_SIZE = ["--width", "128", "--height", "96"]
ROOMS_2D = [
    *("--images.width", "128", "--images.height", "96", "--train.batch-size", "2"),
    *("--train.steps", "1", "--train.warmup-steps", "1", "--task.network", "lite"),
]  # fmt: skip


@pytest.fixture(scope="session")
def three_rooms(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``data`` of three furnished rooms with labels, and a ``run2d`` on two of them."""
    work = tmp_path_factory.mktemp("rooms")
    command("rooms", work / "rooms", *ROOMS, *ROOM_SIZE, "--spacing-m", "0.1")
    command(
        *("prepare", work / "rooms", work / "data", *ROOM_SIZE, "--frame-skip", 1, "--workers", 1)
    )
    command("train", "segment2d", work / "data", work / "run2d", *ROOMS_2D)
    return work
