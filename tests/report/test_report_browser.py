"""The page and the 3D view in a real headless browser; skipped where there is no chromium."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from browser import CONTRAST, Tab, apart, background, key, look, pointer, shown

from crossvox.report.look import open_view
from crossvox.report.page.write import PageReport, write_page
from crossvox.report.params import ReportParams
from crossvox.report.view.file import write_viewer_html
from crossvox.report.view.live import serve


@pytest.fixture(scope="module")
def report(completed_page: PageReport) -> PageReport:
    """A page of one scene with its 3D view."""
    return completed_page


@pytest.mark.parametrize(("width", "dark"), [(1400, False), (1400, True), (390, False)])
def test_page_loads_whole_and_asks_for_nothing(
    tab: Tab, report: PageReport, width: int, dark: bool
) -> None:
    tab.console.clear()
    tab.requests.clear()
    tab.open(report.page.as_uri(), width, 900, dark)
    broken = "[...document.images].filter(i => i.getAttribute('src') && !i.naturalWidth)"
    assert tab.run("document.images.length") > 10
    assert tab.run(f"{broken}.map(i => i.alt)") == []
    assert tab.run("document.documentElement.scrollWidth") <= width
    assert tab.console == []
    asked = [url for url in tab.requests if not url.startswith(("file:", "data:"))]
    assert asked == []
    paper = tab.run("getComputedStyle(document.body).backgroundColor")
    lightness = sum(int(x) for x in paper[4:-1].split(","))
    assert (lightness < 200) == dark


def test_a_click_enlarges_a_picture(tab: Tab, report: PageReport) -> None:
    tab.open(report.page.as_uri(), 1000, 800)
    assert tab.run("document.querySelector('#large').open") is False
    tab.run("document.querySelector('button.zoom').click()")
    assert tab.run("document.querySelector('#large').open") is True
    assert tab.run("document.querySelector('#large img').src.startsWith('data:image/webp')")
    tab.run("document.querySelector('#large').click()")
    assert tab.run("document.querySelector('#large').open") is False


def test_text_has_enough_contrast(tab: Tab, report: PageReport) -> None:
    for dark in (False, True):
        tab.open(report.page.as_uri(), 1200, 900, dark)
        assert tab.run(CONTRAST) == []


def test_3d_view_opens_from_a_file_and_shows_the_mesh(tab: Tab, report: PageReport) -> None:
    look(tab, next(path for path in report.beside if path.suffix == ".html"))
    tab.until(lambda: background(shown(tab)) < 0.5)
    text = tab.run("document.querySelector('#panel').textContent")
    for name in ("Learnt", "Mask only", "TSDF fusion", "Ground truth", "camera path"):
        assert name in text
    assert tab.run("document.querySelector('a.back').getAttribute('href')") == "../index.html"
    marked = "[...document.querySelectorAll('.group label')].find(l => l.textContent.includes('/'))"
    assert not tab.run(f"{marked}.click()")

    def blue() -> float:
        """Share in the colour of what was completed."""
        red, _, blue = np.moveaxis(shown(tab), -1, 0)
        return float((blue > red * 1.5).mean())

    tab.until(lambda: blue() > 0.05)
    text = tab.run("document.querySelector('[data-layer]:not([hidden])').textContent")
    assert "of its area is completed" in text
    assert tab.console == []
    assert [url for url in tab.requests if not url.startswith(("file:", "data:", "blob:"))] == []


def test_legend_switches_classes_and_layers_offline(
    tab: Tab, labelled: Any, tmp_path: Path
) -> None:
    path = tmp_path / "view.html"
    write_viewer_html(open_view(labelled.prediction), path, max_faces=8000)
    look(tab, path)
    tab.until(lambda: background(shown(tab)) < 0.5)

    def green() -> float:
        """Share in the floor's colour."""
        red, lime, blue = np.moveaxis(shown(tab), -1, 0)
        return float(((lime > red * 1.15) & (lime > blue * 1.15)).mean())

    tab.until(lambda: green() > 0.05)
    floor = "document.querySelector('[data-class=\"2\"] input')"
    tab.run(f"{floor}.click()")
    tab.until(lambda: green() < 0.01)
    tab.run(f"{floor}.click()")
    tab.until(lambda: green() > 0.05)
    tab.run("document.querySelector('[data-all=\"\"]').click()")
    tab.until(lambda: background(shown(tab)) > 0.98)
    tab.run("document.querySelector('[data-all=\"1\"]').click()")
    tab.until(lambda: background(shown(tab)) < 0.5)
    tab.run(
        "[...document.querySelectorAll('.group label')].find(l => l.textContent == 'errors')"
        ".click()"
    )
    tab.until(lambda: green() < 0.01)
    assert tab.run("document.querySelectorAll('[data-layer]:not([hidden])').length") == 1
    assert "wrong" in tab.run("document.querySelector('[data-layer]:not([hidden])').textContent")
    before = shown(tab)
    tab.run("document.querySelector('[data-show=camera]').click()")
    tab.until(lambda: float((np.abs(shown(tab) - before).max(axis=-1) > 40).mean()) > 0.005)
    assert tab.console == []


@pytest.fixture(scope="module")
def room_page(tab: Tab, furnished_page: PageReport) -> PageReport:
    """The page of a labelled room with objects; after the browser, which may be missing."""
    return furnished_page


def test_objects_are_flown_to_named_and_told_under_the_pointer(
    tab: Tab, room_page: PageReport
) -> None:
    look(tab, next(path for path in room_page.beside if path.suffix == ".html"))
    assert tab.run("document.querySelectorAll('#names span:not([hidden])').length") == 0
    tab.run("document.querySelector('[data-show=boxes]').click()")
    names = "[...document.querySelectorAll('#names span:not([hidden])')].map(s => s.textContent)"
    tab.until(lambda: "2 sofa" in tab.run(names))
    before = shown(tab)
    tab.run("document.querySelector('button[data-object=\"1\"]').click()")
    assert tab.run("document.querySelector('[data-object=\"1\"]').ariaPressed") == "true"
    tab.until(lambda: apart(shown(tab), before) > 0.2)
    tab.until(lambda: tab.run("document.querySelector('#names .on').textContent") == "1 table")

    def told() -> str:
        """What stands under the pointer, in the middle of the picture: the table."""
        pointer(tab, 648, 296)
        pointer(tab, 650, 300)
        return str(tab.run("document.querySelector('#tip:not([hidden])')?.textContent || ''"))

    tab.until(lambda: "object 1, table" in told())
    lines = told().splitlines()
    assert lines[0] == "table"
    assert lines[1].startswith("confidence ")
    assert lines[1].endswith("%")
    assert lines[3].endswith(" m")
    pointer(tab, 5, 5)
    tab.until(lambda: tab.run("document.querySelector('#tip').hidden"))
    tab.run("document.querySelector('[data-do=reset]').click()")
    tab.until(lambda: apart(shown(tab), before) < 0.02)
    assert tab.console == []


@pytest.mark.parametrize("steer", ["reset", "wheel"])
def test_who_steers_ends_a_flight(tab: Tab, room_page: PageReport, steer: str) -> None:
    look(tab, next(path for path in room_page.beside if path.suffix == ".html"))
    fly = "document.querySelector('button[data-object=\"1\"]').click();"
    away = {
        "reset": "document.querySelector('[data-do=reset]').click();",
        "wheel": "document.querySelector('#room').dispatchEvent(new WheelEvent('wheel'));" + fly,
    }[steer]  # the second click takes the choice back
    before = shown(tab)
    tab.run(fly + away)
    tab.run("new Promise(done => setTimeout(done, 700))")  # a flight lasts half a second
    tab.until(lambda: apart(shown(tab), before) < 0.02)


def test_surface_without_a_label_is_hatched_and_confidence_has_its_own_layer(
    tab: Tab, room_page: PageReport
) -> None:
    look(tab, next(path for path in room_page.beside if path.suffix == ".html"))
    tab.run("document.querySelectorAll('[data-all=\"\"]')[0].click()")
    tab.run("document.querySelector('[data-label=\"0\"]').click()")
    tab.until(lambda: 0.001 < 1 - background(shown(tab)) < 0.5)
    found = shown(tab).reshape(-1, 3)
    found = found[np.abs(found - (244, 245, 248)).max(axis=-1) > 20]
    light = found.sum(axis=-1)
    assert np.ptp(found, axis=-1).max() < 30  # neutral
    assert (light < 240).mean() > 0.2
    assert (light > 400).mean() > 0.2
    tab.run("document.querySelectorAll('[data-all=\"1\"]')[0].click()")
    tab.run(
        "[...document.querySelectorAll('.group label')].find(l => l.textContent == 'confidence')"
        ".click()"
    )

    def yellow() -> float:
        red, lime, blue = np.moveaxis(shown(tab), -1, 0)
        return float(((red > blue * 1.4) & (lime > blue * 1.4)).mean())

    tab.until(lambda: yellow() > 0.1)
    assert "calibrated" in tab.run(
        "document.querySelector('[data-layer]:not([hidden])').textContent"
    )


def test_the_3d_view_is_steered_by_keys_and_fits_dark_and_narrow_windows(
    tab: Tab, room_page: PageReport
) -> None:
    view = next(path for path in room_page.beside if path.suffix == ".html")
    look(tab, view)
    before = shown(tab)
    tab.run("document.querySelector('#room').focus()")
    key(tab, "ArrowLeft")
    tab.until(lambda: apart(shown(tab), before, 30) > 0.05)
    key(tab, "Home")
    tab.until(lambda: apart(shown(tab), before, 30) < 0.01)
    look(tab, view, 390, dark=True)
    assert tab.run("document.documentElement.scrollWidth") <= 390
    assert tab.run(CONTRAST) == []
    picture = cv2.imdecode(np.frombuffer(tab.picture(), np.uint8), cv2.IMREAD_COLOR)
    height = tab.run("document.querySelector('#room').clientHeight")
    edge = np.concatenate([picture[:height, :3], picture[:height, -3:]], axis=1).reshape(-1, 3)
    assert (np.abs(edge.astype(int) - (31, 25, 22)).max(axis=-1) < 6).all()  # nothing is cut off
    assert (picture[:height].max(axis=-1) > 80).mean() > 0.1
    assert tab.console == []


def test_the_first_picture_of_the_page_is_the_labelled_room(
    tab: Tab, room_page: PageReport
) -> None:
    tab.console.clear()
    tab.open(room_page.page.as_uri(), 1280, 900)
    first = "document.images[0]"
    assert "labelled" in tab.run(f"{first}.alt")
    assert tab.run(f"{first}.getBoundingClientRect().top") < 600  # on the first screen
    assert tab.run("document.querySelectorAll('.hero svg.boxes g').length") == 3
    assert tab.run("getComputedStyle(document.querySelector('.hero svg.boxes')).display") != "none"
    tab.run("document.querySelector('[data-boxes]').click()")
    assert tab.run("getComputedStyle(document.querySelector('.hero svg.boxes')).display") == "none"
    tab.run("document.querySelector('[data-boxes]').click()")
    tab.run("document.querySelector('.hero button.zoom').click()")
    assert tab.run("document.querySelectorAll('#large svg.boxes g').length") == 3
    tab.run("document.querySelector('#large').click()")
    row = "document.querySelector('tr[data-object=\"2\"]')"
    tab.run(f"{row}.dispatchEvent(new Event('mouseenter'))")
    assert tab.run("document.querySelector('.hero g.on').dataset.object") == "2"
    assert tab.run("window.stolen") is None  # the plan is a picture: no script of it runs
    for width, dark in ((1280, True), (390, False)):
        tab.open(room_page.page.as_uri(), width, 900, dark)
        assert tab.run("document.documentElement.scrollWidth") <= width
        broken = "[...document.images].filter(i => i.getAttribute('src') && !i.naturalWidth)"
        assert tab.run(f"{broken}.map(i => i.alt)") == []
        assert tab.run(CONTRAST) == []
    assert tab.console == []


def test_the_live_view_is_the_same_page(tab: Tab, furnished: Any) -> None:
    with serve(open_view(furnished.prediction), port=0, max_faces=8000) as address:
        tab.console.clear()
        tab.open(address, 1000, 600)
        tab.until(lambda: tab.run("!!document.body.dataset.ready"))
        tab.until(lambda: background(shown(tab)) < 0.5)
        assert tab.run("document.title") == furnished.names[0]
        assert tab.run("document.querySelectorAll('button[data-object]').length") == 3
        assert tab.console == []


def test_page_of_classes_fits_every_window(
    tab: Tab, labelled: Any, build: Any, tmp_path: Path
) -> None:
    params = ReportParams(max_scenes=1, picture_width_px=160, view_3d=False)
    run, study = build.run2d(tmp_path / "run2d"), build.study(tmp_path / "study")
    report = write_page([labelled.prediction, run, study], tmp_path / "page", params)
    for width, dark in ((1280, False), (390, True)):
        tab.console.clear()
        tab.open(report.page.as_uri(), width, 900, dark)
        assert tab.run("document.documentElement.scrollWidth") <= width
        broken = "[...document.images].filter(i => i.getAttribute('src') && !i.naturalWidth)"
        assert tab.run(f"{broken}.map(i => i.alt)") == []
        assert tab.run(CONTRAST) == []
        assert tab.console == []


SLIDER = "document.querySelector('.slider')"


def test_two_pictures_of_a_view_are_laid_over_each_other_and_moved_by_keys(
    tab: Tab, report: PageReport
) -> None:
    tab.open(report.page.as_uri(), 1280, 900)
    tab.run(f"{SLIDER}.querySelector('input').focus()")
    cut = f"{SLIDER}.querySelector('img + img').style.clipPath"
    said = f"{SLIDER}.querySelector('input').getAttribute('aria-valuetext')"
    assert tab.run(cut) == "inset(0px 50% 0px 0px)"
    assert tab.run(said) == "50% Learnt, the rest Ground truth"
    for name, code, there in (("ArrowRight", 39, "49%"), ("Home", 36, "100%"), ("End", 35, "0%")):
        for event in ("keyDown", "keyUp"):
            pressed = {"type": event, "key": name, "code": name, "windowsVirtualKeyCode": code}
            tab.call("Input.dispatchKeyEvent", **pressed)
        assert tab.run(cut) in (f"inset(0px {there} 0px 0px)", "inset(0px)")
    frame = f"getComputedStyle({SLIDER}.querySelector('.stage')).outlineStyle"
    assert tab.run(frame) == "solid", "the focus is seen"
    tab.run(
        f"var s = {SLIDER}.querySelector('select');"
        "s.value = [...s.options].findIndex(o => o.closest('optgroup').label == 'Distances');"
        "s.dispatchEvent(new Event('change'))"
    )
    assert "coloured by distance" in tab.run(f"{SLIDER}.querySelector('img + img').alt")
    assert "5 cm and more" in tab.run(f"{SLIDER}.querySelector('.keys').textContent")


@pytest.mark.parametrize("width", [1280, 390])
def test_the_contents_stay_in_view_and_mark_the_section(
    tab: Tab, report: PageReport, width: int
) -> None:
    tab.open(report.page.as_uri(), width, 844)
    marked = "[...document.querySelectorAll('.contents a[aria-current]')].map(a => a.textContent)"
    assert tab.run(marked) == []
    for section, name in (("scores", "Scores"), ("inputs", "What went in")):
        tab.run(f"document.getElementById('{section}').scrollIntoView({{behavior: 'instant'}})")
        tab.until(lambda name=name: tab.run(marked) == [name], wait_s=10)
        seen = tab.run("document.querySelector('[aria-current]').getBoundingClientRect().toJSON()")
        assert seen["top"] >= 0
        assert seen["bottom"] <= 844
        assert seen["left"] >= 0
        assert seen["right"] <= width


@pytest.mark.parametrize(("width", "height"), [(1280, 900), (390, 844)])
def test_a_picture_is_on_the_first_screen(
    tab: Tab, report: PageReport, width: int, height: int
) -> None:
    tab.open(report.page.as_uri(), width, height)
    box = tab.run("document.querySelector('.hero img').getBoundingClientRect().toJSON()")
    assert box["top"] < 0.55 * height
    assert min(box["bottom"], height) - box["top"] > 0.25 * height
    tab.run("document.querySelectorAll('details').forEach(d => d.open = true)")
    widths = tab.run("[...document.querySelectorAll('.row img')].map(i => i.clientWidth)")
    assert min(widths) > (400 if width > 1000 else 340)


def test_it_prints_without_what_is_for_the_screen(tab: Tab, report: PageReport) -> None:
    tab.open(report.page.as_uri(), 1280, 900)
    tab.run("dispatchEvent(new Event('beforeprint'))")
    tab.call("Emulation.setEmulatedMedia", media="print")
    try:
        shown = "e => e.getClientRects().length > 0"
        for gone in (".contents", ".slider", ".buttons", "dialog"):
            assert not tab.run(f"[...document.querySelectorAll('{gone}')].some({shown})"), gone
        assert tab.run(f"[...document.querySelectorAll('.row img')].every({shown})")
        flows = "e => getComputedStyle(e).overflow == 'visible'"
        assert tab.run(f"[...document.querySelectorAll('.table')].every({flows})")
    finally:
        tab.call("Emulation.setEmulatedMedia", media="")
    tab.run("dispatchEvent(new Event('afterprint'))")
    assert not tab.run("[...document.querySelectorAll('.shots details')].some(d => d.open)")
