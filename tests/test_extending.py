"""The package of examples/plugin, installed beside crossvox: each of its parts is used.

It is seen by entry points alone, as any other package is: a folder on the path with the package's
metadata, as an installer would write it.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]
PLUGIN = ROOT / "examples" / "plugin"
CAMERA = np.array([[30.0, 0, 31.5], [0, 30.0, 23.5], [0, 0, 1]])
ROOM_M = np.array([[0.0, 0.0, 0.0], [4.0, 3.0, 2.5]])

RUN_ALL = """
import contextlib, io, json, sys
from crossvox.cli import main

for words in json.load(sys.stdin):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main(words)
        except SystemExit as end:
            code = end.code
    print(json.dumps({"code": code, "out": out.getvalue(), "err": err.getvalue()}))
"""


def installed(site: Path) -> dict[str, str]:
    """What an installer leaves of the package, and the environment that sees it."""
    project = tomllib.loads((PLUGIN / "pyproject.toml").read_text())["project"]
    info = site / "room_parts-0.1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Name: {project['name']}\nVersion: {project['version']}\n")
    lines: list[str] = []
    for group, points in project["entry-points"].items():
        lines += [f"[{group}]", *(f"{name} = {value}" for name, value in points.items())]
    (info / "entry_points.txt").write_text("\n".join(lines))
    path = os.pathsep.join([str(site), str(PLUGIN), *sys.path])
    return {**os.environ, "PYTHONPATH": path, "COLUMNS": "300"}


def crossvox(environment: dict[str, str], *commands: list[Any]) -> list[dict[str, Any]]:
    """Run commands in one fresh process."""
    words = json.dumps([[str(word) for word in command] for command in commands])
    ended = subprocess.run(
        [sys.executable, "-c", RUN_ALL],
        input=words,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return [json.loads(line) for line in ended.stdout.splitlines()]


def write_room(path: Path, frames: int = 12) -> None:
    """An empty room seen from its middle, as one file of arrays."""
    y, x = np.mgrid[0:48, 0:64]
    pixels = np.stack([x, y, np.ones_like(x)], -1) @ np.linalg.inv(CAMERA).T
    poses, depths = [], []
    for turn in np.linspace(0, 2 * np.pi, frames, endpoint=False):
        right, down = np.array([np.sin(turn), -np.cos(turn), 0]), np.array([0, 0, -1.0])
        pose = np.eye(4)
        pose[:3, :3] = np.stack([right, down, np.cross(right, down)], 1)
        pose[:3, 3] = ROOM_M.mean(0)
        rays = pixels @ pose[:3, :3].T
        with np.errstate(divide="ignore"):
            wall = np.where(rays > 0, ROOM_M[1] - pose[:3, 3], ROOM_M[0] - pose[:3, 3]) / rays
        poses.append(pose)
        depths.append(wall.min(-1))
    rgb = np.random.default_rng(0).integers(0, 255, (frames, 48, 64, 3), np.uint8)
    arrays = {"rgb": rgb, "depth_m": np.float32(depths), "pose": poses, "camera": CAMERA}
    np.savez(path, **arrays)


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return installed(tmp_path_factory.mktemp("site"))


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a capture in the format that only the package reads."""
    work = tmp_path_factory.mktemp("rooms")
    (work / "raw").mkdir()
    write_room(work / "raw" / "office.frames.npz")
    write_room(work / "raw" / "hall.frames.npz")
    return work


def test_a_reader_a_back_end_a_network_and_a_score(environment: dict[str, str], work: Path) -> None:
    size = ["--width", 64, "--height", 48]
    prepare = ["prepare", work / "raw", work / "data", *size, "--frame-skip", 1]
    prepare += ["--surface", "tsdf", "--tsdf.voxel-m", 0.05]
    run = [
        "train",
        "reconstruct",
        "--preset",
        "thesis",
        work / "data",
        work / "run",
        "--scenes",
        "all",
    ]
    run += ["--validation-scenes", "none", "--train.steps", 2, "--train.batch-size", 1]
    run += ["--views.width", 64, "--views.height", 48, "--chunks.per-scene", 2]
    run += ["--task.network", "two_layers", "--task.options", "hidden=3"]
    predict = ["predict", work / "run", work / "data", work / "pred", "--scenes", "office"]
    score = ["evaluate", "reconstruct", work / "pred", work / "data", "--seen-scenes"]
    outputs = crossvox(
        environment,
        [*prepare, "--backend", "nobody"],
        [*prepare, "--backend", "threads", "--workers", 2],
        run,
        [*predict, "--no-baselines"],
        [*score, "--json", work / "scores.json"],
    )
    assert "one of here, pool, ray, threads" in outputs[0]["err"]
    assert [one["code"] for one in outputs] == [2, 0, 0, 0, 0], outputs
    prepared = json.loads((work / "data" / "manifest.json").read_text())
    assert list(prepared["items"]) == ["hall", "office"]
    record = json.loads((work / "run" / "params.json").read_text())
    assert record["task"]["params"]["network"] == "two_layers"
    mean = json.loads((work / "scores.json").read_text())["mean"]["learnt"]
    (median,) = (one for one in mean if one["name"] == "Median distance")
    assert 0 <= median["value"] < 4
    assert median["unit"] == "m"
    assert median["reading"] == "Half of the made surface is nearer to the true one than this."


def test_an_arm_and_a_command(environment: dict[str, str], work: Path, tmp_path: Path) -> None:
    count = ["count-frames", work / "raw" / "office.frames.npz", tmp_path / "count"]
    every, listed = ["--every", 5], tmp_path / "count.json"
    study, usage, told, made, kept, other = crossvox(
        environment,
        ["study", "reconstruct", "--help"],
        ["--help"],
        ["count-frames", "--help"],
        [*count, *every],
        [*count, *every, "--json", listed],
        [*count, "--dry-run"],
    )
    assert re.search(r",[\s│]*narrow\b", study["out"])
    assert re.search(r"^  count-frames +how many frames a capture has$", usage["out"], re.MULTILINE)
    assert "count every n-th frame" in told["out"]
    assert [one["code"] for one in (made, kept, other)] == [0, 0, 0], (made, kept, other)
    assert json.loads((tmp_path / "count" / "count.json").read_text()) == 3
    assert json.loads(listed.read_text())["status"] == "kept"
    assert "1 to do" in other["out"]


def test_the_parts_are_small_and_known_to_no_file_of_crossvox() -> None:
    parts = list((PLUGIN / "room_parts").glob("*.py"))
    assert len(parts) == 7
    assert all(len(re.findall(r"\S.*\n", part.read_text())) <= 40 for part in parts)
    sources = (ROOT / "src" / "crossvox").rglob("*.py")
    assert not [path for path in sources if "room_parts" in path.read_text(encoding="utf-8")]


def test_the_page_about_it_shows_the_files_as_they_are() -> None:
    page = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
    shown = re.findall(r'^```\w+ title="(.+?)"\n(.*?)^```$', page, re.MULTILINE | re.DOTALL)
    assert len(shown) == 8
    for name, code in shown:
        assert code in (PLUGIN / name).read_text(encoding="utf-8"), name
    for group in tomllib.loads((PLUGIN / "pyproject.toml").read_text())["project"]["entry-points"]:
        assert f"`{group}`" in page
