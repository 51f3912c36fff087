"""What one can do in the 3D view, in a real browser: find, measure, compare, frames, keys."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from browser import CONTRAST, Tab, apart, background, click, key, look, pointer, shown

from crossvox.capture.readers.folder import FolderCapture
from crossvox.report.layers import Layer
from crossvox.report.look import open_view
from crossvox.report.view.file import write_viewer_html
from crossvox.report.view.model import RoomView

MIDDLE = (650, 300)
"""A pixel of the picture, in a window of 1000 x 600."""


@pytest.fixture(scope="module")
def view(tab: Tab, furnished: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A labelled room with objects and frames; after the browser, which may be missing."""
    path = tmp_path_factory.mktemp("view") / "room.html"
    write_viewer_html(open_view(furnished.prediction), path, max_faces=8000)
    return path


def text(tab: Tab, selector: str) -> str:
    """What an element says; empty where it is hidden."""
    return str(
        tab.run(f"document.querySelector({selector!r} + ':not([hidden])')?.textContent || ''")
    )


def type_into(tab: Tab, selector: str, value: str) -> None:
    """Type into a field."""
    tab.run(
        f"(e => {{ e.value = {value!r}; e.dispatchEvent(new Event('input', {{bubbles: true}})) }})"
        f"(document.querySelector({selector!r}))"
    )


def changed(tab: Tab, before: Any) -> float:
    """Share of the middle of the picture that is not what it was."""
    return apart(shown(tab), before, 30)


def place(tab: Tab) -> np.ndarray:
    """The point that is told under the pointer, metres."""
    found = re.search(r"(-?[\d.]+), (-?[\d.]+), (-?[\d.]+) m", text(tab, "#tip"))
    assert found is not None
    return np.array([float(value) for value in found.groups()])


def settled(tab: Tab) -> None:
    """Wait until a flight is over and the room is drawn whole."""
    before = shown(tab)

    def still() -> bool:
        nonlocal before
        last, before = before, shown(tab)
        return bool((last == before).all())

    tab.run("new Promise(done => setTimeout(done, 900))")
    tab.until(still)


def test_a_class_is_found_by_its_name_and_the_rest_fades(tab: Tab, view: Path) -> None:
    look(tab, view)
    before = shown(tab)
    type_into(tab, "#find", "sof")
    tab.until(lambda: changed(tab, before) > 0.3)
    said = text(tab, "#told")
    assert said.startswith("sofa: ")
    assert "of this layer; object 2." in said
    settled(tab)

    def strong() -> float:
        """Share of strong colours: what is looked for; the rest has faded into the paper."""
        picture = shown(tab)
        return float((np.ptp(picture, axis=-1) > 60).mean())

    assert strong() > 0.1  # it fills the picture
    type_into(tab, "#find", "zeppelin")
    assert text(tab, "#told") == "No class here is called \u201czeppelin\u201d."
    type_into(tab, "#find", "")
    assert text(tab, "#told") == ""
    tab.run("document.querySelector('[data-do=reset]').click()")
    tab.until(lambda: changed(tab, before) < 0.02)
    assert tab.console == []


def test_a_layer_without_classes_says_so_in_search_and_legend(tab: Tab, view: Path) -> None:
    look(tab, view)
    assert tab.run("document.querySelector('#classes').disabled") is False
    tab.run("document.querySelector('input[aria-label=\"Mask only: shape\"]').click()")
    assert tab.run("document.querySelector('#classes').disabled") is True
    assert "carries no classes" in text(tab, "#classes .why")
    type_into(tab, "#find", "sofa")
    said = text(tab, "#told")
    assert said.startswith("This layer carries no classes. These do: Learnt: classes, ")
    type_into(tab, "#find", "")
    tab.run("document.querySelector('input[name=layer]').click()")
    assert tab.run("document.querySelector('#classes').disabled") is False


def test_two_clicks_measure_a_distance(tab: Tab, view: Path) -> None:
    look(tab, view)
    tab.run("document.querySelector('#room').focus()")
    key(tab, "m")
    assert tab.run("document.querySelector('[data-do=measure]').ariaPressed") == "true"
    assert "click a point" in text(tab, "#said")
    ends = []
    for at in (MIDDLE, (690, 330)):
        click(tab, *at)
        ends.append(place(tab))
    length = float(np.linalg.norm(ends[1] - ends[0]))
    told = re.search(r"Distance: ([\d.]+) (c?m)\.", text(tab, "#said"))
    assert told is not None
    assert told[2] == ("cm" if length < 1 else "m")
    found = float(told[1]) / (100 if told[2] == "cm" else 1)
    assert found == pytest.approx(length, abs=0.015)  # places are told to a centimetre
    tab.until(lambda: text(tab, "#length") == f"{told[1]} {told[2]}")
    click(tab, *MIDDLE)
    assert text(tab, "#said") == "Now click the other point."
    key(tab, "Escape")
    assert text(tab, "#said") == ""
    assert tab.run("document.querySelector('[data-do=measure]').ariaPressed") == "false"
    tab.until(lambda: text(tab, "#length") == "")


def seen_by(scene: FolderCapture, point: np.ndarray) -> tuple[set[str], set[str]]:
    """Frames that surely saw a point, and those that may have: twin, by the whole depth images."""
    camera, surely, perhaps = scene.camera(), set(), set()
    for index in range(len(scene)):
        frame = scene.frame(index)
        if frame.pose is None:
            continue
        x, y, z = frame.pose.inverse().apply(point[None])[0]
        u, v = round(camera.fx * x / z + camera.cx), round(camera.fy * y / z + camera.cy)
        if z <= 0 or not (0 <= u < camera.width and 0 <= v < camera.height):
            continue
        assert frame.depth_m is not None
        around = frame.depth_m[max(0, v - 4) : v + 5, max(0, u - 4) : u + 5]
        around = around[around > 0]
        if len(around) and around.min() - 0.15 < z < around.max() + 0.15:
            perhaps.add(str(frame.id))
        if len(around) and np.abs(around - z).max() < 0.03:
            surely.add(str(frame.id))
    return surely, perhaps


def test_a_click_tells_the_frames_that_saw_the_point(tab: Tab, view: Path, furnished: Any) -> None:
    look(tab, view)
    scene = FolderCapture(furnished.data / furnished.names[0])
    counts = []
    for at in (MIDDLE, (560, 200), (760, 200), (640, 420)):
        click(tab, *at)
        surely, perhaps = seen_by(scene, place(tab))
        frames = "[...document.querySelectorAll('#strip li')].map(l => l.textContent)"
        told = {name for name in tab.run(frames) if name}
        assert surely <= told <= perhaps
        assert text(tab, "#strip p") == f"{len(told)} of the 11 frames in this file saw this point"
        counts.append(len(told))
    assert max(counts) > 5
    assert min(counts) < 11
    click(tab, *MIDDLE)
    assert tab.run("document.querySelectorAll('#strip li').length") == 11
    broken = (
        "[...document.querySelectorAll('#strip img')].filter(i => !i.complete || !i.naturalWidth)"
    )
    tab.until(lambda: tab.run(f"{broken}.length") == 0)
    before = shown(tab)
    tab.run("document.querySelector('#strip button').click()")
    tab.until(lambda: changed(tab, before) > 0.3)
    tab.run("document.querySelector('#room').focus()")
    key(tab, "Escape")
    assert tab.run("document.querySelector('#strip').hidden")
    assert tab.console == []


def beside(tab: Tab, title: str) -> None:
    """Choose a second layer."""
    tab.run(
        f"(s => {{ s.value = [...s.options].find(o => o.text == {title!r}).value;"
        " s.dispatchEvent(new Event('change', {bubbles: true})) })"
        "(document.querySelector('#beside'))"
    )


def test_two_layers_stand_beside_each_other_under_one_camera(tab: Tab, view: Path) -> None:
    look(tab, view)
    before = tab.run("getComputedStyle(document.querySelector('.title')).display")
    assert before == "none"
    beside(tab, "Learnt: confidence")
    titles = "[...document.querySelectorAll('.title')].map(t => t.textContent)"
    assert tab.run(titles) == ["Learnt: classes", "Learnt: confidence"]

    def told(x: float, y: float) -> list[str]:
        pointer(tab, x - 3, y - 3)
        pointer(tab, x, y)
        tab.run("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        return text(tab, "#tip").splitlines()

    left, right = told(475, 330), told(825, 330)
    assert left == right  # the same place of the same surface
    assert left[-1].endswith(" m")
    tab.run("document.querySelector('#room').focus()")
    key(tab, "ArrowLeft")
    settled(tab)
    turned = told(475, 330)
    assert turned[-1] != left[-1]
    assert turned == told(825, 330)
    look(tab, view, 390, height=800)
    beside(tab, "Learnt: confidence")
    places = "[...document.querySelectorAll('.title')].map(t => t.getBoundingClientRect())"
    (left, top), (again, below) = tab.run(f"{places}.map(r => [r.left, r.top])")
    assert left == again  # one below the other
    assert below > top + 100
    assert tab.console == []


def test_keys_are_told_and_the_theme_can_be_chosen(tab: Tab, view: Path) -> None:
    look(tab, view)
    key(tab, "?")
    assert tab.run("document.querySelector('#help').open") is True
    told = text(tab, "#help")
    for words in ("Arrow keys", "Shift + arrow keys", "measure", "find a class"):
        assert words in told
    tab.run("document.querySelector('#help').close()")
    tab.run("document.querySelector('[data-all=\"\"]').click()")
    tab.until(lambda: background(shown(tab)) > 0.98)
    key(tab, "d")
    tab.until(lambda: background(shown(tab)) < 0.01)
    paper = tab.run("getComputedStyle(document.querySelector('#panel')).backgroundColor")
    assert paper == "rgb(29, 33, 41)"
    assert tab.run(CONTRAST) == []
    key(tab, "f")
    assert tab.run("document.activeElement.id") == "find"
    look(tab, view, dark=True)
    tab.run("document.querySelector('[data-all=\"\"]').click()")
    tab.run("document.querySelector('[data-do=theme]').click()")
    tab.until(lambda: background(shown(tab)) > 0.98)


def test_a_phone_sees_the_whole_room_and_the_hint(tab: Tab, view: Path) -> None:
    look(tab, view, 390, height=800)
    hint = "document.querySelector('.first .soft').getBoundingClientRect()"
    assert tab.run(f"{hint}.bottom") < 800
    assert tab.run("document.documentElement.scrollWidth") <= 390
    assert tab.run("document.querySelectorAll('main').length") == 1
    assert tab.run("document.querySelectorAll('h1').length") == 1
    # Nothing that can be used is without a name.
    unnamed = (
        "[...document.querySelectorAll('button, input, select, [tabindex]')].filter(e =>"
        " !(e.ariaLabel || e.textContent.trim() || (e.labels && e.labels.length)))"
    )
    assert tab.run(f"{unnamed}.map(e => e.outerHTML)") == []


def large_view(path: Path, mesh: Any, **limits: str) -> Path:
    """A view of a surface that counts as a large one, as if some pictures took long."""
    write_viewer_html(RoomView("room", [Layer("Room", "colours", "", mesh)]), path, max_faces=10**6)
    page = path.read_text(encoding="utf-8")
    for name, was, value in (
        ("SLOW_MS", "40", limits.get("moving", "40")),
        ("REST_MS", "800", limits.get("resting", "800")),
        ("LEAST", "12000", "1000"),
    ):
        assert f"{name} = {was}" in page
        page = page.replace(f"{name} = {was}", f"{name} = {value}")
    path.write_text(page, encoding="utf-8")
    return path


def numbers(said: str, begin: str) -> tuple[int, int]:
    """Triangles that are left, and all."""
    found = re.fullmatch(rf"{begin}: ([\d,]+) of ([\d,]+) triangles", said)
    assert found is not None
    fewer, count = (int(number.replace(",", "")) for number in found.groups())
    return fewer, count


def test_a_large_surface_is_thinned_while_it_moves_and_says_so(
    tab: Tab, box_room: Any, tmp_path: Path
) -> None:
    look(tab, large_view(tmp_path / "large.html", box_room, moving="0.01", resting="60000"))
    tab.until(lambda: text(tab, "#rough") == "")
    whole = shown(tab)
    tab.run("document.querySelector('#room').focus()")
    key(tab, "ArrowLeft")
    key(tab, "ArrowRight")
    said = tab.run(
        "new Promise(done => { (function next() { const r = document.querySelector('#rough');"
        " r.hidden ? requestAnimationFrame(next) : done(r.textContent) })() })"
    )
    fewer, count = numbers(said, "Thinned while it moves")
    assert count == len(box_room.faces)
    assert 0 < fewer < count / 4
    tab.until(lambda: text(tab, "#rough") == "" and changed(tab, whole) < 0.01)
    assert tab.console == []


def test_a_surface_that_takes_too_long_stays_thinned_and_says_so(
    tab: Tab, box_room: Any, tmp_path: Path
) -> None:
    look(tab, large_view(tmp_path / "slow.html", box_room, moving="0.01", resting="0.02"))
    settled(tab)
    fewer, count = numbers(text(tab, "#rough"), "Thinned")
    assert 0 < fewer < count == len(box_room.faces)
    assert background(shown(tab)) < 0.9
    assert tab.console == []


def test_the_picture_is_saved_as_png(tab: Tab, view: Path) -> None:
    look(tab, view)
    saved = tab.run(
        "new Promise(done => { HTMLAnchorElement.prototype.click = function () {"
        " const name = this.download; fetch(this.href).then(r => r.blob()).then(b => {"
        " const reader = new FileReader(); reader.onload = () => done([name, reader.result]);"
        " reader.readAsDataURL(b) }) }; document.querySelector('[data-do=save]').click() })"
    )
    name, address = saved
    assert name.endswith(".png")
    assert address.startswith("data:image/png;base64,")
    data = np.frombuffer(base64.b64decode(address.partition(",")[2]), np.uint8)
    picture = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert picture.shape == (600, 700, 3)
    assert (np.abs(picture.astype(int) - (248, 245, 244)).max(axis=-1) > 20).mean() > 0.3


def test_the_middle_of_the_picture_is_asked_for_by_a_key(tab: Tab, view: Path) -> None:
    look(tab, view)
    click(tab, *MIDDLE)
    clicked = text(tab, "#tip")
    assert clicked
    key(tab, "Escape")
    assert text(tab, "#tip") == ""
    tab.run("document.querySelector('#room').focus()")
    key(tab, "Enter")
    assert text(tab, "#tip").splitlines()[0] == clicked.splitlines()[0]
    assert "saw this point" in text(tab, "#strip p")
