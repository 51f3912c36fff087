"""axe-core finds nothing on any page that this package makes: light, dark, and on a phone.

Skipped, saying so, where there is no browser, no axe, or nothing that builds the site.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from browser import Tab, look
from transfer_record import some_transfer

from crossvox.core.artifact import Manifest, write_manifest
from crossvox.recipes.look import report
from crossvox.report.page.compare_page import write_compare_page
from crossvox.report.page.write import PageReport, write_page
from crossvox.report.params import ReportParams

ROOT = Path(__file__).resolve().parents[2]
ALL, COLORS, THE_REST = (
    "",
    "runOnly: ['color-contrast']",
    "rules: {'color-contrast': {enabled: false}}",
)
"""Rules to look at, as axe is told: colours are what a dark page has of its own, and a narrow one
has not. They take most of the time."""
WINDOWS = ((1280, 900, False, ALL), (1280, 900, True, COLORS), (390, 844, False, THE_REST))
"""Width, height, whether it is dark, and the rules."""
SITE = (
    "index.html", "install.html", "tutorial-experiments.html", "results.html", "models.html",
    "commands/rooms.html", "api/scores.html",
)  # fmt: skip
"""One page of each kind: cards, steps, long code, tables, pictures, flags, signatures."""
FOUND = """axe.run(document, {resultTypes: ['violations'], %s}).then(r => r.violations.flatMap(
    v => v.nodes.map(n => v.id + ': ' + n.html.slice(0, 200))))"""

Found = Callable[..., list[str]]


@pytest.fixture(scope="module")
def found(tab: Tab) -> Found:
    """Tells what axe has against the page that is open; needs a browser, and axe's script."""
    package = importlib.util.find_spec("axe_playwright_python")
    if package is None or package.origin is None:
        pytest.skip("needs axe's script, of the package axe-playwright-python (crossvox[dev])")
    script = Path(package.origin).with_name("axe.min.js").read_text(encoding="utf-8")

    def told(rules: str = ALL) -> list[str]:
        tab.run(f"{script};1")
        return list(tab.run(FOUND % rules))

    return told


def against(tab: Tab, found: Found, page: Path) -> dict[str, list[str]]:
    """What axe has against a page, by window; empty where it has nothing."""
    wrong = {}
    for width, height, dark, rules in WINDOWS:
        tab.open(page.as_uri(), width, height, dark)
        wrong[f"{page.name} {width}x{height} {'dark' if dark else 'light'}"] = found(rules)
    return {window: texts for window, texts in wrong.items() if texts}


def test_a_button_without_a_name_is_found(tab: Tab, found: Found, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text(
        '<!doctype html><html lang="en"><title>A page</title><main><h1>A page</h1>'
        '<button id="bare"></button><p style="color:#aaa;background:#fff">pale</p></main></html>'
    )
    tab.open(page.as_uri(), 800, 600)
    for rules, wrong in (
        (ALL, ["button-name", "color-contrast"]), (COLORS, ["color-contrast"]),
        (THE_REST, ["button-name"]),
    ):  # fmt: skip
        assert sorted(text.split(":")[0] for text in found(rules)) == wrong


def test_the_report_page(
    tab: Tab, found: Found, completed_page: PageReport, furnished_page: PageReport
) -> None:
    assert against(tab, found, completed_page.page) == {}
    assert against(tab, found, furnished_page.page) == {}


def test_the_3d_view(tab: Tab, found: Found, furnished_page: PageReport) -> None:
    path = next(path for path in furnished_page.beside if path.suffix == ".html")
    for width, height, dark, rules in WINDOWS:
        look(tab, path, width, dark, height)
        assert found(rules) == []


def test_the_page_of_a_study(tab: Tab, found: Found, tmp_path: Path) -> None:
    (tmp_path / "transfer.json").write_text(json.dumps(some_transfer()))
    assert against(tab, found, report((tmp_path,)).page) == {}  # type: ignore[arg-type]


def test_the_page_of_a_comparison(
    tab: Tab, found: Found, build: SimpleNamespace, tmp_path: Path
) -> None:
    sides = [build.make(tmp_path / name).prediction for name in ("one", "two")]
    params = ReportParams(picture_width_px=120, max_scenes=1)
    page = write_compare_page(sides, tmp_path / "page", params).page.page
    assert against(tab, found, page) == {}


def test_the_page_of_a_scan(tab: Tab, found: Found, build: SimpleNamespace, tmp_path: Path) -> None:
    made = build.furnish(build.label(build.make(tmp_path / "scan", scenes=1)))
    (scene,) = made.data.glob("scene*/")
    write_manifest(scene, Manifest("prepare-scene", notes={"surface": "tsdf"}))
    links = {"data": "data", "prediction": "prediction"}
    write_manifest(tmp_path / "scan", Manifest("scan", links=links))
    params = ReportParams(picture_width_px=240, view_faces=8000)
    assert (
        against(tab, found, write_page([tmp_path / "scan"], tmp_path / "page", params).page) == {}
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The documentation, built as ``make docs`` builds it: a warning fails."""
    if importlib.util.find_spec("mkdocs") is None:
        pytest.skip("needs the packages that build the site (crossvox[docs])")
    out = tmp_path_factory.mktemp("docs") / "site"
    done: Any = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(out)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return out


def test_the_site(tab: Tab, found: Found, site: Path) -> None:
    tab.requests.clear()
    assert {page: wrong for page in SITE if (wrong := against(tab, found, site / page))} == {}
    assert [url for url in tab.requests if not url.startswith(("file:", "data:", "blob:"))] == []
