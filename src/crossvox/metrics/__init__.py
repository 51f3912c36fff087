"""Measuring: confusion counts and IoU, distances between surfaces, depth errors. Pure functions.

Nothing here reads a file, knows a network, or decides a protocol (``crossvox.evaluate.protocols``
does). Distances are metres. A number that is not defined is NaN, is left out of means, and is
counted: it never makes a scene vanish and never turns into a zero.
"""

from crossvox.metrics.beside_fusion import FusedDistances, fusion_scores, seen_free_scores
from crossvox.metrics.classes import (
    LENIENT,
    MAJORITY,
    PRESENT,
    STRICT,
    class_accuracy,
    class_iou,
    class_iou_lenient,
    class_values,
    confusion,
    frequency_weighted_iou,
    one_class,
    segmentation_scores,
    voxel_numbers,
    voxel_scores,
)
from crossvox.metrics.depth import DepthErrors, added_depth, depth_errors, depth_scores
from crossvox.metrics.means import mean_scores, present_mean
from crossvox.metrics.measures import MEASURES, Measure, added, main_scores, reading, register
from crossvox.metrics.resample import bootstrap_intervals, group_counts
from crossvox.metrics.surfaces import (
    CELL_M,
    FINE_M,
    THRESHOLD_M,
    SurfaceDistances,
    SurfaceErrors,
    surface_distances,
    surface_errors,
    surface_scores,
    threshold_scores,
    voxel_downsample,
)

__all__ = [
    "CELL_M",
    "FINE_M",
    "LENIENT",
    "MAJORITY",
    "MEASURES",
    "PRESENT",
    "STRICT",
    "THRESHOLD_M",
    "DepthErrors",
    "FusedDistances",
    "Measure",
    "SurfaceDistances",
    "SurfaceErrors",
    "added",
    "added_depth",
    "bootstrap_intervals",
    "class_accuracy",
    "class_iou",
    "class_iou_lenient",
    "class_values",
    "confusion",
    "depth_errors",
    "depth_scores",
    "frequency_weighted_iou",
    "fusion_scores",
    "group_counts",
    "main_scores",
    "mean_scores",
    "one_class",
    "present_mean",
    "reading",
    "register",
    "seen_free_scores",
    "segmentation_scores",
    "surface_distances",
    "surface_errors",
    "surface_scores",
    "threshold_scores",
    "voxel_downsample",
    "voxel_numbers",
    "voxel_scores",
]
