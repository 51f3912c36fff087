"""Raw scans to prepared scenes: frames, reference surface, voxels, labels, one folder a scene."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from crossvox.capture.params import AS_STORED, CaptureParams
from crossvox.core.artifact import MANIFEST, read_manifest
from crossvox.core.checks import ArtifactError, ParamsError, expect
from crossvox.core.files import CLASS_MAP
from crossvox.core.frame import Capture
from crossvox.flow.folder import is_current
from crossvox.flow.jobs import Outcome
from crossvox.flow.lineage import is_seen
from crossvox.flow.runner import Runner, Work
from crossvox.flow.stage import Collection, Input, Stage
from crossvox.recipes.commands import Flag
from crossvox.recipes.data import ScanLists, enter_scenes, not_made_yet
from crossvox.scene.params import TsdfParams

MOST_PIXELS = 8192
"""Largest width and height of exported images."""


@dataclass(frozen=True)
class PrepareParams:
    """How raw scans become prepared scenes.

    Attributes:
        frame_skip: take every n-th frame.
        width: exported image width, pixels; of upright images their height.
        height: exported image height, pixels; of upright images their width.
        surface: ground-truth surface: the scan's own mesh, or TSDF fusion of the exported frames.
        voxel_m: edge length of the voxels that carry occupancy and labels, metres.
        occupancy: "exact" tests triangles against voxels; "thesis" marks them as the published
            pipeline did.
        label_distance_m: a voxel takes the label of the nearest labelled vertex if it is nearer.
        far_m: readings farther than this say nothing about which voxels were observed.
        tsdf: parameters of TSDF fusion.

    Raises:
        ParamsError: a value makes no sense.
    """

    frame_skip: int = 10
    width: int = 320
    height: int = 240
    surface: Literal["mesh", "tsdf"] = "mesh"
    voxel_m: float = 0.05
    occupancy: Literal["exact", "thesis"] = "exact"
    label_distance_m: float = 0.2
    far_m: float = 4.0
    tsdf: TsdfParams = field(default_factory=TsdfParams)

    def __post_init__(self) -> None:
        expect(
            self.frame_skip >= 1
            and 16 <= self.width <= MOST_PIXELS
            and 16 <= self.height <= MOST_PIXELS,
            given=f"frame skip {self.frame_skip}, size {self.width}x{self.height}",
            needed=f"a frame skip of 1 or more and images of 16x16 to {MOST_PIXELS}x{MOST_PIXELS}",
            do="correct --frame-skip, --width or --height",
            error=ParamsError,
        )
        expect(
            self.voxel_m > 0 and self.label_distance_m >= 0 and self.far_m > 0,
            given=f"voxels of {self.voxel_m} m, labels within {self.label_distance_m} m, readings "
            f"to {self.far_m} m",
            needed="positive lengths",
            do="correct --voxel-m, --label-distance-m or --far-m",
            error=ParamsError,
        )


@dataclass(frozen=True)
class PreparedScenes(Collection):
    """What all scenes of a data folder have in common."""

    NAME = "prepare"
    NUMBERS = 1

    params: PrepareParams


@dataclass(frozen=True)
class PrepareScene(Stage):
    """One capture to a prepared scene.

    Attributes:
        capture: its files.
        scene: its name here.
        params: see :class:`PrepareParams`.
        label_map: class map of raw label ids; None looks for it beside the scan.
        how: how the capture departs from what its files say; None: in nothing.
        trajectory: file that its poses come from, instead of its own.
        skipped: numbers of frames that are left out; None: none.
        new_from_old: rows of the 4x4 transform that the world is moved by; None: it stays.
        chosen: numbers of the only frames that are used, before ``frame_skip``; None: all.
    """

    NAME = "prepare-scene"
    NUMBERS = 1

    capture: Input
    scene: str
    params: PrepareParams
    label_map: Input | None = None
    how: CaptureParams | None = None
    trajectory: Input | None = None
    skipped: tuple[int, ...] | None = None
    new_from_old: tuple[tuple[float, ...], ...] | None = None
    chosen: tuple[int, ...] | None = None

    def make(self, work: Work) -> Mapping[str, Any]:
        """See :func:`crossvox.recipes.prepare_scene.prepare_scene`."""
        from crossvox.recipes.prepare_scene import prepare_scene

        return prepare_scene(self, work)

    def size(self) -> float:
        """Frames."""
        from crossvox.recipes.prepare_scene import frames_of

        return frames_of(self)


@dataclass(frozen=True)
class PrepareReport:
    """What became of all scans.

    Attributes:
        scenes: outcome of each, sorted by name.
        splits: scenes of the folder by split.
        rule: what decides the split of a scene, in words.
    """

    scenes: tuple[Outcome, ...]
    splits: Mapping[str, tuple[str, ...]]
    rule: str = ""

    @property
    def on_both_sides(self) -> tuple[str, ...]:
        """Scenes that are held out though others of the same space are learnt from."""
        held_out = self.splits.get("val", ())
        return tuple(name for name in held_out if is_seen(name, self.splits.get("train", ())))

    @property
    def failed(self) -> tuple[Outcome, ...]:
        """Scans that could not be prepared."""
        return tuple(scene for scene in self.scenes if scene.status == "failed")


def prepare(
    raw: Path,
    out: Path,
    params: PrepareParams | None = None,
    *,
    workers: int = 0,
    label_map: Path | None = None,
    how: Annotated[CaptureParams | None, Flag("")] = None,
    skip_frames: Path | None = None,
    runner: Runner | None = None,
) -> PrepareReport:
    """Prepare scans: frames, reference surface, voxels and labels, one folder a scene.

    A finished scene that was made with the same parameters from the same files is kept; a broken
    scan is reported and the others go on. It is tried again when its files have changed, where the
    system had refused a file, or with --retry-failed. Any number of calls may work on one folder.
    Scans of other folders may be added to OUT. Which scenes are held out follows from the data
    set's own lists, or from the scenes' names: one that is added moves no other.

    Args:
        raw: folder of scans, or one capture in any format that can be read.
        out: folder that receives one folder a scene, train.txt and val.txt.
        params: frames, surface and voxels.
        workers: scans prepared at once; 0 means one a core.
        label_map: class map of raw label ids; by default it is looked for in RAW.
        how: how the captures depart from what their files say.
        skip_frames: list of frame numbers that are left out of one capture, as crossvox doctor
            writes.
        runner: who makes the scenes.

    Raises:
        CaptureError: no capture is found at RAW.
        CrossvoxError: every scan failed; the text names the reasons.
    """
    from crossvox.capture.chosen import read_skipped
    from crossvox.capture.find import capture_names, find_captures

    params, runner = params or PrepareParams(), runner or Runner()
    lists = ScanLists.read(raw)
    if label_map is None and (raw / CLASS_MAP).is_file():
        label_map = raw / CLASS_MAP
    classes = None if label_map is None else Input.file(label_map)
    captures = capture_names(find_captures(raw, how))
    given, trajectory = declared(how)
    expect(
        trajectory is None or len(captures) == 1,
        given=f"--trajectory for {len(captures)} captures",
        needed="one capture",
        do="prepare them one by one into the same folder",
        error=ParamsError,
    )
    expect(
        skip_frames is None or len(captures) == 1,
        given=f"--skip-frames for {len(captures)} captures",
        needed="one capture",
        do="prepare them one by one into the same folder",
        error=ParamsError,
    )
    skipped = None if skip_frames is None else tuple(sorted(read_skipped(skip_frames))) or None
    for remark in (*not_made_yet(raw), *lists.remarks(captures.values())):
        runner.progress.say(remark)
    items = {
        name: PrepareScene(Input.files(path), name, params, classes, given, trajectory, skipped)
        for path, name in captures.items()
    }
    for name, item in items.items():
        expect_same_capture(out / name, item)
    made = runner.make_all(
        PreparedScenes(params),
        items,
        out,
        workers=workers,
        notes=enter_scenes(out, lists.split_of),
    )
    for split in (split for split, names in made.manifest.notes["splits"].items() if not names):
        runner.progress.say(f"no scene is in {split}.txt: name scenes with --scenes where asked")
    splits = {split: tuple(names) for split, names in made.manifest.notes["splits"].items()}
    return PrepareReport(made.outcomes, splits, lists.rule)


def declared(how: CaptureParams | None) -> tuple[CaptureParams | None, Input | None]:
    """How a capture is opened, as a stage declares it: by what files hold, not by where they lie.

    Raises:
        CaptureError: the file of a camera cannot be read.
        ArtifactError: there is no such trajectory.
    """
    if how is None:
        return None, None
    trajectory = None if how.trajectory is None else Input.file(how.trajectory)
    how = replace(how, trajectory=None, intrinsics=how.camera_text())
    return (None if how == AS_STORED else how), trajectory


def reopened(
    capture: Input, label_map: Input | None, how: CaptureParams | None, trajectory: Input | None
) -> Capture:
    """The capture of a stage that holds what :func:`declared` gave.

    Raises:
        CaptureError: as :func:`crossvox.capture.open_capture`.
    """
    from crossvox.capture import open_capture

    how = how or AS_STORED
    if trajectory is not None:
        how = replace(how, trajectory=trajectory.path)
    return open_capture(capture.path, None if label_map is None else label_map.path, how)


def expect_same_capture(folder: Path, item: PrepareScene) -> None:
    """Refuse a scene that another capture of the same name was prepared into.

    A capture that has changed where it lies is prepared anew; one that was only moved is kept.

    Raises:
        ArtifactError: the folder was made from a capture that lies elsewhere and is another one.
    """
    if not (folder / MANIFEST).is_file() or is_current(folder, item.manifest()):
        return
    there = read_manifest(folder)
    link = there.links.get("capture")
    moved = there.parents.get("capture") == item.capture.digest
    same = link is None or (folder / link).resolve() == item.capture.path.resolve()
    expect(
        same or moved,
        given=f"{item.capture.path}, called {item.scene} like {link}, which {folder} is made from",
        needed="one capture a name in a data folder",
        do="rename one of the two, or name another output folder",
        error=ArtifactError,
    )
