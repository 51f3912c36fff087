#!/usr/bin/env bash
# Packages: trimesh 5.2.0, numpy 2.4.6, SciPy 1.17.0
# One would swear: `registration.icp` moves and turns one scan onto another, as ICP does (Besl and
#   McKay 1992): the transform that it returns is rigid.
# What happens: it returns one that stretches as well, for its steps are Procrustes with `scale` and
#   `reflection` on unless told otherwise, by arguments that its own help names only as "args to pass
#   to procrustes". Points of the very same surface, without noise, 10 cm aside, come back 2 % too
#   large. With `scale=False, reflection=False` it is rigid, and ends nearer to the surface.
# Why it matters here: scans are in metres. A room of 4 m becomes one of 4.09 m, and the cost that is
#   returned beside is small all the same; what is fused after that has every wall twice.
# Seen: 2026-12-01, CPython 3.11, Linux x86-64
set -euo pipefail

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check \
  trimesh==5.2.0 numpy==2.4.6 scipy==1.17.0
cd "$room"
"$room/venv/bin/python" - <<'PY'
import numpy as np
from trimesh.registration import icp

rng = np.random.default_rng(0)


def corner(count):
    """Points of a floor and two walls that meet, 4 by 3 by 2.5 m."""
    points = rng.uniform(0, 1, (count, 3)) * [4.0, 3.0, 2.5]
    points[np.arange(count), rng.integers(0, 3, count)] = 0
    return points


target = corner(20000)
held = True
for aside_m in (0.1, 0.3):
    source = corner(2000) + aside_m
    for name, told in (("as it is", {}), ("told", {"scale": False, "reflection": False})):
        matrix, moved, cost = icp(source, target, max_iterations=100, **told)
        scale = float(np.cbrt(np.linalg.det(matrix[:3, :3])))
        print(f"Expected: {aside_m} m aside, {name}: scale 1.000, a room of 4.00 m")
        print(f"Seen: scale {scale:.3f}, a room of {4 * scale:.2f} m, cost {cost:.6f} m2")
        held &= abs(scale - 1) < 1e-9 if told else 1.01 < scale < 1.04
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
