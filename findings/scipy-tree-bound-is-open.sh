#!/usr/bin/env bash
# Packages: scipy 1.17.1, numpy 2.4.6
# One would swear: a neighbour at exactly the given distance counts in both ways of asking a k-d
#   tree for neighbours within it, or in neither.
# What happens: cKDTree.query with distance_upper_bound leaves the bound out (distance inf, an
#   index past the end), query_ball_point takes it in. Both pages say "within".
# Why it matters here: points of voxel grids lie at exact multiples of the edge: completeness
#   and F-score at one voxel fall from 100 % to 0 % between two calls that read the same.
# Seen: 2026-11-28, CPython 3.11, Linux x86-64
set -euo pipefail

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check scipy==1.17.1 numpy==2.4.6
cd "$room"
"$room/venv/bin/python" - <<'PY'
import numpy as np
from scipy.spatial import cKDTree

edge = 0.0625  # metres; exact in binary
axes = np.meshgrid(*[np.arange(8) * edge] * 2, indexing="ij")
floor = np.stack([axes[0].ravel(), axes[1].ravel(), np.zeros(64)], 1)
raised = floor + [0, 0, edge]  # the same floor, one voxel higher
tree = cKDTree(floor)
distance, index = tree.query(raised, distance_upper_bound=edge)
nearest = tree.query(raised)[0]
balls = tree.query_ball_point(raised, edge)
query = float(np.isfinite(distance).mean())
ball = float(np.mean([len(b) > 0 for b in balls]))
plain = float((nearest <= edge).mean())
print("Expected: the same share of points with a neighbour within one voxel from each call.")
print(f"Seen: query with a bound {query:.0%} (index {index[0]} of {len(floor)} points),")
print(f"      query_ball_point {ball:.0%}, query without a bound and <= {plain:.0%}")
held = (query, ball, plain) == (0.0, 1.0, 1.0) and int(index[0]) == len(floor)
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
