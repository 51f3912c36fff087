"""Which items a folder holds, and whether it is one that may be gone on with."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from crossvox.core.artifact import Manifest, write_manifest
from crossvox.core.checks import ArtifactError, CaptureError
from crossvox.core.files import VOLUME
from crossvox.evaluate.score_table import expect_own_csv
from crossvox.flow.collection import item_names
from crossvox.flow.folder import expect_own_page, expect_writable, is_begun
from crossvox.flow.lineage import scene_list
from crossvox.recipes.data import read_scenes


def test_the_manifest_lists_the_items_and_hand_made_folders_show_theirs(tmp_path: Path) -> None:
    for name in ("b", "a", ".a.part"):
        (tmp_path / name).mkdir()
        (tmp_path / name / VOLUME).touch()
    assert item_names(tmp_path, VOLUME, "color") == ["a", "b"]
    assert [path.name for path in read_scenes(tmp_path, "all")] == ["a", "b"]
    write_manifest(tmp_path / "b", Manifest("prepare-scene"))
    write_manifest(tmp_path, Manifest("prepare", items={"b": ""}))
    assert item_names(tmp_path, VOLUME) == ["b"]
    write_manifest(tmp_path, Manifest("prepare", items={"b": "", "c": ""}))
    with pytest.raises(ArtifactError, match="lists c, not to be found"):
        item_names(tmp_path, VOLUME)


def test_a_folder_of_something_else_is_not_gone_on_with(tmp_path: Path) -> None:
    assert not is_begun(tmp_path / "new", "params.json")
    (tmp_path / ".locks").mkdir()
    assert not is_begun(tmp_path, "params.json")
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(ArtifactError, match=r"holds thesis\.tex but no params\.json"):
        is_begun(tmp_path, "params.json")
    with pytest.raises(ArtifactError, match="is a file"):
        is_begun(tmp_path / "thesis.tex", "params.json")
    (tmp_path / "params.json").touch()
    assert is_begun(tmp_path, "params.json")


def test_a_list_of_scenes_is_checked_wherever_it_is_read(tmp_path: Path) -> None:
    assert scene_list(tmp_path, "val") == []
    (tmp_path / "val.txt").write_text("a\n../b\n")
    with pytest.raises(CaptureError, match=r"val\.txt with the name '\.\./b'"):
        scene_list(tmp_path, "val")


def read_only(*_: object, **__: object) -> None:
    raise OSError(errno.EROFS, os.strerror(errno.EROFS))


def test_where_nothing_can_be_written_is_found_out_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expect_writable(tmp_path / "a" / "b" / "scores.json")
    (tmp_path / "file").touch()
    expect_writable(tmp_path / "file")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    with pytest.raises(ArtifactError, match="Not a directory"):
        expect_writable(tmp_path / "file" / "scores.json")
    monkeypatch.setattr(Path, "touch", read_only)
    for asked in (expect_writable, expect_own_page, expect_own_csv):
        with pytest.raises(ArtifactError, match=r"Read-only.*the right to write in"):
            asked(tmp_path / "new.html")
