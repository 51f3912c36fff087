"""Which items a call works on, and how much memory its workers may take."""

from __future__ import annotations

from pathlib import Path

import pytest

from crossvox.core.checks import ParamsError
from crossvox.flow.choice import Choice, read_names, read_shard, slurm_shard
from crossvox.flow.memory import container_room, read_size

NAMES = [f"scene{n:02}" for n in range(11)]


@pytest.mark.parametrize("parts", [1, 2, 3, 11, 16])
def test_shards_are_disjoint_and_together_everything(parts: int) -> None:
    shards = [Choice((part, parts)).of(reversed(NAMES)) for part in range(1, parts + 1)]
    assert sorted(name for shard in shards for name in shard) == NAMES
    assert max(map(len, shards)) - min(map(len, shards)) <= 1


def test_a_shard_does_not_depend_on_what_else_is_chosen() -> None:
    assert Choice((2, 3)).of(NAMES) == NAMES[1::3]
    assert Choice((2, 3), skip=("scene00",)).of(NAMES) == NAMES[1::3]
    assert Choice((2, 3), only=("scene04", "scene05")).of(NAMES) == ["scene04"]


def test_names_that_are_not_there_are_refused_with_the_nearest() -> None:
    with pytest.raises(ParamsError, match=r"--only with 'scene0'.*did you mean"):
        Choice(only=("scene01", "scene0")).of(NAMES)
    with pytest.raises(ParamsError, match=r"--skip with 'kitchen'.*correct --skip"):
        Choice(skip=("kitchen",)).of(NAMES)


def test_lists_are_given_by_commas_or_by_a_file(tmp_path: Path) -> None:
    assert read_names("a, b,,a") == ("a", "b")
    (tmp_path / "list.txt").write_text("\ufeffa\nb\n", encoding="utf-8")
    assert read_names(str(tmp_path / "list.txt")) == ("a", "b")
    (tmp_path / "list.txt").write_text("a\nb\n", encoding="utf-16")
    assert read_names(str(tmp_path / "list.txt")) == ("a", "b")
    (tmp_path / "list.txt").write_bytes("scène".encode("latin-1"))
    for nothing in (" , ", str(tmp_path / "list.txt")):
        with pytest.raises(ParamsError):
            read_names(nothing)


@pytest.mark.parametrize("text", ["", "3", "0/4", "5/4", "-1/4", "1/0", "a/b", "1/2/3"])
def test_shards_that_make_no_sense_are_refused(text: str) -> None:
    assert read_shard(" 3 / 16 ") == (3, 16)
    with pytest.raises(ParamsError, match="--shard 3/16"):
        read_shard(text)


def slurm(**told: str) -> dict[str, str]:
    return {f"SLURM_ARRAY_TASK_{name}": value for name, value in told.items()}


@pytest.mark.parametrize(
    ("told", "shard"),
    [
        ({}, None),
        ({"ID": "0", "COUNT": "4", "MIN": "0", "MAX": "3", "STEP": "1"}, (1, 4)),
        ({"ID": "16", "COUNT": "16", "MIN": "1"}, (16, 16)),
        ({"ID": "107", "COUNT": "3", "MIN": "100"}, "refused"),
        ({"ID": "104", "COUNT": "3", "MIN": "100", "STEP": "2"}, (3, 3)),
        ({"ID": "103", "COUNT": "3", "MIN": "100", "STEP": "2"}, "refused"),
        ({"ID": "7", "COUNT": "3", "MIN": "1", "STEP": "1"}, "refused"),
        ({"ID": "1", "COUNT": "3"}, "refused"),
        ({"ID": "1"}, "refused"),
        ({"ID": "one", "COUNT": "3", "MIN": "1"}, "refused"),
        ({"ID": "0", "COUNT": "3", "MIN": "1"}, "refused"),
    ],
)
def test_the_place_in_a_job_array_is_a_shard(
    told: dict[str, str], shard: tuple[int, int] | str | None
) -> None:
    if shard == "refused":
        with pytest.raises(ParamsError, match=r"SLURM_ARRAY_TASK_ID.*--shard K/N"):
            slurm_shard(slurm(**told))
    else:
        assert slurm_shard(slurm(**told)) == shard


def test_sizes_have_units() -> None:
    texts = ("4GB", "4 gb", "1.5GiB", "512M", "2T", "100000000", "600 MiB")
    sizes = [4 * 10**9, 4 * 10**9, 3 * 2**29, 512 * 10**6, 2 * 10**12, 10**8, 600 * 2**20]
    assert [read_size(text) for text in texts] == sizes
    for nonsense in ("4", "GB", "-4GB", "4 G B", "0GB", "4PB", "nan", "4iB", "1e9", "9" * 400):
        with pytest.raises(ParamsError, match="--memory 4GB"):
            read_size(nonsense)


def test_the_room_in_a_container_is_its_limit_less_what_is_used(tmp_path: Path) -> None:
    assert container_room(tmp_path) > 2**60
    (tmp_path / "memory.max").write_text("max\n")
    (tmp_path / "memory.current").write_text("600\n")
    assert container_room(tmp_path) > 2**60
    (tmp_path / "memory.max").write_text("1000\n")
    assert container_room(tmp_path) == 400
    (tmp_path / "memory.stat").write_text("anon 100\ninactive_file 50\n")
    assert container_room(tmp_path) == 450
