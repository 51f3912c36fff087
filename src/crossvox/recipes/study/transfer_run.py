"""How the cells of a design are chosen, made and compared."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from crossvox.core.artifact import read_manifest
from crossvox.core.checks import ArtifactError, ParamsError, expect
from crossvox.core.registry import nearest
from crossvox.flow import locks
from crossvox.flow.folder import expect_own_page, is_begun
from crossvox.flow.runner import DryRunEnds, Planned, Runner
from crossvox.recipes.shipped import found_or_none
from crossvox.recipes.study.answers import answered, write_transfer
from crossvox.recipes.study.causes_study import with_causes
from crossvox.recipes.study.cells import name_of
from crossvox.recipes.study.family import DeclaredTarget, DesignFamily
from crossvox.recipes.study.page import PAGE, write_study_page
from crossvox.recipes.study.runner import Ended, Part, run_parts
from crossvox.recipes.study.store import Store
from crossvox.recipes.study.targets import Bound, bound
from crossvox.recipes.study.transfer import DESIGN_FILE, TransferReport
from crossvox.study.arms import Arm
from crossvox.study.design import Design
from crossvox.study.design_file import is_record, read_design, write_design
from crossvox.study.findings import TargetResults
from crossvox.train.params import CheckpointName

STORE = "store"

Chosen = dict[str, tuple[Arm, ...]]
"""Cells by target."""


@dataclass(frozen=True)
class Asked:
    """What a call of a transfer study was asked for; see :func:`transfer.study`."""

    design: Path
    out: Path
    data: Path | None
    run2d: Path | None
    checkpoint: CheckpointName
    cells: str
    seeds: int
    store: Path | None
    workers: int
    page: bool


def run_design(design: Design, asked: Asked, runner: Runner) -> TransferReport:
    """Make the cells of a design that are asked for, and answer what can be answered.

    Raises:
        ParamsError, ArtifactError, CrossvoxError: see
            :func:`crossvox.recipes.study.transfer.study`.
    """
    design = replace(design, seeds=asked.seeds or design.seeds).checked()
    targets = bound(design)
    chosen = chosen_cells(targets, asked.cells)
    if runner.dry:
        _tell(design, chosen, runner)
        if asked.data is None:
            _plan_without_data(design, chosen, runner)
            raise DryRunEnds
    family = _family(design, asked, chosen)
    if asked.page:
        expect_own_page(asked.out / PAGE)
    _expect_possible(family, chosen, runner)
    parts = [
        Part(
            DeclaredTarget(family, target),
            asked.out / target,
            arms,
            range(design.seeds),
            f"{target}/",
        )
        for target, arms in chosen.items()
    ]
    if is_begun(asked.out, DESIGN_FILE):
        _expect_own(asked.out)
        _expect_same_cells(asked.out, targets)
    if not runner.dry:
        asked.out.mkdir(parents=True, exist_ok=True)
        with locks.shared(asked.out):
            write_design(asked.out / DESIGN_FILE, design)
    ended = run_parts(parts, workers=asked.workers, runner=runner)
    family.store.clear()
    with locks.shared(asked.out):
        transfer = with_causes(asked.out, answered(family, _results(ended)))
        write_transfer(asked.out, transfer)
        page = write_study_page(asked.out, runner) if asked.page else None
    locks.clear(asked.out)
    reports = [one.report for one in ended]
    return TransferReport(
        out=asked.out,
        transfer=transfer,
        made=tuple(item for one in reports for item in one.made),
        kept=tuple(item for one in reports for item in one.kept),
        elsewhere=tuple(item for one in reports for item in one.elsewhere),
        failed=tuple(outcome for one in reports for outcome in one.failed),
        interrupted=any(one.interrupted for one in reports),
        cell_command=cell_command(family, _first(chosen)),
        page=page,
    )


def chosen_cells(targets: Mapping[str, Bound], cells: str) -> Chosen:
    """Cells by target, of names TARGET, ARM or TARGET/ARM; targets without any are left out.

    Raises:
        ParamsError: an unknown name, or none at all.
    """
    known = {f"{name}/{arm.name}": (name, arm) for name, one in targets.items() for arm in one.arms}
    arms = {arm.name for _, arm in known.values()}
    wanted = [name.strip() for name in cells.split(",") if name.strip()]
    for name in wanted:
        expect(
            name in ("all", *targets, *arms, *known),
            given=f"--cells with {name!r}",
            needed=f"all, or some of {', '.join(known)}",
            do=nearest(name, (*known, *arms, *targets)) or "correct the name",
            error=ParamsError,
        )
    expect(
        bool(wanted),
        given="no cell",
        needed=f"all, or some of {', '.join(known)}",
        do="pass --cells TARGET/ARM,TARGET/ARM",
        error=ParamsError,
    )
    found: dict[str, list[Arm]] = {}
    for full, (target, arm) in known.items():
        if {"all", target, arm.name, full} & set(wanted):
            found.setdefault(target, []).append(arm)
    return {target: tuple(arms) for target, arms in found.items()}


def cell_command(family: DesignFamily, item: str) -> str:
    """The command that makes one cell of a study anew, in a folder of its own."""
    out = family.out
    words = ["crossvox", "study", str(out / DESIGN_FILE), f"{out}-again", "--data"]
    words.append(str(family.data))
    if family.run2d is not None:
        words += ["--run2d", str(family.run2d)]
    if family.checkpoint != "auto":
        words += ["--checkpoint", family.checkpoint]
    return shlex.join([*words, "--only", item])


def _first(chosen: Chosen) -> str:
    target, arms = next(iter(chosen.items()))
    return f"{target}/{name_of(arms[0], 0)}"


def _family(design: Design, asked: Asked, chosen: Chosen) -> DesignFamily:
    """The targets on the data.

    Raises:
        ParamsError: data or a 2D run is needed, and none is named; tells how they are made.
        ArtifactError: the data folder is none.
    """
    how = "; ".join(design.data)
    expect(
        asked.data is not None,
        given=f"design {design.name} without data",
        needed="prepared rooms with labels",
        do="pass --data DATA" + (f", made for example by: {how}" if how else ""),
        error=ParamsError,
    )
    assert asked.data is not None
    read_manifest(asked.data)
    run2d = found_or_none(asked.run2d)
    targets = bound(design)
    needing = [
        f"{target}/{arm.name}"
        for target, arms in chosen.items()
        for arm in arms
        if arm.needs_run or targets[target].target.needs_run2d
    ]
    expect(
        run2d is not None or not needing,
        given=f"cells {', '.join(needing[:5])}{' ...' if len(needing) > 5 else ''} without a 2D "
        "run",
        needed="a run of 'crossvox train segment2d', for its weights or its architecture",
        do="pass --run2d RUN2D, or --cells of those that do without",
        error=ParamsError,
    )
    store = Store(asked.store or asked.out / STORE)
    return DesignFamily(design, asked.data, asked.out, run2d, asked.checkpoint, store)


def _expect_possible(family: DesignFamily, chosen: Chosen, runner: Runner) -> None:
    """Refuse what would otherwise fail after hours of other cells."""
    for target, arms in chosen.items():
        study = family.study(target, Runner(runner.progress))
        study.expect_held_out()
        study.expect_weights(arms)


def _expect_own(out: Path) -> None:
    """Refuse a folder in which somebody keeps a design: a record would be written over it.

    Raises:
        ArtifactError: the design there is not the record of a study.
    """
    expect(
        is_record(out / DESIGN_FILE),
        given=f"{out}, whose {DESIGN_FILE} is not the record of a study",
        needed="a new or empty folder, or one that the same command has begun",
        do="name another folder",
        error=ArtifactError,
    )


def _expect_same_cells(out: Path, targets: Mapping[str, Bound]) -> None:
    """Refuse a folder whose cells of the same names were others; more cells may be added.

    Raises:
        ArtifactError: names the cell.
    """
    before = bound(read_design(out / DESIGN_FILE))
    for name in before.keys() & targets.keys():
        there = {arm.name: arm for arm in before[name].arms}
        for arm in targets[name].arms:
            expect(
                there.get(arm.name, arm) == arm,
                given=f"{out}, where the cell {name}/{arm.name} was another one "
                f"({there.get(arm.name)})",
                needed="the same cells (others may be added)",
                do="give the cell another name, or name another folder",
                error=ArtifactError,
            )


def _results(ended: Sequence[Ended]) -> dict[str, TargetResults]:
    return {one.report.out.name: one.results for one in ended}


def _tell(design: Design, chosen: Chosen, runner: Runner) -> None:
    """Say what a design is, and what it took where it was run."""
    cells = sum(len(arms) for arms in chosen.values())
    runner.progress.say(
        f"{design.name}: {cells} cells, {design.seeds} seeds, {cells * design.seeds} trainings"
    )
    for target, arms in chosen.items():
        runner.progress.say(f"{target}: {', '.join(arm.name for arm in arms)}")
    for name, text in design.measured.items():
        runner.progress.say(f"measured, {name}: {text}")


def _plan_without_data(design: Design, chosen: Chosen, runner: Runner) -> None:
    """Tell what would be made of data that are not there yet."""
    for command in design.data:
        runner.progress.say(f"before it: {command}")
    for target, arms in chosen.items():
        for arm in arms:
            name = f"{target}/{arm.name}, {design.seeds} seeds"
            runner.plan.append(Planned("study", name, "make"))
