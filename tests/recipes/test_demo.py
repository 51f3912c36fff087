"""The demo at the size of a test."""

from __future__ import annotations

import json
from pathlib import Path

from crossvox.cli import main
from crossvox.core.artifact import read_manifest
from crossvox.doors.images import color_size, read_bytes
from crossvox.recipes.demo import labelled_scenes
from crossvox.report.contents import places_of_prediction

SMALL = [
    *("--rooms.count", "2", "--rooms.frames", "10", "--rooms.spacing-m", "0.1"),
    *("--rooms.width", "96", "--rooms.height", "72"),
    *("--prepare.width", "96", "--prepare.height", "72"),
    *("--run.train.steps", "2", "--run.train.batch-size", "2", "--run.train.validate-every", "2"),
    *("--run.task.network.width", "4", "--run.task.network.depth", "1"),
    *("--run.sparse.shape", "16", "16", "16", "--run.validation-samples", "2"),
    *("--frames.counts", "3", "5"),
    *("--start", ""),
]  # fmt: skip


def test_demo_goes_from_nothing_to_a_page_and_keeps_what_it_made(tmp_path: Path) -> None:
    out = tmp_path / "demo"
    assert main(["demo", str(out), *SMALL, "--json", str(tmp_path / "demo.json")]) == 0
    report = json.loads((tmp_path / "demo.json").read_text())
    assert list(report["seconds"]) == [
        *("rooms", "prepare", "train", "predict", "objects", "score", "fewer frames", "page")
    ]
    assert set(report["evaluation"]["mean"]) == {"learnt", "mask_only", "tsdf"}
    assert report["frames"]["curve"]["frames"] == [3, 5]
    page = (out / "report" / "index.html").read_text()
    assert "Mask only" in page
    assert read_manifest(out / "prediction").links == {"run": "../run", "data": "../data"}
    width, height = color_size(read_bytes(out / "picture.jpg"), "picture")
    assert width > height > 100
    made = read_manifest(out / "prediction" / "scene0001_00").created
    assert main(["demo", str(out), *SMALL]) == 0
    assert read_manifest(out / "prediction" / "scene0001_00").created == made
    kept = [out / part / "scene0001_00" for part in ("rooms", "data")]
    before = [read_manifest(scene).created for scene in kept]
    asked = ["demo", str(out), *SMALL, "--run.train.steps", "3"]
    assert main([*asked, "--dry-run", "--json", str(tmp_path / "plan.json")]) == 0
    rows = json.loads((tmp_path / "plan.json").read_text())
    again = {(row["stage"], row["item"]) for row in rows if row["status"] == "make again"}
    assert {("train", "run"), ("predict-scene", "scene0001_00")} == again
    assert main(asked) == 0
    assert read_manifest(out / "run").notes["step"] == 3
    assert read_manifest(out / "prediction" / "scene0001_00").created != made
    assert read_manifest(out / "prediction").links == {"run": "../run", "data": "../data"}
    assert [read_manifest(scene).created for scene in kept] == before
    assert "3" in (out / "run" / "log.jsonl").read_text()


def test_objects_are_sought_in_labelled_rooms_and_shown_from_beside_the_prediction(
    tmp_path: Path,
) -> None:
    prediction = tmp_path / "prediction"
    for scene, files in (("a", ("mesh.ply", "classes.ply")), ("b", ("mesh.ply",))):
        (prediction / scene).mkdir(parents=True)
        for name in files:
            (prediction / scene / name).touch()
    assert labelled_scenes(prediction) == {"a": prediction / "a" / "mesh.ply"}
    beside = tmp_path / "objects" / "a"
    assert places_of_prediction(prediction, "a") == [prediction / "a", beside]
