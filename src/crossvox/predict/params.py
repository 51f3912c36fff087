"""How whole scenes are predicted, and how meshes are made of them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Literal

from crossvox.core.checks import ParamsError, expect
from crossvox.core.grid import Index3
from crossvox.core.params import check_choices
from crossvox.scene.params import VoteParams

Blend = Literal["hann", "tent", "flat"]


@dataclass(frozen=True)
class SurfaceParams:
    """How a mesh is made of probabilities.

    Attributes:
        method: ``ridge`` draws the surface into the middle of the occupied shell, ``level`` leaves
            it where the probability crosses the level, ``hard`` first rounds every voxel to free or
            occupied (staircases; the published pipeline).
        level: probability at which a voxel counts as surface, between 0 and 1.
        ridge_sigma_voxels: how much the volume is smoothed to find the middle, in voxels.
        gap_voxels: distance that ``ridge`` leaves between the two sheets of the shell, in voxels:
            sheets that coincide flicker in every viewer.

    Raises:
        ParamsError: the level is not between 0 and 1, or the smoothing or the gap is negative.
    """

    method: Literal["ridge", "level", "hard"] = "ridge"
    level: float = 0.5
    ridge_sigma_voxels: float = 0.7
    gap_voxels: float = 0.2

    def __post_init__(self) -> None:
        check_choices(self)
        expect(
            0 < self.level < 1
            and 0 <= self.ridge_sigma_voxels < math.inf
            and 0 <= self.gap_voxels < math.inf,
            given=f"level {self.level}, smoothing {self.ridge_sigma_voxels} voxels, gap "
            f"{self.gap_voxels} voxels",
            needed="a level between 0 and 1, a smoothing and a gap of 0 or more",
            do="correct --surface.*",
            error=ParamsError,
        )


Amount = Literal["none", "safe", "full"]
"""How much is completed; see :class:`CompletionParams`."""


@dataclass(frozen=True)
class CompletionParams:
    """How much a run of surface completion adds to what was measured.

    The learnt surface is drawn where the network is surer than the confidence with the best
    expected F-score (:mod:`crossvox.predict.threshold`), and than a floor.

    Attributes:
        completion: ``none`` leaves the fused surface as it is; ``safe`` adds what a scan along the
            same way would measure; ``full`` adds what else there is, too: the backs of things,
            what is under them, and how the room goes on.
        frames: use no more than this many frames, evenly chosen; 0 = all.
        margin_m: how far beyond the measured surface the room may reach, metres.
        safe_confidence, full_confidence: floors of the two.
        free_margin_m: what two frames look through by more than this is taken away, metres.

    Raises:
        ParamsError: a value makes no sense.
    """

    completion: Amount = "safe"
    frames: int = 0
    margin_m: float = 0.6
    safe_confidence: float = 0.35
    full_confidence: float = 0.25
    free_margin_m: float = 0.04

    def __post_init__(self) -> None:
        check_choices(self)
        expect(
            self.frames >= 0
            and 0 <= self.margin_m < 100
            and 0 < self.full_confidence <= 1
            and 0 < self.safe_confidence <= 1
            and self.free_margin_m >= 0,
            given=f"frames {self.frames}, margin_m {self.margin_m}, confidences "
            f"{self.full_confidence} and {self.safe_confidence}, free_margin_m "
            f"{self.free_margin_m}",
            needed="numbers of 0 or more, and confidences above 0 and up to 1",
            do="correct --complete.*",
            error=ParamsError,
        )

    @property
    def least_confidence(self) -> float:
        """The floor."""
        return self.full_confidence if self.completion == "full" else self.safe_confidence


@dataclass(frozen=True)
class SmoothParams:
    """How classes are smoothed within the parts of a surface.

    The surface is cut into parts by its normals and colours, coarser and coarser; what a vertex is
    said to be is the mean of what it and its parts are, each counting alike.

    Attributes:
        scales: of the cuts: the larger, the coarser; none smooths nothing. Of a surface in voxels
            of 2 cm, 0.5 gives parts such as one side of a box, 5 furniture and walls.
        color: how much a difference of colour (1: black to white, in one channel) counts beside
            one of normals (1: a right angle).
        least_vertices: smaller parts are joined to what is most alike beside them.
        half_m: what no frame labelled takes the classes of what is nearest along the surface;
            after so many metres half of the certainty is left.

    Raises:
        ParamsError: a value makes no sense.
    """

    scales: tuple[float, ...] = (0.5, 1.0, 2.0, 5.0)
    color: float = 0.25
    least_vertices: int = 30
    half_m: float = 0.5

    def __post_init__(self) -> None:
        expect(
            all(0 < scale < math.inf for scale in self.scales)
            and 0 <= self.color < math.inf
            and self.least_vertices >= 1
            and self.half_m > 0,
            given=f"scales {self.scales}, color {self.color}, least_vertices "
            f"{self.least_vertices}, half_m {self.half_m}",
            needed="scales and half_m above 0, at least one vertex, a colour of 0 or more",
            do="correct --label.smooth.*",
            error=ParamsError,
        )


@dataclass(frozen=True)
class LabelParams:
    """How the surface takes its classes from labelled frames.

    Attributes:
        votes: which frames count for a voxel, and how much.
        smooth: how classes are smoothed along the surface.
        temperature: probabilities p of a vertex become p^(1 / temperature), made to sum to 1 again.
            With 1 they hold on real views as often as they say; in generated rooms more often
            (docs/labels.md).
        unknown_below: a vertex whose label is less likely than this stays without one.
        shown_height: height in pixels (of upright frames, their width) that frames are brought to
            before a network labels them; None: what the network shows whole images at.
        looks: a network is not asked of a frame nearly all of which this many others have been
            labelled for, one of ``votes.half_m`` away counting half
            (:mod:`crossvox.predict.looks`); 0: it is asked of every frame. Label images are all
            used.

    Raises:
        ParamsError: a probability beyond 0 to 1, a temperature that is not positive, or a height or
            number of looks that makes no sense.
    """

    votes: VoteParams = field(default_factory=VoteParams)
    smooth: SmoothParams = field(default_factory=SmoothParams)
    temperature: float = 1.0
    unknown_below: float = 0.0
    shown_height: int | None = None
    looks: int = 6

    def __post_init__(self) -> None:
        expect(
            self.looks >= 0,
            given=f"{self.looks} looks",
            needed="0 or more",
            do="correct --label.looks",
            error=ParamsError,
        )
        expect(
            0 <= self.unknown_below <= 1 and 0 < self.temperature < math.inf,
            given=f"unknown_below {self.unknown_below}, temperature {self.temperature}",
            needed="a probability from 0 to 1, and a positive temperature",
            do="correct --unknown-below or --label.temperature",
            error=ParamsError,
        )
        expect(
            self.shown_height is None or 32 <= self.shown_height <= 4096,
            given=f"frames shown at a height of {self.shown_height}",
            needed="a height from 32 to 4096 pixels",
            do="correct --label.shown-height",
            error=ParamsError,
        )

    @property
    def of_network(self) -> dict[str, int]:
        """What is asked of a network alone, and not as usual: values by flag."""
        asked = {"label.shown-height": self.shown_height, "label.looks": self.looks}
        usual = {"label.looks": LabelParams.looks}
        return {
            flag: value
            for flag, value in asked.items()
            if value is not None and value != usual.get(flag)
        }


@dataclass(frozen=True)
class PredictParams:
    """How whole scenes are predicted.

    Attributes:
        stride: voxels that the window moves along x, y, z; at most the window's shape. Half the
            shape makes every voxel the middle of some window.
        batch_size: windows predicted at a time.
        blend: how overlapping windows are weighted: ``hann`` and ``tent`` favour window centres,
            ``flat`` does not.
        colors: collect a mean colour a voxel, for coloured meshes.
        least_views: views that a window needs to be predicted. The published pipeline drops what
            has fewer than 5, and with it surface.
        least_occupied: share of occupied voxels of the *truth* that a window needs to exceed. The
            published pipeline leaves out what has 1 % or less; anything above 0 looks at the truth,
            and is of use to repeat its numbers alone. Below 0: no matter.
        prior_frames: frames that classes start from, of a network that starts from what frames say:
            ``all`` that see a voxel, or those that its ``windows`` look at, as in training.
        surface: how the mesh is made of the probabilities; docs/adr/0003-class-weights.md tells why
            the level is 0.35.
        complete: how much a run of surface completion adds to what was measured.
        label: how its surface takes its classes from labelled frames.

    Raises:
        ParamsError: a stride or the batch size is not positive.
    """

    stride: Index3 = (16, 16, 32)
    batch_size: int = 4
    blend: Blend = "hann"
    colors: bool = True
    least_views: int = 1
    least_occupied: float = -1.0
    prior_frames: Literal["all", "windows"] = "all"
    surface: SurfaceParams = field(default_factory=lambda: SurfaceParams(level=0.35))
    complete: CompletionParams = field(default_factory=CompletionParams)
    label: LabelParams = field(default_factory=LabelParams)

    def __post_init__(self) -> None:
        check_choices(self)
        expect(
            len(self.stride) == 3 and min(self.stride) > 0 and self.batch_size > 0,
            given=f"stride {self.stride}, batches of {self.batch_size}",
            needed="positive numbers",
            do="pass a stride such as 16 16 32 and a batch size such as 4",
            error=ParamsError,
        )
        expect(
            self.least_views >= 1 and self.least_occupied < 1,
            given=f"least_views={self.least_views}, least_occupied={self.least_occupied}",
            needed="at least one view, and a share below 1",
            do="correct --least-views or --least-occupied",
            error=ParamsError,
        )

    def with_completion(self, amount: Amount | None) -> PredictParams:
        """The same with another amount of completion; None leaves it as it is."""
        if amount is None:
            return self
        return replace(self, complete=replace(self.complete, completion=amount))

    def with_doubt(self, unknown_below: float | None) -> PredictParams:
        """The same with another least probability of labels; None leaves it as it is."""
        if unknown_below is None:
            return self
        return replace(self, label=replace(self.label, unknown_below=unknown_below))
