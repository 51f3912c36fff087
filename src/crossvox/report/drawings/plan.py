"""A room from straight above, with the camera's path."""

from __future__ import annotations

import base64
import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from markupsafe import Markup, escape
from numpy.typing import NDArray

from crossvox.doors.images import encode_webp
from crossvox.report.drawings.badges import Place, free_place

Array = NDArray[Any]


def plan_drawing(
    plan: Array,
    corner_m: tuple[float, float],
    cell_m: float,
    path_m: Array,
    breaks: Sequence[int],
    marks: Mapping[str, tuple[Array, Array]],
    description: str,
) -> Markup:
    """The room from straight above: surface, the camera's path, where the sample frames stood.

    Args:
        plan: ``(X, Y)`` share in [0, 1], how much surface stands in each column.
        corner_m: world ``x, y`` of the low corner of column ``(0, 0)``.
        cell_m: edge of a column.
        path_m: ``(N, 3)`` camera positions in order.
        breaks: numbers of the positions that do not follow on the one before (lost poses between).
        marks: by label, position and viewing direction, ``(3,)`` each.
        description: for readers who cannot see it.
    """
    share = np.asarray(plan, dtype=np.float32)
    image = np.zeros((*share.T.shape, 4), dtype=np.uint8)
    image[..., :3] = (112, 124, 144)
    image[..., 3] = np.round(np.clip(share.T[::-1], 0, 1) * 215)
    data = base64.b64encode(encode_webp(image)).decode("ascii")
    path_m = np.asarray(path_m, dtype=np.float64).reshape(-1, 3)
    width, height = share.shape[0] * cell_m, share.shape[1] * cell_m
    low_x, low_y = corner_m
    seen = [np.array([[low_x, low_y], [low_x + width, low_y + height]]), path_m[:, :2]]
    points = np.concatenate(seen)
    low, high = points.min(axis=0) - 0.25, points.max(axis=0) + 0.25
    span = high - low
    bar_m = 1.0 if span[0] < 12 else 5.0
    unit = float(max(span)) / 100

    def at(place: Array) -> tuple[float, float]:
        return float(place[0] - low[0]), float(high[1] - place[1])

    parts = [
        f'<svg role="img" aria-label="{escape(description)}" class="plan" '
        f'viewBox="0 0 {span[0]:.3f} {span[1] + 4 * unit:.3f}" '
        'xmlns="http://www.w3.org/2000/svg">',
        f'<image href="data:image/webp;base64,{data}" x="{low_x - low[0]:.3f}" '
        f'y="{high[1] - low_y - height:.3f}" width="{width:.3f}" height="{height:.3f}" '
        'preserveAspectRatio="none" />',
    ]
    starts = [0, *sorted(b for b in breaks if 0 < b < len(path_m)), len(path_m)]
    for begin, end in itertools.pairwise(starts):
        line = " ".join("{:.3f},{:.3f}".format(*at(place)) for place in path_m[begin:end])
        if end - begin > 1:
            parts.append(
                f'<polyline points="{line}" fill="none" stroke="var(--series-1)" '
                f'stroke-width="{0.7 * unit:.4f}" stroke-linejoin="round" '
                'stroke-linecap="round" />'
            )
    if len(path_m):
        for place, fill in ((path_m[0], "var(--page)"), (path_m[-1], "var(--series-1)")):
            x, y = at(place)
            parts.append(
                f'<circle cx="{x:.3f}" cy="{y:.3f}" r="{1.3 * unit:.4f}" fill="{fill}" '
                f'stroke="var(--series-1)" stroke-width="{0.6 * unit:.4f}" />'
            )
    taken: list[Place] = []
    badges = []
    for label, (place, forward) in marks.items():
        # Frames taken at one place stand beside each other, so that every number is seen.
        x, y = free_place(at(place), taken, 5.2 * unit)
        taken.append((x, y))
        angle = math.atan2(-float(forward[1]), float(forward[0]))
        reach = 9 * unit
        (x1, y1), (x2, y2) = (
            (x + reach * math.cos(angle + turn), y + reach * math.sin(angle + turn))
            for turn in (-0.5, 0.5)
        )
        parts.append(
            f'<path d="M{x:.3f} {y:.3f}L{x1:.3f} {y1:.3f}L{x2:.3f} {y2:.3f}Z" '
            'fill="var(--series-2)" fill-opacity="0.32" />'
        )
        badges.append(
            f'<circle cx="{x:.3f}" cy="{y:.3f}" r="{2.4 * unit:.4f}" fill="var(--series-2)" />'
            f'<text x="{x:.3f}" y="{y + 1.1 * unit:.3f}" font-size="{3.2 * unit:.4f}" '
            f'text-anchor="middle" fill="var(--page)" font-weight="600">{escape(label)}</text>'
        )
    parts += badges
    base = float(span[1]) + 1.2 * unit
    parts.append(
        f'<path d="M{unit:.3f} {base:.3f}h{bar_m:.3f}" stroke="var(--ink)" '
        f'stroke-width="{0.5 * unit:.4f}" />'
        f'<text x="{2 * unit + bar_m:.3f}" y="{base + 1.1 * unit:.3f}" '
        f'font-size="{3.2 * unit:.4f}" fill="var(--soft)">{bar_m:g} m</text></svg>'
    )
    return Markup("".join(parts))
