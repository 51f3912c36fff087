"""How a run is packed: weights, record, self-test, card, and what it costs."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import msgspec
import torch
from safetensors.torch import save
from torch import Tensor

from crossvox.core.artifact import plain, read_json, write_json
from crossvox.core.checks import ArtifactError, ParamsError
from crossvox.core.files import CARD, PARAMS
from crossvox.core.params import from_plain, scores_from
from crossvox.flow.runner import Work
from crossvox.networks.packaged import LITE, PACKAGES
from crossvox.recipes.calibrate import CALIBRATION, read_calibration
from crossvox.recipes.cards import (
    Card,
    CardScore,
    StartingWeights,
    TrainingData,
    open_fields,
    read_card_file,
)
from crossvox.recipes.check_model import built, task_of
from crossvox.recipes.pack import PackParams, PackRun
from crossvox.recipes.pack_example import example_inputs
from crossvox.recipes.pack_scores import network_scores
from crossvox.recipes.start import START
from crossvox.tasks.complete import Complete
from crossvox.tasks.segment2d import Segment2d
from crossvox.train.checkpoint import load_run_network
from crossvox.train.folder import RunRecord, lineage_of, read_record
from crossvox.train.packing import pack
from crossvox.train.params import NETWORK
from crossvox.train.selftest import as_read, sha256_of, write_self_test

KEPT_AS: Literal["best"] = "best"
"""Checkpoint of a packed run, whichever it was of the run."""

MEAN_WITH = "mean-with"
"""Role of runs whose weights the mean was taken with."""

MAJORITY = " (majority class)"

LICENCE = (
    "Apache-2.0 by the LICENSE file of the package (its metadata name none); the images of "
    "ImageNet are given out for research and teaching that is not commercial."
)
"""Of packaged weights of ImageNet."""

_SCENE = re.compile(r"scene(\d{4})_(\d\d)")


def pack_run(stage: PackRun, work: Work) -> Mapping[str, Any]:
    """Fill ``work.out / stage.name``; see :class:`crossvox.recipes.pack.PackRun`."""
    run, params, out = stage.run.path, stage.params, work.out / stage.name
    which = params.which(run)
    task = task_of(run)
    network = built(task)
    load_run_network(run, network, which)
    others = [one.path for one in stage.others or ()]
    if others:
        _take_mean(network, others, params)
    record, renamed = shareable(_learnt_from_all(run, others), params.scenes_as)
    _write(out, record, pack(network, params.precision))
    calibration = None if others else read_calibration(run)
    if calibration is not None:
        write_json(out / CALIBRATION, replace(calibration, checkpoint=KEPT_AS))
    packed = built(task)
    load_run_network(out, packed, KEPT_AS)
    inputs = example_inputs(task, network)
    write_self_test(out, packed, inputs, out / KEPT_AS / NETWORK)
    load_run_network(out, built(task), KEPT_AS)
    told = difference_text(task, network, packed, inputs)
    if stage.scored_on:
        told = f"{told} {_scores_text(stage, record, network, out, work)}"
    card = _card(stage, read_record(run), network, which, told, out / KEPT_AS / NETWORK)
    write_json(out / CARD, plain(card))
    return {
        "bytes": card.bytes,
        "packing": told,
        "open": open_fields(card),
        "renamed": renamed,
        "checkpoint": which,
    }


def _take_mean(network: Any, others: Sequence[Path], params: PackParams) -> None:
    """Have a network hold the mean of its weights and those of other runs."""
    own = network.state_dict()
    total = {name: tensor.double() for name, tensor in own.items()}
    for run in others:
        other = built(task_of(run))
        load_run_network(run, other, params.which(run))
        for name, tensor in other.state_dict().items():
            total[name] = total[name] + tensor.double()
    mean = {name: tensor / (1 + len(others)) for name, tensor in total.items()}
    network.load_state_dict({name: mean[name].to(own[name].dtype) for name in own})


def _learnt_from_all(run: Path, others: Sequence[Path]) -> Any:
    """The record of a run, which has learnt from what others have as well."""
    record = read_json(run / PARAMS)
    if others:
        own, *its = (lineage_of(one) for one in (run, *others))
        record["learnt_from"] = sorted({*own.scenes, *(s for one in its for s in one.scenes)})
        made_from = read_record(run).parents
        silent = [one for one, told in zip(others, its, strict=True) if not told.complete]
        if any(not _is_made_from(one, made_from) for one in silent):
            record["unknown_ancestors"] = sorted({*record.get("unknown_ancestors", ()), MEAN_WITH})
    return record


def _is_made_from(one: Path, parents: Mapping[str, str]) -> bool:
    """Whether a run was made from data, and from nothing but what another one was made from."""
    its = read_record(one).parents
    return its.keys() > {START} and its.items() <= parents.items()


def _write(out: Path, record: Any, weights: Mapping[str, Tensor]) -> None:
    (out / KEPT_AS).mkdir(parents=True)
    (out / KEPT_AS / NETWORK).write_bytes(save(dict(weights)))
    write_json(out / PARAMS, record)


def shareable(record: Any, scenes_as: str) -> tuple[Any, int]:
    """The record of a run without paths of a disk, its scenes called as asked.

    Args:
        record: JSON types.
        scenes_as: see :class:`crossvox.recipes.pack.PackParams`.

    Returns:
        The record, and how many texts were changed.
    """
    changed = 0

    def told(value: Any) -> Any:
        nonlocal changed
        if isinstance(value, dict):
            return {key: told(item) for key, item in value.items()}
        if isinstance(value, list):
            return [told(item) for item in value]
        if not isinstance(value, str):
            return value
        path = Path(value)
        new = path.name if path.is_absolute() or value.startswith(("~", "..")) else value
        if scenes_as:
            new = _SCENE.sub(lambda found: _called(scenes_as, *found.groups()), new)
        changed += new != value
        return new

    return told(record), changed


def _called(scenes_as: str, space: str, take: str) -> str:
    return f"{scenes_as}-{space}" + ("" if take == "00" else f"-{take}")


def difference_text(task: Any, before: Any, after: Any, inputs: Sequence[Tensor]) -> str:
    """What packing changes in the answer to an input, in words.

    Of class logits, their probabilities over the classes; else those of each logit by itself.
    """
    was, found = (_probabilities(task, network, inputs) for network in (before, after))
    distance = (found - was).abs()
    if float(distance.max()) == 0:
        return "Packing changes nothing in the answer to the stored input."
    text = (
        f"On the stored input packing changes probabilities by {float(distance.max()):.2g} at "
        f"most, {float(distance.mean()):.2g} in the mean"
    )
    if isinstance(task, Complete):
        return text + "."
    share = float((found.argmax(dim=1) != was.argmax(dim=1)).float().mean())
    return f"{text}; {100 * share:.2f} % of its places change their class."


def _probabilities(task: Any, network: Any, inputs: Sequence[Tensor]) -> Tensor:
    network.eval()
    with torch.inference_mode():
        answer = network(*map(as_read, inputs))
    logits = getattr(answer, "logits", answer).float()
    if isinstance(task, Complete):
        return logits[:, 1:].sigmoid()
    return logits.softmax(dim=1)


def _scores_text(stage: PackRun, record: Any, network: Any, packed: Path, work: Work) -> str:
    """Scores before and after, in words."""
    with tempfile.TemporaryDirectory() as folder:
        full = Path(folder) / "full"
        _write(full, record, {k: v.detach().contiguous() for k, v in network.state_dict().items()})
        found = [
            network_scores(run, stage.scored_on, stage.params.scenes, stage.device, work.progress)
            for run in (full, packed)
        ]
    before, after = found
    parts = [f"{name} {value:.4f}, packed {after[name]:.4f}" for name, value in before.items()]
    return f"Scores on what it was packed with: {'; '.join(parts)}."


def _card(
    stage: PackRun, record: RunRecord, network: Any, which: str, packing: str, weights: Path
) -> Card:
    """The card, as far as it is known."""
    given = Card() if stage.card is None else read_card_file(stage.card.path)
    scores = given.scores if stage.scores is None else read_scores(stage.scores.path)
    return replace(
        given,
        name=stage.name,
        task=record.task,
        data=given.data or _data(record),
        start=given.start or starting_weights(record),
        seed=record.params.seed,
        checkpoint=which,
        precision=stage.params.precision,
        packing=packing,
        parameters=sum(parameter.numel() for parameter in network.parameters()),
        bytes=weights.stat().st_size,
        sha256=sha256_of(weights),
        scores=scores,
    )


def _data(record: RunRecord) -> tuple[TrainingData, ...]:
    """What the record tells of the data; on which terms, it does not."""
    samples = ", ".join(f"{count} samples for {split}" for split, count in record.samples.items())
    scenes = "" if record.scenes is None else f"{len(record.scenes)} scenes: "
    return (TrainingData(f"{scenes}{samples}.", ""),)


def starting_weights(record: RunRecord) -> tuple[StartingWeights, ...]:
    """What the encoders of a run's network started from, as far as packages hold it."""
    if record.task != Segment2d.name:
        return ()
    given = record.task_params
    encoder = LITE.get(str(given.get("network", "lite")), "")
    if not encoder or given.get("weights", "auto") == "none":
        return ()
    depth = {LITE["lite"]} if given.get("depth", False) else set()
    return tuple(_imagenet(name) for name in sorted({encoder} | depth))


def _imagenet(encoder: str) -> StartingWeights:
    name = encoder.removeprefix("tf_").replace("_", "-")
    return StartingWeights(
        f"ImageNet weights of {name}, for its encoders; learnt from ImageNet's images.",
        f"package {PACKAGES[encoder]} 0.1.0.",
        LICENCE,
    )


def read_scores(path: Path) -> tuple[CardScore, ...]:
    """Scores for a card: a list of them, or the scores of an evaluation with their baselines.

    Raises:
        ArtifactError: the file holds neither.
    """
    found = read_json(path)
    try:
        if isinstance(found, list):
            return from_plain(tuple[CardScore, ...], found, path.name)
        scores = scores_from(found["scores"], path.name)
    except (KeyError, TypeError, ParamsError, msgspec.ValidationError) as error:
        raise ArtifactError(
            f"given: {path}, which holds no scores ({error}); needed: a list of a card's scores, "
            f"or what 'crossvox evaluate segment2d' wrote; do: name such a file"
        ) from None
    by_name = {score.name: score for score in scores}
    return tuple(
        CardScore(
            score.name,
            score.value,
            score.unit,
            MAJORITY.strip(" ()"),
            by_name[score.name + MAJORITY].value,
            score.protocol,
            "",
        )
        for score in scores
        if score.name + MAJORITY in by_name
    )
