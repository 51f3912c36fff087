"""Frames to a labelled surface: labelled once each, gathered in voxels, smoothed along the surface.

The vertices of the completed surface take what all frames say of the voxels around them. A network
for rooms may correct that in between (``refine``); without one these are the votes, weighted and
smoothed, that it must beat.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from crossvox.core.artifact import Stopwatch
from crossvox.core.checks import ShapeError, expect
from crossvox.core.class_map import ClassMap
from crossvox.core.frame import Frame
from crossvox.core.frame_labels import FrameLabeller
from crossvox.core.grid import VoxelGrid
from crossvox.core.threads import threads
from crossvox.core.volume import Mesh
from crossvox.predict.complete import Completion
from crossvox.predict.params import LabelParams
from crossvox.predict.said import Told, said_of
from crossvox.predict.smooth import carry, parts_by_scale, smooth, surface_graph
from crossvox.scene.class_evidence import ClassEvidence
from crossvox.scene.shell import Shell, shell_of, vertex_normals

Array = NDArray[np.float32]


class Refine(Protocol):
    """What corrects the votes in space: a network for rooms."""

    def __call__(
        self,
        grid: VoxelGrid,
        voxels: NDArray[np.int64],
        normals: Array,
        probability: Array,
        weight: Array,
        evidence: Array,
    ) -> Array:
        """New probabilities of the voxels near the surface.

        Args:
            grid: where the voxels are.
            voxels: ``(N,)`` linear numbers, C order, rising.
            normals: ``(N, 3)`` unit normals of the surface there; 0 where nobody knows.
            probability: ``(N, C)`` what frames say; all 0 where none says anything.
            weight: ``(N,)`` how much they say.
            evidence: ``(E, X, Y, Z)`` depth evidence, see :mod:`crossvox.scene.evidence`.

        Returns:
            ``(N, C)`` float32 that sum to 1; all 0 where it says nothing.
        """
        ...


@dataclass(frozen=True, eq=False)
class Labelling:
    """What frames, and a network that corrects them, say of a scene's surface.

    Attributes:
        mesh: the completed surface with labels and ``label_confidence``; without them where no
            frame said anything of it.
        votes: the same by votes alone, where a network corrected them; else None.
        fused: the fused surface with the labels of ``mesh``.
        frames: frames that said something.
        silent: frames that said nothing, or had no depth.
        seen: share of the completed surface's vertices that frames label.
    """

    mesh: Mesh
    votes: Mesh | None
    fused: Mesh
    frames: int
    silent: int
    seen: float


def label_scene(
    frames: Iterable[Frame],
    labeller: FrameLabeller,
    made: Completion,
    params: LabelParams,
    watch: Stopwatch,
    *,
    classes: ClassMap | None = None,
    refine: Refine | None = None,
    told: Told | None = None,
) -> Labelling:
    """Label the surface that was made of frames.

    Each frame is labelled once, and none is kept.

    Args:
        frames: with colour, depth and pose: those that the surface was made of.
        labeller: labels one.
        made: their surface, its grid and the evidence of depth.
        params: weights, smoothing, how much doubt is allowed.
        watch: takes the times.
        classes: what is told of the labeller's classes, NYU40's; None: all of them.
        refine: corrects what frames say, voxel by voxel; None: votes alone.
        told: what the labeller says of the frames, where it was begun before; it is closed.

    Raises:
        ShapeError: the labeller or ``refine`` answer in another shape than they should.
    """
    mesh = made.mesh
    normals = vertex_normals(mesh)
    shell = shell_of(made.grid, mesh, normals)
    gathered = ClassEvidence(
        made.grid, shell.voxels, shell.normals, labeller.classes, params.votes, surface=mesh
    )
    silent = 0
    with closing(told or said_of(frames, labeller)) as all_said:
        with watch("smooth labels"):
            # What follows from the surface alone is made while the first frames are labelled.
            painter = _Painter(mesh, shell, params, classes or ClassMap())
            nearest = _nearest(made.fused, mesh)
        each = iter(all_said)
        while True:
            with watch("label frames"):
                frame, said = next(each, (None, None))
            if frame is None:
                break
            with watch("gather labels"):
                silent += not gathered.add(frame, said)
    probability, weight = gathered.probability, gathered.weight
    if not weight.any():
        return Labelling(mesh, None, made.fused, gathered.frames, silent, 0.0)
    refined = None
    with ThreadPoolExecutor(1) as beside:
        voting = beside.submit(painter.paint, probability, weight)
        if refine is not None:
            with watch("correct labels"):
                refined = refine(
                    made.grid, shell.voxels, shell.normals, probability, weight, made.evidence
                )
            expect(
                refined.shape == probability.shape,
                given=f"corrected probabilities of shape {refined.shape}",
                needed=f"{probability.shape}",
                do="check the network's output",
                error=ShapeError,
            )
        with watch("smooth labels"):
            votes, seen = voting.result()
            labelled, control = votes, None
            if refined is not None:
                # Where the network says something it is taken whole: it knows what frames weigh.
                said_there = (refined.sum(axis=1) > 0).astype(np.float32)
                labelled, control = painter.paint(refined, said_there)[0], votes
    return Labelling(
        labelled,
        control,
        _with_labels_of(made.fused, labelled, nearest),
        gathered.frames,
        silent,
        seen,
    )


class _Painter:
    """Brings probabilities of voxels to the vertices of one surface."""

    def __init__(
        self,
        mesh: Mesh,
        shell: Shell,
        params: LabelParams,
        classes: ClassMap,
    ) -> None:
        self._mesh, self._shell, self._params = mesh, shell, params
        self._classes = classes
        self._graph = surface_graph(mesh, params.smooth)
        self._parts = parts_by_scale(mesh, self._graph, params.smooth)

    def paint(self, probability: Array, weight: Array) -> tuple[Mesh, float]:
        """The surface with labels, and the share of its vertices that something is known of."""
        smoothing = self._params.smooth
        found, trust = self._shell.at_vertices(self._classes.merge(probability), weight)
        known = trust > 0
        carry(self._mesh, self._graph, found, known, smoothing.half_m)
        # What one frame saw well counts in full; what was carried here, as little as is needed.
        weight = np.clip(trust, 0.05, 1)
        found = smooth(self._parts, found, weight)
        found = tempered(found, self._params.temperature)
        label = (found.argmax(axis=1) + 1).astype(np.uint8)
        sure = found.max(axis=1)
        label[sure < self._params.unknown_below] = 0
        painted = replace(self._mesh, labels=label, label_confidence=sure)
        return painted, float(known.mean()) if len(known) else 0.0


def tempered(probability: Array, temperature: float) -> Array:
    """``(N, C)`` probabilities to the power of 1 / temperature, made to sum to 1 again."""
    if temperature != 1:
        logs = np.log(np.maximum(probability, 1e-9)) / np.float32(temperature)
        probability = np.exp(logs - logs.max(axis=1, keepdims=True))
    total = probability.sum(axis=1, keepdims=True)
    return np.asarray(probability / np.where(total > 0, total, 1), np.float32)


def _nearest(mesh: Mesh, other: Mesh) -> NDArray[np.int64]:
    """For each vertex of a mesh, which vertex of another one, of much the same surface, is next."""
    if not len(mesh.vertices_m) or not len(other.vertices_m):
        return np.zeros(0, np.int64)
    found: NDArray[np.int64] = cKDTree(other.vertices_m).query(mesh.vertices_m, workers=threads())[
        1
    ]
    return found


def _with_labels_of(mesh: Mesh, labelled: Mesh, nearest: NDArray[np.int64]) -> Mesh:
    """A mesh with the labels of the vertices of another one that are next to its own."""
    if labelled.labels is None or labelled.label_confidence is None or not len(nearest):
        return mesh
    return replace(
        mesh,
        labels=labelled.labels[nearest],
        label_confidence=labelled.label_confidence[nearest],
    )
