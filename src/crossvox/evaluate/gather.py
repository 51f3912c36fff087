"""What every evaluation does alike: scene by scene, method by method, which of it counts, and why.

An evaluation says how one scene is measured; which scenes there are, which of them count for the
whole, and what a reader must know of those that do not, is decided here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

from crossvox.core.checks import ArtifactError, expect
from crossvox.core.methods import method_name
from crossvox.evaluate.predicted import Scored, coverage_remarks

T = TypeVar("T")

Report = Callable[[int, int], None]


@dataclass(frozen=True)
class Measured(Generic[T]):
    """What was measured before, scene by scene, by whoever.

    Attributes:
        found: scene -> what was measured, by method; None if the scene has no ground truth.
        failed: scenes that could not be measured, and why.
        waiting: scenes that nobody has measured so far.
    """

    found: Mapping[str, T | None]
    failed: Mapping[str, str] = field(default_factory=dict)
    waiting: tuple[str, ...] = ()

    def among(self, scenes: Sequence[Scored]) -> list[Scored]:
        """The scenes that were measured.

        Raises:
            ArtifactError: none was.
        """
        done = [scene for scene in scenes if scene.name in self.found]
        reasons = "; ".join(f"{name}: {why}" for name, why in list(self.failed.items())[:3])
        expect(
            len(done) > 0,
            given=f"{len(scenes)} predicted scenes, none of which is measured ({reasons or 'yet'})",
            needed="at least one",
            do="mend what is wrong with them, or wait for those who are at work on them",
            error=ArtifactError,
        )
        return done

    def remarks(self) -> list[str]:
        """What a reader must know of scenes that were not measured."""
        every = len(self.found) + len(self.failed) + len(self.waiting)
        notes = []
        if self.failed:
            reasons = "; ".join(f"{name}: {why}" for name, why in self.failed.items())
            notes.append(f"{len(self.failed)} of {every} scenes could not be scored: {reasons}")
        if self.waiting:
            notes.append(
                f"{len(self.waiting)} of {every} scenes are not scored yet: "
                f"{', '.join(self.waiting)}"
            )
        return notes


@dataclass(frozen=True, eq=False)
class Gathered(Generic[T]):
    """What was measured.

    Attributes:
        methods: names in the order they are shown.
        found: scene -> method -> what was measured there.
        coverage: scene -> share of the windows with a seen voxel that were predicted; None if it is
            not told.
        seen: scenes that the run learnt from.
        counted: scenes that count for the whole: all but those, unless they were asked for.
        unlabelled: scenes without ground truth, which are not measured.
        untold: scenes of which the run does not tell whether it learnt from them; they count.
    """

    methods: tuple[str, ...]
    found: dict[str, dict[str, T]]
    coverage: dict[str, float | None]
    seen: tuple[str, ...]
    counted: tuple[str, ...]
    unlabelled: tuple[str, ...]
    untold: tuple[str, ...] = ()

    @property
    def missing(self) -> dict[str, list[str]]:
        """Method -> measured scenes without it; methods that every scene has are left out."""
        lacking = {
            method: [scene for scene, found in self.found.items() if method not in found]
            for method in self.methods
        }
        return {method: scenes for method, scenes in lacking.items() if scenes}

    @property
    def whole(self) -> dict[str, list[T]]:
        """Method -> what was measured in the scenes that count; methods without any left out."""
        kept = {
            method: [self.found[s][method] for s in self.counted if method in self.found[s]]
            for method in self.methods
        }
        return {method: parts for method, parts in kept.items() if parts}

    def remarks(self, lacks: str) -> list[str]:
        """What a reader must know of scenes that do not count.

        Args:
            lacks: what it means that a method lacks scenes, from the verb on, with ``{count}``.
        """
        notes = []
        if self.unlabelled:
            every = len(self.unlabelled) + len(self.found)
            notes.append(
                f"{len(self.unlabelled)} of {every} scenes have no ground-truth labels and are "
                f"not scored: {', '.join(self.unlabelled)}"
            )
        if self.seen:
            left_out = not set(self.seen) & set(self.counted)
            notes.append(
                f"{len(self.seen)} of {len(self.found)} scenes are ones that the run learnt from, "
                + (
                    "and are left out of the whole: "
                    if left_out
                    else "and are counted all the same: "
                )
                + ", ".join(self.seen)
            )
        if self.untold:
            notes.append(
                f"{len(self.untold)} of {len(self.found)} scenes: the run does not tell what it "
                f"learnt from, which may be these: {', '.join(self.untold)}"
            )
        for method, scenes in self.missing.items():
            if len(scenes) == len(self.found):
                notes.append(f"{method_name(method)}: not predicted, so not scored")
                continue
            count = f"{len(scenes)} of {len(self.found)} scenes"
            notes.append(f"{method_name(method)} {lacks.format(count=count)}: {', '.join(scenes)}")
        return notes

    def coverage_remarks(self) -> list[str]:
        """What a reader must know of scenes that were not predicted whole."""
        return [
            text for scene in self.found for text in coverage_remarks(scene, self.coverage[scene])
        ]


def gather(
    scenes: Sequence[Scored],
    methods: Sequence[str],
    measure: Callable[[Scored], Mapping[str, T] | None],
    *,
    data: Path,
    what: str = "predicted scenes",
    seen_scenes: bool = False,
    progress: Report | None = None,
) -> Gathered[T]:
    """Measure scene by scene.

    Args:
        scenes: what is there.
        methods: names in the order they are shown.
        measure: a scene to what was measured, by method; None if the scene has no ground truth.
        data: where the ground truth is.
        what: what the scenes are, for the text of an error.
        seen_scenes: scenes that the run learnt from count as well.
        progress: called with (scenes done, scenes).

    Raises:
        ArtifactError: no scene has ground truth, or the run learnt from all that have.
    """
    expect_unseen(scenes, seen_scenes)
    found: dict[str, dict[str, T]] = {}
    unlabelled = []
    for done, scene in enumerate(scenes, start=1):
        one = measure(scene)
        if one is None:
            unlabelled.append(scene.name)
        else:
            found[scene.name] = dict(one)
        if progress is not None:
            progress(done, len(scenes))
    kept = [scene for scene in scenes if scene.name in found]
    expect(
        len(kept) > 0,
        given=f"{data}, where none of {len(scenes)} {what} has ground-truth labels",
        needed="at least one scene whose surface SCENE.ply has vertex labels",
        do="prepare scans with labels (NAME_vh_clean_2.labels.ply), or look at the labelled meshes",
        error=ArtifactError,
    )
    expect_unseen(kept, seen_scenes)
    return Gathered(
        methods=tuple(methods),
        found=found,
        coverage={scene.name: scene.coverage for scene in kept},
        seen=tuple(scene.name for scene in kept if scene.seen),
        counted=tuple(scene.name for scene in kept if seen_scenes or not scene.seen),
        unlabelled=tuple(unlabelled),
        untold=tuple(scene.name for scene in kept if scene.seen is None),
    )


def expect_unseen(scenes: Sequence[Scored], seen_scenes: bool) -> None:
    """Refuse to score nothing but what was learnt by heart, unless that is asked for."""
    expect(
        seen_scenes or any(not scene.seen for scene in scenes),
        given=f"{len(scenes)} predicted scenes, all of which the run learnt from "
        f"({', '.join(scene.name for scene in scenes[:5])})",
        needed="a scene that it has not seen",
        do="predict held-out scenes, or pass --seen-scenes to score these all the same",
        error=ArtifactError,
    )
