"""transforms.json of nerfstudio, instant-ngp, NeRFCapture and SplaTAM."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from crossvox.capture import open_capture
from crossvox.capture.lens import Lens
from crossvox.capture.params import CaptureParams
from crossvox.core.checks import CaptureError
from crossvox.core.frame import Parts
from crossvox.doors.images import encode_jpeg, encode_png, write_bytes

MM = 0.001
FAR = 10 / 65535


def keys_of(camera) -> dict:
    """A camera with the image's corner at (0, 0)."""
    return {
        "fl_x": camera.fx,
        "fl_y": camera.fy,
        "cx": camera.cx + 0.5,
        "cy": camera.cy + 0.5,
        "w": camera.width,
        "h": camera.height,
    }


def save_depth(path: Path, depth_m: np.ndarray, unit_m: float) -> None:
    raw = depth_m / unit_m if unit_m != 1 else depth_m
    whole = np.rint(raw).clip(0, 65534).astype(np.uint16)
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".png":
        write_bytes(path, encode_png(whole))
    elif path.suffix == ".npy":
        np.save(path, raw.astype(np.float32))
    elif path.suffix == ".npz":
        np.savez_compressed(path, depth=raw.astype(np.float16) if unit_m == 1 else whole)
    else:
        Image.fromarray(raw.astype(np.float32)).save(path)


def write(
    walked,
    scene: Path,
    *,
    shared: dict | None = None,
    unit_m: float = MM,
    key: str | None = "depth_file_path",
    image: str = "images/frame_{:05d}.jpg",
    listed: str | None = None,
    depth: str = "depth/frame_{:05d}.png",
    each: dict | None = None,
    scale: float = 1.0,
) -> Path:
    frames = []
    for n, step in enumerate(walked.steps):
        matrix = step.world_from_camera @ np.diag([1.0, -1, -1, 1])
        matrix[:3, 3] *= scale
        encode = encode_png if image.endswith("png") else encode_jpeg
        write_bytes(scene / image.format(n), encode(step.rgb))
        save_depth(scene / depth.format(n), step.depth_m, unit_m)
        frame = {
            "file_path": (listed or image).format(n),
            "transform_matrix": matrix.tolist(),
            **(each or {}),
        }
        if key:
            frame[key] = ("./" if (listed or "").startswith(".") else "") + depth.format(n)
        frames.append(frame)
    frames.reverse()
    told = keys_of(walked.camera) if shared is None else shared
    (scene / "transforms.json").write_text(json.dumps({**told, "frames": frames}))
    return scene


def check(walked, capture, tolerance_m: float = 1e-3) -> None:
    assert len(capture) == len(walked.steps)
    np.testing.assert_allclose(capture.camera().matrix, walked.camera.matrix, rtol=1e-9, atol=1e-9)
    for n, step in enumerate(walked.steps):
        pose = capture.pose(n)
        assert pose is not None
        np.testing.assert_allclose(pose.world_from_camera, step.world_from_camera, atol=1e-6)
        depth = capture.frame(n, walked.depth_camera.size, Parts(labels=False)).depth_m
        np.testing.assert_allclose(depth, step.depth_m, atol=tolerance_m)


def test_nerfstudio(make_walk, surface_f: Callable, tmp_path: Path) -> None:
    walked = make_walk(12, size=(256, 192), depth_size=(128, 96))
    capture = open_capture(write(walked, tmp_path / "room"))
    check(walked, capture)
    assert capture.name == "room"
    assert capture.frame_ids == tuple(range(12))
    assert surface_f(capture, walked) > 0.99
    (note,) = capture.info().notes
    assert "millimetres" in note


VARIANTS: dict[str, dict] = {
    "instant-ngp": {"key": "depth_path", "unit_m": FAR, "each": {"integer_depth_scale": FAR}},
    "NeRFCapture by SplaTAM": {
        "key": "depth_path",
        "unit_m": FAR,
        "image": "rgb/{}.png",
        "depth": "depth/{}.png",
        "shared": {"integer_depth_scale": FAR},
        "each": "camera",
    },
    "depth named by nobody": {
        "key": None,
        "image": "images/{}.png",
        "listed": "./images/{}",
        "depth": "images/{}.depth.png",
    },
    "depth folder named by nobody": {"key": None, "depth": "depths/frame_{:05d}.png"},
    "depth by number": {"key": None, "depth": "depth/{}.npy", "unit_m": 1},
    "depth_scale 1000": {"each": {"depth_scale": 1000}},
    "depth_scale 5000": {"each": {"depth_scale": 5000}, "unit_m": 1 / 5000},
    "depth_unit_scale_factor": {"each": {"depth_unit_scale_factor": 0.0002}, "unit_m": 0.0002},
    "dots and slashes": {"listed": "./images/frame_{:05d}.jpg"},
    "another machine's paths": {"listed": "/home/me/data/images/frame_{:05d}.jpg"},
    "windows": {"listed": "D:\\data\\images\\frame_{:05d}.jpg"},
    "above the folder": {"listed": "../room/images/frame_{:05d}.jpg"},
    "float npy": {"depth": "depth/{}.npy", "unit_m": 1},
    "mm npy": {"depth": "depth/{}.npy"},
    "float npz": {"depth": "depth/{}.npz", "unit_m": 1},
    "mm npz": {"depth": "depth/{}.npz"},
    "float tiff": {"depth": "depth/{}.tiff", "unit_m": 1},
    "scaled npy": {
        "depth": "depth/{}.npy",
        "unit_m": 0.01,
        "each": {"depth_unit_scale_factor": 0.01},
    },
    "applied_scale": {"scale": 0.25, "shared": "applied_scale"},
    "3x4 matrices": {"rows": 3},
}


@pytest.mark.parametrize("name", VARIANTS)
def test_variants(make_walk, tmp_path: Path, name: str) -> None:
    walked = make_walk(2, size=(64, 48))
    variant = dict(VARIANTS[name])
    rows = variant.pop("rows", 4)
    if variant.get("each") == "camera":
        variant["each"] = keys_of(walked.camera)
    elif variant.get("shared") == "applied_scale":
        variant["shared"] = {**keys_of(walked.camera), "applied_scale": 0.25}
    scene = write(walked, tmp_path / "room", **variant)
    file = scene / "transforms.json"
    told = json.loads(file.read_text())
    for frame in told["frames"]:
        frame["transform_matrix"] = frame["transform_matrix"][:rows]
    file.write_text(json.dumps(told))
    check(walked, open_capture(scene), 2e-3)
    check(walked, open_capture(file), 2e-3)


def test_numbers_are_those_of_the_files(make_walk, tmp_path: Path) -> None:
    scene = write(make_walk(4, size=(64, 48)), tmp_path)
    (scene / "images/frame_00001.jpg").unlink()
    (scene / "depth/frame_00002.png").unlink()
    capture = open_capture(scene)
    assert capture.frame_ids == (0, 3)
    notes = " ".join(capture.info().notes)
    assert "1 frames are left out: their image" in notes
    assert "1 frames are left out: their depth image" in notes


def test_angles_alone(make_walk, tmp_path: Path) -> None:
    angle = 2 * math.atan(0.5 / 0.8)
    scene = write(make_walk(1, size=(64, 48)), tmp_path, shared={"camera_angle_x": angle})
    camera = open_capture(scene).camera()
    np.testing.assert_allclose([camera.fx, camera.fy], 0.8 * 64)
    assert (camera.cx, camera.cy) == (31.5, 23.5)


def test_keys_for_larger_images(make_walk, tmp_path: Path) -> None:
    walked = make_walk(2, size=(64, 48))
    told = keys_of(walked.camera.resized((128, 96)))
    check(walked, open_capture(write(walked, tmp_path / "a", shared=told)))
    told["h"] = 128
    with pytest.raises(CaptureError, match="one shape"):
        open_capture(write(walked, tmp_path / "b", shared=told))


def test_a_flag_stands_for_a_camera_that_is_not_told(make_walk, tmp_path: Path) -> None:
    walked = make_walk(1, size=(64, 48))
    scene = write(walked, tmp_path, shared={})
    with pytest.raises(CaptureError, match="--intrinsics"):
        open_capture(scene)
    c = walked.camera
    given = CaptureParams(intrinsics=f"{c.fx},{c.fy},{c.cx},{c.cy}", depth_scale=1000)
    capture = open_capture(scene, params=given)
    check(walked, capture)
    assert capture.info().notes == ()


def test_cameras_of_each_frame(make_walk, surface_f: Callable, tmp_path: Path) -> None:
    walked, zoomed = make_walk(12), make_walk(12, focal=0.9)
    scene, other = write(walked, tmp_path / "a"), write(zoomed, tmp_path / "b")
    told, wide = (json.loads((s / "transforms.json").read_text()) for s in (scene, other))
    for n in range(0, 12, 3):
        for name in ("images/frame_{:05d}.jpg", "depth/frame_{:05d}.png"):
            (other / name.format(n)).replace(scene / name.format(n))
        frame = next(f for f in told["frames"] if f["file_path"].endswith(f"{n:05d}.jpg"))
        frame |= {k: wide[k] for k in ("fl_x", "fl_y")}
    (scene / "transforms.json").write_text(json.dumps(told))
    capture = open_capture(scene)
    np.testing.assert_allclose(capture.camera().matrix, walked.camera.matrix)
    assert "cameras differ" in " ".join(capture.info().notes)
    assert surface_f(capture, walked) > 0.98


LENSES = {
    "OPENCV": (Lens("brown", (-0.12, 0.02, 0.001, -0.001, 0.0)), ("k1", "k2", "p1", "p2", "k3")),
    "OPENCV_FISHEYE": (Lens("fisheye", (0.02, -0.01, 0.0, 0.0)), ("k1", "k2", "k3", "k4")),
}


def bent(x: float, y: float, lens: Lens) -> tuple[float, float]:
    """Where a ray through ``(x, y, 1)`` meets the image plane behind a lens."""
    k1, k2, a, b = lens.coefficients[:4]
    r2 = x * x + y * y
    if lens.model == "fisheye":
        theta = math.atan(math.sqrt(r2))
        scale = theta * (1 + k1 * theta**2 + k2 * theta**4) / math.sqrt(r2)
        return x * scale, y * scale
    radial = 1 + k1 * r2 + k2 * r2**2
    return (
        x * radial + 2 * a * x * y + b * (r2 + 2 * x * x),
        y * radial + a * (r2 + 2 * y * y) + 2 * b * x * y,
    )


@pytest.mark.parametrize("model", LENSES)
@pytest.mark.parametrize("each", [False, True])
def test_lenses(make_walk, tmp_path: Path, model: str, each: bool) -> None:
    walked = make_walk(2, size=(256, 192))
    camera, (lens, names) = walked.camera, LENSES[model]
    told = {"camera_model": model, **dict(zip(names, lens.coefficients, strict=True))}
    none = dict.fromkeys(names, 0.0)
    scene = write(walked, tmp_path, shared=keys_of(camera) | (none if each else told))
    file = scene / "transforms.json"
    listed = json.loads(file.read_text())
    if each:  # one of the two frames alone
        listed["frames"][0] |= told
    v, u = np.mgrid[:192, :256]
    for frame in listed["frames"]:  # depth that tells its own pixel
        frame["depth_file_path"] = "depth/ramp.npy"
    save_depth(scene / "depth/ramp.npy", 1 + u / 1000 + v / 500, 1)
    file.write_text(json.dumps(listed))
    capture = open_capture(scene)
    for column, row in ((40, 30), (200, 150)):
        x, y = bent((column - camera.cx) / camera.fx, (row - camera.cy) / camera.fy, lens)
        found = 1 + (x * camera.fx + camera.cx) / 1000 + (y * camera.fy + camera.cy) / 500
        depth, other = capture.frame(1).depth_m, capture.frame(0).depth_m
        assert depth is not None
        assert other is not None
        assert depth[row, column] == pytest.approx(found, abs=2e-3)
        assert abs(found - (1 + column / 1000 + row / 500)) > 4e-3
        if each and lens.model == "brown":
            assert other[row, column] == pytest.approx(1 + column / 1000 + row / 500)


def test_nerfcapture_on_a_phone_held_upright(
    make_walk, level_to_y_up, surface_f: Callable, tmp_path: Path
) -> None:
    walked = make_walk(12, world=level_to_y_up, roll_deg=90)
    names = {"image": "images/{}.png", "listed": "images/{}", "depth": "images/{}.depth.png"}
    each = keys_of(walked.camera) | {"timestamp": 12.5}
    shared = {"depth_integer_scale": 1.0, "depth_source": None}
    capture = open_capture(
        write(walked, tmp_path, key="depth_path", each=each, shared=shared, **names)
    )
    assert capture.camera().size == walked.camera.size[::-1]
    assert surface_f(capture, walked) > 0.99
    plain = open_capture(tmp_path, params=CaptureParams(upright=False))
    check(walked, plain)
    assert plain.time_s(3) == 12.5


def test_images_of_another_size_are_left_out(make_walk, tmp_path: Path) -> None:
    walked = make_walk(4, size=(64, 48))
    scene = write(walked, tmp_path, shared={}, each=keys_of(walked.camera))
    told = json.loads((scene / "transforms.json").read_text())
    told["frames"][-1] |= {"w": 48, "h": 64}
    (scene / "transforms.json").write_text(json.dumps(told))
    capture = open_capture(scene)
    assert capture.frame_ids == (1, 2, 3)
    assert "1 images are left out: they are not of 64x48" in " ".join(capture.info().notes)


def test_depth_of_another_shape_is_refused(make_walk, tmp_path: Path) -> None:
    walked = make_walk(1, size=(64, 48), depth_size=(64, 40))
    with pytest.raises(CaptureError, match=r"64x40 beside colour of 64x48.*register depth"):
        open_capture(write(walked, tmp_path))


def test_lost_and_odd_poses(make_walk, tmp_path: Path) -> None:
    scene = write(make_walk(3, size=(64, 48)), tmp_path)
    file = scene / "transforms.json"
    told = json.loads(file.read_text())  # frames run backwards
    told["frames"][2].pop("transform_matrix")
    told["frames"][1]["transform_matrix"][0][3] = float("nan")
    told["frames"][0]["transform_matrix"] = [[1, 2], [3, 4]]
    file.write_text(json.dumps(told))
    capture = open_capture(scene)
    assert capture.pose(0) is None
    assert capture.pose(1) is None
    with pytest.raises(CaptureError, match="transform_matrix of shape"):
        capture.pose(2)


def test_masks_are_named(make_walk, tmp_path: Path) -> None:
    scene = write(make_walk(1, size=(64, 48)), tmp_path, each={"mask_path": "masks/0.png"})
    assert "masks are not read" in open_capture(scene).info().notes


def test_without_depth(make_walk, tmp_path: Path) -> None:
    scene = write(make_walk(1, size=(64, 48)), tmp_path, key=None, depth="elsewhere/{}.png")
    with pytest.raises(CaptureError, match="export the capture with its depth"):
        open_capture(scene)


def test_sdfstudio_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "meta_data.json").write_text("{}")
    with pytest.raises(CaptureError, match="sdfstudio"):
        open_capture(tmp_path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"frames": []}, "without frames"),
        ({"frames": "x"}, "frames"),
        ({"fl_x": -5}, "fx"),
        ({"fl_x": float("nan")}, "fx"),
        ({"w": float("inf")}, "one shape"),
        ({"w": 0.5, "h": 0.375}, "one shape"),
        ({"camera_model": "EQUIRECTANGULAR"}, "EQUIRECTANGULAR"),
        ({"k4": 0.1}, "k4"),
        ({"k1": float("inf")}, "coefficients"),
        ({"applied_scale": 0}, "applied_scale"),
    ],
)
def test_damage_is_refused_in_words(make_walk, tmp_path: Path, change: dict, words: str) -> None:
    scene = write(make_walk(1, size=(64, 48)), tmp_path)
    told = json.loads((scene / "transforms.json").read_text())
    (scene / "transforms.json").write_text(json.dumps(told | change))
    with pytest.raises(CaptureError, match=words) as caught:
        open_capture(scene)
    assert "do:" in str(caught.value)
    (scene / "transforms.json").write_bytes(b'{"frames": [')
    with pytest.raises(CaptureError, match=r"transforms\.json"):
        open_capture(scene)
