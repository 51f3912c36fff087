#!/usr/bin/env bash
# Packages: torch-geometric 2.8.1, torch 2.14.1, numpy 2.4.6
# One would swear: the normals that `SamplePoints` puts beside its points are turned with them when
#   the points are turned.
# What happens: `RandomRotate`, `RandomFlip`, `RandomShear` and `LinearTransformation` change `pos`
#   and leave `normal` as it was; `NormalizeRotation` alone takes both along. And a turn by 90
#   degrees about z takes x to -y, and so about the other axes: by the left hand.
# Why it matters here: rooms are turned about z in training, so that a network does not learn which
#   wall is north. With normals among its inputs it learns from walls that look along themselves.
# Seen: 2026-11-30, CPython 3.11, Linux x86-64
set -euo pipefail

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check \
  torch-geometric==2.8.1 torch==2.14.1 numpy==2.4.6
cd "$room"
"$room/venv/bin/python" -W ignore - <<'PY'
import torch
import torch_geometric.transforms as change
from torch_geometric.data import Data

torch.manual_seed(0)
# a slanted triangle, all of whose points have one normal
corners = torch.tensor([[1.0, 0, 0], [0, 2.0, 0], [0, 0, 3.0]])
sampled = change.SamplePoints(500, include_normals=True)(
    Data(pos=corners, face=torch.tensor([[0], [1], [2]]))
)
held = True
for name, way, moves in (
    ("as sampled", lambda data: data, False),
    ("NormalizeRotation", change.NormalizeRotation(), False),
    ("RandomRotate", change.RandomRotate((60, 60), axis=2), True),
    ("RandomFlip", change.RandomFlip(0, p=1.0), True),
    ("LinearTransformation", change.LinearTransformation(torch.eye(3)[[1, 2, 0]]), True),
):
    data = way(sampled.clone())
    points = data.pos - data.pos.mean(0)
    plane = torch.linalg.svd(points)[2][2]  # what the points themselves are at right angles to
    cosine = (data.normal @ plane).abs().clip(max=1).mean()
    off = float(torch.rad2deg(torch.arccos(cosine)))
    print(f"Expected: {name}: normals at right angles to the points, 0 degrees off")
    print(f"Seen: {off:.1f} degrees off")
    held &= off > 10 if moves else off < 0.5
for axis, (start, end) in enumerate(((1, 2), (2, 0), (0, 1))):
    along = torch.eye(3)[[start]]
    found = change.RandomRotate((90, 90), axis=axis)(Data(pos=along)).pos.round().int()[0]
    print(f"Expected: 90 degrees about {'xyz'[axis]}: {'xyz'[start]} becomes {'xyz'[end]}")
    print(f"Seen: {found.tolist()}")
    held &= torch.equal(found, -torch.eye(3).int()[end])
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
