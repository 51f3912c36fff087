"""Artifacts are complete or not there, and are reused only where they match."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from crossvox.core.artifact import (
    Manifest,
    digest,
    json_text,
    plain,
    read_json,
    read_manifest,
    replacing,
    write_json,
    write_manifest,
)
from crossvox.core.checks import ArtifactError, ParamsError
from crossvox.core.params import from_plain, read_as
from crossvox.flow.folder import building, is_current


@dataclass(frozen=True)
class Inner:
    size: tuple[int, int] = (3, 4)
    mode: Literal["a", "b"] = "a"


@dataclass(frozen=True)
class Outer:
    rate: float = 1e-3
    steps: int = 5
    inner: Inner = Inner()
    names: tuple[str, ...] = ()
    source: Path | None = None


def test_params_survive_json(tmp_path: Path) -> None:
    params = Outer(rate=2, inner=Inner((7, 8), "b"), names=("x",), source=Path("a/b"))
    write_json(tmp_path / "params.json", params)
    assert from_plain(Outer, read_json(tmp_path / "params.json")) == params
    assert from_plain(Outer, {}) == Outer()


@pytest.mark.parametrize(
    ("value", "field"),
    [
        ({"steps": "many"}, "Outer.steps"),
        ({"steps": True}, "Outer.steps"),
        ({"inner": {"mode": "c"}}, "Outer.inner.mode"),
        ({"inner": {"size": [1, 2, 3]}}, "Outer.inner.size"),
        ({"speed": 1}, "speed"),
        (3, "Outer"),
    ],
)
def test_wrong_params_name_the_field(value: object, field: str) -> None:
    with pytest.raises(ParamsError, match=field.replace(".", r"\.")):
        from_plain(Outer, value)


def test_plain_knows_numpy_and_nan() -> None:
    assert plain({"a": np.float32(2), "b": float("nan"), "c": np.arange(2)}) == {
        "a": 2.0,
        "b": None,
        "c": [0, 1],
    }
    assert digest(Outer()) == digest(plain(Outer()))
    assert digest(Outer()) != digest(Outer(steps=6))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=12,
)


@settings(max_examples=200)
@given(JSON)
@example("half of a character: \ud83d")
@example({"caf\udce9": [{}, [], 1e22, 5e-324, 2**70]})
def test_json_is_written_as_python_writes_it(value: object) -> None:
    assert json_text(value) == json.dumps(plain(value), indent=1) + "\n"


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "volume.npz"
    path.write_text("old")
    with pytest.raises(RuntimeError), replacing(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError("disk full")
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["volume.npz"]


def test_a_failed_stage_leaves_the_old_folder(tmp_path: Path) -> None:
    folder = tmp_path / "scene"
    with building(folder) as temporary:
        (temporary / "a").write_text("1")
        write_manifest(temporary, Manifest("s", {"x": 1}))
    with pytest.raises(KeyboardInterrupt), building(folder) as temporary:
        (temporary / "b").write_text("2")
        raise KeyboardInterrupt
    assert sorted(p.name for p in folder.iterdir()) == ["a", "manifest.json"]
    assert [p.name for p in tmp_path.iterdir()] == ["scene"]
    with building(folder) as temporary:
        write_manifest(temporary, Manifest("s", {"x": 2}))
    assert [p.name for p in folder.iterdir()] == ["manifest.json"]
    with pytest.raises(ArtifactError, match="without writing"), building(tmp_path / "new"):
        pass
    assert not (tmp_path / "new").exists()


def test_reuse_follows_stage_params_parents_and_seed(tmp_path: Path) -> None:
    manifest = Manifest("prepare", {"skip": 10, "rate": 1.0}, parents={"raw": "abc"}, seed=3)
    assert not is_current(tmp_path, manifest)
    write_manifest(tmp_path, manifest)
    assert is_current(tmp_path, manifest)
    assert read_manifest(tmp_path).digest == manifest.digest
    for other in (
        Manifest("prepare", {"skip": 20, "rate": 1.0}, parents={"raw": "abc"}, seed=3),
        Manifest("prepare", {"skip": 10, "rate": 1.0}, parents={"raw": "abd"}, seed=3),
        Manifest("prepare", {"skip": 10, "rate": 1.0}, parents={"raw": "abc"}, seed=4),
        Manifest("fuse", {"skip": 10, "rate": 1.0}, parents={"raw": "abc"}, seed=3),
    ):
        assert not is_current(tmp_path, other)


def test_damaged_manifests_are_named(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="does not exist"):
        read_manifest(tmp_path)
    (tmp_path / "manifest.json").write_text('{"stage"')
    with pytest.raises(ArtifactError, match="not valid JSON"):
        read_manifest(tmp_path)
    (tmp_path / "manifest.json").write_text('{"schema": 99}')
    with pytest.raises(ArtifactError, match="schema 99"):
        read_manifest(tmp_path)
    assert not is_current(tmp_path, Manifest("s"))


@pytest.mark.parametrize("text", ["", "9" * 5000, "[" * 100_000], ids=["empty", "long", "deep"])
def test_json_that_cannot_be_read_is_refused_by_name(tmp_path: Path, text: str) -> None:
    (tmp_path / "manifest.json").write_text(text)

    with pytest.raises(ArtifactError, match=r"manifest\.json, which is not valid JSON"):
        read_manifest(tmp_path)


@pytest.mark.parametrize(
    "text", [b"[NaN]", b'"\\ud800"', b"[" * 9000, b"9" * 5000, b"\xff", b"1e400", b'{"a": 1,}']
)
def test_json_that_others_could_not_read_is_refused(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(text)
    with pytest.raises(ArtifactError, match="not valid JSON"):
        read_json(path)


@pytest.mark.parametrize("name", ["../x", "a/b", "..", "", "a\0b"])
def test_items_that_lead_elsewhere_are_refused(tmp_path: Path, name: str) -> None:
    write_manifest(tmp_path, Manifest("prepare", items={name: "x"}))
    with pytest.raises(ArtifactError, match="an item called"):
        read_manifest(tmp_path)


def test_a_file_of_fields_is_read_by_its_types(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    how = {"needed": "an inner", "do": "make it anew"}
    write_json(path, {"size": [1, 2], "more": 3})
    assert read_as(path, Inner, rest=True, **how) == Inner((1, 2))
    for wrong in ({"size": "x"}, {"size": [1]}, 3, {"size": [1, 2], "more": 3}):
        write_json(path, wrong)
        with pytest.raises(ArtifactError, match=r"a\.json.*needed: an inner"):
            read_as(path, Inner, **how)
