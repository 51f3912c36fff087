"""A walk through a room, broken in every way there is: the doctor names each, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from trials.doctor import (
    BREAKS,
    Files,
    alarms,
    focal_times,
    poses_later,
    positions_times,
    try_break,
)

from crossvox.capture import open_capture
from crossvox.capture.chosen import ChosenCapture, read_skipped, skipped_text
from crossvox.capture.doctor import diagnose as diagnosis
from crossvox.capture.doctor import geometry
from crossvox.capture.doctor.agreement import agreement
from crossvox.capture.doctor.diagnose import diagnose, expect_sound, worries
from crossvox.capture.doctor.geometry import check_geometry
from crossvox.capture.doctor.plain import agree_plainly
from crossvox.capture.doctor.sample import read_trail
from crossvox.capture.doctor.variants import quaternions, rotations
from crossvox.capture.params import CaptureParams
from crossvox.core.checks import CaptureError


@pytest.fixture(scope="module")
def good(make_walk) -> Files:
    """At a pace that changes: an even circle looks the same from every pose on."""
    walked = make_walk(180, size=(160, 120))
    n = np.arange(48)
    steps = [walked.steps[i] for i in np.round(2.5 * n + 12 * np.sin(n / 4)).astype(int) % 180]
    return Files(
        np.array([step.rgb for step in steps]),
        np.array([1000 * step.depth_m for step in steps]),
        np.array([step.world_from_camera for step in steps]),
        walked.camera.matrix,
    )


def test_a_good_capture_is_sound(good: Files, tmp_path: Path) -> None:
    capture = open_capture(good.write(tmp_path / "walk"))
    found = diagnose(capture, cheap=True)
    assert alarms(found) == []
    assert found.sound
    assert found.skip == {}
    seen = agreement(capture)
    assert seen.median_m < 0.004
    assert seen.within > 0.95
    assert seen.free < 0.02
    assert seen.still_m > 0.1
    heard: list[str] = []
    expect_sound(capture, say=heard.append)
    assert heard == []


@pytest.mark.parametrize(
    "kind",
    [
        *("world to camera", "robot axes", "left-handed (Unity)", "poses column by column"),
        *("quaternion order", "positions in mm", "positions times 0.37", "opengl and 1/5000"),
        *("depth along the ray", "poses three back", "lag of 1.5 frames", "mirrored images"),
        *("images a quarter turn", "camera column by column", "focal length + 8 %"),
        *("one pose 3 km off", "path jumps", "frozen poses", "half of the depth images cut"),
    ],
)
def test_every_break_is_named_and_none_is_silent(good: Files, tmp_path: Path, kind: str) -> None:
    outcome = try_break("walk", good, kind, tmp_path / "broken")
    assert outcome.right, outcome.said
    assert not outcome.silent, outcome.said


def test_frames_that_agree_plainly_are_asked_nothing_else(
    good: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    capture = open_capture(good.write(tmp_path / "walk"))
    every_third = ChosenCapture(capture, frozenset(n for n in range(48) if n % 3))
    assert agree_plainly(capture, capture)
    assert agree_plainly(capture, every_third)
    few = ChosenCapture(capture, frozenset(range(2, 48)))
    assert not agree_plainly(capture, few)
    asked: list[str] = []
    monkeypatch.setattr(diagnosis, "check_geometry", lambda *_, **__: asked.append("search"))
    assert worries(capture, every_third) == []
    assert asked == []
    monkeypatch.undo()
    monkeypatch.setattr(geometry, "best_fit", lambda *_: asked.append("search"))
    assert diagnose(capture, cheap=True).sound
    assert asked == []
    assert diagnose(capture).sound
    assert asked == ["search"]


@pytest.mark.parametrize(
    "change",
    [
        *(focal_times(1.05), focal_times(0.95), positions_times(1.1), positions_times(0.9)),
        *(poses_later(0.7), poses_later(-0.7), BREAKS["camera x and y swapped"].change),
    ],
)
def test_what_is_off_by_a_little_is_no_plain_agreement(
    good: Files,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[Files], None],
) -> None:
    broken = good.copy()
    change(broken)
    capture = open_capture(broken.write(tmp_path / "walk"))
    assert not agree_plainly(capture, capture)
    read: list[object] = []
    monkeypatch.setattr(diagnosis, "read_trail", lambda *a: read.append(a) or read_trail(*a))
    assert worries(capture, capture) == worries(capture)
    assert len(read) == 2, "once a question"
    trail = read_trail(capture)
    plainly, searched = (check_geometry(capture, trail, {}, plainly=p) for p in (True, False))
    assert plainly.findings == searched.findings


@pytest.mark.parametrize(
    "kind", ["opengl axes", "opengl, world to camera", "depth 1/5000", "focal length - 20 %"]
)
def test_the_flag_that_is_named_cures(good: Files, tmp_path: Path, kind: str) -> None:
    broken = good.copy()
    BREAKS[kind].change(broken)
    folder = broken.write(tmp_path / "broken")
    with pytest.raises(CaptureError, match="frames contradict") as refusal:
        expect_sound(open_capture(folder))
    flag = diagnose(open_capture(folder), cheap=True).findings[0].flag
    assert flag in str(refusal.value)
    words = flag.split()
    names = [word.removeprefix("--").replace("-", "_") for word in words[::2]]
    given = {
        name: float(value) if name == "depth_scale" else value
        for name, value in zip(names, words[1::2], strict=True)
    }
    cured = open_capture(folder, params=CaptureParams(**given))  # type: ignore[arg-type]
    assert agreement(cured).median_m < 0.005
    assert alarms(diagnose(cured, cheap=True)) == []


def test_anyway_goes_on_and_says_so(good: Files, tmp_path: Path) -> None:
    broken = good.copy()
    BREAKS["poses shuffled"].change(broken)
    heard: list[str] = []
    expect_sound(open_capture(broken.write(tmp_path / "broken")), anyway=True, say=heard.append)
    assert heard[0].startswith("fault: frames contradict each other")


def test_frames_that_are_left_out_are_not_held_against_a_capture(
    good: Files, tmp_path: Path
) -> None:
    broken = good.copy()
    BREAKS["one pose 0.8 m off"].change(broken)
    capture = open_capture(broken.write(tmp_path / "broken"))
    found = diagnose(capture, cheap=True)
    assert list(found.skip) == [24]
    listed = tmp_path / "skip.txt"
    listed.write_text("# wrong ones\n\n" + skipped_text(found.skip))
    numbers = read_skipped(listed)
    assert numbers == {24}
    rest = ChosenCapture(capture, numbers)
    assert len(rest) == 47
    assert 24 not in rest.frame_ids
    assert rest.frame(24).id == 25
    assert diagnose(rest, cheap=True).sound
    assert "1 of 48 frames are left out" in rest.info().notes[-1]
    with pytest.raises(CaptureError, match="all left out"):
        ChosenCapture(capture, frozenset(range(48)))
    listed.write_text("24\nframe 25\n")
    with pytest.raises(CaptureError, match="line 2"):
        read_skipped(listed)


def test_one_frame_and_lost_poses_are_no_fault(good: Files, tmp_path: Path) -> None:
    first = replace(good, colors=good.colors[:1], depths=good.depths[:1], poses=good.poses[:1])
    found = diagnose(open_capture(first.write(tmp_path / "one")), cheap=True)
    assert found.agreement is None
    assert found.sound
    lost = good.copy()
    lost.poses[5:9] = -np.inf
    found = diagnose(open_capture(lost.write(tmp_path / "lost")), cheap=True)
    assert alarms(found) == []
    assert found.findings[0].frames == (5, 6, 7, 8)
    lost.poses[:] = -np.inf
    found = diagnose(open_capture(lost.write(tmp_path / "all")), cheap=True)
    assert found.findings[0].kind == "no-poses"


def test_quaternions_and_back(good: Files) -> None:
    turned = rotations(quaternions(good.poses[:, :3, :3]))
    np.testing.assert_allclose(turned, good.poses[:, :3, :3], atol=1e-9)
