"""What is known of features and trainings besides scores: descriptions, which decide nothing.

*Features* of an arm are those of the 2D network in its own run. At a few frames of each held-out
room they are read at the same places for all arms: whether they find a point again in another frame
(:mod:`crossvox.metrics.consistency`), and how alike those of two arms are
(:mod:`crossvox.metrics.cka`). *Trainings*: whether the gradients of reconstruction and segmentation
agree (:mod:`crossvox.recipes.study.gradients`).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.core.artifact import plain, read_json, write_json
from crossvox.core.checks import CrossvoxError
from crossvox.evaluate.parts import ANGLE, ANGLES_DEG
from crossvox.evaluate.predicted import predicted_scenes
from crossvox.evaluate.references import scene_folder
from crossvox.flow.runner import Runner, Work
from crossvox.flow.stage import Collection, Input, Stage, how
from crossvox.metrics.cka import LEAST, debiased_cka
from crossvox.metrics.consistency import matches
from crossvox.metrics.statistics import LEVEL, paired_difference
from crossvox.recipes.run_input import RunInput
from crossvox.recipes.study.causes import CAUSES, CauseParams
from crossvox.recipes.study.causes_run import PredictedTarget, everything_by
from crossvox.recipes.trained import Trained, load_trained, run_input
from crossvox.samples.batch import normalised
from crossvox.samples.source import SceneSource, load_source
from crossvox.study.arms import RECONSTRUCT, SEGMENT3D
from crossvox.study.transfer import Description
from crossvox.tasks.lifted import LiftedNetwork
from crossvox.views.params import ViewParams

Array = NDArray[Any]

FEATURES, DESCRIBED = "features", "described.json"
CELL = 8
"""A frame has one place to choose from in each square of so many pixels, whatever the features'
own stride."""

ANGLE_GROUPS = ANGLE.groups[1:]
CONSISTENCY, ALIKE = "k-NN consistency across views", "debiased CKA"
COLOURS = "colours"


@dataclass(frozen=True)
class DescribedRooms(Collection):
    """What the descriptions of all rooms have in common."""

    NAME = "study-features"
    NUMBERS = 2

    params: CauseParams


@dataclass(frozen=True)
class DescribeRoom(Stage):
    """Features of several arms at the same places of one room.

    Attributes:
        scene: a prepared scene.
        params: how many frames and places.
        views: how frames look at voxels.
        weights: fingerprint of the runs, by name.
        runs: runs whose 2D networks make the features, by name.
    """

    NAME = "study-features-of-room"
    NUMBERS = 2

    scene: Input
    params: CauseParams
    views: ViewParams
    weights: tuple[tuple[str, str], ...]
    runs: tuple[tuple[str, RunInput], ...] = how(())

    def make(self, work: Work) -> Mapping[str, Any]:
        """Write ``described.json``."""
        with work.watch("load views"):
            source = load_source(self.scene.path, self.views)
        with work.watch("features"):
            places = places_of(source, self.params.frames)
            features = {name: features_at(source, self.views, None, places) for name in (COLOURS,)}
            for name, run in self.runs:
                features[name] = features_at(source, self.views, load_trained(run, "cpu"), places)
        with work.watch("compare"):
            record = {
                "angles": {
                    name: found_again(values, places, self.params).tolist()
                    for name, values in features.items()
                },
                "alike": alike(features, self.params.places),
            }
        write_json(work.out / DESCRIBED, plain(record))
        return {"frames": len(places.frame_ids), "places": len(places.voxel)}


@dataclass(frozen=True, eq=False)
class Places:
    """Places of a room in a few frames.

    Attributes:
        frame_ids: of the frames.
        centres_m: ``(F, 3)`` where their cameras stood.
        frame: ``(N,)`` number of the frame of each place.
        pixel: ``(N, 2)`` row and column.
        voxel: ``(N,)`` linear number of the voxel that shows there.
        places_m: ``(N, 3)`` its centre.
        one_a_cell: ``(N,)`` bool, the first of its square of pixels.
    """

    frame_ids: tuple[int, ...]
    centres_m: NDArray[np.float64]
    frame: NDArray[np.int64]
    pixel: NDArray[np.int64]
    voxel: NDArray[np.int64]
    places_m: NDArray[np.float64]
    one_a_cell: NDArray[np.bool_]


def places_of(source: SceneSource, frames: int) -> Places:
    """What some frames of a room, evenly chosen, see of its voxels."""
    views, width = source.views, source.views.camera.width
    seeing = np.flatnonzero(np.diff(views.start))
    chosen = np.unique(seeing[np.linspace(0, len(seeing) - 1, frames).round().astype(int)])
    ids = [int(views.frame_ids[at]) for at in chosen] if len(seeing) else []
    number = {frame: index for index, frame in enumerate(source.capture.frame_ids)}
    poses = [source.capture.pose(number[frame]) for frame in ids]
    rows, pixels, voxels, first = [], [], [], []
    for order, at in enumerate(chosen if len(seeing) else ()):
        part = slice(int(views.start[at]), int(views.start[at + 1]))
        pixel = views.pixel[part].astype(np.int64)
        cell = (pixel // width // CELL) * width + pixel % width // CELL
        marked = np.zeros(len(pixel), bool)
        marked[np.unique(cell, return_index=True)[1]] = True
        rows.append(np.full(len(pixel), order))
        pixels.append(np.stack([pixel // width, pixel % width], axis=1))
        voxels.append(views.voxel[part].astype(np.int64))
        first.append(marked)
    if not rows:
        nothing = np.zeros(0, np.int64)
        empty = np.zeros((0, 3))
        return Places((), empty, nothing, np.zeros((0, 2), np.int64), nothing, empty, nothing > 0)
    voxel = np.concatenate(voxels)
    at_m = source.grid.to_world(np.stack(np.unravel_index(voxel, source.grid.shape), axis=1))
    centres = np.array([pose.position_m for pose in poses if pose is not None])
    return Places(
        tuple(ids),
        centres,
        np.concatenate(rows),
        np.concatenate(pixels),
        voxel,
        at_m,
        np.concatenate(first),
    )


def features_at(
    source: SceneSource, views: ViewParams, trained: Any, places: Places
) -> NDArray[np.float32]:
    """Features ``(N, C)`` of places, as the 2D network of a run makes them; None: the colours."""
    import torch

    found: list[NDArray[np.float32]] = []
    for order, frame in enumerate(places.frame_ids):
        image = torch.from_numpy(normalised(source.image(frame, views)))[None]
        maps, stride = image, 1
        if trained is not None:
            network = trained.network
            with torch.inference_mode():
                maps = network.image_maps(image.to(trained.device))[:, : network.channels].cpu()
            stride = network.stride
        row, column = (places.pixel[places.frame == order] // stride).T
        found.append(maps[0].numpy()[:, row, column].T.astype(np.float32))
    return np.concatenate(found) if found else np.zeros((0, 1), np.float32)


def found_again(values: Array, places: Places, params: CauseParams) -> NDArray[np.float64]:
    """Points by angle between views: asked for, found again, found by chance; ``(angles, 3)``.

    Asked for are those that a place of the other frame is near enough to: no features find others.
    """
    rng = np.random.default_rng(0)
    counts = np.zeros((len(ANGLE_GROUPS), 3))
    for one, other in itertools.permutations(range(len(places.frame_ids)), 2):
        asked = np.flatnonzero(places.frame == one)
        there = np.flatnonzero((places.frame == other) & places.one_a_cell)
        shared = np.isin(places.voxel[asked], places.voxel[places.frame == other])
        asked = asked[shared]
        if len(asked) > params.points:
            asked = np.sort(rng.choice(asked, params.points, replace=False))
        if not len(asked) or not len(there):
            continue
        at_m = places.places_m[asked]
        found = matches(values[asked], at_m, values[there], places.places_m[there], params.within_m)
        rays = [places.centres_m[frame] - at_m for frame in (one, other)]
        sizes = np.prod([np.linalg.norm(ray, axis=1) for ray in rays], axis=0)
        cosine = (rays[0] * rays[1]).sum(axis=1) / np.maximum(sizes, 1e-12)
        angle = np.searchsorted(ANGLES_DEG, np.degrees(np.arccos(np.clip(cosine, -1, 1))))
        for column, weights in enumerate((found.chance > 0, found.right, found.chance)):
            counts[:, column] += np.bincount(angle, weights, len(ANGLE_GROUPS))
    return counts


def alike(features: Mapping[str, Array], most: int) -> dict[str, float]:
    """Debiased CKA of each pair of features at the same places, by ``ONE, OTHER``."""
    count = min((len(values) for values in features.values()), default=0)
    if count < LEAST:
        return {}
    rng = np.random.default_rng(0)
    chosen = np.sort(rng.choice(count, min(count, most), replace=False))
    return {
        f"{one}, {other}": debiased_cka(features[one][chosen], features[other][chosen])
        for one, other in itertools.combinations(features, 2)
    }


def descriptions(
    out: Path,
    targets: Mapping[str, PredictedTarget],
    runs: Mapping[str, Mapping[str, Mapping[int, Path]]],
    params: CauseParams,
    *,
    level: float = LEVEL,
    workers: int = 1,
    runner: Runner | None = None,
) -> tuple[tuple[Description, ...], tuple[str, ...]]:
    """Describe features and trainings of a study's first seed.

    Args:
        out: folder of the study; what was found of rooms is kept in ``OUT/causes``.
        targets: what was predicted.
        runs: run folders by target, arm and seed.
        params: how much of it is looked at.
        level: how often intervals shall hold the truth, over rooms or batches.
        workers: rooms at once.
        runner: who makes it.

    Returns:
        Descriptions, and what was left out.
    """
    from crossvox.recipes.study.gradients import gradient_descriptions

    runner = runner or Runner()
    found: list[Description] = []
    remarks: list[str] = []
    for name in (RECONSTRUCT, SEGMENT3D):
        if name in targets and any(runs.get(name, {}).values()):
            told = _feature_descriptions(
                out / CAUSES / FEATURES / name, targets[name], runs[name], params, level, workers,
                runner, remarks,
            )  # fmt: skip
            found += told
            if told:
                break
    if params.batches and SEGMENT3D in targets:
        for arm, by_seed in runs.get(SEGMENT3D, {}).items():
            if by_seed:
                try:
                    found += gradient_descriptions(
                        arm, by_seed[min(by_seed)], targets[SEGMENT3D].data, params, level, runner
                    )
                except CrossvoxError as error:
                    remarks.append(f"gradients of {arm}: {error}")
    return tuple(found), tuple(remarks)


def _feature_descriptions(
    folder: Path,
    target: PredictedTarget,
    runs: Mapping[str, Mapping[int, Path]],
    params: CauseParams,
    level: float,
    workers: int,
    runner: Runner,
    remarks: list[str],
) -> list[Description]:
    sources = _sources(runs, remarks)
    predictions = [f for cell in target.cells.values() for f in cell.folders.values()]
    rooms = sorted({room for prediction in predictions for room in predicted_scenes(prediction)})
    if not sources or not rooms:
        return []
    weights = tuple((name, run.digest) for name, run in sources.items())
    stages = {
        room: DescribeRoom(
            Input.folder(scene_folder(target.data, room)),
            params,
            target.sight.views,
            weights,
            tuple(sources.items()),
        )
        for room in rooms
    }
    everything = everything_by(runner)
    everything.make_all(DescribedRooms(params), stages, folder, workers=workers, label="rooms")
    records = [read_json(folder / room / DESCRIBED) for room in rooms]
    return [*_consistency(records, level), *_alike(records, level)]


def _sources(runs: Mapping[str, Mapping[int, Path]], remarks: list[str]) -> dict[str, RunInput]:
    """First run of each arm that lifts features of its own, by the arm's name.

    Arms whose frozen 2D networks are the same are one source, called by the first of them.
    """
    import torch

    found: dict[str, RunInput] = {}
    states: list[dict[str, torch.Tensor]] = []
    for arm, by_seed in runs.items():
        if not by_seed:
            continue
        try:
            run = run_input(by_seed[min(by_seed)])
            trained = load_trained(run, "cpu")
        except CrossvoxError as error:
            remarks.append(f"features of {arm}: {error}")
            continue
        if not (isinstance(trained, Trained) and isinstance(trained.network, LiftedNetwork)):
            continue
        images = trained.network.image_network
        if images is None:
            continue
        state = {name: value.clone() for name, value in images.state_dict().items()}
        if not any(_same(state, other) for other in states):
            states.append(state)
            found[arm] = run
    return found


def _same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return one.keys() == other.keys() and all(
        one[name].shape == other[name].shape and bool((one[name] == other[name]).all())
        for name in one
    )


LEAST_POINTS = 30
"""A room counts for a bin of angles if so many points of it were looked for."""


def _consistency(records: Sequence[Mapping[str, Any]], level: float) -> list[Description]:
    reading = (
        "Share of points whose most alike place in another frame (cosine, nothing trained) is the "
        "same point, mean over rooms; the less it falls with the angle, the more the features tell "
        "the thing instead of the picture."
    )
    found = []
    names = [*records[0]["angles"]]
    tables = {name: np.array([one["angles"][name] for one in records]) for name in names}
    for number, group in enumerate(ANGLE_GROUPS):
        for name, table in tables.items():
            asked, right, _ = table[:, number].T
            kept = asked >= LEAST_POINTS
            if kept.any():
                shares = right[kept] / asked[kept]
                found.append(described(CONSISTENCY, name, group, shares, "ratio", reading, level))
        asked, _, chance = tables[names[0]][:, number].T
        kept = asked >= LEAST_POINTS
        if kept.any():
            shares = chance[kept] / asked[kept]
            found.append(
                described(
                    CONSISTENCY, "chance", group, shares, "ratio", "What guessing gets.", level
                )
            )
    return found


def _alike(records: Sequence[Mapping[str, Any]], level: float) -> list[Description]:
    reading = (
        "How alike two sets of features are at the same places (1: but for a turn the same, 0: "
        "nothing in common), mean over rooms. A description: features that are alike need not "
        "serve alike."
    )
    found = []
    for pair in dict.fromkeys(name for one in records for name in one["alike"]):
        told = [one["alike"][pair] for one in records if one["alike"].get(pair) is not None]
        if told:
            found.append(described(ALIKE, pair, "", np.array(told), "", reading, level))
    return found


def described(
    name: str, of: str, group: str, values: Array, unit: str, reading: str, level: float
) -> Description:
    """The mean of some values, none above 1, with Student's interval of it; NaN of a single one."""
    row = np.asarray(values, np.float64)[None]
    told = paired_difference(row, np.zeros_like(row), level)
    known = row.size > 1
    low, high = (max(told.low, -1.0), min(told.high, 1.0)) if known else (math.nan, math.nan)
    return Description(name, of, group, told.mean, low, high, unit, reading)
