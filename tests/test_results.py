"""The page of results holds what its records say."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from trials.results import KEPT, PAGES, TABLES, filled, kept

RECORDS = sorted(KEPT.glob("*.json"))


def test_no_number_of_the_pages_was_changed_by_hand() -> None:
    every = []
    for path in PAGES:
        page = path.read_text(encoding="utf-8")
        assert filled(page) == page
        every += re.findall(r"<!-- ([\w-]+): (\w+) -->\n\| ", page)
    assert {name for name, _ in every} == {path.stem for path in RECORDS}
    assert {table for _, table in every} <= set(TABLES)
    assert len(every) == len(set(every)) >= 7


def test_a_changed_number_is_noticed() -> None:
    page = PAGES[0].read_text(encoding="utf-8")
    changed = re.sub(r"\| [+-]0\.\d+ \|", "| +0.5000 |", page, count=1)
    assert changed != page
    assert filled(changed) == page


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_verdicts_of_a_record_follow_from_its_numbers(path: Path) -> None:
    record = json.loads(path.read_text(encoding="utf-8"))
    error = 1 - record["level"]
    assert record["findings"]
    for one in record["findings"]:
        difference = one["difference"]
        assert difference["low"] <= difference["mean"] <= difference["high"]
        if one["equivalence_p_adjusted"] <= error:
            expected = "equivalent"
        elif difference["p_adjusted"] <= error:
            expected = "helps" if (difference["mean"] > 0) == one["higher_is_better"] else "hurts"
        else:
            expected = "undecided"
        assert one["verdict"] == expected, one["contrast"]["name"]


def test_a_record_is_kept_without_what_no_table_shows() -> None:
    kind = {"unit": "ratio", "higher_is_better": True, "place": "main"}
    spread = {"mean": 0.5, "sd": None, "seeds": 1, "scenes": 2, "undefined": 0, "by_seed": [0.5]}
    arm = {
        "name": "rgb",
        "differs": "Colours.",
        "parameters": 3,
        "seeds": [0],
        "against": {},
        "scores": {"F": spread, "G": spread},
    }
    comparison = {"kinds": {"F": kind, "G": {**kind, "place": "detail"}}, "arms": [arm]}
    whole = {key: [] for key in ("findings", "savings", "costs", "causes")}
    plain = dict.fromkeys(("seeds", "level", "training_scenes", "held_out_scenes"), 1)
    record = kept(
        {
            "name": "n",
            "title": "t",
            "margins": {},
            "protocol": {},
            **whole,
            **plain,
            "comparisons": {"reconstruct": comparison},
        }
    )
    assert record["causes"] == []
    (shown,) = record["scores"]["reconstruct"]["arms"]
    assert [*shown["scores"]] == ["F"]
    assert "| `rgb` | 1 | 0.5000 |" in TABLES["reconstruct"](record)
