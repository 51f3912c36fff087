"""Class scores in words."""

from __future__ import annotations

from crossvox.core.methods import LEARNT, MAJORITY, VOTES, method_name
from crossvox.metrics import LENIENT, STRICT
from crossvox.report.page.class_scores import ClassScores


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
            ", ".join(f"{method_name(m).lower()} {v:.2f}" for m, v in shown.items()) or "no number"
        )
    who = "the 3D network" if scores.kind == "rooms" else f"the 2D network of run {scores.name}"
    text = f"{where} {who} reaches a strict mIoU of {learnt:.2f} over the benchmark classes"
    votes, majority = scores.value(VOTES), scores.value(MAJORITY)
    if votes is not None:
        gain = learnt - votes
        if round(abs(gain), 2) == 0:
            text += (
                f", the same as the votes of the 2D network without any 3D network ({votes:.2f})"
            )
        else:
            text += (
                f", {abs(gain):.2f} {'above' if gain > 0 else 'below'} the votes of the 2D network "
                f"without any 3D network ({votes:.2f})"
            )
    if majority is not None:
        text += f"; one class everywhere reaches {majority:.2f}"
    return text


def class_facts(scores: ClassScores) -> list[tuple[str, str]]:
    """The numbers in large type."""
    names = {
        LEARNT: "strict mIoU, 3D network" if scores.kind == "rooms" else "strict mIoU, 2D network",
        VOTES: "strict mIoU, 2D votes",
        MAJORITY: "strict mIoU, majority class",
    }
    facts = [
        (f"{value:.2f}", text)
        for method, text in names.items()
        if (value := scores.value(method)) is not None
    ]
    lenient = scores.value(LEARNT, LENIENT)
    if lenient is not None:
        facts.insert(1, (f"{lenient:.2f}", "mIoU counted leniently, as published"))
    return facts
