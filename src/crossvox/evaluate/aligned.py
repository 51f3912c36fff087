"""A made surface brought onto its reference before it is scored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from crossvox.core.volume import Mesh, Score
from crossvox.evaluate.sampling import points_with_normals
from crossvox.metrics.align import Alignment, AlignMode, align
from crossvox.metrics.measures import Measure, register
from crossvox.metrics.surfaces import THRESHOLD_M

POINTS = 20_000
"""Points of each side by which surfaces are brought together."""

DOUBTFUL_M = THRESHOLD_M
"""Surfaces of one place are brought nearer than this, which is what counts as near."""

_NEIGHBOURS = 12
"""Points that tell the normal of one between them, of a point cloud."""

_SCALE, _RESIDUAL, _NEAR = (
    register(Measure(name, unit, higher, text, "surface", of))
    for name, unit, higher, text, of in (
        ("Align scale", "ratio", True,
         "What the made surface's lengths were multiplied by; the matrix is in the details.",
         "rounds"),
        ("Align residual", "m", False,
         "Root mean square distance left between pairs that count, along the true surface's "
         "normals.", "pairs"),
        ("Align near", "ratio", True,
         "Share of the points, of both sides, that are in a pair that counts.", "points"),
    )
)  # fmt: skip


def aligned(predicted: Mesh, reference: Mesh, mode: AlignMode) -> tuple[Mesh, Alignment | None]:
    """Bring a surface onto its reference, by points alone (:mod:`crossvox.metrics.align`).

    Args:
        predicted, reference: meshes or point clouds.
        mode: ``none``; ``icp_se3``, turned and shifted; ``icp_sim3``, scaled as well.

    Returns:
        The moved surface, and what moved it; the same one and None where nothing was asked for, or
        there is nothing to move.

    Raises:
        ShapeError: the reference has fewer than 3 points.
    """
    if mode == "none" or not len(predicted.vertices_m):
        return predicted, None
    moved, _ = _spread(predicted)
    fixed, normals = _spread(reference)
    found = align(moved, fixed, normals, scaled=mode == "icp_sim3")
    vertices = found.moved(predicted.vertices_m).astype(np.float32)
    return replace(predicted, vertices_m=vertices), found


def in_files(found: Alignment, moved_m: Sequence[float], fixed_m: Sequence[float]) -> Alignment:
    """The alignment of positions as they are stored, of surfaces whose origins were taken off.

    Args:
        found: of the positions without their origins.
        moved_m, fixed_m: ``(3,)`` these origins.
    """
    matrix = found.matrix.copy()
    matrix[:3, 3] += np.array(fixed_m) - matrix[:3, :3] @ np.array(moved_m)
    return replace(found, matrix=matrix)


def alignment_scores(found: Alignment) -> list[Score]:
    """Scale, residual and share of an alignment; the scale's details are the matrix."""
    matrix = {
        f"m{row}{column}": float(found.matrix[row, column])
        for row in range(3)
        for column in range(4)
    }
    details = {**matrix, "converged": float(found.converged), "free": float(found.free)}
    return [
        _SCALE.score(found.scale, found.rounds, found.mode, details=details),
        _RESIDUAL.score(found.residual_m, found.pairs, found.mode),
        _NEAR.score(found.near, found.points, found.mode),
    ]


def alignment_remarks(found: Alignment, middle_m: NDArray[np.float64]) -> list[str]:
    """What was done to the made surface, and whether it can be relied on.

    Args:
        found: the alignment.
        middle_m: ``(3,)`` a point of the made surface, by which its shift is told.
    """
    shift = found.moved(middle_m) - middle_m
    told = [
        f"aligned ({found.mode}): turned by {found.turn_deg:.4g} degrees, scaled by "
        f"{found.scale:.6g}, its middle moved by ({', '.join(f'{by:.4g}' for by in shift)}) m; "
        f"{found.near:.1%} of the points are paired within {found.limit_m:.3g} m, "
        f"{found.residual_m:.3g} m apart (root mean square); "
        f"{'converged' if found.converged else 'NOT converged'} after {found.rounds} rounds"
    ]
    if found.residual_m > DOUBTFUL_M:
        told.append(
            f"the alignment is doubtful: pairs are still {found.residual_m:.3g} m apart; are the "
            f"surfaces of one place?"
        )
    if found.free:
        told.append(
            f"the surfaces do not hold each other in {found.free} directions (a flat or round "
            f"shape can slide): the alignment is one of many"
        )
    return told


def _spread(mesh: Mesh) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
    """Points over a surface and their normals; of a cloud its points, and those of neighbours."""
    points, normals = points_with_normals(mesh, POINTS)
    if len(points):
        return points, normals
    cloud = mesh.vertices_m
    if len(cloud) > POINTS:
        # Not every n-th: scans lie in rows.
        chosen = np.random.default_rng(0).choice(len(cloud), POINTS, replace=False)
        cloud = cloud[np.sort(chosen)]
    points = cloud.astype(np.float64)
    return points, _normals(points) if len(points) > _NEIGHBOURS else None


def _normals(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Direction in which the neighbours of each point extend least (Hoppe et al. 1992)."""
    from scipy.spatial import cKDTree

    _, near = cKDTree(points).query(points, k=_NEIGHBOURS)
    around = points[near] - points[near].mean(axis=1, keepdims=True)
    _, vectors = np.linalg.eigh(np.einsum("nki,nkj->nij", around, around))
    return np.ascontiguousarray(vectors[:, :, 0])
