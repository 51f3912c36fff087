"""Scenes that cells of a study ask for, one after the other, are loaded once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from crossvox.core import kept
from crossvox.core.kept import Kept, files_stay
from crossvox.flow.progress import Silent
from crossvox.recipes import scene_sources
from crossvox.recipes.scene_sources import load_scene, load_sources
from crossvox.samples.params import InputParams
from crossvox.views.params import ViewParams


@pytest.fixture
def loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Two scenes in ``tmp_path``; names of those that are loaded, as they are."""
    found: list[str] = []

    def load_source(folder: Path, views: ViewParams, shown: InputParams | None = None) -> Any:
        found.append(folder.name)
        return SimpleNamespace(name=folder.name)

    monkeypatch.setattr(scene_sources, "load_source", load_source)
    monkeypatch.setattr(scene_sources, "_SCENES", Kept(lambda _: 0, 3))
    monkeypatch.setattr(
        scene_sources, "read_scenes", lambda data, scenes: [data / n for n in scenes.split(",")]
    )
    digests = lambda folder: SimpleNamespace(digest=(folder / "manifest.json").read_text())  # noqa: E731
    monkeypatch.setattr(kept, "read_manifest", digests)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "manifest.json").write_text(name)
    return found


def load(data: Path, scenes: str = "a,b", views: ViewParams | None = None) -> list[Any]:
    return load_sources(data, scenes, views or ViewParams(), Silent(), "scenes")


def test_scenes_are_loaded_once_where_they_stay(tmp_path: Path, loaded: list[str]) -> None:
    with files_stay():
        first = load(tmp_path)
    with files_stay():
        assert all(one is other for one, other in zip(first, load(tmp_path), strict=True))
        assert loaded == ["a", "b"]
        load(tmp_path, views=replace(ViewParams(), far_m=3.0))
        assert loaded == ["a", "b"] * 2, "seen in another way"
        load(tmp_path, "b,a")
        assert loaded == [*["a", "b"] * 2, "a"], "three of four are kept"
        (tmp_path / "b" / "manifest.json").write_text("prepared again")
        load_scene(tmp_path / "b", ViewParams())
        assert loaded[-2:] == ["a", "b"]


def test_everywhere_else_they_are_loaded_anew(tmp_path: Path, loaded: list[str]) -> None:
    with files_stay():
        load(tmp_path)
    load(tmp_path)
    load(tmp_path)
    assert loaded == ["a", "b"] * 3
