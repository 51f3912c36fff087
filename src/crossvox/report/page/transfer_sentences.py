"""Sentences of a transfer report: what each finding says, no more and no less."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from crossvox.core.formats import counted, value_text
from crossvox.core.methods import arm_name
from crossvox.metrics.power import times_both
from crossvox.report.page.differences import between_text
from crossvox.report.page.transfer_findings import VERDICTS, Shown, p_text
from crossvox.report.values import as_dict, as_list, number


def in_short(found: Shown) -> str:
    """A finding as a sentence that needs no table."""
    less = f"; shown to be less than {found.margin:g}" if found.verdict == "equivalent" else ""
    return f"{VERDICTS[found.verdict][1]}: {found.score} {found.effect}{less}."


def answer(found: Shown) -> str:
    """The same, and what would decide it where nothing does."""
    parts = [in_short(found)]
    if found.verdict == "undecided" and found.off_zero:
        parts.append(
            f"The interval leaves 0 out, but among all questions asked that is no proof "
            f"(p = {p_text(found.p_adjusted)} after Holm)."
        )
    if found.verdict == "undecided":
        parts.append(needed(found))
    if found.verdict == "equivalent" and found.off_zero:
        parts.append("The interval leaves 0 out: what difference there is, is too small to matter.")
    return " ".join(parts)


def within(found: Shown, level: str) -> str:
    """On what an equivalence rests; ``level`` is that of the inner interval."""
    if found.verdict != "equivalent":
        return ""
    between = between_text(*found.inner)
    return f"The {level} interval, {between}, lies within {found.margin:g} on both sides of 0."


def needed(found: Shown) -> str:
    """What would decide a question that is undecided, as far as the numbers tell."""
    if found.smallest is None:
        return "These results do not tell how much it varies."
    text = (
        f"So many seeds and rooms find a true difference of {found.smallest:.2g} "
        f"in {found.chance:.0%} of all studies"
    )
    if found.margin <= 0 or found.smallest <= found.margin:
        return f"{text}."
    ways = []
    if found.seeds_needed is not None:
        ways.append(f"{counted(found.seeds_needed, 'seed')} on these rooms")
    if found.rooms_needed is not None:
        ways.append(f"{counted(found.rooms_needed, 'room')} with these seeds")
    if not ways:
        times = counted(times_both(found.smallest, found.margin), "time")
        return f"{text}; one of {found.margin:g} takes up to {times} as many of both."
    return f"{text}; for one of {found.margin:g} it takes {' or '.join(ways)}."


@dataclass(frozen=True)
class Open:
    """A question that nothing can be said of yet.

    Attributes:
        question: a sentence.
        title: arm and control.
        target: of both.
        named: whether it is one of the questions that were asked beforehand.
    """

    question: str
    title: str
    target: str
    named: bool


def unanswered(record: Mapping[str, Any]) -> list[Open]:
    """Questions of a record that nothing can be said of yet."""
    found = [as_dict(one) for one in as_list(record.get("unanswered"))]
    return [
        Open(
            str(one.get("question") or f"What is {one['arm']} worth?"),
            f"{arm_name(str(one['arm']))} less {arm_name(str(one['control']))}",
            str(one.get("target") or ""),
            one.get("named") is not False,
        )
        for one in found
        if one.get("arm") and one.get("control")
    ]


def asked(findings: Sequence[Shown], record: Mapping[str, Any]) -> int:
    """Questions that were asked beforehand, answered or not."""
    return sum(one.named for one in findings) + sum(one.named for one in unanswered(record))


def lead(findings: Sequence[Shown], record: Mapping[str, Any]) -> list[str]:
    """The first paragraph: the first named question of every target, then how many there are."""
    if not findings:
        return ["No question of this study can be answered yet."]
    named = [one for one in findings if one.named]
    told_of = named or list(findings)
    first = {one.target: one for one in reversed(told_of)}
    heads = [one for one in told_of if first[one.target] is one]
    parts = [f"{one.question} {in_short(one)} {_sides(one)}".strip() for one in heads]
    counts = [(v, sum(one.verdict == v for one in told_of)) for v in VERDICTS]
    number_asked = asked(findings, record)
    counts.append(("not answered yet", number_asked - len(named)))
    told = ", ".join(f"{count} {verdict}" for verdict, count in counts if count)
    questions = counted(number_asked, "question") + " asked beforehand"
    if not named:
        questions = counted(len(told_of), "exploratory difference")
    over = (
        f"{_ranged([one.seeds for one in told_of if one.seeds], 'seed')} and "
        f"{_ranged([one.rooms for one in told_of], 'held-out room')}"
    )
    level = number(record.get("level")) or 0.95
    alone = ", over rooms alone" if all(one.seeds < 2 for one in told_of) else ""
    parts.append(f"Of {questions}, over {over}: {told}. In brackets: {level:.0%} intervals{alone}.")
    readings = _readings(heads, record)
    return [*parts[:-1], f"{parts[-1]} {readings}".strip()]


def _sides(found: Shown) -> str:
    """What both sides of a difference score."""
    if found.arm_mean is None or found.control_mean is None:
        return ""
    arm, control = (arm_name(name) for name in (found.arm, found.control))
    scores = f"{value_text(found.arm_mean)}, {control} {value_text(found.control_mean)}"
    return f"{arm[:1].upper()}{arm[1:]} scores {scores}."


def _readings(findings: Sequence[Shown], record: Mapping[str, Any]) -> str:
    """How the scores of some findings are read, each once."""
    told: dict[str, str] = {}
    for one in findings:
        comparison = as_dict(as_dict(record.get("comparisons")).get(one.target))
        reading = as_dict(as_dict(comparison.get("kinds")).get(one.score)).get("reading")
        if reading:
            told.setdefault(one.score, str(reading))
    return " ".join(f"{score}: {text[:1].lower()}{text[1:]}" for score, text in told.items())


def _ranged(counts: Sequence[int], noun: str) -> str:
    """How many there are of something, where not all have as many."""
    least, most = min(counts, default=0), max(counts, default=0)
    return counted(most, noun) if least == most else f"{least} to {most} {noun}s"
