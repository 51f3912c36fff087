"""What the documentation names is there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src" / "crossvox"


def test_files_and_functions_that_the_architecture_names_are_there() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    _, table = page.split("## Decisions")
    rows = [line for line in table.splitlines() if line.startswith("| ")][1:]
    assert len(rows) >= 25
    for row in rows:
        place = row.split("|")[2]
        assert "/" in place or "cli" in place, row
        for file in re.findall(r"`(\w+/[\w/]*(?:\.py)?)`", place):
            assert (PACKAGE / file).exists(), file
        for name, file in re.findall(r"`(\w+)` in `([\w/]+\.py)`", place):
            assert re.search(rf"^def {name}\b", (PACKAGE / file).read_text(), re.MULTILINE), name


def test_every_room_has_its_floor_and_its_line() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    floors, rooms = page.split("## Rooms")
    for path in PACKAGE.iterdir():
        room = path.stem
        if not room.startswith("_"):
            assert f"`{room}`" in floors, room
            assert f"**{room}**" in rooms, room


def test_the_reference_tells_how_every_training_is_called() -> None:
    page = (ROOT / "docs" / "api" / "networks.md").read_text(encoding="utf-8")
    recipes = [
        p for p in (PACKAGE / "recipes").glob("*.py") if "(Training):" in p.read_text("utf-8")
    ]
    assert len(recipes) == 4
    for path in recipes:
        assert f"::: crossvox.recipes.{path.stem}\n" in page


def test_the_documentation_lists_all_its_pages() -> None:
    nav = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    for page in (ROOT / "docs").rglob("*.md"):
        assert page.relative_to(ROOT / "docs").as_posix() in nav, page
