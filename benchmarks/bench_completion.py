"""Surface completion beside the published recipe: a scene of 100 frames, and a training step."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import nn

from benchmarks.material import material
from crossvox.capture import open_capture
from crossvox.capture.rooms import RoomsParams
from crossvox.chunks import ChunkParams
from crossvox.core.artifact import Stopwatch
from crossvox.core.frame import Parts
from crossvox.predict.params import CompletionParams, PredictParams
from crossvox.predict.surface import probability_mesh
from crossvox.predict.windows import predict_scene
from crossvox.recipes.predict_complete import chosen_frames, complete_prepared, frames_of
from crossvox.recipes.prepare import PrepareParams, prepare
from crossvox.recipes.rooms import write_rooms
from crossvox.recipes.scene_run import CompleteRun, read_any_run
from crossvox.recipes.shipped import find_run
from crossvox.recipes.trained import Completer
from crossvox.samples.batch import collate
from crossvox.samples.dataset import ChunkDataset
from crossvox.samples.depths import load_depths
from crossvox.samples.index import training_index
from crossvox.samples.params import SparseParams
from crossvox.samples.source import load_source
from crossvox.samples.sparse import SparseDataset, collate_sparse
from crossvox.scene.params import TsdfParams
from crossvox.tasks.complete import Complete
from crossvox.tasks.params import CompleteParams, ReconstructParams
from crossvox.tasks.reconstruct import Reconstruct
from crossvox.train.checkpoint import load_run_network
from crossvox.views.params import ViewParams

FRAMES = 100
ROUNDS = 3


def run(shared: Path | None) -> list[dict[str, Any]]:
    """Measure; a generated room of 100 frames, 320x240, and the kitchen where there is one."""
    with TemporaryDirectory() as folder:
        raw, data = Path(folder, "raw"), Path(folder, "data")
        write_rooms(raw, RoomsParams(count=1, frames=FRAMES, width=320, height=240))
        prepare(raw, data, PrepareParams(frame_skip=1))
        (scene,) = (path.parent for path in data.glob("*/volume.npz"))
        return [_scene(scene), *_kitchen(shared), *_step(scene)]


def _completer() -> Completer:
    record = read_any_run(find_run(Path("default3d")))
    assert isinstance(record, CompleteRun)
    network: Any = record.task.build()
    load_run_network(find_run(Path("default3d")), network)
    return Completer(record, network.eval(), "cpu")


def _complete(capture: Any, completer: Completer) -> dict[str, float]:
    watch = Stopwatch()
    chosen = chosen_frames(capture, 0)
    complete_prepared(
        frames_of(capture, chosen), completer, CompletionParams(), TsdfParams(), watch
    )
    return dict(watch.seconds)


def _scene(scene: Path) -> dict[str, Any]:
    completer, views = _completer(), ViewParams()
    task = Reconstruct(ReconstructParams())
    network = task.build().eval()

    def windows() -> None:
        source = load_source(scene, views, cache=False)
        with torch.inference_mode():
            probability_mesh(
                predict_scene(
                    lambda batch: task.probability(network, batch),
                    source,
                    PredictParams(),
                    ChunkParams().shape,
                    views,
                )
            )

    ours, theirs = [], []
    for turn in range(ROUNDS + 1):
        taken = _seconds(lambda: _complete(open_capture(scene), completer))
        base = _seconds(windows)
        if turn:  # the first one compiles
            ours.append(taken)
            theirs.append(base)
    ours_s, theirs_s = statistics.median(ours), statistics.median(theirs)
    return {
        "stage": f"whole scene of {FRAMES} frames, 320x240: frames to a completed mesh",
        "ours_s": ours_s,
        "baseline_s": theirs_s,
        "factor": theirs_s / ours_s,
        "how": "fuse, evidence, network, mesh, free space, from the files; baseline: --preset "
        "thesis of the same scene (views, windows, mesh), whose surface has no fusion in it; "
        f"median of {ROUNDS} in turns",
    }


def _kitchen(shared: Path | None) -> list[dict[str, Any]]:
    if shared is None:
        return []
    completer = _completer()
    with material(shared, FRAMES) as found:
        parts = [_complete(found.capture, completer) for _ in range(ROUNDS + 1)][1:]
        total = statistics.median(sum(part.values()) for part in parts)
        fuse = statistics.median(part["fuse"] for part in parts)
    told = ", ".join(
        f"{name} {statistics.median(part[name] for part in parts):.2f}" for name in parts[0]
    )
    return [
        {
            "stage": f"completion of {found.what}, {FRAMES} frames of 640x480",
            "ours_s": total,
            "baseline_s": fuse,
            "factor": fuse / total,
            "how": f"seconds by part: {told}; baseline: fusion alone, which is one of the parts "
            f"(frames are decoded in it); median of {ROUNDS}",
        }
    ]


def _step(scene: Path) -> list[dict[str, Any]]:
    """A step of learning, per voxel of evidence: making the samples, forward, backward."""
    params = CompleteParams()
    depths = load_depths(scene, params.voxel_m, params.evidence.band_voxels, SparseParams().width)
    sparse = SparseDataset([depths], 64, SparseParams(), params.evidence)
    source, views, chunks = load_source(scene, ViewParams()), ViewParams(), ChunkParams()
    index = training_index([source], chunks, views, 0)
    colored = ChunkDataset({source.name: source}, index, views, None, 0)
    complete, thesis = Complete(params), Reconstruct(ReconstructParams())
    networks = {"ours": complete.build(), "theirs": thesis.build()}
    first = [load_frame(scene)]  # opens files once
    del first

    def ours(number: int) -> int:
        batch = collate_sparse([sparse[(number, i)] for i in range(2)])
        _learn(networks["ours"], lambda net: complete.loss(net, batch).total)
        return int(batch.truth.numel())

    def theirs(number: int) -> int:
        batch = collate([colored[(number * 4 + i) % len(colored)] for i in range(4)])
        _learn(networks["theirs"], lambda net: thesis.loss(net, batch).total)
        return int(batch.occupied.numel())

    ours_s, theirs_s = [], []
    for number in range(6):
        for step, times in ((ours, ours_s), (theirs, theirs_s)):
            begin = time.perf_counter()
            voxels = step(number)
            times.append((time.perf_counter() - begin) / voxels * 1e6)
    mine, base = statistics.median(ours_s[1:]), statistics.median(theirs_s[1:])
    return [
        {
            "stage": "training step of completion, a million voxels of evidence",
            "ours_s": mine,
            "baseline_s": base,
            "factor": base / mine,
            "how": "samples, forward, backward; 2 x 80x80x64 voxels of 2 to 100 frames; baseline: "
            "--preset thesis, 4 x 32x32x64 voxels of up to 5 frames; median of 5 in turns",
        }
    ]


def load_frame(scene: Path) -> Any:
    """One frame, so that no row pays for the first look at the files."""
    return open_capture(scene).frame(0, parts=Parts(labels=False))


def _learn(network: nn.Module, loss: Callable[[nn.Module], torch.Tensor]) -> None:
    network.train()
    network.zero_grad(set_to_none=True)
    loss(network).backward()


def _seconds(work: Callable[[], Any]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


if __name__ == "__main__":
    for row in run(None):
        print(row)
