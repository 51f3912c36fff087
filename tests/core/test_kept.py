"""What is made of folders is made once where their files stay, and anew everywhere else."""

from __future__ import annotations

from pathlib import Path

import pytest

from crossvox.core.artifact import MANIFEST, Manifest, write_manifest
from crossvox.core.checks import ArtifactError
from crossvox.core.kept import Kept, files_stay, folder_key


def test_the_last_ones_are_taken_again_where_files_stay() -> None:
    kept: Kept[list[str]] = Kept(2)
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


def test_what_fails_is_tried_again() -> None:
    kept: Kept[int] = Kept(1)

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
