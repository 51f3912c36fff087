"""Which sub-volumes there are: a list of places over scenes, small enough to keep as JSON."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from crossvox.chunks import BoxCounts, ChunkDraws, ChunkParams, sliding_starts
from crossvox.core.artifact import digest, plain, replacing
from crossvox.core.checks import ArtifactError, ParamsError, expect
from crossvox.core.grid import Index3
from crossvox.core.params import read_as
from crossvox.core.volume import ChunkPlace
from crossvox.samples.source import SceneSource
from crossvox.views.params import ViewParams
from crossvox.views.select import select_many

SCHEMA = 1

DRAW_ROUNDS = 8
"""How often sub-volumes with too few views are drawn anew before the scene gives fewer."""


@dataclass(frozen=True)
class SampleIndex:
    """Places of samples, in order.

    Attributes:
        places: scene, start and chosen frames of each sample.
        shape: voxels of a sub-volume.
        max_views: view slots of a sample; places may name fewer frames.
        notes: counts by scene of what was drawn, kept and refused.

    Raises:
        ParamsError: a place names more frames than there are slots.
    """

    places: tuple[ChunkPlace, ...]
    shape: Index3
    max_views: int
    notes: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        most = max((len(place.frame_ids) for place in self.places), default=0)
        expect(
            self.max_views >= most and self.max_views > 0,
            given=f"a place with {most} frames in an index of {self.max_views} view slots",
            needed="as many slots as frames, at least one",
            do="make the index with a larger --views.max-views",
            error=ParamsError,
        )

    def __len__(self) -> int:
        return len(self.places)

    @property
    def digest(self) -> str:
        """Fingerprint of the places: equal digest, equal samples from equal scenes."""
        return digest(self._record(with_notes=False))

    def _record(self, with_notes: bool = True) -> dict[str, Any]:
        names = sorted({place.scene for place in self.places})
        number = {name: n for n, name in enumerate(names)}
        record: dict[str, Any] = {
            "schema": SCHEMA,
            "shape": list(self.shape),
            "max_views": self.max_views,
            "scenes": names,
            "columns": ["scene", "x", "y", "z", "frames ..."],
            "places": [[number[p.scene], *p.start, *p.frame_ids] for p in self.places],
        }
        return {**record, "notes": plain(self.notes)} if with_notes else record

    def save(self, path: Path) -> None:
        """Write as JSON; a reader sees the old file or the new one, never a part."""
        with replacing(path) as temporary:
            temporary.write_text(json.dumps(self._record()) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> SampleIndex:
        """Read what :meth:`save` wrote.

        Raises:
            ArtifactError: missing, damaged or of another schema; names the file.
        """
        needed, do = f"a sample index of schema {SCHEMA}", "make it anew"
        record = read_as(path, _Record, needed=needed, do=do)
        try:
            if record.schema != SCHEMA:
                raise ValueError(f"schema {record.schema} instead of {SCHEMA}")
            names = record.scenes
            places = tuple(
                ChunkPlace(names[scene], (x, y, z), tuple(frames))
                for scene, x, y, z, *frames in record.places
            )
            return cls(places, record.shape, record.max_views, record.notes)
        except (ValueError, IndexError, ParamsError) as error:
            raise ArtifactError(
                f"given: {path} ({error!r}); needed: a sample index of schema {SCHEMA}; "
                f"do: make it anew"
            ) from None


@dataclass(frozen=True)
class _Record:
    """What the file of an index holds."""

    schema: int
    shape: Index3
    max_views: int
    scenes: list[str]
    places: list[list[int]]
    columns: list[str] = field(default_factory=list)
    notes: dict[str, Any] = field(default_factory=dict)


def training_index(
    sources: Mapping[str, SceneSource] | Iterable[SceneSource],
    chunk_params: ChunkParams,
    view_params: ViewParams,
    seed: int,
) -> SampleIndex:
    """Draw random sub-volumes in every scene and choose their frames.

    A scene's places depend on the seed and the scene's name alone, not on the other scenes. Drawn
    sub-volumes with fewer than ``chunk_params.require_views`` views are drawn anew a bounded number
    of times; ``notes`` tells by scene how many were asked for, kept and refused.

    Raises:
        ParamsError: more views are required than a sub-volume may have.
        ArtifactError: a scene has no volume to draw in.
    """
    expect(
        chunk_params.require_views <= view_params.max_views,
        given=f"{chunk_params.require_views} required of at most {view_params.max_views} views",
        needed="no more required than allowed",
        do="correct --chunks.require-views or --views.max-views",
        error=ParamsError,
    )
    places: list[ChunkPlace] = []
    notes: dict[str, Any] = {}
    for source in sources.values() if isinstance(sources, Mapping) else sources:
        kept, note = _draw_scene(source, chunk_params, view_params, seed)
        places += kept
        notes[source.name] = note
    return SampleIndex(tuple(places), chunk_params.shape, view_params.max_views, notes)


def _draw_scene(
    source: SceneSource, chunk_params: ChunkParams, view_params: ViewParams, seed: int
) -> tuple[list[ChunkPlace], dict[str, int]]:
    expect(
        source.volume is not None,
        given=f"{source.name} without a volume",
        needed="occupied voxels to draw training sub-volumes in",
        do="prepare the scene",
        error=ArtifactError,
    )
    assert source.volume is not None
    rng = np.random.default_rng([seed, zlib.crc32(source.name.encode())])
    draws = ChunkDraws(source.volume, chunk_params, rng)
    places: list[ChunkPlace] = []
    note = dict.fromkeys(("drawn", "too_empty", "wall_floor", "too_few_views"), 0)
    for _ in range(DRAW_ROUNDS):
        report = draws.draw(chunk_params.per_scene - len(places))
        note["drawn"] += report.drawn
        note["too_empty"] += report.too_empty
        note["wall_floor"] += report.wall_floor
        chosen = select_many(source.views, report.starts, chunk_params.shape, view_params.max_views)
        for start, selection in zip(report.starts, chosen, strict=True):
            if len(selection.frame_ids) >= chunk_params.require_views:
                places.append(ChunkPlace(source.name, start, selection.frame_ids))
            else:
                note["too_few_views"] += 1
        if len(places) >= chunk_params.per_scene or report.missing:
            break
    return places, {"wanted": chunk_params.per_scene, "kept": len(places), **note}


def window_index(
    source: SceneSource,
    shape: Index3,
    stride: Index3,
    max_views: int,
    *,
    occupied_only: bool = False,
    keep_unseen: bool = False,
) -> SampleIndex:
    """Sliding windows over a whole scene, with their frames.

    Every window in which any frame sees a voxel is in it, whatever number of views it has.
    ``notes`` counts the windows, those that no frame sees, and those left out for being empty.

    Args:
        source: the scene.
        shape: voxels of a window.
        stride: steps between windows; equal to the shape for tiles.
        max_views: frames a window takes at most.
        occupied_only: leave out windows without an occupied voxel (validation).
        keep_unseen: keep windows that no frame sees; they have no input.

    Raises:
        ArtifactError: ``occupied_only`` for a scene without a volume.
    """
    starts = sliding_starts(source.grid, shape, stride)
    notes = {"windows": len(starts), "empty": 0}
    if occupied_only:
        expect(
            source.volume is not None,
            given=f"{source.name} without a volume",
            needed="occupied voxels, to tell which windows hold any",
            do="prepare the scene, or take all windows",
            error=ArtifactError,
        )
        assert source.volume is not None
        counts = BoxCounts(source.volume.occupied).count(np.array(starts), shape)
        starts = [start for start, count in zip(starts, counts.tolist(), strict=True) if count]
        notes["empty"] = notes["windows"] - len(starts)
    chosen = select_many(source.views, starts, shape, max_views)
    places = [
        ChunkPlace(source.name, start, selection.frame_ids)
        for start, selection in zip(starts, chosen, strict=True)
        if selection.frame_ids or keep_unseen
    ]
    notes["unseen"] = sum(not selection.frame_ids for selection in chosen)
    notes["kept"] = len(places)
    return SampleIndex(tuple(places), shape, max_views, {source.name: notes})
