#!/usr/bin/env bash
# Packages: torch 2.14.1, numpy 2.4.6
# One would swear: the bfloat16 gradient of a convolution is the float32 gradient up to rounding
#   (about 0.3 %), whatever the size of the volume.
# What happens: on a CPU with AVX-512 the weight gradient of a padded Conv3d of stride 1 with 16
#   channels or more is wrong where the first spatial axis has 2 planes (kernel 3x3x3; 2 to 4
#   planes for 5x5x5): the error is as large as the gradient itself, sometimes inf or nan. The
#   output and the input gradient are right, and so is everything in float16, with 3 planes,
#   with 8 channels, or with 2 planes on another axis, and everything with oneDNN (3.12.0 in
#   this wheel) switched off. Autocast and channels_last_3d are wrong in the same way. No
#   warning.
# Why it matters here: the deep levels of a U-Net over a room chunk are a few voxels thick; with
#   mixed precision "bf16" on a CPU such a level is trained on noise while the loss of the first
#   step looks right.
# Seen: 2026-11-28, CPython 3.11, Linux x86-64 with AVX512-BF16; the same with
#   ONEDNN_MAX_CPU_ISA=AVX512_CORE, gone with AVX2
set -euo pipefail

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.14.1 numpy==2.4.6
cd "$room"
"$room/venv/bin/python" - <<'PY'
import torch

flags = open("/proc/cpuinfo").read()
if "avx512bw" not in flags:
    print("This processor has no AVX-512, without which the fault was not seen: nothing to check.")
    raise SystemExit(0)


def relative_error(size, channels=32):
    """Relative error in bfloat16 of weight gradient, input gradient and output."""
    torch.manual_seed(0)
    x, g = (torch.randn(2, channels, *size) for _ in range(2))
    w = torch.randn(channels, channels, 3, 3, 3) / (27 * channels) ** 0.5
    results = []
    for kind in (torch.float32, torch.bfloat16):
        xk = x.to(kind).clone().requires_grad_()
        wk = w.to(kind).clone().requires_grad_()
        y = torch.nn.functional.conv3d(xk, wk, padding=1)
        y.backward(g.to(kind))
        results.append([t.detach().float() for t in (wk.grad, xk.grad, y)])
    return [float((b - a).norm() / a.norm()) for a, b in zip(*results)]


def bad(error):
    return not error < 0.1  # true for nan as well


thin = {size: relative_error(size) for size in ((2, 8, 8), (2, 4, 4), (2, 16, 16))}
sound = {size: relative_error(size) for size in ((3, 8, 8), (4, 8, 8), (8, 2, 8), (8, 8, 2))}
few = relative_error((2, 8, 8), channels=8)
with torch.backends.mkldnn.flags(enabled=False, allow_tf32=False):
    without = relative_error((2, 8, 8))
print("Expected: bfloat16 and float32 differ by rounding, some 0.003, in every row.")
print("Seen (relative error of weight gradient, input gradient, output):")
for size, errors in {**thin, **sound}.items():
    print(f"  32 channels, volume {size}:", *(f"{e:.4f}" for e in errors))
print("   8 channels, volume (2, 8, 8):", *(f"{e:.4f}" for e in few))
print("  32 channels, volume (2, 8, 8), oneDNN off:", *(f"{e:.4f}" for e in without))
held = (
    all(bad(e[0]) and not bad(e[1]) and not bad(e[2]) for e in thin.values())
    and not any(bad(v) for e in sound.values() for v in e)
    and not any(bad(v) for v in few + without)
)
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
