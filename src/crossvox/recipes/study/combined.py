"""Features of two 2D networks: behind each other, or each for the rooms that it never saw."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from crossvox.core.artifact import write_json
from crossvox.core.checks import ParamsError, expect
from crossvox.flow.lineage import Lineage, together
from crossvox.flow.runner import Work
from crossvox.flow.stage import Input, Stage, how
from crossvox.recipes.image_run import load_segment2d
from crossvox.recipes.run_input import RunInput
from crossvox.recipes.study.untrained import CALIBRATION_BATCH, write_run2d
from crossvox.train.folder import lineage_of
from crossvox.views.params import ViewParams

if TYPE_CHECKING:
    from torch import Tensor

FIT_PIXELS = 20_000
"""Feature pixels that two networks are fitted to each other on, evenly chosen."""

FEATURES_FILE = "features.json"


@dataclass(frozen=True)
class BothNetworks(Stage):
    """A 2D run of 0 steps, whose features are those of two runs behind each other.

    Attributes:
        first: gives resolution and logits.
        second: brought to the resolution of the first; None: mean colours, turned in their space.
    """

    NAME = "study-both"
    NUMBERS = 1

    first: RunInput
    second: RunInput | None

    def make(self, work: Work) -> Mapping[str, Any]:
        """Write a run folder.

        Raises:
            ParamsError: one of the networks reads depth.
        """
        from crossvox.networks import build_network2d
        from crossvox.networks.both import both_name
        from crossvox.networks.projection import COLORS, projection_name
        from crossvox.tasks.segment2d import CLASSES

        record, first = load_segment2d(self.first.path, self.first.checkpoint)
        lineages = [lineage_of(self.first.path)]
        if self.second is None:
            name = projection_name(COLORS, first.feature_stride)
            second = build_network2d(name, CLASSES)
        else:
            other, second = load_segment2d(self.second.path, self.second.checkpoint)
            name = other.params.task.network
            lineages.append(lineage_of(self.second.path))
        expect(
            not first.reads_depth and not second.reads_depth,
            given="a 2D network that reads depth, beside another",
            needed="networks of colours alone",
            do="train the 2D run without --task.depth",
            error=ParamsError,
        )
        task = replace(record.params.task, network=both_name(record.params.task.network, name))
        network = build_network2d(task.network, CLASSES, weights="none")
        network.first.load_state_dict(first.state_dict())  # type: ignore[union-attr]
        network.second.load_state_dict(second.state_dict())  # type: ignore[union-attr]
        told: Lineage = together(lineages)
        write_run2d(work, network.eval(), record, task, "both", told.scenes)
        return {"step": 0, "kind": "both", "channels": network.feature_channels}


@dataclass(frozen=True)
class CrossFitted(Stage):
    """Features of each room by a 2D network that never saw its labels, as files.

    Two networks that were trained apart give the same thing in other channels. Those of the second
    are therefore turned and scaled (orthogonal Procrustes, Schoenemann 1966) until they fit those
    of the first best on training images, whose labels are not looked at, so that one 3D network can
    read both; the notes tell how well they fit.

    Attributes:
        first, second: the networks.
        data: a data folder.
        views: at which size images are read.
        by_first: scenes that the first reads: those that the second has learnt from, and those that
            neither has.
        by_second: scenes that the second reads.
        images: gives what the second is fitted on, ``(N, 3, H, W)`` normalised.
    """

    NAME = "study-crossfit"
    NUMBERS = 2

    first: RunInput
    second: RunInput
    data: Input
    views: ViewParams
    by_first: tuple[str, ...]
    by_second: tuple[str, ...]
    images: Callable[[], Any] = how()

    def make(self, work: Work) -> Mapping[str, Any]:
        """Write ``SCENE/FRAME.safetensors``, float16.

        Raises:
            ParamsError: a network has learnt from a scene that it is to read.
        """
        import torch

        from crossvox.doors.devices import pick_device

        device = pick_device("auto")
        networks = [
            load_segment2d(run.path, run.checkpoint, device)[1] for run in (self.first, self.second)
        ]
        for run, scenes in ((self.first, self.by_first), (self.second, self.by_second)):
            seen = [name for name in scenes if lineage_of(run.path).has_seen(name)]
            expect(
                not seen,
                given=f"{run.path}, which has learnt from {', '.join(seen[:3])}",
                needed="features by a network that has not",
                do="train it on other rooms",
                error=ParamsError,
            )
        with torch.inference_mode():
            turned = fitted(networks[0], networks[1], self.images().to(device))
            encoders = [networks[0].features, lambda images: turned(networks[1].features(images))]
            frames = 0
            for number, scenes in enumerate((self.by_first, self.by_second)):
                for scene in scenes:
                    frames += self._write(work, scene, encoders[number], device)
        lineages = together(lineage_of(run.path) for run in (self.first, self.second))
        work.learnt_from = lineages.scenes
        notes = {"frames": frames, "scenes by first": len(self.by_first), "fit": turned.share}
        write_json(work.out / FEATURES_FILE, notes)
        return notes

    def _write(
        self, work: Work, scene: str, encode: Callable[[Tensor], Tensor], device: str
    ) -> int:
        """Features of all frames of a scene with a pose; how many those are."""
        import torch
        from safetensors.numpy import save_file

        from crossvox.samples.batch import normalised
        from crossvox.samples.feature_files import ARRAY
        from crossvox.samples.source import load_source

        source = load_source(self.data.path / scene, self.views)
        folder: Path = work.out / scene
        folder.mkdir(parents=True)
        report = work.progress.step(f"{scene}: features")
        frames = source.views.frame_ids.tolist()
        for done, frame in enumerate(frames, start=1):
            image = torch.from_numpy(normalised(source.image(frame, self.views)))[None]
            made = encode(image.to(device))[0].half().cpu().numpy()
            # The file takes the bytes as they lie: channels last would come back as something else.
            save_file({ARRAY: np.ascontiguousarray(made)}, folder / f"{frame}.safetensors")
            report(done, len(frames))
        return len(frames)


@dataclass(frozen=True, eq=False)
class Turn:
    """Features of one network as those of another: ``(x - mean) W s + mean of the other``.

    Attributes:
        matrix: ``(C, C)``, orthogonal.
        scale: one factor.
        mean, other: ``(C,)`` means of both.
        share: share of the variance of the other's features that is told by it.
    """

    matrix: Tensor
    scale: float
    mean: Tensor
    other: Tensor
    share: float

    def __call__(self, features: Tensor) -> Tensor:
        """Turn ``(B, C, h, w)``."""
        rows = (features.movedim(1, -1) - self.mean) @ self.matrix * self.scale + self.other
        return rows.movedim(-1, 1)


def fitted(first: Any, second: Any, images: Tensor) -> Turn:
    """How features of the second network are turned to fit those of the first.

    Args:
        first, second: 2D networks with as many channels at one stride.
        images: ``(N, 3, H, W)`` normalised.

    Raises:
        ParamsError: they have other channels.
    """
    import torch

    expect(
        (first.feature_channels, first.feature_stride)
        == (second.feature_channels, second.feature_stride),
        given=f"{first.feature_channels} channels at 1/{first.feature_stride}, "
        f"{second.feature_channels} at 1/{second.feature_stride}",
        needed="two networks of one architecture",
        do="train both alike",
        error=ParamsError,
    )

    def rows(network: Any) -> Tensor:
        maps = torch.cat([network.features(part) for part in images.split(CALIBRATION_BATCH)])
        found = maps.movedim(1, -1).reshape(-1, maps.shape[1])
        step = max(1, len(found) // FIT_PIXELS)
        return found[::step].double()

    wanted, given = rows(first), rows(second)
    other, mean = wanted.mean(dim=0), given.mean(dim=0)
    wanted, given = wanted - other, given - mean
    left, values, right = torch.linalg.svd(given.T @ wanted)
    matrix = left @ right
    spread = float(given.square().sum())
    scale = float(values.sum()) / spread if spread > 0 else 1.0
    missed = float((given @ matrix * scale - wanted).square().sum())
    whole = float(wanted.square().sum())
    share = 1 - missed / whole if whole > 0 else 1.0
    return Turn(matrix.float(), scale, mean.float(), other.float(), share)
