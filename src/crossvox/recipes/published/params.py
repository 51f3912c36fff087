"""What the user chooses about the published pipeline's files."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from crossvox.chunks import ChunkParams
from crossvox.samples.params import LabelConvention
from crossvox.views.params import ViewParams

Split = Literal["train", "val"]

THESIS_VIEWS = ViewParams(width=328, height=256, geometry="thesis")
"""How the published pipeline looks at voxels."""

CLEAN_SHARE = 0.01
"""The cleaning step keeps sub-volumes with a larger share of occupied voxels."""


@dataclass(frozen=True)
class ExportParams:
    """What is written to the published pipeline's HDF5 files.

    Attributes:
        split: scenes of which list.
        clean: the published cleaning step: leave out sub-volumes that lack a view or hold no more
            than 1 % occupied voxels. Its networks cannot take others; what is left out is counted.
        turned: also write the training file with the four stored rotations.
        labels: what the numbers in ``y`` mean. ``continuous40``, as the published preparation
            writes them: 0 = wall ... 39 = otherprop, 40 = free or unannotated. ``free0``, as the
            published training reads them: 0 = free or unannotated, 1 = wall ... 40 = otherprop.
            ``nyu40``: likewise with -1 = free. ``continuous20``: the published table of the
            benchmark's classes (it knows the first 14 of the 20), 20 = everything else.
        views: which voxels a frame sees, and how many frames look at a sub-volume.
        chunks: how training sub-volumes are drawn.
        seed: seed of the drawing; the seed of a training run gives that run's sub-volumes.
    """

    split: Literal["train", "val", "both"] = "both"
    clean: bool = True
    turned: bool = False
    labels: LabelConvention = "continuous40"
    views: ViewParams = THESIS_VIEWS
    chunks: ChunkParams = field(default_factory=lambda: ChunkParams(require_views=5))
    seed: int = 0


@dataclass(frozen=True)
class ImportParams:
    """How HDF5 files of the published pipeline become a data folder.

    Attributes:
        split: which list the file's scenes go to.
        labels: what the numbers in ``y`` mean (see ``crossvox export hdf5 --help``); ``auto`` takes
            what the file says, else what its free voxels tell.
        far_m: readings farther than this say nothing about which voxels were observed.
    """

    split: Split = "train"
    labels: LabelConvention | Literal["auto"] = "auto"
    far_m: float = 4.0
