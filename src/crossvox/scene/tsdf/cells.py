"""The marching-cubes table, made from one rule.

Cell corners are numbered by their offset: corner c is at ``(c & 1, c >> 1 & 1, c >> 2 & 1)``. Cell
edges are numbered ``corner * 3 + axis``, where corner is the lower end.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@cache
def cell_triangles() -> NDArray[np.int8]:
    """The marching-cubes table: edges of the triangles of every sign pattern of a cell.

    Made from one rule a face of the cell: walking round the face, every run of inside corners is
    cut off by one line from the edge where the walk enters to the edge where it leaves. The rule
    reads nothing but the face's four signs, so two cells always agree about the face they share,
    and the lines of a cell join to closed loops, which are filled with fans.

    Returns:
        ``(256, n)`` int8, three edge numbers a triangle, ended by -1. Bit c of the pattern is set
        where corner c is inside (negative).
    """
    rows = []
    for pattern in range(256):
        follow: dict[int, int] = {}
        for axis in range(3):
            for side in (0, 1):
                walk = _face_walk(axis, side)
                inside = [bool(pattern >> corner & 1) for corner in walk]
                for i in range(4):
                    if not inside[i] and inside[(i + 1) % 4]:
                        j = (i + 1) % 4
                        while inside[(j + 1) % 4]:
                            j = (j + 1) % 4
                        enter = _edge_number(walk[i], walk[(i + 1) % 4])
                        follow[enter] = _edge_number(walk[j], walk[(j + 1) % 4])
        triangles: list[int] = []
        while follow:
            loop = [next(iter(follow))]
            while (following := follow.pop(loop[-1])) != loop[0]:
                loop.append(following)
            triangles += _fan(loop)
        rows.append(triangles)
    table = np.full((256, max(map(len, rows)) + 1), -1, dtype=np.int8)
    for pattern, row in enumerate(rows):
        table[pattern, : len(row)] = row
    return table


def _face_walk(axis: int, side: int) -> list[int]:
    """Corners of a cell face, anticlockwise seen from outside the cell."""
    b, c = 1 << (axis + 1) % 3, 1 << (axis + 2) % 3
    base = side << axis
    walk = [base, base | b, base | b | c, base | c]
    return walk if side else walk[::-1]


def _edge_number(a: int, b: int) -> int:
    return min(a, b) * 3 + (a ^ b).bit_length() - 1


def _fan(loop: list[int]) -> list[int]:
    """Triangles of a loop of edges, from the corner whose diagonals stay inside the cell.

    A diagonal within a cell face could coincide with an edge of the neighbouring cell's mesh.
    """

    def faces_of(edge: int) -> set[tuple[int, int]]:
        corner, axis = divmod(edge, 3)
        return {(other, corner >> other & 1) for other in range(3) if other != axis}

    def diagonals_in_a_face(first: int) -> int:
        turned = loop[first:] + loop[:first]
        return sum(bool(faces_of(turned[0]) & faces_of(other)) for other in turned[2:-1])

    first = min(range(len(loop)), key=diagonals_in_a_face)
    turned = loop[first:] + loop[:first]
    return [edge for i in range(1, len(loop) - 1) for edge in (turned[0], turned[i], turned[i + 1])]
