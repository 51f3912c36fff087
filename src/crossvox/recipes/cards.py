"""The card of a network: what it is, what it is made from, how good it is, on what terms.

``card.json`` lies in the folder of the run. Whatever is measured of the files (parameters, bytes,
SHA-256) is written by ``crossvox pack``; the rest is somebody's word, and is checked to be there.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal

from crossvox.core.checks import ArtifactError, ParamsError, expect
from crossvox.core.files import CARD
from crossvox.core.params import read_as

_DIGEST = re.compile(r"[0-9a-f]{64}")
RUN_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


@dataclass(frozen=True)
class TrainingData:
    """Something that a network has learnt from.

    Attributes:
        what: which data, and how much of it.
        terms: on what terms they may be used.
    """

    what: str
    terms: str


@dataclass(frozen=True)
class StartingWeights:
    """Weights that training began with.

    Attributes:
        what: of which network, learnt from what.
        source: package and version that they came with.
        licence: of the file, and where that is stated.
    """

    what: str
    source: str
    licence: str


@dataclass(frozen=True)
class CardScore:
    """A number with what one needs to believe it.

    Attributes:
        name: what was measured.
        value: the number.
        unit: ``ratio``, ``m`` or ``%``.
        interval: its 95 % interval; None where there is none.
        baseline: what it stands beside: a method that learns nothing, or the other set.
        baseline_value: what that reaches.
        protocol: the rules, and over what.
        how: the commands or data that measure it again, and whether anything was chosen on them.
    """

    name: str
    value: float
    unit: str
    baseline: str
    baseline_value: float
    protocol: str
    how: str
    interval: tuple[float, float] | None = None


@dataclass(frozen=True)
class Card:
    """What is to be known of a network before it is used; see :meth:`expect_complete`.

    Attributes:
        name: of the run; that of its folder.
        version: raised when the weights change.
        title: one line.
        task: name of its task.
        reads: what goes in.
        gives: what comes out.
        licence: of the weights, in a word or two; what it follows from stands with the data.
        data: what it has learnt from, and on what terms.
        start: weights that training began with; empty: it began with random ones.
        recipe: the commands that make it again, from nothing.
        took: on what machine these took how long.
        seed: of the training.
        checkpoint: which one of the run it is.
        precision: numbers the kernels are stored as.
        packing: what storing them so costs.
        parameters: how many learnt numbers.
        bytes: size of the file of weights.
        sha256: of the file of weights.
        scores: each beside a baseline.
        limits: what it does not know, and what goes wrong.
    """

    name: str = ""
    version: str = "1"
    title: str = ""
    task: str = ""
    reads: str = ""
    gives: str = ""
    licence: str = ""
    data: tuple[TrainingData, ...] = ()
    start: tuple[StartingWeights, ...] = ()
    recipe: tuple[str, ...] = ()
    took: str = ""
    seed: int = 0
    checkpoint: str = ""
    precision: Literal["fp16", "int8"] = "fp16"
    packing: str = ""
    parameters: int = 0
    bytes: int = 0
    sha256: str = ""
    scores: tuple[CardScore, ...] = ()
    limits: tuple[str, ...] = ()

    def expect_complete(self) -> None:
        """Refuse a card that leaves something open.

        Raises:
            ParamsError: something is empty, or makes no sense; names the field.
        """
        lacking = open_fields(self)
        expect(
            not lacking,
            given=f"the card of {self.name or 'a network'}, whose {', '.join(lacking)} "
            f"{'is' if len(lacking) == 1 else 'are'} empty",
            needed="every field: whoever takes a network must know what it is",
            do=f"fill in {CARD}, and pack it again with --card",
            error=ParamsError,
        )
        fits = {
            "name": bool(RUN_NAME.fullmatch(self.name)),
            "sha256": bool(_DIGEST.fullmatch(self.sha256)),
            "parameters": self.parameters > 0,
            "bytes": self.bytes > 0,
            "scores": all(
                math.isfinite(score.value) and math.isfinite(score.baseline_value)
                for score in self.scores
            ),
        }
        wrong = [name for name, right in fits.items() if not right]
        expect(
            not wrong,
            given=f"the card of {self.name}, whose {', '.join(wrong)} make no sense",
            needed="a name in lower case, 64 hexadecimal digits, positive counts, finite scores",
            do=f"correct {CARD}",
            error=ParamsError,
        )

    @property
    def files(self) -> str:
        """Size of its weights in words: ``4.4 MB``."""
        return f"{self.bytes / 1e6:.1f} MB"


def open_fields(part: object, where: str = "") -> list[str]:
    """Dotted names of the fields of a card or of a part of it that say nothing yet."""
    found: list[str] = []
    for field in fields(part):  # type: ignore[arg-type]
        value, name = getattr(part, field.name), where + field.name
        if value == "" or (value == () and field.name != "start"):
            found.append(name)
        elif isinstance(value, tuple) and field.name != "interval":
            for number, item in enumerate(value):
                if item == "":
                    found.append(f"{name}.{number}")
                elif not isinstance(item, str):
                    found += open_fields(item, f"{name}.{number}.")
    return found


def read_card(run: Path) -> Card:
    """The card of a run that was packed, every field filled in.

    Raises:
        ArtifactError: it has none, or one that lacks something.
    """
    expect(
        (run / CARD).is_file(),
        given=f"{run}, which has no card",
        needed="a run that 'crossvox pack' wrote, or the name of one that comes with the package",
        do=f"pack it first: crossvox pack {run} OUT --name NAME",
        error=ArtifactError,
    )
    card = read_card_file(run / CARD)
    try:
        card.expect_complete()
    except ParamsError as error:
        raise ArtifactError(str(error)) from None
    return card


def read_card_file(path: Path) -> Card:
    """A card that may leave fields open.

    Raises:
        ArtifactError: missing, damaged, or no card; names the field.
    """
    return read_as(
        path,
        Card,
        needed="the card of a run that was packed",
        do="pack the run ('crossvox pack'), or install the package again",
    )
