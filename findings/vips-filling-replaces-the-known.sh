#!/usr/bin/env bash
# Packages: pyvips 3.2.0 (libvips 8.18.7), numpy 2.4.6
# One would swear: `fill_nearest`, "fill image zeros with nearest non-zero pixel", writes where
#   there are zeros; a pixel that has a value keeps it.
# What happens: a pixel with a value is given that of its nearest neighbour too. Of two lone pixels
#   the second in the order of rows becomes the first, and its `distance` is not 0 but the way to
#   it. Of a depth image of which 1 % is missing 97 % of the known pixels come out changed, all by a
#   pixel's way; the zeros are filled rightly.
# Why it matters here: holes of depth are filled in just this way before it is lifted. What was
#   measured is moved by a pixel, which no picture shows, and a lone label is wiped out.
# Seen: 2026-11-30, CPython 3.11, Linux x86-64
set -euo pipefail

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check \
  pyvips==3.2.0 pyvips-binary==8.18.7 numpy==2.4.6
cd "$room"
"$room/venv/bin/python" - <<'PY'
import numpy as np
import pyvips

lone = np.zeros((8, 8), np.uint16)
lone[2, 2], lone[5, 5] = 5000, 7000
filled, more = pyvips.Image.new_from_array(lone).fill_nearest(distance=True)
filled, away = filled.numpy(), more["distance"].numpy()
print("Expected: 5000 stays 5000, 7000 stays 7000, both 0 pixels from the nearest value")
print(f"Seen: 5000 became {filled[2, 2]}, 7000 became {filled[5, 5]}, {away[5, 5]:.2f} pixels away")
held = filled[2, 2] == 5000 and filled[5, 5] == 5000 and abs(away[5, 5] - np.sqrt(18)) < 1e-3

random = np.random.default_rng(0)
depth = np.tile(np.linspace(1000, 5000, 64), (64, 1)).astype(np.uint16)  # a slanted wall
known = random.random(depth.shape) < 0.99
holed = np.where(known, depth, 0).astype(np.uint16)
after = pyvips.Image.new_from_array(holed).fill_nearest().numpy()
changed = after[known] != depth[known]
off = np.abs(after[known].astype(int) - depth[known])
print("Expected: none of the known pixels of a slanted wall is changed")
print(f"Seen: {100 * changed.mean():.0f} % of them are, by up to {off.max()} mm")
print(f"Seen: {np.count_nonzero(after == 0)} zeros are left")
held &= changed.mean() > 0.9 and off.max() >= 60 and not (after == 0).any()
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
