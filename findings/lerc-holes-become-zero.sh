#!/usr/bin/env bash
# Packages: imagecodecs 2026.3.6 (LERC 4.0.0), tifffile 2026.3.3, numpy 2.4.6
# One would swear: a float image compressed by LERC at level 0, which is lossless, comes back as it
#   was, NaN too, as it does by zlib, zstd, lzma and JPEG XL.
# What happens: each NaN of a TIFF comes back as 0.0, in an image of three channels as -3.4e38;
#   nothing is said. Infinity and all numbers are kept to the bit. The codec puts NaN into a mask,
#   which `lerc_decode` gives to those alone who ask for it, and tifffile does not. So do versions 2
#   to 4 of the format, and the one taken by default; version 6 gives NaN.
# Why it matters here: LERC is made for heights and depth in metres. Where holes are NaN, a test
#   for NaN finds none afterwards; in slices of signed distances 0 is the surface.
# Seen: 2026-11-30, CPython 3.11, Linux x86-64
set -euo pipefail

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check \
  imagecodecs==2026.3.6 tifffile==2026.3.3 numpy==2.4.6
cd "$room"
"$room/venv/bin/python" - <<'PY'
import io

import imagecodecs
import numpy as np
import tifffile


def read_back(values, compression):
    """Written as a TIFF, and read."""
    file = io.BytesIO()
    tifffile.imwrite(file, values, compression=compression)
    return tifffile.imread(io.BytesIO(file.getvalue()))


depth = np.full((64, 64), 2.5, np.float32) + np.arange(64, dtype=np.float32) / 100
depth[10:20, 10:20] = np.nan
depth[30, 30] = np.inf
hole = np.isnan(depth)
colours = np.stack([depth, depth + 1, depth + 2], axis=-1)
colours[10:20, 10:20] = 1.0
colours[5, 5, 1] = np.nan
held = True
print("Expected: 100 pixels are NaN, the others equal")
for compression in ("zlib", "zstd", "lzma", "jpegxl", "lerc"):
    back = read_back(depth, compression)
    kept = np.array_equal(back[~hole], depth[~hole])
    print(f"Seen: {compression}: {np.isnan(back).sum()} are NaN, others equal: {kept}")
    lost = back[hole] == 0 if compression == "lerc" else np.isnan(back[hole])
    held &= kept and bool(lost.all())
one = read_back(colours, "lerc")[5, 5]
print(f"Expected: of three channels {colours[5, 5].tolist()}")
print(f"Seen: {one.tolist()}")
held &= bool(one[1] < -3e38) and one[0] == colours[5, 5, 0]
mask = imagecodecs.lerc_decode(imagecodecs.lerc_encode(depth), masks=True)[1].astype(bool)
print(f"Seen: the mask has the holes: {np.array_equal(mask, ~hole)}")
held &= np.array_equal(mask, ~hole)
print("Expected: the versions of the format are alike")
for version in (2, 4, 6):
    back = imagecodecs.lerc_decode(imagecodecs.lerc_encode(depth, version=version))
    print(f"Seen: version {version}: {np.isnan(back).sum()} are NaN")
    held &= bool(np.isnan(back).sum() == (100 if version == 6 else 0))
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
