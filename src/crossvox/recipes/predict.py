"""A trained network and prepared scenes to whole predicted scenes, with their baselines."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch

from crossvox.core.artifact import (
    METHOD_FILES,
    Manifest,
    Stopwatch,
    building,
    digest,
    file_digest,
    is_current,
    plain,
    read_manifest,
    total_seconds,
    write_manifest,
)
from crossvox.core.frame import Parts
from crossvox.doors.meshes import write_ply
from crossvox.predict.assemble import PredictParams, ScenePrediction, predict_scene
from crossvox.predict.store import write_prediction
from crossvox.predict.surface import mask_mesh, probability_mesh
from crossvox.recipes.prepare import posed_frames, read_scenes
from crossvox.recipes.progress import Progress, Silent
from crossvox.recipes.train import read_reconstruct_run
from crossvox.samples.source import SceneSource, load_source
from crossvox.scene.tsdf import TsdfParams, fuse
from crossvox.tasks.reconstruct import Reconstruct
from crossvox.train.checkpoint import NETWORK, load_run_network


@dataclass(frozen=True)
class PredictReport:
    """What was predicted.

    Attributes:
        scenes: notes by scene: windows, coverage, seconds.
        kept: scenes that were there already, made by the same run with the same parameters.
    """

    scenes: dict[str, dict[str, Any]]
    kept: tuple[str, ...]


def predict(
    run: Path,
    data: Path,
    out: Path,
    params: PredictParams | None = None,
    *,
    scenes: str = "val",
    baselines: bool = True,
    tsdf: TsdfParams | None = None,
    device: str = "auto",
    progress: Progress | None = None,
) -> PredictReport:
    """Predict whole scenes and mesh them.

    Args:
        run: a run of ``crossvox train reconstruct``.
        data: a folder that ``crossvox prepare`` wrote, or one scene of it.
        out: prediction folder; one folder a scene.
        params: windows and meshing.
        scenes: "val", "train", "all", or names separated by commas.
        baselines: write ``mask_only.ply`` and ``tsdf.ply`` beside each prediction.
        tsdf: parameters of the TSDF baseline.
        device: "auto", "cpu", "cuda", ...
        progress: who watches.
    """
    params, progress = params or PredictParams(), progress or Silent()
    tsdf = tsdf or TsdfParams()
    run_params = read_reconstruct_run(run)
    task = Reconstruct(run_params.task)
    network: Any = task.build()
    checkpoint: Literal["best", "last"] = "best" if (run / "best").is_dir() else "last"
    load_run_network(run, network, checkpoint)
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    network.to(device).eval()
    run_digest = digest([plain(run_params), file_digest(run / checkpoint / NETWORK)])

    def probability(batch: Any) -> torch.Tensor:
        with torch.inference_mode():
            return task.probability(network, batch.to(device)).cpu()

    def encode(images: torch.Tensor) -> torch.Tensor:
        with torch.inference_mode():
            maps: torch.Tensor = network.encode(images.to(device))
            return maps

    report: dict[str, dict[str, Any]] = {}
    kept: list[str] = []
    folders = read_scenes(data, scenes)
    for folder in folders:
        manifest = Manifest(
            "predict-scene",
            {"predict": plain(params), "tsdf": plain(tsdf), "baselines": baselines},
            parents={"run": run_digest, "scene": read_manifest(folder).digest},
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
                source = load_source(folder, run_params.views)
            with watch("predict windows"):
                prediction = predict_scene(
                    probability,
                    source,
                    params,
                    run_params.chunks.shape,
                    run_params.views,
                    progress=progress.step(f"{source.name}: windows"),
                    encode=encode if run_params.task.lifts_inside else None,
                )
            with watch("mesh"):
                mesh = probability_mesh(prediction, params.surface)
            write_prediction(temporary / "volume.npz", prediction)
            write_ply(temporary / METHOD_FILES["learnt"], mesh)
            if baselines:
                _write_baselines(temporary, source, prediction, params, tsdf, watch, progress)
            notes = {
                **plain(prediction.notes),
                "vertices": len(mesh.vertices_m),
            }
            write_manifest(
                temporary,
                Manifest(**{**vars(manifest), "seconds": watch.seconds, "notes": notes}),
            )
        report[folder.name] = notes
    _write_summary(run, data, out, params, run_digest)
    return PredictReport(report, tuple(kept))


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
    run: Path, data: Path, out: Path, params: PredictParams, run_digest: str
) -> None:
    """Manifest of the whole prediction folder, over every scene that it holds."""
    scenes = sorted(path.parent.name for path in out.glob("*/manifest.json"))
    manifests = {scene: read_manifest(out / scene) for scene in scenes}
    write_manifest(
        out,
        Manifest(
            "predict",
            plain(params),
            parents={"run": run_digest, **{name: m.digest for name, m in manifests.items()}},
            seconds=total_seconds(manifest.seconds for manifest in manifests.values()),
            notes={name: manifest.notes for name, manifest in manifests.items()},
            links={"run": os.path.relpath(run, out), "data": os.path.relpath(data, out)},
        ),
    )
