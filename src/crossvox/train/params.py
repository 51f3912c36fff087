"""What can be said about a training run before it begins: parameters and names of files.

Nothing heavy is imported here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from crossvox.core.checks import ParamsError, expect

TENSORBOARD = "tensorboard"
TRACKERS = "trackers.json"
NETWORK = "network.safetensors"
OPTIMIZER = "optimizer.safetensors"
SELFTEST = "selftest.safetensors"

LOSS = "loss"
"""Name of the score that is the mean loss over the validation split, where a task has one."""

NEUTRAL = frozenset({"workers", "device", "save_every", "max_minutes", "tensorboard", "trackers"})
"""Parameters that may change when a run goes on: they steer how, not what, is learnt."""


CheckpointName = Literal["auto", "average", "best", "last"]
"""Which weights of a run are taken; :mod:`crossvox.train.chosen` tells what ``auto`` is."""

Part = Literal["images", "input", "encoder", "decoder", "last", "classifier"]
"""Parts of a network, see :meth:`crossvox.networks.scene_unet.SceneUNet.parts`."""

Mode = Literal["full", "published", "decoder", "probe"]


MOST_SAMPLES = 4096
"""No machine takes more sub-volumes at once; a slip of the keyboard shall not fill its memory."""


@dataclass(frozen=True)
class TrainParams:
    """How a network is trained. The defaults suit a small network on a CPU.

    Attributes:
        steps: optimizer steps of the whole run; the rate schedule is laid over them.
        batch_size: samples in one forward pass of one process.
        accumulate: forward passes whose gradients are averaged for one step. With losses that are
            means over samples this equals one batch of ``accumulate * batch_size``.
        rate: learning rate after warm-up (AdamW).
        weight_decay: decoupled weight decay (AdamW).
        decay: what decays. ``all``: every weight but the uncertainties of several losses, which a
            task exempts. ``matrices``: kernels and matrices alone; biases, scales of norms and
            scalars are left as they learn, as is common for large networks. Decay takes about
            ``weight_decay * rate * steps / 2`` of a weight in a whole run, 0.5 % with the defaults,
            so that the two differ in long runs and with strong decay (200 steps, three seeds: by
            at most 0.0002 in IoU, where seeds differ by 0.002).
        schedule: ``cosine`` falls to ``final_share * rate`` at the last step; ``poly`` does, too,
            by the power 0.9 of the steps that are left, as is usual for segmentation;
            ``constant`` stays.
        average: share that stays, each step, of a moving average of the weights, which is kept as
            the checkpoint ``average`` and validated beside the weights themselves; 0: none.
        warmup_steps: steps over which the rate rises linearly to its full value.
        final_share: share of the rate that is left at the end of the cosine schedule.
        clip_norm: largest gradient norm; longer gradients are scaled down to it. 0: no clipping.
        validate_every: steps between validations; the last step is always validated. 0: only then.
        validate_batches: batches of one validation, spread evenly over the split. 0: all of it.
        save_every: steps between writes of the ``last`` checkpoint, besides one after every
            validation and one at the end. 0: only those.
        seed: seed of initial weights, order, augmentation and dropout.
        workers: processes that load data; 0 loads in the training process.
        device: where to compute; ``auto`` takes an accelerator if there is one.
        mixed_precision: number format of forward passes. On CUDA devices it is used where they
            support it; on a CPU ``bf16`` is, where the processor has instructions for it and a
            short measurement at the start finds it faster, and ``fp16`` never is. The manifest
            tells what was used and why.
        max_minutes: stop after this time of training, all sessions of the run together. The
            schedule stays laid over ``steps``, so a run stopped by time ends at a rate above its
            final one: prefer ``steps``.
        tensorboard: whether to write TensorBoard files beside ``log.jsonl``.
        trackers: experiment trackers that are told the same curves, such as ``wandb`` and
            ``mlflow``: any that accelerate knows and whose package is installed.

    Raises:
        ParamsError: a value makes no sense.
    """

    steps: int = 1000
    batch_size: int = 4
    accumulate: int = 1
    rate: float = 1e-3
    weight_decay: float = 0.01
    decay: Literal["all", "matrices"] = "all"
    schedule: Literal["cosine", "poly", "constant"] = "cosine"
    average: float = 0.0
    warmup_steps: int = 20
    final_share: float = 0.01
    clip_norm: float = 1.0
    validate_every: int = 100
    validate_batches: int = 0
    save_every: int = 0
    seed: int = 0
    workers: int = 0
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    mixed_precision: Literal["no", "fp16", "bf16"] = "no"
    max_minutes: float | None = None
    tensorboard: bool = True
    trackers: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name, least in (
            ("steps", 1),
            ("batch_size", 1),
            ("accumulate", 1),
            ("rate", 0),
            ("weight_decay", 0),
            ("warmup_steps", 0),
            ("final_share", 0),
            ("clip_norm", 0),
            ("validate_every", 0),
            ("validate_batches", 0),
            ("save_every", 0),
            ("seed", 0),
            ("workers", 0),
        ):
            value = getattr(self, name)
            expect(
                math.isfinite(value) and value >= least,
                given=f"{name} = {value}",
                needed=f"a number of at least {least}",
                do="correct the training parameters",
                error=ParamsError,
            )
        expect(
            self.batch_size <= MOST_SAMPLES,
            given=f"batch_size = {self.batch_size}",
            needed=f"at most {MOST_SAMPLES} samples in one forward pass",
            do="correct --train.batch-size, or take more batches a step (--train.accumulate)",
            error=ParamsError,
        )
        expect(
            0 <= self.average < 1,
            given=f"average = {self.average}",
            needed="a share from 0 to below 1, such as 0.998",
            do="correct --train.average",
            error=ParamsError,
        )
        expect(
            self.final_share <= 1 and (self.max_minutes is None or self.max_minutes > 0),
            given=f"final_share = {self.final_share}, max_minutes = {self.max_minutes}",
            needed="a share of at most 1, and a time above 0 or none",
            do="correct the training parameters",
            error=ParamsError,
        )


@dataclass(frozen=True)
class TransferParams:
    """How a run starts from another one.

    Attributes:
        mode: what learns. ``full``: everything at the run's rate. ``published``: the last two
            blocks at the run's rate, what was loaded before them at ``rest_share`` of it.
            ``decoder``: what was loaded into input and encoder stays as it is. ``probe``: all that
            was loaded but the classifier stays as it is (linear probe). What could not be loaded
            always learns at the full rate.
        load: parts that are loaded. ``images`` is the 2D network, which otherwise comes from
            ``--features``.
        rest_share: rate of the rest for ``published``, as a share of the run's rate; published:
            5e-5 beside 1e-3.
        head: what becomes of a two-class classifier where 41 classes are asked for. ``spread``: its
            free class stays, each other class starts as an equal share of its occupied class, so
            that geometry is kept from the first step on. One of 41 classes where two are asked for
            is gathered: its free class stays, the occupied one starts as the mean of all others.
            ``new``: both start from chance.

    Raises:
        ParamsError: a value makes no sense.
    """

    mode: Mode = "full"
    load: tuple[Part, ...] = ("input", "encoder", "decoder", "last", "classifier")
    rest_share: float = 0.05
    head: Literal["spread", "new"] = "spread"

    def __post_init__(self) -> None:
        expect(
            len(self.load) > 0 and 0 <= self.rest_share <= 1,
            given=f"parts {self.load}, a rest share of {self.rest_share}",
            needed="at least one part to load, a share from 0 to 1",
            do="correct --transfer.*",
            error=ParamsError,
        )
