"""Class scores in words."""

from __future__ import annotations

import math

from crossvox.core.formats import value_text
from crossvox.core.methods import LEARNT, MAJORITY, VOTES, method_name
from crossvox.metrics import LENIENT, STRICT
from crossvox.report.page.class_scores import ClassScores
from crossvox.report.page.differences import against_text, answer_text, gap_of

QUESTION = "Does the 3D network label rooms better than the votes of the 2D network alone?"


def class_sentences(scores: ClassScores, where: str) -> list[str]:
    """The question that the scores answer, and the answer; what else they tell.

    Args:
        scores: of rooms or images.
        where: for example "on three held-out rooms".
    """
    learnt, votes, majority = (scores.value(m) for m in (LEARNT, VOTES, MAJORITY))
    if learnt is None:
        shown = {m: v for m in scores.methods if (v := scores.value(m)) is not None}
        told = ", ".join(f"{method_name(m)} {value_text(v)}" for m, v in shown.items())
        return [f"{STRICT} over the benchmark classes {where}: {told or 'no number'}."]
    least = "" if majority is None else f"; one class everywhere reaches {value_text(majority)}"
    if votes is None:
        who = "The 3D network" if scores.kind == "rooms" else f"The 2D network of {scores.name}"
        text = f"{who} reaches {STRICT} {value_text(learnt)} over the benchmark classes {where}"
        return [f"{text}{least}."]
    rooms = scores.by_scene()
    gap = gap_of(*([of.get(m, math.nan) for of in rooms] for m in (LEARNT, VOTES)))
    told = f"{STRICT} {against_text(learnt, votes, gap)}, over the benchmark classes {where}"
    return [f"{QUESTION} {answer_text(gap)}: {told}{least}."]


def class_facts(scores: ClassScores) -> list[tuple[str, str]]:
    """The numbers in large type."""
    names = {
        LEARNT: "strict mIoU, 3D network" if scores.kind == "rooms" else "strict mIoU, 2D network",
        VOTES: "strict mIoU, 2D votes",
        MAJORITY: "strict mIoU, majority class",
    }
    facts = [
        (value_text(value), text)
        for method, text in names.items()
        if (value := scores.value(method)) is not None
    ]
    lenient = scores.value(LEARNT, LENIENT)
    if lenient is not None:
        facts.insert(1, (value_text(lenient), "mIoU counted leniently, as published"))
    return facts
