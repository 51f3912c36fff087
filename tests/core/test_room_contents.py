"""Contents of a room: to a file and back, and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from crossvox.core.artifact import plain
from crossvox.core.checks import ArtifactError, ParamsError
from crossvox.core.room_contents import Opening, RoomContents, RoomObject, Wall

CHAIR = RoomObject(1, "chair", 5, 0.8, (1.0, 2.0, 0.5), (0.6, 0.4, 1.0), 90.0, 1.2, 300)
DOOR = RoomObject(2, "door", 8, 0.9, (2.0, 0.0, 1.0), (0.9, 0.1, 2.0), 0.0, 1.8, 200)
ROOM = RoomContents(
    objects=(CHAIR, DOOR),
    walls=(Wall((0.0, 0.0), (4.0, 0.0), 2.5),),
    openings=(Opening("door", 0, (2.0, 0.0, 1.0), 0.9, 2.0, 0.0, object=2),),
    outline_m=((0.0, 0.0), (4.0, 0.0), (4.0, 3.0), (0.0, 3.0)),
    outline_seen=0.25,
    floor_m=0.0,
    area_m2=12.0,
    remarks=("no ceiling was seen",),
)


def test_comes_back_from_its_file(tmp_path: Path) -> None:
    ROOM.write(tmp_path / "objects.json")
    assert RoomContents.read(tmp_path / "objects.json") == ROOM
    record = json.loads((tmp_path / "objects.json").read_text())
    assert record["version"] == 1
    assert (record["unit"], record["up"], record["ceiling_m"]) == ("m", "z", None)
    assert record["walls"] == [{"from_m": [0, 0], "to_m": [4, 0], "height_m": 2.5}]


def test_an_empty_room_comes_back(tmp_path: Path) -> None:
    RoomContents().write(tmp_path / "objects.json")
    assert RoomContents.read(tmp_path / "objects.json") == RoomContents()


def test_counts_corners_and_heights() -> None:
    assert ROOM.counts == {"chair": 1, "door": 1}
    low, high = CHAIR.corners_m.min(axis=0), CHAIR.corners_m.max(axis=0)
    np.testing.assert_allclose([low, high], [[0.8, 1.7], [1.2, 2.3]])
    assert CHAIR.heights_m == (0.0, 1.0)
    assert ROOM.walls[0].length_m == 4


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("confidence", 1.5),
        ("number", 0),
        ("class_id", 41),
        ("size_m", (1.0, -1.0, 1.0)),
        ("center_m", (0.0, float("nan"), 0.0)),
    ],
)
def test_refuses_what_no_object_is(field: str, value: object) -> None:
    with pytest.raises(ParamsError, match="object"):
        replace(CHAIR, **{field: value})


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"version": 2}, "version 2"),
        ({"objects": [plain(DOOR)]}, "numbers"),
        ({"walls": []}, "walls below 0"),
        ({"walls": [{"from_m": [0, 0], "to_m": [4], "height_m": 2}]}, "to_m"),
        ({"openings": [{**plain(ROOM.openings[0]), "kind": "gate"}]}, "kind"),
    ],
)
def test_a_damaged_file_is_told(tmp_path: Path, change: dict[str, object], told: str) -> None:
    path = tmp_path / "objects.json"
    path.write_text(json.dumps({**plain(ROOM), **change}))
    with pytest.raises(ArtifactError, match=told):
        RoomContents.read(path)
