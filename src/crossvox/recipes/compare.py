"""Two or more runs or predictions side by side."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from crossvox.core.checks import ParamsError, expect
from crossvox.core.formats import in_figures
from crossvox.flow.progress import Progress, Silent
from crossvox.report.params import ReportParams

if TYPE_CHECKING:
    from crossvox.report.page.compare_page import ComparisonReport


def compare(
    folders: tuple[Path, ...],
    params: ReportParams | None = None,
    *,
    progress: Progress | None = None,
) -> ComparisonReport:
    """Compare runs or predictions with the first of them: RUN RUN [RUN ...] OUT.

    Scores of the rooms that all have are paired room by room; a difference comes with its interval
    over rooms, or it cannot be told. The page lays pictures of the same rooms over each other.

    Args:
        folders: scored runs, predictions or scans, the one to compare with first, and last the
            page's folder or .html file.
        params: title and extent.
        progress: who watches.

    Raises:
        ParamsError: fewer than three paths.
    """
    from crossvox.report.page.compare_page import write_compare_page

    expect(
        len(folders) >= 3,
        given=in_figures(len(folders), "path"),
        needed="two runs or predictions at least, and last the page's folder",
        do="crossvox compare PRED1 PRED2 OUT",
        error=ParamsError,
    )
    step = (progress or Silent()).step("rooms")
    return write_compare_page(folders[:-1], folders[-1], params or ReportParams(), progress=step)
