"""What lies beside a page: its drawings as SVG, its tables as CSV and LaTeX."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from markupsafe import Markup

from crossvox.core.artifact import replacing
from crossvox.flow.folder import PAGE_MARK
from crossvox.report.drawings.svg import standalone
from crossvox.report.page.tables_out import TableOut, csv_of, latex_of

T = TypeVar("T")

FIGURES, TABLES = "figures", "tables"
"""Folders of both."""


@dataclass(frozen=True)
class FigureOut:
    """A drawing of a page, and the data it shows.

    Attributes:
        name: of its files.
        drawing: SVG.
        table: what it shows; None: it is no file of its own.
        caption: one sentence.
        title: above it; empty: none.
    """

    name: str
    drawing: Markup
    table: TableOut | None = None
    caption: str = ""
    title: str = ""

    def __html__(self) -> str:
        """The drawing, where a template shows it."""
        return str(self.drawing)


def drawn(name: str, drawing: Markup | None) -> FigureOut | None:
    """A drawing that is a file too; None where there is none, or nothing on it."""
    return FigureOut(name, drawing) if drawing else None


def found_in(values: Any, kind: type[T]) -> list[T]:
    """Everything of a kind in a page's values, in order."""
    if isinstance(values, kind):
        return [values]
    inner = values.values() if isinstance(values, Mapping) else values
    if isinstance(values, Mapping | list | tuple):
        return [one for part in inner for one in found_in(part, kind)]
    return []


def write_files(
    figures_dir: Path,
    tables_dir: Path,
    figures: Iterable[FigureOut],
    tables: Iterable[TableOut],
) -> list[Path]:
    """Write drawings and tables; a table is written as LaTeX if it has rows for a reader."""
    written = []
    for figure in figures:
        place = figures_dir / figure.name
        written.append(write_text(place.with_suffix(".svg"), standalone(figure.drawing)))
        if figure.table is not None:
            written.append(write_text(place.with_suffix(".csv"), csv_of(figure.table)))
    for table in tables:
        place = tables_dir / table.name
        written.append(write_text(place.with_suffix(".csv"), csv_of(table)))
        if table.shown:
            written.append(write_text(place.with_suffix(".tex"), latex_of(table)))
    return written


def begin_page(page: Path) -> None:
    """Mark the place of a page as taken by this package before anything is written beside it.

    An interrupted command finds its own place again by that; a page of before stays until the end.
    """
    if not page.exists():
        write_text(page, f"{PAGE_MARK}<p>This page is being written.</p>\n")


def write_text(path: Path, text: str) -> Path:
    """Write a text file, replaced as a whole; its folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return path


def safe_name(name: str) -> str:
    """A name as part of a file's name."""
    return re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-").lower()[:60] or "x"
