"""What pages tell of networks is what their cards tell, and every number on a page has a source."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from trials import numbers, scannet_size

from crossvox.core.files import CARD
from crossvox.metrics.curve import FramesCurve, write_curve
from crossvox.recipes.cards import read_card_file
from crossvox.recipes.shipped import FOLDER

DOCS = Path(__file__).parents[1] / "docs"

PAGES = {
    "default2d": "networks-2d.md",
    "labels3d": "labels3d.md",
    "free-labels3d": "labels3d.md",
    "default3d": "completion.md",
}


@pytest.mark.parametrize(("network", "page"), PAGES.items())
def test_scores_of_a_card_stand_on_its_page(network: str, page: str) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")
    scores = read_card_file(FOLDER / network / CARD).scores
    assert len(scores) >= 4
    missing = [
        f"{score.name}: {number:.3f}"
        for score in scores
        for number in (score.value, score.baseline_value)
        if number is not None and f"{number:.3f}" not in text
    ]
    assert missing == []


@pytest.mark.parametrize("page", numbers.pages())
def test_every_number_of_a_page_has_a_source(page: str) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")
    found = numbers.unsourced(page, text)
    told = [f"{page}:{one.line}: {one.text}" for one in found]
    assert told == [], "enter them by 'python -m trials.numbers take', 'run' or 'chosen'"


def test_a_changed_number_is_noticed() -> None:
    text = (DOCS / "completion.md").read_text(encoding="utf-8")
    (found,) = numbers.unsourced("completion.md", text.replace("| 0.548 |", "| 0.557 |"))
    assert found.text == "0.557"
    told = numbers.unsourced("index.md", "A scan takes 7 s, 1.5 of them `0.3` [long](0.4).")
    assert told == [numbers.Shown("7", 1, False), numbers.Shown("1.5", 1, False)]


def test_numbers_are_compared_as_they_are_shown() -> None:
    def one(text: str) -> numbers.Shown:
        (found,) = numbers.shown(text)
        return found

    assert one("it is 0.79 here").is_of(0.7864)
    assert not one("it is 0.78 here").is_of(0.7864)
    assert one("of +0.056, which").is_of(0.0559)
    assert not one("of +0.056, which").is_of(-0.0559)
    assert one("97 % of it").is_of(0.9674)
    assert one("97 % of it").is_of(97.2)
    assert not one("0.97 of it").is_of(97.2)
    assert one("1,513.5 frames").is_of(1513.46)
    assert one("1,900 hours").is_of(1948.0)
    assert not one("1,910 hours").is_of(1948.0)
    assert not one("10 hours").is_of(12.0)
    assert not list(numbers.shown("torch 2.14.1, `0.5`, 3 frames\n\n    0.5\n\n```\n0.5\n```\n"))


def test_means_of_a_curve_are_kept_as_it_tells_them(tmp_path: Path) -> None:
    shape = {"learnt": [[0.5, 0.7]], "tsdf": [[0.4, 0.5]], "mask_only": [[0.1, np.nan]]}
    tables = {name: {m: np.array(t) for m, t in shape.items()} for name in numbers.CURVES}
    curve = FramesCurve((5,), tuple(shape), ("a", "b"), tables, "surface")
    write_curve(tmp_path / "curve.json", curve)
    found = numbers.curve_numbers(tmp_path / "curve.json")
    assert found["F-score, learnt"] == [pytest.approx(0.6)]
    (ahead,) = curve.differences("F-score", "learnt", "tsdf")
    assert found["F-score, learnt less tsdf"] == [
        [pytest.approx(value, abs=1e-6) for value in (ahead.mean, ahead.low, ahead.high)]
    ]
    assert ahead.mean == pytest.approx(0.15)


def test_what_is_extrapolated_follows_from_what_was_measured() -> None:
    (kept,) = [
        record for record in numbers.records(scannet_size.PAGE)
        if record["what"] == scannet_size.EXTRAPOLATED
    ]  # fmt: skip
    assert kept["numbers"] == scannet_size.extrapolated()


def test_extrapolation_by_hand() -> None:
    """150 and 30 frames: 120 more take 12 MB; a scan takes 1 MB beside its frames."""
    many = {"folder_mb": 20.59, "peak_gb": 0.3}
    found = scannet_size.prepared(many, {"folder_mb": 8.59, "peak_gb": 0.2})
    assert found["prepare, KB a frame"] == pytest.approx(100)
    assert found["prepare, MB a scan"] == pytest.approx(1)
    assert found["prepare, GB for all"] == pytest.approx(25 + 1.513)
    assert found["prepare, GB of memory a worker"] == 0.3


def test_trainings_by_hand() -> None:
    """20 s in a run of few steps, 10 s more for each that follows."""
    told = {name: {"processor_s": 36.0, "folder_mb": 5.0} for name in
            (scannet_size.PREDICTED, scannet_size.EVALUATED)}  # fmt: skip
    for name, (run, _, _) in scannet_size.TRAININGS.items():
        for count in (1, 3):
            took = {"processor_s": 10.0 + 10 * count, "peak_gb": 1.0 + count, "folder_mb": 140.0}
            told[f"{name}, {run.format(count)}"] = took
    found = scannet_size.trained(told)
    assert found["2D network, s a step"] == pytest.approx(10)
    assert found["2D network, hours for all"] == pytest.approx(10 * 3_000 / 3600)
    assert found["segment3d from features, s a step"] == pytest.approx(4 * 10)
    assert found["2D network, GB of memory"] == 4
    assert found["segment3d from features, GB on the disk"] == pytest.approx(0.14)
    assert found[f"{scannet_size.PREDICTED}, hours for all"] == pytest.approx(0.01 * 312)
    assert found["predictions, GB for all"] == pytest.approx(1.56)


@pytest.mark.parametrize("path", sorted(numbers.KEPT.glob("*.json")), ids=lambda path: path.stem)
def test_a_record_tells_how_its_numbers_were_made(path: Path) -> None:
    page = f"{path.stem}.md"
    assert page in [Path(one).name for one in numbers.pages()]
    for record in numbers.records(page):
        assert set(record) == numbers.FIELDS
        assert record["kind"] in (numbers.FILE, numbers.SETTINGS)
        assert [*numbers.values(record["numbers"])]
        if record["kind"] == numbers.SETTINGS:
            continue
        assert all(record[key] for key in ("what", "command", "version", "date", "machine"))
        assert record["command"] in numbers.page_text()


def test_a_record_is_made_of_what_a_command_wrote(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(numbers, "KEPT", tmp_path / "numbers")
    scores = tmp_path / "scores.json"
    scores.write_text('{"whole": [{"name": "F-score", "value": 0.5, "support": 7}], "rooms": 3}')
    command = "crossvox evaluate reconstruct PRED DATA"
    for pattern in ("support", "F-score/value$"):
        numbers.main(["take", "a.md", "F", str(scores), "--command", command, "--take", pattern])
    (record,) = numbers.records("a.md")
    assert numbers.page_text().splitlines()[0] == "## a.md"
    assert record["numbers"] == {"whole/F-score/value": 0.5}
    assert (record["command"], record["kind"]) == (command, numbers.FILE)
    with pytest.raises(SystemExit, match="mend --take"):
        numbers.main(["take", "a.md", "F", str(scores), "--command", "", "--take", "nothing"])
    for chosen in ("0.5", "0.7"):
        numbers.main(["chosen", "b.md", chosen])
    assert "b.md" not in numbers.page_text(), "nothing of it was measured"
    assert numbers.unsourced("b.md", "of 0.5 and 0.7 and 0.9") == [numbers.Shown("0.9", 1, False)]
    folder = tmp_path / "made"
    write = (
        f"from pathlib import Path; folder = Path({str(folder)!r}); folder.mkdir(); "
        "(folder / 'a').write_bytes(bytes(2_000_000))"
    )
    run = ["run", "a.md", "R", "--folder", str(folder), "--times", "2", "--"]
    numbers.main([*run, sys.executable, "-c", write])
    one, other = numbers.records("a.md")
    assert one == record
    assert other["numbers"]["folder_mb"] == 2
    assert other["numbers"]["processor_s"] > 0
    assert 0.005 < other["numbers"]["peak_gb"] < 5
    with pytest.raises(SystemExit, match="which is there"):
        numbers.main([*run, sys.executable, "-c", write])
    with pytest.raises(SystemExit, match="ends with 3"):
        numbers.main(["run", "a.md", "S", "--", sys.executable, "-c", "raise SystemExit(3)"])
