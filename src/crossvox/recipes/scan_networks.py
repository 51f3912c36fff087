"""Which networks make a room of a capture: a set that comes with the package, or one's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from crossvox.core.checks import ParamsError, expect

if TYPE_CHECKING:
    from crossvox.predict.params import Amount
    from crossvox.train.params import CheckpointName


@dataclass(frozen=True)
class ScanNetworks:
    """The runs that take part; None: nobody does it.

    Attributes:
        run: completes, reconstructs or segments the room.
        geometry: where the surface comes from, where ``run`` tells the classes.
        votes: a 2D run whose labels vote, beside a segmentation.
        images: labels frames; ``none`` where nothing shall.
        labels3d: corrects in 3D what frames say; ``none`` where nothing shall.
        remark: what is to be told of the choice; may be empty.
    """

    run: Path | None = None
    geometry: Path | None = None
    votes: Path | None = None
    images: Path | None = None
    labels3d: Path | None = None
    remark: str = ""


def choose_networks(
    run: Path,
    *,
    geometry: Path | None = None,
    votes: Path | None = None,
    images: Path | None = None,
    labels3d: Path | None = None,
    frame_labels: Path | None = None,
    classes: Path | None = None,
    unknown_below: float | None = None,
    completion: Amount | None = None,
    checkpoint: CheckpointName = "auto",
    of_network: Mapping[str, int] | None = None,
) -> ScanNetworks:
    """The networks for what was asked, all of them looked for before any work is done.

    Args:
        run: name of a set, ``none``, or a run.
        geometry, votes: see :func:`crossvox.recipes.predict.predict`.
        images: instead of the set's image network.
        labels3d: instead of the set's network of labels in 3D.
        frame_labels: a folder of labels, in place of an image network.
        classes, unknown_below: how the surface is labelled, likewise.
        completion: how much is to be completed.
        checkpoint: which weights of the runs.
        of_network: what is asked of a network that labels frames, see
            :func:`crossvox.recipes.labels.label_source`.

    Raises:
        ArtifactError, ParamsError: a run is missing, or cannot do what it is asked to; a table of
            classes that is none, or does not fit.
    """
    from crossvox.recipes.shipped import NONE, SETS, found_or_none, holds_run, shipped_set

    if str(run) == NONE:
        _expect_nothing(
            {
                "geometry": geometry,
                "votes": votes,
                "images": images,
                "labels3d": labels3d,
                "frame-labels": frame_labels,
                "classes": classes,
                "unknown-below": unknown_below,
                "completion": completion,
                "checkpoint": None if checkpoint == "auto" else checkpoint,
                **{f"predict.{flag}": value for flag, value in (of_network or {}).items()},
            }
        )
        return ScanNetworks()
    from crossvox.recipes.labels import label_source
    from crossvox.recipes.trained import completes, expect_roles

    labelled = any(
        one is not None for one in (images, labels3d, frame_labels, classes, of_network or None)
    )
    remark = ""
    if str(run) in SETS and not holds_run(run):
        chosen = shipped_set(str(run))
        remark = chosen.remark if images is None and frame_labels is None else ""
        expect(
            chosen.rooms is not None,
            given=f"--run {run}, of which this installation lacks {', '.join(chosen.missing)}",
            needed="a network that completes rooms",
            do="install the package again, or pass --run RUN, or --run none to fuse alone",
            error=ParamsError,
        )
        assert chosen.rooms is not None
        run = chosen.rooms
        if images is None and frame_labels is None:
            images = chosen.images or Path(NONE)
            if labels3d is None and chosen.images is not None:
                labels3d = chosen.labels or Path(NONE)
    else:
        run = _run_or_set(run)
    geometry = found_or_none(geometry)
    expect_roles(run, geometry, votes, completion)
    if labelled:
        possible = completes(run)
        label_source(
            images,
            frame_labels,
            classes,
            possible=possible,
            checkpoint=checkpoint,
            labels3d=labels3d,
            of_network=of_network,
        )
    return ScanNetworks(run, geometry, votes, images, labels3d, remark)


def _run_or_set(run: Path) -> Path:
    """As :func:`crossvox.recipes.shipped.find_run`, for whoever may have meant a set.

    Raises:
        ParamsError: a bare name that is neither a set, nor a run; tells the sets.
    """
    from crossvox.core.registry import nearest
    from crossvox.recipes.shipped import NONE, SETS, find_run

    sets = (*SETS, NONE)
    try:
        return find_run(run)
    except ParamsError:
        do = nearest(run.name, sets) or "check the path; 'crossvox models' tells what comes along"
        raise ParamsError(
            f"given: --run {run}, which does not exist; needed: a set of networks "
            f"({', '.join(sets)}), or a run folder; do: {do}"
        ) from None


def _expect_nothing(asked: dict[str, object]) -> None:
    given = [f"--{name} {value}" for name, value in asked.items() if value is not None]
    expect(
        not given,
        given=f"{' and '.join(given)} with --run none",
        needed="a network that predicts the room",
        do=f"leave --run none out, or leave {' and '.join(given)} out",
        error=ParamsError,
    )
