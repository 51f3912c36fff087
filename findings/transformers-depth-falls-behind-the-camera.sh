#!/usr/bin/env bash
# Packages: transformers 5.24.0, torch 2.14.1, numpy 2.4.6, Pillow 13.0.0
# One would swear: where the processor of a network of depth brings its answer to the size of the
#   picture, the depths lie between those that the network gave, as with any camera's.
# What happens: it is done bicubically, and that overshoots at each edge by a tenth of the step: of
#   0.4 m before a wall at 6 m come depths of -0.19 and 6.59 m, though the network said 0.4 and 6
#   alone. DPT (Depth Anything too), GLPN and Prompt Depth Anything alike.
# Why it matters here: such depth is lifted and fused as metres. What is negative lies behind the
#   camera, beside each near edge there is a rim nearer than the thing itself and one behind the
#   wall, and a score that takes logarithms is NaN by a few pixels.
# Seen: 2026-12-01, CPython 3.11, Linux x86-64
set -euo pipefail

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check \
  transformers==5.24.0 torch==2.14.1 numpy==2.4.6 Pillow==13.0.0
cd "$room"
"$room/venv/bin/python" - <<'PY'
from types import SimpleNamespace

import torch
from transformers import (
    DPTImageProcessorPil,
    GLPNImageProcessorPil,
    PromptDepthAnythingImageProcessorPil,
)

WALL_M = 6.0
held = True
for kind in (DPTImageProcessorPil, GLPNImageProcessorPil, PromptDepthAnythingImageProcessorPil):
    for near, least, most in ((0.4, -0.191, 6.591), (5.0, 4.895, 6.105)):
        depth = torch.full((1, 24, 32), near)
        depth[..., 16:] = WALL_M
        network = SimpleNamespace(predicted_depth=depth)
        [answer] = kind().post_process_depth_estimation(network, target_sizes=[(48, 64)])
        found = answer["predicted_depth"]
        print(f"Expected: {kind.__name__}: {near} to {WALL_M} m")
        print(f"Seen: {found.min():.3f} to {found.max():.3f} m")
        held &= abs(found.min().item() - least) < 2e-3 and abs(found.max().item() - most) < 2e-3
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
