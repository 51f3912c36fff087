"""The experiment matrix as data: what the arms of a study are, and what each differs in.

An arm is one way to train. All arms of a study come from one set of parameters and share seeds,
sub-volumes, budget and held-out scenes, so that a difference between two of them has one cause.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

from crossvox.core.checks import ParamsError, expect

Features = Literal["colors", "projection", "random", "imagenet", "run"]
"""What is lifted: colours, or the maps of a 2D network with these weights."""


@dataclass(frozen=True)
class Arm:
    """One way to train, or a baseline that is not trained.

    Attributes:
        name: also its folder's.
        differs: one sentence on what it differs in.
        learns: whether there is anything to train; a baseline is computed once for all arms.
    """

    name: str
    differs: str
    learns: bool = True


@dataclass(frozen=True)
class ReconstructArm(Arm):
    """An arm of the reconstruction study.

    Attributes:
        features: what is lifted.
        trainable: whether the 2D network learns, at a rate of its own.
        proxy: whether it learns from the frames' labels as well.
    """

    features: Features = "colors"
    trainable: bool = False
    proxy: bool = False

    @property
    def needs_run(self) -> bool:
        """Whether a 2D run must be named: for its weights, or to be like its architecture."""
        return self.features != "colors"


MASK_ONLY = "mask-only"
TSDF = "tsdf"

RECONSTRUCT_BASELINES = (
    Arm(MASK_ONLY, "Nothing learnt: exactly the voxels that some view sees are surface.", False),
    Arm(TSDF, "Nothing learnt: TSDF fusion of all frames' depth.", False),
)
"""What is scored once beside the arms, whatever they are."""

RECONSTRUCT_ARMS = (
    ReconstructArm("rgb", "Colours are lifted as they are, at the images' size."),
    ReconstructArm(
        "rgb-matched",
        "Colours at the features' resolution, spread over as many channels by a fixed random "
        "matrix: what features of this shape are worth if they know nothing but colour.",
        features="projection",
    ),
    ReconstructArm(
        "random",
        "The 2D network with random weights, frozen, its batch norms set on training images: what "
        "the architecture is worth without anything learnt.",
        features="random",
    ),
    ReconstructArm(
        "imagenet",
        "The 2D network with its encoder's ImageNet weights and a random decoder, frozen: what "
        "training for another purpose is worth.",
        features="imagenet",
    ),
    ReconstructArm(
        "segmentation",
        "The 2D network as trained for segmentation, frozen.",
        features="run",
    ),
    ReconstructArm(
        "segmentation-trainable",
        "The same, learning with the reconstruction at a rate of its own.",
        features="run",
        trainable=True,
    ),
    ReconstructArm(
        "segmentation-proxy",
        "The same, and the frames' labels go on teaching it.",
        features="run",
        trainable=True,
        proxy=True,
    ),
)
"""The arms of the reconstruction study, in the order they are trained and shown."""

RECONSTRUCT_CONTROLS = ("rgb", "rgb-matched", MASK_ONLY)
"""What each arm is compared with."""

Mode = Literal["full", "published", "decoder", "probe"]
"""What learns of a network that starts from another run."""


@dataclass(frozen=True)
class SegmentArm(Arm):
    """An arm of the 3D segmentation study.

    Attributes:
        lifts_features: whether features of the 2D run are lifted, or colours.
        start: whether it starts from a reconstruction run of the same input.
        mode: what of that learns.
        long: whether it is given the steps of that run as well, where it has no start.
    """

    lifts_features: bool = True
    start: bool = False
    mode: Mode = "full"
    long: bool = False


VOTES = "2d-votes"
MAJORITY = "majority"

SEGMENT3D_BASELINES = (
    Arm(VOTES, "No 3D network: the 2D run's labels of all frames vote in each voxel.", False),
    Arm(MAJORITY, "The training labels' most frequent class everywhere.", False),
)
"""What is scored once beside the arms, whatever they are."""

SEGMENT3D_ARMS = (
    SegmentArm("scratch", "Features of the 2D run, a 3D network that starts from chance."),
    SegmentArm(
        "from-reconstruction",
        "The same, the 3D network starting from a reconstruction run on the same features.",
        start=True,
    ),
    SegmentArm(
        "scratch-long",
        "From chance, with as many steps as the reconstruction run and the segmentation together: "
        "what the steps alone are worth.",
        long=True,
    ),
    SegmentArm(
        "from-reconstruction-published",
        "From the reconstruction run, its weights but the last two blocks at a twentieth of the "
        "rate.",
        start=True,
        mode="published",
    ),
    SegmentArm(
        "probe",
        "From the reconstruction run, a linear probe: only the classifier learns.",
        start=True,
        mode="probe",
    ),
    SegmentArm(
        "rgb-scratch",
        "Colours in place of features: no part has seen a label before.",
        lifts_features=False,
    ),
    SegmentArm(
        "rgb-from-reconstruction",
        "Colours, starting from a reconstruction run on colours.",
        lifts_features=False,
        start=True,
    ),
)
"""The arms of the 3D segmentation study, in the order they are trained and shown."""

SEGMENT3D_CONTROLS = ("scratch", VOTES, MAJORITY)
"""What each arm is compared with."""

A = TypeVar("A", bound=Arm)


def choose_arms(arms: Sequence[A], names: str) -> tuple[A, ...]:
    """Arms by name, in the order of the matrix.

    Args:
        arms: the matrix.
        names: separated by commas, or "all".

    Raises:
        ParamsError: an unknown name, or none at all.
    """
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    known = [arm.name for arm in arms]
    unknown = [name for name in wanted if name not in (*known, "all")]
    expect(
        bool(wanted) and not unknown,
        given=f"arms {names!r}" + (f", of which {', '.join(unknown)} unknown" if unknown else ""),
        needed=f"all, or some of {', '.join(known)} (baselines are always scored)",
        do="pass --arms NAME,NAME",
        error=ParamsError,
    )
    return tuple(arm for arm in arms if "all" in wanted or arm.name in wanted)
