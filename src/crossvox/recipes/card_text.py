"""Cards of networks as Markdown, which reads well in a terminal too."""

from __future__ import annotations

from collections.abc import Sequence

from crossvox.recipes.cards import Card, CardScore
from crossvox.recipes.shipped import SETS, sets_of

MARK = "<!-- made of the cards by 'crossvox models --page': change those -->"
"""First line of a page that was written from cards."""

INTRODUCTION = """\
# Networks that come with the package

    crossvox models                      # what there is: set, task, size, licence
    crossvox models default3d            # one card
    crossvox models --check              # digest and self-test of every one
    crossvox scan CAPTURE OUT --run free # networks learnt from generated rooms alone

Weights are safetensors, read when they are first needed. Beside them lie the record of the run
(`params.json`), this card (`card.json`), and a small input with what the network answered to it
(`selftest.safetensors`). Whoever loads such a run compares the SHA-256 of its weights and that
answer, once a process: a damaged file, or a machine that computes otherwise, is an error before
anything is predicted.

A name stands wherever a run folder is asked for: `--run default3d`, `crossvox evaluate segment2d
default2d DATA`. A run here that is called so goes first.

## Sets

| set | classes of images | surface of rooms | classes in 3D |
|---|---|---|---|
"""

PACKED = """\
## A run of your own

    crossvox pack RUN OUT --name my-rooms                     # OUT/my-rooms, half floats
    crossvox pack RUN OUT --name my-rooms --precision int8    # half of that
    crossvox pack RUN OUT --name my-rooms --card CARD.json --scores SCORES.json
    crossvox pack RUN OUT --name my-rooms --mean-with RUN2    # the mean of both trainings' weights

`OUT/my-rooms` is a run folder like any other, a few megabytes large, without a path of your disk.
The command tells what packing costs in output, and with `--data` in score; `card.json` holds what
the run tells of itself, and empty fields for what it does not: fill them in, and give the file as
`--card`.

`--mean-with RUN2 ...` packs the mean of the weights of several trainings that went on from the
same network (`--from`, `--start`): with other data, rates or seeds, they end in one valley, and its
middle is often better than each (Wortsman et al., Model soups, ICML 2022), at the cost of one. Runs
of other networks or other starts are refused. The mean has scores and a calibration of its own:
measure them with the packed run.

`int8` stores the kernel `NAME` of a convolution or linear layer as int8, and beside it `NAME.scale`
(float32, one number for each output channel): the kernel is their product. All else is float16, and
so are depthwise kernels: few numbers, and most of what 8 bits would cost. It is unpacked when it is
read: networks compute with floats. Measured: `default3d` loses at most 0.001 F-score in 8 bits (two
rooms, 10 and 20 frames); a network of images changed its pixel accuracy over 160 frames from 0.6612
to 0.6615 and its mIoU of 40 classes from 0.2395 to 0.2402.
"""


def card_text(card: Card, heading: str = "#") -> str:
    """One card, as Markdown."""
    lines = [
        f"{heading} {card.name}",
        "",
        f"{card.title} Version {card.version}, "
        + (f"set {' and '.join(sets_of(card.name))}, " if sets_of(card.name) else "")
        + f"task `{card.task}`.",
        "",
        f"- **Reads**: {card.reads}",
        f"- **Gives**: {card.gives}",
        f"- **Weights**: {card.parameters:,} parameters, {card.files} ({card.bytes:,} bytes), "
        f"{card.precision}, checkpoint `{card.checkpoint}`. {card.packing}",
        f"- **Licence of the weights**: {card.licence}.",
        *(f"- **Learnt from**: {data.what} *Terms*: {data.terms}" for data in card.data),
        *(
            f"- **Started from**: {start.what} *Source*: {start.source} *Licence*: {start.licence}"
            for start in card.start or ()
        ),
        *([] if card.start else ["- **Started from**: random weights."]),
        f"- **Recipe** (seed {card.seed}; {card.took}):",
        "",
        *(f"      {command}" for command in card.recipe),
        "",
        *_score_lines(card.scores),
        "Limits:",
        "",
        *(f"- {limit}" for limit in card.limits),
        "",
        f"SHA-256 `{card.sha256}`",
    ]
    return "\n".join(lines)


def _score_lines(scores: Sequence[CardScore]) -> list[str]:
    rows = [
        f"| {score.name} | {score.value:.3f}{_unit(score)}{_interval(score)} | "
        f"{score.baseline}: {score.baseline_value:.3f} | {score.protocol} | {score.how} |"
        for score in scores
    ]
    head = ["| score | value | beside it | protocol | measured |", "|---|---|---|---|---|"]
    return [*head, *rows, ""]


def _unit(score: CardScore) -> str:
    return "" if score.unit == "ratio" else f" {score.unit}"


def _interval(score: CardScore) -> str:
    return "" if score.interval is None else " ({:.3f} to {:.3f})".format(*score.interval)


def models_page(cards: Sequence[Card]) -> str:
    """The page about all networks that come with the package, as Markdown."""
    there = {card.name for card in cards}
    rows = [
        f"| `{name}` | "
        + " | ".join(
            f"`{member}`" + ("" if member in there else " (not in this version)")
            for member in (members[role] for role in ("images", "rooms", "labels"))
        )
        + " |"
        for name, members in SETS.items()
    ]
    total = sum(card.bytes for card in cards)
    told = f"All weights together: {total / 1e6:.1f} MB."
    parts = [f"{MARK}\n{INTRODUCTION}" + "\n".join(rows), told, PACKED.rstrip()]
    return "\n\n".join([*parts, *(card_text(card, "##") for card in cards)]) + "\n"
