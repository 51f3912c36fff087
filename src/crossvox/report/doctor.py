"""The page of a diagnosis: what was found, and what it looks like."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from markupsafe import Markup, escape

from crossvox.capture.doctor.agreement import PairAgreement
from crossvox.capture.doctor.findings import Diagnosis
from crossvox.capture.doctor.pictures import Pictures
from crossvox.core.frame import Capture
from crossvox.report.drawings.plan import plan_drawing
from crossvox.report.embed import jpeg_uri
from crossvox.report.environment import environment

WORST, EDGES = 3, 3
_CELL_M = 0.05


def doctor_page(records: Sequence[dict[str, Any]], refused: dict[str, str]) -> str:
    """One self-contained page about captures."""
    return environment().get_template("doctor.html.j2").render(records=records, refused=refused)


def doctor_record(capture: Capture, found: Diagnosis) -> dict[str, Any]:
    """What the page shows of one capture."""
    pictures = Pictures(capture, found)
    plan = pictures.plan()
    drawn = None
    if plan is not None:
        drawn = plan_drawing(
            plan.share,
            plan.corner_m,
            _CELL_M,
            plan.path_m,
            plan.breaks,
            plan.marks,
            f"{found.name} from above: surface as its poses put it, and the camera's path",
        )
    pairs = [] if found.agreement is None else list(found.agreement.pairs)
    return {
        "found": found,
        "plan": drawn,
        "pairs": pair_drawing(pairs) if pairs else None,
        "frames": frame_drawing(found.losses) if len(found.losses) > 1 else None,
        "overlays": _overlays(pictures, pairs),
        "edges": _edges(pictures, capture, found),
    }


def _overlays(pictures: Pictures, pairs: list[PairAgreement]) -> list[dict[str, Any]]:
    """The worst pairs and the best, as pictures."""
    seen = [pair for pair in pairs if pair.overlap > 0.15 and np.isfinite(pair.median_m)]
    seen.sort(key=lambda pair: pair.within)
    chosen = seen[:WORST] + seen[WORST:][-1:]
    shown = []
    for pair in chosen:
        image = pictures.overlay(pair.first, pair.second)
        if image is not None:
            worst = "best" if pair is chosen[-1] and len(chosen) > WORST else "worst"
            shown.append({"data": jpeg_uri(image, 82), "pair": pair, "kind": worst})
    return shown


def _edges(pictures: Pictures, capture: Capture, found: Diagnosis) -> list[dict[str, Any]]:
    ids = [number for number in capture.frame_ids if number not in found.skip]
    shown: list[dict[str, Any]] = []
    for n in np.linspace(0.15, 0.85, EDGES):
        number = ids[int(n * (len(ids) - 1))] if ids else None
        image = None if number is None else pictures.edges(number)
        if image is not None and number not in [one["number"] for one in shown]:
            shown.append({"data": jpeg_uri(image, 82), "number": number})
    return shown


def pair_drawing(pairs: Sequence[PairAgreement]) -> Markup:
    """Every pair: how far apart it lies, and how far it would lie without poses."""
    width, height, left, base = 760.0, 260.0, 54.0, 222.0
    numbers = [pair.first for pair in pairs]
    low, high = min(numbers), max(max(numbers), min(numbers) + 1)
    ticks = (0.1, 1.0, 10.0, 100.0)

    def x(number: int) -> float:
        return left + 14 + (width - left - 34) * (number - low) / (high - low)

    def y(value_m: float) -> float:
        share = (np.log10(max(100 * value_m, 0.05)) + 1.3) / 3.6
        return float(base - (base - 16) * np.clip(share, 0, 1))

    parts = [_opened(width, height, "Median distance of each pair of frames")]
    for tick in ticks:
        parts.append(_rule(left, width, y(tick / 100), f"{tick:g} cm"))
    for pair in pairs:
        text = f"{pair.first} in {pair.second}: {100 * pair.median_m:.1f} cm, {pair.within:.0%}"
        if np.isfinite(pair.still_m):
            parts.append(
                f'<circle cx="{x(pair.first):.1f}" cy="{y(pair.still_m):.1f}" r="3.4" '
                'fill="none" stroke="var(--soft)" stroke-width="1.3" opacity="0.7" />'
            )
        if np.isfinite(pair.median_m):
            parts.append(
                f'<circle cx="{x(pair.first):.1f}" cy="{y(pair.median_m):.1f}" r="4.6" '
                f'fill="var(--series-1)"><title>{escape(text)}</title></circle>'
            )
    parts.append(_ends(left + 14, width - 20, base + 24, low, high))
    return Markup("".join(parts) + "</svg>")


def frame_drawing(losses: Any) -> Markup:
    """Every frame against the next one."""
    width, height, left, base = 760.0, 200.0, 54.0, 162.0
    numbers = sorted(losses)
    low, high = numbers[0], max(numbers[-1], numbers[0] + 1)

    def at(number: int) -> tuple[float, float]:
        x = left + 14 + (width - left - 34) * (number - low) / (high - low)
        return x, base - (base - 16) * float(np.clip(losses[number], 0, 1))

    parts = [_opened(width, height, "How badly each frame agrees with the next one, 0 to 1")]
    for tick in (0.0, 0.5, 1.0):
        parts.append(_rule(left, width, base - (base - 16) * tick, f"{tick:g}"))
    line = " ".join("{:.1f},{:.1f}".format(*at(number)) for number in numbers)
    parts.append(
        f'<polyline points="{line}" fill="none" stroke="var(--series-1)" stroke-width="1.8" />'
    )
    parts.append(_ends(left + 14, width - 20, base + 24, low, high))
    return Markup("".join(parts) + "</svg>")


def _opened(width: float, height: float, description: str) -> str:
    return (
        f'<svg role="img" aria-label="{escape(description)}" viewBox="0 0 {width:g} {height:g}" '
        'xmlns="http://www.w3.org/2000/svg" font-size="13">'
    )


def _rule(left: float, right: float, y: float, text: str) -> str:
    return (
        f'<path d="M{left:.1f} {y:.1f}H{right:.1f}" stroke="var(--line)" />'
        f'<text x="{left - 8:.1f}" y="{y + 4:.1f}" text-anchor="end" fill="var(--soft)">'
        f"{escape(text)}</text>"
    )


def _ends(left: float, right: float, y: float, low: int, high: int) -> str:
    return (
        f'<text x="{left:.1f}" y="{y:.1f}" fill="var(--soft)">frame {low}</text>'
        f'<text x="{right:.1f}" y="{y:.1f}" text-anchor="end" fill="var(--soft)">{high}</text>'
    )
