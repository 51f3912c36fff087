"""What a transfer study has found so far: ``transfer.json``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import crossvox
from crossvox.core.artifact import SCHEMA, plain, write_json
from crossvox.core.files import TRANSFER
from crossvox.recipes.data import read_scenes
from crossvox.recipes.study.cells import RUNS
from crossvox.recipes.study.family import DesignFamily
from crossvox.study.arms import Arm
from crossvox.study.findings import TargetResults, findings
from crossvox.study.label_saving import LabelStep, label_saving
from crossvox.study.transfer import CellCost, LabelSaving, Transfer


def answered(family: DesignFamily, results: Mapping[str, TargetResults]) -> Transfer:
    """Answers to the questions of a design, from all that is finished.

    Args:
        family: the design and its targets.
        results: by target; those of which nothing is there are absent.
    """
    design = family.design
    rooms = _rooms(family)
    training = max((len(train) for train, _ in rooms.values()), default=0)
    held_out = max((len(held) for _, held in rooms.values()), default=0)
    comparisons = {name: one.comparison for name, one in results.items()}
    found = findings(design.contrasts, results, design.margins, level=design.level)
    told = {one.contrast.name for one in found}
    return Transfer(
        name=design.name,
        title=design.title,
        comparisons=comparisons,
        findings=found,
        unanswered=tuple(one for one in design.contrasts if one.name not in told),
        savings=_savings(family, results, training),
        costs=_costs(family, results),
        margins=dict(design.margins),
        level=design.level,
        seeds=design.seeds,
        training_scenes=training,
        held_out_scenes=held_out,
        cautions=_cautions(family, results),
        protocol={name: family.targets[name].target.protocol for name in comparisons},
    )


def write_transfer(out: Path, transfer: Transfer) -> Path:
    """Write ``transfer.json``."""
    path = out / TRANSFER
    record = {"schema": SCHEMA, "version": crossvox.__version__}
    write_json(path, {**record, **plain(transfer)})
    return path


def _rooms(family: DesignFamily) -> dict[str, tuple[list[Path], list[Path]]]:
    """Training rooms and held-out ones by target of the design."""
    found = {}
    for name in family.design.targets:
        params = family.targets[name].params
        found[name] = (
            read_scenes(family.data, params.training_scenes),
            read_scenes(family.data, params.held_out_scenes),
        )
    return found


def _savings(
    family: DesignFamily, results: Mapping[str, TargetResults], rooms: int
) -> tuple[LabelSaving, ...]:
    found = []
    for saving in family.design.savings:
        if saving.target not in results:
            continue
        arms = {arm.name: arm for arm in family.arms(saving.target)}
        told = label_saving(
            saving.name,
            saving.target,
            results[saving.target],
            _steps(saving.arm, arms, rooms),
            _steps(saving.control, arms, rooms),
            score=saving.score,
            level=family.design.level,
        )
        if told is not None:
            found.append(told)
    return tuple(found)


def _steps(names: Sequence[str], arms: Mapping[str, Arm], rooms: int) -> list[LabelStep]:
    steps = [
        LabelStep(
            name, arms[name].share, max(1, round(arms[name].share * rooms)), arms[name].points
        )
        for name in names
    ]
    return sorted(steps, key=lambda step: (step.share, step.points))


def _costs(family: DesignFamily, results: Mapping[str, TargetResults]) -> tuple[CellCost, ...]:
    """What each cell took, and how many of its runs were made for another one."""
    found = []
    for target, one in results.items():
        for arm in one.comparison.arms:
            if not arm.seeds:
                continue
            links = [
                (family.out / target / RUNS / arm.name / f"seed-{seed}").absolute()
                for seed in arm.seeds
            ]
            shared = sum(family.store.first_asked_by(link) != link.as_posix() for link in links)
            found.append(CellCost(target, arm.name, dict(arm.seconds), arm.parameters, shared))
    return tuple(found)


def _cautions(family: DesignFamily, results: Mapping[str, TargetResults]) -> tuple[str, ...]:
    """What of the design is not there yet, and what the studies of the targets warn of.

    That they compare everything with everything is no matter here: a design asks beforehand.
    """
    design = family.design
    asked = sum(len(family.arms(name)) for name in design.targets) * design.seeds
    done = sum(
        len([seed for seed in arm.seeds if seed < design.seeds])
        for one in results.values()
        for arm in one.comparison.arms
    )
    told = []
    if done < asked:
        told.append(f"{asked - done} of {asked} cells are not finished: verdicts may change.")
    warned: dict[str, list[str]] = {}
    for target, one in results.items():
        for text in one.comparison.cautions:
            if text not in one.comparison.of_many:
                warned.setdefault(text, []).append(target)
    for text, targets in warned.items():
        told.append(text if len(targets) == len(results) else f"{', '.join(targets)}: {text}")
    return tuple(told)
