"""Trained networks, read back from their runs and ready to answer."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from crossvox.core.artifact import digest, file_digest, plain
from crossvox.core.checks import ParamsError, expect
from crossvox.flow.progress import Progress
from crossvox.predict.params import Amount, PredictParams
from crossvox.predict.prediction import ScenePrediction
from crossvox.predict.prior import FramePrior
from crossvox.predict.windows import predict_scene
from crossvox.recipes.image_run import load_segment2d, read_segment2d_run
from crossvox.recipes.lifted_features import file_maps, network_digest
from crossvox.recipes.run_input import RunInput
from crossvox.recipes.scene_run import CompleteRun, SceneRun, read_any_run
from crossvox.samples.batch import normalised
from crossvox.samples.feature_files import FileMaps
from crossvox.samples.kept_maps import KeptFrameMaps, kept_maps
from crossvox.samples.maps import FrameMaps
from crossvox.samples.source import SceneSource
from crossvox.tasks.complete import Complete
from crossvox.tasks.lifted import LiftedNetwork
from crossvox.tasks.params import Segment2dParams
from crossvox.tasks.segment2d import Segment2d
from crossvox.tasks.segment3d import Segment3d
from crossvox.train.checkpoint import load_run_network
from crossvox.train.chosen import chosen
from crossvox.train.folder import made_by
from crossvox.train.params import NETWORK, CheckpointName


def run_input(run: Path, checkpoint: CheckpointName = "auto") -> RunInput:
    """A run on sub-volumes as an input: what its weights and its parameters are.

    Raises:
        ArtifactError: it is no such run, or has no weights yet.
        CheckpointError: it has no such checkpoint.
    """
    record, taken = read_any_run(run), chosen(run, checkpoint)
    weights = file_digest(run / taken / NETWORK)
    return RunInput(run, digest([plain(record.params), weights]), taken)


def run2d_input(run: Path, checkpoint: CheckpointName = "auto") -> RunInput:
    """A 2D run as an input: what its weights are.

    Raises:
        ArtifactError: it is no such run, or has no weights.
        CheckpointError: it has no such checkpoint.
    """
    read_segment2d_run(run)
    taken = chosen(run, checkpoint)
    return RunInput(run, file_digest(run / taken / NETWORK), taken)


def expect_roles(
    run: Path, geometry: Path | None, votes: Path | None, completion: Amount | None = None
) -> None:
    """Refuse runs that cannot take the part they are given in a prediction.

    Args:
        run: predicts.
        geometry: where the surface comes from instead.
        votes: a 2D run whose labels vote.
        completion: how much was asked to be completed; None: nobody asked.

    Raises:
        ArtifactError: one of them is no run, or one of another task.
        ParamsError: a geometry or votes beside a reconstruction, a geometry that is none, or
            completion asked of runs that complete nothing.
    """
    segments = isinstance(read_any_run(run).task, Segment3d)
    expect(
        segments or (geometry is None and votes is None),
        given=f"{run}, a run of reconstruction, with a geometry or votes beside it",
        needed="a run of 'crossvox train segment3d'",
        do="leave --geometry and --votes out, or name a segmentation run",
        error=ParamsError,
    )
    expect(
        geometry is None or not isinstance(read_any_run(geometry).task, Segment3d),
        given=f"geometry from {geometry}, a run of segmentation",
        needed="a run of 'crossvox train reconstruct'",
        do="leave --geometry out, or name a reconstruction run",
        error=ParamsError,
    )
    surface = run if geometry is None else geometry
    expect(
        completion is None or isinstance(read_any_run(surface), CompleteRun),
        given=f"--completion {completion} for a surface by {surface}, which completes nothing",
        needed=f"a run of {made_by(Complete.name)}",
        do="leave --completion out, or name such a run",
        error=ParamsError,
    )


def completes(run: Path) -> bool:
    """Whether a run is one of surface completion."""
    return isinstance(read_any_run(run), CompleteRun)


@dataclass(frozen=True, eq=False)
class Trained:
    """A trained network, ready to answer."""

    record: SceneRun
    network: Any
    device: str

    @property
    def segments(self) -> bool:
        return isinstance(self.record.task, Segment3d)

    def answer(self, batch: Any, with_prior: bool = True) -> torch.Tensor:
        """Probabilities of a reconstruction, logits of a segmentation."""
        task = self.record.task
        with torch.inference_mode():
            batch = batch.to(self.device)
            if isinstance(task, Segment3d):
                return task.class_logits(self.network, batch, with_prior).cpu()
            return task.probability(self.network, batch).cpu()

    def encode(self, images: torch.Tensor) -> torch.Tensor:
        with torch.inference_mode():
            maps: torch.Tensor = self.network.encode(images.to(self.device))
            return maps

    def frame_features(self, images: torch.Tensor) -> torch.Tensor:
        """See :class:`crossvox.samples.kept_maps.Encoder`."""
        with torch.inference_mode():
            made: torch.Tensor = self.network.frame_features(images.to(self.device))
            return made

    def mapped(self, features: torch.Tensor) -> torch.Tensor:
        """See :class:`crossvox.samples.kept_maps.Encoder`."""
        with torch.inference_mode():
            made: torch.Tensor = self.network.mapped(features.to(self.device))
            return made

    def fingerprint(self) -> str:
        """See :class:`crossvox.samples.kept_maps.Encoder`."""
        device = "" if self.device == "cpu" else self.device
        return self.images_digest + device

    @cached_property
    def images_digest(self) -> str:
        """Fingerprint of the 2D network."""
        return network_digest(self.network.image_network)

    def predict(
        self,
        source: SceneSource,
        params: PredictParams,
        progress: Progress,
        label: str,
        shared: Path | None = None,
    ) -> ScenePrediction:
        """The scene; ``shared`` is where features are kept that other runs lift as well."""
        run = self.record.params
        prior = self._prior() if params.prior_frames == "all" else None
        return predict_scene(
            partial(self.answer, with_prior=prior is None),
            source,
            params,
            run.chunks.shape,
            run.views,
            progress=progress.step(f"{source.name}: {label}"),
            encode=self.encode if run.task.lifts_inside else None,
            maps=self._file_maps(source, progress) or self._kept_maps(source, shared),
            prior=prior,
        )

    def _file_maps(self, source: SceneSource, progress: Progress) -> FileMaps | None:
        """What the network makes of features that lie in files."""
        run = self.record.params
        found = file_maps(run.task.features, run.views.size, [source], progress)
        return None if found is None else FileMaps(found.files, self.encode, found.shown)

    def _kept_maps(self, source: SceneSource, shared: Path | None) -> FrameMaps | None:
        """Maps whose features are kept, of a 2D network that did not learn with the run."""
        features, shown = self.record.params.task.features, self.record.params.input
        if shared is None or features is None or features.rate > 0:
            return None
        return KeptFrameMaps(self, partial(kept_maps, shared, self, shown, [source]))

    def _prior(self) -> FramePrior | None:
        """What all frames say of classes, of a network that starts from it."""
        if not isinstance(self.network, LiftedNetwork) or self.network.class_prior is None:
            return None
        module = self.network.class_prior

        def weigh(means: NDArray[np.float32]) -> NDArray[np.float32]:
            with torch.inference_mode():
                said = module(torch.tensor(means, device=self.device))
            weighed: NDArray[np.float32] = said.cpu().numpy()
            return weighed

        return FramePrior(module.channels, self.network.stride, weigh)


@dataclass(frozen=True, eq=False)
class Completer:
    """A trained network of surface completion, ready to answer."""

    record: CompleteRun
    network: Any
    device: str

    def __call__(self, evidence: NDArray[np.float32]) -> NDArray[np.float32]:
        """Evidence ``(C, X, Y, Z)`` to distance and logits of the confidences ``(3, X, Y, Z)``."""
        with torch.inference_mode():
            said = self.network(torch.from_numpy(evidence)[None].to(self.device))[0]
        found: NDArray[np.float32] = said.float().cpu().numpy()
        return found


@lru_cache(maxsize=2)
def load_trained(run: RunInput, device: str) -> Trained | Completer:
    """The network of a run, in evaluation mode; the last two are kept, for the next scene."""
    record = read_any_run(run.path)
    network: Any = record.task.build()
    load_run_network(run.path, network, run.checkpoint)
    network.to(device).eval()
    if isinstance(record, CompleteRun):
        return Completer(record, network, device)
    return Trained(record, network, device)


@dataclass(frozen=True, eq=False)
class Voter:
    """A 2D network that labels the frames of a scene."""

    task: Segment2d
    network: Any

    def __call__(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        planes = torch.from_numpy(normalised(image))[None]
        with torch.inference_mode():
            device = next(self.network.parameters()).device
            ids = self.task.predict(self.network, planes.to(device))
        return ids[0].to(torch.uint8).cpu().numpy()


def voter_of(learnt: Trained) -> Voter | None:
    """The 2D network that a run takes its features from; None where it has no classifier."""
    features = learnt.record.params.task.features
    if features is None or features.files is not None:
        return None
    if features.rate > 0 and features.proxy is None:
        return None
    task = Segment2d(Segment2dParams(network=features.network))
    return Voter(task, learnt.network.image_network)


@lru_cache(maxsize=1)
def load_voter(run2d: RunInput, device: str) -> Voter:
    """The network of a 2D run, in evaluation mode; kept for the next scene."""
    record, network = load_segment2d(run2d.path, run2d.checkpoint, device)
    return Voter(record.task, network)
