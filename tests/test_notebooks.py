"""The notebooks run from the first cell to the last, and are kept without what they showed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib
import matplotlib.pyplot as plt
import pytest

from crossvox.core.artifact import read_json

pytestmark = pytest.mark.timeout(900)  # whole chains: long where others work beside

NOTEBOOKS = Path(__file__).resolve().parents[1] / "examples" / "notebooks"


def cells(name: str) -> list[dict[str, Any]]:
    """The cells of a notebook."""
    return list(json.loads((NOTEBOOKS / name).read_text(encoding="utf-8"))["cells"])


def run(name: str) -> dict[str, Any]:
    """Run its code, cell after cell; returns its names, and its figures as ``figures``."""
    names: dict[str, Any] = {"__name__": "__main__"}
    for number, cell in enumerate(cells(name)):
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), f"{name}, cell {number}", "exec"), names)
    return {**names, "figures": len(plt.get_fignums())}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder, which a notebook is run in; its figures are shown to nobody."""
    monkeypatch.chdir(tmp_path)
    backend = matplotlib.get_backend()
    matplotlib.use("Agg")
    yield tmp_path
    plt.close("all")
    matplotlib.use(backend)


def test_a_capture_is_looked_at_and_fused() -> None:
    names = run("1_fuse_a_capture.ipynb")
    assert names["figures"] == 2
    assert len(names["fine"].vertices_m) > len(names["coarse"].vertices_m) > 1000
    assert names["path_m"].shape == (len(names["posed"]), 3)


def test_a_room_is_labelled_and_its_objects_are_listed(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = run("2_label_a_room.ipynb")
    assert names["figures"] == 2
    assert len(names["room"].classes) > 3
    assert names["room"].objects
    assert (folder / "room" / "room.ply").is_file()
    said = capsys.readouterr().out
    for thing in names["room"].objects:
        assert f"{thing.number:3} {thing.class_name}" in said


def test_two_arms_are_compared(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = run("3_compare_two_arms.ipynb")
    assert names["figures"] == 1
    assert len(names["study"].made) == 4
    told = read_json(folder / "study" / "study.json")["comparison"]["arms"]
    assert [arm["name"] for arm in told] == ["rgb-matched", "segmentation", "mask_only", "tsdf"]
    assert f"tsdf           {told[-1]['scores']['F-score']['mean']:.4f}" in capsys.readouterr().out


@pytest.mark.parametrize("name", sorted(path.name for path in NOTEBOOKS.glob("*.ipynb")))
def test_nothing_that_was_shown_is_kept(name: str) -> None:
    told = cells(name)
    assert told[0]["cell_type"] == "markdown"
    assert all(cell["outputs"] == [] for cell in told if cell["cell_type"] == "code")
    assert all(cell.get("execution_count") is None for cell in told)
