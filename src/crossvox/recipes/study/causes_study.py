"""What a study folder was made of, for those who ask why; and where the answers are written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import crossvox
from crossvox.core.artifact import SCHEMA, digest, plain, read_json, read_manifest, write_json
from crossvox.core.checks import ArtifactError, ParamsError, expect
from crossvox.core.files import STUDY, TRANSFER
from crossvox.core.grid import Index3
from crossvox.core.methods import CLASS_MESHES, METHOD_FILES
from crossvox.core.params import from_plain
from crossvox.flow.runner import DryRunEnds, Runner
from crossvox.metrics.statistics import LEVEL
from crossvox.recipes.study.causes import CAUSES_FILE, CauseParams, CausesReport, Sight
from crossvox.recipes.study.causes_run import PredictedCell, PredictedTarget, causes
from crossvox.recipes.study.cells import PREDICTIONS, RUNS
from crossvox.recipes.study.page import PAGE, write_study_page
from crossvox.recipes.study.scenes import BASELINES
from crossvox.recipes.study.switches import changed_studies, switches
from crossvox.study.arms import RECONSTRUCT, SEGMENT3D
from crossvox.study.transfer import Cause, Contrast, Description, Transfer
from crossvox.views.params import ViewParams

TARGETS = (RECONSTRUCT, SEGMENT3D)
"""Tasks whose gains are told apart."""


@dataclass(frozen=True)
class StudyOf:
    """What a study folder holds.

    Attributes:
        targets: what was predicted, by target.
        runs: run folders by target, arm and seed.
        contrasts: questions that it asks.
        level: how often its intervals shall hold the truth.
    """

    targets: dict[str, PredictedTarget]
    runs: dict[str, dict[str, dict[int, Path]]]
    contrasts: tuple[Contrast, ...]
    level: float = LEVEL


def causes_of_study(
    study: Path,
    data: Path,
    params: CauseParams,
    describe: bool,
    changed: Sequence[str],
    workers: int,
    runner: Runner,
) -> CausesReport:
    """See :func:`crossvox.recipes.study.causes.study_causes`."""
    from crossvox.recipes.study.describe import descriptions

    folders = {name: target_folders(path) for name, path in changed_studies(changed).items()}
    found = read_study(study, data)
    told = causes(
        study, found.targets, found.contrasts, level=found.level, workers=workers, runner=runner
    )
    switched, remarks = switches(target_folders(study), found.contrasts, folders, found.level)
    order = [contrast.name for contrast in found.contrasts]
    told = tuple(sorted((*told, *switched), key=lambda cause: order.index(cause.contrast)))
    described: tuple[Description, ...] = ()
    if describe:
        described, others = descriptions(
            study, found.targets, found.runs, params, workers=workers, runner=runner
        )
        remarks += others
    if runner.dry:
        raise DryRunEnds
    path = write_causes(study, told, described)
    if (study / TRANSFER).is_file() and (study / PAGE).is_file():
        write_study_page(study, runner)
    return CausesReport(path, told, described, remarks)


def with_causes(study: Path, transfer: Transfer) -> Transfer:
    """What was found, with the causes that were told apart of the same results before.

    Raises:
        ArtifactError: ``causes.json`` is damaged.
    """
    causes, descriptions = read_causes(study)
    return replace(transfer, causes=causes, descriptions=descriptions)


def write_causes(
    study: Path, causes: tuple[Cause, ...], descriptions: tuple[Description, ...]
) -> Path:
    """Write ``causes.json``, and what it holds into ``transfer.json`` where there is one."""
    told = {"causes": plain(causes), "descriptions": plain(descriptions)}
    path, made_from = study / CAUSES_FILE, _made_from(study)
    record = {"schema": SCHEMA, "version": crossvox.__version__, "made_from": made_from}
    write_json(path, {**record, **told})
    if (study / TRANSFER).is_file():
        write_json(study / TRANSFER, {**read_json(study / TRANSFER), **told})
    return path


def read_causes(study: Path) -> tuple[tuple[Cause, ...], tuple[Description, ...]]:
    """What :func:`write_causes` wrote; nothing where it did not, or of other results than now.

    Raises:
        ArtifactError: the file is damaged.
    """
    path = study / CAUSES_FILE
    record = _dict(read_json(path), path) if path.is_file() else {}
    if record.get("made_from") != _made_from(study):
        return (), ()
    try:
        return (
            from_plain(tuple[Cause, ...], record.get("causes", []), "causes"),
            from_plain(tuple[Description, ...], record.get("descriptions", []), "descriptions"),
        )
    except ParamsError as error:
        raise ArtifactError(
            f"given: {path} ({error}); needed: causes as 'crossvox study causes' writes them; "
            f"do: delete it and run that again"
        ) from None


def _made_from(study: Path) -> str:
    """Fingerprint of the results of a study."""
    files = [path for path in _study_files(study).values() if path.is_file()]
    return digest([_dict(read_json(path), path).get("results") for path in files])


def _study_files(study: Path) -> dict[str, Path]:
    """Where a study of several targets, and one of a single task, tell their results."""
    return {"": study / STUDY, **{name: study / name / STUDY for name in TARGETS}}


def target_folders(study: Path) -> dict[str, Path]:
    """Folders of the targets whose gains can be told apart, in that of a study.

    Raises:
        ArtifactError: it is no study, or none of it is finished.
    """
    files = {name: path for name, path in _study_files(study).items() if path.is_file()}
    folders = {name: path.parent for name, path in files.items() if name}
    if "" in files:
        task = _dict(read_json(files[""]), files[""]).get("task")
        folders = {str(task): study} if task in TARGETS else {}
    expect(
        bool(folders),
        given=f"{study}, which holds no finished study of {' or '.join(TARGETS)}",
        needed="a folder that 'crossvox study' wrote",
        do="check the path, or run the study first",
        error=ArtifactError,
    )
    return folders


def read_study(study: Path, data: Path) -> StudyOf:
    """What a folder of 'crossvox study' holds: of one task, or of several targets.

    Raises:
        ArtifactError: it is none, or was made from other data.
    """
    targets, runs, contrasts = {}, {}, []
    for name, folder in target_folders(study).items():
        record = _dict(read_json(folder / STUDY), folder / STUDY)
        _expect_data(record, folder, data)
        targets[name] = _target(name, record, folder, data)
        runs[name] = {
            cell.name: {seed: folder / RUNS / cell.name / f"seed-{seed}" for seed in cell.folders}
            for cell in targets[name].cells.values()
            if not cell.baseline
        }
        contrasts += _all_controls(name, record)
    level = LEVEL
    if (study / TRANSFER).is_file():
        told = _dict(read_json(study / TRANSFER), study / TRANSFER)
        contrasts = [from_plain(Contrast, one["contrast"]) for one in told.get("findings", [])]
        level = float(told.get("level", LEVEL))
    return StudyOf(targets, runs, tuple(contrasts), level)


def _dict(record: Any, path: Path) -> dict[str, Any]:
    expect(
        isinstance(record, dict),
        given=f"{path}, which holds no record",
        needed="what 'crossvox study' wrote",
        do="run the study again",
        error=ArtifactError,
    )
    found: dict[str, Any] = record
    return found


def _expect_data(record: Mapping[str, Any], folder: Path, data: Path) -> None:
    expect(
        record["identity"].get("data") == read_manifest(data).digest,
        given=f"{folder}, which was made from other data than {data}",
        needed="the data folder that the study was given",
        do="pass that one",
        error=ArtifactError,
    )


def _target(task: str, record: Mapping[str, Any], folder: Path, data: Path) -> PredictedTarget:
    """Predictions of a target's arms, as far as they are finished, and of its baselines."""
    params = record["identity"]["params"]
    sight = Sight(
        from_plain(ViewParams, params["run"]["views"]),
        _index(params["run"]["chunks"]["shape"]),
        _index(params["predict"]["stride"]),
    )
    cells: dict[str, PredictedCell] = {}
    for result in record["results"]:
        name, seed = str(result["arm"]), int(result["seed"])
        there = cells[name].folders if name in cells else {}
        made = folder / PREDICTIONS / name / f"seed-{seed}"
        cells[name] = PredictedCell(name, {**there, seed: made})
    files = METHOD_FILES if task == RECONSTRUCT else CLASS_MESHES
    for name in record["baselines"]:
        if name in files and (folder / BASELINES).is_dir():
            cells[name] = PredictedCell(name, {0: folder / BASELINES}, name, baseline=True)
    return PredictedTarget(task, data, sight, cells)


def _index(values: Any) -> Index3:
    x, y, z = (int(value) for value in values)
    return x, y, z


def _all_controls(target: str, record: Mapping[str, Any]) -> list[Contrast]:
    """Each arm beside each control, of a study that asks nothing else."""
    return [
        Contrast(
            f"{arm['name']} over {control}",
            target,
            arm["name"],
            control,
            f"Is {arm['name']} better than {control}?",
            named=False,
        )
        for arm in record["comparison"]["arms"]
        if arm["seeds"]
        for control in arm["against"]
    ]
