"""Captures, scenes and pages in the place of what is written; see the test of all commands."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from walls import SMALL, command, state, write_wall

# Captures


@pytest.fixture
def kitchen(tmp_path: Path) -> Path:
    return write_wall(tmp_path / "home" / "kitchen")


def refused(where: Path, *words: object) -> None:
    """Preparing is refused, and nothing below ``where`` changes."""
    before = state(where)
    command("prepare", *words, *SMALL, "--workers", 1, code=2)
    assert state(where) == before


def test_a_folder_of_scans_is_not_prepared_into_itself(house: Path, tmp_path: Path) -> None:
    shutil.copytree(house / "raw", tmp_path / "raw")
    refused(tmp_path, tmp_path / "raw", tmp_path / "raw")
    refused(tmp_path, tmp_path / "raw" / "scene0000_00", tmp_path / "raw")
    refused(tmp_path, tmp_path / "raw" / "scene0000_00", tmp_path / "raw" / "scene0000_00")


def test_a_capture_is_not_prepared_beside_itself(
    kitchen: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(kitchen.parent)
    refused(kitchen.parent, "kitchen", ".")
    monkeypatch.chdir(kitchen)
    refused(kitchen.parent, ".", "..")
    refused(kitchen.parent, ".", ".")


def test_a_capture_is_not_prepared_among_its_own_files(
    kitchen: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is made would belong to the capture, and be made from another one each time."""
    (tmp_path / "way").symlink_to(kitchen)
    for capture, out in (
        (kitchen, kitchen / "data"),
        (kitchen, tmp_path / "way" / "data"),
        (tmp_path / "way", kitchen / "deep" / "data"),
        (kitchen, kitchen.parent / "other" / ".." / "kitchen" / "data"),
    ):
        refused(tmp_path, capture, out)
    before = state(tmp_path)
    for words in (["convert", kitchen], ["scan", kitchen]):
        command(*words, kitchen / "room", code=2)
    assert state(tmp_path) == before
    monkeypatch.chdir(kitchen.parent)
    command("prepare", kitchen.parent, "data", *SMALL, "--workers", 1)  # beside it is another thing
    assert (kitchen.parent / "data" / "kitchen" / "volume.npz").is_file()


def test_a_capture_in_the_data_folder_is_not_replaced_by_what_is_made_from_it(
    kitchen: Path, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    command("prepare", write_wall(tmp_path / "office"), data, *SMALL, "--workers", 1)
    shutil.copytree(kitchen, data / "kitchen")
    refused(tmp_path, data / "kitchen", data)
    refused(tmp_path, kitchen, data)


def test_a_prepared_scene_is_not_prepared_in_its_own_place(
    house: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = shutil.copytree(house / "data", tmp_path / "data")
    refused(tmp_path, data / "scene0000_00", data)
    assert f"given: {data / 'scene0000_00'}" in capsys.readouterr().err
    (tmp_path / "way").symlink_to(data)
    refused(tmp_path, tmp_path / "way" / "scene0000_00", data)


def test_of_a_scene_that_is_a_link_the_link_alone_is_replaced(
    kitchen: Path, tmp_path: Path
) -> None:
    """A foreign folder behind it is refused; one's own stays where it is."""
    data = tmp_path / "data"
    command("prepare", write_wall(tmp_path / "office"), data, *SMALL, "--workers", 1)
    (data / "kitchen").symlink_to(kitchen)
    refused(tmp_path, kitchen, data)
    (data / "kitchen").unlink()
    command("prepare", kitchen, data, *SMALL, "--workers", 1)
    moved = tmp_path / "elsewhere" / "kitchen"
    moved.parent.mkdir()
    shutil.move(data / "kitchen", moved)
    (data / "kitchen").symlink_to(moved)
    before = state(moved)
    (kitchen / "kitchen.sens").touch()
    command("prepare", kitchen, data, *SMALL, "--workers", 1)
    assert not (data / "kitchen").is_symlink()
    assert (data / "kitchen" / "volume.npz").is_file()
    assert state(moved) == before
    assert not [path for path in data.iterdir() if path.name.endswith((".old", ".part"))]


# Pages


def test_a_page_is_written_over_pages_alone(house: Path, tmp_path: Path) -> None:
    page, other = tmp_path / "page.html", tmp_path / "mine.html"
    for _ in range(2):
        command("report", house / "run", page)
    other.write_text("<html><head><title>mine</title></head></html>")
    (tmp_path / "new-scenes").mkdir()
    (tmp_path / "new-scenes" / "photo.jpg").write_text("dear")
    before = state(tmp_path)
    command("report", house / "run", other, code=2)
    command("report", house / "run", tmp_path / "new.html", code=2)
    command("view", house / "data", "--out", other, code=2)
    assert state(tmp_path) == before


def test_a_report_that_was_interrupted_is_gone_on_with(
    house: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from crossvox.report.page import write

    def interrupted(*args: object) -> None:
        (tmp_path / "page" / "scenes").mkdir(exist_ok=True)
        (tmp_path / "page" / "scenes" / "room.glb").write_text("half")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(write, "run_record", interrupted)
        command("report", house / "run", tmp_path / "page", code=130)
    command("report", house / "run", tmp_path / "page")


def test_a_view_is_written_over_views(house: Path, tmp_path: Path) -> None:
    for _ in range(2):
        command("view", house / "data", "--out", tmp_path / "view.html")
