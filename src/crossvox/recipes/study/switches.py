"""Gains of a study beside those of the same study with one thing changed: its switches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crossvox.core.artifact import read_json
from crossvox.core.checks import ArtifactError, ParamsError, expect
from crossvox.core.files import STUDY
from crossvox.core.params import named_texts
from crossvox.recipes.study.cells import RESULTS
from crossvox.recipes.study.targets import TARGETS
from crossvox.study.compare import Rows, rows_of
from crossvox.study.results import Result, read_result
from crossvox.study.switches import AS_IT_IS, Position, switch_cause
from crossvox.study.transfer import Cause, Contrast


@dataclass(frozen=True, eq=False)
class Scores:
    """What the cells of a target score in one study.

    Attributes:
        main: name of the score that stands for the whole.
        results: by cell and seed.
    """

    main: str
    results: tuple[Result, ...]

    def cell(self, name: str) -> list[Result]:
        """What a cell scores, by seed; nothing of baselines, which no switch changes."""
        return [result for result in self.results if result.arm == name]


def changed_studies(words: Sequence[str]) -> dict[str, Path]:
    """Folders by the name of what is changed in them, of ``NAME=FOLDER``.

    Raises:
        ParamsError: no such words, or a name twice; or one that is that of the study as it is.
    """
    found = {name: Path(folder) for name, folder in named_texts(words, "--changed").items()}
    expect(
        len(found) == len(words) and AS_IT_IS not in found,
        given=f"--changed {' '.join(words)}",
        needed="a name of its own for each folder",
        do="rename one of them",
        error=ParamsError,
    )
    return found


def switches(
    targets: Mapping[str, Path],
    contrasts: Sequence[Contrast],
    changed: Mapping[str, Mapping[str, Path]],
    level: float,
) -> tuple[tuple[Cause, ...], tuple[str, ...]]:
    """Each contrast as it is and with one thing changed, on the seeds and rooms that all have.

    Args:
        targets: folders of the study by target.
        contrasts: what it asks.
        changed: folders of other studies by target, by the name of what is changed.
        level: how often intervals shall hold the truth.

    Returns:
        What was found; what was left out, and why.

    Raises:
        ArtifactError: a folder is damaged, or another study has none of the contrasts.
    """
    if not changed:
        return (), ()
    here = {target: read_scores(folder) for target, folder in targets.items()}
    others = {
        name: {target: read_scores(folder) for target, folder in folders.items()}
        for name, folders in changed.items()
    }
    found, remarks = [], []
    used: set[str] = set()
    for contrast in contrasts:
        if contrast.target not in here:
            continue
        mine = here[contrast.target]
        beside = {name: of[contrast.target] for name, of in others.items() if contrast.target in of}
        told = {name: one for name, one in beside.items() if any(_shared([mine, one], contrast))}
        remarks += [
            f"{contrast.name}, {name}: no seed and room of both cells in both studies"
            for name in others
            if name not in told
        ]
        if told:
            used |= told.keys()
            found.append(_cause(contrast, mine, told, level))
    expect(
        used == {*others},
        given=f"changed studies of which {', '.join(sorted({*others} - used))} shares no contrast, "
        "seed and room",
        needed="the same design on the same rooms, with one thing changed",
        do="run the same cells there first",
        error=ArtifactError,
    )
    return tuple(found), tuple(remarks)


def read_scores(folder: Path) -> Scores:
    """What the finished cells of a target score.

    Raises:
        ArtifactError: no study, or a damaged one; names the file.
    """
    record: Any = read_json(folder / STUDY)
    try:
        kinds, numbers = record["comparison"]["kinds"], record["numbers"]
        main = next((n for n, kind in kinds.items() if kind["place"] == "main"), next(iter(kinds)))
    except (KeyError, TypeError, AttributeError, StopIteration):
        raise ArtifactError(
            f"given: {folder / STUDY}, which tells no scores; needed: what 'crossvox study' "
            f"wrote; do: run the study again"
        ) from None
    found = [read_result(path) for path in sorted((folder / RESULTS).glob("[!.]*/seed-*.json"))]
    return Scores(main, tuple(result for result in found if result.numbers == numbers))


def _shared(
    studies: Sequence[Scores], contrast: Contrast
) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """Seeds and rooms that both cells have in all studies."""
    cells = [one.cell(name) for one in studies for name in (contrast.arm, contrast.control)]
    seeds = set.intersection(*({result.seed for result in cell} for cell in cells))
    rooms = [set(result.scores) for cell in cells for result in cell if result.seed in seeds]
    shared = set.intersection(*rooms) if rooms else set()
    return (tuple(sorted(seeds)), tuple(sorted(shared))) if shared else ((), ())


def _cause(contrast: Contrast, here: Scores, changed: Mapping[str, Scores], level: float) -> Cause:
    """One contrast in all positions of a switch."""
    seeds, rooms = _shared([here, *changed.values()], contrast)
    expect(
        bool(rooms),
        given=f"contrast {contrast.name}, of which {', '.join(changed)} share no seed and room",
        needed="the same seeds and rooms in all of them",
        do="name them in calls of their own",
        error=ArtifactError,
    )
    score = contrast.score or here.main
    positions = [
        _position(name, contrast, one, score, seeds, rooms)
        for name, one in ((AS_IT_IS, here), *changed.items())
    ]
    return switch_cause(contrast.name, score, positions[0], positions[1:], level)


def _position(
    name: str,
    contrast: Contrast,
    study: Scores,
    score: str,
    seeds: tuple[int, ...],
    rooms: tuple[str, ...],
) -> Position:
    pool = TARGETS[contrast.target].study_type().pool()
    rows: Mapping[str, Rows] = rows_of(study.results, {}, rooms, pool)
    return Position(
        name,
        rows[contrast.arm].table(score, seeds),
        rows[contrast.control].table(score, seeds),
    )
