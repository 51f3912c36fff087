"""Every command, pointed at everything it might be pointed at: exit code 2 and not a byte changed.

What one command wrote, others may be given as their output by mistake: what they are made from, a
folder around it, a run, a prediction, a scene of any of these, a file, a link to any of them.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from walls import PREDICT, SMALL, TRAIN, TRAIN_2D, command, stamps, state

from crossvox.doors.images import encode_png, write_bytes
from crossvox.recipes.commands import COMMANDS

Words = Callable[[Path, Path], list[object]]

DESIGN = """\
name: one
title: Is anything written over?
targets:
  reconstruct:
    params: {training_scenes: scene0001_00, held_out_scenes: scene0000_00}
    cells: [rgb]
"""
STUDY = ("--training-scenes", "scene0001_00", "--held-out-scenes", "scene0000_00")

WRITERS: dict[str, Words] = {
    "demo": lambda w, out: ["demo", out, "--rooms.count", 1, "--rooms.frames", 2],
    "scan": lambda w, out: ["scan", w / "raw" / "scene0000_00", out],
    "rooms": lambda w, out: ["rooms", out, "--count", 1, "--frames", 2],
    "prepare": lambda w, out: ["prepare", w / "raw", out, *SMALL, "--voxel-m", "0.06"],
    "train reconstruct": lambda w, out: [
        *("train", "reconstruct", w / "data", out, "--train.steps", 1, "--sparse.shape", 8, 8, 8)
    ],
    "train reconstruct --preset thesis": lambda w, out: [
        *("train", "reconstruct", "--preset", "thesis", w / "data", out),
        *(*TRAIN, "--train.rate", "0.5"),
    ],
    "train segment3d": lambda w, out: ["train", "segment3d", w / "data", out, *TRAIN],
    "train segment2d": lambda w, out: [
        *("train", "segment2d", w / "data", out, *TRAIN_2D, "--train.rate", "0.5")
    ],
    "flatten": lambda w, out: ["flatten", w / "data", out],
    "single-views": lambda w, out: [
        *("single-views", w / "views/color", w / "views/label", w / "views/depth", out),
        *("--intrinsics", "30,30,31.5,23.5"),
    ],
    "objects": lambda w, out: ["objects", w / "data/scene0000_00/scene0000_00.ply", out],
    "predict2d": lambda w, out: ["predict2d", w / "run2d", w / "data", out],
    "pack": lambda w, out: ["pack", w / "run2d", out.parent, "--name", out.name],
    "evaluate segment2d": lambda w, out: [
        *("evaluate", "segment2d", w / "run2d", w / "data", "--out", out, "--scenes", "all")
    ],
    "predict": lambda w, out: [
        *("predict", w / "run", w / "data", out, *PREDICT, "--scenes", "all"),
        *("--surface.level", "0.9"),
    ],
    "evaluate frames": lambda w, out: ["evaluate", "frames", w / "run", w / "data", out],
    "export scannet": lambda w, out: ["export", "scannet", w / "data", out],
    "study reconstruct": lambda w, out: [
        *("study", "reconstruct", w / "data", out, "--arms", "rgb", *STUDY)
    ],
    "study segment3d": lambda w, out: [
        *("study", "segment3d", w / "data", out, "--run2d", w / "run2d", *STUDY)
    ],
    "study": lambda w, out: ["study", w / "design.yaml", out, "--data", w / "data"],
    "study causes": lambda w, out: ["study", "causes", out, w / "data"],
    "convert": lambda w, out: ["convert", w / "raw" / "scene0000_00", out],
    "track": lambda w, out: ["track", w / "raw" / "scene0000_00", out],
    "doctor": lambda w, out: ["doctor", w / "raw" / "scene0000_00", "--out", out],
    "report": lambda w, out: ["report", w / "pred", out],
    "compare": lambda w, out: ["compare", w / "pred", w / "pred2", out],
    "view": lambda w, out: ["view", w / "data", "--out", out],
    "import checkpoint": lambda w, out: ["import", "checkpoint", w / "raw" / "notes.txt", out],
    "import hdf5": lambda w, out: ["import", "hdf5", w / "raw" / "notes.txt", out],
    "export hdf5": lambda w, out: ["export", "hdf5", w / "data", out],
    "export rerun": lambda w, out: ["export", "rerun", w / "data", out],
}

READERS: dict[str, Words] = {
    "info": lambda w, out: ["info", w / "raw" / "scene0000_00", "--json", out],
    "calibrate": lambda w, out: ["calibrate", w / "run2d", w / "data", "--json", out],
    "models": lambda w, out: ["models", "--json", out],
    "evaluate objects": lambda w, out: [
        *("evaluate", "objects", w / "data", w / "data", "--json", out)
    ],
    "status": lambda w, out: ["status", w / "data", "--json", out],
    "score": lambda w, out: [
        *("score", *[w / "data" / "scene0000_00" / "scene0000_00.ply"] * 2, "--json", out)
    ],
    "evaluate reconstruct": lambda w, out: [
        *("evaluate", "reconstruct", w / "pred", w / "data", "--json", out)
    ],
    "evaluate segment3d": lambda w, out: [
        *("evaluate", "segment3d", w / "pred", w / "data", "--json", out)
    ],
    "evaluate scannet": lambda w, out: [
        *("evaluate", "scannet", w / "labels", w / "labels", "--json", out)
    ],
}
"""Commands without a folder of their own; what they write is the result, where asked for."""

PLACES = (
    *("", "raw", "raw/scene0000_00", "data", "data/scene0000_00", "data/scene0000_00/color"),
    *("run", "run/last", "run2d", "pred", "pred/scene0000_00", "photos", "hidden", "records"),
    "damaged",
    *("notes.txt", "raw/scene0000_00/scene0000_00.sens", "data/manifest.json", "run/params.json"),
)  # fmt: skip
LOST = "lost"
"""A link that leads nowhere."""


@pytest.fixture(scope="module")
def world(house: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the house with strangers' folders, and links to everything."""
    world = tmp_path_factory.mktemp("world") / "world"
    shutil.copytree(house, world)
    for name in ("photos/index.html", "hidden/.git/config", "raw/notes.txt", "notes.txt"):
        (world / name).parent.mkdir(parents=True, exist_ok=True)
        (world / name).write_text("dear")
    for part, value in (("color", 90), ("label", 1), ("depth", 1500)):
        image = np.full((48, 64), value, np.uint16 if part == "depth" else np.uint8)
        if part == "color":
            image = np.repeat(image[..., None], 3, axis=2)
        write_bytes(world / "views" / part / "0.png", encode_png(image))
    (world / "design.yaml").write_text(DESIGN)
    (world / "records").mkdir()
    (world / "records" / "params.json").write_text('{"lr": 0.1}')
    (world / "damaged").mkdir()
    (world / "damaged" / "manifest.json").write_text("{")
    (world / "links").mkdir()
    for number, place in enumerate(PLACES[::3]):
        assert (world / place).exists()
        (world / "links" / f"{number}.html").symlink_to(world / place)
    (world / "links" / LOST).symlink_to(world / "nowhere")
    return world


def test_all_commands_are_tried() -> None:
    tried = {name.partition(" --")[0] for name in (*WRITERS, *READERS)}
    assert tried == {name for name in COMMANDS if ":" in COMMANDS[name].target}


@pytest.mark.parametrize("name", [*WRITERS, *READERS])
def test_not_a_byte_is_changed(name: str, world: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = {**WRITERS, **READERS}[name]
    content, before = state(world), stamps(world)
    for out in [*(world / place for place in PLACES), *sorted((world / "links").iterdir())]:
        command(*words(world, out), code=2)
        error = capsys.readouterr().err
        assert error.splitlines()[-1].startswith("error: "), (out, error)
        now = stamps(world)
        assert [path for path in {*before, *now} if before.get(path) != now.get(path)] == [], out
    assert state(world) == content


@pytest.mark.parametrize("name", WRITERS)
def test_a_result_is_not_written_over_anything_else(name: str, world: Path, tmp_path: Path) -> None:
    """Nor is any work done before that is told."""
    before = stamps(world)
    for place in ("photos", "notes.txt", "raw/scene0000_00/scene0000_00.sens", f"links/{LOST}"):
        out = tmp_path / "out.html"
        command(*WRITERS[name](world, out), "--json", world / place, code=2)
        assert stamps(world) == before
        assert not out.exists()
