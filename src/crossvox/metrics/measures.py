"""What scores there are: name, unit, direction and how to read them, each beside its function.

A score is added from outside this package by one file that registers a :class:`Measure`, or by an
entry point of the group ``crossvox.measures``. It is then computed wherever its group is, and shown
wherever scores are::

    register(
        Measure(
            "Acc 90", "m", False, "Nine tenths of the made surface are nearer than this.",
            group="surface", of="predicted points",
            compute=lambda distances: float(np.quantile(distances.to_reference_m, 0.9)),
        )
    )
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from crossvox.core.registry import Registry
from crossvox.core.volume import Score

Group = Literal["surface", "depth", "classes", "voxels", "objects", "validation"]
"""What a score is computed from.

``surface``: :class:`crossvox.metrics.SurfaceDistances`. ``depth``: two ``(N,)`` float64 arrays of
one frame, metres, rendered and sensor's, where both have a depth and the sensor's is near enough;
averaged over frames. ``classes``: ``(C, C)`` float64 counts of pixels or vertices, row = reference.
``voxels``: likewise, class 0 is free space. ``objects``: what was found in rooms and what is true
(:mod:`crossvox.metrics.boxes`). ``validation``: what training alone computes.
"""

Place = Literal["main", "beside", "detail"]
"""Where a score is shown: alone, in a short table beside the main one, or in the long table."""


@dataclass(frozen=True)
class Measure:
    """What a score is.

    Attributes:
        name: unique, for example ``F-score``.
        unit: ``m``, ``ratio`` or empty.
        higher_is_better: which way is good.
        reading: one sentence on how to read it.
        group: what it is computed from.
        of: what the support counts; empty: what its group counts.
        place: where it is shown.
        class_name: the one class that it speaks of; empty: of all.
        compute: its function, of what its group is computed from; NaN where it is undefined.
            None: the module of its group computes it together with others.
    """

    name: str
    unit: str
    higher_is_better: bool
    reading: str
    group: Group
    of: str = ""
    place: Place = "detail"
    class_name: str = ""
    compute: Callable[..., float] | None = None

    def score(
        self,
        value: float,
        support: int,
        protocol: str,
        of: str = "",
        details: dict[str, float] | None = None,
    ) -> Score:
        """A number of this kind."""
        return Score(
            name=self.name,
            value=value,
            unit=self.unit,
            support=support,
            of=of or self.of,
            higher_is_better=self.higher_is_better,
            protocol=protocol,
            details=details or {},
            reading=self.reading,
            place=self.place,
            class_name=self.class_name,
        )


MEASURES: Registry[Measure] = Registry("score", "crossvox.measures")


def register(measure: Measure) -> Measure:
    """Add a score.

    Raises:
        ParamsError: another one has its name.
    """
    return MEASURES.register(measure.name, measure)


def added(group: Group) -> tuple[tuple[Measure, Callable[..., float]], ...]:
    """Scores of a group that have a function of their own, and that function."""
    return tuple(
        (measure, measure.compute)
        for measure in MEASURES.values()
        if measure.group == group and measure.compute is not None
    )


def reading(name: str) -> str:
    """How to read a score; empty for a name that nobody registered."""
    return MEASURES[name].reading if name in MEASURES else ""


def main_scores() -> tuple[str, ...]:
    """Names of the scores that stand for the whole, in the order that they were registered."""
    return tuple(measure.name for measure in MEASURES.values() if measure.place == "main")


for _name, _text in (
    ("IoU", "Overlap of made and true over their union."),
    ("mIoU", "Mean overlap over the classes."),
    ("F1", "Precision and recall in one number; 1 is perfect."),
):
    register(Measure(_name, "ratio", True, _text, "validation", "voxels", "main"))
