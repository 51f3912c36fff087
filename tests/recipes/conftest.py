"""Fixtures of flows: scans, prepared scenes, a run and a prediction of the smallest kind."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from walls import PREDICT, SMALL, TRAIN, command, write_wall


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``raw`` and ``data`` of three scans in two spaces, a ``run`` on one of them, its ``pred``.

    Not to be changed.
    """
    house = tmp_path_factory.mktemp("house")
    for grey, name in enumerate(("scene0000_00", "scene0000_01", "scene0001_00"), start=90):
        write_wall(house / "raw" / name, grey)
    command("prepare", house / "raw", house / "data", *SMALL, "--workers", 1)
    command("train", "reconstruct", house / "data", house / "run", *TRAIN,
            "--scenes", "scene0000_00")  # fmt: skip
    command("predict", house / "run", house / "data", house / "pred", *PREDICT, "--scenes", "all")
    return house
