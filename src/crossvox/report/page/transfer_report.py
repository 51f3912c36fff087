"""The page of a transfer study: verdicts, labels, causes and costs, with files beside it."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from crossvox.core.artifact import read_json, replacing
from crossvox.core.checks import ArtifactError, expect
from crossvox.core.files import TRANSFER
from crossvox.flow.folder import expect_own_page
from crossvox.report.environment import environment
from crossvox.report.page.files_out import (
    FIGURES,
    TABLES,
    FigureOut,
    begin_page,
    write_files,
    write_text,
)
from crossvox.report.page.origins import versions
from crossvox.report.page.tables_out import TableOut
from crossvox.report.page.transfer_figures import (
    cause_figure,
    labels_figure,
    rooms_figure,
    verdict_figures,
)
from crossvox.report.page.transfer_findings import (
    VERDICTS,
    Shown,
    findings_table,
    matrix,
    rooms_table,
    seeds_table,
    shown_findings,
)
from crossvox.report.page.transfer_parts import (
    causes,
    causes_table,
    cells_tables,
    costs_table,
    curves_table,
    descriptions_table,
    savings,
    savings_table,
)
from crossvox.report.page.transfer_sentences import answer, asked, lead, unanswered, within
from crossvox.report.page.write import PageReport
from crossvox.report.values import as_dict, number, texts

FILES = "report"
"""Folder beside the page: figures, tables, and the record itself."""


def write_transfer_page(folder: Path, page: Path | None = None) -> PageReport:
    """Write the page of a transfer study, and beside it its figures and tables as files.

    Args:
        folder: of the study, with ``transfer.json``.
        page: an ``.html`` file, or a folder that gets ``index.html``; by default that of the study.

    Raises:
        ArtifactError: there is no such record, or the place of the page is taken.
    """
    path = folder / TRANSFER
    expect(
        path.is_file(),
        given=f"{folder}, which holds no {TRANSFER}",
        needed="the folder of a transfer study of which some cell is finished",
        do="check the path, or run 'crossvox study DESIGN OUT'",
        error=ArtifactError,
    )
    record = read_json(path)
    expect(
        isinstance(record, dict) and isinstance(record.get("comparisons"), dict),
        given=f"{path}, which is no record of a transfer study",
        needed="the file that 'crossvox study DESIGN OUT' writes",
        do="check the path",
        error=ArtifactError,
    )
    own = page is None
    page = folder if page is None else page
    is_file = page.suffix.lower() in (".html", ".htm")
    out = page if is_file else page / "index.html"
    side = out.parent / (f"{out.stem}-{FILES}" if is_file else FILES)
    expect_own_page(out, None if own or is_file else page)
    values = _values(record)
    begin_page(out)
    written = write_files(side / FIGURES, side / TABLES, values["figures"], values["tables"])
    written.append(_copied(path, side / TRANSFER))
    values["side"] = side.name
    text = environment().get_template("transfer.html.j2").render(values)
    write_text(out, text)
    return PageReport(out, out.stat().st_size, tuple(written), (), (), ())


@dataclass(frozen=True)
class _Part:
    """A part of the page.

    Attributes:
        values: what its template shows, by name.
        figures: drawings, None of what cannot be drawn; they lie beside the page as files as well.
        tables: likewise.
    """

    values: dict[str, Any]
    figures: Sequence[FigureOut | None] = ()
    tables: Sequence[TableOut] = ()


def _values(record: Mapping[str, Any]) -> dict[str, Any]:
    """All that the page shows."""
    found = shown_findings(record)
    share = number(record.get("level")) or 0.95
    findings, rooms = _findings(record, found, share), _rooms(found)
    labels, why = _labels(record), _causes(record, found)
    cells, costs = _cells(record), _costs(record)
    values = _head(record, found)
    for part in (findings, labels, why, rooms, cells, costs):
        values |= part.values
    drawn = [one for part in (findings, labels, why, rooms) for one in part.figures]
    listed = (findings, rooms, cells, labels, why, costs)
    return values | {
        "figures": [one for one in drawn if one is not None],
        "tables": [one for part in listed for one in part.tables],
        "made": datetime.now().astimezone().strftime("%d %B %Y, %H:%M"),
        "version": versions()[0][1],
    }


def _head(record: Mapping[str, Any], found: Sequence[Shown]) -> dict[str, Any]:
    """What stands above all parts, and what explains them."""
    return {
        "title": str(record.get("title") or record.get("name") or "Transfer report"),
        "lead": lead(found, record),
        "facts": _facts(record, found),
        "cautions": texts(record.get("cautions")),
        "verdicts": VERDICTS,
        "protocol": {k: str(v) for k, v in as_dict(record.get("protocol")).items()},
        "margins": {k: number(v) for k, v in as_dict(record.get("margins")).items()},
    }


def _findings(record: Mapping[str, Any], found: Sequence[Shown], share: float) -> _Part:
    """Verdicts and answers; intervals hold the share ``share``."""
    level, inner = f"{share:.0%}", f"{2 * share - 1:.0%}"
    figures = verdict_figures(found, level)
    table = findings_table(found, level)
    values = {
        "level": level,
        "matrix": matrix(found),
        "printed": next((one for one in figures if one.name == "verdicts"), None),
        "forests": [one for one in figures if one.name != "verdicts"],
        "named": [_answered(one, inner) for one in found if one.named],
        "exploratory": [_answered(one, inner) for one in found if not one.named],
        "unanswered": unanswered(record),
        "findings": table,
    }
    return _Part(values, figures, [table])


def _labels(record: Mapping[str, Any]) -> _Part:
    """What is saved of labels."""
    saved = savings(record)
    figures = [labels_figure(n, one) for n, one in enumerate(saved)]
    values = {"savings": list(zip(saved, figures, strict=True)), "curves": None}
    if not saved:
        return _Part(values)
    curves = curves_table(saved)
    return _Part(values | {"curves": curves}, figures, [curves, savings_table(saved)])


def _causes(record: Mapping[str, Any], found: Sequence[Shown]) -> _Part:
    """Where differences come from, and what describes the cells."""
    why, told = causes(record), descriptions_table(record)
    figures = [cause_figure(n, one) for n, one in enumerate(why)]
    tables = [causes_table(why)] if why else []
    tables += [told] if told is not None else []
    return _Part({"causes": _by_contrast(why, figures, found), "told": told}, figures, tables)


def _rooms(found: Sequence[Shown]) -> _Part:
    """Differences by room and seed."""
    figures = [rooms_figure(n, one) for n, one in enumerate(found) if one.by_room]
    return _Part({"rooms": figures}, figures, [rooms_table(found), seeds_table(found)])


def _cells(record: Mapping[str, Any]) -> _Part:
    """Cells and controls."""
    cells = cells_tables(record)
    return _Part({"cells": cells}, tables=[table for _, table in cells])


def _costs(record: Mapping[str, Any]) -> _Part:
    """What the cells took."""
    table = costs_table(record)
    return _Part({"costs": table}, tables=[] if table is None else [table])


def _facts(record: Mapping[str, Any], found: Sequence[Shown]) -> list[tuple[str, str]]:
    """The numbers in large type."""
    kept = (("seeds", "seeds"), ("training_scenes", "training rooms"),
            ("held_out_scenes", "held-out rooms"))  # fmt: skip
    numbers = [(number(record.get(key)), text) for key, text in kept]
    facts = [(f"{n:.0f}", text if n != 1 else text[:-1]) for n, text in numbers if n]
    count = asked(found, record)
    asks = "question asked beforehand" if count == 1 else "questions asked beforehand"
    return facts + ([(str(count), asks)] if count else [])


def _answered(one: Shown, inner: str) -> dict[str, Any]:
    return {"finding": one, "answer": answer(one), "more": within(one, inner)}


def _by_contrast(
    why: Sequence[Mapping[str, Any]], figures: Sequence[FigureOut | None], found: Sequence[Shown]
) -> list[tuple[str, list[FigureOut]]]:
    """Drawings of causes by what they explain."""
    titles = {one.name: f"{one.title}, {one.score}" for one in found}
    grouped: dict[str, list[FigureOut]] = {}
    for one, figure in zip(why, figures, strict=True):
        if figure is not None:
            grouped.setdefault(titles.get(one["contrast"], one["contrast"]), []).append(figure)
    return list(grouped.items())


# --- files ---------------------------------------------------------------------------------------


def _copied(path: Path, to: Path) -> Path:
    to.parent.mkdir(parents=True, exist_ok=True)
    with replacing(to) as temporary:
        shutil.copyfile(path, temporary)
    return to
