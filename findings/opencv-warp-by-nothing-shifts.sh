#!/usr/bin/env bash
# Packages: opencv-python-headless 5.0.0.93, numpy 2.4.6
# One would swear: warpFrame with the identity as pose gives back the picture that was put in, and
#   with the pose that the odometry of the same module found it lays one frame on the other.
# What happens: pixels are cut off to whole numbers after lifting and projecting, not rounded. With
#   focal length 260 the whole picture moves one pixel left and up; with 525 it stays, by the luck
#   of its rounding errors. And with 16-bit depth the pose is taken in units of the depth: 10 cm,
#   written 0.1, move nothing; 100 moves the picture by 26 pixels.
# Why it matters here: warping is how poses and calibrations are looked at and scored. The error is
#   as big as that of a good pose, depends on the lens, and a pose in metres on depth in millimetres
#   looks like the identity.
# Seen: 2026-11-28, CPython 3.11, Linux x86-64
set -euo pipefail

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check \
  opencv-python-headless==5.0.0.93 numpy==2.4.6
cd "$room"
"$room/venv/bin/python" - <<'PY'
import cv2
import numpy as np

WIDTH, HEIGHT = 320, 240
picture = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3)).astype(np.uint8)


def lens(focal):
    """The camera matrix of a lens whose axis meets the middle of the picture."""
    return np.array([[focal, 0, WIDTH / 2 - 0.5], [0, focal, HEIGHT / 2 - 0.5], [0, 0, 1.0]])


def warped(depth, pose, focal):
    """The picture seen from elsewhere, and where it has a value."""
    _, seen, valid = cv2.warpFrame(depth, picture, None, pose, lens(focal))
    return seen, valid > 0


metres = np.ones((HEIGHT, WIDTH), np.float32)
millimetres = np.full((HEIGHT, WIDTH), 1000, np.uint16)
print("Expected: by the identity each pixel stays where it is, whatever the lens.")
short, _ = warped(metres, np.eye(4), 260.0)
long, _ = warped(metres, np.eye(4), 525.0)
stay = {260: (short == picture).all(2).mean(), 525: (long == picture).all(2).mean()}
shifted = (short[:-1, :-1] == picture[1:, 1:]).all(2).mean()
for focal, share in stay.items():
    print(f"Seen: focal length {focal}: {share:.0%} of the pixels are those given")
print(f"Seen: focal length 260: {shifted:.0%} are their lower right neighbours")

print("Expected: 10 cm aside at 1 m depth and focal length 260 are 26 pixels.")
blank = {}
for name, depth, step in (
    ("metres, 0.1", metres, 0.1),
    ("16 bit of millimetres, 0.1", millimetres, 0.1),
    ("16 bit of millimetres, 100", millimetres, 100.0),
):
    pose = np.eye(4)
    pose[0, 3] = step
    _, valid = warped(depth, pose, 260.0)
    blank[name] = int(np.argmax(valid[HEIGHT // 4]))
    print(f"Seen: {name}: {blank[name]} columns are left blank")
held = stay[260] < 0.01 and stay[525] == 1 and shifted > 0.9
held = held and np.allclose(list(blank.values()), (26, 0, 26), atol=1)
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
