"""What a transfer report says, as data: questions asked beforehand, their answers, and why.

A *contrast* is a question that was asked before anything was trained: one cell of the matrix
minus another, of one score. A *finding* is its answer over all seeds and rooms, with a verdict.
Everything here is written to ``transfer.json``; the page, tables and drawings read nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from crossvox.metrics.statistics import Difference
from crossvox.study.compare import Comparison

Verdict = Literal["helps", "hurts", "equivalent", "undecided"]
"""What can be said of a difference.

- ``helps``, ``hurts``: it is not 0, by a p value that allows for all named contrasts (Holm).
- ``equivalent``: both one-sided tests (TOST, Schuirmann 1987) show it to be smaller than the
  margin, by a p value that allows for all named contrasts likewise.
- ``undecided``: neither; the finding tells how many more seeds or rooms would decide it.

A difference may be shown to be not 0 *and* smaller than the margin: it then is ``equivalent``, for
it is of no consequence, and the text says so.
"""


@dataclass(frozen=True)
class Contrast:
    """A question that is asked beforehand.

    Attributes:
        name: of the question, unique in a design.
        target: task whose score is compared.
        arm, control: names of two cells of that target; the difference is arm minus control.
        question: what the difference answers, one sentence with a question mark.
        score: which score; empty: the main one of the target.
        margin: differences up to this are of no consequence, in the score's unit; 0: the design's.
        named: whether it is one of the few that are tested together; others are exploratory.
    """

    name: str
    target: str
    arm: str
    control: str
    question: str
    score: str = ""
    margin: float = 0.0
    named: bool = True


@dataclass(frozen=True)
class Power:
    """What so many seeds and rooms can show.

    Attributes:
        power: chance that the numbers here are told for.
        smallest: smallest true difference that would be found with this chance.
        seeds_needed: seeds that would find a difference as large as the margin, with the rooms
            there are; None: no number of seeds does.
        scenes_needed: rooms likewise, with the seeds there are; None: no number of rooms does.
    """

    power: float
    smallest: float
    seeds_needed: int | None
    scenes_needed: int | None


@dataclass(frozen=True)
class Finding:
    """The answer to a contrast.

    Attributes:
        contrast: the question.
        score, unit, higher_is_better: what was compared.
        arm_mean, control_mean: the score of both, over the seeds and rooms that both have.
        difference: arm minus control, with its interval; ``p_adjusted`` is Holm's over the named
            contrasts of a design (for an exploratory one it is ``p``).
        margin: see :class:`Contrast`.
        low, high: the interval at twice the level's error, to which TOST is the same.
        equivalence_p: p value of "the difference is at least as large as the margin"; NaN: there is
            no margin, or it cannot be told.
        equivalence_p_adjusted: Holm's over the named contrasts.
        verdict: see :data:`Verdict`.
        power: what so many seeds and rooms can show.
        learnt: whether seeds play a part: not between two baselines.
        by_seed: difference of each seed over all rooms.
        by_scene: difference of each room over all seeds, by its name; of a score that is counted
            over all rooms at once, what each room adds to it (a pseudo-value).
    """

    contrast: Contrast
    score: str
    unit: str
    higher_is_better: bool
    arm_mean: float
    control_mean: float
    difference: Difference
    margin: float
    low: float
    high: float
    equivalence_p: float
    equivalence_p_adjusted: float
    verdict: Verdict
    power: Power
    learnt: bool = True
    by_seed: tuple[float, ...] = ()
    by_scene: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class CurvePoint:
    """A score with so many labels.

    Attributes:
        share: share of the training rooms whose labels were used, 0 to 1.
        points: labelled points of a room; 0: all.
        rooms: rooms that this share is.
        mean, low, high: the score and its interval over seeds and rooms.
        arm: name of the cell.
    """

    share: float
    points: int
    rooms: int
    mean: float
    low: float
    high: float
    arm: str


@dataclass(frozen=True)
class LabelSaving:
    """How many fewer labelled rooms reach the same score.

    Attributes:
        name: of what is compared, as the design calls it.
        target, score: what was measured.
        arm, control: the two curves, by rising share.
        reached: the control's score with all labels, which the arm has to reach.
        share: share of the labels with which the arm reaches it; NaN: with none that was tried.
        low, high: its interval.
    """

    name: str
    target: str
    score: str
    arm: tuple[CurvePoint, ...]
    control: tuple[CurvePoint, ...]
    reached: float
    share: float
    low: float
    high: float


@dataclass(frozen=True)
class CauseGroup:
    """A part of what is scored.

    Attributes:
        name: of the part, for example ``seen`` or ``0.1 to 0.2 m``.
        support: share of all that is scored, 0 to 1.
        arm_mean, control_mean: the score there.
        difference: arm minus control; its interval allows for seeds and rooms.
    """

    name: str
    support: float
    arm_mean: float
    control_mean: float
    difference: Difference


@dataclass(frozen=True)
class Cause:
    """Where a difference comes from.

    Attributes:
        contrast: its name.
        split: by what the scored points are told apart, for example ``seen``, ``boundary``,
            ``distance to what was seen``, ``angle between views``, ``class``, ``room``.
        score: of the parts.
        groups: the parts.
        reading: one sentence on how to read it.
    """

    contrast: str
    split: str
    score: str
    groups: tuple[CauseGroup, ...]
    reading: str


@dataclass(frozen=True)
class Description:
    """A number that describes features or trainings, and decides nothing.

    Attributes:
        name: what it is, for example ``k-NN consistency across views``.
        of: arm, source or pair of sources that it describes.
        group: the part that it was measured in; empty: the whole.
        mean, low, high: the number and its interval; NaN where there is none.
        unit: of it.
        reading: one sentence on how to read it.
    """

    name: str
    of: str
    group: str
    mean: float
    low: float
    high: float
    unit: str
    reading: str


@dataclass(frozen=True)
class CellCost:
    """What a cell took.

    Attributes:
        target, arm: which cell.
        seconds: mean wall time of a seed by step.
        parameters: parameters that were trained.
        shared: seeds whose run was there before, or was made for another cell.
    """

    target: str
    arm: str
    seconds: dict[str, float]
    parameters: int
    shared: int


@dataclass(frozen=True)
class Transfer:
    """A transfer report.

    Attributes:
        name: of the design.
        title: what it asks, one sentence.
        comparisons: all scores of all cells, by target.
        findings: answers, in the order of the design.
        unanswered: questions that nothing can be said of yet.
        savings: label saving.
        causes: where differences come from.
        descriptions: what else is known of features and trainings.
        costs: of all cells.
        margins: what is of no consequence, by score.
        level: how often intervals shall hold the truth.
        seeds: how many were asked for.
        training_scenes, held_out_scenes: how many rooms.
        cautions: what a reader must know.
        protocol: how scores were taken, a sentence a target.
    """

    name: str
    title: str
    comparisons: dict[str, Comparison]
    findings: tuple[Finding, ...]
    unanswered: tuple[Contrast, ...] = ()
    savings: tuple[LabelSaving, ...] = ()
    causes: tuple[Cause, ...] = ()
    descriptions: tuple[Description, ...] = ()
    costs: tuple[CellCost, ...] = ()
    margins: dict[str, float] = field(default_factory=dict)
    level: float = 0.95
    seeds: int = 0
    training_scenes: int = 0
    held_out_scenes: int = 0
    cautions: tuple[str, ...] = ()
    protocol: dict[str, str] = field(default_factory=dict)
