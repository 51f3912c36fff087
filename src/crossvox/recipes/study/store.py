"""Runs and predictions by what they are made from: the same is made once, whoever asks for it.

A run lies in ``STORE/runs/ID``, where ID is the fingerprint of its recipe: parameters, scenes,
data, sub-volumes, weights of what is lifted and of what it starts from. Cells of a study, what they
start from, and studies that name one store find it there; ``OUT/TARGET/runs/ARM/seed-N`` is a link
to it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crossvox.core.artifact import digest, read_json, read_manifest, write_json
from crossvox.core.checks import ArtifactError, expect
from crossvox.flow import locks
from crossvox.flow.runner import Runner
from crossvox.recipes.predict import PredictedScenes, PredictScene
from crossvox.recipes.study.cells import PREDICTIONS, RUNS
from crossvox.recipes.train import TrainScenes
from crossvox.train.report import TrainReport

INDICES, ASKED = "indices", "asked"


@dataclass(frozen=True)
class Store:
    """A folder of runs and predictions.

    Attributes:
        folder: where it is; several studies, and several processes, may share it.
    """

    folder: Path

    def train(self, stage: TrainScenes, link: Path, asked_by: str, runner: Runner) -> TrainReport:
        """A run, trained where it is not there or not complete.

        Args:
            stage: what it is.
            link: becomes a link to it.
            asked_by: who asked for it, see :meth:`first_asked_by`.
            runner: who trains.
        """
        from crossvox.recipes.start import start_of
        from crossvox.recipes.train_scenes import fingerprint

        start = start_of(stage.start, stage.start_checkpoint)
        place = self.folder / RUNS / fingerprint(stage, start)
        with locks.shared(self.folder, f"run-{place.name}"):
            self._note(place, asked_by)
            report: TrainReport = runner.go_on(stage, place)
        point(link, place)
        return report

    def predict(self, run: Path, made_from: Any, link: Path, make: Callable[[Path], None]) -> None:
        """A prediction, made where it is not there.

        Args:
            run: the run that predicts.
            made_from: everything else that it is made from.
            link: becomes a link to it.
            make: predicts into a folder.
        """
        numbers = (PredictedScenes.NUMBERS, PredictScene.NUMBERS)
        name = digest([read_manifest(run).digest, run.resolve().name, numbers, made_from])
        place = self.folder / PREDICTIONS / name
        with locks.shared(self.folder, f"prediction-{name}"):
            make(place)
        point(link, place)

    def places(self, made_from: Any, draw: Callable[[Path], None]) -> Path:
        """A file of sub-volumes, drawn where it is not there."""
        path = self.folder / INDICES / f"{digest(made_from)}.json"
        with locks.shared(self.folder, f"index-{path.stem}"):
            if not path.is_file():
                path.parent.mkdir(parents=True, exist_ok=True)
                draw(path)
        return path

    def first_asked_by(self, run: Path) -> str:
        """For whom a run was made; "" where it does not tell."""
        with suppress(ArtifactError):
            return str(read_json(self._asked(run.resolve())))
        return ""

    def clear(self) -> None:
        """Remove the locks that killed processes left."""
        locks.clear(self.folder)

    def _asked(self, place: Path) -> Path:
        return self.folder / ASKED / f"{place.name}.json"

    def _note(self, place: Path, asked_by: str) -> None:
        path = self._asked(place)
        if not path.is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            write_json(path, asked_by)


def point(link: Path, place: Path) -> None:
    """Make a link to a folder, in place of an older link.

    Raises:
        ArtifactError: something that is no link is there.
    """
    expect(
        link.is_symlink() or not link.exists(),
        given=f"{link}, a folder of its own",
        needed="a link into the store",
        do="name another folder for the study, or move this one away",
        error=ArtifactError,
    )
    if link.is_symlink() and link.resolve() == place.resolve():
        return
    link.parent.mkdir(parents=True, exist_ok=True)
    relative = os.path.relpath(place.resolve(), link.parent.resolve())
    fresh = link.with_name(f".{link.name}.{os.getpid()}.part")
    fresh.symlink_to(relative, target_is_directory=True)
    fresh.replace(link)
