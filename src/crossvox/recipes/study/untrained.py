"""2D networks of 0 steps: what takes the place of a trained one in an arm.

Batch norms that never saw an image would pass on values of any size; their statistics are therefore
set on training images. Those of a pretrained encoder are left as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from crossvox.core.artifact import plain, write_json
from crossvox.core.checks import CheckpointError, ParamsError, expect
from crossvox.core.files import PARAMS
from crossvox.flow.runner import Work
from crossvox.flow.stage import Input, Stage, how
from crossvox.networks.packaged import PACKAGES
from crossvox.recipes.image_run import Segment2dRun, load_segment2d
from crossvox.recipes.run_input import RunInput
from crossvox.tasks.params import Segment2dParams
from crossvox.tasks.segment2d import CLASSES, Segment2d
from crossvox.train.folder import lineage_of, make_record

if TYPE_CHECKING:
    from crossvox.networks.features2d import Network2D

CALIBRATION_IMAGES = 64
"""Training images that the batch norms of an untrained network are set on, evenly chosen."""

CALIBRATION_BATCH = 8

TIMM = "timm:"
"""Beginning of the names of timm's backbones."""

KINDS = ("projection", "random", "imagenet", "bn", "bn:imagenet")
"""What there is in the place of a trained network, beside ``timm:NAME``: a fixed random matrix on
mean colours, random weights, ImageNet's in the encoder and a random decoder; the trained network,
or the one with ImageNet's encoder, with nothing but its batch norms' statistics taken anew."""


@dataclass(frozen=True)
class UntrainedNetwork(Stage):
    """A 2D run of 0 steps.

    Attributes:
        run2d: the trained run; gives architecture, channels, stride and class shares.
        data: where the images are from.
        kind: one of :data:`KINDS`, or ``timm:NAME``.
        seed: of the weights.
        images: gives what batch norms are set on, ``(N, 3, H, W)`` normalised; called if there is
            anything to set.
        calibration: how many images that is, at most.
        scenes: names of the scenes that they are from.
    """

    NAME = "study-network"
    NUMBERS = 1

    run2d: RunInput
    data: Input
    kind: str
    seed: int
    images: Callable[[], Any] = how()
    calibration: int = CALIBRATION_IMAGES
    scenes: tuple[str, ...] = how(())

    def make(self, work: Work) -> Mapping[str, Any]:
        """Write a run folder.

        Raises:
            ParamsError: there are no ImageNet weights for this architecture without a download.
        """
        from crossvox.networks.projection import projection_name

        record, trained = load_segment2d(self.run2d.path, self.run2d.checkpoint)
        task = untrained(record.params.task, self.kind)
        if self.kind == "projection":
            name = projection_name(trained.feature_channels, trained.feature_stride)
            task = replace(task, network=name)
        network, weights = self._network(task, record.task.shares, trained, work)
        anew = self.kind.partition(":")[0] == "bn"
        calibrated = calibrate(network, self.images, every=anew)
        scenes = self.scenes
        if self.kind == "bn":
            scenes = (*scenes, *lineage_of(self.run2d.path).scenes)
        write_run2d(work, network, record, task, self.kind, scenes)
        return {
            "step": 0,
            "kind": self.kind,
            "weights": weights,
            "batch_norms": sum(_is_norm(module) for module in network.modules()),
            "batch_norms_set_on_training_images": calibrated,
        }

    def _network(
        self, task: Segment2dParams, shares: tuple[float, ...], trained: Any, work: Work
    ) -> tuple[Network2D, str]:
        """The network, and where its weights are from."""
        import torch

        from crossvox.networks import build_network2d

        if self.kind == "bn":
            return trained, "of the 2D run"
        if self.kind.startswith(TIMM):
            return self._backbone(task, work)
        if self.kind != "projection":
            return built(Segment2d(task, shares), self.seed), task.weights
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            return build_network2d(task.network, CLASSES, seed=self.seed), "a fixed random matrix"

    def _backbone(self, task: Segment2dParams, work: Work) -> tuple[Network2D, str]:
        """A backbone of timm, with the weights that can be had."""
        import torch

        packaged = ("auto",) if task.network.removeprefix(TIMM) in PACKAGES else ()
        with torch.random.fork_rng(devices=[]):
            for weights in ("pretrained", *packaged, "none"):
                torch.manual_seed(self.seed)
                try:
                    network = Segment2d(replace(task, weights=weights)).build()
                except CheckpointError as error:
                    work.progress.say(f"{self.kind}: {error}")
                else:
                    break
        told = {"auto": "of a package", "none": "random"}.get(weights, weights)
        work.progress.say(f"{self.kind}: weights {told}")
        return network, told


def write_run2d(
    work: Work,
    network: Network2D,
    record: Segment2dRun,
    task: Segment2dParams,
    kind: str,
    scenes: tuple[str, ...],
) -> None:
    """Write a 2D run of 0 steps.

    Args:
        work: its folder.
        network: its network.
        record: of the trained run that it is like.
        task: its network's name.
        kind: what it is.
        scenes: what it has learnt from, statistics of batch norms included.
    """
    from crossvox.recipes.segment2d import Segment2dRunParams
    from crossvox.train.checkpoint import save_checkpoint

    save_checkpoint(work.out / "best", network, {"step": 0, "kind": kind})
    given, shares = record.params, record.task.shares
    params = Segment2dRunParams(train=given.train, task=task, images=given.images)
    run = make_record(
        Segment2d.name,
        task,
        given.train,
        samples={"train": 0},
        recipe={"params": params, "split": "not trained", "class_shares": shares},
        scenes=scenes,
    )
    write_json(work.out / PARAMS, plain(run))
    work.learnt_from = scenes


def untrained(task: Segment2dParams, kind: str) -> Segment2dParams:
    """What a 2D run would be without its training: from what it started from, or from nothing."""
    if kind.startswith(TIMM):
        return replace(task, network=kind, depth=False, weights="pretrained", freeze="all")
    start = "none"
    if kind in ("imagenet", "bn:imagenet"):
        start = "auto" if task.weights == "none" else task.weights
    return replace(task, weights=start, freeze="all")


def built(task: Segment2d, seed: int) -> Network2D:
    """A network with its initial weights.

    Raises:
        ParamsError: weights were asked for, and are the same as without.
    """
    import torch

    def build(weights: bool) -> Network2D:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return task.build(weights=weights)

    network = build(True)
    if task.params.weights != "none":
        without = build(False).state_dict()
        expect(
            any(not torch.equal(v, without[name]) for name, v in network.state_dict().items()),
            given=f"arm imagenet for the 2D network {task.params.network}",
            needed="an architecture whose ImageNet weights are at hand (lite)",
            do="leave the arm out: --arms NAME,NAME",
            error=ParamsError,
        )
    return network


def calibrate(network: Any, images: Callable[[], Any], *, every: bool = False) -> int:
    """Set the statistics of batch norms that never saw an image; the network ends frozen.

    A batch norm counts as unused while its running mean is 0 and its running variance 1
    everywhere. Statistics are means over batches of the images.

    Args:
        network: a 2D network.
        images: gives ``(N, 3, H, W)`` normalised images; not called if there is nothing to set.
        every: also those that saw images before.

    Returns:
        How many batch norms features depend on, and were set.
    """
    import torch

    unused = [
        module for module in network.modules() if _is_norm(module) and (every or _never_saw(module))
    ]
    network.eval()
    if unused:
        for module in unused:
            module.reset_running_stats()
            module.momentum = None  # a plain mean over batches
            module.train()
        with torch.no_grad():
            for batch in images().split(CALIBRATION_BATCH):
                network.features(batch.contiguous(memory_format=torch.channels_last))
    network.eval()
    # The classifier's are no part of features and stay as they are.
    return sum(int(module.num_batches_tracked) > 0 for module in unused)


def _never_saw(norm: Any) -> bool:
    return bool((norm.running_mean == 0).all()) and bool((norm.running_var == 1).all())


def _is_norm(module: Any) -> bool:
    from torch import nn

    return isinstance(module, nn.BatchNorm2d) and module.running_mean is not None
