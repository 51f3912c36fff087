"""The page of a transfer study, in its folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from crossvox.flow.runner import Runner

if TYPE_CHECKING:
    from crossvox.report.page.write import PageReport

PAGE = "index.html"


def write_study_page(study: Path, runner: Runner) -> PageReport:
    """Write ``index.html`` of what a study has found so far, and what lies beside it.

    Raises:
        ArtifactError: there is no such study, or something else is in the page's place.
    """
    from crossvox.report.page.transfer_report import write_transfer_page

    with runner.part("page"):
        return write_transfer_page(study)
