"""A trained network and prepared scenes to whole predicted scenes, with their baselines."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from crossvox.core.artifact import (
    ATTRIBUTES,
    CLASS_MESHES,
    CLASS_VOLUMES,
    CLASSES_GLB,
    CLASSES_MESH,
    METHOD_FILES,
    ON_SCAN,
    ON_SCAN_MESH,
    Manifest,
    Stopwatch,
    building,
    digest,
    file_digest,
    is_current,
    plain,
    read_manifest,
    replacing,
    total_seconds,
    write_manifest,
)
from crossvox.core.checks import ParamsError, expect
from crossvox.core.frame import Parts
from crossvox.core.labels import NYU40
from crossvox.core.volume import Mesh, SceneVolume
from crossvox.doors.images import write_bytes
from crossvox.doors.meshes import glb_bytes, read_mesh, write_ply
from crossvox.predict.params import PredictParams
from crossvox.predict.prediction import ClassVolume, ScenePrediction
from crossvox.predict.prior import FramePrior
from crossvox.predict.store import write_prediction
from crossvox.predict.surface import mask_mesh, nearest_voxels, probability_mesh, volume_mesh
from crossvox.predict.votes import vote
from crossvox.predict.windows import predict_scene
from crossvox.recipes.prepare import posed_frames, read_scenes
from crossvox.recipes.progress import Progress, Silent
from crossvox.recipes.segment2d import load_segment2d
from crossvox.recipes.train import SceneRun, read_scene_run
from crossvox.samples.batch import normalised
from crossvox.samples.source import SceneSource, load_source
from crossvox.scene.store import write_volume
from crossvox.scene.tsdf import TsdfParams, fuse
from crossvox.tasks.params import Segment2dParams
from crossvox.tasks.segment2d import Segment2d
from crossvox.tasks.segment3d import Segment3d
from crossvox.train.checkpoint import NETWORK, load_run_network
from crossvox.train.loop import best_or_last
from crossvox.views.visibility import ViewParams

SURE = 0.5
"""Probability from which a voxel of the class volume counts as occupied."""


@dataclass(frozen=True)
class PredictReport:
    """What was predicted.

    Attributes:
        scenes: notes by scene: windows, coverage, seconds.
        kept: scenes that were there already, made by the same run with the same parameters.
    """

    scenes: dict[str, dict[str, Any]]
    kept: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class _Loaded:
    """A trained network, ready to answer."""

    record: SceneRun
    network: Any
    device: str
    digest: str

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

    def predict(
        self, source: SceneSource, params: PredictParams, progress: Progress, label: str
    ) -> ScenePrediction:
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
            prior=prior,
        )

    def _prior(self) -> FramePrior | None:
        """What all frames say of classes, of a network that starts from it."""
        module = getattr(self.network, "class_prior", None)
        if module is None:
            return None

        def weigh(means: NDArray[np.float32]) -> NDArray[np.float32]:
            with torch.inference_mode():
                said = module(torch.from_numpy(means).to(self.device))
            weighed: NDArray[np.float32] = said.cpu().numpy()
            return weighed

        return FramePrior(module.channels, self.network.stride, weigh)


def predict(
    run: Path,
    data: Path,
    out: Path,
    params: PredictParams | None = None,
    *,
    scenes: str = "val",
    geometry: Path | None = None,
    votes: Path | None = None,
    baselines: bool = True,
    tsdf: TsdfParams | None = None,
    device: str = "auto",
    progress: Progress | None = None,
) -> PredictReport:
    """Predict whole scenes and mesh them; label them, if the run is one of 3D segmentation.

    Args:
        run: a run of ``crossvox train reconstruct`` or ``train segment3d``.
        data: a folder that ``crossvox prepare`` wrote, or one scene of it.
        out: prediction folder; one folder a scene.
        params: windows and meshing.
        scenes: "val", "train", "all", or names separated by commas.
        geometry: a run of ``crossvox train reconstruct`` that the surface is taken from, while
            ``run`` tells the classes (joint mode).
        votes: a 2D run whose labels vote for the classes of voxels, the baseline of a
            segmentation. By default the 2D network that the run's features come from, unless it
            learnt without its classifier.
        baselines: write ``mask_only.ply``, ``tsdf.ply`` and, of a segmentation, ``votes.ply``
            beside each prediction.
        tsdf: parameters of the TSDF baseline.
        device: "auto", "cpu", "cuda", ...
        progress: who watches.

    Raises:
        ParamsError: ``geometry`` or ``votes`` beside a reconstruction, or a ``geometry`` that is
            none.
        ArtifactError, CheckpointError: a run or a scene is missing or does not fit.
    """
    params, progress = params or PredictParams(), progress or Silent()
    tsdf = tsdf or TsdfParams()
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    learnt = _load(run, device)
    shape = None if geometry is None else _load(geometry, device)
    expect(
        learnt.segments or (geometry is None and votes is None),
        given=f"{run}, a run of reconstruction, with a geometry or votes beside it",
        needed="a run of 'crossvox train segment3d'",
        do="leave --geometry and --votes out, or name a segmentation run",
        error=ParamsError,
    )
    expect(
        shape is None or not shape.segments,
        given=f"geometry from {geometry}, a run of segmentation",
        needed="a run of 'crossvox train reconstruct'",
        do="leave --geometry out, or name a reconstruction run",
        error=ParamsError,
    )
    voter = _voter(learnt, votes, device) if learnt.segments and baselines else None
    made_by = {"run": learnt.digest}
    if shape is not None:
        made_by["geometry"] = shape.digest
    if voter is not None and votes is not None:
        made_by["votes"] = voter.digest
    report: dict[str, dict[str, Any]] = {}
    kept: list[str] = []
    for folder in read_scenes(data, scenes):
        manifest = Manifest(
            "predict-scene",
            {"predict": plain(params), "tsdf": plain(tsdf), "baselines": baselines},
            parents={**made_by, "scene": read_manifest(folder).digest},
            links={"scene": os.path.relpath(folder, out / folder.name)},
        )
        target = out / folder.name
        if is_current(target, manifest):
            report[folder.name] = read_manifest(target).notes
            kept.append(folder.name)
            continue
        watch = Stopwatch()
        with building(target) as temporary:
            with watch("load views"):
                source = load_source(folder, learnt.record.params.views)
            with watch("predict windows"):
                prediction = learnt.predict(source, params, progress, "windows")
            classes = prediction.classes
            if shape is not None:
                with watch("predict geometry"):
                    seen = load_source(folder, shape.record.params.views)
                    prediction = shape.predict(seen, params, progress, "geometry")
            with watch("mesh"):
                mesh = probability_mesh(prediction, params.surface)
            write_prediction(temporary / "volume.npz", prediction)
            notes = {**plain(prediction.notes), "vertices": len(mesh.vertices_m)}
            notes["task"] = learnt.record.task.name
            if classes is not None:
                with watch("classes"):
                    mesh = _write_classes(temporary, folder, prediction, classes, mesh, params)
                assert isinstance(learnt.record.task, Segment3d)
                notes["majority_class"] = learnt.record.task.majority
            write_ply(temporary / METHOD_FILES["learnt"], mesh)
            if baselines:
                _write_baselines(temporary, source, prediction, params, tsdf, watch, progress)
            if voter is not None:
                with watch("baseline 2D votes"):
                    notes["voxels_voted"] = _write_votes(
                        temporary, source, voter, learnt.record.params.views, params, progress
                    )
            write_manifest(
                temporary,
                Manifest(**{**vars(manifest), "seconds": watch.seconds, "notes": notes}),
            )
        report[folder.name] = notes
    links = {"run": run, "data": data, "geometry": geometry, "votes": votes}
    _write_summary(out, params, made_by, links)
    return PredictReport(report, tuple(kept))


def _load(run: Path, device: str) -> _Loaded:
    record = read_scene_run(run)
    network: Any = record.task.build()
    checkpoint = best_or_last(run)
    load_run_network(run, network, checkpoint)
    network.to(device).eval()
    made_of = [plain(record.params), file_digest(run / checkpoint / NETWORK)]
    return _Loaded(record, network, device, digest(made_of))


@dataclass(frozen=True, eq=False)
class _Voter:
    """A 2D network that labels the frames of a scene."""

    task: Segment2d
    network: Any
    digest: str

    def __call__(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        planes = torch.from_numpy(normalised(image))[None]
        with torch.inference_mode():
            device = next(self.network.parameters()).device
            ids = self.task.predict(self.network, planes.to(device))
        return ids[0].to(torch.uint8).cpu().numpy()


def _voter(learnt: _Loaded, votes: Path | None, device: str) -> _Voter | None:
    """The 2D network of the baseline; None where there is none."""
    if votes is not None:
        return _run_voter(votes, device)
    features = learnt.record.params.task.features
    if features is None or (features.rate > 0 and features.proxy is None):
        return None
    task = Segment2d(Segment2dParams(network=features.network))
    return _Voter(task, learnt.network.image_network, learnt.digest)


def _run_voter(run2d: Path, device: str) -> _Voter:
    record, network = load_segment2d(run2d, device=device)
    weights = run2d / best_or_last(run2d) / NETWORK
    return _Voter(record.task, network, file_digest(weights))


def _write_classes(
    folder: Path,
    scene: Path,
    prediction: ScenePrediction,
    classes: ClassVolume,
    mesh: Mesh,
    params: PredictParams,
) -> Mesh:
    """Everything that tells classes: the volume, the labelled mesh, the labelled scan.

    Returns:
        The mesh with labels.
    """
    grid = prediction.grid
    occupied = prediction.predicted & (prediction.probability >= SURE) & (classes.labels > 0)
    write_volume(
        folder / CLASS_VOLUMES["learnt"],
        SceneVolume(
            grid, occupied, prediction.predicted, np.where(occupied, classes.labels, np.uint8(0))
        ),
    )
    # A vertex lies on the surface: its class is that of the nearest voxel that may hold one.
    known = classes.labels > 0
    known &= prediction.probability >= min(params.surface.level, SURE)

    def at(points_m: NDArray[Any]) -> tuple[NDArray[Any], ...]:
        found = nearest_voxels(grid, points_m, known)
        volumes = (classes.labels, classes.benchmark_labels, classes.confidence)
        if found is None:
            return tuple(np.zeros(len(points_m), volume.dtype) for volume in volumes)
        return tuple(volume[found] for volume in volumes)

    label, benchmark, confidence = at(mesh.vertices_m)
    mesh = replace(mesh, labels=label)
    painted = replace(mesh, colors=NYU40.colors[label])
    write_ply(folder / CLASSES_MESH, painted)
    write_bytes(folder / CLASSES_GLB, glb_bytes(painted))
    with replacing(folder / ATTRIBUTES) as temporary:
        np.savez_compressed(
            temporary, label=label, benchmark_label=benchmark, confidence=confidence
        )
    own = scene / f"{scene.name}.ply"
    if own.is_file():
        scan = read_mesh(own)
        label, benchmark, _ = at(scan.vertices_m)
        write_ply(folder / ON_SCAN_MESH, replace(scan, colors=NYU40.colors[label], labels=label))
        with replacing(folder / ON_SCAN) as temporary:
            np.savez_compressed(temporary, label=label, benchmark_label=benchmark)
    return mesh


def vote_scene(
    folder: Path,
    scene: Path,
    run2d: Path,
    views: ViewParams,
    params: PredictParams,
    progress: Progress,
    device: str = "cpu",
) -> int:
    """Write the 2D votes of one prepared scene, ``votes.npz`` and ``votes.ply``.

    Args:
        folder: where to.
        scene: a folder that ``crossvox prepare`` wrote.
        run2d: a run of ``crossvox train segment2d``.
        views: which voxels a frame sees.
        params: how voxels are meshed.
        progress: who watches.
        device: "cpu", "cuda", ...

    Returns:
        Voxels with a vote.
    """
    voter = _run_voter(run2d, device)
    return _write_votes(folder, load_source(scene, views), voter, views, params, progress)


def _write_votes(
    folder: Path,
    source: SceneSource,
    voter: _Voter,
    views: ViewParams,
    params: PredictParams,
    progress: Progress,
) -> int:
    """The baseline of a segmentation: no 3D network, 2D labels of all frames vote."""
    volume = vote(voter, source, views, progress.step(f"{source.name}: 2D votes"))
    write_volume(folder / CLASS_VOLUMES["votes_2d"], volume)
    surface = replace(params.surface, level=SURE)
    mesh = volume_mesh(source.grid, volume.occupied.astype(np.float32), None, surface)
    found = nearest_voxels(source.grid, mesh.vertices_m, volume.occupied)
    labels = np.zeros(len(mesh.vertices_m), np.uint8) if found is None else volume.labels[found]
    painted = replace(mesh, labels=labels, colors=NYU40.colors[labels])
    write_ply(folder / CLASS_MESHES["votes_2d"], painted)
    return int(volume.occupied.sum())


def _write_baselines(
    folder: Path,
    source: SceneSource,
    prediction: ScenePrediction,
    params: PredictParams,
    tsdf: TsdfParams,
    watch: Stopwatch,
    progress: Progress,
) -> None:
    """What any learnt surface must beat: voxels seen by any view, and TSDF of the same frames."""
    with watch("baseline mask-only"):
        write_ply(folder / METHOD_FILES["mask_only"], mask_mesh(prediction, params.surface))
    with watch("baseline TSDF"):
        report = progress.step(f"{source.name}: fuse")
        frames = posed_frames(source.capture, Parts(labels=False), report)
        write_ply(folder / METHOD_FILES["tsdf"], fuse(frames, tsdf).mesh())


def _write_summary(
    out: Path,
    params: PredictParams,
    made_by: Mapping[str, str],
    links: Mapping[str, Path | None],
) -> None:
    """Manifest of the whole prediction folder, over every scene that it holds."""
    scenes = sorted(path.parent.name for path in out.glob("*/manifest.json"))
    manifests = {scene: read_manifest(out / scene) for scene in scenes}
    write_manifest(
        out,
        Manifest(
            "predict",
            plain(params),
            parents={**made_by, **{name: m.digest for name, m in manifests.items()}},
            seconds=total_seconds(manifest.seconds for manifest in manifests.values()),
            notes={name: manifest.notes for name, manifest in manifests.items()},
            links={
                role: os.path.relpath(path, out) for role, path in links.items() if path is not None
            },
        ),
    )
