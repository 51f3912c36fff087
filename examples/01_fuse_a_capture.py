"""Fuse the depth frames of a capture into a coloured mesh, labelled where its frames are.

python examples/01_fuse_a_capture.py CAPTURE MESH.ply
"""

from __future__ import annotations

import argparse
from pathlib import Path

from crossvox.capture import open_capture
from crossvox.doors.meshes import write_ply
from crossvox.scene.params import TsdfParams
from crossvox.scene.tsdf.volume import TsdfVolume


def main(path: Path, mesh_file: Path) -> None:
    """Feed frames one by one; memory grows with the surface, not with the room."""
    capture = open_capture(path)
    volume = TsdfVolume(TsdfParams(voxel_m=0.02), votes=True)
    for index in range(len(capture)):
        volume.integrate(capture.frame(index, size=(320, 240)))
    mesh = volume.mesh()
    write_ply(mesh_file, mesh)
    counts = volume.counts
    print(f"{counts.fused} frames fused, {counts.without_pose} without pose left out")
    print(f"{len(mesh.vertices_m)} vertices, {volume.memory_bytes / 1e6:.0f} MB of voxels")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("capture", type=Path, help="file or folder of any supported format")
    parser.add_argument("mesh", type=Path, help="PLY file that is written")
    asked = parser.parse_args()
    main(asked.capture, asked.mesh)
