"""Run folders: one record of each parameter, older records, and what a run has learnt from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from crossvox.core.artifact import Manifest, read_json, read_manifest, write_json, write_manifest
from crossvox.core.checks import ArtifactError, ParamsError
from crossvox.core.files import PARAMS
from crossvox.flow.lineage import UNKNOWN, Lineage
from crossvox.train.folder import (
    claim,
    complete,
    expect_same_run,
    finished,
    lineage_of,
    make_record,
    read_record,
)
from crossvox.train.log import RunLog
from crossvox.train.params import NEUTRAL, TrainParams

TASK = {"width": 8, "views": 2}


def record(**changes: Any) -> dict[str, Any]:
    params = changes.pop("params", TrainParams())
    recipe = {"params": {"train": params, "task": TASK, "chunks": {"shape": [2, 2, 2]}}}
    given: dict[str, Any] = {"samples": {"train": 3}, "recipe": recipe, **changes}
    return make_record("toy", TASK, params, **given)


def as_older(found: dict[str, Any]) -> dict[str, Any]:
    """The record as it was written before it told scenes and held each parameter once."""
    older = json.loads(json.dumps(found))
    for name in ("scenes", "learnt_from", "unknown_ancestors"):
        del older[name]
    del older["train"]["decay"]
    older["recipe"]["params"] |= {"train": dict(older["train"]), "task": older["task"]["params"]}
    return older


def test_each_parameter_is_written_once_and_read_in_all_its_places(tmp_path: Path) -> None:
    claim(tmp_path, record())
    text = (tmp_path / PARAMS).read_text()
    assert text.count('"weight_decay"') == text.count('"width"') == text.count('"chunks"') == 1
    found = read_record(tmp_path)
    assert found.params == TrainParams()
    assert found.task_params == TASK
    assert found.recipe["params"]["task"] == TASK
    assert found.recipe["params"]["train"]["rate"] == TrainParams().rate
    assert found.recipe["params"]["chunks"] == {"shape": [2, 2, 2]}


def test_what_only_looks_repeated_is_kept(tmp_path: Path) -> None:
    recipe = {"params": {"train": TrainParams(steps=7), "task": {"width": 9}}}
    claim(tmp_path, record(recipe=recipe))
    found = read_record(tmp_path).recipe["params"]
    assert found["train"]["steps"] == 7
    assert found["task"] == {"width": 9}


def test_an_older_run_is_read_and_gone_on_with(tmp_path: Path) -> None:
    older = as_older(record())
    write_json(tmp_path / PARAMS, older)
    found = read_record(tmp_path)
    assert found.params == TrainParams()
    assert found.recipe["params"]["task"] == TASK
    assert found.learnt_from is None
    expect_same_run(tmp_path, record(scenes=["a"]))
    with pytest.raises(ArtifactError, match=r"train\.decay: 'all' there, 'matrices' asked"):
        expect_same_run(tmp_path, record(params=TrainParams(decay="matrices")))


def test_only_what_steers_may_change(tmp_path: Path) -> None:
    claim(tmp_path, record())
    changed = TrainParams(
        workers=3,
        device="cpu",
        save_every=5,
        max_minutes=2.0,
        tensorboard=False,
        trackers=("wandb",),
    )
    steering = {"workers", "device", "save_every", "max_minutes", "tensorboard", "trackers"}
    assert steering == NEUTRAL
    expect_same_run(tmp_path, record(params=changed))
    with pytest.raises(ArtifactError, match=r"scenes\.train: .*'a'.* there, .*'b'.* asked"):
        claim(tmp_path, record(scenes=["a"]))
        expect_same_run(tmp_path, record(scenes=["b"]))
    with pytest.raises(ArtifactError, match=r"recipe\.params\.chunks\.shape"):
        claim(tmp_path, record())
        expect_same_run(tmp_path, record(recipe={"params": {"chunks": {"shape": [3, 3, 3]}}}))


def test_a_run_has_learnt_from_its_scenes_and_those_of_its_ancestors(tmp_path: Path) -> None:
    flat, shape, run = (tmp_path / name for name in ("flat", "shape", "run"))
    claim(flat, record(scenes=["b", "a"], validation_scenes=["x"]))
    assert lineage_of(flat) == Lineage(("a", "b"))
    claim(shape, record(scenes=["c"], ancestors={"features": lineage_of(flat)}))
    assert lineage_of(shape) == Lineage(("a", "b", "c"))
    ancestors = {"features": lineage_of(flat), "start": lineage_of(shape)}
    made = record(scenes=["d", "d"], validation_scenes=["y"], ancestors=ancestors)
    claim(run, made)
    assert lineage_of(run) == Lineage(("a", "b", "c", "d"))
    assert read_json(run / PARAMS)["scenes"] == {"train": ["d"], "validation": ["y"]}
    complete(run, made, notes={"step": 1}, seconds={"total": 1.0}, links={"start": shape})
    manifest = read_manifest(run)
    assert manifest.learnt_from is not None
    assert tuple(manifest.learnt_from) == ("a", "b", "c", "d")
    assert manifest.links == {"start": "../shape"}


def test_what_is_unknown_is_called_unknown(tmp_path: Path) -> None:
    claim(tmp_path / "images", record())
    assert lineage_of(tmp_path / "images") == UNKNOWN
    assert read_record(tmp_path / "images").learnt_from is None
    made = record(scenes=["d"], ancestors={"features": UNKNOWN, "start": Lineage(("e",))})
    claim(tmp_path / "run", made)
    found = read_record(tmp_path / "run")
    assert found.learnt_from == ("d", "e")
    assert found.unknown_ancestors == ("features",)
    assert record(scenes=[])["learnt_from"] == []


def test_known_scenes_count_although_others_are_unknown(tmp_path: Path) -> None:
    """One rule for all: what is known is seen; the rest is unknown, over any number of runs."""
    first, second = tmp_path / "first", tmp_path / "second"
    claim(first, record(scenes=["scene0001_00"], ancestors={"features": UNKNOWN}))
    claim(second, record(scenes=["scene0002_00"], ancestors={"start": lineage_of(first)}))
    assert read_record(second).unknown_ancestors == ("start",)
    found = lineage_of(second)
    assert found == Lineage(("scene0001_00", "scene0002_00"), complete=False)
    assert [found.has_seen(f"scene000{n}_01") for n in (1, 2, 3)] == [True, True, None]
    # A run whose own scenes have no names tells those of its ancestors, and is not complete.
    claim(tmp_path / "images", record(ancestors={"start": Lineage(("a",))}))
    assert lineage_of(tmp_path / "images") == Lineage(("a",), complete=False)
    assert Lineage(("a",)).has_seen("b") is False


def test_a_run_of_other_numbers_is_not_gone_on_with(tmp_path: Path) -> None:
    """The same parameters that learn other things than before are another run."""
    run = tmp_path / "run"
    claim(run, record())
    with pytest.raises(ArtifactError, match="numbers: 1 there, 2 asked"):
        expect_same_run(run, record(numbers=2))
    older = {name: value for name, value in record().items() if name != "numbers"}
    write_json(run / "params.json", older)
    expect_same_run(run, record())


@pytest.mark.parametrize(
    "change", [3, {"task": 3}, {"train": []}, {"samples": {"train": "x"}}, {"learnt_from": 3}]
)
def test_a_record_of_other_types_is_refused_by_all_that_read_it(
    tmp_path: Path, change: Any
) -> None:
    good = record()
    write_json(tmp_path / PARAMS, {**good, **change} if isinstance(change, dict) else change)
    with pytest.raises(ArtifactError, match="the record of a training run"):
        read_record(tmp_path)
    with pytest.raises(ArtifactError, match="the record of a training run"):
        expect_same_run(tmp_path, good)


@pytest.mark.parametrize("notes", [{"best_scores": 3}, {"step": "x"}, {"best_scores": [{}]}])
def test_notes_of_other_types_are_refused(tmp_path: Path, notes: dict[str, Any]) -> None:
    write_manifest(tmp_path, Manifest("train-t", notes=notes))
    with pytest.raises((ArtifactError, ParamsError), match=r"manifest\.json|best_scores"):
        finished(tmp_path, "x", TrainParams())


def test_a_log_with_a_broken_byte_or_endless_lists_is_gone_on_with(tmp_path: Path) -> None:
    lines = [b'{"step": 1}', b'{"step": 2, "x": "\xff"}', b'{"step": ' + b"[" * 9000, b""]
    (tmp_path / "log.jsonl").write_bytes(b"\n".join(lines))
    assert RunLog(tmp_path, 2, tensorboard=False).dropped == 1
    assert (tmp_path / "log.jsonl").read_text(encoding="utf-8").count("\n") == 2


@pytest.mark.parametrize("damaged", [b"", b"{", b'{"task": 1}', b"[]"])
def test_what_to_do_about_a_damaged_record_hangs_on_the_run(tmp_path: Path, damaged: bytes) -> None:
    run = tmp_path / "run"
    claim(run, record())
    (run / PARAMS).write_bytes(damaged)
    for asked in (read_record, lambda run: expect_same_run(run, record())):
        with pytest.raises(ArtifactError, match=rf"{PARAMS}.*; do: .* train in another folder"):
            asked(run)
    complete(run, record(), notes={}, seconds={}, links={})
    with pytest.raises(ArtifactError, match="run the command that made it again"):
        read_record(run)
    (run / PARAMS).unlink()
    with pytest.raises(ArtifactError, match="which does not exist"):
        read_record(run)
