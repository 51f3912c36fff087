"""Scores of a pair of files as CSV (RFC 4180): one a row, for spreadsheets and data frames."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterable
from pathlib import Path

from crossvox.core.artifact import replacing
from crossvox.core.checks import ArtifactError, expect
from crossvox.core.volume import Score
from crossvox.evaluate.pair import PairParams
from crossvox.flow.folder import expect_writable

COLUMNS = (
    *("prediction", "reference", "protocol", "score", "threshold_m", "value", "unit"),
    *("counted", "of", "higher_is_better", "align", "crop", "mask"),
)

_AT_THRESHOLD = re.compile(r"^(?:Prec|Recall|F-score)(?: (?P<cm>[0-9.e+-]+) cm)?$")


def write_csv(
    path: Path, pred: Path, ref: Path, scores: Iterable[Score], params: PairParams
) -> None:
    """Write a row for each score; a value that is not defined is an empty cell.

    Args:
        path: file to write, replaced as a whole.
        pred, ref: what was compared.
        scores: of the two.
        params: how they were compared.
    """
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for score in scores:
            value = repr(float(score.value)) if math.isfinite(score.value) else ""
            writer.writerow(
                [
                    *(pred.as_posix(), ref.as_posix(), score.protocol, score.name),
                    *(_threshold(score.name), value, score.unit, score.support, score.of),
                    *(score.higher_is_better, params.align, params.crop, params.mask),
                ]
            )


def _threshold(name: str) -> str:
    """Metres that a score's name tells; empty where it has no threshold."""
    found = _AT_THRESHOLD.match(name)
    if found is None:
        return ""
    return "0.05" if found["cm"] is None else f"{float(found['cm']) / 100:g}"


def expect_own_csv(path: Path) -> None:
    """Refuse to write over anything but such a file.

    Raises:
        ArtifactError: something else is there, or the system refuses it.
    """
    own = not path.exists()
    if path.is_file():
        with path.open("rb") as file:
            own = file.read(len(_HEAD)) == _HEAD
    expect(
        own,
        given=f"--csv {path}, which is something else",
        needed="a new file, or scores that were written there before",
        do="name another file",
        error=ArtifactError,
    )
    expect_writable(path)


_HEAD = ",".join(COLUMNS).encode()
