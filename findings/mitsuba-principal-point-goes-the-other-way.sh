#!/usr/bin/env bash
# Packages: mitsuba 3.9.1, numpy 2.4.6
# One would swear: `principal_point_offset_x` and `_y`, said to be the position of the principal
#   point relative to the centre of the film, move it to the right and down, as positions on a film
#   and the offset of a crop count, or at the least by the mathematician's axes.
# What happens: both go the other way: with 0.25 and 0 the ray straight ahead passes at a quarter of
#   the width, with 0 and 0.25 at a quarter of the height. Calibrated values (cx / width - 0.5) have
#   to be negated. Where they are left as they are, all is off by twice the offset.
# Why it matters here: rooms are rendered with the calibrated camera of a scan, to compare depth
#   with depth. Principal points lie a few pixels from the centre: the render is off by twice as
#   many, and looks like a pose that is not quite right.
# Seen: 2026-12-01, CPython 3.11, Linux x86-64
set -euo pipefail

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check mitsuba==3.9.1 numpy==2.4.6
cd "$room"
"$room/venv/bin/python" - <<'PY'
import mitsuba
import numpy as np

mitsuba.set_variant("scalar_rgb")
WIDTH, HEIGHT = 64, 48
turn = mitsuba.ScalarTransform4f

ball = {
    "type": "sphere",
    "center": [0.0, 0.0, 3.0],
    "radius": 0.2,
    "emitter": {"type": "area", "radiance": {"type": "rgb", "value": 1.0}},
}
held = True
for right, down in ((0.0, 0.0), (0.25, 0.0), (0.0, 0.25), (-0.125, 0.125)):
    camera = {
        "type": "perspective",
        "fov": 90,
        "to_world": turn().look_at(origin=[0, 0, 0], target=[0, 0, 1], up=[0, 1, 0]),
        "principal_point_offset_x": right,
        "principal_point_offset_y": down,
        "film": {"type": "hdrfilm", "width": WIDTH, "height": HEIGHT, "rfilter": {"type": "box"}},
        "sampler": {"type": "independent", "sample_count": 64},
    }
    scene = {"type": "scene", "integrator": {"type": "direct"}, "sensor": camera, "ball": ball}
    light = np.array(mitsuba.render(mitsuba.load_dict(scene)))[..., 0]
    row, column = np.indices(light.shape) + 0.5
    found = np.array([(light * column).sum(), (light * row).sum()]) / light.sum()
    found /= WIDTH, HEIGHT
    print(f"Expected: {right}, {down}: a ball ahead at", end=" ")
    print(f"{0.5 + right:.3f} of the width, {0.5 + down:.3f} of the height")
    print(f"Seen: {found[0]:.3f} of the width, {found[1]:.3f} of the height")
    held &= bool(np.allclose(found, [0.5 - right, 0.5 - down], atol=0.004))
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
