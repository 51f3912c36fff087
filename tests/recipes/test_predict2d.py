"""Images of any kind to label images: which there are, what is written, kept, made again, told."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from crossvox.capture.readers.folder import read_nyu40
from crossvox.cli import main
from crossvox.core.artifact import Manifest, read_manifest, write_json, write_manifest
from crossvox.core.checks import CaptureError, ParamsError
from crossvox.core.class_map import find_class_map
from crossvox.core.colors import COLORS, RECORD
from crossvox.core.files import PARAMS
from crossvox.core.labels import BENCHMARK_IDS, NYU40
from crossvox.doors.images import encode_jpeg, encode_png, read_color, read_gray, write_bytes
from crossvox.recipes.image_run import load_segment2d
from crossvox.recipes.label_images import labelled, overlay
from crossvox.recipes.label_pictures import batch_of
from crossvox.recipes.labels import label_source
from crossvox.recipes.predict2d import predict2d
from crossvox.recipes.segment2d import Segment2dRunParams
from crossvox.samples.decode import read_labels, read_shown
from crossvox.samples.pairs import NO_LABELS, ImagePair
from crossvox.samples.params import ImageParams
from crossvox.tasks.params import Segment2dParams
from crossvox.tasks.segment2d import Segment2d
from crossvox.train.checkpoint import save_checkpoint
from crossvox.train.folder import make_record

SMALL = ImageParams(width=64, height=48)


def made_run(folder: Path, network: str = "enet", *, depth: bool = False) -> Path:
    """A run that has learnt nothing; its average and its last weights differ."""
    import torch

    task = Segment2d(Segment2dParams(network=network, weights="none", depth=depth))
    params = Segment2dRunParams(task=task.params, images=SMALL)
    for seed, name in ((1, "average"), (2, "last")):
        torch.manual_seed(seed)
        built = task.build()
        for parameter in built.parameters():
            if parameter.ndim > 1:
                torch.nn.init.normal_(parameter, std=0.2)
        save_checkpoint(folder / name, built, {"step": 1})
    record = make_record(
        task.name,
        task.params,
        params.train,
        samples={"train": 3},
        recipe={"params": params, RECORD: COLORS, "class_shares": task.shares},
        scenes=["scene0001_00"],
    )
    write_json(folder / PARAMS, record)
    return folder


@pytest.fixture(scope="module")
def network_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_run(tmp_path_factory.mktemp("predict2d") / "run")


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Four images of several sizes and kinds, the last one damaged."""
    rng = np.random.default_rng(0)
    for number, size in enumerate([(96, 128), (48, 64), (64, 48), (96, 128)]):
        rgb = np.kron(rng.integers(0, 255, (size[0] // 8, size[1] // 8, 3)), np.ones((8, 8, 1)))
        data = encode_jpeg(rgb.astype(np.uint8))
        if number == 1:
            data = encode_png(rgb.astype(np.uint8))
        suffix = ".png" if number == 1 else ".jpg"
        write_bytes(
            tmp_path / "images" / f"view_{number}{suffix}", data[: 700 if number == 3 else None]
        )
    return tmp_path / "images"


def call(*words: object, code: int = 0) -> None:
    assert main([str(word) for word in words]) == code


def labels_in(out: Path) -> dict[str, np.ndarray[Any, Any]]:
    folder = out / "labels"
    return {
        path.relative_to(folder).with_suffix("").as_posix(): read_gray(path)
        for path in sorted(folder.rglob("*.png"))
    }


def test_a_folder_of_images_is_labelled_at_their_size_and_a_damaged_one_is_told(
    network_run: Path, images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    call("predict2d", network_run, images, out, "--overlays", "--confidences", code=2)
    assert "failed: view_3: given: " in capsys.readouterr().err
    found = labels_in(out)
    assert {name: image.shape for name, image in found.items()} == {
        "view_0": (96, 128),
        "view_1": (48, 64),
        "view_2": (64, 48),
    }
    # Other programs read one channel of 8 bits, without a palette.
    raw = cv2.imread(str(out / "labels" / "view_0.png"), cv2.IMREAD_UNCHANGED)
    assert (raw.dtype, raw.ndim) == (np.uint8, 2)
    np.testing.assert_array_equal(raw, found["view_0"])
    assert all(1 <= image.min() <= image.max() <= 40 for image in found.values())
    record, network = load_segment2d(network_run, "average")
    rgb = read_color(images / "view_1.png")
    ids, sure = labelled(record.task, network, (rgb,), (48, 64))
    np.testing.assert_array_equal(found["view_1"], ids)
    np.testing.assert_array_equal(read_gray(out / "confidence" / "view_1.png"), sure)
    assert read_color(out / "overlays" / "view_2.jpg").shape == (64, 48, 3)
    notes = read_manifest(out).notes
    assert (notes["images"], notes["checkpoint"]) == (4, "average")
    assert list(notes["labelled"]) == ["view_0", "view_1", "view_2"]
    assert list(notes["failed"]) == ["view_3"]
    assert read_manifest(out).learnt_from == ("scene0001_00",)


def test_what_is_there_is_kept_and_what_changed_is_made_again(
    network_run: Path, images: Path, tmp_path: Path
) -> None:
    (images / "view_3.jpg").unlink()
    out = tmp_path / "out"
    call("predict2d", network_run, images, out, "--only", "view_1,view_2")
    assert [*labels_in(out)] == ["view_1", "view_2"]
    first = predict2d(network_run, images, out)
    assert (first.made, first.kept, first.failed) == (1, 2, {})
    again = predict2d(network_run, images, out)
    assert (again.made, again.kept) == (0, 3)
    write_bytes(images / "view_2.jpg", (images / "view_0.jpg").read_bytes())
    (out / "labels" / "view_1.png").unlink()
    changed = predict2d(network_run, images, out)
    assert (changed.made, changed.kept) == (2, 1)
    found = labels_in(out)
    np.testing.assert_array_equal(found["view_2"], found["view_0"])
    more = predict2d(network_run, images, out, confidences=True)
    assert (more.made, more.kept) == (3, 0)


def test_an_interrupted_call_goes_on(
    network_run: Path, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from crossvox.recipes import label_images

    (images / "view_3.jpg").unlink()
    own, seen = label_images.labelled, []

    def stop(*args: Any, **kwargs: Any) -> Any:
        if len(seen) == 2:
            raise KeyboardInterrupt
        seen.append(1)
        return own(*args, **kwargs)

    out = tmp_path / "out"
    with monkeypatch.context() as patched:
        patched.setattr(label_images, "labelled", stop)
        with pytest.raises(KeyboardInterrupt):
            predict2d(network_run, images, out)
    report = predict2d(network_run, images, out)
    assert (report.made, report.kept) == (1, 2)


def test_labels_by_other_weights_do_not_share_a_folder(
    network_run: Path, images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (images / "view_3.jpg").unlink()
    call("predict2d", network_run, images, tmp_path / "auto")
    call("predict2d", network_run, images, tmp_path / "average", "--checkpoint", "average")
    call("predict2d", network_run, images, tmp_path / "last", "--checkpoint", "last")
    auto, average, last = (labels_in(tmp_path / name) for name in ("auto", "average", "last"))
    assert all(np.array_equal(auto[name], average[name]) for name in auto)
    assert any(not np.array_equal(auto[name], last[name]) for name in auto)
    kept = predict2d(network_run, images, tmp_path / "auto", checkpoint="average")
    assert kept.kept == 3  # the same weights, whatever they are asked for as
    call("predict2d", network_run, images, tmp_path / "auto", "--checkpoint", "last", code=2)
    assert "labels by another network" in capsys.readouterr().err
    call("predict2d", network_run, images, tmp_path / "auto", "--flip", code=2)
    # A dry run refuses what the call refuses, and tells what it would do of the rest.
    capsys.readouterr()
    call("predict2d", network_run, images, tmp_path / "auto", "--flip", "--dry-run", code=2)
    assert "labels by another network" in capsys.readouterr().err
    (tmp_path / "none").mkdir()
    call("predict2d", network_run, tmp_path / "none", tmp_path / "new", "--dry-run", code=2)
    call("predict2d", network_run, images, tmp_path / "new", "--dry-run")
    assert "│ make" in capsys.readouterr().out
    call("predict2d", network_run, images, tmp_path / "auto", "--dry-run")
    assert "│ keep" in capsys.readouterr().out
    (tmp_path / "auto" / "labels" / "view_1.png").unlink()
    call("predict2d", network_run, images, tmp_path / "auto", "--dry-run")
    assert "│ continue" in capsys.readouterr().out
    call("predict2d", network_run, images, tmp_path / "new", "--checkpoint", "best", code=2)
    assert "has no 'best' checkpoint" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()
    call("predict2d", network_run, images, images / "out", code=2)
    call("predict2d", network_run, tmp_path / "nowhere", tmp_path / "new", code=2)
    (tmp_path / "empty").mkdir()
    call("predict2d", network_run, tmp_path / "empty", tmp_path / "new", code=2)
    assert "without an image" in capsys.readouterr().err


def test_labels_are_chosen_from_the_classes_that_are_told(
    network_run: Path, images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (images / "view_3.jpg").unlink()
    call("predict2d", network_run, images, tmp_path / "all")
    words = (network_run, images, tmp_path / "some", "--classes", "benchmark20")
    call("predict2d", *words, "--confidences")
    every, some = labels_in(tmp_path / "all"), labels_in(tmp_path / "some")
    told = np.concatenate([labels.ravel() for labels in some.values()])
    assert set(np.unique(told)) <= set(BENCHMARK_IDS)
    assert not set(np.unique(np.concatenate([x.ravel() for x in every.values()]))) <= {
        *BENCHMARK_IDS
    }
    kept = np.isin(every["view_0"], BENCHMARK_IDS)
    assert np.array_equal(every["view_0"][kept], some["view_0"][kept])
    names = json.loads((tmp_path / "some" / "classes.json").read_text())["names"]
    assert {int(number) for number in names} == {*BENCHMARK_IDS}
    assert not (tmp_path / "all" / "classes.json").exists()
    call("predict2d", *words[:3], code=2)
    assert "--classes" in capsys.readouterr().err
    assert predict2d(*words[:3], classes=Path("benchmark20")).kept == 3
    table = tmp_path / "table.csv"
    table.write_text("56,chair\n")
    call("predict2d", network_run, images, tmp_path / "new", "--classes", table, code=2)
    assert "ids of NYU40" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


def scene_of(data: Path, name: str) -> Path:
    """A prepared scene of two frames with depth and poses, as far as it is looked at here."""
    folder = data / name
    rng = np.random.default_rng(5)
    for number in (0, 10):
        rgb = rng.integers(0, 255, (48, 64, 3)).astype(np.uint8)
        write_bytes(folder / "color" / f"{number}.jpg", encode_jpeg(rgb))
        depth = np.full((48, 64), 1500, np.uint16) + rng.integers(0, 300, (48, 64)).astype(
            np.uint16
        )
        write_bytes(folder / "depth" / f"{number}.png", encode_png(depth))
        (folder / "pose").mkdir(exist_ok=True)
        np.savetxt(folder / "pose" / f"{number}.txt", np.eye(4))
    (folder / "intrinsic.txt").write_text("60 0 31.5 0\n0 60 23.5 0\n0 0 1 0\n0 0 0 1\n")
    write_bytes(folder / "volume.npz", b"not read here")
    write_manifest(folder, Manifest("prepare-scene"))
    return folder


def test_labels_by_a_table_are_not_read_as_ids_of_nyu40(
    network_run: Path, images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (images / "view_3.jpg").unlink()
    seats, furniture = tmp_path / "seats.csv", tmp_path / "furniture.csv"
    seats.write_text("chair,seat\nsofa,seat\n")
    furniture.write_text("chair,seat\ntable,\n")
    out = {
        table: tmp_path / f"by_{Path(table).stem}" for table in (seats, furniture, "benchmark20")
    }
    for table, folder in out.items():
        call("predict2d", network_run, images, folder, "--classes", table)
    run = tmp_path / "run"
    made_run(run)
    made_run(tmp_path / "calibrated")
    small = ("--images.width", 64, "--images.height", 48, "--train.steps", 1)
    small = (*small, "--task.network", "enet", "--train.no-tensorboard", "--train.batch-size", 1)
    written = sorted(tmp_path.rglob("*"))
    for words in (
        ("train", "segment2d", tmp_path / "new", "--images", images, "--labels", "LABELS", *small),
        ("evaluate", "segment2d", run, "--images", images, "--labels", "LABELS"),
        ("calibrate", tmp_path / "calibrated", "--images", images, "--labels", "LABELS"),
        ("single-views", images, "LABELS", images, tmp_path / "views", "--intrinsics", "9,9,9,9"),
    ):
        capsys.readouterr()
        call(*(out[seats] / "labels" if word == "LABELS" else word for word in words), code=2)
        told = " ".join(capsys.readouterr().err.split())
        assert "chose by a table of classes (sofa as seat)" in told
        assert sorted(tmp_path.rglob("*")) == written
    # Copied elsewhere, each image tells the table itself.
    copied = tmp_path / "copied"
    copied.mkdir()
    for path in (out[seats] / "labels").glob("*.png"):
        shutil.copy(path, copied)
    call("evaluate", "segment2d", run, "--images", images, "--labels", copied, code=2)
    assert "(sofa as seat)" in " ".join(capsys.readouterr().err.split())
    one = next(copied.iterdir())
    for read in (read_labels, read_nyu40):
        with pytest.raises(CaptureError, match="sofa as seat"):
            read(one)
    told = label_source(None, copied, None).frame_classes
    assert told == find_class_map(seats)
    with pytest.raises(ParamsError, match="another table"):
        label_source(None, copied, furniture)
    shutil.copy(out[furniture] / "labels" / one.name, one)
    with pytest.raises(ParamsError, match="2 tables"):
        label_source(None, copied, None)
    # Ids that stay what they are, by another name or not, fit.
    for table in (furniture, "benchmark20"):
        labels = ("--images", images, "--labels", out[table] / "labels")
        call("evaluate", "segment2d", run, *labels, "--out", tmp_path / f"of_{out[table].name}")


def test_prepared_scenes_and_captures_get_a_folder_each_and_their_depth_is_read(
    tmp_path: Path,
) -> None:
    data = tmp_path / "data"
    for name in ("scene0002_00", "scene0003_00"):
        scene_of(data, name)
    (data / "train.txt").write_text("scene0002_00\n")
    (data / "val.txt").write_text("scene0003_00\n")
    write_manifest(data, Manifest("prepare", items={"scene0002_00": "", "scene0003_00": ""}))
    run = made_run(tmp_path / "run", "lite", depth=True)
    call("predict2d", run, data, tmp_path / "all", "--json", tmp_path / "all.json")
    assert json.loads((tmp_path / "all.json").read_text())["without_depth"] == 0
    assert [*labels_in(tmp_path / "all")] == [
        f"{scene}/{number}" for scene in ("scene0002_00", "scene0003_00") for number in (0, 10)
    ]
    call("predict2d", run, data, tmp_path / "val", "--scenes", "val")
    assert len(labels_in(tmp_path / "val")) == 2
    # Of colours alone, another answer.
    colors = data / "scene0002_00" / "color"
    report = predict2d(run, colors, tmp_path / "flat")
    assert report.without_depth == 2
    with_depth, without = labels_in(tmp_path / "all"), labels_in(tmp_path / "flat")
    assert any(not np.array_equal(with_depth[f"scene0002_00/{n}"], without[n]) for n in without)
    # The same frames as a capture, whose world nobody has levelled.
    for name in ("volume.npz", "manifest.json"):
        (data / "scene0002_00" / name).unlink()
    taken = predict2d(run, data / "scene0002_00", tmp_path / "capture")
    assert (taken.made, taken.without_depth) == (2, 0)
    assert [*labels_in(tmp_path / "capture")] == ["scene0002_00/0", "scene0002_00/10"]


def test_flipped_it_is_the_mean_of_both(network_run: Path) -> None:
    import torch

    record, network = load_segment2d(network_run, "average")
    image = np.random.default_rng(3).integers(0, 255, (48, 64, 3)).astype(np.uint8)
    batch = batch_of(image, network)
    task = record.task
    both = task.logits(network, batch, flip=True)
    mirrored = task.logits(network, batch.flip(-1), flip=True).flip(-1)
    torch.testing.assert_close(both, mirrored, rtol=1e-4, atol=1e-4)
    own = task.logits(network, batch)
    other = task.logits(network, batch.flip(-1)).flip(-1)
    torch.testing.assert_close(both, (own + other) / 2)
    ids, sure = labelled(task, network, (image,), (96, 128), flip=True)
    assert sure is not None
    assert ids.shape == sure.shape == (96, 128)
    assert torch.equal(
        task.predict(network, batch, (96, 128), flip=True)[0], torch.from_numpy(ids).long()
    )


def test_shown_at_several_heights_it_is_the_mean_of_what_is_said_at_each(
    network_run: Path, images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import torch

    (images / "view_3.jpg").unlink()
    out = tmp_path / "out"
    call("predict2d", network_run, images, out, "--shown-heights", 32, 80)
    record, network = load_segment2d(network_run, "average")
    task = record.task
    found = labels_in(out)
    # An upright image is brought to the width of one of that height.
    for path, first, second in (
        (images / "view_0.jpg", (32, 43), (80, 107)),
        (images / "view_1.png", (32, 43), (80, 107)),
        (images / "view_2.jpg", (57, 43), (143, 107)),
    ):
        height, width = found[path.stem].shape
        pair = ImagePair(path.stem, path, NO_LABELS, as_shown=True)
        shown = read_shown(pair, record.params.images, (32, 80), depth=False)
        assert [one.shape for one in shown] == [(*first, 3), (*second, 3)]
        batches = [batch_of(one, network) for one in shown]
        each = [task.logits(network, batch, (height, width)) for batch in batches]
        both = task.logits(network, batches, (height, width))
        torch.testing.assert_close(both, (each[0] + each[1]) / 2)
        ids = 1 + both[0, 1:].argmax(dim=0).numpy()
        np.testing.assert_array_equal(found[path.stem], ids)
    # In another order it is the same, and kept; labels of a folder are made in one way.
    capsys.readouterr()
    call("predict2d", network_run, images, out, "--shown-heights", 80, 32)
    call("predict2d", network_run, images, out, "--shown-heights", 80, code=2)
    assert "another network, --flip, --shown-heights or --classes" in capsys.readouterr().err
    for wrong in ([80, 80], [8]):
        call("predict2d", network_run, images, tmp_path / "x", "--shown-heights", *wrong, code=2)
        assert "different heights from 32 to 4096" in capsys.readouterr().err
    assert not (tmp_path / "x").exists()


def test_an_overlay_is_half_the_colour_of_the_class() -> None:
    ids = np.array([[1, 2]], np.uint8)
    image = np.full((1, 2, 3), 101, np.uint8)
    np.testing.assert_array_equal(overlay(image, ids), (101 + NYU40.colors[ids].astype(int)) // 2)
