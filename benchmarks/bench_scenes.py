"""Whole scenes: network time a window, and depth scores a frame."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
import trimesh

from benchmarks.material import material
from crossvox.core.camera import Intrinsics, Pose, pixel_rays
from crossvox.core.frame import Capture
from crossvox.core.volume import Mesh
from crossvox.doors.raycast import Raycaster
from crossvox.metrics import depth_errors
from crossvox.networks import build_network
from crossvox.scene.params import TsdfParams
from crossvox.scene.tsdf.volume import fuse

SHAPE = (32, 32, 64)
CHANNELS = 15
CAMERA = Intrinsics(290.0, 290.0, 159.5, 119.5, 320, 240)


def run(shared: Path | None) -> list[dict[str, Any]]:
    """Measure; needs no data (depth scores use a real kitchen where there is one)."""
    return [_window(), *_depth(shared)]


def _window() -> dict[str, Any]:
    networks = {name: build_network(name, CHANNELS, 2) for name in ("scene_unet", "surfacenet")}
    volume = torch.zeros(4, CHANNELS, *SHAPE)
    best: dict[str, float] = {}
    for _ in range(3):
        for name, network in networks.items():
            network.eval()
            with torch.inference_mode():
                begin = time.perf_counter()
                network(volume)
                taken = (time.perf_counter() - begin) / len(volume)
            best[name] = min(taken, best.get(name, np.inf))
    return {
        "stage": "scene inference, a window of 32x32x64",
        "ours_s": best["scene_unet"],
        "baseline_s": best["surfacenet"],
        "factor": best["surfacenet"] / best["scene_unet"],
        "how": "forward pass at batch 4, best of 3; ours: scene_unet, baseline: SurfaceNet, same "
        "run. Overlapping windows at half a window's stride cost ours up to 8 windows for 1",
    }


def _depth(shared: Path | None) -> list[dict[str, Any]]:
    with material(shared) as found:
        return _depth_rows(found.capture, found.what)


def _depth_rows(capture: Capture, place: str) -> list[dict[str, Any]]:
    frames = [capture.frame(i, size=CAMERA.size) for i in range(0, len(capture), 5)]
    mesh = fuse(frames, TsdfParams()).mesh()
    caster = Raycaster(mesh)
    views = [(f.camera, f.pose, f.depth_m) for f in frames if f.pose is not None]
    begin = time.perf_counter()
    for camera, pose, depth_m in views:
        depth_errors(caster.depth(camera, pose), depth_m)
    ours_s = (time.perf_counter() - begin) / len(views)
    begin = time.perf_counter()
    for camera, pose, depth_m in views[:4]:
        depth_errors(_trimesh_depth(mesh, camera, pose), depth_m)
    baseline_s = (time.perf_counter() - begin) / 4
    return [
        {
            "stage": "depth scores, a rendered frame of 320x240",
            "ours_s": ours_s,
            "baseline_s": baseline_s,
            "factor": baseline_s / ours_s,
            "how": f"{place}, one thread, {len(mesh.faces)} triangles; baseline: trimesh's ray "
            "query on the same Embree. The original needs a rasteriser and a display driver",
        }
    ]


def _trimesh_depth(mesh: Mesh, camera: Intrinsics, pose: Pose) -> np.ndarray:
    query = trimesh.Trimesh(mesh.vertices_m, mesh.faces, process=False).ray
    rays = pixel_rays(camera).reshape(-1, 3) @ pose.world_from_camera[:3, :3].T
    origins = np.tile(pose.position_m, (len(rays), 1))
    points, ray, _ = query.intersects_location(origins, rays, multiple_hits=False)
    depth = np.zeros(len(rays), dtype=np.float32)
    axis = pose.world_from_camera[:3, 2]
    depth[ray] = (points - pose.position_m) @ axis
    return depth.reshape(camera.height, camera.width)
