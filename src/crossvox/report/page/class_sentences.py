"""Class scores in words."""

from __future__ import annotations

from crossvox.core.formats import value_text
from crossvox.core.methods import LEARNT, MAJORITY, VOTES, method_name
from crossvox.metrics import LENIENT, STRICT
from crossvox.report.page.class_scores import ClassScores
from crossvox.report.page.differences import difference_text


def class_sentence(scores: ClassScores, where: str) -> str:
    """The number that matters, beside its baselines, whichever way they differ.

    Args:
        scores: of rooms or images.
        where: for example "On three held-out rooms".
    """
    learnt = scores.value(LEARNT)
    if learnt is None:
        shown = {m: v for m in scores.methods if (v := scores.value(m)) is not None}
        return f"{where}, {STRICT} over the benchmark classes: " + (
            ", ".join(f"{method_name(m)} {value_text(v)}" for m, v in shown.items()) or "no number"
        )
    who = "the 3D network" if scores.kind == "rooms" else f"the 2D network of run {scores.name}"
    text = f"{where} {who} reaches a strict mIoU of {value_text(learnt)} over the benchmark classes"
    votes, majority = scores.value(VOTES), scores.value(MAJORITY)
    if votes is not None:
        gaps = [of[LEARNT] - of[VOTES] for of in scores.by_scene() if {LEARNT, VOTES} <= of.keys()]
        text += (
            f"; the votes of the 2D network without any 3D network: {value_text(votes)} (the "
            f"difference is {difference_text(learnt - votes, gaps)})"
        )
    if majority is not None:
        text += f"; one class everywhere reaches {value_text(majority)}"
    return text


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
