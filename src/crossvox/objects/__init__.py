"""Objects and rooms: from a labelled mesh to instances, boxes, walls, openings and an outline."""

from __future__ import annotations

from crossvox.objects.find import find_contents

__all__ = ["find_contents"]
