"""Title, summary and the numbers in large type."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from crossvox.core.formats import counted, duration_text, share_text, value_text
from crossvox.core.methods import LEARNT, MASK_ONLY, TSDF, method_name
from crossvox.metrics.surfaces import THRESHOLD_M
from crossvox.report.folders import HELD_OUT, against_fusion, learnt_from, split_of
from crossvox.report.page.class_scores import ClassScores
from crossvox.report.page.class_sentences import class_facts, class_sentences
from crossvox.report.page.differences import against_text, answer_text, gap_of
from crossvox.report.page.surface_scores import (
    MAIN,
    SURFACE_METHODS,
    SurfaceScores,
    headline,
    main_values,
)
from crossvox.report.page.tables import seen_text
from crossvox.report.sources import Sources
from crossvox.report.values import once

NEAR = f"{THRESHOLD_M * 100:g} cm"
"""Distance under which precision, recall and F-score count a point as near."""

ASKED = {
    MASK_ONLY: "Is the learnt surface better than "
    f"{method_name(MASK_ONLY)}, the baseline that learns nothing?",
    TSDF: f"Is the learnt surface better than {method_name(TSDF)} of the same depth frames?",
}
"""What is asked of a learnt surface, by what it is compared with."""

Scores = Sequence[SurfaceScores]
Records = Sequence[Mapping[str, Any]]


def title_text(sources: Sources, names: Sequence[str], labelled: bool) -> str:
    """What the page is about."""
    if sources.predictions:
        done = "labelled" if labelled else "reconstructed"
        return f"{counted(len(names), 'room').capitalize()}, {done}"
    if sources.studies:
        named = [folder.resolve().name for folder in sources.studies]
        return f"{'Study' if len(named) == 1 else 'Studies'} {', '.join(named)}"
    if sources.runs:
        return f"Training run {sources.runs[0].resolve().name}"
    return f"{counted(len(names), 'prepared scene').capitalize()}"


def lead_texts(
    scores: Scores,
    classes: Sequence[ClassScores],
    studies: Records,
    names: Sequence[str],
    sources: Sources,
    runs: Records,
    scenes: Records = (),
) -> list[str]:
    """What the page answers, the first question first; then what the numbers may hide."""
    told = [text for entry in classes if entry.methods for text in _class_texts(entry, sources)]
    told += [study["sentence"] for study in studies]
    surfaces = headline(scores)
    if surfaces is not None:
        told += _surface_texts(surfaces, names, sources)
    told = told or _found_texts(scenes) or _without_numbers(names, sources, runs)
    told += _seen_sentences(scores, classes, names, sources)
    return told or ["Nothing to tell yet: the folders hold no numbers."]


def _found_texts(scenes: Records) -> list[str]:
    """What rooms hold, where nothing was scored."""
    rooms = [(scene["name"], scene["contents"]) for scene in scenes if scene["contents"]]
    told = []
    for name, contents in rooms:
        objects = contents["objects"]
        found = f" {counted(objects['count'], 'object').capitalize()} found." if objects else ""
        if contents["size"]:
            told.append(f"{contents['size']}{found}" if len(rooms) == 1 else
                        f"{name}: {contents['size']}{found}")  # fmt: skip
    return told


def _without_numbers(names: Sequence[str], sources: Sources, runs: Records) -> list[str]:
    """What there is, where nothing was scored."""
    sentences = []
    for run in runs:
        if run["steps"] is not None:
            took = f" in {duration_text(run['seconds'])}" if run["seconds"] else ""
            sentences.append(f"Run {run['name']}: {run['steps']:,} training steps{took}.")
    if sources.predictions:
        sentences.append(f"{counted(len(names), 'room').capitalize()} predicted, not scored yet.")
    elif names:
        sentences.append(f"{counted(len(names), 'prepared scene').capitalize()}.")
    return sentences


def _seen_sentences(
    scores: Scores, classes: Sequence[ClassScores], names: Sequence[str], sources: Sources
) -> list[str]:
    """That a network learnt from scenes shown here: as the scores tell, else as the scenes do."""
    every: list[SurfaceScores | ClassScores] = [*scores, *classes]
    told = [seen_text(entry.seen, entry.counted) for entry in every]
    if any(told):
        return once(text for text in told if text)
    seen = [name for name in names if learnt_from(name, sources)]
    if not seen:
        return []
    of = "It" if len(names) == 1 else counted(len(seen), "room").capitalize() + " of these"
    what = "was" if len(seen) == 1 else "were"
    return [f"{of} {what} seen in training, so it tells nothing of new rooms: {', '.join(seen)}."]


def held_out(scenes: Iterable[str], sources: Sources) -> str:
    """``held-out`` and a space, if that is what all the scenes are."""
    return "held-out " if {split_of(scene, sources) for scene in scenes} == {HELD_OUT} else ""


def _class_texts(entry: ClassScores, sources: Sources) -> list[str]:
    noun = "room" if entry.kind == "rooms" else "image"
    kind = held_out(entry.counted, sources)
    return class_sentences(entry, f"on {counted(entry.count, f'{kind}{noun}')}")


def _surface_texts(entry: SurfaceScores, names: Sequence[str], sources: Sources) -> list[str]:
    """Whether the learnt surface beats what learns nothing; where there is none, the numbers."""
    values = entry.main()
    scenes = list(entry.counted) or list(entry.scenes) or list(names)
    where = f"on {counted(len(scenes), f'{held_out(scenes, sources)}room')}"
    what, rules = f"{MAIN} at {NEAR}", f"protocol “{entry.protocol}”"
    controls = [method for method in ASKED if method in values]
    if LEARNT not in values or not controls:
        each = (f"{method_name(m)} {value_text(v)}" for m, v in values.items())
        texts = [f"{what} {where}: {', '.join(each)} ({rules})."]
    else:
        rooms = [main_values(of) for name, of in entry.scenes.items() if name in entry.counted]
        texts = []
        for control in controls:
            gap = gap_of(*([of.get(m, math.nan) for of in rooms] for m in (LEARNT, control)))
            told = against_text(values[LEARNT], values[control], gap)
            texts.append(f"{ASKED[control]} {answer_text(gap)}: {what} {told}, {where} ({rules}).")
    if against_fusion(scenes, sources):
        texts.append(
            "There is no ground truth here: the reference is the TSDF fusion of the same frames, "
            "so no score of that fusion is shown."
        )
    return texts


def facts(
    scores: Scores,
    classes: Sequence[ClassScores],
    names: Sequence[str],
    runs: Records,
    scenes: Records,
) -> list[tuple[str, str]]:
    """The numbers in large type below the summary."""
    found: list[tuple[str, str]] = class_facts(classes[0]) if classes else []
    best = headline(scores)
    if best is not None:
        values = best.main()
        for method in SURFACE_METHODS:
            if method in values:
                found.append((value_text(values[method]), f"{MAIN}, {method_name(method)}"))
        if best.coverage:
            found.append((share_text(min(best.coverage.values())), "of the seen windows predicted"))
    if names:
        found.append((str(len(names)), "scene" if len(names) == 1 else "scenes"))
    rooms = [scene["contents"] for scene in scenes if scene["contents"]]
    if len(rooms) == 1 == len(names):
        found += rooms[0]["facts"]
    frames = [scene["inputs"] for scene in scenes if scene["inputs"]]
    if frames:
        count, lost = sum(f["count"] for f in frames), sum(f["lost"] for f in frames)
        found.append((f"{count:,}", f"frames, {lost} without pose"))
    for run in runs[:1]:
        if run["parameters"]:
            found.append((f"{run['parameters'] / 1e6:.2f} M", "network weights"))
    return found
