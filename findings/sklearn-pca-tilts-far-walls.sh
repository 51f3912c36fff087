#!/usr/bin/env bash
# Packages: scikit-learn 1.9.1, numpy 2.4.6, SciPy 1.17.1
# One would swear: `PCA` takes the mean off first (its page says "on centered data"), so the
#   normal of a wall, its last component, is the same wherever the wall stands.
# What happens: by default, with many points and few columns, it multiplies the coordinates as
#   they are and takes the product of the means off the result. At a northing of 5.4 million
#   metres the normals of flat walls in doubles are a degree off, some 20; in singles 0.15 degrees
#   100 m from the origin and 56 at 10 km. `svd_solver="full"` is right for the same points, and
#   so are walls of 25 points: fewer than ten a column are given to that solver by themselves.
# Why it matters here: normals, planes and upright directions of scans in map coordinates are
#   fitted in just this way; a test with a handful of points or near the origin is right.
# Seen: 2026-11-30, CPython 3.11, Linux x86-64
set -euo pipefail

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check \
  scikit-learn==1.9.1 numpy==2.4.6 scipy==1.17.1
cd "$room"
"$room/venv/bin/python" - <<'PY'
import numpy as np
from sklearn.decomposition import PCA

random = np.random.default_rng(0)


def wall(points=2000):
    """Points of a flat wall of 4 x 2.5 m in any direction, 2 mm of noise."""
    flat = np.c_[random.random((points, 2)) * [4, 2.5], random.normal(0, 0.002, points)]
    return flat @ np.linalg.qr(random.normal(size=(3, 3)))[0].T


def off(points, solver="auto"):
    """Degrees between the last component and the normal of the same points about their mean."""
    exact = points.astype(np.float64)
    normal = np.linalg.svd(exact - exact.mean(axis=0), full_matrices=False)[2][2]
    found = PCA(3, svd_solver=solver).fit(points).components_[2]
    return float(np.degrees(np.arccos(min(1.0, abs(normal @ found)))))


def median(away, kind=np.float64, points=2000, solver="auto"):
    """Median of 30 walls that stand that far north and a tenth of it east."""
    walls = [(wall(points) + [0.1 * away, away, 0]).astype(kind) for _ in range(30)]
    return float(np.median([off(one, solver) for one in walls]))


print("Expected: 0 degrees everywhere (medians of 30 walls).")
doubles = {away: median(away) for away in (0.0, 100.0, 1e4, 5.4e6)}
singles = {away: median(away, np.float32) for away in (0.0, 100.0, 1e4)}
for kind, found in (("doubles", doubles), ("singles", singles)):
    for away, degrees in found.items():
        print(f"Seen: {kind}, {away:.0f} m from the origin: {degrees:.3f} degrees")
full = median(5.4e6, solver="full")
few = median(5.4e6, points=25)
rounded = median(1e4, np.float32, solver="full")
print(f"Seen: doubles, 5400000 m, svd_solver='full': {full:.3f} degrees, of 25 points {few:.3f}")
print(f"Seen: singles, 10000 m, svd_solver='full': {rounded:.3f} degrees")
held = doubles[5.4e6] > 0.2 and max(full, few, doubles[0.0], doubles[100.0]) < 0.01
held &= singles[1e4] > 10 and singles[100.0] > 0.05 > singles[0.0]
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
