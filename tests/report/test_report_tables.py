"""Tables of scores on the page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from crossvox.core.artifact import plain
from crossvox.core.volume import Score
from crossvox.metrics import MEASURES
from crossvox.report.page.surface_scores import SurfaceScores
from crossvox.report.page.tables import surface_table
from crossvox.report.sources import Sources


def table(*names: str, place: str = "") -> Any:
    """The table of one scene with some scores of two methods."""
    rows = {
        method: {
            name: {**plain(score), "place": place or score.place}
            for name in names
            for score in [MEASURES[name].score(value, 10, "surface")]
            if isinstance(score, Score)
        }
        for method, value in (("learnt", 0.5), ("tsdf", 0.25))
    }
    scores = SurfaceScores(Path("pred"), "surface", {"room": rows}, {}, ("room",), (), {}, ())
    return surface_table(scores, Sources())["main"]


def test_scores_in_detail_are_a_table_of_their_own() -> None:
    found = table("Acc", "Recall unmeasured", "F-score", "Prec 2 cm", "F-score 2 cm", "Seen-free")
    assert [row["name"] for row in found["rows"]] == [
        "F-score", "Recall unmeasured", "F-score 2 cm", "Seen-free",
    ]  # fmt: skip
    assert [row["name"] for row in found["detail"]["rows"]] == ["Acc", "Prec 2 cm"]
    assert [method["name"] for method in found["detail"]["methods"]] == ["Learnt", "TSDF fusion"]
    (seen_free,) = (row for row in found["rows"] if row["name"] == "Seen-free")
    assert [cell["best"] for cell in seen_free["cells"]] == [False, True]


def test_scores_that_are_all_of_one_place_are_one_table() -> None:
    for place in ("beside", "detail"):
        found = table("Acc", "F-score", place=place)
        assert [row["name"] for row in found["rows"]] == ["F-score", "Acc"]
        assert "detail" not in found
