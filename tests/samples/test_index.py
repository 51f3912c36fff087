"""Indices of samples: drawn, sliding, saved and loaded."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from crossvox.chunks import ChunkParams, sliding_starts
from crossvox.core.checks import ArtifactError, ParamsError
from crossvox.core.volume import ChunkPlace
from crossvox.samples.index import SampleIndex, training_index, window_index
from crossvox.samples.source import SceneSource
from crossvox.views.params import ViewParams
from crossvox.views.select import select_views

CHUNKS = ChunkParams(shape=(12, 12, 16), per_scene=15)


def test_training_index_draws_and_chooses_views(room: SceneSource, view_params: ViewParams) -> None:
    index = training_index({"box": room}, CHUNKS, view_params, seed=3)
    assert len(index) == 15
    assert index.shape == CHUNKS.shape
    assert index.max_views == 3
    for place in index.places:
        chosen = select_views(room.views, place.start, CHUNKS.shape, 3)
        assert place.frame_ids == chosen.frame_ids
        assert len(chosen.frame_ids) >= 1
    note = index.notes["box"]
    assert note["wanted"] == note["kept"] == 15
    again = training_index([room], CHUNKS, view_params, seed=3)
    assert again.digest == index.digest
    assert training_index([room], CHUNKS, view_params, seed=4).digest != index.digest


def test_a_scenes_places_do_not_depend_on_other_scenes(
    room: SceneSource, view_params: ViewParams
) -> None:
    other = SceneSource("other", room.volume, room.views, room.capture)
    alone = training_index([room], CHUNKS, view_params, seed=0)
    both = training_index([other, room], CHUNKS, view_params, seed=0)
    assert both.places[15:] == alone.places
    assert [p.start for p in both.places[:15]] != [p.start for p in alone.places]


def test_required_views_are_required_and_shortage_is_counted(
    room: SceneSource, view_params: ViewParams
) -> None:
    strict = replace(CHUNKS, require_views=3)
    index = training_index([room], strict, view_params, seed=0)
    assert all(len(place.frame_ids) == 3 for place in index.places)
    assert index.notes["box"]["too_few_views"] > 0
    blind = replace(room.views, voxel=room.views.voxel[:0], pixel=room.views.pixel[:0],
                    start=room.views.start * 0)  # fmt: skip
    unseen = SceneSource("box", room.volume, blind, room.capture)
    nothing = training_index([unseen], strict, view_params, seed=0)
    assert nothing.places == ()
    assert nothing.notes["box"]["kept"] == 0
    assert nothing.notes["box"]["too_few_views"] > 15
    with pytest.raises(ParamsError, match="no more required than allowed"):
        training_index([room], replace(CHUNKS, require_views=4), view_params, seed=0)


def test_windows_hold_every_voxel_that_is_seen(room: SceneSource) -> None:
    shape, stride = (12, 12, 16), (6, 12, 8)
    index = window_index(room, shape, stride, max_views=3)
    covered = np.zeros(room.grid.shape, dtype=bool)
    for i, j, k in (place.start for place in index.places):
        covered[i : i + 12, j : j + 12, k : k + 16] = True
    assert covered.reshape(-1)[room.views.voxel].all()
    assert all(place.frame_ids for place in index.places)
    note = index.notes["box"]
    assert note["windows"] == len(sliding_starts(room.grid, shape, stride))
    assert note["kept"] == len(index) == note["windows"] - note["unseen"]
    full = window_index(room, shape, stride, 3, keep_unseen=True)
    assert len(full) == note["windows"]
    occupied = window_index(room, (4, 4, 4), (4, 4, 4), 3, occupied_only=True)
    assert 0 < occupied.notes["box"]["empty"] < occupied.notes["box"]["windows"]


def test_saved_and_loaded_is_the_same(
    room: SceneSource, view_params: ViewParams, tmp_path: Path
) -> None:
    index = training_index([room], CHUNKS, view_params, seed=0)
    places = (*index.places, ChunkPlace("a b", (-3, 0, 7)), ChunkPlace("box", (1, 2, 3), (5,)))
    index = replace(index, places=places)
    index.save(tmp_path / "index.json")
    loaded = SampleIndex.load(tmp_path / "index.json")
    assert loaded == index
    assert loaded.digest == index.digest


def test_damaged_files_are_named(tmp_path: Path) -> None:
    path = tmp_path / "index.json"
    with pytest.raises(ArtifactError, match="does not exist"):
        SampleIndex.load(path)
    for text in ("[]", "{}", '{"schema": 99}', "{"):
        path.write_text(text)
        with pytest.raises(ArtifactError, match=r"index\.json"):
            SampleIndex.load(path)
    good = SampleIndex((ChunkPlace("a", (0, 0, 0), (1, 2)),), (4, 4, 4), 2)
    good.save(path)
    record = json.loads(path.read_text())
    path.write_text(json.dumps({**record, "places": [[7, 0, 0, 0]]}))
    with pytest.raises(ArtifactError, match="a sample index of schema 1"):
        SampleIndex.load(path)
    with pytest.raises(ParamsError, match="a place with 2 frames in an index of 1 view slots"):
        replace(good, max_views=1)
