"""The experiment matrix as data: what the arms of a study are, and what each differs in.

An arm is one way to train. All arms of a study come from one set of parameters and share seeds,
sub-volumes, budget and held-out scenes, so that a difference between two of them has one cause:
what the arm sets by dotted names, and what it is made from. An arm is added from outside this
package by one file, that registers it or is an entry point of the group ``crossvox.arms``::

    register(
        Arm("wide", "The 3D network twice as wide.", "reconstruct", sets={"run.task.width": 32})
    )
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from crossvox.core.checks import ParamsError, expect
from crossvox.core.methods import (
    MAJORITY,
    MASK_ONLY,
    NETWORK_2D,
    RENDERED_VOTES,
    TSDF,
    VOTES,
)
from crossvox.core.registry import Registry
from crossvox.study import original
from crossvox.study.overrides import Of

RECONSTRUCT, SEGMENT3D, SEGMENT2D = "reconstruct", "segment3d", "segment2d"

SOURCES = (
    *("nothing", "random", "imagenet", "segment2d", "reconstruct-rgb", "reconstruct-features"),
    *("segment3d", "both"),
)
"""What an arm may have learnt before; ``timm:NAME`` and ``files:DIR`` name one themselves."""

RENDERED = "rendered"

MODES = ("probe", "decoder", "full", "trainable-2d", RENDERED)
"""What learns on the target: its classifier alone, all but the encoder, the whole 3D network, that
and the 2D network as well; nothing, for what is predicted by its start is rendered into frames."""


@dataclass(frozen=True)
class Arm:
    """One way to train, or a baseline that is not trained.

    Attributes:
        name: also its folder's.
        differs: one sentence on what it differs in.
        task: of the study that it belongs to.
        learns: whether there is anything to train; a baseline is computed once for all arms.
        control: whether all other arms are compared with it.
        sets: values by dotted name: ``run.`` parameters of the run, ``sources.`` what it learns
            from, ``predict.`` how held-out scenes are predicted; values that are a
            :class:`crossvox.study.overrides.Of` are the study's own.
        features: what is lifted: "" colours; "run2d" the features of the 2D run; "projection",
            "random", "imagenet" those of a network like it that is not trained (see
            :func:`crossvox.recipes.study.untrained.write_untrained`).
        start: task of the run that it starts from, on the same sub-volumes and features, or
            "TASK/ARM": the run of that arm with the same seed; "" none.
        source: what it has learnt before, see :data:`SOURCES`; with ``mode``, ``share`` and
            ``points`` its place in the matrix of a transfer report.
        mode: see :data:`MODES`.
        share: share of the training rooms whose labels are used, above 0 to 1.
        points: labelled points of a room; 0: all.
        control_of: name of the arm that it is a control of; "" none.
        by_name: whether it is trained only where it is named: "all" leaves it out.
    """

    name: str
    differs: str
    task: str = ""
    learns: bool = True
    control: bool = False
    sets: Mapping[str, Any] = field(default_factory=dict)
    features: str = ""
    start: str = ""
    source: str = "nothing"
    mode: str = "full"
    share: float = 1.0
    points: int = 0
    control_of: str = ""
    by_name: bool = False

    @property
    def needs_run(self) -> bool:
        """Whether a 2D run must be named: for its weights, or to be like its architecture."""
        return self.features != "" and not self.features.startswith("files:")

    @property
    def draws_own(self) -> bool:
        """Whether it cannot share its sub-volumes with other arms: it draws them by other rules,
        looks at them in another way, or has those of its start.
        """
        return self.mode == RENDERED or any(
            name.startswith(("run.chunks.", "run.views.")) for name in self.sets
        )


ARMS: Registry[Arm] = Registry("study arm", "crossvox.arms")


def register(arm: Arm) -> Arm:
    """Add an arm or a baseline.

    Raises:
        ParamsError: another one has its name.
    """
    return ARMS.register(arm.name, arm)


def arms_of(task: str) -> tuple[Arm, ...]:
    """What a study may train, in the order that it is done and shown."""
    return tuple(arm for arm in ARMS.values() if arm.task == task and arm.learns)


def baselines_of(task: str) -> tuple[Arm, ...]:
    """What is scored once beside the arms of a study, whatever they are."""
    return tuple(arm for arm in ARMS.values() if arm.task == task and not arm.learns)


def controls_of(task: str) -> tuple[str, ...]:
    """What each arm of a study is compared with."""
    return tuple(arm.name for arm in ARMS.values() if arm.task == task and arm.control)


def arms_help(task: str) -> str:
    """Which arms may be chosen, in one sentence."""
    names = ",".join(arm.name for arm in arms_of(task))
    baselines = " and ".join(arm.name for arm in baselines_of(task))
    aside = ",".join(arm.name for arm in arms_of(task) if arm.by_name)
    left_out = f" (all leaves out {aside})" if aside else ""
    return f"all, or some of {names}{left_out}; {baselines} are always scored."


def choose_arms(arms: Sequence[Arm], names: str) -> tuple[Arm, ...]:
    """Arms by name, in the order of the matrix.

    Args:
        arms: the matrix.
        names: separated by commas, or "all", but those that must be named.

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
    return tuple(arm for arm in arms if arm.name in wanted or ("all" in wanted and not arm.by_name))


_LEARNS = {"sources.features_rate": Of("features_rate")}
_LONG = {"run.train.steps": Of("long_steps")}

for _arm in (
    Arm("rgb", "Colours are lifted as they are, at the images' size.", RECONSTRUCT, control=True),
    Arm(
        "rgb-matched",
        "Colours at the features' resolution, spread over as many channels by a fixed random "
        "matrix: what features of this shape are worth if they know nothing but colour.",
        RECONSTRUCT,
        control=True,
        features="projection",
        control_of="random",
    ),
    Arm(
        "random",
        "The 2D network with random weights, frozen, its batch norms set on training images: what "
        "the architecture is worth without anything learnt.",
        RECONSTRUCT,
        features="random",
        source="random",
    ),
    Arm(
        "imagenet",
        "The 2D network with its encoder's ImageNet weights and a random decoder, frozen: what "
        "training for another purpose is worth.",
        RECONSTRUCT,
        features="imagenet",
        source="imagenet",
    ),
    Arm(
        "imagenet-trainable",
        "The same, learning with the reconstruction at a rate of its own: what learning is worth "
        "without anything learnt from segmentation.",
        RECONSTRUCT,
        features="imagenet",
        sets=_LEARNS,
        source="imagenet",
        mode="trainable-2d",
        control_of="segmentation-trainable",
    ),
    Arm(
        "segmentation",
        "The 2D network as trained for segmentation, frozen.",
        RECONSTRUCT,
        features="run2d",
        source="segment2d",
    ),
    Arm(
        "segmentation-long",
        "The same with twice the steps: what the steps of a run before it are worth alone.",
        RECONSTRUCT,
        features="run2d",
        sets=_LONG,
        source="segment2d",
        control_of="segmentation",
        by_name=True,
    ),
    Arm(
        "segmentation-trainable",
        "The same, learning with the reconstruction at a rate of its own.",
        RECONSTRUCT,
        features="run2d",
        sets=_LEARNS,
        source="segment2d",
        mode="trainable-2d",
    ),
    Arm(
        "segmentation-proxy",
        "The same, and the frames' labels go on teaching it.",
        RECONSTRUCT,
        features="run2d",
        sets={**_LEARNS, "sources.features_proxy": True},
        source="segment2d",
        mode="trainable-2d",
    ),
    Arm(
        MASK_ONLY,
        "Nothing learnt: exactly the voxels that some view sees are surface.",
        RECONSTRUCT,
        learns=False,
        control=True,
    ),
    Arm(TSDF, "Nothing learnt: TSDF fusion of all frames' depth.", RECONSTRUCT, learns=False),
    Arm(
        "scratch",
        "Features of the 2D run, a 3D network that starts from chance.",
        SEGMENT3D,
        control=True,
        features="run2d",
        source="segment2d",
    ),
    Arm(
        "from-reconstruction",
        "The same, the 3D network starting from a reconstruction run on the same features.",
        SEGMENT3D,
        features="run2d",
        start=RECONSTRUCT,
        sets={"run.transfer.mode": "full"},
        source="reconstruct-features",
    ),
    Arm(
        "scratch-long",
        "From chance, with as many steps as the reconstruction run and the segmentation together: "
        "what the steps alone are worth.",
        SEGMENT3D,
        features="run2d",
        sets=_LONG,
        source="segment2d",
        control_of="from-reconstruction",
    ),
    Arm(
        "from-reconstruction-published",
        "From the reconstruction run, its weights but the last two blocks at a twentieth of the "
        "rate.",
        SEGMENT3D,
        features="run2d",
        start=RECONSTRUCT,
        sets={"run.transfer.mode": "published"},
        source="reconstruct-features",
    ),
    Arm(
        "probe",
        "From the reconstruction run, a linear probe: only the classifier learns.",
        SEGMENT3D,
        features="run2d",
        start=RECONSTRUCT,
        sets={"run.transfer.mode": "probe"},
        source="reconstruct-features",
        mode="probe",
    ),
    Arm(
        "rgb-scratch",
        "Colours in place of features: no part has seen a label before.",
        SEGMENT3D,
    ),
    Arm(
        "rgb-from-reconstruction",
        "Colours, starting from a reconstruction run on colours.",
        SEGMENT3D,
        start=RECONSTRUCT,
        sets={"run.transfer.mode": "full"},
        source="reconstruct-rgb",
    ),
    Arm(
        VOTES,
        "No 3D network: the 2D run's labels of all frames vote in each voxel.",
        SEGMENT3D,
        learns=False,
        control=True,
    ),
    Arm(
        MAJORITY,
        "The training labels' most frequent class everywhere.",
        SEGMENT3D,
        learns=False,
        control=True,
    ),
    Arm(
        RENDERED,
        "Labels of a 3D segmentation from scratch, rendered back into the frames.",
        SEGMENT2D,
        features="run2d",
        start="segment3d/scratch",
        source="segment3d",
        mode=RENDERED,
    ),
    Arm(
        NETWORK_2D,
        "Nothing of 3D: what the 2D run says of each frame by itself.",
        SEGMENT2D,
        learns=False,
        control=True,
    ),
    Arm(
        RENDERED_VOTES,
        "No 3D network: the 2D run's classes of all frames, weighted and smoothed on the fused "
        "surface, rendered back into the frames.",
        SEGMENT2D,
        learns=False,
        control=True,
    ),
):
    register(_arm)

for _arm in (
    Arm(
        "thesis",
        "The recipe of 2022 as published, colours lifted: SurfaceNet, weights 1 and 13, one "
        "camera, tiles that need five views, hard voxels.",
        RECONSTRUCT,
        sets=original.RECONSTRUCTION,
        control_of="rgb",
        by_name=True,
    ),
    Arm(
        "thesis-features",
        "The same with features of the 2D run, frozen.",
        RECONSTRUCT,
        features="run2d",
        sets=original.RECONSTRUCTION,
        source="segment2d",
        control_of="segmentation",
        by_name=True,
    ),
    Arm(
        "thesis-segment3d",
        "The recipe of 2022 as published for 3D segmentation, from scratch on features of the 2D "
        "run: SurfaceNet, ScanNet's weights, one camera, tiles that need five views, hard voxels.",
        SEGMENT3D,
        features="run2d",
        sets=original.SEGMENTATION,
        source="segment2d",
        control_of="scratch",
        by_name=True,
    ),
    *(
        Arm(
            f"without-{name}",
            f"rgb with one of our changes taken back: {told}.",
            RECONSTRUCT,
            sets=sets,
            control_of="rgb",
            by_name=True,
        )
        for name, (told, sets) in original.WITHOUT_RECONSTRUCTION.items()
    ),
    *(
        Arm(
            f"without-{name}-segment3d",
            f"scratch with one of our changes taken back: {told}.",
            SEGMENT3D,
            features="run2d",
            sets=sets,
            source="segment2d",
            control_of="scratch",
            by_name=True,
        )
        for name, (told, sets) in original.WITHOUT_SEGMENTATION.items()
    ),
):
    register(_arm)
