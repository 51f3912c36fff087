#!/usr/bin/env bash
# Packages: torch 2.14.1, numpy 2.4.6 (about 5 GB with what torch asks for)
# One would swear: `torch.cdist` of two sets of points gives distances to float32's precision: a
#   point is zero from itself, and a room of 5 m is good to a micrometre.
# What happens: from 26 points on the sum of squares is multiplied out. A point is then up to
#   several millimetres from itself, and the mean nearest distance of a cloud to its own copy is not
#   zero. With 25 points, or compute_mode="donot_use_mm_for_euclid_dist", it is.
# Why it matters here: Chamfer distances and F-scores at small thresholds are written with it. A
#   test of two dozen points shows nothing, a room moved away from its origin gets worse: 20 m from
#   it a perfect copy is two centimetres off at worst.
# Seen: 2026-11-29, CPython 3.11, Linux x86-64
set -euo pipefail

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check \
  torch==2.14.1 numpy==2.4.6
cd "$room"
"$room/venv/bin/python" - <<'PY'
import torch

GENERATOR = torch.Generator().manual_seed(0)


def worst_mm(count, away_m, **how):
    """Largest distance of a point to itself, of points in a room of 5 x 5 x 5 m."""
    points = torch.rand(count, 3, generator=GENERATOR) * 5 + away_m
    return 1000 * torch.cdist(points, points, **how).diagonal().max().item()


few, many = worst_mm(25, 2.0), worst_mm(26, 2.0)
room, far = worst_mm(2000, 2.0), worst_mm(2000, 20.0)
exact = worst_mm(2000, 20.0, compute_mode="donot_use_mm_for_euclid_dist")
print("Expected: 0 mm from itself, for any number of points.")
print(f"Seen: 25 points: {few:.3f} mm; 26 points: {many:.3f} mm")
print(f"Seen: 2,000 points: {room:.1f} mm; 20 m away: {far:.1f} mm; without products: {exact:.3f} mm")
held = few == 0 and many > 0.1 and room > 1 and far > 5 and exact == 0
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
