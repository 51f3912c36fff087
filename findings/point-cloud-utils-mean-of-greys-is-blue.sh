#!/usr/bin/env bash
# Packages: point-cloud-utils 0.34.0, numpy 2.4.6
# One would swear: the mean of equal colours is that colour, and the mean of normals that point up
#   points up.
# What happens: `downsample_point_cloud_on_voxel_grid` averages points rightly and what is given
#   with them not: the sums of attributes do not begin at zero but with what memory holds. In most
#   voxels that is the third value of another point, so a grey of 0.5 comes back as (0.5, 0.5, 1.0);
#   now and then it is a number like 1e20 or 1e257. It changes from call to call and says nothing.
# Why it matters here: scans are thinned by it with their colours, normals and scores of classes.
#   All points lie where they should, and what they carry is wrong.
# Seen: 2026-11-30, CPython 3.11, Linux x86-64
set -euo pipefail

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check \
  point-cloud-utils==0.34.0 numpy==2.4.6
cd "$room"
"$room/venv/bin/python" - <<'PY'
import numpy as np
import point_cloud_utils as pcu

CELL_M, COUNT, TRIES = 0.5, 500, 10
# cells from the origin, and no point at a face of one
low, high = (0.0, 0.0, 0.0), (4.0, 3.0, 2.5)
cells = np.random.default_rng(0).integers(0, (8, 6, 5), (COUNT, 3))
points = (cells + np.random.default_rng(1).uniform(0.1, 0.9, (COUNT, 3))) * CELL_M
numbers = np.ravel_multi_index(cells.T, (8, 6, 5))
kept = np.unique(numbers)
true = np.array([points[numbers == n].mean(0) for n in kept])

held = True
for name, value in (("grey", (0.5, 0.5, 0.5)), ("normals up", (0.0, 0.0, 1.0))):
    carried = np.tile(value, (COUNT, 1))
    print(f"Expected: {name}: {value} in each of {len(kept)} cells")
    for number in range(TRIES):
        places, means = pcu.downsample_point_cloud_on_voxel_grid(
            CELL_M, points, carried, min_bound=low, max_bound=high
        )
        order = np.ravel_multi_index(np.floor(places / CELL_M).astype(int).T, (8, 6, 5)).argsort()
        held &= np.allclose(places[order], true)
        wrong = ~np.isclose(means, value).all(axis=1)
        if number in (0, TRIES - 1):
            print(f"Seen, try {number + 1}: {wrong.sum()} others: {means[wrong][:1].tolist()}")
        held &= wrong.mean() > 0.5
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
