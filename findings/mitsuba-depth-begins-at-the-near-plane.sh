#!/usr/bin/env bash
# Packages: mitsuba 3.9.1, numpy 2.4.6
# One would swear: depth rendered by Mitsuba, said to be the distance from the pinhole, is that,
#   whatever the near plane of the camera: it only decides what is left out.
# What happens: both the integrator `depth` and the channel `depth` of `aov` count from where the
#   ray crosses the near plane: of a wall at 2 m a near plane at 1 m leaves 1 m, and at the edge of
#   90 degrees 1.40 of 2.79 m. By default it takes 1 cm off what is straight ahead. The channel
#   `position` is right.
# Why it matters here: depth of rendered rooms is the truth that others are measured by. It looks
#   right, a wall straight ahead stays flat, and all is nearer by a centimetre, or by a metre.
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
WALL_M = 2.0


def render(integrator, near):
    """One row through the middle of a camera at the origin that looks along z at the wall."""
    turn = mitsuba.ScalarTransform4f
    scene = {
        "type": "scene",
        "integrator": integrator,
        "sensor": {
            "type": "perspective",
            "fov": 90,
            "to_world": turn().look_at(origin=[0, 0, 0], target=[0, 0, 1], up=[0, 1, 0]),
            "film": {"type": "hdrfilm", "width": 33, "height": 33, "rfilter": {"type": "box"}},
            "sampler": {"type": "independent", "sample_count": 64},
        }
        | near,
        "wall": {
            "type": "rectangle",
            "to_world": turn().translate([0, 0, WALL_M]).scale(10).rotate([0, 1, 0], 180),
        },
    }
    return np.array(mitsuba.render(mitsuba.load_dict(scene)))[16]


held = True
for name, near, left in (
    ("near plane not given", {}, 1.99),
    ("near plane at 0.5 m", {"near_clip": 0.5}, 1.5),
    ("near plane at 1 m", {"near_clip": 1.0}, 1.0),
):
    plain = render({"type": "depth"}, near)[:, 0]
    channels = render({"type": "aov", "aovs": "far:depth,at:position"}, near)
    true = np.linalg.norm(channels[:, -3:], axis=1)
    print(f"Expected: {name}: {true[16]:.3f} m in the middle, {true[0]:.3f} m at the edge")
    print(f"Seen: {plain[16]:.3f} m, {plain[0]:.3f} m; as a channel", end=" ")
    print(f"{channels[16, 0]:.3f} m, {channels[0, 0]:.3f} m")
    held &= abs(true[16] - WALL_M) < 0.002
    for depth in (plain, channels[:, 0]):
        held &= bool(np.allclose(depth, true * left / WALL_M, atol=0.01))
        held &= abs(depth[16] - left) < 0.004
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
