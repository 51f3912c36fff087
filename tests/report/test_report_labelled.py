"""Labelled rooms on the page: doubt, hatching, boxes, objects, size."""

from __future__ import annotations

import base64
import csv
import io
import math
import re
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from crossvox.core.artifact import Manifest, file_digest, write_manifest
from crossvox.core.methods import CALIBRATED, UNCOMPLETED
from crossvox.core.room_contents import OBJECTS_FILE, RoomContents, RoomObject
from crossvox.core.volume import Mesh
from crossvox.doors.meshes import read_mesh, write_ply
from crossvox.report.class_colors import class_colors, without_label
from crossvox.report.confidence import CONFIDENCE_TEXTS, Doubt, confidence_colors
from crossvox.report.contents import read_contents
from crossvox.report.drawings.boxes import box_corners, box_drawing
from crossvox.report.layers import room_layers
from crossvox.report.page.contents import contents_part, objects_csv, size_sentence
from crossvox.report.page.differences import against_text, answer_text, gap_of
from crossvox.report.page.labelled import labelled_picture
from crossvox.report.page.renderings import Seen, sights_of
from crossvox.report.page.write import PageReport, write_page
from crossvox.report.params import ReportParams
from crossvox.report.pictures.hatch import STRIPE
from crossvox.report.pictures.viewpoint import birdseye_view
from crossvox.report.rooms import Room, read_room
from crossvox.report.sources import gather


def square(labels: list[int], sure: list[float] | None = None) -> Mesh:
    """Triangles of half a square metre, one a label."""
    count = len(labels)
    corners = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0]], np.float32)
    places = np.concatenate([corners + np.array([2 * i, 0, 0]) for i in range(count)]).astype(
        np.float32
    )
    return Mesh(
        places,
        np.arange(3 * count, dtype=np.int32).reshape(-1, 3),
        labels=np.repeat(np.array(labels, np.uint8), 3),
        label_confidence=None if sure is None else np.repeat(np.array(sure, np.float32), 3),
    )


def test_doubt_is_counted_by_area_and_told_in_words() -> None:
    doubt = Doubt.of(square([1, 2, 0, 5], [0.9, 0.4, 0.1, 0.5]))
    assert doubt.unlabelled == pytest.approx(0.25)
    assert doubt.doubtful == pytest.approx(1 / 3)  # of what has a label
    assert doubt.sentence == (
        "25% of the surface has no label; 33.3% of the rest has one that is doubtful (less likely "
        "than 50%)."
    )
    sure = Doubt.of(square([1, 2], [0.9, 0.8]))
    assert sure.sentence == (
        "All of the surface has a label; none of the labels is less likely than 50%."
    )
    untold = Doubt.of(square([1, 0]))
    assert untold.doubtful is None
    assert untold.sentence.endswith("nobody tells how sure the labels are.")
    few = Doubt.of(square([0, *[1] * 1999], [0.1] + [0.9] * 1999))
    assert few.sentence.startswith("Under 0.1% of the surface has no label")


def test_confidence_grows_lighter() -> None:
    colors = confidence_colors(square([1, 1, 1], [0.0, 0.5, 1.0]))[::3].astype(int)
    assert (np.diff(colors.sum(axis=1)) > 100).all()


def test_unlabelled_surface_is_hatched_and_nothing_else(box_room: Mesh) -> None:
    labels = np.where(box_room.vertices_m[:, 0] < 1.5, 0, 1).astype(np.uint8)
    mesh = replace(box_room, labels=labels)
    sight = sights_of([birdseye_view(mesh, (160, 120))])[0]
    seen = Seen()
    colors = class_colors(labels)
    plain = seen.code(sight, mesh, colors)
    hatched = seen.code(sight, mesh, colors, without_label(mesh))
    changed = (plain != hatched).any(axis=-1)
    assert 0.05 < changed.mean() < 0.4
    dark = plain[..., :3].max(axis=-1) < 110
    assert dark[changed].mean() > 0.9
    _, shown = seen.of(mesh, sight)
    inside = shown.face[::2, ::2] >= 0
    unlabelled = inside & without_label(mesh)[np.maximum(shown.face[::2, ::2], 0)]
    assert 0.3 < changed[unlabelled].mean() < 0.7  # stripes and gaps
    near = np.abs(hatched[..., :3][changed].astype(int) - STRIPE).max(axis=-1) < 12
    assert near.mean() > 0.8
    everything = seen.code(sight, mesh, colors, np.zeros(len(mesh.faces), bool))
    np.testing.assert_array_equal(everything, plain)


def test_boxes_show_the_edges_that_look_at_the_camera(box_room: Mesh) -> None:
    view = birdseye_view(box_room, (200, 144))
    one = RoomObject(5, "<b>", 7, 0.5, (2.0, 1.5, 0.5), (1.0, 0.6, 1.0), 0.0, 1.0, 3)
    drawing = box_drawing([one], view.camera, view.pose)
    assert 'viewBox="0 0 200 144"' in drawing
    assert "<title>5: &lt;b&gt;</title>" in drawing
    lines = re.findall(r'<path d="([^"]*)"', drawing)
    assert lines[0].count("M") == 9  # three sides of a box are seen, with nine edges
    behind = replace(one, center_m=tuple(view.pose.position_m.tolist()))
    assert "<g" not in box_drawing([behind], view.camera, view.pose)


def test_corners_of_a_box_are_those_of_its_turned_size() -> None:
    one = RoomObject(1, "desk", 14, 0.5, (1.0, 2.0, 0.4), (2.0, 1.0, 0.8), 90.0, 1.0, 3)
    corners = box_corners(one)
    np.testing.assert_allclose(corners.min(axis=0), (0.5, 1.0, 0.0), atol=1e-9)
    np.testing.assert_allclose(corners.max(axis=0), (1.5, 3.0, 0.8), atol=1e-9)
    assert (corners[:4, 2] < corners[4:, 2]).all()


def test_the_size_says_whether_it_is_the_room_or_its_seen_part(build: SimpleNamespace) -> None:
    part = build.contents()
    assert size_sentence(part) == (
        "The seen part of the room: 15.0 m², height unknown: ceiling not seen; walls were seen "
        "along 70% of its outline, the rest is where the scan ends."
    )
    closed = replace(part, outline_seen=1.0, ceiling_m=2.6, height_m=2.6)
    assert size_sentence(closed) == (
        "The room: 15.0 m², 2.60 m high; walls were seen along 100% of its outline."
    )
    nothing = RoomContents()
    assert size_sentence(nothing) == (
        "The outline of the room was not found; height unknown: floor and ceiling not seen."
    )


def test_objects_are_a_table_by_class_and_a_csv(build: SimpleNamespace) -> None:
    contents = build.contents()
    part = contents_part(Room("r", None, {}, contents=contents))
    assert part is not None
    groups = part["objects"]["groups"]
    assert [(group["name"], group["count"]) for group in groups] == [("sofa", 1), ("table", 2)]
    assert groups[1]["rows"][0]["confidence"] == "99.9%"  # cut, not rounded up
    assert groups[1]["rows"][1]["area"] == "under 0.01 m²"
    assert part["openings"] == "Three walls, one door."
    rows = list(csv.DictReader(io.StringIO(objects_csv(contents.objects))))
    assert [row["class"] for row in rows] == ["table", "sofa", "table"]
    assert float(rows[0]["confidence"]) == 0.9996
    assert float(rows[1]["center_y_m"]) == 2.9
    formula = replace(contents.objects[0], class_name="=1+1")
    assert "\r\n1,'=1+1," in objects_csv((formula,))
    assert contents_part(Room("r", None, {})) is None


def test_the_page_of_a_labelled_room(furnished_page: PageReport, furnished: Any) -> None:
    html = furnished_page.page.read_text(encoding="utf-8")
    name = furnished.names[0]
    pictures = re.findall(r'<img[^>]*src="data:[^"]*" alt="([^"]*)"', html)
    assert pictures[0] == f"{name}, labelled, Learnt, from above"
    assert f"{name}, by confidence of the labels" in pictures
    assert f"{name}, floor plan with walls, openings and objects" in pictures
    assert "probability that the class is right, calibrated" in html
    assert "of the surface has no label" in html
    assert '<i class="hatch"' in html
    assert "The seen part of the room: 15.0 m²" in html
    assert "<b>15.0 m²</b><span>floor area of the seen part</span>" in html
    assert "The ceiling was not seen." in html
    assert '<tr data-object="3">' in html
    table = re.search(r'href="data:text/csv;charset=utf-8;base64,([^"]*)" download', html)
    assert table is not None
    assert base64.b64decode(table[1]).decode().splitlines()[0].startswith("number,class,class_id")
    assert furnished_page.missing == ()


@pytest.mark.parametrize("told", [True, False, None])
def test_confidence_is_called_calibrated_where_it_is(
    build: SimpleNamespace, tmp_path: Path, told: bool | None
) -> None:
    made = build.furnish(build.label(build.make(tmp_path / "set", 1)))
    build.note(made.prediction / made.names[0], CALIBRATED, told)
    room = read_room(made.names[0], gather([made.prediction]))
    assert room.calibrated is told
    texts = [layer.text for layer in room_layers(room, 0.05) if layer.key == "confidence"]
    sight = sights_of([birdseye_view(room.meshes["learnt"], (160, 120))])[0]
    picture = labelled_picture(room, sight, Seen())
    assert picture is not None
    assert {*texts, picture["confidence"]["text"]} == {CONFIDENCE_TEXTS[told]}
    assert ("not calibrated" in CONFIDENCE_TEXTS[told]) is (told is False)


def test_the_page_stays_usable_whatever_is_missing_or_damaged(
    build: SimpleNamespace, tmp_path: Path
) -> None:
    made = build.furnish(build.label(build.make(tmp_path / "set", 1)))
    folder = made.prediction / made.names[0]
    (folder / OBJECTS_FILE).write_text('{"objects": 3}')
    (folder / "floorplan.svg").write_text("no drawing")
    quick = ReportParams(max_scenes=1, picture_width_px=96, view_3d=False)
    report = write_page([made.prediction], tmp_path / "page", quick)
    assert any(line.startswith("objects.json cannot be read") for line in report.missing)
    assert "floorplan.svg is no floor plan" in report.missing
    html = report.page.read_text(encoding="utf-8")
    assert "labelled, Learnt, from above" in html
    assert "data-object" not in html.replace("tr[data-object]", "").replace("g[data-object=", "")


def test_objects_are_those_of_the_prediction_whose_classes_are_shown(
    build: SimpleNamespace, tmp_path: Path
) -> None:
    first = build.label(build.make(tmp_path / "set", 1)).prediction
    name = next(path.name for path in first.iterdir() if path.is_dir())
    second = first.with_name("second")
    shutil.copytree(first, second)
    path = second / name / "mesh.ply"
    labels = read_mesh(path).labels
    assert labels is not None
    write_ply(path, replace(read_mesh(path), labels=labels[::-1].copy()))
    build.contents().write(second / name / OBJECTS_FILE)
    both = gather([first, second])
    left_out = f"{name}: objects and floor plan in %s/{name} are not shown: they are not of %s"
    room = read_room(name, both)
    assert room.contents is None
    assert room.missing == (left_out % ("second", "prediction") + ", whose classes are shown",)
    alone = read_room(name, gather([second]))
    assert alone.contents is not None
    assert alone.missing == ()
    # What 'crossvox objects' found lies beside both, and tells of which mesh it is.
    (second / name / OBJECTS_FILE).unlink()
    beside = first.parent / "objects" / name
    build.contents().write(beside / OBJECTS_FILE)
    for place in (first, second):
        found_in = {"mesh": file_digest(place / name / "mesh.ply")}
        write_manifest(beside, Manifest("objects", parents=found_in))
        room = read_room(name, both)
        assert (room.contents is None) == (place == second)
        assert len(room.missing) == (place == second)
    assert room.missing[0].startswith(left_out % ("objects", "prediction"))


def test_why_nothing_is_completed_is_told_of_the_surface_that_is_shown(
    build: SimpleNamespace, tmp_path: Path
) -> None:
    first = build.make(tmp_path / "set", 1).prediction
    name = next(path.name for path in first.iterdir() if path.is_dir())
    second = first.with_name("second")
    shutil.copytree(first, second)
    build.note(second / name, UNCOMPLETED, "the camera hardly moves")
    assert read_room(name, gather([first, second])).uncompleted == ""
    assert read_room(name, gather([second, first])).uncompleted == "the camera hardly moves"


def test_contents_of_a_scan_lie_in_its_own_folder(build: SimpleNamespace, tmp_path: Path) -> None:
    made = build.make(tmp_path / "set", 1)
    out = tmp_path / "out"
    (out).mkdir()
    made.prediction.rename(out / "prediction")
    build.contents().write(out / OBJECTS_FILE)
    room = read_room(made.names[0], gather([out / "prediction"]))
    assert room.contents is not None
    assert len(room.contents.objects) == 3
    assert read_contents([tmp_path], []) == (None, None)


@pytest.mark.parametrize(
    ("arm", "control", "answer", "told"),
    [
        ([0.9579], [0.9517], "It cannot be told from one room", "0.958 against 0.952, +0.0062"),
        ([0.96, 0.95, 0.97], [0.95, 0.96, 0.95], "It cannot be told", "-0.0313 to +0.0446)"),
        ([0.8, 0.7], [0.6, 0.5], "Yes", "0.750 against 0.550, +0.2000 (95% interval over two"),
        ([0.6, 0.5], [0.8, 0.7], "No, it is behind", "-0.2000"),
        ([0.6, math.nan], [0.8, 0.7], "It cannot be told from one room", "+0.0062"),
    ],
)
def test_a_difference_is_told_with_its_interval_or_not_at_all(
    arm: list[float], control: list[float], answer: str, told: str
) -> None:
    gap = gap_of(arm, control)
    assert answer_text(gap) == answer
    whole = (0.9579, 0.9517) if math.isnan(arm[-1]) else (np.mean(arm), np.mean(control))
    assert told in against_text(float(whole[0]), float(whole[1]), gap)


def test_a_count_over_all_rooms_is_told_beside_the_mean_of_their_own() -> None:
    gap = gap_of([0.6, 0.8], [0.5, 0.6])
    assert "+0.0400 (room by room +0.1500, 95% interval" in against_text(0.64, 0.6, gap)
