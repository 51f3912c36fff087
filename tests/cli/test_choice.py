"""Flags that say which items a command makes, and with how much memory."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from crossvox.cli import main

ROOMS = ("--count", "5", "--dry-run")


@pytest.fixture
def planned(tmp_path: Path, capsys: pytest.CaptureFixture[str]):  # type: ignore[no-untyped-def]
    """Rooms that a dry run would make with some flags, by number, and what it says."""

    def plan(*words: str, code: int = 0) -> tuple[list[int], str]:
        record = tmp_path / "plan.json"
        record.unlink(missing_ok=True)
        assert main(["rooms", str(tmp_path / "raw"), *ROOMS, *words, "--json", str(record)]) == code
        items = [one["item"] for one in json.loads(record.read_text())] if code == 0 else []
        return [int(item[5:9]) for item in items], capsys.readouterr().err

    return plan


def test_a_shard_and_names(planned, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    assert planned()[0] == [0, 1, 2, 3, 4]
    assert planned("--shard", "2/3")[0] == [1, 4]
    assert planned("--only", "scene0001_00,scene0002_00", "--skip", "scene0002_00")[0] == [1]
    (tmp_path / "list.txt").write_text("scene0003_00\nscene0004_00\n")
    assert planned("--only", str(tmp_path / "list.txt"))[0] == [3, 4]


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("--only", "scene0001_0"), "did you mean 'scene0001_00'"),
        (("--skip", "kitchen"), "none of the 5 items"),
        (("--shard", "4/3"), "--shard 4/3"),
        (("--memory", "much"), "--memory 4GB"),
        (("--memory", "4"), "--memory 4GB"),
        (("--only", ""), "an empty word after --only"),
        (("--skip=",), "an empty word after --skip"),
        (("--shard", ""), "an empty word after --shard"),
        (("--quiet", ""), "an empty word after --quiet"),
    ],
)
def test_what_makes_no_sense_is_refused(planned, words: tuple[str, ...], text: str) -> None:  # type: ignore[no-untyped-def]
    assert text in planned(*words, code=2)[1]


def test_a_task_of_a_job_array_works_on_its_part(planned, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    for name, value in {"ID": "12", "COUNT": "2", "MIN": "10", "STEP": "2"}.items():
        monkeypatch.setenv(f"SLURM_ARRAY_TASK_{name}", value)
    found, said = planned()
    assert found == [1, 3]
    assert "part 2 of 2" in said
    found, said = planned("--shard", "1/1")
    assert found == [0, 1, 2, 3, 4]
    assert "job array" not in said
    monkeypatch.setenv("SLURM_ARRAY_TASK_COUNT", "")
    assert "--shard K/N" in planned(code=2)[1]


def test_commands_that_make_no_items_take_no_shard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        main(["demo", str(tmp_path / "demo"), "--shard", "1/2"])
    assert end.value.code == 2
    assert "--shard" in capsys.readouterr().err
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "1")
    assert main(["demo", str(tmp_path / "demo"), "--dry-run"]) == 0
    assert "job array" not in capsys.readouterr().err
