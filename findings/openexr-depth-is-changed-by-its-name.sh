#!/usr/bin/env bash
# Packages: OpenEXR 3.5.3, numpy 2.4.6
# One would swear: whether a channel of an image comes back as it was is a matter of its type and of
#   the compression, not of what it is called.
# What happens: with DWAA (and DWAB) floats called Z, depth, V or depth.Z come back bit by bit;
#   those called Y, R, G or B, depth.Y too, are stored as a picture for the eye: depth of a room is
#   off by 13 mm at most, of single zeros six in seven become some millionths, infinity becomes
#   65248 and NaN 0. Nothing is said.
# Why it matters here: depth alone in a file is called Y by many programs, by the format's own rule
#   for images of one channel. What tells holes by 0 or NaN misses most and has points in the
#   camera; the same program is exact as long as it writes Z.
# Seen: 2026-11-30, CPython 3.11, Linux x86-64
set -euo pipefail

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check openexr==3.5.3 numpy==2.4.6
cd "$room"
"$room/venv/bin/python" - <<'PY'
import numpy as np
import OpenEXR

rows, columns = np.mgrid[:240, :320]
depth_m = 1.5 + 0.005 * columns + np.random.default_rng(0).normal(0, 0.002, rows.shape)
depth_m[60:160, 80:200] = 1.0
depth_m = depth_m.astype(np.float32)
holes = depth_m.copy()
holes[200:], holes[:8, :8] = np.inf, np.nan
lost = np.zeros(holes.shape, bool)
lost[100:200] = np.random.default_rng(1).random((100, holes.shape[1])) < 0.03
holes[lost] = 0


def back(pixels, name, compression):
    """A channel of that name, written and read."""
    header = {"compression": compression, "type": OpenEXR.scanlineimage}
    OpenEXR.File(header, {name: pixels}).write("image.exr")
    return OpenEXR.File("image.exr", separate_channels=True).channels()[name].pixels


held = True
for compression in (OpenEXR.DWAA_COMPRESSION, OpenEXR.DWAB_COMPRESSION):
    for name, exact in (
        *((name, True) for name in ("Z", "depth", "V", "depth.Z")),
        *((name, False) for name in ("Y", "R", "G", "B", "depth.Y")),
    ):
        off_m = float(np.abs(back(depth_m, name, compression) - depth_m).max())
        again = back(holes, name, compression)
        zeros, far, none = again[lost], again[220, 110], again[4, 4]
        print(f"Expected: {name}: off by 0 m; zeros all 0, inf inf, nan nan")
        print(
            f"Seen: {name}: off by {off_m:.4f} m; zeros {zeros.min():.2g} to {zeros.max():.2g}, "
            f"{(zeros == 0).mean():.0%} of them 0; inf {far:.4g}, nan {none:.2g}"
        )
        if exact:
            held &= off_m == 0 and np.array_equal(again, holes, equal_nan=True)
        else:
            held &= 0.005 < off_m < 0.05 and bool(np.isfinite(again).all())
            held &= bool((zeros != 0).mean() > 0.5 and np.abs(zeros).max() < 1e-3 and far > 60000)
    plain = back(holes, "Y", OpenEXR.ZIP_COMPRESSION)
    held &= np.array_equal(plain, holes, equal_nan=True)
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
