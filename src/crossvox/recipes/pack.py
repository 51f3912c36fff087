"""A training run to a small folder that can be given to others."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from crossvox.core.artifact import digest, file_digest, read_json, read_manifest
from crossvox.core.checks import ArtifactError, ParamsError, expect
from crossvox.core.files import PARAMS
from crossvox.core.params import check_choices
from crossvox.flow.runner import Runner, Work
from crossvox.flow.stage import Input, Stage, how
from crossvox.recipes.cards import RUN_NAME
from crossvox.recipes.commands import Flag
from crossvox.recipes.shipped import find_run
from crossvox.recipes.start import START
from crossvox.train.chosen import Taken, chosen
from crossvox.train.folder import RunRecord, read_record
from crossvox.train.params import NETWORK, CheckpointName

_PREFIX = re.compile(r"[A-Za-z][A-Za-z0-9-]*")


@dataclass(frozen=True)
class PackParams:
    """How a run is packed.

    Attributes:
        precision: what kernels are stored as: ``fp16``, or ``int8`` with a scale for each output
            channel, which is half as large.
        checkpoint: which weights: best, last, average (of --train.average), or auto: the average if
            it scored no worse in validation, else the best, else the last.
        scenes_as: what the record calls scenes by: with ``generated-room-100``, scene0042_00 is
            called generated-room-100-0042, so that nobody's scene0042_00 is taken for it. Empty:
            they keep their names.
        scenes: which scenes of --data are scored: val, train, all, or names separated by commas.

    Raises:
        ParamsError: a value makes no sense.
    """

    precision: Literal["fp16", "int8"] = "fp16"
    checkpoint: CheckpointName = "auto"
    scenes_as: str = ""
    scenes: str = "val"

    def which(self, run: Path) -> Taken:
        """The checkpoint of a run that is packed."""
        return chosen(run, self.checkpoint)

    def __post_init__(self) -> None:
        check_choices(self)
        expect(
            not self.scenes_as or bool(_PREFIX.fullmatch(self.scenes_as)),
            given=f"--scenes-as {self.scenes_as}",
            needed="letters, digits and dashes",
            do="correct --scenes-as",
            error=ParamsError,
        )


@dataclass(frozen=True)
class PackRun(Stage):
    """A run in little room, with card and self-test, in a folder of its name.

    Attributes:
        run: by record and weights.
        name: of the packed run.
        params: how it is packed.
        others: runs of the same network whose weights the mean is taken with.
        card: a card whose words are taken over.
        scores: scores for the card.
        data: what scores before and after are measured on: a data folder,
        images, labels, depths: or folders of images, of a network that labels them.
        device: where that is done.
    """

    NAME = "pack"

    run: Input
    name: str
    params: PackParams
    others: tuple[Input, ...] | None = None
    card: Input | None = None
    scores: Input | None = None
    data: Input | None = None
    images: Input | None = None
    labels: Input | None = None
    depths: Input | None = None
    device: str = how("auto")

    @property
    def scored_on(self) -> dict[str, Path]:
        """Folders that scores before and after are measured on, by role; empty: none are."""
        roles = {role: getattr(self, role) for role in ("data", "images", "labels", "depths")}
        return {role: given.path for role, given in roles.items() if given is not None}

    def make(self, work: Work) -> Mapping[str, Any]:
        """See :func:`crossvox.recipes.pack_run.pack_run`."""
        from crossvox.recipes.pack_run import pack_run

        return pack_run(self, work)


@dataclass(frozen=True)
class PackReport:
    """What was packed.

    Attributes:
        run: the packed run, a run folder like any other.
        bytes: size of its weights.
        packing: what storing them so costs in output, and in score where data were given.
        open: fields of its card that nobody has filled in yet.
        renamed: how many names of scenes were changed, and paths shortened to names.
    """

    run: Path
    bytes: int
    packing: str
    open: tuple[str, ...]
    renamed: int

    @property
    def shown(self) -> Path | None:
        """The packed run, where its card is whole and can be shown."""
        return None if self.open else self.run


def pack(
    run: Path,
    out: Path,
    params: PackParams | None = None,
    *,
    name: str = "",
    others: Annotated[tuple[Path, ...], Flag("mean-with")] = (),
    card: Path | None = None,
    scores: Path | None = None,
    data: Path | None = None,
    images: Path | None = None,
    labels: Path | None = None,
    depths: Path | None = None,
    device: str = "auto",
    runner: Runner | None = None,
) -> PackReport:
    """Make a small folder of a run that can be given to others: OUT/NAME.

    It holds the weights of one checkpoint, the record of the run, a card, and a small input with
    the answer to it, by which the weights are tested where they are loaded. What packing costs in
    output is told, and with --data in score.

    Args:
        run: run folder of a 2D network, of surface completion, or of labels in 3D.
        out: folder that OUT/NAME is written to.
        params: precision, checkpoint, names of scenes.
        name: what the packed run is called, for example my-rooms; by default as RUN.
        others: runs of the same network, each trained from the same start as RUN: the mean of all
            their weights is packed, which is often better than each, and costs nothing where it is
            used (Wortsman et al., Model soups, 2022). From different starts it is worth nothing.
        card: a card.json whose words are taken over; what can be measured is measured anew.
        scores: JSON of scores for the card: what 'crossvox evaluate segment2d' wrote, or a list
            with the fields of a card's scores.
        data: prepared or flat labelled data that scores before and after are measured on.
        images: instead of it, a folder of colour images, for a network that labels them.
        labels: its label images of the same names, 8-bit PNG with NYU40 ids.
        depths: its depth images of the same names.
        device: auto, cpu, cuda, ...; where scores are measured.
        runner: who packs.

    Raises:
        ArtifactError: one of a task that cannot be packed, or a folder that holds another packed
            run.
        CheckpointError: its weights are missing, damaged or not finite.
        ParamsError: no such run, a name that is none, or a mean with another network.
    """
    run = find_run(run)
    runs = tuple(find_run(other) for other in others)
    name = name or run.resolve().name
    expect(
        bool(RUN_NAME.fullmatch(name)),
        given=f"a run that is to be called {name}",
        needed="lower case letters, digits and single dashes, such as my-rooms",
        do="pass --name NAME",
        error=ParamsError,
    )
    held = sorted({path.parent.name for path in out.glob(f"*/{PARAMS}")} - {name})
    expect(
        not held,
        given=f"{out}, which holds {', '.join(held)}, for {name}",
        needed="a folder for each packed run: what is there would be replaced",
        do="name another OUT",
        error=ArtifactError,
    )
    params = params or PackParams()
    for other in runs:
        _expect_same_network(run, other)
    stage = PackRun(
        _by_record_and_weights(run, params),
        name,
        params,
        others=tuple(_by_record_and_weights(other, params) for other in runs) or None,
        card=None if card is None else Input.file(card),
        scores=None if scores is None else Input.file(scores),
        data=None if data is None else Input.folder(data),
        images=None if images is None else Input.files(images),
        labels=None if labels is None else Input.files(labels),
        depths=None if depths is None else Input.files(depths),
        device=device,
    )
    (runner or Runner()).make(stage, out)
    notes = read_manifest(out).notes
    told = {key: notes[key] for key in ("bytes", "packing", "renamed")}
    return PackReport(out / name, open=tuple(notes["open"]), **told)


def _by_record_and_weights(run: Path, params: PackParams) -> Input:
    weights = run / params.which(run) / NETWORK
    return Input(run, digest([read_json(run / PARAMS), file_digest(weights)]))


def _expect_same_network(run: Path, other: Path) -> None:
    """A mean is taken of what answers the same question about the same numbers, from one start."""
    expect(
        run.resolve() != other.resolve(),
        given=f"--mean-with {other}, which is the run itself",
        needed="another training",
        do="leave --mean-with out, or name another run",
        error=ParamsError,
    )
    own, its = (_answered(read_record(one)) for one in (run, other))
    others = [what for what in own if own[what] != its[what]]
    expect(
        own[START] is not None and not others,
        given=f"--mean-with {other}, whose {(*others, START)[0]} is not that of {run}",
        needed="runs that went on from the same weights, with the same --task.* parameters",
        do="train it with the --from or --start, and the --task.*, of the other",
        error=ParamsError,
    )


def _answered(record: RunRecord) -> dict[str, Any]:
    """What two runs have to have in common, for a mean of their weights to be one of them."""
    recipe = record.recipe if isinstance(record.recipe, dict) else {}
    return {
        "task and network": (record.task, record.task_params),
        "normalisation of images": recipe.get("normalisation"),
        START: record.parents.get(START),
    }
