"""A floor plan as an SVG file of its own."""

from __future__ import annotations

import math
from collections.abc import Iterable
from html import escape
from pathlib import Path

from crossvox.core.artifact import replacing
from crossvox.core.drawing import Arc, Drawing, Letters, Point, Stroke

_STYLES = {
    "floor": 'fill="#fbfaf6" stroke="none"',
    "rugs": 'fill-opacity="0.45" stroke="#b9b4a8" stroke-width="0.8" stroke-dasharray="4 2"',
    "furniture": 'fill-opacity="0.85" stroke="#4a4f57" stroke-width="1"',
    "small": 'fill-opacity="0.75" stroke="#8a8f97" stroke-width="0.5"',
    "hung": 'fill-opacity="0.9" stroke="#7a7f87" stroke-width="0.7"',
    "walls": 'fill="#2b2f36" stroke="#2b2f36" stroke-width="0.4" stroke-linejoin="round"',
    "unseen": 'fill="none" stroke="#9a9fa7" stroke-width="1.2" stroke-dasharray="6 5"',
    "windows": 'fill="#e8f1fa" stroke="#2b5f94" stroke-width="0.9"',
    "doors": 'fill="#ffffff" stroke="#9c4a1a" stroke-width="1"',
    "dimensions": 'fill="none" stroke="#6a6f77" stroke-width="0.7"',
}
_SCALE = 100.0
"""Units of the file a metre."""

_MARGIN_M = 0.5
_LINE_M = 0.2
_FONT = "font-family=\"'Helvetica Neue', Helvetica, Arial, 'DejaVu Sans', sans-serif\""


def write_svg(path: Path, drawing: Drawing) -> None:
    """Write a floor plan as a file, replaced as a whole; the same drawing gives the same file."""
    with replacing(path) as temporary:
        temporary.write_text(svg_of(drawing), encoding="utf-8")


def svg_of(drawing: Drawing) -> str:
    """A floor plan as SVG: one unit a centimetre, a scale bar, the caption below.

    It is turned so that the drawing's ``turn_deg`` points right; every object has a title.
    """
    sheet = _Sheet(drawing)
    body = [sheet.stroke(one) for one in drawing.strokes]
    body += [sheet.arc(one) for one in drawing.arcs]
    body += [sheet.letters(one) for one in drawing.letters]
    body += sheet.below(drawing.caption)
    width, height = sheet.size
    told = escape("; ".join(("floor plan", *drawing.caption)))
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 {width:.1f} '
        f'{height:.1f}" width="{1.6 * width:.0f}" height="{1.6 * height:.0f}">'
        f'<title>{told}</title><rect width="100%" height="100%" fill="#ffffff"/>'
    )
    return "\n".join((head, *body, "</svg>", ""))


class _Sheet:
    """Where things of the world lie on the sheet."""

    def __init__(self, drawing: Drawing) -> None:
        turn = math.radians(drawing.turn_deg)
        self._cos, self._sin, self._turn_deg = math.cos(turn), math.sin(turn), drawing.turn_deg
        places = [self._turned(p) for one in drawing.strokes for p in one.points]
        places += [self._turned(one.at) for one in drawing.letters]
        places = places or [(0.0, 0.0), (1.0, 1.0)]
        self._low = min(x for x, _ in places) - _MARGIN_M, min(y for _, y in places)
        self._high = max(x for x, _ in places) + _MARGIN_M, max(y for _, y in places) + _MARGIN_M
        # The caption's lines need their width too.
        letters = max((len(line) for line in drawing.caption), default=0)
        wide = max(self._high[0] - self._low[0], 0.062 * letters + 2 * _MARGIN_M, 2.5)
        self._foot = self._high[1] - self._low[1] + _MARGIN_M
        tall = self._foot + _LINE_M * (len(drawing.caption) + 1.5)
        spare = wide - (self._high[0] - self._low[0])
        self._low = self._low[0] - spare / 2, self._low[1]
        self.size = wide * _SCALE, tall * _SCALE

    def _turned(self, place: Point) -> Point:
        x, y = place
        return x * self._cos + y * self._sin, y * self._cos - x * self._sin

    def at(self, place: Point) -> Point:
        """Units of the file, y down."""
        x, y = self._turned(place)
        return (x - self._low[0]) * _SCALE, (self._high[1] - y) * _SCALE

    def stroke(self, one: Stroke) -> str:
        """A line or an area."""
        style = _STYLES.get(one.layer, _STYLES["furniture"])
        tint = f' fill="{one.tint}"' if one.tint and 'fill="' not in style else ""
        points = " ".join("{:.1f},{:.1f}".format(*self.at(place)) for place in one.points)
        shape = "polygon" if one.closed else "polyline"
        title = f"<title>{escape(one.title)}</title>" if one.title else ""
        return f'<{shape} class="{one.layer}" points="{points}" {style}{tint}>{title}</{shape}>'

    def arc(self, one: Arc) -> str:
        """The way of a door's leaf."""
        begin, end = (
            self.at(
                (
                    one.center[0] + one.radius_m * math.cos(math.radians(angle)),
                    one.center[1] + one.radius_m * math.sin(math.radians(angle)),
                )
            )
            for angle in (one.begin_deg, one.end_deg)
        )
        radius = one.radius_m * _SCALE
        large = int((one.end_deg - one.begin_deg) % 360 > 180)
        return (
            f'<path class="{one.layer}" d="M{begin[0]:.1f} {begin[1]:.1f}A{radius:.1f} '
            f'{radius:.1f} 0 {large} 0 {end[0]:.1f} {end[1]:.1f}" fill="none" stroke="#9c4a1a" '
            f'stroke-width="0.6" stroke-dasharray="3 2"/>'
        )

    def letters(self, one: Letters) -> str:
        """A text around its middle; names have a light edge, so that lines do not cross them."""
        x, y = self.at(one.at)
        turn = self._turn_deg - one.turn_deg
        size = one.height_m * _SCALE / 0.72  # of capitals, beside the size of the font
        ink = "#1d2127" if one.layer == "names" else "#4a4f57"
        return (
            f'<g class="{one.layer}" transform="translate({x:.1f} {y:.1f}) '
            f'rotate({turn:.1f})" text-anchor="middle" font-size="{size:.1f}" {_FONT}>'
            f'<text y="{0.36 * size:.1f}" fill="none" stroke="#ffffff" stroke-opacity="0.8" '
            f'stroke-linejoin="round" stroke-width="{0.22 * size:.1f}">{escape(one.text)}</text>'
            f'<text y="{0.36 * size:.1f}" fill="{ink}">{escape(one.text)}</text></g>'
        )

    def below(self, caption: Iterable[str]) -> list[str]:
        """Scale bar and caption."""
        left, y = _MARGIN_M * _SCALE, self._foot * _SCALE
        ink = 'stroke="#2b2f36" stroke-width="1.2"'
        found = [
            f'<path d="M{left:.1f} {y - 4:.1f}v4h{_SCALE:.1f}v-4M{left + _SCALE / 2:.1f} '
            f'{y:.1f}v-3" fill="none" {ink}/>',
            f'<text x="{left + _SCALE + 6:.1f}" y="{y:.1f}" font-size="11" {_FONT} '
            f'fill="#2b2f36">1 m</text>',
        ]
        for number, line in enumerate(caption, start=1):
            found.append(
                f'<text x="{left:.1f}" y="{y + (number + 0.2) * _LINE_M * _SCALE:.1f}" '
                f'font-size="11" {_FONT} fill="#2b2f36">{escape(line)}</text>'
            )
        return found
