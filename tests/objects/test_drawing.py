"""The floor plan: what is drawn, as SVG and as DXF."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from flat_rooms import furnished

from crossvox.core.drawing import Drawing
from crossvox.core.room_contents import RoomContents
from crossvox.doors.dxf import can_write_dxf, write_dxf
from crossvox.objects import find_contents
from crossvox.objects.floor_plan import WALL_M, floor_plan
from crossvox.objects.plan_svg import svg_of, write_svg


@pytest.fixture(scope="module")
def contents() -> RoomContents:
    return find_contents(furnished(33.0))[1]


@pytest.fixture(scope="module")
def drawing(contents: RoomContents) -> Drawing:
    return floor_plan(contents)


def test_everything_is_drawn_in_its_place(contents: RoomContents, drawing: Drawing) -> None:
    layers = [one.layer for one in drawing.strokes]
    assert layers.count("furniture") == 4
    assert layers.count("hung") == 1
    assert layers.count("walls") == 5  # the door parts one of four
    assert layers.count("doors") == len(drawing.arcs) == 1
    names = sorted(one.text for one in drawing.letters if one.layer == "names")
    assert names == ["bed", "chair", "chair", "table"]
    sizes = sorted(one.text for one in drawing.letters if one.layer == "dimensions")
    assert len(sizes) == 4
    assert abs(drawing.turn_deg - 33) < 1
    wall = np.concatenate([one.points for one in drawing.strokes if one.layer == "walls"])
    outline = np.array(contents.outline_m)
    middle = outline.mean(axis=0)
    reach = np.linalg.norm(outline - middle, axis=1).max()
    farthest = np.linalg.norm(wall - middle, axis=1).max()
    assert farthest == pytest.approx(reach + WALL_M * np.sqrt(2), abs=0.03)


def test_names_are_not_upside_down(drawing: Drawing) -> None:
    for one in drawing.letters:
        off = (one.turn_deg - drawing.turn_deg + 180) % 360 - 180
        assert -89.6 < off < 90.6


def test_the_svg_is_whole_and_always_the_same(tmp_path: Path, drawing: Drawing) -> None:
    write_svg(tmp_path / "plan.svg", drawing)
    text = (tmp_path / "plan.svg").read_text(encoding="utf-8")
    root = ElementTree.fromstring(text)
    assert root.tag.endswith("svg")
    shown = "".join(root.itertext())
    assert all(word in shown for word in ("bed", "table", "1 m", "height 2.50 m"))
    assert text == svg_of(drawing)
    _, _, width, height = map(float, root.attrib["viewBox"].split())
    for shape in root.iter("{http://www.w3.org/2000/svg}polygon"):
        places = np.array([p.split(",") for p in shape.attrib["points"].split()], dtype=float)
        assert (places >= 0).all()
        assert (places <= (width, height)).all()


def test_an_empty_room_is_drawn_too() -> None:
    text = svg_of(floor_plan(RoomContents(remarks=("no floor was seen",))))
    assert "no floor was seen" in "".join(ElementTree.fromstring(text).itertext())


def test_names_with_signs_are_escaped(drawing: Drawing) -> None:
    text = svg_of(Drawing(drawing.strokes, caption=("<a & b>",)))
    assert "<a & b>" in "".join(ElementTree.fromstring(text).itertext())


@pytest.mark.skipif(not can_write_dxf(), reason="ezdxf is not installed")
def test_the_dxf_has_layers_and_metres(tmp_path: Path, drawing: Drawing) -> None:
    import ezdxf

    write_dxf(tmp_path / "plan.dxf", drawing)
    document = ezdxf.readfile(tmp_path / "plan.dxf")
    assert document.header["$INSUNITS"] == 6
    space = document.modelspace()
    lines = space.query('LWPOLYLINE[layer=="furniture"]')
    assert len(lines) == 4
    assert {text.dxf.text for text in space.query('TEXT[layer=="names"]')} >= {"bed", "table"}
    assert len(space.query('ARC[layer=="doors"]')) == 1
    found = np.array([p[:2] for p in lines[0].get_points()])
    first = next(one for one in drawing.strokes if one.layer == "furniture")
    np.testing.assert_allclose(found, first.points)
    assert not document.audit().errors
    write_dxf(tmp_path / "again.dxf", drawing)
    assert (tmp_path / "again.dxf").read_bytes() == (tmp_path / "plan.dxf").read_bytes()
