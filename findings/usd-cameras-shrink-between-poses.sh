#!/usr/bin/env bash
# Packages: usd-core 26.11, numpy 2.4.6
# One would swear: a camera whose poses are written at some times is, between two of them, either
#   still or on its way from one to the other; a camera it is in any case.
# What happens: the numbers of the two matrices are mixed one by one. Halfway through a quarter turn
#   the transform shrinks the camera's frame to 0.71, halfway through half a turn to nothing: it
#   cannot be inverted. Asked for a time that was not written, the stage answers without a word.
# Why it matters here: poses of a scan have the times of the depth frames, and a viewer or a
#   renderer asks at its own: what is seen then is sheared, and lengths in the camera's frame are
#   not metres. Translation and `orient` written apart stay rigid.
# Seen: 2026-11-30, CPython 3.11, Linux x86-64
set -euo pipefail

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check \
  usd-core==26.11 numpy==2.4.6
cd "$room"
"$room/venv/bin/python" - <<'PY'
import numpy as np
from pxr import Gf, Usd, UsdGeom

stage = Usd.Stage.CreateInMemory()
matrices = UsdGeom.Camera.Define(stage, "/matrices")
apart = UsdGeom.Camera.Define(stage, "/apart")
written = matrices.AddTransformOp()
moved, turned = apart.AddTranslateOp(), apart.AddOrientOp()
UP = Gf.Vec3d(0, 1, 0)
for time, angle in ((0, 0), (10, 90), (20, 270)):
    rotation, place = Gf.Rotation(UP, angle), Gf.Vec3d(time / 10, 1.5, 0)
    written.Set(Gf.Matrix4d().SetTransform(rotation, place), time)
    moved.Set(place, time)
    turned.Set(Gf.Quatf(rotation.GetQuat()), time)


def length_of_a_metre(camera, time):
    """What a metre along the view of the camera is in the world."""
    return np.linalg.norm(np.array(camera.ComputeLocalToWorldTransform(time))[2, :3])


times = [0, 5, 10, 15, 20]
by_matrix = [length_of_a_metre(matrices, time) for time in times]
by_parts = [length_of_a_metre(apart, time) for time in times]
print("Expected: a metre ahead of the camera is a metre, at any time.")
for time, one, two in zip(times, by_matrix, by_parts, strict=True):
    print(f"Seen: time {time}: {one:.3f} m by matrices, {two:.3f} m by translation and orient")
singular = abs(np.linalg.det(np.array(matrices.ComputeLocalToWorldTransform(15))[:3, :3]))
print(f"Seen: determinant at time 15: {singular:.1e}")
held = bool(np.allclose(by_matrix, [1, np.sqrt(0.5), 1, 0, 1], atol=1e-6))
held &= bool(np.allclose(by_parts, 1, atol=1e-6)) and singular < 1e-12
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
