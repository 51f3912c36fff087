"""Preparing scans: nothing is forgotten or moved, what fails is counted, crashes lose nothing."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from walls import SMALL, command, state, write_wall

from crossvox.core import threads as budget
from crossvox.core.artifact import MANIFEST, read_manifest
from crossvox.core.checks import CaptureError
from crossvox.core.frame import Parts
from crossvox.core.params import from_plain
from crossvox.flow.jobs import Outcome
from crossvox.flow.lineage import HELD_OUT_OF, SPLITS, is_held_out, scene_list, space_of
from crossvox.recipes import prepare_scene as scenes
from crossvox.recipes.data import enter_scenes
from crossvox.recipes.prepare import PrepareParams, PrepareScene, prepare

QUICK = PrepareParams(frame_skip=1, width=64, height=48)


def lists(data: Path) -> dict[str, list[str]]:
    return {split: (data / f"{split}.txt").read_text().split() for split in SPLITS}


def entered(out: Path, names: list[str]) -> dict[str, list[str]]:
    """The lists of a data folder after some scenes were made in it."""
    out.mkdir(exist_ok=True)
    outcomes = [Outcome(name, "made") for name in names]
    enter_scenes(out, lambda name: "val" if is_held_out(name) else "train")(outcomes)
    return lists(out)


def prepared(raw: Path, out: Path, *words: object, code: int = 0) -> None:
    command("prepare", raw, out, *SMALL, "--workers", 1, *words, code=code)


# Scenes that come in several calls


def test_scans_of_two_folders_stand_in_one(tmp_path: Path) -> None:
    out = tmp_path / "data"
    write_wall(tmp_path / "one" / "kitchen")
    write_wall(tmp_path / "two" / "office")
    prepared(tmp_path / "one", out)
    before = lists(out)
    first = state(out / "kitchen")
    prepared(tmp_path / "two", out)
    found = lists(out)
    assert sorted(found["train"] + found["val"]) == ["kitchen", "office"]
    assert sorted(read_manifest(out).items) == ["kitchen", "office"]
    assert all(set(before[split]) <= set(found[split]) for split in SPLITS)
    assert state(out / "kitchen") == first


@pytest.mark.parametrize("seed", range(5))
def test_a_scene_that_is_added_moves_no_other(seed: int, tmp_path: Path) -> None:
    """Over any names, in any order, in any number of calls."""
    random = np.random.default_rng(seed)
    names = [f"scene{random.integers(60):04d}_{n % 4:02d}" for n in range(40)]
    names += ["".join(random.choice(list("abcxyz-_09"), 8)) for _ in range(40)]
    names = sorted(set(names))
    whole = entered(tmp_path / "whole", names)
    random.shuffle(names)
    before: dict[str, list[str]] = {split: [] for split in SPLITS}
    while names:
        count = int(random.integers(1, 12))
        some, names = names[:count], names[count:]
        found = entered(tmp_path / "bit by bit", some)
        assert all(set(before[split]) <= set(found[split]) for split in SPLITS)
        before = found
    assert before == whole
    for split, other in (SPLITS, SPLITS[::-1]):
        spaces = {space_of(name) for name in whole[split]}
        assert not spaces & {space_of(name) for name in whole[other]}


def test_a_scene_that_somebody_moved_to_the_other_list_stays_there(tmp_path: Path) -> None:
    raw, out = tmp_path / "raw", tmp_path / "data"
    for name in ("kitchen", "office"):
        write_wall(raw / name)
    prepared(raw, out)
    before = lists(out)
    [(here, there)] = [(a, b) for a, b in (SPLITS, SPLITS[::-1]) if "kitchen" in before[a]]
    for split, names in ((here, before[here]), (there, before[there])):
        names = [*(set(names) - {"kitchen"}), *(["kitchen"] if split == there else [])]
        (out / f"{split}.txt").write_text("".join(f"{name}\n" for name in names))
    for _ in range(2):
        prepared(raw, out)
        assert "kitchen" in lists(out)[there]
        assert "kitchen" not in lists(out)[here]
        assert read_manifest(out).notes["moved by hand"] == ["kitchen"]


def test_a_list_with_what_is_no_scene_is_refused_and_stays(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    raw, out = tmp_path / "raw", tmp_path / "data"
    write_wall(raw / "kitchen")
    prepared(raw, out)
    text = (out / "train.txt").read_text() + "# my own note\n"
    (out / "train.txt").write_text(text)
    prepared(raw, out, code=2)
    assert "no scene of" in capsys.readouterr().err
    assert (out / "train.txt").read_text() == text


def test_captures_of_one_space_stay_on_one_side() -> None:
    """About one space in five is held out, with all of its captures."""
    for number in range(200):
        captures = {is_held_out(f"scene{number:04d}_{n:02d}") for n in range(3)}
        assert len(captures) == 1
    share = np.mean([is_held_out(f"scene{number:04d}_00") for number in range(707)])
    assert abs(share - 1 / HELD_OUT_OF) < 0.05


def test_the_data_sets_own_lists_decide(tmp_path: Path) -> None:
    """Also with the mark that some editors write first; a scene in neither is in none."""
    raw, out = tmp_path / "raw", tmp_path / "data"
    for name in ("scene0000_00", "scene0001_00", "scene0002_00"):
        write_wall(raw / name)
    (raw / "scannetv2_train.txt").write_text("scene0001_00\n", encoding="utf-8-sig")
    (raw / "scannetv2_val.txt").write_text("scene0000_00\r\n", encoding="utf-8-sig")
    prepared(raw, out)
    assert lists(out) == {"train": ["scene0001_00"], "val": ["scene0000_00"]}
    assert sorted(read_manifest(out).items) == ["scene0000_00", "scene0001_00", "scene0002_00"]


@pytest.mark.parametrize("alone", SPLITS)
def test_one_list_without_the_other_is_an_error_before_any_work(
    alone: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_wall(tmp_path / "raw" / "room")
    (tmp_path / "raw" / f"scannetv2_{alone}.txt").write_text("room\n")
    prepared(tmp_path / "raw", tmp_path / "data", code=2)
    assert f"scannetv2_{alone}.txt alone" in capsys.readouterr().err
    assert not (tmp_path / "data").exists()


def test_lists_in_any_unicode_are_read(tmp_path: Path) -> None:
    """PowerShell's ``>`` writes UTF-16, spreadsheets write a mark before UTF-8."""
    write_wall(tmp_path / "raw" / "room")
    (tmp_path / "raw" / "scannetv2_train.txt").write_text("", encoding="utf-8-sig")
    (tmp_path / "raw" / "scannetv2_val.txt").write_bytes("room\r\n".encode("utf-16"))
    prepared(tmp_path / "raw", tmp_path / "data")
    assert lists(tmp_path / "data") == {"train": [], "val": ["room"]}


def test_a_list_that_is_no_plain_text_is_an_error_before_any_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_wall(tmp_path / "raw" / "room")
    (tmp_path / "raw" / "scannetv2_train.txt").write_text("scène\n", encoding="latin-1")
    (tmp_path / "raw" / "scannetv2_val.txt").write_text("")
    prepared(tmp_path / "raw", tmp_path / "data", code=2)
    error = capsys.readouterr().err
    assert "scannetv2_train.txt" in error
    assert "UTF-8" in error
    assert not (tmp_path / "data").exists()


# Numbers


def test_scenes_are_made_anew_when_the_numbers_of_the_stage_rise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw, out = write_wall(tmp_path / "raw" / "room").parent, tmp_path / "data"
    assert [scene.status for scene in prepare(raw, out, QUICK, workers=1).scenes] == ["made"]
    assert [scene.status for scene in prepare(raw, out, QUICK, workers=1).scenes] == ["kept"]
    monkeypatch.setattr(PrepareScene, "NUMBERS", PrepareScene.NUMBERS + 1)
    assert [scene.status for scene in prepare(raw, out, QUICK, workers=1).scenes] == ["made"]
    assert read_manifest(out / "room").numbers == PrepareScene.NUMBERS


# Crashes


def test_a_crash_between_the_two_renames_loses_no_scene(tmp_path: Path) -> None:
    """The old scene comes back and is kept."""
    raw, out = write_wall(tmp_path / "raw" / "room").parent, tmp_path / "data"
    prepared(raw, out)
    before = state(out / "room")
    os.replace(out / "room", out / ".room.0123abcd.old")
    (out / ".room.89abcdef.part").mkdir()
    prepared(raw, out)
    assert state(out / "room") == before
    assert not [path.name for path in out.iterdir() if path.name.endswith((".old", ".part"))]


def test_a_scene_that_cannot_be_made_anew_is_still_there_after_a_crash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw, out = write_wall(tmp_path / "raw" / "room").parent, tmp_path / "data"
    prepared(raw, out)
    before = state(out / "room")
    write_wall(tmp_path / "raw" / "other")
    (raw / "room" / "room.sens").touch()
    replace = os.replace

    def killed(source: Any, target: Any) -> None:
        if Path(target) == out / "room":
            raise KeyboardInterrupt
        replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", killed)
        prepared(raw, out, code=130)
    assert not (out / "room").exists()
    shutil.rmtree(raw / "room")
    (raw / "room").mkdir()
    (raw / "room" / "room.sens").write_bytes(b"damaged")
    prepared(raw, out, code=2)
    assert state(out / "room") == before


# Failures


@pytest.fixture
def three(tmp_path: Path) -> Path:
    for grey, name in enumerate(("a", "bad", "c"), start=90):
        write_wall(tmp_path / "raw" / name, grey)
    return tmp_path / "raw"


FAULTS = {
    "disk": (OSError(28, "No space left on device"), "No space left on device"),
    "memory": (MemoryError(), "out of memory"),
    "scan": (CaptureError("given: half a scan"), "half a scan"),
    "bug": (ZeroDivisionError("division by zero"), "ZeroDivisionError"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_scan_that_fails_is_counted_and_the_others_go_on(
    fault: str,
    three: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out, report = tmp_path / "data", tmp_path / "report.json"
    error, text = FAULTS[fault]
    make = scenes.prepare_scene

    def failing(stage: PrepareScene, work: Any) -> Any:
        if stage.scene == "bad":
            (work.out / "half").write_text("half")
            raise error
        return make(stage, work)

    with monkeypatch.context() as patch:
        patch.setattr(scenes, "prepare_scene", failing)
        prepared(three, out, "--json", report, code=2)
    assert text in capsys.readouterr().err
    found = {scene["item"]: scene["status"] for scene in json.loads(report.read_text())["scenes"]}
    assert found == {"a": "made", "bad": "failed", "c": "made"}
    assert not (out / "bad").exists()
    assert all("bad" not in names for names in lists(out).values())
    if fault != "disk":
        prepared(three, out, "--json", report, code=2)
        assert "not tried again" in capsys.readouterr().err
    prepared(three, out, "--json", report, *([] if fault == "disk" else ["--retry-failed"]))
    found = {scene["item"]: scene["status"] for scene in json.loads(report.read_text())["scenes"]}
    assert found == {"a": "kept", "bad": "made", "c": "kept"}
    assert sorted(name for names in lists(out).values() for name in names) == ["a", "bad", "c"]


def test_a_scan_that_failed_is_called_as_it_is_when_it_is_made(tmp_path: Path) -> None:
    """A folder and its .sens of another name: one name, whatever becomes of it."""
    raw, out = tmp_path / "raw", tmp_path / "data"
    write_wall(raw / "good")
    scan = write_wall(tmp_path / "inner")
    scan.rename(raw / "outer")
    mesh = raw / "outer" / "inner_vh_clean_2.ply"
    whole = mesh.read_bytes()
    mesh.write_bytes(whole[: len(whole) // 2])
    failed = prepare(raw, out, QUICK, workers=1)
    assert [(scene.item, scene.status) for scene in failed.scenes][1:] == [("inner", "failed")]
    mesh.write_bytes(whole)
    made = prepare(raw, out, QUICK, workers=1)
    assert [(scene.item, scene.status) for scene in made.scenes][1:] == [("inner", "made")]
    assert sorted(path.name for path in out.iterdir() if (path / MANIFEST).is_file()) == [
        "good",
        "inner",
    ]


# Workers


def test_workers_share_the_threads_that_this_process_may_use(
    three: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What each worker is given is what its pools take: see ``core.threads``."""
    from crossvox.flow import jobs

    given: list[int] = []
    worker = jobs.Worker

    class Recorded(worker):  # type: ignore[misc, valid-type]
        def __init__(self, share: int) -> None:
            given.append(share)
            super().__init__(share)

    monkeypatch.setattr(jobs, "Worker", Recorded)
    monkeypatch.setenv(budget.LIMIT, "")
    available = budget.threads()
    report = prepare(three, tmp_path / "data", QUICK, workers=2)
    assert [scene.status for scene in report.scenes] == ["made"] * 3
    assert given == [max(1, available // 2)] * 2


# Parameters


@pytest.fixture(scope="module")
def endless(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder whose surfaces were fused without a limit of depth."""
    work = tmp_path_factory.mktemp("endless")
    write_wall(work / "raw" / "room")
    prepared(work / "raw", work / "data", "--tsdf.far-m", "inf", "--surface", "tsdf")
    return work


def test_infinity_is_written_and_read_back(endless: Path) -> None:
    text = (endless / "data" / MANIFEST).read_text()
    json.loads(text, parse_constant=pytest.fail)
    params = from_plain(PrepareParams, read_manifest(endless / "data").params)
    assert params.tsdf.far_m == float("inf")
    assert params.surface == "tsdf"


def test_infinity_comes_back_through_a_params_file(endless: Path, tmp_path: Path) -> None:
    out = tmp_path / "report.json"
    command("prepare", endless / "raw", endless / "data", "--params", endless / "data",
            "--workers", 1, "--json", out)  # fmt: skip
    assert [scene["status"] for scene in json.loads(out.read_text())["scenes"]] == ["kept"]
    (tmp_path / "mine.json").write_text(json.dumps({"tsdf": {"far_m": "Infinity"}}))
    command("prepare", endless / "raw", tmp_path / "data", *SMALL, "--workers", 1,
            "--surface", "tsdf", "--params", tmp_path / "mine.json")  # fmt: skip
    there = read_manifest(tmp_path / "data")
    assert there.identity == read_manifest(endless / "data").identity
    assert scene_list(tmp_path / "data", "train") == scene_list(endless / "data", "train")


@pytest.mark.parametrize("limit", ["1", "2"])
def test_posed_frames_come_in_order_up_to_the_first_that_cannot_be_read(
    monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    monkeypatch.setenv(budget.LIMIT, limit)
    monkeypatch.setattr(budget, "cores", lambda: 2)
    asked: list[int] = []

    class Frames:
        def __len__(self) -> int:
            return 7

        def pose(self, index: int) -> object:
            return None if index == 2 else object()

        def frame(self, index: int, parts: Parts) -> int:
            asked.append(index)
            if index == 5:
                raise CaptureError("given: a cut image; needed: a whole one; do: copy it")
            return 10 * index

    told: list[tuple[int, int]] = []
    frames: Any = Frames()
    found = scenes.posed_frames(frames, Parts(), lambda done, total: told.append((done, total)))
    seen = [next(found) for _ in range(4)]
    assert seen == [0, 10, 30, 40]
    with pytest.raises(CaptureError, match="a cut image"):
        next(found)
    assert told == [(n + 1, 7) for n in range(5)]
    asked.clear()
    found = scenes.posed_frames(frames, Parts())
    assert next(found) == 0
    found.close()  # who needs no more asks for no more
    assert asked in ([0], [0, 1])
