"""Tables: each is registered for a type that is there."""

from __future__ import annotations

import io
import subprocess
import sys
from dataclasses import dataclass, replace
from importlib import import_module
from math import nan
from types import SimpleNamespace

import pytest
from rich.console import Console

from crossvox.cli import tables
from crossvox.cli.tables import EACH, TABLES, show
from crossvox.cli.tables_scenes import show_doctor
from crossvox.cli.terminal import Terminal
from crossvox.core.volume import Score
from crossvox.evaluate.pair import PairScores
from crossvox.evaluate.score import Evaluation


def shown(result: object) -> str:
    files = io.StringIO(), io.StringIO()
    show(result, Terminal(*(Console(file=file, width=100) for file in files)))
    return files[0].getvalue() + files[1].getvalue()


def test_every_table_is_of_a_type_that_is_there() -> None:
    shown(None)
    assert len(TABLES) >= 16
    for name in TABLES:
        module, _, kind = name.removesuffix(EACH).partition(":")
        assert isinstance(getattr(import_module(module), kind), type)


def test_showing_imports_nothing_heavy() -> None:
    code = (
        "import sys; from crossvox.cli.tables import show; from crossvox.cli.terminal import "
        "Terminal; show(None, Terminal()); "
        "print(sorted({'torch', 'numba', 'cv2', 'scipy', 'h5py', 'jinja2'} & set(sys.modules)))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout == "[]\n"


def test_a_list_is_shown_by_what_it_holds() -> None:
    score = Score("F-score", 0.5, "ratio", 10, "points", True, "surface")
    text = shown([score])
    assert "Scores, protocol 'surface'" in text
    assert "0.5000" in text


def test_scores_in_detail_are_a_table_of_their_own() -> None:
    first = Score("F-score", 0.5, "ratio", 2, "scenes", True, "surface", place="main")
    other = Score("Acc", 0.25, "m", 2, "scenes", False, "surface", place="detail")
    evaluation = Evaluation("surface", {}, {"learnt": [other, first]}, ("a", "b"), {}, {}, (), ())
    above, below = shown(evaluation).split("In detail")
    assert "Mean over 2 scenes" in above
    assert "F-score" in above
    assert "Acc (m)" in below
    alone = shown(replace(evaluation, mean={"learnt": [other]}))
    assert "In detail" not in alone
    assert "Mean over 2 scenes" in alone


@dataclass(frozen=True)
class Foreign:
    """A result of another package."""

    rooms: int


@dataclass(frozen=True)
class Heir(Foreign):
    """One that inherits its table."""


def test_another_package_brings_its_own_table(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "rooms" in shown(Foreign(3))
    monkeypatch.setattr(TABLES, "_parts", dict(TABLES.items()))

    @tables.shows(f"{Foreign.__module__}:Foreign")
    def show_foreign(result: Foreign, terminal: Terminal) -> None:
        """Its table."""
        terminal.say(f"found {result.rooms}")

    assert shown(Foreign(3)) == "found 3\n"
    assert shown(Heir(4)) == "found 4\n"


def test_scores_by_several_protocols_stand_side_by_side() -> None:
    def of(protocol: str, name: str, value: float, unit: str = "ratio") -> Score:
        return Score(name, value, unit, 7, "points", True, protocol)

    labels = "strict; one count over the scene, nearest vertex, over the {} vertices"
    text = shown(
        PairScores(
            [
                of("icp_sim3", "Align scale", 0.5),
                of("surface", "Acc", 0.125, "m"),
                of("surface", "Prec measured", 0.375),
                of("atlas", "Acc", 0.25, "m"),
                of(labels.format("reference"), "IoU wall", 0.75),
                of(labels.format("predicted"), "IoU wall", 0.625),
            ],
            ["atlas: not trimmed"],
        )
    )
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert "│ Align scale │ 0.5000 │ ratio │ 7 │ points │" in lines
    assert "│ surface │ 0.1250 │ 0.3750 │" in lines
    assert "│ atlas │ 0.2500 │ - │" in lines
    assert "│ IoU wall │ 0.7500 │ 0.6250 │ higher is better │" in lines
    assert "atlas: not trimmed" in lines


def test_scores_by_one_protocol_stay_a_plain_table() -> None:
    text = shown(PairScores([Score("Acc", 0.5, "m", 7, "points", False, "surface")]))
    assert "Scores, protocol 'surface'" in text
    assert "by protocol" not in text


def test_what_was_not_measured_is_no_number() -> None:
    seen = SimpleNamespace(median_m=nan, within=nan, free=nan, still_m=0.2, pairs=[0, 1])
    alone = SimpleNamespace(name="a", frames=1, agreement=None, findings=(), sound=True)
    apart = SimpleNamespace(name="b", frames=2, agreement=seen, findings=(), sound=False)
    report = SimpleNamespace(diagnoses=(alone, apart), refused={}, skip={}, page=None)
    files = io.StringIO(), io.StringIO()
    show_doctor(report, Terminal(*(Console(file=file, width=100) for file in files)))  # type: ignore[arg-type]
    text = files[0].getvalue() + files[1].getvalue()
    assert "nan" not in text
    assert "nothing is wrong that can be seen without two frames" in text
    assert "no frame sees what another saw (2 pairs of frames)" in text
