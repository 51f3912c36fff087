"""Any two files: the right value on surfaces whose scores are known, by every rule."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pairs import FLOOR, by_rule, cloud, joined, moved, plate, written

from crossvox.core.checks import ArtifactError, ParamsError, ShapeError
from crossvox.core.volume import Mesh
from crossvox.doors.meshes import write_ply
from crossvox.evaluate.compared import Compared
from crossvox.evaluate.masks import Box, box_of
from crossvox.evaluate.pair import PairParams, score_files
from crossvox.evaluate.rules import RULES, rule_of
from crossvox.recipes.evaluate import score

ALL = tuple(RULES)


class TestRules:
    def test_several_in_one_call_are_those_of_single_calls(self, tmp_path: Path) -> None:
        files = written(tmp_path, moved(FLOOR, [0, 0, 0.03]), FLOOR)
        together = by_rule(score_files(*files, PairParams(ALL)))
        assert tuple(together) == ALL
        for name in ALL:
            assert list(together[name].values()) == score_files(*files, PairParams((name,)))

    @pytest.mark.parametrize("name", ALL)
    def test_a_plate_three_centimetres_off(self, tmp_path: Path, name: str) -> None:
        files = written(tmp_path, moved(FLOOR, [0, 0, 0.03]), FLOOR)
        found = by_rule(score_files(*files, PairParams((name,), (0.02, 0.05, 0.1))))[name]
        for at, right in ((" 2 cm", 0), ("", 1), (" 10 cm", 1)):
            for kind in ("Prec", "Recall", "F-score"):
                wide = name == "transformerfusion" or (name == "sampled")
                assert found[f"{kind}{at}"].value == pytest.approx(right, abs=0.001 if wide else 0)
        assert found["Acc"].value >= 0.0299
        assert found["Chamfer"].value == pytest.approx(
            (found["Acc"].value + found["Comp"].value) / 2
        )
        assert "within 10 cm" in found["Prec 10 cm"].reading
        assert found["Acc"].support > 200

    def test_samples_and_vertices(self, tmp_path: Path) -> None:
        """How many points there are of each side, by the rules' words."""
        files = written(tmp_path, FLOOR, FLOOR)
        found = by_rule(score_files(*files, PairParams(ALL)))
        count = {
            name: (scores["Acc"].support, scores["Comp"].support) for name, scores in found.items()
        }
        assert count["thesis"] == count["atlas"] == count["neuralrecon"] == (10_201, 10_201)
        assert count["transformerfusion"] == (200_000, 10_201)
        assert count["sampled"] == (200_000, 200_000)
        assert count["surface"] == pytest.approx((10_000, 10_000), rel=0.05)

    def test_near_is_up_to_the_threshold_or_below_it(self, tmp_path: Path) -> None:
        """Exactly a quarter of a metre off, in numbers that are exact."""
        points = np.stack(np.meshgrid(np.arange(4.0), np.arange(4.0), [0.0]), -1).reshape(-1, 3)
        files = (
            cloud(tmp_path / "made.ply", points + np.array([0, 0, 0.25])),
            cloud(tmp_path / "true.ply", points),
        )
        params = PairParams(("transformerfusion", "sampled"), (0.25,))
        found = by_rule(score_files(*files, params))
        assert found["transformerfusion"]["F-score 25 cm"].value == 1
        assert found["sampled"]["F-score 25 cm"].value == 0

    def test_distances_end_at_a_metre_by_transformerfusion(self, tmp_path: Path) -> None:
        files = written(tmp_path, moved(FLOOR, [0, 0, 3]), FLOOR)
        scores = score_files(*files, PairParams(("transformerfusion", "sampled")))
        found = by_rule(scores)
        assert found["transformerfusion"]["Acc"].value == 1
        assert found["transformerfusion"]["Comp"].value == 1
        assert found["sampled"]["Acc"].value == pytest.approx(3, abs=0.01)
        assert any("the surfaces do not overlap: along z" in remark for remark in scores.remarks)

    def test_what_makes_no_sense_is_refused(self, tmp_path: Path) -> None:
        files = written(tmp_path, FLOOR, FLOOR)
        with pytest.raises(ParamsError, match="protocol 'mine'; needed: one of surface, thesis"):
            rule_of("mine")
        for params, text in (
            ({"rules": ()}, "at least one"),
            ({"rules": ("atlas", "atlas")}, "each once"),
            ({"thresholds_m": (5.0,)}, "threshold of 5 m"),
            ({"thresholds_m": (0.0,)}, "above 0"),
            ({"thresholds_m": (float("nan"),)}, "threshold of nan m"),
            ({"thresholds_m": ()}, "no threshold"),
        ):
            with pytest.raises(ParamsError, match=text):
                PairParams(**params)  # type: ignore[arg-type]
        with pytest.raises(ParamsError, match="mask visible without frames"):
            score_files(*files, PairParams(mask="visible"))
        with pytest.raises(ShapeError, match="without points"):
            nothing = Mesh(np.zeros((0, 3), np.float32), np.zeros((0, 3), np.int32))
            score_files(*written(tmp_path, FLOOR, nothing))


class TestPointClouds:
    def test_points_are_measured_as_they_are_with_a_word(self, tmp_path: Path) -> None:
        """Faces that are missing, or none: points2surf issue 30, DTUeval-python 3."""
        true = written(tmp_path, FLOOR, FLOOR)[1]
        points = FLOOR.vertices_m.astype(np.float64)
        without = cloud(tmp_path / "cloud.ply", points)
        write_ply(tmp_path / "none.ply", replace(FLOOR, faces=np.zeros((0, 3), np.int32)))
        for file in (without, tmp_path / "none.ply"):
            scores = score_files(file, true, PairParams(("surface", "thesis")))
            assert scores.remarks[0].startswith(
                f"{file.name} has no faces: it is measured by its 10201"
            )
            found = by_rule(scores)
            assert found["surface"]["Prec"].value == found["thesis"]["F-score"].value == 1
            assert found["surface"]["Acc"].support == 10_201

    def test_surveyed_coordinates_are_scored_as_others(self, tmp_path: Path) -> None:
        far = np.array([690000.25, 5400000.5, 300])
        points = FLOOR.vertices_m.astype(np.float64) + far
        made = cloud(tmp_path / "made.ply", points + np.array([0, 0, 0.03125]))
        true = cloud(tmp_path / "true.ply", points)
        found = {one.name: one.value for one in score_files(made, true)}
        assert found["Acc"] == pytest.approx(0.03125, abs=1e-5)
        half = "690000.25,5400000.5,299,690001.25,5400003,301"
        scores = score_files(made, true, PairParams(crop=half))
        assert scores[0].support == 51 * 101

    def test_an_empty_prediction_gets_nothing_right(self, tmp_path: Path) -> None:
        nothing = Mesh(np.zeros((0, 3), np.float32), np.zeros((0, 3), np.int32))
        files = written(tmp_path, nothing, FLOOR)
        for name, found in by_rule(
            score_files(*files, PairParams(ALL, align="icp_se3", crop="reference"))
        ).items():
            assert found["F-score"].value == 0, name
            assert np.isnan(found["Acc"].value)


class TestUnits:
    @pytest.mark.parametrize(
        ("factor", "text"),
        [
            (1000, "is it in millimetres"),
            (100, "is it in centimetres"),
            (39.37, "is it in inches"),
            (0.001, "the reference is 1000 times as large as the made surface"),
            (7, "are both of one place"),
        ],
    )
    def test_another_unit_is_told(self, tmp_path: Path, factor: float, text: str) -> None:
        """A mesh in another unit: retrieval-fuse issue 2, NeuSurf 4. Small enough for a room."""
        small = plate([0, 0, 0], [0.5, 0.5, 0])
        files = written(tmp_path, replace(small, vertices_m=small.vertices_m * factor), small)
        scores = score_files(*files)
        assert any(text in remark for remark in scores.remarks)
        assert max(one.support for one in scores) <= 200_001
        known = score_files(*files, PairParams(align="icp_sim3"))
        assert not any("times as large" in remark for remark in known.remarks)

    def test_what_is_no_room_is_refused_at_once(self, tmp_path: Path) -> None:
        files = written(tmp_path, replace(FLOOR, vertices_m=FLOOR.vertices_m * 1000), FLOOR)
        with pytest.raises(ParamsError, match="are these millimetres"):
            score_files(*files)


class TestAlignment:
    def test_what_was_moved_is_scored_as_if_it_was_not(self, tmp_path: Path) -> None:
        true = joined(
            FLOOR,
            plate([0, 0, 0], [2, 0, 1.5]),
            plate([0, 0, 0], [0, 2, 1.5]),
            plate([0.5, 0.5, 0.4], [1.2, 1, 0.4]),
        )
        angle = np.radians(25)
        turn = np.array(
            [[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]]
        )
        made = replace(
            true, vertices_m=(1.25 * true.vertices_m @ turn.T + [3, 1, 0.5]).astype(np.float32)
        )
        files = written(tmp_path, made, true)
        assert by_rule(score_files(*files))["surface"]["F-score"].value < 0.5
        scores = score_files(*files, PairParams(("surface", "atlas"), align="icp_sim3"))
        found = by_rule(scores)
        assert found["surface"]["F-score"].value == 1
        scale = found["icp_sim3"]["Align scale"]
        assert scale.value == pytest.approx(0.8, rel=1e-3)
        matrix = np.array([[scale.details[f"m{i}{j}"] for j in range(3)] for i in range(3)])
        np.testing.assert_allclose(matrix, 0.8 * turn.T, atol=2e-3)
        assert scale.details["converged"] == 1
        assert found["icp_sim3"]["Align near"].value > 0.95
        assert "converged after" in scores.remarks[0]
        rigid = by_rule(score_files(*files, PairParams(align="icp_se3")))
        assert rigid["icp_se3"]["Align scale"].value == 1
        assert rigid["surface"]["F-score"].value < 0.9

    def test_surfaces_that_slide_are_told(self, tmp_path: Path) -> None:
        files = written(tmp_path, moved(FLOOR, [0.3, 0, 0.02]), FLOOR)
        remarks = score_files(*files, PairParams(align="icp_se3")).remarks
        assert any("do not hold each other in 3 directions" in one for one in remarks)

    def test_surfaces_with_little_in_common_are_told(self, tmp_path: Path) -> None:
        ball = np.random.default_rng(0).normal(size=(500, 3))
        ball *= 2 / np.linalg.norm(ball, axis=1, keepdims=True)
        made = cloud(tmp_path / "ball.ply", ball)
        true = written(tmp_path, FLOOR, FLOOR)[1]
        remarks = score_files(made, true, PairParams(align="icp_se3")).remarks
        assert any("the alignment is doubtful" in one for one in remarks)


class TestBoxes:
    def test_what_lies_outside_does_not_count(self, tmp_path: Path) -> None:
        made = joined(FLOOR, plate([5, 0, 0], [7, 2, 0], 100))
        files = written(tmp_path, made, FLOOR)
        whole = by_rule(score_files(*files, PairParams(ALL)))
        scores = score_files(*files, PairParams(ALL, crop="reference"))
        for name, found in by_rule(scores).items():
            assert whole[name]["Prec"].value == pytest.approx(0.5, abs=0.01)
            assert found["Prec"].value == 1
            assert found["Recall"].value == 1
        assert (
            sum("50.0% of the made points are counted (--crop)" in r for r in scores.remarks) >= 3
        )
        wide = score_files(*files, PairParams(crop="reference", crop_margin_m=6))
        assert by_rule(wide)["surface"]["Prec"].value == pytest.approx(0.5, abs=0.01)

    def test_a_given_box_cuts_both_but_hides_no_answer(self, tmp_path: Path) -> None:
        """The made half ends where the box does: a true point beside it still has it near."""
        files = written(tmp_path, plate([1, 0, 0], [2, 2, 0]), FLOOR)
        half = by_rule(score_files(*files, PairParams(crop="0,0,-1,1,2,1")))["surface"]
        assert half["Recall"].value == pytest.approx(0.05, abs=0.012)
        assert half["Acc"].support < 100
        with pytest.raises(ParamsError, match="leave nothing of the reference"):
            score_files(*files, PairParams(crop="5,5,5,6,6,6"))

    @pytest.mark.parametrize("text", ["1,2,3", "0 0 0 1 1", "a", "0,0,0,1,1,0", "0,0,0,1,1,nan"])
    def test_what_is_no_box_is_refused(self, text: str) -> None:
        with pytest.raises(ParamsError, match="six numbers"):
            box_of(text, 0.1, np.zeros((1, 3)))

    def test_a_margin_is_a_length(self) -> None:
        with pytest.raises(ParamsError, match="margin of -1"):
            box_of("reference", -1, np.zeros((1, 3)))
        assert box_of("none", 0.1, np.zeros((1, 3))) is None
        box = box_of("reference", 0.5, np.array([[0, 0, 0], [1, 2, 3.0]]))
        assert box == Box((-0.5, -0.5, -0.5), (1.5, 2.5, 3.5))


class TestRecipe:
    def test_one_word_or_several(self, tmp_path: Path) -> None:
        files = written(tmp_path, FLOOR, FLOOR)
        assert {one.protocol for one in score(*files, protocol="thesis")} == {"thesis"}
        assert {one.protocol for one in score(*files, protocol=("thesis", "atlas"))} == {
            "thesis",
            "atlas",
        }
        assert {one.protocol for one in score(*files, protocol="all")} == set(ALL)

    def test_the_csv_has_a_row_for_each_score(self, tmp_path: Path) -> None:
        files = written(tmp_path, moved(FLOOR, [0, 0, 0.03]), FLOOR)
        table = tmp_path / "scores.csv"
        asked = {"protocol": ("surface", "atlas"), "thresholds": (0.05, 0.1), "csv": table}
        scores = score(*files, **asked)  # type: ignore[arg-type]
        with table.open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert [(row["protocol"], row["score"]) for row in rows] == [
            (one.protocol, one.name) for one in scores
        ]
        assert [float(row["value"]) for row in rows] == [one.value for one in scores]
        at = {row["score"]: row["threshold_m"] for row in rows}
        assert (at["Acc"], at["F-score"], at["F-score 10 cm"]) == ("", "0.05", "0.1")
        score(*files, **asked)  # type: ignore[arg-type]
        (tmp_path / "mine.csv").write_text("something,else\n1,2\n")
        with pytest.raises(ArtifactError, match=r"mine\.csv, which is something else"):
            score(*files, csv=tmp_path / "mine.csv")
        assert (tmp_path / "mine.csv").read_text() == "something,else\n1,2\n"

    def test_an_undefined_value_is_an_empty_cell(self, tmp_path: Path) -> None:
        nothing = Mesh(np.zeros((0, 3), np.float32), np.zeros((0, 3), np.int32))
        score(*written(tmp_path, nothing, FLOOR), csv=tmp_path / "scores.csv")
        with (tmp_path / "scores.csv").open(newline="") as file:
            values = {row["score"]: row["value"] for row in csv.DictReader(file)}
        assert values["Acc"] == ""
        assert values["F-score"] == "0.0"


def test_nothing_is_taken_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rules that ask for the same points share them, and what comes of comparing them."""
    taken: list[object] = []
    compared: list[object] = []
    import crossvox.evaluate.compared as module

    def count(function: object, seen: list[object]) -> object:
        def call(*arguments: object) -> object:
            seen.append(arguments)
            return function(*arguments)  # type: ignore[operator]

        return call

    monkeypatch.setattr(module, "_taken", count(module._taken, taken))
    monkeypatch.setattr(module, "distances_between", count(module.distances_between, compared))
    rules = [RULES[name] for name in ("thesis", "atlas", "neuralrecon", "surface")]
    both = Compared(FLOOR, FLOOR, rules)
    for rule in rules:
        both.scores(rule, (0.05,))
    assert len(taken) == 4
    assert len(compared) == 2
