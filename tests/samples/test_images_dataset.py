"""Images with labels: pairing, splitting, decoding, variation."""

from __future__ import annotations

import pickle
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from crossvox.core.checks import CaptureError, ParamsError, ShapeError
from crossvox.core.colors import COLORS
from crossvox.core.volume import ImageSample
from crossvox.doors.images import encode_jpeg, encode_png, write_bytes
from crossvox.doors.pillow_images import as_shown
from crossvox.samples.batch import collate_images
from crossvox.samples.decode import fit_labels, image_size, read_labels, read_planes, read_shown
from crossvox.samples.images import ImageDataset
from crossvox.samples.pairs import ImagePair, folder_pairs, natural, scene_pairs, split_pairs
from crossvox.samples.params import DepthImageParams, ImageAugmentParams, ImageParams
from crossvox.samples.vary import vary_geometry

SMALL = ImageParams(40, 30)
STILL = ImageAugmentParams(0, 1, 1, 0, 0, 0, 0, 0, 0)


def scene(seed: int, size: tuple[int, int] = (80, 60)) -> tuple[np.ndarray, np.ndarray]:
    """A picture whose red channel tells the label: 6 times the id."""
    rng = np.random.default_rng(seed)
    blocks = rng.integers(1, 41, (size[1] // 10, size[0] // 10))
    labels = np.kron(blocks, np.ones((10, 10))).astype(np.uint8)
    rgb = np.stack([labels * 6, labels * 0 + 100, labels * 0 + 50], axis=-1).astype(np.uint8)
    return rgb, labels


def write_pair(folder: Path, name: str, seed: int, suffix: str = ".png") -> None:
    rgb, labels = scene(seed)
    encode = encode_png if suffix == ".png" else encode_jpeg
    write_bytes(folder / "image" / f"{name}{suffix}", encode(rgb))
    write_bytes(folder / "label" / f"{name}.png", encode_png(labels))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in range(6):
        write_pair(tmp_path, str(number * 5), number)
    return tmp_path


def pairs_of(folder: Path) -> tuple[ImagePair, ...]:
    return folder_pairs(folder / "image", folder / "label").pairs


def test_files_are_paired_by_stem_and_the_rest_is_counted(folder: Path) -> None:
    write_pair(folder, "100", 1, ".jpg")
    (folder / "image" / "lone.png").write_bytes(b"")
    (folder / "label" / "other.png").write_bytes(b"")
    (folder / "label" / ".hidden.png").write_bytes(b"")
    (folder / "image" / "notes.txt").write_text("")
    found = folder_pairs(folder / "image", folder / "label")
    assert [pair.name for pair in found.pairs] == ["0", "5", "10", "15", "20", "25", "100"]
    assert found.without_labels == ("lone",)
    assert found.without_image == ("other",)


def test_folders_that_do_not_fit_are_named(folder: Path) -> None:
    with pytest.raises(CaptureError, match="nowhere, which is no folder"):
        folder_pairs(folder / "nowhere", folder / "label")
    (folder / "empty").mkdir()
    with pytest.raises(CaptureError, match=r"6 images in .* and 0 label images"):
        folder_pairs(folder / "image", folder / "empty")


def test_frames_of_scenes(tmp_path: Path) -> None:
    rgb, labels = scene(0)
    for name, frames in (("scene0001_00", (0, 10, 20)), ("scene0002_00", (0,))):
        for frame in frames:
            write_bytes(tmp_path / name / "color" / f"{frame}.jpg", encode_jpeg(rgb))
            if frame != 10:
                write_bytes(tmp_path / name / "label" / f"{frame}.png", encode_png(labels))
    found = scene_pairs([tmp_path / "scene0001_00", tmp_path / "scene0002_00"])
    names = [pair.name for pair in found.pairs]
    assert names == ["scene0001_00_0", "scene0001_00_20", "scene0002_00_0"]
    assert found.without_labels == ("scene0001_00_10",)
    write_bytes(tmp_path / "bare" / "color" / "0.jpg", encode_jpeg(rgb))
    with pytest.raises(CaptureError, match="none of them labelled"):
        scene_pairs([tmp_path / "bare"])


def named(*names: str) -> list[ImagePair]:
    return [ImagePair(name, Path(name), Path(name)) for name in names]


@given(st.integers(2, 300), st.floats(0.05, 0.9))
@settings(max_examples=30)
def test_a_split_is_a_partition_of_the_asked_size(count: int, share: float) -> None:
    pairs = named(*(str(number) for number in range(count)))
    first, second = split_pairs(pairs, share)
    assert first
    assert second
    assert sorted((*first, *second), key=lambda pair: natural(pair.name)) == pairs
    if count >= 100:
        assert abs(len(second) / count - share) < 0.17


def test_neighbours_and_scenes_stay_together() -> None:
    first, second = split_pairs(named(*(str(n) for n in range(795))), 0.2)
    held = [int(pair.name) for pair in second]
    runs = 1 + sum(b != a + 1 for a, b in pairwise(held))
    assert len(held) == pytest.approx(159, abs=16)
    assert len(held) / runs >= 15
    scenes = named(*(f"scene{s:04d}_00_{frame}" for s in range(10) for frame in range(7)))
    first, second = split_pairs(scenes, 0.2)
    assert len(second) == 14
    assert not {p.name[:12] for p in first} & {p.name[:12] for p in second}
    for share in (0.0, 1.0):
        with pytest.raises(ParamsError, match="a share between 0 and 1"):
            split_pairs(scenes, share)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["jpg", "png"])
def test_pictures_are_turned_as_their_labels_were_drawn(
    tmp_path: Path, suffix: str, orientation: int
) -> None:
    """Programs show a picture as its EXIF header says, and labels are drawn on what is shown."""
    rgb, labels = scene(3)
    # Turning eight ways and back: three turns are undone by the first, all others by themselves.
    stored = as_shown(rgb, {6: 8, 8: 6}.get(orientation, orientation))
    header = Image.Exif()
    header[0x112] = orientation
    (tmp_path / "image").mkdir()
    Image.fromarray(np.ascontiguousarray(stored)).save(
        tmp_path / f"image/a.{suffix}", exif=header, **({"quality": 95} if suffix == "jpg" else {})
    )
    write_bytes(tmp_path / "label/a.png", encode_png(labels))
    (pair,) = pairs_of(tmp_path)
    for params in (SMALL, ImageParams(80, 60), ImageParams(40, 30, "nearest")):
        image = read_planes(pair, params, depth=False).astype(int)
        truth = fit_labels(read_labels(pair.labels), params)
        assert (np.abs(image[..., 0] - 6 * truth) < 6).mean() > 0.6
    if orientation > 4:
        write_bytes(pair.labels, encode_png(np.ascontiguousarray(labels.T)))
        lying = read_planes(pair, ImageParams(60, 80), depth=False)
        difference = lying.astype(int) - stored
        assert np.abs(difference).mean() < 4, "labels of the stored picture"
    height, width = stored.shape[:2]
    frame = ImagePair("a", pair.image, pair.labels)
    as_it_lies = read_planes(frame, ImageParams(width, height), depth=False).astype(int)
    assert np.abs(as_it_lies - stored).mean() < 4, "frames of captures are taken as stored"


def test_void_is_unannotated_and_palettes_are_read(tmp_path: Path) -> None:
    ids = np.array([[1, 40, 255, 0]], dtype=np.uint8)
    write_bytes(tmp_path / "grey.png", encode_png(ids))
    picture = Image.fromarray(ids)
    picture.putpalette(bytes(range(256)) * 3)
    picture.save(tmp_path / "palette.png")
    for name in ("grey", "palette"):
        assert read_labels(tmp_path / f"{name}.png").tolist() == [[1, 40, 0, 0]]
    write_bytes(tmp_path / "raw.png", encode_png(ids - np.uint8(1)))
    with pytest.raises(CaptureError, match=r"label id 254.* or 255 for unannotated"):
        read_labels(tmp_path / "raw.png")


@pytest.mark.parametrize("suffix", ["JPG", "jpeg", "webp", "bmp", "tif", "TIFF"])
def test_pictures_of_any_usual_kind_are_paired(tmp_path: Path, suffix: str) -> None:
    rgb, labels = scene(0)
    (tmp_path / "image").mkdir()
    Image.fromarray(rgb).save(tmp_path / f"image/a.{suffix}")
    write_bytes(tmp_path / "label/a.png", encode_png(labels))
    (pair,) = pairs_of(tmp_path)
    image = read_planes(pair, ImageParams(80, 60), depth=False).astype(int)
    assert np.abs(image - rgb).mean() < 12


def test_images_and_labels_are_fitted_alike(folder: Path) -> None:
    dataset = ImageDataset(pairs_of(folder), SMALL)
    sample = dataset[2]
    assert sample.image.shape == (3, 30, 40)
    assert sample.name == "10"
    inside = sample.image[0].astype(int) // 6
    assert (inside == sample.labels).mean() > 0.95
    square = ImageDataset(pairs_of(folder), ImageParams(30, 30))[2]
    np.testing.assert_array_equal(square.labels, sample.labels[:, 5:35])
    nearest = ImageDataset(pairs_of(folder), ImageParams(40, 30, "nearest"))[2]
    np.testing.assert_array_equal(nearest.image[0] // 6, nearest.labels)


def test_a_whole_image_is_not_cropped(folder: Path) -> None:
    pair = pairs_of(folder)[0]
    assert read_planes(pair, ImageParams(30, 30), depth=False).shape == (30, 30, 3)
    (whole,) = read_shown(pair, ImageParams(30, 30), depth=False)
    assert whole.shape == (30, 40, 3)


def test_whole_images_may_be_shown_larger_than_they_are_learnt_at(folder: Path) -> None:
    pair = pairs_of(folder)[0]
    assert image_size(pair) == (80, 60)
    larger = ImageParams(40, 30, shown_height=45)
    (whole,) = read_shown(pair, larger, depth=False)
    assert whole.shape == (45, 60, 3)
    assert larger.fit_whole((20, 15)).resized == (60, 45)
    # Nothing is learnt at another size.
    assert read_planes(pair, larger, depth=False).shape == (30, 40, 3)
    np.testing.assert_array_equal(
        read_planes(pair, larger, depth=False), read_planes(pair, SMALL, depth=False)
    )
    with pytest.raises(ParamsError, match="shown at 20"):
        ImageParams(40, 30, shown_height=20)


def test_labels_beyond_nyu40_and_of_another_shape_are_refused(folder: Path) -> None:
    path = folder / "label" / "5.png"
    write_bytes(path, encode_png(np.full((60, 80), 41, np.uint8)))
    with pytest.raises(CaptureError, match=r"5\.png with label id 41"):
        read_labels(path)
    write_bytes(path, encode_png(np.full((60, 60), 4, np.uint8)))
    with pytest.raises(CaptureError, match=r"80x60 and .*5\.png of 60x60"):
        ImageDataset(pairs_of(folder), SMALL).labels(1)
    write_bytes(path, encode_png(np.full((120, 160), 4, np.uint8)))
    assert (ImageDataset(pairs_of(folder), SMALL)[1].labels == 4).all(), "another size is fine"


def test_samples_depend_on_seed_epoch_and_number_alone(folder: Path) -> None:
    pairs = pairs_of(folder)
    first = ImageDataset(pairs, SMALL, ImageAugmentParams(), seed=3)
    second = ImageDataset(pairs, SMALL, ImageAugmentParams(), seed=3)
    samples = {key: first[key] for key in [(0, 1), (4, 2), (0, 3), (1, 1)]}
    for key in reversed(samples):
        again = second[key]
        np.testing.assert_array_equal(again.image, samples[key].image)
        np.testing.assert_array_equal(again.labels, samples[key].labels)
    np.testing.assert_array_equal(first[1].image, samples[0, 1].image)
    assert (first[(1, 1)].image != first[(0, 1)].image).any()
    other = ImageDataset(pairs, SMALL, ImageAugmentParams(), seed=4)
    assert (other[(0, 1)].image != samples[0, 1].image).any()
    with pytest.raises(IndexError):
        first[6]


def test_no_variation_is_the_identity(folder: Path) -> None:
    pairs = pairs_of(folder)
    plain, still = ImageDataset(pairs, SMALL)[0], ImageDataset(pairs, SMALL, STILL)[0]
    np.testing.assert_array_equal(plain.labels, still.labels)
    assert np.abs(plain.image.astype(int) - still.image).max() <= 1


@given(st.integers(0, 10_000), st.sampled_from([(0.3, 0.9), (0.8, 1.4), (1.2, 4.0)]))
@settings(max_examples=30)
def test_images_and_labels_move_together(seed: int, scales: tuple[float, float]) -> None:
    rgb, labels = scene(seed, (120, 90))
    params = ImageAugmentParams(smallest=scales[0], largest=scales[1], stretch=0.2)
    image, moved = vary_geometry(rgb, labels, params, np.random.default_rng(seed))
    assert image.shape == rgb.shape
    assert moved.shape == labels.shape
    shown = moved > 0
    assert shown.mean() > 0.05
    agree = np.abs(image[..., 0].astype(int) - moved.astype(int) * 6) <= 6
    assert agree[shown].mean() > 0.5, "colours are blended at the blocks' edges alone"
    assert set(np.unique(moved)) <= set(np.unique(labels)) | {0}
    if scales[0] > 1.15:
        assert shown.all(), "an enlarged image fills the frame"


def test_flipping_mirrors_both() -> None:
    rgb, labels = scene(1)
    params = ImageAugmentParams(1, 1, 1, 0)
    image, moved = vary_geometry(rgb, labels, params, np.random.default_rng(0))
    np.testing.assert_array_equal(image, rgb[:, ::-1])
    np.testing.assert_array_equal(moved, labels[:, ::-1])


def test_images_are_decoded_once_and_the_cache_is_bounded(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from crossvox.samples import images

    reads: list[str] = []
    read = images.read_planes

    def counted(pair: ImagePair, params: ImageParams, *, depth: bool) -> np.ndarray:
        reads.append(pair.name)
        return read(pair, params, depth=depth)

    monkeypatch.setattr(images, "read_planes", counted)
    dataset = ImageDataset(pairs_of(folder), SMALL, ImageAugmentParams())
    for epoch in range(3):
        for number in range(len(dataset)):
            dataset[(epoch, number)]
    assert sorted(reads) == sorted(pair.name for pair in dataset.pairs)
    small = ImageDataset(pairs_of(folder), SMALL, cache_bytes=10_000)
    assert small.warm() <= 4
    for number in range(len(small)):
        small[number]
    assert small.cache.bytes <= 10_000
    assert len(pickle.loads(pickle.dumps(dataset)).cache) == 0


def test_label_pixels_are_those_of_the_samples(folder: Path) -> None:
    dataset = ImageDataset(pairs_of(folder), SMALL)
    expected = sum(
        np.bincount(dataset[n].labels.ravel(), minlength=41) for n in range(len(dataset))
    )
    steps: list[tuple[int, int]] = []
    pixels = dataset.label_pixels(lambda done, total: steps.append((done, total)))
    np.testing.assert_array_equal(pixels, expected)
    assert steps[-1] == (6, 6)


def test_a_batch_is_normalised(folder: Path) -> None:
    dataset = ImageDataset(pairs_of(folder), SMALL)
    batch = collate_images([dataset[0], dataset[1]])
    expected = dataset[1].image.transpose(1, 2, 0) / 255
    expected = (expected - COLORS.mean) / COLORS.std
    np.testing.assert_allclose(batch.images[1].permute(1, 2, 0).numpy(), expected, atol=1e-5)
    np.testing.assert_array_equal(batch.labels[1].numpy(), dataset[1].labels)
    assert batch.to("cpu").labels.shape == (2, 30, 40)
    other = ImageSample(np.zeros((3, 4, 4), np.uint8), np.zeros((4, 4), np.uint8), "x")
    with pytest.raises(ShapeError, match="all of one size"):
        collate_images([dataset[0], other])
    with pytest.raises(ShapeError):
        collate_images([])


def test_values_that_make_no_sense_are_refused() -> None:
    for change in (
        {"flip_share": 2.0},
        {"smallest": 2.0, "largest": 1.0},
        {"stretch": 0.7},
        {"hue": 0.9},
    ):
        with pytest.raises(ParamsError, match=r"given: .*; needed: .*; do: correct --augment"):
            ImageAugmentParams(**change)  # type: ignore[arg-type]
    with pytest.raises(ParamsError, match="a positive width and height"):
        ImageParams(0, 10)


METRES = DepthImageParams(
    units_per_m=50, offset=0, size=(80, 60), focal=(70, 70), centre=(39.5, 29.5)
)
NO_VARIATION = ImageAugmentParams(
    0, 1, 1, 0, 0, 0, 0, 0, 0, depth_lost_share=0, depth_holes_share=0, height_m=0
)


def with_depth(folder: Path) -> tuple[ImagePair, ...]:
    """All pairs but the last one have a wall at 2 m, missing in the upper left quarter."""
    depth = np.full((30, 40), 100, np.uint8)
    depth[:15, :20] = 0
    for number in range(5):
        write_bytes(folder / "depth" / f"{number * 5}.png", encode_png(depth))
    return folder_pairs(folder / "image", folder / "label", folder / "depth", METRES).pairs


def test_planes_of_depth_follow_the_colours(folder: Path) -> None:
    dataset = ImageDataset(with_depth(folder), SMALL, depth=True)
    plain = ImageDataset(pairs_of(folder), SMALL)
    for number in range(6):
        np.testing.assert_array_equal(dataset[number].image[:3], plain[number].image)
    planes = dataset[0].image[3:]
    height, width = planes.shape[1:]
    assert not planes[:, : height // 2 - 1, : width // 2 - 1].any()
    # 1 / 2 m is coded 1 + 254 / 4; a wall is upright.
    np.testing.assert_array_equal(planes[0][height // 2 + 1 :], 65)
    np.testing.assert_allclose(planes[2][-1, -1], 128, atol=1)
    assert not dataset[5].image[3:].any()
    batch = collate_images([dataset[0], dataset[5]])
    assert batch.images.shape == (2, 6, height, width)
    assert float(batch.images[0, 3, -1, -1]) == pytest.approx(0.0, abs=0.02)
    assert float(batch.images[0, 5, -1, -1]) == pytest.approx(-0.1 / 0.65, abs=0.02)
    assert not batch.images[1, 3:].any()
    assert not batch.images[0, 3:, 0, 0].any()


def test_depth_is_mirrored_and_cut_with_its_image(folder: Path) -> None:
    pairs = with_depth(folder)
    still = ImageDataset(pairs, SMALL, NO_VARIATION, depth=True)[0]
    mirrored = ImageDataset(pairs, SMALL, replace(NO_VARIATION, flip_share=1), depth=True)[0]
    np.testing.assert_array_equal(mirrored.image[3:], still.image[3:, :, ::-1])
    larger = replace(NO_VARIATION, smallest=2, largest=2)
    cut = ImageDataset(pairs, SMALL, larger, depth=True)[0].image
    known = (cut[3] > 0).mean()
    assert known in (pytest.approx(0.75, abs=0.3), 1.0)


def test_depth_is_lost_as_a_whole_in_patches_and_shifted(folder: Path) -> None:
    pairs = with_depth(folder)
    lost = replace(NO_VARIATION, depth_lost_share=1)
    assert not ImageDataset(pairs, SMALL, lost, depth=True)[0].image[3:].any()
    patchy = replace(NO_VARIATION, depth_holes_share=1)
    still = ImageDataset(pairs, SMALL, NO_VARIATION, depth=True)[0].image[3]
    shares = []
    for seed in range(8):
        found = ImageDataset(pairs, SMALL, patchy, seed, depth=True)[0].image[3]
        assert np.isin(found, (0, 65)).all()
        shares.append((found > 0).sum() / (still > 0).sum())
    assert min(shares) < 0.95
    assert max(shares) > 0.3
    shifted = ImageDataset(pairs, SMALL, replace(NO_VARIATION, height_m=0.3), depth=True)[0].image
    moved = (
        shifted[4].astype(int) - ImageDataset(pairs, SMALL, NO_VARIATION, depth=True)[0].image[4]
    )
    inside = (shifted[4] > 1) & (shifted[4] < 255)
    assert len(np.unique(moved[inside])) == 1
    assert moved[inside][0] != 0


def test_some_pairs_beside_join_each_epoch(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    for number in range(9):
        write_pair(other, f"room_{number}", 50 + number)
    beside = folder_pairs(other / "image", other / "label").pairs
    dataset = ImageDataset(pairs_of(folder), SMALL, beside=beside, beside_share=0.4)
    assert len(dataset) == 10
    names = [[dataset[(epoch, n)].name for n in range(10)] for epoch in range(4)]
    assert all(epoch[:6] == [pair.name for pair in pairs_of(folder)] for epoch in names)
    drawn = [tuple(epoch[6:]) for epoch in names]
    assert all(name.startswith("room_") for epoch in drawn for name in epoch)
    assert len(set(drawn)) > 1
    np.testing.assert_array_equal(
        dataset.label_pixels(), ImageDataset(pairs_of(folder), SMALL).label_pixels()
    )


def test_depth_of_another_shape_than_its_camera_is_refused(folder: Path) -> None:
    write_bytes(folder / "depth" / "0.png", encode_png(np.ones((30, 30), np.uint8)))
    pairs = folder_pairs(folder / "image", folder / "label", folder / "depth", METRES).pairs
    with pytest.raises(CaptureError, match="30x30 for a camera of 80x60"):
        ImageDataset(pairs, SMALL, depth=True)[0]
