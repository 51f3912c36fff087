"""The doctor's command: exit code, page, record, and the list that scan and prepare obey."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from trials.doctor import BREAKS, Files, files_of, jumps

from crossvox.capture import open_capture
from crossvox.capture.doctor.colors import check_colors, fit_colors
from crossvox.capture.doctor.diagnose import diagnose
from crossvox.capture.moved import MovedCapture
from crossvox.capture.params import CaptureParams
from crossvox.capture.rooms.params import RoomsParams
from crossvox.cli.run import exit_code
from crossvox.core.artifact import read_manifest
from crossvox.core.camera import Pose
from crossvox.core.checks import ArtifactError, CaptureError, ParamsError
from crossvox.flow.progress import Silent
from crossvox.flow.runner import Runner
from crossvox.recipes.doctor import doctor
from crossvox.recipes.doctor_world import check_world
from crossvox.recipes.prepare import PrepareParams, prepare
from crossvox.recipes.rooms import write_rooms
from crossvox.recipes.scan import ScanParams, scan


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A generated room of 48 frames."""
    out = tmp_path_factory.mktemp("rooms")
    write_rooms(out, RoomsParams(count=1, seed=11, frames=48, width=160, height=120, lost_share=0))
    return out / "scene0000_00"


@pytest.fixture(scope="module")
def files(room: Path) -> Files:
    return files_of(open_capture(room))


def test_a_generated_room_is_sound_whole(room: Path) -> None:
    report = doctor((room,))
    assert [d.sound for d in report.diagnoses] == [True]
    (room_note,) = report.diagnoses[0].findings
    assert room_note.kind == "room"
    assert 2.2 < (room_note.number or 0) < 3.2
    assert exit_code(report) == 0
    assert "every frame" in report.diagnoses[0].checked


@pytest.mark.parametrize("degrees", [0, 25])
def test_walls_off_the_axes_are_told(room: Path, degrees: float) -> None:
    turn = np.eye(4)
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    turn[:2, :2] = [[c, -s], [s, c]]
    turned = MovedCapture(open_capture(room), Pose(turn))
    (text,) = [one.text for one in check_world(turned) if one.kind == "room"]
    told = re.search(r"walls stand (\d+) degrees off", text)
    assert (0 if told is None else int(told[1])) == pytest.approx(degrees, abs=3)


def test_page_record_and_list(files: Files, tmp_path: Path) -> None:
    wrong = files.copy()
    jumps(2.5)(wrong)
    sick = wrong.write(tmp_path / "captures" / "jumpy")
    turned = files.copy()
    BREAKS["opengl axes"].change(turned)
    turned.write(tmp_path / "captures" / "turned")
    out = tmp_path / "out"
    report = doctor((tmp_path / "captures",), out=out)
    assert report.failed == ("turned",)
    assert exit_code(report) == 2
    assert read_manifest(out).stage == "doctor"
    page = (out / "index.html").read_text(encoding="utf-8")
    assert "pass --axes opengl" in page
    assert "pose jumps" in page
    assert "http://" not in page.replace("http://www.w3.org", "")
    told = json.loads((out / "doctor.json").read_text(encoding="utf-8"))
    assert [one["name"] for one in told["captures"]] == ["jumpy", "turned"]
    listed = out / "skip-jumpy.txt"
    number = listed.read_text(encoding="utf-8").split()[0]
    assert report.skip["jumpy"] == listed
    # Both obey it; prepare counts it.
    data = tmp_path / "data"
    params = PrepareParams(frame_skip=1, width=160, height=120, surface="tsdf")
    prepare(sick, data, params, skip_frames=listed)
    notes = read_manifest(data / "jumpy").notes
    assert notes["frames left out as asked"] == 1
    assert not (data / "jumpy" / "pose" / f"{number}.txt").exists()
    assert not any(remark.startswith("doubt") for remark in notes["remarks"])
    # Again into the same folder: it is replaced as a whole.
    assert doctor((sick,), out=out).skip == {"jumpy": out / "skip.txt"}
    assert not listed.exists()


def test_what_is_no_folder_of_its_own_stays(files: Files, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("mine")
    with pytest.raises(ArtifactError, match="did not write"):
        doctor((files.write(tmp_path / "room"),), out=tmp_path / "mine")
    with pytest.raises(ParamsError, match="no capture"):
        doctor(())


def test_scan_refuses_rubble_before_it_works(files: Files, tmp_path: Path) -> None:
    broken = files.copy()
    BREAKS["world to camera"].change(broken)
    source = broken.write(tmp_path / "room")
    params = ScanParams(width=160, height=120)
    with pytest.raises(CaptureError, match="pass --poses world-to-camera"):
        scan(source, tmp_path / "out", params)
    assert not (tmp_path / "out" / "data").exists()
    how = CaptureParams(poses="world-to-camera")
    report = scan(source, tmp_path / "out", params, how=how, run=Path("none"))
    assert report.page is not None
    assert report.page.page.is_file()


class Heard(Silent):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        self.lines.append(text)


def test_scan_names_a_frame_whose_pose_is_wrong(files: Files, tmp_path: Path) -> None:
    broken, heard = files.copy(), Heard()
    jumps(0.8)(broken)
    params = ScanParams(width=160, height=120)
    scan(
        broken.write(tmp_path / "room"),
        tmp_path / "out",
        params,
        run=Path("none"),
        runner=Runner(heard),
    )
    number = len(files.poses) // 2
    assert [
        line
        for line in heard.lines
        if f"contradicts both neighbours, though all else agrees: {number} " in line
    ]


def test_prepare_remarks_what_it_does_not_refuse(files: Files, tmp_path: Path) -> None:
    broken = files.copy()
    BREAKS["focal length - 20 %"].change(broken)
    source = broken.write(tmp_path / "room")
    params = PrepareParams(frame_skip=1, width=160, height=120, surface="tsdf")
    prepare(source, tmp_path / "data", params)
    notes = read_manifest(tmp_path / "data" / "room").notes
    assert any("focal length" in remark for remark in notes["remarks"])


def test_a_colour_camera_beside_depth_is_found(files: Files, tmp_path: Path) -> None:
    """Colour images of another focal length laid over depth."""
    from crossvox.doors.images import resize_color

    beside = files.copy()
    height, width = files.depths.shape[1:]
    shown = []
    for image in files.colors:  # 10 % longer: the middle, magnified
        left, top = round(width / 22), round(height / 22)
        shown.append(resize_color(image[top : height - top, left : width - left], (width, height)))
    beside.colors = np.array(shown)
    capture = open_capture(beside.write(tmp_path / "beside"))
    findings, fit = check_colors(capture)
    assert fit is not None
    assert fit.focal == pytest.approx(1.1, abs=0.03)
    assert [one.kind for one in findings] == ["registration"]
    right = fit_colors(open_capture(files.write(tmp_path / "right")))
    assert right is not None
    assert right.focal == pytest.approx(1.0, abs=0.02)


@pytest.mark.realdata
def test_the_kitchen_colours_are_found_out(shared: Path) -> None:
    none = open_capture(shared / "data/redkitchen", params=CaptureParams(registration="none"))
    findings, fit = check_colors(none)
    assert fit is not None
    assert 585 * fit.focal == pytest.approx(527.5, rel=0.02)
    assert fit.shift_m[0] == pytest.approx(0.025, abs=0.006)
    assert findings[0].number == pytest.approx(585 * fit.focal)


@pytest.mark.realdata
@pytest.mark.parametrize(
    "where",
    ["redkitchen", "captures/replica/room0_test", "captures/scannerapp3d", "captures/open3d"],
)
def test_good_captures_raise_no_alarm(shared: Path, where: str) -> None:
    found = diagnose(open_capture(shared / "data" / where))
    assert found.sound, [one.text for one in found.findings]
    assert found.agreement is not None
    assert found.agreement.within > 0.9
