#!/usr/bin/env bash
# Packages: pypcd4 1.5.1, numpy 2.4.6
# One would swear: a coloured cloud that is saved as text and read again has its colours, as one
#   saved as bytes has; the coordinates are there in ten decimals.
# What happens: it is black, each point (0, 0, 0). A PCD file keeps a colour in the bits of a float,
#   which as a number is below 1e-37; with ten decimals it is written 0.0000000000. Both binary
#   encodings keep all colours, and so does text for fields of integers. A cloud read from a binary
#   file of another program and saved as text is black likewise.
# Why it matters here: text is what one writes for a look at a scan or for a tool that reads no
#   other. Coordinates, labels and the number of points are right, the header names `rgb`, and the
#   colours are gone for good.
# Seen: 2026-11-30, CPython 3.11, Linux x86-64
set -euo pipefail

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check pypcd4==1.5.1 numpy==2.4.6
cd "$room"
"$room/venv/bin/python" - <<'PY'
import numpy as np
from pypcd4 import Encoding, PointCloud

random = np.random.default_rng(0)
points_m = random.random((1000, 3)).astype(np.float32) * 4
colours = random.integers(0, 256, (1000, 3)).astype(np.uint8)
labels = random.integers(0, 41, 1000).astype(np.uint32)
packed = PointCloud.encode_rgb(colours)
print(f"The colours are packed as {packed.dtype}, {packed.min():.1e} to {packed.max():.1e}")
cloud = PointCloud.from_points(
    [*points_m.T, packed, labels],
    ("x", "y", "z", "rgb", "label"),
    (np.float32, np.float32, np.float32, np.float32, np.uint32),
)
print("Expected: 1000 of 1000 colours come back by each encoding")
held = True
for encoding in (Encoding.BINARY, Encoding.BINARY_COMPRESSED, Encoding.ASCII):
    cloud.save("scan.pcd", encoding=encoding)
    back = PointCloud.from_path("scan.pcd")
    found = PointCloud.decode_rgb(back.pc_data["rgb"])
    kept = int((found == colours).all(axis=1).sum())
    black = int((found == 0).all(axis=1).sum())
    off_m = float(np.abs(back.numpy(("x", "y", "z")) - points_m).max())
    named = int((back.pc_data["label"] == labels).sum())
    print(
        f"Seen: {encoding.value}: {kept} colours are right, {black} black; "
        f"{named} labels right, points off by up to {off_m:.0e} m"
    )
    text = encoding is Encoding.ASCII
    held &= (kept, black) == ((0, 1000) if text else (1000, 0))
    held &= named == 1000 and off_m < 1e-6
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
