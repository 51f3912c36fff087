"""Volumes, views, HDF5 files, occupancy grids and images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from crossvox.core.grid import VoxelGrid
from crossvox.core.volume import SceneViews, SceneVolume
from crossvox.doors.images import encode_jpeg, encode_png, write_bytes
from trials.fuzz.captures import CAMERA, color, depth, labels
from trials.fuzz.targets import Target, in_turn

GRID = VoxelGrid((4, 3, 5), 0.05, (0.1, -0.2, 0.0))


def volume() -> SceneVolume:
    """A few voxels."""
    occupied = np.zeros(GRID.shape, bool)
    occupied[1:3, 1, :] = True
    return SceneVolume(GRID, occupied, np.ones(GRID.shape, bool), occupied.astype(np.uint8) * 5)


def make_volume(folder: Path) -> None:
    """A scene's volume."""
    from crossvox.scene.store import write_volume

    write_volume(folder / "volume.npz", volume())


def read_volume(folder: Path) -> None:
    """As ``evaluate`` and training do."""
    from crossvox.scene import store

    store.read_volume(folder / "volume.npz")


def make_prediction(folder: Path) -> None:
    """A predicted volume with colours."""
    from crossvox.predict.prediction import ColorVolume, ScenePrediction
    from crossvox.predict.store import write_prediction

    shape = GRID.shape
    known = np.ones(shape, bool)
    prediction = ScenePrediction(
        grid=GRID, probability=np.full(shape, 0.5, np.float32), predicted=known, seen=known,
        colors=ColorVolume(np.zeros((*shape, 3), np.uint8), known),
        windows=1, windows_seen=1, windows_predicted=1, voxels_seen=2, frames_used=1, frames=1,
    )  # fmt: skip
    write_prediction(folder / "prediction.npz", prediction)


def read_prediction(folder: Path) -> None:
    """As ``export`` and the page do."""
    from crossvox.predict import store

    store.read_prediction(folder / "prediction.npz")


def make_views(folder: Path) -> None:
    """Kept views of a scene."""
    from crossvox.samples.kept_views import write_views

    views = SceneViews(
        GRID, CAMERA, np.array([0, 1], np.int32), np.array([0, 2, 3]),
        np.array([1, 2, 3], np.int32), np.array([5, 6, 7], np.int32),
    )  # fmt: skip
    write_views(folder / "views/kept.npz", views, "key")


def read_views(folder: Path) -> None:
    """As training does: what was read is used."""
    from crossvox.samples import kept_views
    from crossvox.views.select import chunk_pixels, select_views

    views = kept_views.read_views(folder / "views/kept.npz", "key", GRID)
    if views is not None:
        chosen = select_views(views, (0, 0, 0), GRID.shape, 2)
        chunk_pixels(views, (0, 0, 0), GRID.shape, chosen.frame_ids)


def make_on_scan(folder: Path) -> None:
    """Classes of a scan's vertices."""
    ids = np.array([1, 2, 0], np.uint8)
    np.savez_compressed(folder / "on_scan.npz", label=ids, benchmark_label=ids)


def read_on_scan(folder: Path) -> None:
    """As ``export scannet`` does."""
    from crossvox.recipes import scannet

    path = folder / "on_scan.npz"
    in_turn(
        lambda: scannet._read_on_scan(path, "all"),
        lambda: scannet._read_on_scan(path, "benchmark"),
    )


def make_hdf5(folder: Path) -> None:
    """Two sub-volumes of two scenes."""
    from crossvox.samples.published.writer import OriginalWriter

    with OriginalWriter(folder / "train.h5", (4, 4, 3), 2, ["scene0000_00", "kitchen"]) as writer:
        for scene in ("scene0000_00", "kitchen"):
            occupied = np.zeros((4, 4, 3), bool)
            occupied[1:3] = True
            writer.write(
                scene, occupied, occupied.astype(np.uint8) * 3, [0, 1], GRID.grid_from_world
            )


def read_hdf5(folder: Path) -> None:
    """As ``import hdf5`` does, up to the scenes' frames."""
    from crossvox.recipes.published.places import locate_all, unturned, voxel_edge_m
    from crossvox.samples.published.reader import OriginalFile

    stored = OriginalFile(folder / "train.h5")
    try:
        _ = stored.digest
        numbers = list(range(min(len(stored), 4)))
        for number in numbers:
            stored.chunk(number)
            stored.frame_ids(number)
        for number in numbers:
            edge = voxel_edge_m(stored, [number])
            lattice = VoxelGrid((1, 1, 1), edge, (0.0, 0.0, 0.0))
            chunks, _ = locate_all(stored, [number], lattice, free=True)
            unturned(chunks)
    finally:
        stored.close()


def look_at_hdf5(folder: Path) -> None:
    """As ``import hdf5`` does first."""
    from crossvox.samples.published.apart import expect_survived

    expect_survived(folder / "train.h5")


def make_occ_grid(folder: Path) -> None:
    """An occupancy grid as torch and as pickle write it."""
    import pickle

    import torch

    record = {
        "x": np.zeros((3, 3, 2), np.float32),
        "y": np.full((3, 3, 2), -1, np.int16),
        "translation": np.array([0.5, 0.0, 1.0]),
        "start_ndx": np.array([10, 0, 20]),
    }
    torch.save({k: torch.from_numpy(v) for k, v in record.items()}, folder / "t_occ_grid.pth")
    (folder / "p_occ_grid.pickle").write_bytes(pickle.dumps(record, protocol=2))


def read_occ_grid(folder: Path) -> None:
    """Both of them."""
    from crossvox.scene import occ_grid

    occ_grid.read_occ_grid(folder / "t_occ_grid.pth")
    occ_grid.read_occ_grid(folder / "p_occ_grid.pickle")


OTHER_KINDS = ("webp", "bmp", "tiff")


def make_images(folder: Path) -> None:
    """Colours of all kinds, PNGs of depth and labels, one with a palette, one JPEG on its side."""
    write_bytes(folder / "color.jpg", encode_jpeg(color(1)))
    write_bytes(folder / "color.png", encode_png(color(1)))
    write_bytes(folder / "depth.png", encode_png(depth()))
    write_bytes(folder / "label.png", encode_png(labels()))
    picture, lying = Image.fromarray(color(1)), Image.Exif()
    lying[0x112] = 6
    for suffix in OTHER_KINDS:
        picture.save(folder / f"color.{suffix}")
    picture.save(folder / "lying.jpg", exif=lying)
    picture.quantize(16).save(folder / "palette.png")


def read_images(folder: Path) -> None:
    """As readers of captures, and training on images, do; all of them, then the first error."""
    from crossvox.capture.files import read_depth_png, read_gray_checked
    from crossvox.doors.images import color_size, read_bytes, read_color, read_gray
    from crossvox.samples.decode import read_labels, read_planes
    from crossvox.samples.pairs import ImagePair
    from crossvox.samples.params import ImageParams

    def planes(image: str) -> None:
        pair = ImagePair("0", folder / image, folder / "label.png", as_shown=image == "lying.jpg")
        read_planes(pair, ImageParams(8, 6), depth=False)

    in_turn(
        lambda: read_color(folder / "color.jpg"),
        lambda: read_color(folder / "color.jpg", (4, 3)),
        lambda: read_color(folder / "color.png"),
        lambda: color_size(read_bytes(folder / "color.jpg"), "jpg"),
        lambda: color_size(read_bytes(folder / "color.png"), "png"),
        lambda: read_depth_png(folder / "depth.png"),
        lambda: read_gray(folder / "depth.png"),
        lambda: read_gray_checked(folder / "label.png"),
        lambda: read_labels(folder / "label.png"),
        lambda: planes("color.jpg"),
        lambda: planes("color.png"),
        lambda: planes("lying.jpg"),
        lambda: read_labels(folder / "palette.png"),
        *(lambda path=folder / f"color.{suffix}": read_color(path) for suffix in OTHER_KINDS),
        *(
            lambda path=folder / f"color.{suffix}": color_size(read_bytes(path), str(path))
            for suffix in OTHER_KINDS
        ),
    )


TARGETS = [
    Target("npz volume", make_volume, read_volume, share=2),
    Target("npz prediction", make_prediction, read_prediction, share=2),
    Target("npz views", make_views, read_views),
    Target("npz scan labels", make_on_scan, read_on_scan),
    Target("hdf5", make_hdf5, read_hdf5, share=2, resident=True, before=look_at_hdf5),
    Target("occupancy grid", make_occ_grid, read_occ_grid),
    Target("images", make_images, read_images, share=4),
]
