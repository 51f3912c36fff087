"""How scores grow with the number of frames: a run of surface completion beside fusion."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from crossvox.core.checks import ArtifactError, CaptureError, ParamsError, expect
from crossvox.core.params import check_choices
from crossvox.flow.progress import Progress, Silent
from crossvox.predict.params import CompletionParams
from crossvox.scene.params import TsdfParams
from crossvox.train.params import CheckpointName

if TYPE_CHECKING:
    from crossvox.core.volume import Score
    from crossvox.metrics.curve import FramesCurve

COUNTS = (3, 5, 10, 20, 60)
"""Numbers of frames, by default."""

METHODS = ("learnt", "tsdf", "mask_only")

SHOWN_BY = ("predict", "scan", "demo")
"""Stages whose folders may hold such scores: their page shows them."""


@dataclass(frozen=True)
class FramesParams:
    """Which numbers of frames, and how rooms are made of them.

    Attributes:
        counts: numbers of frames, evenly chosen from those of a scene; one that a scene does not
            have is left out.
        reference: ``scan`` is the surface that all frames of the scene saw, ``complete`` the whole
            room, which only generated rooms know.
        complete: how much is added.
        tsdf: how frames are fused.

    Raises:
        ParamsError: no number, one that is not positive, or a reference that there is not.
    """

    counts: tuple[int, ...] = COUNTS
    reference: Literal["scan", "complete"] = "scan"
    complete: CompletionParams = field(default_factory=CompletionParams)
    tsdf: TsdfParams = field(default_factory=TsdfParams)

    def __post_init__(self) -> None:
        check_choices(self)
        expect(
            len(self.counts) > 0 and min(self.counts) > 0,
            given=f"numbers of frames {self.counts}",
            needed="at least one, and none below 1",
            do="pass --counts 3 5 10",
            error=ParamsError,
        )


@dataclass(frozen=True)
class FramesReport:
    """What was measured.

    Attributes:
        curve: scores by number of frames, method and room.
        path: the file that they are in.
    """

    curve: FramesCurve
    path: Path

    @property
    def shown_by(self) -> Path | None:
        """The folder whose page shows it; None where the file lies elsewhere."""
        from crossvox.core.artifact import MANIFEST

        return self.path.parent if (self.path.parent / MANIFEST).is_file() else None


def evaluate_frames(
    run: Path,
    data: Path,
    out: Path,
    params: FramesParams | None = None,
    *,
    scenes: str = "val",
    checkpoint: CheckpointName = "auto",
    device: str = "auto",
    progress: Progress | None = None,
) -> FramesReport:
    """Score a run of surface completion, TSDF fusion and Mask only, from few frames and many.

    All three are made of the same frames, and measured against the same surface.

    Args:
        run: run of 'crossvox train reconstruct', or the name of one that comes with the package.
        data: folder that 'crossvox prepare' wrote, or one scene of it.
        out: folder that gets curve.json; a prediction folder shows it on its page.
        params: numbers of frames, completion and fusion.
        scenes: val, train, all, or names separated by commas.
        checkpoint: which weights of the run: auto, average, best or last.
        device: auto, cpu, cuda, ...
        progress: who watches.

    Raises:
        ArtifactError: ``run`` is no such run, a scene is missing, or OUT has another curve.json, or
            is of a stage whose page does not show it.
        ParamsError: it is a run that completes nothing.
        CaptureError: frames cannot be read, or a scene has no such reference, or too few of them.
    """
    from crossvox.core.artifact import MANIFEST, Stopwatch, read_manifest
    from crossvox.doors.devices import pick_device
    from crossvox.evaluate.references import fusion_is_reference
    from crossvox.flow.folder import expect_own_json
    from crossvox.metrics.curve import CURVE, FramesCurve, write_curve
    from crossvox.recipes.data import read_scenes
    from crossvox.recipes.predict_frames import score_frames
    from crossvox.recipes.shipped import find_run
    from crossvox.recipes.trained import Completer, load_trained, run_input
    from crossvox.train.folder import lineage_of, made_by

    params, progress = params or FramesParams(), progress or Silent()
    there = read_manifest(out).stage if (out / MANIFEST).is_file() else ""
    expect(
        not there or there in SHOWN_BY,
        given=f"{out}, which holds what '{there}' wrote",
        needed="a prediction folder, whose page shows the scores, or a folder of their own",
        do="name another folder",
        error=ArtifactError,
    )
    expect_own_json(out / CURVE, {field.name: None for field in fields(FramesCurve)})
    run = find_run(run)
    completer = load_trained(run_input(run, checkpoint), pick_device(device))
    if not isinstance(completer, Completer):
        raise ParamsError(
            f"given: {run}, a run that completes nothing; needed: a run of "
            f"{made_by('complete')}; do: train one, or name another run"
        )
    folders = read_scenes(data, scenes)
    lineage = lineage_of(run)
    seen = [folder.resolve().name for folder in folders if lineage.has_seen(folder.resolve().name)]
    found: dict[int, dict[str, dict[str, list[Score]]]] = {}
    report = progress.step("rooms")
    for number, folder in enumerate(folders, start=1):
        scored = score_frames(folder, completer, params, METHODS, Stopwatch())
        for count, by_method in scored.items():
            found.setdefault(count, {})[folder.resolve().name] = by_method
        report(number, len(folders))
    expect(
        len(found) > 0,
        given=f"numbers of frames {params.counts} for rooms that have fewer",
        needed="one that a room has",
        do="pass smaller --counts",
        error=CaptureError,
    )
    notes = [_reference_text(params)]
    if params.reference == "scan" and any(fusion_is_reference(folder) for folder in folders):
        notes.append(
            "Where that is the TSDF fusion of the scene's own frames, fusion of all of them has no "
            "score."
        )
    if seen:
        notes.append(f"The run has learnt from {', '.join(seen)}.")
    curve = FramesCurve.of(found, METHODS, _names(found), "surface", notes)
    out.mkdir(parents=True, exist_ok=True)
    write_curve(out / CURVE, curve)
    return FramesReport(curve, out / CURVE)


def _names(found: dict[int, Any]) -> list[str]:
    """Names of all scores, in their order."""
    return list(
        dict.fromkeys(
            score.name
            for rooms in found.values()
            for methods in rooms.values()
            for scores in methods.values()
            for score in scores
        )
    )


def _reference_text(params: FramesParams) -> str:
    if params.reference == "complete":
        return "Measured against the whole room, also where no frame of the scene looked."
    return "Measured against the surface that all frames of the scene together saw."
