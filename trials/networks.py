"""The networks that come with the package, measured anew: their cards, and records of the pages.

``python -m trials.networks NYU WORK [--only TEXT ...]`` measures what holds one of the texts in its
name, all without. NYU holds ``image``, ``label`` and ``depth`` of NYU Depth v2's training frames;
WORK gets the frames held out of them, single views of these, generated rooms, and predictions. A
call that is run again goes on. What was measured goes to ``docs/numbers`` and into the cards; then

    crossvox models --page docs/models.md
    python -m trials.numbers list

write the page of cards, and tell which numbers of other pages no longer hold.
"""

from __future__ import annotations

import argparse
import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crossvox.core.artifact import write_json
from crossvox.core.files import CARD
from crossvox.samples.pairs import folder_pairs, split_pairs
from trials.numbers import CARDS, keep, taken

HELD_OUT, VIEWS, ROOMS, SHORTER = "held", "views", "rooms", "rooms100"
"""What WORK holds: frames of NYU Depth v2, single views of them, rooms of 120 and of 100 frames."""

DEPTHS = (
    "--depths depth --depth-images.units-per-m 25.5 --depth-images.offset 0.5 --depth-images.size "
    "640 480 --depth-images.focal 518.858 519.470 --depth-images.centre 313.418 253.736"
)
VIEW = (
    "--intrinsics 518.858,519.470,313.418,253.736 --depth-scale 0.0392157 --depth-offset 0.5 "
    "--prefix nyu"
)
ROOM = "--seed 300 --count 10 --width 320 --height 240"

OF_IMAGES = (
    r"^scores/(mIoU strict|mIoU present|pixel accuracy|mIoU 40 classes|mean class accuracy)"
    r"( \(majority class\))?/(value|details/(low|high))$"
)
OF_ROOMS = (
    r"^whole/(learnt|votes_2d)/((mIoU present|mIoU 40 classes|vertex accuracy)/(value|details/"
    r"(low|high))|calibration error/)|^ahead/votes_2d/(mIoU present|mIoU 40 classes)/"
)
OF_OBJECTS = (
    r"^whole/[^/]+/(AP 25|AP 50|Found 25|Outline IoU|Wall length error|Area error|Doors found|"
    r"Windows found)/(value|support)$"
)

WAYS = {
    "": "",
    ", mirrored image as well (--flip)": "--flip",
    ", two sizes (--shown-heights 300 420)": "--shown-heights 300 420",
    ", two sizes and their mirror images (--flip --shown-heights 300 420)": "--flip "
    "--shown-heights 300 420",
}
"""How images are shown, as cards call it, and by which flags."""


@dataclass(frozen=True)
class Measured:
    """Something that is measured.

    Attributes:
        name: of its record.
        pages: that show it.
        take: which numbers.
        commands: to be run in WORK; of each, ``{out}`` is a place of its own, and ``{run}`` a
            copy of ``default2d``. The last one is given ``--json``.
        of: what it was measured on, in words.
        cards: scores of cards that it tells: network, name on the card, name here.
    """

    name: str
    pages: tuple[str, ...]
    take: str
    commands: tuple[str, ...]
    of: str
    cards: tuple[tuple[str, str, str], ...] = ()

    @property
    def slug(self) -> str:
        """The name as a file is called."""
        return re.sub(r"\W+", "-", self.name).strip("-")


def everything() -> Iterator[Measured]:
    """All that is measured; the calibration first, which what labels frames goes by."""
    yield Measured(
        "calibration of default2d",
        ("labels.md",),
        "",
        (f"crossvox calibrate {{run}} --images image --labels label {DEPTHS}",),
        "the 160 held-out frames of NYU Depth v2",
    )
    for depth, flags in (("with depth", DEPTHS), ("colour alone", "")):
        for way, how in WAYS.items():
            yield _image_scores(depth + way, " ".join(filter(None, (flags, how))), among=False)
            yield _image_scores(depth + way, " ".join(filter(None, (flags, how))), among=True)
    both = "--images default2d --labels3d labels3d"
    yield _room_scores("ten generated rooms", ROOMS, both, "labels3d", "rooms of 120 frames")
    few = f"{both} --complete.frames 20"
    yield _room_scores(
        "the same rooms, 20 frames", ROOMS, few, "labels3d", "20 frames of each room"
    )
    yield _room_scores("160 real views", VIEWS, both, "labels3d", "real single views")
    for name, data in (("ten generated rooms", ROOMS), ("160 real views", VIEWS)):
        for what, flags in (
            ("answers among 20 classes", "--classes benchmark20"),
            ("every frame labelled", "--label.looks 0"),
            ("frames shown at a height of 240", "--label.shown-height 240"),
        ):
            if data != VIEWS or "looks" not in flags:
                yield _room_scores(f"{name}, {what}", data, f"{both} {flags}")
    plain = "--images default2d --labels3d none --label.looks 0 --label.smooth.scales"
    yield _room_scores("weighted, interpolated", ROOMS, plain)
    plain += (
        " --label.votes.angle-power 0 --label.votes.half-m inf --label.votes.border 0"
        " --label.votes.no-interpolate"
    )
    yield _room_scores("mean of probabilities, equal weights", ROOMS, plain)
    free = "--images free2d --labels3d free-labels3d"
    card = "free-labels3d"
    yield _room_scores("free: ten generated rooms", ROOMS, free, card, "rooms of 120 frames")
    yield _room_scores("free: 160 real views", VIEWS, free, card, "real single views")
    yield Measured(
        "objects of ten generated rooms",
        ("objects.md",),
        OF_OBJECTS,
        (
            f"crossvox predict default3d {SHORTER} {{out}} --scenes all {both}",
            f"crossvox evaluate objects {{out}} {SHORTER}",
        ),
        f"crossvox rooms {ROOM} --frames 100",
    )


def _image_scores(name: str, flags: str, *, among: bool) -> Measured:
    label = f"answered among 20 classes, {name}" if among else name
    flags += " --classes benchmark20" * among
    command = f"crossvox evaluate segment2d default2d --images image --labels label {flags}".strip()
    if among:
        whole = f"mIoU over benchmark classes, answered among them, {name}"
        cards = [("default2d", whole, "mIoU present")]
    else:
        cards = [
            ("default2d", f"mIoU over benchmark classes, {name}", "mIoU present"),
            ("default2d", f"mIoU over 40 classes, {name}", "mIoU 40 classes"),
            ("default2d", f"pixel accuracy over 40 classes, {name}", "pixel accuracy"),
            ("default2d", f"mean class accuracy over 40 classes, {name}", "mean class accuracy"),
        ]
    return Measured(
        f"default2d {label}",
        ("networks-2d.md",),
        OF_IMAGES,
        (f"{command} --out {{out}}",),
        "the 160 held-out frames of NYU Depth v2",
        tuple(cards),
    )


def _room_scores(name: str, data: str, flags: str, card: str = "", called: str = "") -> Measured:
    cards: tuple[tuple[str, str, str], ...] = ()
    if card:
        cards = (
            (card, f"mIoU over benchmark classes, {called}", "mIoU present"),
            (card, f"mIoU over 40 classes, {called}", "mIoU 40 classes"),
        )
    rooms = f"crossvox rooms {ROOM} --frames 120"
    return Measured(
        name,
        ("labels.md", "labels3d.md"),
        OF_ROOMS,
        (
            f"crossvox predict default3d {data} {{out}} --scenes all {flags}",
            f"crossvox evaluate segment3d {{out}} {data}",
        ),
        rooms if data == ROOMS else "the 160 held-out frames, as rooms of one view",
        cards,
    )


def prepare(nyu: Path, work: Path) -> None:
    """Make what is measured on, as far as it is not there."""
    shutil.copytree(CARDS / "default2d", work / "default2d", dirs_exist_ok=True)
    _, held_out = split_pairs(folder_pairs(nyu / "image", nyu / "label").pairs, 0.2)
    for kind, suffix in (("image", ".jpg"), ("label", ".png"), ("depth", ".png")):
        folder = work / HELD_OUT / kind
        folder.mkdir(parents=True, exist_ok=True)
        for pair in held_out:
            path = folder / f"{pair.name}{suffix}"
            if not path.exists():
                path.symlink_to((nyu / kind / path.name).resolve())
    if not (work / VIEWS).exists():
        run(f"crossvox single-views image label depth ../{VIEWS} {VIEW}", work / HELD_OUT)
    for data, frames in ((ROOMS, 120), (SHORTER, 100)):
        if not (work / data).exists():
            run(f"crossvox rooms raw-{data} {ROOM} --frames {frames}", work)
            run(f"crossvox prepare raw-{data} {data} --frame-skip 1", work)


def run(command: str, folder: Path) -> None:
    """Run a command of this package, or end."""
    words = shlex.split(command)
    given = [sys.executable, "-m", *words, "--quiet"]
    print(" ".join(words), flush=True)
    if subprocess.run(given, cwd=folder, check=False).returncode:
        raise SystemExit(f"given: {command}, which failed; do: see above")


def measure(one: Measured, work: Path) -> None:
    """Measure it, enter its record, and change the cards that tell it."""
    out, found = work / "made" / one.slug, work / "scores" / f"{one.slug}.json"
    found.parent.mkdir(parents=True, exist_ok=True)
    folder = work / HELD_OUT if "--images image" in one.commands[-1] else work
    for number, command in enumerate(one.commands, start=1):
        last = f" --json {shlex.quote(str(found))}" if number == len(one.commands) else ""
        places = {"out": shlex.quote(str(out)), "run": shlex.quote(str(work / "default2d"))}
        run(command.format(**places) + last, folder)
    as_told = "; ".join(command.replace(" --out {out}", "") for command in one.commands)
    as_told = as_told.format(out="PRED", run="default2d")
    record = taken(one.name, found, f"{as_told} ({one.of})", one.take)
    for page in one.pages:
        keep(page, record)
    for network, called, score in one.cards:
        _tell(CARDS / network / CARD, called, record["numbers"], score)


def _tell(path: Path, called: str, numbers: Mapping[str, float], score: str) -> None:
    """Change a score of a card, if it has one that is called so."""
    card = json.loads(path.read_text(encoding="utf-8"))
    for entry in card["scores"]:
        if entry["name"] == called:
            entry.update(told(entry, numbers, score))
            write_json(path, card)


def told(entry: Mapping[str, Any], numbers: Mapping[str, float], score: str) -> dict[str, Any]:
    """What changes of a card's entry: value, interval, what stands beside it, the difference."""
    rooms = f"whole/learnt/{score}/value" in numbers
    learnt = f"whole/learnt/{score}" if rooms else f"scores/{score}"
    beside = f"whole/votes_2d/{score}" if rooms else f"scores/{score} (majority class)"

    def of(place: str) -> float:
        return round(numbers[place], 6)

    found = {
        "value": of(f"{learnt}/value"),
        "interval": [of(f"{learnt}/details/{end}") for end in ("low", "high")],
        "baseline_value": of(f"{beside}/value"),
    }
    if rooms:
        value, low, high = (of(f"ahead/votes_2d/{score}/{end}") for end in ("value", "low", "high"))
        found["protocol"] = re.sub(
            r"difference \S+ (\(95 % by the jackknife over \w+) \S+ to [^)]+\)",
            rf"difference {value:+.3f} \1 {low:+.3f} to {high:+.3f})",
            entry["protocol"],
        )
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("nyu", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--only", nargs="+", default=[""])
    asked = parser.parse_args(arguments)
    prepare(asked.nyu, asked.work)
    for one in everything():
        if any(text in one.name for text in asked.only):
            measure(one, asked.work)


if __name__ == "__main__":
    main()
