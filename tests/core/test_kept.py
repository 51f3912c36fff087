"""What is made of folders is made once where their files stay, and anew everywhere else."""

from __future__ import annotations

from pathlib import Path
from weakref import WeakSet

import pytest

from crossvox.core.artifact import MANIFEST, Manifest, write_manifest
from crossvox.core.checks import ArtifactError
from crossvox.core.kept import Kept, files_stay, folder_key


def test_the_last_ones_are_taken_again_where_files_stay() -> None:
    kept: Kept[list[str]] = Kept(lambda _: 0, 2)
    made: list[str] = []

    def get(key: str) -> list[str]:
        return kept.get(key, lambda: [made.append(key) or key])

    with files_stay():
        first = get("a")
        get("b")
        assert get("a") is first
        get("c")
        assert made == ["a", "b", "c"]
        assert get("a") is first, "asked for after b"
        get("b")
        assert made == ["a", "b", "c", "b"]
        assert len(kept) == 2
    get("b")
    assert made[-2:] == ["b", "b"], "files may have changed"
    with files_stay(), files_stay():
        pass
    assert get("a") is not first


def test_all_that_is_kept_goes_into_one_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many rooms there are, and in however many ways they are asked for."""
    monkeypatch.setattr("crossvox.core.kept.BUDGET_BYTES", 100)
    monkeypatch.setattr(Kept, "_all", WeakSet())
    rooms: Kept[bytes] = Kept(len)
    points: Kept[bytes] = Kept(len)
    made: list[tuple[str, int]] = []

    def ask(way: str, count: int) -> list[tuple[str, int]]:
        """What was made anew for a stretch of work that asks for all rooms in order, twice."""
        made.clear()
        with files_stay():
            for number in [*range(count)] * 2:
                key = (way, number)
                rooms.get(key, lambda key=key: made.append(key) or bytes(30))
                held = [one.bytes for its in (rooms, points) for one in its._found.values()]
                assert sum(held) <= 100
        return made

    with files_stay():
        points.get("a", lambda: bytes(10))
    assert ask("colours", 3) == [("colours", n) for n in range(3)]
    # What fits is not made again, though all do not fit: the first do not make room for the last.
    assert ask("colours", 5) == [("colours", n) for n in (3, 4, 3, 4)]
    assert len(points) == 1
    # Of earlier work, what was not asked for longest goes.
    assert ask("grey", 2) == [("grey", 0), ("grey", 1)]
    assert len(points) == 0
    assert len(rooms) == 3
    assert ask("grey", 2) == []
    with files_stay():
        points.get("large", lambda: bytes(101))
    assert len(points) == 0
    assert len(rooms) == 3, "nothing goes for what does not fit"


def test_what_fails_is_tried_again() -> None:
    kept: Kept[int] = Kept(lambda _: 0)

    def fail() -> int:
        raise ValueError("damaged")

    with files_stay():
        with pytest.raises(ValueError, match="damaged"):
            kept.get("a", fail)
        assert kept.get("a", lambda: 1) == 1


def test_a_folder_that_is_made_again_has_another_key(tmp_path: Path) -> None:
    empty = folder_key(tmp_path)
    (tmp_path / "volume.npz").write_bytes(b"a")
    without = folder_key(tmp_path)
    (tmp_path / "volume.npz").write_bytes(b"another")
    changed = folder_key(tmp_path)
    assert changed == folder_key(tmp_path)
    write_manifest(tmp_path, Manifest("prepare-scene"))
    before = folder_key(tmp_path)
    write_manifest(tmp_path, Manifest("prepare-scene", params={"voxel_m": 0.04}))
    made = folder_key(tmp_path)
    assert len({empty, without, changed, before, made, folder_key(tmp_path / "b")}) == 6
    (tmp_path / MANIFEST).write_text("{")
    with pytest.raises(ArtifactError, match=r"manifest\.json"):
        folder_key(tmp_path)
