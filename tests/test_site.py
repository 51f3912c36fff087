"""The documentation site: its pages of commands, what it asks the network for, how it is cited."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

import crossvox
from crossvox.recipes.commands import COMMANDS

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def settings() -> dict[str, Any]:
    """What ``mkdocs.yml`` says."""
    return dict(yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def hooks(settings: dict[str, Any]) -> ModuleType:
    """The module that makes pages while the site is built."""
    (file,) = settings["hooks"]
    spec = importlib.util.spec_from_file_location("site_hooks", ROOT / file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_command_is_on_one_page_and_in_the_list(hooks: ModuleType) -> None:
    pages = hooks.pages_of(COMMANDS)
    assert sorted(name for _, _, names in pages for name in names) == sorted(COMMANDS)
    index = hooks.index_page()
    for file, _, names in pages:
        for name in names:
            assert f"[`crossvox {name}`]({file}.md#crossvox-{name.replace(' ', '-')})" in index
    assert "`--dry-run`" in index
    assert "`--shard K/N`" in index


def test_a_command_of_another_package_is_not_lost(hooks: ModuleType) -> None:
    pages = hooks.pages_of(["scan", "count-frames"])
    assert pages[-1] == ("more", "More commands", ["count-frames"])


def test_the_navigation_leads_to_the_pages(hooks: ModuleType, settings: dict[str, Any]) -> None:
    found = str(hooks.on_config(settings)["nav"])
    for file, title, _ in hooks.pages_of(COMMANDS):
        assert f"{{'{title}': 'commands/{file}.md'}}" in found


def test_a_page_tells_what_the_help_tells(hooks: ModuleType) -> None:
    page = hooks.command_page("Captures", ["scan", "train reconstruct"])
    assert "## crossvox scan\n" in page
    assert "$ crossvox scan SOURCE OUT [FLAGS]" in page
    assert re.search(r"^\| `--max-frames INT` \| .*see the most\. \| `150` \|$", page, re.MULTILINE)
    assert re.search(r"^    \| `--tsdf\.voxel-m FLOAT` \| .*metres\. \| `0\.02` \|$", page,
                     re.MULTILINE)  # fmt: skip
    assert '??? note "`--preset thesis`"' in page
    assert '??? note "`--preset quick3d`"' in page
    assert "--json" not in page.replace("index.md", ""), "what every command takes is told once"
    cells = [line for line in page.splitlines() if line.lstrip().startswith("|")]
    assert all(len(re.findall(r"(?<!\\)\|", line)) in (3, 4) for line in cells)


def test_references_of_docstrings_are_code(hooks: ModuleType) -> None:
    html = "see :func:<code>~a.b</code> and :class:<code>C</code>, at 12:<code>x</code>"
    told = "see <code>a.b</code> and <code>C</code>, at 12:<code>x</code>"
    assert hooks.on_page_content(html) == told


def test_what_the_theme_leaves_without_a_name_gets_one(hooks: ModuleType) -> None:
    table = hooks.on_page_content('<tr><th></th><th align="right"></th><th>a</th></tr>')
    assert table == '<tr><td></td><td align="right"></td><th>a</th></tr>'
    assert hooks.on_page_content("<pre><code>x</code></pre>").startswith('<pre tabindex="0">')
    search = '<div class="md-search" data-md-component="search" role="dialog">'
    assert 'aria-label="Search"' in hooks.on_post_page(search)


def test_the_site_asks_no_other_machine(settings: dict[str, Any]) -> None:
    assert settings["theme"]["font"] is False
    assert "offline" in settings["plugins"]
    own = [
        *(*settings["extra_css"], *settings["extra_javascript"], *settings["extra"]["polyfills"]),
        settings["theme"]["favicon"],
    ]
    for file in own:
        text = (ROOT / "docs" / file).read_text(encoding="utf-8")
        assert not re.search(r"(?:src|href|url|import)\W+https?:", text), file
    # The theme fetches a script of its own for searching in files, unless there is one so called.
    assert any("iframe-worker" in file for file in settings["extra"]["polyfills"])


def test_the_citation_is_of_this_version() -> None:
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert cited["version"] == crossvox.__version__
    assert cited["cff-version"] == "1.2.0"
    assert cited["authors"] == [{"name": "crossvox maintainers"}]
    assert cited["license"] == "Apache-2.0"
