"""Labels of a 3D segmentation, rendered back into frames and counted there pixel by pixel.

All segmentations of a room are rendered on one surface, that which its frames fuse to, so that they
differ in labels alone: each of its vertices takes the class of the nearest labelled one, if that is
near. A pixel shows the nearest face (:mod:`crossvox.doors.zbuffer`) and takes the class of the
corner that lies nearest to where it hits. Where no surface is hit, or one without a class, the
frame's own label stands, so that every pixel is answered; how many did so is a score of its own.
Pixels are added up over frames and scenes in one confusion matrix.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from crossvox.core.camera import Intrinsics, Pose
from crossvox.core.checks import ShapeError, expect
from crossvox.core.labels import NYU40
from crossvox.core.volume import Mesh, Score
from crossvox.doors.zbuffer import view
from crossvox.evaluate.counts import CLASSES, FAR_M, transfer_labels
from crossvox.metrics import Measure, confusion, register, segmentation_scores

PROTOCOL = "images"

OWN_NAME = "pixels with the frame's own label"

_OWN = register(
    Measure(
        OWN_NAME,
        "ratio",
        False,
        "Share of the annotated pixels that show no labelled surface and keep what the frame says.",
        "classes",
        "pixels",
    )
)

Labels = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class PixelCounts:
    """What is right in the frames of one scene, or of several that were added up.

    Attributes:
        pixels: ``(41, 41)`` int64, row = reference, column = prediction, by NYU40 id.
        own: annotated pixels that keep the frame's own label.
    """

    pixels: NDArray[np.int64]
    own: int


def painted(surface: Mesh, labelled: Mesh) -> Mesh:
    """A surface with the labels of another one near it.

    Args:
        surface: of the room.
        labelled: with a NYU40 id a vertex; may be empty.

    Returns:
        The surface; its vertices farther than :data:`crossvox.evaluate.counts.FAR_M` from any
        labelled one have no class, 0.

    Raises:
        ShapeError: ``labelled`` has no labels.
    """
    found, distance_m = transfer_labels(labelled, surface.vertices_m)
    return replace(surface, labels=np.where(distance_m > FAR_M, NYU40.ignore_id, found))


def rendered_labels(surface: Mesh, camera: Intrinsics, pose: Pose) -> Labels:
    """Labels of a surface as a frame sees them.

    Args:
        surface: with a NYU40 id a vertex.
        camera: of the image.
        pose: where it is, in the coordinates of the surface.

    Returns:
        ``(H, W)`` uint8 NYU40 ids, 0 where no labelled surface is hit.

    Raises:
        ShapeError: the surface has no labels.
    """
    expect(
        surface.labels is not None,
        given="a surface without labels",
        needed="a class a vertex",
        do="pass a labelled mesh",
        error=ShapeError,
    )
    assert surface.labels is not None
    shape = (camera.height, camera.width)
    if not len(surface.faces):
        return np.zeros(shape, np.uint8)
    seen = view(surface.vertices_m, surface.faces, camera, pose)
    hits, _ = seen.hits(surface.faces, 0, camera.height)
    share = np.stack([1 - hits.u - hits.v, hits.u, hits.v], axis=1)
    hit = hits.face >= 0
    corner = surface.faces[hits.face[hit], share[hit].argmax(axis=1)]
    found = np.zeros(len(hit), np.uint8)
    found[hit] = surface.labels[corner]
    return found.reshape(shape)


def count_pixels(truth: Labels, own: Labels, rendered: Labels | None = None) -> PixelCounts:
    """Count frames.

    Args:
        truth: NYU40 ids of any shape, 0 where nobody annotated.
        own: what the frames themselves are labelled by, of the same shape.
        rendered: what a surface says in them, 0 where it says nothing; None: it says nothing at
            all, and the frames' own labels are counted.

    Raises:
        ShapeError: the shapes differ.
    """
    if rendered is None:
        rendered = np.zeros_like(own)
    expect(
        rendered.shape == own.shape,
        given=f"rendered labels of shape {rendered.shape} and frames' own of {own.shape}",
        needed="one shape",
        do="render into the same frames",
        error=ShapeError,
    )
    silent = rendered == NYU40.ignore_id
    pixels = confusion(truth, np.where(silent, own, rendered), CLASSES)
    return PixelCounts(pixels, int((silent & (truth != NYU40.ignore_id)).sum()))


def pixel_scores(counts: PixelCounts, over: str) -> list[Score]:
    """Scores of counts: those of a 2D segmentation, strict first, then what was not rendered.

    Args:
        counts: of one ``scene``, or of the whole ``split`` added up.
        over: which of the two, for the protocol of each score.
    """
    rule = "some frames of each room, at the views' size"
    scores = segmentation_scores(counts.pixels, None, rule, of="pixels", over=over)
    annotated = int(counts.pixels.sum() - counts.pixels[NYU40.ignore_id].sum())
    share = counts.own / annotated if annotated else float("nan")
    return [*scores, _OWN.score(share, annotated, f"annotated pixels; over the {over}")]


def additive(counts: PixelCounts) -> dict[str, NDArray[np.int64]]:
    """Counts as arrays by name, which may be added up and taken off."""
    return {"pixels": counts.pixels, "own": np.asarray(counts.own, np.int64)}


def scores_of(counts: Mapping[str, NDArray[np.int64]]) -> list[Score]:
    """Scores of a split, of what :func:`additive` made of its scenes, added up."""
    return pixel_scores(PixelCounts(counts["pixels"], int(counts["own"])), "split")
