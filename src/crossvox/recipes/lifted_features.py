"""What a run lifts in place of colours: features of a 2D run, or of feature files."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from crossvox.core.artifact import file_digest
from crossvox.core.camera import Size
from crossvox.core.checks import ParamsError, expect
from crossvox.core.files import PARAMS
from crossvox.flow.lineage import UNKNOWN, Lineage
from crossvox.flow.progress import Progress
from crossvox.recipes.train import RunSources, SceneRunParams
from crossvox.samples.feature_files import (
    FILES,
    FeatureFiles,
    FileMaps,
    as_they_are,
    files_digest,
    holds_features,
)
from crossvox.samples.source import SceneSource
from crossvox.tasks.params import FeatureParams, ProxyParams
from crossvox.train.chosen import chosen, weights_file
from crossvox.train.folder import lineage_of
from crossvox.train.params import NETWORK, CheckpointName


def is_files(path: Path) -> bool:
    """Whether what ``--features`` names is a folder of feature files."""
    return not (path / PARAMS).is_file() and holds_features(path)


def features_digest(path: Path, checkpoint: CheckpointName) -> str:
    """Fingerprint of what ``--features`` names; empty where it is not there."""
    if is_files(path):
        return files_digest(path)
    weights = weights_file(path, checkpoint)
    return file_digest(weights) if weights.is_file() else ""


def network_digest(network: Any) -> str:
    """Fingerprint of a network's weights, wherever they came from."""
    found = hashlib.sha256(type(network).__name__.encode())
    for name, tensor in sorted(network.state_dict().items()):
        found.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        found.update(tensor.cpu().contiguous().numpy().tobytes())
    return found.hexdigest()[:16]


def features_lineage(path: Path) -> Lineage:
    """What the 2D run has learnt from; of files nobody knows."""
    return UNKNOWN if is_files(path) else lineage_of(path)


def found_features(
    given: RunSources, params: SceneRunParams, checkpoint: CheckpointName
) -> tuple[FeatureParams, dict[str, Any] | None, str]:
    """What is lifted, the weights of its 2D network by name, and its fingerprint.

    Raises:
        ParamsError: something is asked of files that only a network does.
        ArtifactError, CheckpointError: there is no such run or folder, or it is damaged.
    """
    assert given.features is not None
    if not is_files(given.features):
        return read_features(given.features, given.features_rate, given.features_proxy, checkpoint)
    expect(
        given.features_rate == 0 and not given.features_proxy and params.input.colors is None,
        given=f"feature files {given.features}, which are to learn or to be without colour",
        needed="features as they are",
        do="leave --features-rate, --features-proxy and --input.colors out",
        error=ParamsError,
    )
    return file_features(given.features, params.views.size)


def file_features(folder: Path, size: Size) -> tuple[FeatureParams, None, str]:
    """What a folder of feature files holds, for images of this size, and its fingerprint."""
    files = FeatureFiles(folder, size)
    place = folder.absolute().as_posix()
    found = FeatureParams(FILES, files.shape[0], files.stride, files=place)
    return found, None, files_digest(folder)


def file_maps(
    features: FeatureParams | None,
    size: Size,
    sources: Sequence[SceneSource],
    progress: Progress,
) -> FileMaps | None:
    """Features of scenes that lie in files; None where a run lifts something else.

    Raises:
        ArtifactError: the files are not there, or a scene has none.
    """
    if features is None or features.files is None:
        return None
    files = FeatureFiles(Path(features.files), size)
    shown = _shown(sources)
    wanted = {scene: tuple(frames.values()) for scene, frames in shown.items()}
    for scene, count in files.missing(wanted).items():
        of = len(wanted[scene])
        progress.say(f"{scene}: {count} of {of} frames have no features, and give 0")
    return FileMaps(files, as_they_are, shown)


def _shown(sources: Sequence[SceneSource]) -> Mapping[str, Mapping[int, int]]:
    return {
        source.name: {frame: source.shown_frame(frame) for frame in source.views.frame_ids.tolist()}
        for source in sources
    }


def read_features(
    run: Path, rate: float = 0.0, proxy: bool = False, checkpoint: CheckpointName = "auto"
) -> tuple[FeatureParams, dict[str, Any], str]:
    """What a 2D run makes, its weights by name, and their fingerprint.

    Args:
        run: a run of ``crossvox train segment2d``, or an imported one.
        rate: learning rate of the 2D network in the run to come.
        proxy: whether its own loss is trained beside.
        checkpoint: which of its weights.

    Raises:
        ArtifactError, CheckpointError: there is no such run, or it is damaged.
    """
    from crossvox.recipes.image_run import load_segment2d

    which = chosen(run, checkpoint)
    record, network = load_segment2d(run, which)
    learnt = record.params.task
    found = FeatureParams(
        learnt.network,
        network.feature_channels,
        network.feature_stride,
        rate,
        ProxyParams(
            record.task.shares, learnt.weighting, learnt.label_smoothing, learnt.loss_stride
        )
        if proxy
        else None,
    )
    return found, network.state_dict(), file_digest(run / which / NETWORK)
