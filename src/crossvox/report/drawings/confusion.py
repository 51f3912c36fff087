"""A confusion matrix as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from markupsafe import Markup, escape
from numpy.typing import NDArray

Array = NDArray[Any]


def confusion_drawing(
    name: str, shares: Array, rows: Sequence[str], columns: Sequence[str]
) -> Markup:
    """A confusion matrix as a picture: each row's shares, numbers from 5 % on.

    Args:
        name: of the drawing, unique on the page.
        shares: ``(rows, columns)``, each row adds up to 1.
        rows: names of the truth.
        columns: names of the predictions.
    """
    cell, left, top, right = 30, 116, 112, 62
    width, height = left + cell * len(columns) + right, top + cell * len(rows) + 4
    parts = [
        f'<svg role="img" aria-label="{escape(_confused(shares, rows, columns))}" '
        f'class="confusion" id="{escape(name)}" viewBox="0 0 {width} {height}" '
        'xmlns="http://www.w3.org/2000/svg" font-family="var(--sans)">'
    ]
    for j, column in enumerate(columns):
        x = left + cell * (j + 0.5)
        parts.append(
            f'<text x="{x:.0f}" y="{top - 8}" transform="rotate(-52 {x:.0f} {top - 8})" '
            f'font-size="13" fill="var(--ink)">{escape(column)}</text>'
        )
    for i, row in enumerate(rows):
        y = top + cell * i
        parts.append(
            f'<text x="{left - 8}" y="{y + 0.5 * cell + 4.5:.1f}" text-anchor="end" font-size="13" '
            f'fill="var(--ink)">{escape(row)}</text>'
        )
        for j, column in enumerate(columns):
            share = float(shares[i, j])
            x = left + cell * j
            # The strongest colour still carries the page's ink legibly, light and dark.
            parts.append(
                f'<rect x="{x + 1}" y="{y + 1}" width="{cell - 2}" height="{cell - 2}" rx="3" '
                'fill="var(--well)" />'
            )
            if share >= 0.005:
                parts.append(
                    f'<rect x="{x + 1}" y="{y + 1}" width="{cell - 2}" height="{cell - 2}" rx="3" '
                    f'fill="var(--series-{1 if row == column else 2})" '
                    f'fill-opacity="{0.58 * share**0.75:.3f}"><title>{escape(row)} taken for '
                    f"{escape(column)}: {share:.1%}</title></rect>"
                )
            if share >= 0.05:
                parts.append(
                    f'<text x="{x + 0.5 * cell:.0f}" y="{y + 0.5 * cell + 4:.0f}" '
                    f'text-anchor="middle" font-size="11" fill="var(--ink)" '
                    f'pointer-events="none">{share * 100:.0f}</text>'
                )
    return Markup("".join([*parts, "</svg>"]))


def _confused(shares: Array, rows: Sequence[str], columns: Sequence[str]) -> str:
    """A confusion matrix in words: what is right, and the largest mix-ups."""
    right = ", ".join(
        f"{row} {shares[i, columns.index(row)]:.0%}" for i, row in enumerate(rows) if row in columns
    )
    order = np.argsort(-np.asarray(shares), axis=None)
    mixed = []
    for place in order[: len(rows) + 8]:
        i, j = divmod(int(place), len(columns))
        if rows[i] != columns[j] and shares[i, j] > 0.05:
            mixed.append(f"{rows[i]} taken for {columns[j]} {shares[i, j]:.0%}")
    return f"Confusion of classes. Right: {right}. Mixed up: {', '.join(mixed[:5]) or 'nothing'}."
