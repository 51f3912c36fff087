"""Things left about, and dark surfaces."""

from __future__ import annotations

import numpy as np
import pytest

from crossvox.capture.rooms.layout.furnish import furnish
from crossvox.capture.rooms.layout.room import Room

SEED, SPACING_M = 4, 0.2


def places(room: Room) -> list[tuple[str, tuple[float, float, float]]]:
    return [(placed.model.category, placed.at) for placed in room.placed]


def parts(room: Room) -> int:
    return sum(len(placed.model.parts) for placed in room.placed)


@pytest.mark.parametrize("number", range(4))
def test_clutter_adds_to_a_room_that_stays(number: int) -> None:
    bare, full = (furnish(SEED, number, SPACING_M, clutter=c) for c in (0.0, 12.0))
    assert places(full)[: len(bare.placed)] == places(bare)
    assert parts(full) > parts(bare)
    for before, after in zip(bare.placed, full.placed, strict=False):
        assert len(after.model.parts) >= len(before.model.parts)
        tops = [top for top in after.model.tops if top.z < 1.3]
        for part in after.model.parts[len(before.model.parts) :]:
            assert part.thing > 0
            low = part.shape.points.min(axis=0)
            high = part.shape.points.max(axis=0)
            middle = (low + high) / 2
            assert any(
                top.x0 - 0.05 < middle[0] < top.x1 + 0.05
                and top.y0 - 0.05 < middle[1] < top.y1 + 0.05
                and low[2] > top.z - 0.03
                for top in tops
            )


def test_some_furniture_is_nearly_black_and_walls_stay() -> None:
    for number in range(3):
        plain, dark = (furnish(SEED, number, SPACING_M, dark=share) for share in (0.0, 1.0))
        assert places(plain) == places(dark)
        before, after = plain.book.materials, dark.book.materials
        changed = [n for n, (a, b) in enumerate(zip(before, after, strict=True)) if a != b]
        assert changed
        assert not {part.material for part in plain.shell.parts} & set(changed)
        assert all(max(after[n].color) <= 0.2 for n in changed)
        assert max(after[n].gloss for n in changed) > 0.2
        assert all(before[n].dark_return == after[n].dark_return for n in changed)
        colors = np.array([m.color for m in before])
        assert colors.mean() > np.array([m.color for m in after]).mean()
