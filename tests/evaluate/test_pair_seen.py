"""Masks drawn from frames, surfaces cut back to what cameras look at, and labels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pairs import FLOOR, by_rule, cloud, joined, looking, moved, plate, written

from crossvox.core.checks import CaptureError
from crossvox.core.frame import Frame
from crossvox.evaluate.pair import PairParams, score_files
from crossvox.evaluate.trimmed import trimmed


class Once:
    """Frames, and how often they are gone through."""

    def __init__(self, *frames: Frame) -> None:
        self.frames, self.times = frames, 0

    def __iter__(self) -> Iterator[Frame]:
        self.times += 1
        yield from self.frames


class TestMasks:
    """A camera 1 m above the floor sees 2 m x 2 m of it; depth says where the floor is."""

    down = looking([1, 1, 1], [0, 0, -1], [1, 0, 0], 1.0)
    true = plate([0, 0, 0], [4, 2, 0], 120)
    made = joined(
        FLOOR,
        plate([0.5, 0.5, -0.5], [1.5, 1.5, -0.5]),  # behind the floor: hidden
        plate([0.8, 0.8, 0.5], [1.2, 1.2, 0.5]),  # in free space: seen, and wrong
        plate([6, 0, 0], [7, 1, 0]),  # where no camera looks
    )

    @pytest.mark.parametrize(
        ("mask", "precision", "recall"),
        [("none", 4 / 6.16, 0.5), ("occlusion", 4 / 4.16, 0.5), ("visible", 4 / 4.16, 1.0)],
    )
    def test_what_no_frame_can_have_seen_is_left_out(
        self, tmp_path: Path, mask: str, precision: float, recall: float
    ) -> None:
        files = written(tmp_path, self.made, self.true)
        frames = Once(self.down)
        params = PairParams(("surface", "sampled"), mask=mask)  # type: ignore[arg-type]
        for found in by_rule(score_files(*files, params, frames)).values():
            assert found["Prec"].value == pytest.approx(precision, abs=0.02)
            assert found["Recall"].value == pytest.approx(recall, abs=0.03)
        assert frames.times == 1

    def test_transformerfusion_leaves_hidden_parts_out_by_itself(self, tmp_path: Path) -> None:
        files = written(tmp_path, self.made, self.true)
        params = PairParams(("transformerfusion",))
        found = {one.name: one.value for one in score_files(*files, params, [self.down])}
        assert found["Prec"] == pytest.approx(4 / 4.16, abs=0.02)
        assert found["Recall"] == pytest.approx(0.5, abs=0.03)
        scores = score_files(*files, params)
        assert scores.remarks == (
            "transformerfusion: without --frames no made point is left out as hidden",
        )
        away = looking([1, 1, 1], [0, 0, 1], [1, 0, 0], 1.0)
        scores = score_files(*files, params, [away])
        assert "transformerfusion: no made point can have been seen" in scores.remarks[0]
        whole = {one.name: one.value for one in scores}
        assert whole["Prec"] == pytest.approx(4 / 6.16, abs=0.02)

    def test_a_surface_just_behind_what_was_read_is_the_same_surface(self, tmp_path: Path) -> None:
        for below, counted in ((0.04, True), (0.06, False)):
            files = written(
                tmp_path, moved(plate([0.5, 0.5, 0], [1.5, 1.5, 0]), [0, 0, -below]), FLOOR
            )
            params = PairParams(("sampled",), mask="occlusion")
            found = {one.name: one for one in score_files(*files, params, [self.down])}
            assert (found["Acc"].support > 0) == counted

    def test_a_trimmed_surface_is_masked_as_it_is_trimmed(self, tmp_path: Path) -> None:
        files = written(tmp_path, self.made, self.true)
        frames = Once(self.down)
        scores = score_files(*files, PairParams(("atlas",), mask="visible"), frames)
        found = {one.name: one.value for one in scores}
        assert frames.times == 2
        # Beneath the plate in free space the camera sees nothing of the floor.
        assert found["Recall"] == pytest.approx((4 - 0.64) / 4, abs=0.04)

    def test_frames_without_pose_are_refused(self, tmp_path: Path) -> None:
        files = written(tmp_path, FLOOR, FLOOR)
        lost = replace(self.down, pose=None)
        with pytest.raises(CaptureError, match="none has a pose and depth"):
            score_files(*files, PairParams(("atlas",)), [lost])


class TestTrimming:
    """A wall 2 m ahead with another one behind it, and one 6 m to the side."""

    ahead = looking([0, 0, 1], [1, 0, 0], [0, -1, 0], 2.0)
    aside = looking([0, 0, 1], [0, 1, 0], [1, 0, 0], 3.0, 1)
    wall = plate([2, -1.5, 0], [2, 1.5, 2], 40)
    behind = plate([2.5, -1.5, 0], [2.5, 1.5, 2], 40)
    far = plate([-2, 6, 0], [2, 6, 2], 40)

    def test_what_lies_behind_is_cut_off(self) -> None:
        views = [(self.ahead.camera, self.ahead.pose)]
        assert self.ahead.pose is not None
        found = trimmed(joined(self.wall, self.behind), views, 5.0)  # type: ignore[arg-type]
        assert len(found.faces) > 1000
        np.testing.assert_allclose(found.vertices_m[:, 0], 2, atol=1e-3)
        assert np.abs(found.vertices_m[:, 1]).max() <= 1.52

    def test_atlas_and_neuralrecon_measure_what_cameras_look_at(self, tmp_path: Path) -> None:
        files = written(tmp_path, joined(self.wall, self.behind, self.far), self.wall)
        frames = [self.ahead, self.aside]
        params = PairParams(("thesis", "atlas", "neuralrecon"))
        found = by_rule(score_files(*files, params, frames))
        assert found["thesis"]["Prec"].value == pytest.approx(1 / 3, abs=0.02)
        near, all_ = found["neuralrecon"]["Acc"].support, found["atlas"]["Acc"].support
        assert found["neuralrecon"]["Prec"].value == 1
        assert found["atlas"]["Prec"].value == pytest.approx(near / all_, abs=1e-6)
        assert 0.3 < near / all_ < 0.6
        scores = score_files(*files, params)
        assert [one for one in scores.remarks if "not trimmed" in one] == [
            f"{name}: without --frames the made surface is not trimmed to what cameras look at"
            for name in ("atlas", "neuralrecon")
        ]
        assert by_rule(scores)["atlas"]["Prec"].value == found["thesis"]["Prec"].value

    def test_points_cannot_be_trimmed(self, tmp_path: Path) -> None:
        true = written(tmp_path, self.wall, self.wall)[1]
        made = cloud(tmp_path / "cloud.ply", self.wall.vertices_m.astype(float))
        scores = score_files(made, true, PairParams(("atlas",)), [self.ahead])
        assert "atlas: points cannot be trimmed, they are taken as they are" in scores.remarks
        assert by_rule(scores)["atlas"]["F-score"].value == 1


class TestLabels:
    """Vertices on a line, so that who is whose neighbour is seen at once."""

    @staticmethod
    def files(folder: Path, made: list[tuple[float, int]], true: list[tuple[float, int]]) -> Path:
        for name, points in (("made", made), ("true", true)):
            places = np.array([[x, 0.0, 0.0] for x, _ in points])
            cloud(folder / f"{name}.ply", places, [id_ for _, id_ in points])
        return folder

    def test_both_ways_of_counting(self, tmp_path: Path) -> None:
        """Made: wall 1, floor 2 a little aside; a floor more where the truth has a wall."""
        folder = self.files(
            tmp_path,
            [(0.1, 1), (1.1, 2), (2.1, 2), (2.2, 2), (2.3, 0)],
            [(0.0, 1), (1.0, 1), (2.0, 2), (3.0, 0)],
        )
        scores = score_files(folder / "made.ply", folder / "true.ply", PairParams(("thesis",)))
        found = {
            over: {
                one.name: one
                for one in scores
                if one.protocol.endswith(f"over the {over} vertices")
            }
            for over in ("reference", "predicted")
        }
        # Over the reference: 1 -> 1, 1 -> 2, 2 -> 2, the unannotated one does not count.
        over = found["reference"]
        assert over["IoU wall"].value == 1 / 2
        assert over["IoU floor"].value == 1 / 2
        assert over["vertex accuracy"].value == pytest.approx(2 / 3)
        assert over["vertex accuracy"].support == 3
        # Over the predicted: 1 is 1, 2 is 1, 2 is 2, 2 is 2, none is 2.
        over = found["predicted"]
        assert over["IoU wall"].value == 1 / 2
        assert over["IoU floor"].value == pytest.approx(2 / 4)
        assert over["vertex accuracy"].value == pytest.approx(3 / 5)
        assert over["mIoU strict"].value == 1 / 2

    def test_ids_of_the_files_own(self, tmp_path: Path) -> None:
        """ScanNet200's and others': the mean is over the ids that the truth has."""
        folder = self.files(
            tmp_path, [(0, 1163), (1, 7), (2, 7), (3, 9)], [(0, 1163), (1, 7), (2, 1163), (3, 0)]
        )
        scores = score_files(folder / "made.ply", folder / "true.ply")
        over = {one.name: one for one in scores if "over the reference" in one.protocol}
        assert over["IoU id 1163"].value == 1 / 2
        assert over["IoU id 7"].value == 1 / 2
        assert over["mIoU own ids"].value == 1 / 2
        assert over["mIoU own ids"].details == {"classes": 2.0}
        assert over["accuracy own ids"].value == pytest.approx(2 / 3)

    def test_a_few_ids_beyond_nyu40_are_unannotated_with_a_word(self, tmp_path: Path) -> None:
        """Three of ScanNet's own files have ids 50 and 149: ScanNet issues 20 and 86."""
        folder = self.files(tmp_path, [(0, 1), (1, 2), (2, 2)], [(0, 1), (1, 2), (2, 50)])
        scores = score_files(folder / "made.ply", folder / "true.ply")
        right = [one for one in scores if one.name == "vertex accuracy"]
        assert [(one.value, one.support) for one in right] == [(1, 2), (1, 2)]
        assert (
            "1 vertices of the true surface have labels beyond NYU40's (50): they are unannotated"
            in scores.remarks
        )

    def test_a_mesh_scored_against_itself_is_right_in_all(self, tmp_path: Path) -> None:
        labels = (np.arange(len(FLOOR.vertices_m)) % 5).astype(np.uint8)
        files = written(tmp_path, replace(FLOOR, labels=labels), replace(FLOOR, labels=labels))
        scores = [one for one in score_files(*files) if one.name == "mIoU strict"]
        assert [one.value for one in scores] == [1, 1]

    def test_a_box_counts_for_labels_too(self, tmp_path: Path) -> None:
        folder = self.files(tmp_path, [(0, 1), (1, 2)], [(0, 1), (1, 1)])
        params = PairParams(("thesis",), crop="-0.5,-1,-1,0.5,1,1")
        scores = score_files(folder / "made.ply", folder / "true.ply", params)
        right = [one for one in scores if one.name == "vertex accuracy"]
        assert [(one.value, one.support) for one in right] == [(1, 1), (1, 1)]

    def test_without_labels_on_both_sides_there_are_no_such_scores(self, tmp_path: Path) -> None:
        labels = np.ones(len(FLOOR.vertices_m), np.uint8)
        files = written(tmp_path, FLOOR, replace(FLOOR, labels=labels))
        assert {one.protocol for one in score_files(*files)} == {"surface"}
