"""Which task helps which: a design's cells trained, compared, and its questions answered."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from crossvox.core.checks import ParamsError, expect
from crossvox.core.params import named_values
from crossvox.core.registry import nearest
from crossvox.flow.jobs import Outcome
from crossvox.flow.runner import Runner
from crossvox.train.chosen import expect_run_of
from crossvox.train.params import CheckpointName

if TYPE_CHECKING:
    from crossvox.report.page.write import PageReport
    from crossvox.study.design import Design
    from crossvox.study.transfer import Transfer

PRESETS = Path(__file__).with_name("presets")

DESIGN_FILE = "design.yaml"


@dataclass(frozen=True)
class DesignShown:
    """A design as text.

    Attributes:
        text: YAML.
    """

    text: str


@dataclass(frozen=True)
class TransferReport:
    """How a call of a transfer study ended.

    Attributes:
        out: its folder.
        transfer: what it found so far; also in ``OUT/transfer.json``.
        made, kept, elsewhere: cells, ``TARGET/ARM/seed-N``, by what became of them.
        failed: likewise, with reasons.
        interrupted: somebody stopped it; the same call goes on from there.
        cell_command: makes one cell anew, in a folder of its own.
        page: where all this can be read; None where none was asked for.
    """

    out: Path
    transfer: Transfer
    made: tuple[str, ...]
    kept: tuple[str, ...]
    elsewhere: tuple[str, ...]
    failed: tuple[Outcome, ...]
    interrupted: bool
    cell_command: str
    page: PageReport | None = None


def preset_names() -> tuple[str, ...]:
    """Designs that come with the package."""
    return tuple(sorted(path.stem for path in PRESETS.glob("*.yaml")))


def find_design(design: Path) -> Design:
    """A design of a file, or one that comes with the package.

    Raises:
        ArtifactError, ParamsError: there is none of this name, or it is no design.
    """
    from crossvox.study.design_file import read_design

    name = design.as_posix()
    if not design.is_file() and name in preset_names():
        return read_design(PRESETS / f"{name}.yaml")
    others = ("reconstruct", "segment3d")
    expect(
        design.is_file(),
        given=f"design {name!r}, which is no file",
        needed=f"a YAML file, or one of {', '.join(preset_names())} (or the studies of one task "
        f"alone: study {', study '.join(others)})",
        do=nearest(name, (*preset_names(), *others)) or "correct the path",
        error=ParamsError,
    )
    return read_design(design)


def study(
    design: Path,
    out: Path | None = None,
    *,
    data: Path | None = None,
    run2d: Path | None = None,
    checkpoint: CheckpointName = "auto",
    cells: str = "all",
    seeds: int = 0,
    sets: tuple[str, ...] = (),
    store: Path | None = None,
    workers: int = 1,
    page: bool = True,
    show: bool = False,
    runner: Runner | None = None,
) -> TransferReport | DesignShown:
    """Ask which task helps which: train the cells of a design, answer its questions; it continues.

    A design crosses sources, targets, modes and shares of labels. Cells are trained, predicted and
    scored on the same rooms with the same sub-volumes, seed by seed, and compared: OUT/TARGET is
    a study of that target, OUT/transfer.json tells what was found, OUT/index.html shows it. Runs
    lie in OUT/store by what they are made from: cells, what they start from, and studies that name
    one store share them.
    'crossvox study reconstruct' and 'crossvox study segment3d' compare arms of one task.

    Args:
        design: YAML file of a design, or the name of one that comes with the package: {presets}.
        out: folder of the study; several processes may work on it. Not needed with --show.
        data: folder that 'crossvox prepare' wrote, with labels.
        run2d: run of 'crossvox train segment2d', not trained on the held-out scenes: its features
            are lifted, its labels vote.
        checkpoint: which weights of the 2D run: auto, average, best or last.
        cells: all, or some: TARGET, ARM or TARGET/ARM, separated by commas.
        seeds: how many: 0, 1, ...; 0 takes as many as the design says.
        sets: NAME=VALUE, parameters of all cells by dotted name, instead of the design's own:
            run.input.colors=grey.
        store: folder of runs and predictions, which several studies may share; by default
            OUT/store.
        workers: cells at once, each by a process with its share of the threads; 0 means one a
            core, or as many as a cluster has room for.
        page: write OUT/index.html and what lies beside it, of all that is finished.
        show: print the design with all that it says, and end.
        runner: who makes it. Items are called TARGET/ARM/seed-N.

    Raises:
        ParamsError: a design that makes no sense, or no such cell.
        ArtifactError: no data, or ``out`` holds another study.
    """
    found = find_design(design)
    if sets:
        from crossvox.study.design import with_params

        found = with_params(found, named_values(sets, "--sets")).checked()
    if show:
        from crossvox.study.design_file import design_text

        return DesignShown(design_text(found))
    from crossvox.recipes.study.transfer_run import Asked, run_design

    expect(
        out is not None,
        given=f"study {design} without a folder",
        needed="one that the study is written to",
        do="pass it behind the design: study DESIGN OUT",
        error=ParamsError,
    )
    assert out is not None
    expect_run_of(checkpoint, {"--run2d": run2d})
    asked = Asked(design, out, data, run2d, checkpoint, cells, seeds, store, workers, page)
    return run_design(found, asked, runner or Runner())


study.__doc__ = (study.__doc__ or "").replace("{presets}", ", ".join(preset_names()))
