"""What a diagnosis says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from crossvox.capture.doctor.agreement import Agreement

Severity = Literal["fault", "doubt", "note"]
"""``fault``: what is made of the capture will be rubble, or wrong in size; ``doubt``: something is
probably off, and results suffer; ``note``: worth knowing."""

SEVERITIES: tuple[Severity, ...] = ("fault", "doubt", "note")


@dataclass(frozen=True)
class Finding:
    """One thing that was found.

    Attributes:
        kind: a word for it, for programs: ``axes``, ``focal``, ``jump``, ...
        severity: how bad it is.
        text: one sentence, with the number.
        do: what to do about it; empty where there is nothing to do.
        flag: what to pass to the commands that read the capture; empty where no flag helps.
        number: the measured number itself, or None.
        confidence: 0 to 1, how sure it is.
        frames: numbers of the frames that it is about; empty: all of them.
    """

    kind: str
    severity: Severity
    text: str
    do: str = ""
    flag: str = ""
    number: float | None = None
    confidence: float = 1.0
    frames: tuple[int, ...] = ()

    @property
    def advice(self) -> str:
        """What to do, the flag in it."""
        return f"pass {self.flag}" if self.flag and not self.do else self.do


@dataclass(frozen=True)
class Diagnosis:
    """What was found in a capture.

    Attributes:
        name: scene name.
        frames: frames in the capture.
        agreement: how well depth and poses agree as the capture takes them; None where there are
            not two frames to hold against each other.
        findings: worst first.
        skip: frames that are better left out: number and reason.
        losses: by frame number, how badly it agrees with the next one: 0 to 1; empty if cheap.
        checked: what was looked at.
    """

    name: str
    frames: int
    agreement: Agreement | None
    findings: tuple[Finding, ...]
    skip: Mapping[int, str] = field(default_factory=dict)
    losses: Mapping[int, float] = field(default_factory=dict)
    checked: tuple[str, ...] = ()

    def of(self, severity: Severity) -> tuple[Finding, ...]:
        """Findings of one severity."""
        return tuple(one for one in self.findings if one.severity == severity)

    @property
    def sound(self) -> bool:
        """Whether nothing worse than a note was found."""
        return not self.of("fault") and not self.of("doubt")


def sorted_findings(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Worst first, otherwise in the order in which they were found."""
    return tuple(sorted(findings, key=lambda one: SEVERITIES.index(one.severity)))
