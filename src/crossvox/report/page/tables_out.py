"""A table of a page as files: CSV with the numbers as they are, LaTeX as they are shown."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from crossvox.report.values import csv_cell


@dataclass(frozen=True)
class TableOut:
    """A table that a page shows and that lies beside it.

    Attributes:
        name: of its files.
        caption: one sentence.
        columns: heads.
        rows: values as they are: texts, numbers, None.
        shown: the same as texts for a reader, perhaps with other columns; empty: not for LaTeX.
        heads: of those.
    """

    name: str
    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    heads: tuple[str, ...] = ()
    shown: tuple[tuple[str, ...], ...] = ()


def csv_of(table: TableOut) -> str:
    """CSV (RFC 4180); what is not there is an empty cell."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(table.columns)
    for row in table.rows:
        writer.writerow([csv_cell(cell) if isinstance(cell, str) else cell for cell in row])
    return text.getvalue()


def latex_of(table: TableOut) -> str:
    """A ``table`` for the package booktabs; columns of numbers are set to the right."""
    kinds = ["l" if n == 0 or _is_text(table, n) else "r" for n in range(len(table.heads))]
    lines = [
        "% \\usepackage{booktabs}",
        "\\begin{table}",
        f"\\caption{{{latex_text(table.caption)}}}",
        f"\\label{{tab:{table.name}}}",
        f"\\begin{{tabular}}{{{''.join(kinds)}}}",
        "\\toprule",
        _line(table.heads),
        "\\midrule",
        *(_line(row) for row in table.shown),
        "\\bottomrule",
        "\\end{tabular}",
        "\\end{table}",
    ]
    return "\n".join(lines) + "\n"


def _is_text(table: TableOut, column: int) -> bool:
    cells = [row[column] for row in table.shown if row[column]]
    return not all(cell[:1] in "+-\N{MINUS SIGN}\N{EN DASH}0123456789" for cell in cells)


def _line(cells: Sequence[str]) -> str:
    return " & ".join(latex_text(cell) for cell in cells) + " \\\\"


_LATEX = {
    "\\": "\\textbackslash{}", "&": "\\&", "%": "\\%", "$": "\\$", "#": "\\#", "_": "\\_",
    "{": "\\{", "}": "\\}", "~": "\\textasciitilde{}", "^": "\\textasciicircum{}",
    "\N{MINUS SIGN}": "$-$", "\N{PLUS-MINUS SIGN}": "$\\pm$", "\N{EN DASH}": "--", "<": "$<$",
    ">": "$>$", "\N{LESS-THAN OR EQUAL TO}": "$\\le$", "\N{MULTIPLICATION SIGN}": "$\\times$",
}  # fmt: skip


def latex_text(text: str) -> str:
    """A text that LaTeX sets as it is."""
    return "".join(_LATEX.get(letter, letter) for letter in text)
